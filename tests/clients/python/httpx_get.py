import sys

import httpx

with httpx.Client(http2="http2" in sys.argv) as client:
    print(client.get(sys.argv[1]).raise_for_status().text)
