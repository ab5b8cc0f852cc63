# Errors, a body that is not read to its end, a redirect and an encoded body on the connections of one session.
import sys

import requests

api = sys.argv[1] + "/api/v4"
session = requests.Session()
print([session.get(api + "/status/%d" % code, timeout=30).status_code for code in (404, 500, 204, 304)])
with session.get(api + "/download?bytes=50000000", stream=True, timeout=30) as response:
    print(len(next(response.iter_content(1000))))
print(session.get(api + "/redirect?to=/api/v4/gzip", timeout=30).json())
print(session.head(api + "/user", timeout=30).status_code)
print(session.get(api + "/user", timeout=30).json()["username"])
