import http.client
import sys

connection = http.client.HTTPSConnection(sys.argv[1], timeout=30)
for path in ("/api/v4/status/404", "/api/v4/user"):
    connection.request("GET", path)
    body = connection.getresponse().read()
print(body.decode())
