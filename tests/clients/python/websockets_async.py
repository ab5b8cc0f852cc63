import asyncio
import importlib
import sys

connect = importlib.import_module(sys.argv[2]).connect


async def main():
    async with connect(sys.argv[1]) as websocket:
        await websocket.send("over the wire")
        print("came back:", await websocket.recv())


asyncio.run(main())
