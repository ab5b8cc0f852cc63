"""A worker: so many requests, one every other second, on a connection through the run's proxy that
stays open as long as it can. Each prints its status and how long its response took."""

import base64
import http.client
import os
import ssl
import sys
import time
from urllib.parse import urlsplit

url, count = urlsplit(sys.argv[1]), int(sys.argv[2])
proxy = urlsplit(os.environ["HTTPS_PROXY"])
login = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
context = ssl.create_default_context()
connection = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=context, timeout=60)
connection.set_tunnel(url.hostname, url.port, {"Proxy-Authorization": f"Basic {login}"})
print("ready", flush=True)
for _ in range(count):
    begun = time.monotonic()
    connection.request("GET", url.path)
    response = connection.getresponse()
    response.read()
    print(response.status, time.monotonic() - begun, flush=True)
    time.sleep(2)
