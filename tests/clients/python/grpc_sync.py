# One call of the echo service, unary or bidirectional; the messages are plain bytes.
import queue
import sys

import grpc

with grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials()) as channel:
    if sys.argv[2] == "Unary":
        print("echo:", channel.unary_unary("/echo.Echo/Unary")(b"one", timeout=30).decode())
    else:
        # The next message goes out when the last came back, so the stream has to flow both ways.
        words = queue.SimpleQueue()
        words.put(b"one")
        call = channel.stream_stream("/echo.Echo/Bidi")(iter(words.get, None), timeout=30)
        for following, message in zip([b"two", b"three", None], call):
            print("echo:", message.decode())
            words.put(following)
        print("status", call.code().value[0])
