import sys

import websocket

connection = websocket.create_connection(sys.argv[1], timeout=30)
connection.send("over the wire")
print("came back:", connection.recv())
connection.close()
