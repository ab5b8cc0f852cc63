# A body of unknown length, which goes in chunks.
import sys

import requests

chunks = (b"x" * 1000 for _ in range(300))
response = requests.post(sys.argv[1] + "/api/v4/upload", data=chunks, timeout=30)
response.raise_for_status()
print(response.text)
