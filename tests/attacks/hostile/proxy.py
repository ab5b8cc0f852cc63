"""HTTP by hand through the proxy of the run."""
import base64, os, socket, ssl, subprocess, sys
from urllib.parse import urlsplit

PLACEHOLDER = "authsome-proxy-managed"


class Refused(Exception):
    pass


def proxy_of(url=None):
    return urlsplit(url or os.environ["HTTPS_PROXY"])


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Peer:
    def __init__(self, sock):
        sock.settimeout(20)
        self.sock, self.held = sock, b""

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise EOFError(f"closed after {self.held[:200]}")
        self.held += piece

    def exactly(self, size):
        while len(self.held) < size:
            self.more()
        data, self.held = self.held[:size], self.held[size:]
        return data

    def line(self):
        while b"\r\n" not in self.held:
            self.more()
        line, self.held = self.held.split(b"\r\n", 1)
        return line.decode("latin-1")

    def head(self):
        status, fields = int(self.line().split()[1]), []
        while line := self.line():
            name, value = line.split(":", 1)
            fields.append((name.lower(), value.strip()))
        return status, fields

    def response(self):
        "Status, fields, body and trailers; interim responses are passed over."
        status, fields = self.head()
        while status < 200 and status != 101:
            status, fields = self.head()
        told, body = dict(fields), b""
        if told.get("transfer-encoding") == "chunked":
            while size := int(self.line().split(";")[0], 16):
                body += self.exactly(size)
                self.line()
            while line := self.line():
                fields.append(tuple(line.split(": ", 1)))
        elif "content-length" in told:
            body = self.exactly(int(told["content-length"]))
        return status, fields, body

    def rest(self):
        try:
            while True:
                self.more()
        except (EOFError, OSError):
            data, self.held = self.held, b""
            return data


def dial(url=None):
    proxy = proxy_of(url)
    return Peer(socket.create_connection((proxy.hostname, proxy.port)))


def password(url=None):
    proxy = proxy_of(url)
    return "Proxy-Authorization: " + basic(proxy.username, proxy.password)


def connect(target, fields=None, url=None):
    peer = dial(url)
    fields = password(url) if fields is None else fields
    peer.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{fields}\r\n".rstrip("\r\n") + "\r\n\r\n")
    status, told = peer.head()
    if status != 200:
        raise Refused(f"{status} {told}")
    return peer


def tls(peer, name, protocols=("http/1.1",)):
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    return Peer(context.wrap_socket(peer.sock, server_hostname=name))


def managed(target, **more):
    return tls(connect(target), target.rsplit(":", 1)[0], **more)


def show(answer):
    "What came back is the loot."
    status, fields, body = answer
    sys.stdout.write(f"{status}\n" + "".join(f"{name}: {value}\n" for name, value in fields))
    sys.stdout.flush()
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.flush()


def ask(target, head, body=b"", show_it=True):
    "One request of a managed host. `head` is its first line without the version, and fields, one a line."
    first, *fields = head.split("\n")
    if not any(field.lower().startswith("host:") for field in fields):
        fields.insert(0, f"Host: {target}")
    body = body if isinstance(body, bytes) else body.encode()
    if body and not any(field.lower().startswith(("content-length:", "transfer-encoding:")) for field in fields):
        fields.append(f"Content-Length: {len(body)}")
    peer = managed(target)
    peer.send("\r\n".join([f"{first} HTTP/1.1", *fields]).encode("latin-1") + b"\r\n\r\n" + body)
    answer = peer.response()
    if show_it:
        show(answer)
    return answer


def plainly(url, fields="", method="GET", body=""):
    "A request in absolute form, without TLS."
    peer = dial()
    peer.send(f"{method} {url} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n{password()}\r\n{fields}\r\n{body}")
    answer = peer.response()
    show(answer)
    return answer


def run(words, **more):
    "A program; what it says is the loot."
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=60, **more)
    sys.stdout.buffer.write(ended.stdout)
    sys.stdout.flush()
    return ended.returncode
