# A transport of the program's own, as httpx's documentation has it for retries.
import asyncio
import sys

import httpx


async def main():
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=1)) as client:
        print((await client.get(sys.argv[1])).raise_for_status().text)


if "async" in sys.argv:
    asyncio.run(main())
else:
    with httpx.Client(transport=httpx.HTTPTransport(retries=1)) as client:
        print(client.get(sys.argv[1]).raise_for_status().text)
