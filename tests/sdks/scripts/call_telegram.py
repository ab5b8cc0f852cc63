import asyncio
import os

from telegram import Bot


async def main():
    async with Bot(os.environ["TELEGRAM_BOT_TOKEN"]) as bot:
        print(bot.username)
        file = await bot.get_file("f")
        print((await file.download_as_bytearray()).decode())


asyncio.run(main())
