# The roots as httpx's documentation names them.
import ssl
import sys

import certifi
import httpx

context = ssl.create_default_context(cafile=certifi.where())
print(httpx.get(sys.argv[1], verify=context).raise_for_status().text)
