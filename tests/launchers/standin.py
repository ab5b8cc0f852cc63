"""A stand-in of GitLab: HTTPS, /api/v4/user and git, for each token of standard input.

    standin.py CERTIFICATE KEY REPOSITORIES LOG

Reads a JSON object on one line, of the user's name by token. Prints its port. LOG gets a line for each request: the host that the client
named, the method, the path and the user's name, `placeholder` or `nobody`; never a token.
"""

import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import urllib.parse

PLACEHOLDER = "authsome-proxy-managed"
certificate, key, repositories, log = sys.argv[1:]
users = json.loads(sys.stdin.readline())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        body = self.body()
        user = self.user()
        with open(log, "a") as lines:
            lines.write(f"{self.headers.get('Host', '').partition(':')[0]} {self.command} {url.path} {user}\n")
        if user not in users.values():
            headers = [("WWW-Authenticate", 'Basic realm="GitLab"')]
            self.respond(401, headers, b'{"message":"401 Unauthorized"}\n')
        elif url.path == "/api/v4/user":
            self.respond(200, [("Content-Type", "application/json")], json.dumps({"id": 1, "username": user}).encode() + b"\n")
        elif ".git/" in url.path:
            self.git(url, user, body)
        else:
            self.respond(404, [], b'{"message":"404 Not Found"}\n')

    def user(self):
        """Whose token it is, by any of the headers in which GitLab reads one."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        value = self.headers.get("PRIVATE-TOKEN") or value
        return users.get(value, "placeholder" if value == PLACEHOLDER else "nobody")

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    def git(self, url, user, body):
        """By CGI (RFC 3875), as a web server calls it."""
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": repositories,
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "REMOTE_USER": user,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        told = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout
        head, _, answer = told.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.respond(status, [header for header in headers if header[0] != "Status"], answer)

    def respond(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def finish_request(self, request, client_address):
        # In the connection's own thread: a handshake that hangs holds up nobody else.
        request.settimeout(60)
        super().finish_request(context.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
# For containers, which come from another address than 127.0.0.1 where they go around the proxy.
server = Server(("0.0.0.0", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
