# Sends so many requests a second over one connection, through the session's proxy, until its standard input ends.
import base64, http.client, os, select, ssl, sys, time, urllib.parse

target, proxy = urllib.parse.urlsplit(sys.argv[1]), urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
login = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
trust = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
connection = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=trust)
connection.set_tunnel(target.hostname, target.port, {"Proxy-Authorization": f"Basic {login}"})
print("here", flush=True)
due = time.monotonic()
for number in range(10**9):
    connection.request("GET", f"/api/v4/projects/{number % 50}/issues", headers={"PRIVATE-TOKEN": "x"})
    connection.getresponse().read()
    due = max(due + 1 / int(sys.argv[2]), time.monotonic() - 1)
    if select.select([0], [], [], max(0, due - time.monotonic()))[0]:
        break
