import asyncio
import sys

import aiohttp


async def main():
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(sys.argv[1]) as websocket:
            await websocket.send_str("over the wire")
            print("came back:", await websocket.receive_str())


asyncio.run(main())
