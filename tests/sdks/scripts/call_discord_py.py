import asyncio
import os

import discord


async def main():
    async with discord.Client(intents=discord.Intents.none()) as client:
        await client.login(os.environ["DISCORD_TOKEN"])
        print(client.user.name)


asyncio.run(main())
