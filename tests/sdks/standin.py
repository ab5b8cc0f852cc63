"""The stand-in of every API of the tables: one HTTPS server that answers by host and path, and remembers each request."""

import dataclasses
import fnmatch
import http.server
import json
import queue
import ssl
import threading
import urllib.parse

# How long a streamed answer waits for the word that its first piece has arrived. Only a failure takes that long.
ACKNOWLEDGED_WITHIN = 60


@dataclasses.dataclass
class Request:
    """A request as it arrived."""

    method: str
    host: str
    target: str
    headers: list
    body: bytes
    answered: bool = True

    @property
    def path(self):
        return self.target.partition("?")[0]

    def __str__(self):
        return f"{self.method} {self.host}{self.path}"

    def places(self):
        """Every place that can carry a credential, with what stands there: a pair for each header, query parameter and the path."""
        for name, value in self.headers:
            yield f"header {name.lower()}", value
        for name, value in urllib.parse.parse_qsl(self.target.partition("?")[2], keep_blank_values=True):
            yield f"query {name}", value
        yield "path", urllib.parse.unquote(self.path)


class Stream:
    """Server-sent events. What follows the first is only sent when the request `after` has come, which a client makes when it has that."""

    def __init__(self, *events, after):
        self.events = events
        self.after = after


class OneOrStream:
    """What an LLM answers on one path, by what the request's body wants."""

    def __init__(self, answer, stream):
        self.answer = answer
        self.stream = stream

    def __call__(self, request):
        return self.stream if json.loads(request.body).get("stream") else self.answer


class Once:
    """What is answered the first time, and what from then on."""

    def __init__(self, first, later):
        self.first = first
        self.later = later
        self.is_later = False

    def __call__(self, request):
        answer = self.later if self.is_later else self.first
        self.is_later = True
        return answer


class Raw:
    """An answer that is not JSON."""

    def __init__(self, body, content_type="text/plain", status=200, headers=()):
        self.body = body
        self.content_type = content_type
        self.status = status
        self.headers = headers


class StandIn:
    """The server. `expect` says how the hosts of an SDK answer from now on, `requests` has what came."""

    def __init__(self, certificate):
        self.answers = {}
        self.requests = {}
        self.arrivals = {}
        self.lock = threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.set_alpn_protocols(["http/1.1"])
        # No place for an error of a connection that a client gives up: what counts is what arrived.
        self.server = _Server(("127.0.0.1", 443), _handler(self), context)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def expect(self, hosts, answers):
        with self.lock:
            for host in hosts:
                self.answers[host] = answers
                self.requests[host] = []
                self.arrivals[host] = queue.Queue()

    def take(self, hosts):
        """The requests that came to these hosts since the last call."""
        with self.lock:
            taken = [request for host in hosts for request in self.requests[host]]
            for host in hosts:
                self.requests[host] = []
        return taken

    def arrived(self, request):
        with self.lock:
            self.requests.setdefault(request.host, []).append(request)
            answers = self.answers.get(request.host, {})
            arrivals = self.arrivals.get(request.host)
        if arrivals:
            arrivals.put(f"{request.method} {request.path}")
        for pattern, answer in answers.items():
            method, _, path = pattern.partition(" ")
            if method in (request.method, "*") and fnmatch.fnmatchcase(request.path, path):
                return answer
        request.answered = False
        return Raw(b'{"error": "the stand-in has no such answer"}', "application/json", 404)

    def forget_arrivals(self, host):
        with self.lock:
            self.arrivals[host] = queue.Queue()

    def await_request(self, host, wanted):
        """Whether that request comes to the host in time."""
        try:
            while self.arrivals[host].get(timeout=ACKNOWLEDGED_WITHIN) != wanted:
                pass
        except queue.Empty:
            return False
        return True


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, handler, context):
        self.context = context
        super().__init__(address, handler)

    def finish_request(self, request, client_address):
        # In the connection's own thread, so that a slow handshake holds nobody up.
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            self.RequestHandlerClass(wrapped, client_address, self)

    def handle_error(self, request, client_address):
        pass


def _handler(stand_in):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            host = (self.headers["host"] or "").partition(":")[0]
            body = self.read_body()
            request = Request(self.command, host, self.path, self.headers.items(), body)
            answer = stand_in.arrived(request)
            if callable(answer):
                answer = answer(request)
            if isinstance(answer, Stream):
                self.send_stream(answer, host)
                return
            if not isinstance(answer, Raw):
                answer = Raw(json.dumps(answer).encode(), "application/json")
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def send_stream(self, stream, host):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            first, *rest = stream.events
            stand_in.forget_arrivals(host)
            self.send_chunk(first)
            # Without the word the answer stays without its end, and the client fails.
            if stand_in.await_request(host, stream.after):
                for event in rest:
                    self.send_chunk(event)
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.close_connection = True

        def send_chunk(self, text):
            data = text.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        def read_body(self):
            if self.headers.get("transfer-encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("content-length") or 0))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return body

        def log_message(self, *_):
            pass

    return Handler


def events(*values, name=None):
    """Server-sent events, one for each value; `name` is the member that names the event."""
    return [(f"event: {value[name]}\n" if name else "") + f"data: {json.dumps(value)}\n\n" for value in values]
