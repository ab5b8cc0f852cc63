import sys

import httpx

with httpx.stream("GET", sys.argv[1] + "/api/v4/events?count=3") as response:
    for line in response.iter_lines():
        print(line.split(",")[0])
