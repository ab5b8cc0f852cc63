import { Client } from "@notionhq/client";

console.log((await new Client({ auth: process.env.NOTION_TOKEN }).users.me({})).name);
