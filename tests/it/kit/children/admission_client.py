import base64, http.client, os, socket, sys
from urllib.parse import unquote, urlsplit

URL = sys.argv[1]
PROXY = urlsplit(os.environ["HTTPS_PROXY"])

def basic(password):
    return {"Proxy-Authorization": "Basic " + base64.b64encode(f"{PROXY.username}:{password}".encode()).decode()}

RIGHT, WRONG = basic(PROXY.password), basic("wrong")

def dial(proxy=PROXY):
    return socket.create_connection((proxy.hostname, proxy.port))

def ask(peer=None, headers={}):
    connection = http.client.HTTPConnection("proxy")
    connection.sock = peer or dial()
    connection.request("GET", URL, headers=headers)
    response = connection.getresponse()
    response.read()
    return response.status

def daemon(work):
    "What work says in a process of a session of its own, whose parent and nobody else was our child, and has ended."
    reading, writing = os.pipe()
    if os.fork() == 0:
        middle = os.getpid()
        if os.fork() == 0:
            os.setsid()
            while os.getppid() == middle:
                os.sched_yield()
            os.write(writing, str(work()).encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    return os.read(reading, 100).decode()
