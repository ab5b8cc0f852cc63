import sys

import requests

with requests.get(sys.argv[1] + "/api/v4/events?count=3", stream=True, timeout=30) as response:
    for line in response.iter_lines(chunk_size=1, decode_unicode=True):
        print(line.split(",")[0])
