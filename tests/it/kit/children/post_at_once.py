"""POSTs so many bytes to a URL, its head and the first of them in one TLS record."""

import base64, os, socket, ssl, sys
from urllib.parse import urlsplit
url, size = urlsplit(sys.argv[1]), int(sys.argv[2])
proxy = urlsplit(os.environ["HTTPS_PROXY"])
stream = socket.create_connection((proxy.hostname, proxy.port))
password = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
place = f"{url.hostname}:{url.port}"
stream.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nProxy-Authorization: Basic {password}\r\n\r\n".encode())
assert b" 200 " in stream.recv(4096)
stream = ssl.create_default_context().wrap_socket(stream, server_hostname=url.hostname)
head = f"POST {url.path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
stream.sendall(head.encode() + b"x" * size)
response = b""
while piece := stream.recv(65536):
    response += piece
print(response.decode().replace("\r", "").replace("\n", " "))
