# A part of a file, no body at all, and one without content.
import sys
from urllib.request import Request, urlopen

api = sys.argv[1] + "/api/v4"
part = urlopen(
    Request(api + "/projects/1/repository/files/README.md/raw", headers={"Range": "bytes=11-15"}), timeout=30
)
print(part.status, part.read().decode())
head = urlopen(Request(api + "/user", method="HEAD"), timeout=30)
print(head.status, len(head.read()), head.headers["Content-Length"] > "0")
print(urlopen(api + "/status/204", timeout=30).status)
