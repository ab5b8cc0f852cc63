# A file, the file once more by its validator, and a part of it.
import sys

import httpx

url = sys.argv[1] + "/api/v4/projects/1/repository/files/README.md/raw"
with httpx.Client(http2=True) as client:
    response = client.get(url).raise_for_status()
    print(response.text.strip())
    print(client.get(url, headers={"If-None-Match": response.headers["ETag"]}).status_code)
    part = client.get(url, headers={"Range": "bytes=11-15"})
    print(part.status_code, part.text)
