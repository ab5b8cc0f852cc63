import asyncio
import sys

import aiohttp


async def main():
    options = {"trust_env": True} if "trust_env" in sys.argv else {}
    async with aiohttp.ClientSession(raise_for_status=True, **options) as session:
        async with session.get(sys.argv[1]) as response:
            print(await response.text())


asyncio.run(main())
