import sys

from websockets.sync.client import connect

with connect(sys.argv[1]) as websocket:
    websocket.send("over the wire")
    print("came back:", websocket.recv())
