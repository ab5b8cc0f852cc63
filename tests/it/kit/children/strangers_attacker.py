import json, os, socket, sys

FACTS = json.loads(sys.argv[1])
assert os.getuid() == 65534

def speak(request, address=("127.0.0.1", 7998), family=socket.AF_INET):
    peer = socket.socket(family)
    peer.settimeout(20)
    response = b""
    try:
        peer.connect(address)
        peer.sendall(request)
        while piece := peer.recv(65536): response += piece
    except OSError:
        pass # a reset is as good a refusal
    return response.decode("utf-8", "replace")

def http(method, path, body="", more="", **where):
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:7998\r\nOrigin: http://127.0.0.1:7998\r\n{more}"
    kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n" if body else ""
    return speak((head + kind + "\r\n" + body).encode(), **where)

def say(way, response):
    leaked = [name for name, fact in FACTS.items() if len(str(fact)) > 8 and str(fact) in response]
    status = (response.split(" ") + ["", ""])[1] if response.startswith("HTTP") else "cut off"
    print(f"{way}: {status}{' leaks ' + ' '.join(leaked) if leaked else ''}", flush=True)
