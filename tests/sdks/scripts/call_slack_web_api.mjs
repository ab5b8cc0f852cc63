import { WebClient } from "@slack/web-api";

console.log((await new WebClient(process.env.SLACK_BOT_TOKEN).chat.postMessage({ channel: "C1", text: "hello" })).ts);
