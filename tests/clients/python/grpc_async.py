# One call of the echo service, unary or bidirectional; the messages are plain bytes.
import asyncio
import sys

import grpc


async def main():
    async with grpc.aio.secure_channel(sys.argv[1], grpc.ssl_channel_credentials()) as channel:
        if sys.argv[2] == "Unary":
            print("echo:", (await channel.unary_unary("/echo.Echo/Unary")(b"one", timeout=30)).decode())
            return
        # The next message goes out when the last came back, so the stream has to flow both ways.
        call = channel.stream_stream("/echo.Echo/Bidi")(timeout=30)
        for word in (b"one", b"two", b"three"):
            await call.write(word)
            print("echo:", (await call.read()).decode())
        await call.done_writing()
        print("status", (await call.code()).value[0])


asyncio.run(main())
