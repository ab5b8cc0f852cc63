import { LinearClient } from "@linear/sdk";

console.log((await new LinearClient({ apiKey: process.env.LINEAR_API_KEY }).viewer).name);
