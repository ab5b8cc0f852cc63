import sys

import httplib2

response, body = httplib2.Http(timeout=30).request(sys.argv[1])
print(body.decode())
sys.exit(response.status != 200)
