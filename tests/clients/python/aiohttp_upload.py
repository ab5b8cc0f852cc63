# Chunked, and only once the server has said to go on.
import asyncio
import sys

import aiohttp


async def chunks():
    for _ in range(300):
        yield b"x" * 1000


async def main():
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.post(sys.argv[1] + "/api/v4/upload", data=chunks(), expect100=True) as response:
            print(await response.text())


asyncio.run(main())
