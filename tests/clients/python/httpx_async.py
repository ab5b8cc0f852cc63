import asyncio
import sys

import httpx


async def main():
    async with httpx.AsyncClient() as client:
        print((await client.get(sys.argv[1])).raise_for_status().text)


asyncio.run(main())
