import { REST } from "@discordjs/rest";

console.log((await new REST().setToken(process.env.DISCORD_TOKEN).get("/users/@me")).username);
