"""Tests of src/env/helpers/sitecustomize.py and authsome_clients.py, each in a Python of its own.

    python tests/helpers/test_sitecustomize.py

The Python that runs this file is the one under test, from 3.8 on; `openssl` makes a certificate. Clients that are not
part of Python are tested where they are installed.
"""

import base64
import contextlib
import hashlib
import http.client
import http.server
import importlib.util
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
import venv
import zipfile

HELPERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "env", "helpers")
PASSWORD = "a-password_1"
AUTHORIZATION = "Basic " + base64.b64encode(b"authsome:" + PASSWORD.encode()).decode()
# Reserved (RFC 6761): a client that goes around the proxy gets nowhere.
HOST = "origin.test"
TIMEOUT = 60


class Origin(http.server.BaseHTTPRequestHandler):
    """Says who it is and what was asked of it; at `/ws` it is a WebSocket server that says one word."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ws":
            return self.greet()
        if self.path.startswith("/redirect?"):
            return self.answer(302, b"", Location=self.path.partition("?")[2])
        authorization = self.headers.get("Authorization", "nobody")
        return self.answer(200, "{} {} by {}".format(self.headers["Host"], self.path, authorization).encode())

    def answer(self, status, body, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def greet(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.write(b"\x81\x05hello")
        # The client says when it has read it, by closing.
        self.rfile.read(1)
        self.wfile.write(b"\x88\x02\x03\xe8")
        self.close_connection = True

    def log_message(self, *arguments):
        pass


class Proxy(http.server.BaseHTTPRequestHandler):
    """A CONNECT proxy with a password, to which every host is the origin."""

    protocol_version = "HTTP/1.1"

    def do_CONNECT(self):
        if not self.admits():
            return
        host, _, port = self.path.rpartition(":")
        server = self.server.plain if port == "80" else self.server.tls
        with socket.create_connection(server.server_address) as origin:
            self.send_response(200)
            self.end_headers()
            backward = threading.Thread(target=relay, args=(origin, self.connection), daemon=True)
            backward.start()
            relay(self.connection, origin)
            backward.join()
        self.close_connection = True

    def do_GET(self):
        if self.admits():
            body = b"absolute"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def admits(self):
        admitted = self.headers.get("Proxy-Authorization") == AUTHORIZATION
        self.server.log.append("{} {}".format(self.path, "admitted" if admitted else "refused"))
        if not admitted:
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="authsome"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        return admitted

    def log_message(self, *arguments):
        pass


def relay(source, sink):
    with contextlib.suppress(OSError):
        while True:
            data = source.recv(65536)
            if not data:
                break
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Case(unittest.TestCase):
    maxDiff = None
    """A session: its proxy, its files, its environment."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="authsome test ")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.certificate = os.path.join(cls.directory, "certificate.pem")
        key = os.path.join(cls.directory, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
            + ["-subj", "/CN=" + HOST, "-addext", "subjectAltName=DNS:{},IP:127.0.0.1".format(HOST)]
            + ["-keyout", key, "-out", cls.certificate],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cls.certificate, key)
        cls.proxy, cls.plain, cls.tls = serve(Proxy), serve(Origin), serve(Origin)
        cls.tls.socket = context.wrap_socket(cls.tls.socket, server_side=True)
        cls.proxy.plain, cls.proxy.tls = cls.plain, cls.tls
        for server in [cls.proxy, cls.plain, cls.tls]:
            cls.addClassCleanup(server.server_close)
            cls.addClassCleanup(server.shutdown)

    def setUp(self):
        self.proxy.log = []
        self.helpers = self.directory_with("python")
        for name in ["sitecustomize.py", "authsome_clients.py", "authsome_httpx.py"]:
            shutil.copy(os.path.join(HELPERS, name), self.helpers)
        proxy = "http://authsome:{}@127.0.0.1:{}".format(PASSWORD, self.proxy.server_port)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.directory_with("home"),
            "AUTHSOME_SESSION": "a-session",
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "HTTP_PROXY": proxy,
            "http_proxy": proxy,
            "NO_PROXY": "localhost,127.0.0.1,::1",
            "no_proxy": "localhost,127.0.0.1,::1",
            "SSL_CERT_FILE": self.certificate,
            "NODE_EXTRA_CA_CERTS": self.certificate,
            "PYTHONPATH": self.helpers,
        }

    def directory_with(self, name, **files):
        directory = os.path.join(tempfile.mkdtemp(dir=self.directory), name)
        os.mkdir(directory)
        for module, source in files.items():
            self.write(os.path.join(directory, module + ".py"), source)
        return directory

    def virtual_environment(self, **files):
        """A Python without what may be installed with this one."""
        place = self.directory_with("venv")
        venv.create(place, symlinks=True)
        for name, content in files.items():
            library = "python{}.{}".format(*sys.version_info)
            self.write(os.path.join(place, "lib", library, "site-packages", name), content)
        return os.path.join(place, "bin", "python")

    def write(self, path, source):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(source))

    def python(self, source, *arguments, executable=sys.executable, bare=False):
        """Runs a program; what it wrote to both outputs, and how it ended."""
        environment = dict(self.environment)
        if bare:
            path = environment["PYTHONPATH"].split(os.pathsep)
            environment["PYTHONPATH"] = os.pathsep.join(entry for entry in path if entry != self.helpers)
        ended = subprocess.run(
            [executable, *arguments, "-c", textwrap.dedent(source)],
            env=environment,
            cwd=self.directory,
            timeout=TIMEOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        return ended.stdout.strip(), ended.stderr.strip(), ended.returncode

    def prints(self, expected, source, *arguments, **options):
        self.assertEqual(self.python(source, *arguments, **options), (expected, "", 0))

    def went_by_proxy(self, *authorities):
        self.assertEqual(self.proxy.log, [authority + " admitted" for authority in authorities])


class Start(Case):
    """What a program finds that uses no client: the same as without the helper."""

    def test_the_environment_of_the_program_is_as_without_the_helper(self):
        other = self.directory_with("other", something="")
        self.environment["PYTHONPATH"] += os.pathsep + other
        source = "import sys; print(sys.path, sorted(sys.path_importer_cache), sorted(sys.modules))"
        python = self.virtual_environment()
        self.assertEqual(self.python(source, executable=python), self.python(source, executable=python, bare=True))

    def test_programs_that_this_one_starts_get_the_helper_too(self):
        source = """
            import subprocess, sys
            print(subprocess.check_output([sys.executable, "-c", "import sys; print(sys.meta_path[0].authsome)"]))
        """
        self.prints(repr(b"True\n"), source)

    def test_nothing_is_hooked_without_the_sessions_proxy(self):
        source = "import sys; print(any(hasattr(finder, 'authsome') for finder in sys.meta_path))"
        self.prints("True", source)
        for change in [{"AUTHSOME_SESSION": None}, {"https_proxy": "http://proxy.test:3128"}]:
            self.setUp()
            self.environment.update(change)
            self.environment = {name: value for name, value in self.environment.items() if value is not None}
            self.prints("False", source)
        self.setUp()
        self.environment = {name: value for name, value in self.environment.items() if "proxy" not in name.lower()}
        self.prints("False", source)

    def test_the_sitecustomize_behind_it_runs_in_its_place(self):
        hidden = self.directory_with("hidden", sitecustomize="import sys; sys.mark = __name__, __file__")
        self.environment["PYTHONPATH"] += os.pathsep + hidden
        path = os.path.join(hidden, "sitecustomize.py")
        self.prints(
            repr(("sitecustomize", path)) + " " + path,
            "import sys, sitecustomize; print(sys.mark, sys.modules['sitecustomize'].__file__)",
        )

    def test_a_sitecustomize_behind_it_fails_as_without_the_helper(self):
        source = "import sys; print('sitecustomize' in sys.modules)"
        for error in ["1 / 0", "import no_such_module"]:
            hidden = self.directory_with("hidden", sitecustomize=error)
            self.environment["PYTHONPATH"] = self.helpers + os.pathsep + hidden
            self.assertEqual(self.python(source), self.python(source, bare=True), error)
        hidden = self.directory_with("hidden", sitecustomize="raise SystemExit(3)")
        self.environment["PYTHONPATH"] = self.helpers + os.pathsep + hidden
        # The traceback of a start that is given up has a line more.
        self.assertEqual(self.python(source)[::2], self.python(source, bare=True)[::2])

    def test_where_there_is_none_behind_it_there_is_none(self):
        source = """
            try:
                import sitecustomize
            except ImportError:
                print("none")
            else:
                print(sitecustomize.__file__)
        """
        self.assertEqual(self.python(source), self.python(source, bare=True))

    def test_a_session_within_a_session_hooks_once(self):
        outer = self.directory_with("outer")
        for name in os.listdir(self.helpers):
            shutil.copy(os.path.join(self.helpers, name), outer)
        hidden = self.directory_with("hidden", sitecustomize="import sys; sys.mark = 'chained'")
        self.environment["PYTHONPATH"] += os.pathsep + outer + os.pathsep + hidden
        source = """
            import sys
            print(sum(hasattr(finder, "authsome") for finder in sys.meta_path), sys.mark, len(sys.path))
        """
        self.environment, bare = dict(self.environment), dict(self.environment, PYTHONPATH=hidden)
        hooked = self.python(source)[0]
        self.environment = bare
        self.assertEqual(hooked.split()[:2], ["1", "chained"])
        self.assertEqual(hooked.split()[2], self.python(source)[0].split()[2])

    def test_options_that_hide_it_hide_it(self):
        for option in ["-I", "-E", "-S"]:
            self.prints("[]", "import sys; print([f for f in sys.meta_path if hasattr(f, 'authsome')])", option)

    def test_a_virtual_environment_has_it(self):
        source = "import sys; print(sys.prefix != sys.base_prefix, sys.meta_path[0].authsome)"
        self.prints("True True", source, executable=self.virtual_environment())

    def test_spawned_workers_have_it(self):
        program = self.directory_with(
            "program",
            work="""
                import multiprocessing, sys

                def hooked(_):
                    return sum(hasattr(finder, "authsome") for finder in sys.meta_path)

                if __name__ == "__main__":
                    with multiprocessing.get_context("spawn").Pool(1) as pool:
                        print(pool.map(hooked, [0]))
            """,
        )
        command = [sys.executable, os.path.join(program, "work.py")]
        ended = subprocess.run(command, env=self.environment, timeout=TIMEOUT, stdout=subprocess.PIPE)
        self.assertEqual(ended.stdout, b"[1]\n")

    def test_a_program_runs_where_the_helper_cannot(self):
        source = "import http.client; print('runs')"
        self.write(os.path.join(self.helpers, "authsome_clients.py"), "1 / 0")
        self.prints("runs", source)
        os.remove(os.path.join(self.helpers, "authsome_clients.py"))
        self.prints("runs", source)
        self.setUp()
        self.environment["https_proxy"] = "http://authsome:@@:x"
        self.prints("runs", source)

    def test_python_2_is_left_alone(self):
        python = shutil.which("python2.7")
        if python is None or subprocess.run([python, "-c", "0"], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("python2.7 is not installed")
        hidden = self.directory_with("hidden", sitecustomize="import sys; sys.mark = 'chained'")
        self.prints("[]", "import sys; print(sys.meta_path)", executable=python)
        self.environment["PYTHONPATH"] += os.pathsep + hidden
        source = "import sys, sitecustomize; print(sys.mark, sitecustomize.__file__.startswith({!r}), sys.meta_path)"
        self.prints("('chained', True, [])", source.format(hidden), executable=python)


class Imports(Case):
    """What a program finds that looks at the modules, and not only uses them."""

    def test_each_client_has_its_function(self):
        source = """
            import sys
            show = sys.meta_path[0]._show
            start = show.__globals__
            session = start["load"]("authsome_clients").Session("http://authsome:x@127.0.0.1:1", None, None, start["load"])
            print([name for name in start["CLIENTS"] if not hasattr(session, name.replace(".", "_"))])
        """
        self.prints("[]", source)

    def test_specs_and_loaders_are_the_modules_own(self):
        source = """
            import http.client, importlib.machinery as machinery, importlib.util, inspect
            module = http.client
            print(type(module.__loader__) is machinery.SourceFileLoader, module.__spec__.loader is module.__loader__)
            print("class HTTPConnection" in inspect.getsource(module))
            print(inspect.getmodule(module.HTTPConnection) is module)
            print(inspect.signature(module.HTTPConnection.connect), module.HTTPConnection.connect.__module__)
            found = importlib.util.find_spec("urllib.request")
            print(isinstance(found.loader, machinery.SourceFileLoader), found.loader.get_filename() == found.origin)
            print(pkgutil.get_data("http", "client.py") == found.loader.get_data(module.__file__))
        """
        source = "import pkgutil\n" + textwrap.dedent(source)
        self.prints("True True\nTrue\nTrue\n(self) http.client\nTrue True\nTrue", source)

    def test_a_reloaded_module_is_shown_the_proxy_again(self):
        source = """
            import http.client, importlib, pickle
            importlib.reload(importlib.reload(http.client))
            print(pickle.loads(pickle.dumps(http.client.HTTPConnection)) is http.client.HTTPConnection)
            connection = http.client.HTTPSConnection("origin.test")
            connection.request("GET", "/")
            print(connection.getresponse().read().decode())
        """
        self.prints("True\norigin.test / by nobody", source)
        self.went_by_proxy("origin.test:443")

    def test_another_finder_of_this_kind_does_not_hook_twice(self):
        source = """
            import importlib.util, sys

            class Other:
                busy = False
                def find_spec(self, name, path=None, target=None):
                    if self.busy:
                        return None
                    self.busy = True
                    try:
                        return importlib.util.find_spec(name)
                    finally:
                        self.busy = False

            sys.meta_path.insert({}, Other())
            import http.client
            print(hasattr(http.client.HTTPConnection.connect, "__wrapped__"))
            print(hasattr(http.client.HTTPConnection.connect.__wrapped__, "__wrapped__"))
        """
        for place in [0, 1, 9]:
            self.prints("True\nFalse", source.replace("{}", str(place)))

    def test_a_module_that_came_earlier_is_shown_the_proxy(self):
        early = {"early.pth": "import certifi, http.client", "certifi/__init__.py": "from .core import contents, where"}
        early["certifi/core.py"] = "def where(): return 'theirs'\ndef contents(): return 'theirs'"
        source = """
            import certifi, certifi.core, sys
            print(hasattr(sys.modules["http.client"].HTTPConnection.connect, "__wrapped__"))
            print(certifi.where(), certifi.core.where())
        """
        response = "True\n{0} {0}".format(self.certificate)
        self.prints(response, source, executable=self.virtual_environment(**early))

    def test_threads_may_import_at_once(self):
        # `collections.abc` before the threads: Python 3.13.0 alone loses that race (gh-125245, mended in 3.13.1).
        source = """
            import collections.abc, importlib, threading
            names = ["http.client", "urllib.request", "xmlrpc.client"] * 8
            barrier = threading.Barrier(len(names))
            def work(name):
                barrier.wait()
                importlib.import_module(name)
            threads = [threading.Thread(target=work, args=[name]) for name in names]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            import http.client
            print(hasattr(http.client.HTTPConnection.connect.__wrapped__, "__wrapped__"))
        """
        self.prints("False", source)

    def test_modules_in_an_archive_are_shown_the_proxy(self):
        archive = os.path.join(self.directory_with("zip"), "app.pyz")
        with zipfile.ZipFile(archive, "w") as app:
            app.writestr("certifi/__init__.py", "from .core import contents, where")
            app.writestr("certifi/core.py", "def where(): return 'theirs'\ndef contents(): return 'theirs'")
            app.writestr("other.py", "")
            app.writestr("__main__.py", "import certifi, other; print(certifi.where()); print(other.__loader__)")
        command = [self.virtual_environment(), archive]
        ended = subprocess.run(command, env=self.environment, timeout=TIMEOUT, stdout=subprocess.PIPE)
        where, loader = ended.stdout.decode().splitlines()
        # The loaders of Python 3.9 and earlier for archives know no `exec_module`.
        self.assertEqual(where, self.certificate if sys.version_info >= (3, 10) else "theirs")
        self.assertIn("zipimporter", loader)


class HttpClient(Case):
    GET = """
        import http.client
        connection = http.client.HTTPSConnection({!r}, timeout=30)
        connection.request("GET", "/a")
        print(connection.getresponse().read().decode())
    """

    def test_https_goes_by_the_proxy(self):
        self.prints("origin.test /a by nobody", self.GET.format(HOST))
        self.went_by_proxy("origin.test:443")

    def test_http_goes_by_the_proxy(self):
        self.prints("origin.test /a by nobody", self.GET.format(HOST).replace("HTTPS", "HTTP"))
        self.went_by_proxy("origin.test:80")

    def test_the_connection_is_as_before_and_connects_again(self):
        source = """
            import http.client
            connection = http.client.HTTPSConnection("origin.test:8443")
            for path in ["/1", "/2"]:
                connection.request("GET", path)
                print(connection.getresponse().read().decode(), connection.host, connection.port)
            connection.close()
            connection.request("GET", "/3")
            print(connection.getresponse().read().decode(), connection._tunnel_host)
        """
        lines = ["origin.test:8443 {} by nobody origin.test 8443".format(path) for path in ["/1", "/2"]]
        self.prints("\n".join(lines + ["origin.test:8443 /3 by nobody None"]), source)
        self.went_by_proxy("origin.test:8443", "origin.test:8443")

    def test_xmlrpc_goes_by_the_proxy(self):
        source = """
            import xmlrpc.client
            try:
                xmlrpc.client.ServerProxy("https://origin.test/").call()
            except xmlrpc.client.ProtocolError as error:
                print(error.errcode)
        """
        self.prints("501", source)
        self.went_by_proxy("origin.test:443")

    def test_a_host_of_no_proxy_is_reached_directly(self):
        self.prints(
            "127.0.0.1:{0} /a by nobody".format(self.tls.server_port),
            self.GET.format("127.0.0.1:{}".format(self.tls.server_port)),
        )
        self.went_by_proxy()

    def test_a_changed_environment_holds(self):
        source = "import os; os.environ['no_proxy'] += ',origin.test'\n" + textwrap.dedent(self.GET.format(HOST))
        self.assertIn("gaierror", self.python(source)[1])
        source = "import os; del os.environ['https_proxy'], os.environ['HTTPS_PROXY']\n"
        self.assertIn("gaierror", self.python(source + textwrap.dedent(self.GET.format(HOST)))[1])
        self.went_by_proxy()

    def test_a_tunnel_of_the_programs_own_holds(self):
        source = """
            import http.client, socket
            connection = http.client.HTTPSConnection("own-proxy.test", 3128)
            connection.set_tunnel("origin.test", 443)
            try:
                connection.request("GET", "/")
            except socket.gaierror:
                print("own", connection._tunnel_host)
        """
        self.prints("own origin.test", source)
        self.went_by_proxy()

    def test_a_connection_of_the_programs_own_making_holds(self):
        source = """
            import http.client, socket
            connection = http.client.HTTPConnection("origin.test")
            connection._create_connection = lambda *arguments: socket.create_connection(("127.0.0.1", {}))
            connection.request("GET", "/own")
            print(connection.getresponse().read().decode())
        """
        self.prints("origin.test /own by nobody", source.format(self.plain.server_port))
        self.went_by_proxy()

    def test_a_refusal_is_an_error_and_leaves_the_connection_as_it_was(self):
        self.proxy.RequestHandlerClass = type("Closed", (Proxy,), {"admits": lambda _: self.fail("unreachable")})
        self.addCleanup(setattr, self.proxy, "RequestHandlerClass", Proxy)
        self.proxy.RequestHandlerClass.do_CONNECT = lambda handler: handler.send_error(502)
        source = """
            import http.client
            connection = http.client.HTTPSConnection("origin.test")
            try:
                connection.connect()
            except OSError as error:
                print(error, connection.host, connection.port, connection.sock, connection._tunnel_host)
        """
        self.prints("Tunnel connection failed: 502 Bad Gateway origin.test 443 None None", source)

    def test_hosts_of_no_proxy_are_told_by_name_and_suffix(self):
        self.environment["no_proxy"] = "localhost,127.0.0.1,::1,.internal.test,exact.test"
        covered = {
            "origin.test": True,
            "localhost": False,
            "127.0.0.1": False,
            "::1": False,
            "[::1]": False,
            "a.internal.test": False,
            "notexact.test": True,
            "EXACT.test": False,
        }
        source = """
            import os, sys
            load = sys.meta_path[0]._show.__globals__["load"]
            session = load("authsome_clients").Session(os.environ["https_proxy"], None, None, load)
            print([session.covers("https", host, port) for host in {} for port in [None, 443, 8443]])
            print(session.covers("http", "origin.test", None), session.covers("https", *session.address))
        """
        answers = [response for response in covered.values() for _ in range(3)]
        self.prints("{}\nTrue False".format(answers), source.replace("{}", str(list(covered))))


class UrllibRequest(Case):
    def test_it_tunnels_once(self):
        self.prints(
            "origin.test /a by nobody",
            "import urllib.request; print(urllib.request.urlopen('https://origin.test/a').read().decode())",
        )
        self.went_by_proxy("origin.test:443")

    def test_plain_http_is_asked_of_the_proxy(self):
        self.prints(
            "absolute", "import urllib.request; print(urllib.request.urlopen('http://origin.test/').read().decode())"
        )
        self.went_by_proxy("http://origin.test/")

    def test_no_proxy_of_the_programs_own_holds(self):
        source = """
            import urllib.error, urllib.request
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try:
                opener.open("https://origin.test/")
            except urllib.error.URLError as error:
                print(type(error.reason).__name__)
        """
        self.prints("gaierror", source)
        self.went_by_proxy()


def installed(name, test=lambda: True):
    found = importlib.util.find_spec(name) is not None and test()
    return unittest.skipUnless(found, name + " is not installed")


@installed("aiohttp")
class Aiohttp(Case):
    GET = """
        import asyncio, aiohttp

        async def main():
            async with aiohttp.ClientSession({}) as session:
                print(session.trust_env)
                async with session.get({!r}) as response:
                    print(await response.text())

        try:
            asyncio.run(main())
        except aiohttp.ClientConnectorError:
            print("direct")
    """

    def test_a_default_session_goes_by_the_proxy(self):
        self.prints("False\norigin.test /a by nobody", self.GET.format("", "https://origin.test/a"))
        self.went_by_proxy("origin.test:443")

    def test_passwords_of_netrc_are_for_those_who_ask(self):
        with open(os.path.join(self.environment["HOME"], ".netrc"), "w") as netrc:
            netrc.write("machine origin.test login someone password something\n")
        self.prints("False\norigin.test /a by nobody", self.GET.format("", "https://origin.test/a"))
        basic = base64.b64encode(b"someone:something").decode()
        self.prints(
            "True\norigin.test /a by Basic " + basic, self.GET.format("trust_env=True", "https://origin.test/a")
        )
        self.went_by_proxy("origin.test:443", "origin.test:443")

    def test_trust_env_of_the_programs_own_holds(self):
        self.prints("False\ndirect", self.GET.format("trust_env=False", "https://origin.test/a"))
        self.went_by_proxy()

    def test_a_host_of_no_proxy_is_reached_directly(self):
        url = "https://127.0.0.1:{}/a".format(self.tls.server_port)
        self.prints("False\n127.0.0.1:{} /a by nobody".format(self.tls.server_port), self.GET.format("", url))
        self.went_by_proxy()

    def test_a_connector_of_another_kind_goes_its_own_way(self):
        source = """
            import asyncio, aiohttp, socket, threading

            async def respond(reader, writer):
                request = await reader.readuntil(b"\\r\\n\\r\\n")
                body = repr((request.splitlines()[0], b"proxy" in request.lower())).encode()
                writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
                await writer.drain()
                writer.close()

            async def main():
                server = await asyncio.start_unix_server(respond, "socket")
                async with aiohttp.ClientSession(connector=aiohttp.UnixConnector("socket")) as session:
                    async with session.get("http://daemon.test/a") as response:
                        print(await response.text())
                server.close()

            asyncio.run(main())
        """
        self.prints("(b'GET /a HTTP/1.1', False)", source)

    def test_websockets_go_by_the_proxy(self):
        source = """
            import asyncio, aiohttp

            async def main():
                async with aiohttp.ClientSession() as session:
                    async with session.ws_connect("wss://origin.test/ws") as ws:
                        print(await ws.receive_str())

            asyncio.run(main())
        """
        self.prints("hello", source)
        self.went_by_proxy("origin.test:443")
        source = source.replace("wss://origin.test", "ws://127.0.0.1:{}".format(self.plain.server_port))
        self.prints("hello", source)
        self.went_by_proxy("origin.test:443")


class PackagesOwnRoots(Case):
    SOURCE = """
        import ssl, urllib.error, urllib.request
        context = ssl.create_default_context(cafile={!r})
        print(len(context.get_ca_certs()))
        try:
            print(urllib.request.urlopen("https://origin.test/a", context=context).read().decode())
        except urllib.error.URLError as error:
            print(error.reason.verify_code)
    """

    def test_they_are_joined_by_the_sessions_ca_and_by_nothing_else(self):
        for directory in ["site-packages", "dist-packages"]:
            with self.subTest(directory):
                roots = os.path.join(self.directory, directory, "package", "roots.pem")
                self.write(roots, other_certificate())
                self.prints("2\norigin.test /a by nobody", self.SOURCE.format(roots))

    def test_a_file_of_the_users_is_the_only_one(self):
        roots = os.path.join(self.directory, "roots.pem")
        self.write(roots, other_certificate())
        # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
        self.prints("1\n18", self.SOURCE.format(roots))


def other_certificate():
    return subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", "/CN=other", "-keyout", os.devnull],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
    ).stdout


@installed("httpx")
class Httpx(Case):
    SYNC = """
        import httpx
        with httpx.Client({}) as http:
            try:
                print(http.get({!r}).text)
            except httpx.ConnectError:
                print("direct")
    """
    ASYNC = """
        import asyncio, httpx

        async def main():
            async with httpx.AsyncClient({}) as http:
                try:
                    print((await http.get({!r})).text)
                except httpx.ConnectError:
                    print("direct")

        asyncio.run(main())
    """

    def test_a_transport_of_the_programs_own_goes_by_the_proxy(self):
        for source, transport in [(self.SYNC, "httpx.HTTPTransport"), (self.ASYNC, "httpx.AsyncHTTPTransport")]:
            for arguments in ["retries=2", "True, None, True"]:
                with self.subTest(transport + arguments):
                    self.proxy.log.clear()
                    options = "transport={}({})".format(transport, arguments)
                    self.prints("origin.test /a by nobody", source.format(options, "https://origin.test/a"))
                    self.went_by_proxy("origin.test:443")

    def test_a_transport_within_another_goes_by_the_proxy(self):
        retry = """
        import httpx

        class Retry(httpx.BaseTransport):
            def __init__(self, transport):
                self.wrapped = transport
            def handle_request(self, request):
                response = self.wrapped.handle_request(request)
                response.headers["x-retry"] = "yes"
                return response
            def close(self):
                self.wrapped.close()

        class AsyncRetry(httpx.AsyncBaseTransport):
            def __init__(self, transport):
                self.wrapped = transport
            async def handle_async_request(self, request):
                return await self.wrapped.handle_async_request(request)
            async def aclose(self):
                await self.wrapped.aclose()
        """
        for source, transport in [
            (self.SYNC.replace(".text)", ".headers['x-retry'])"), "Retry(httpx.HTTPTransport(proxy=None))"),
            (self.ASYNC, "AsyncRetry(httpx.AsyncHTTPTransport())"),
        ]:
            with self.subTest(transport):
                self.proxy.log.clear()
                program = retry + source.format("transport=" + transport, "https://origin.test/a")
                self.prints("yes" if "x-retry" in source else "origin.test /a by nobody", program)
                self.went_by_proxy("origin.test:443")
        self.proxy.log.clear()
        for transport in ["Retry(httpx.HTTPTransport(proxy='http://proxy.test:3128'))", "Retry(httpx.HTTPTransport(uds='/no'))"]:
            with self.subTest(transport):
                self.prints("direct", retry + self.SYNC.format("transport=" + transport, "https://origin.test/a"))
        url = "https://127.0.0.1:{}/a".format(self.tls.server_port)
        source = self.SYNC.format("transport=Retry(httpx.HTTPTransport())", url)
        self.prints("127.0.0.1:{} /a by nobody".format(self.tls.server_port), retry + source)
        self.went_by_proxy()

    def test_a_host_of_no_proxy_is_reached_directly(self):
        url = "https://127.0.0.1:{}/a".format(self.tls.server_port)
        source = self.SYNC.format("transport=httpx.HTTPTransport()", url)
        self.prints("127.0.0.1:{} /a by nobody".format(self.tls.server_port), source)
        self.went_by_proxy()

    def test_ways_of_the_programs_own_hold(self):
        for options in [
            "transport=httpx.HTTPTransport(), trust_env=False",
            "transport=httpx.HTTPTransport(proxy='http://proxy.test:3128')",
            "transport=httpx.HTTPTransport(uds='/no/socket')",
            "transport=httpx.HTTPTransport(), mounts={'all://': httpx.HTTPTransport()}",
            "transport=httpx.HTTPTransport(), proxy='http://proxy.test:3128'",
            "transport=type('Own', (httpx.HTTPTransport,), {})()",
        ]:
            with self.subTest(options):
                self.prints("direct", self.SYNC.format(options, "https://origin.test/a"))
        self.went_by_proxy()


@installed("urllib3")
class Urllib3(Case):
    def test_a_pool_manager_goes_by_the_proxy(self):
        source = """
            import urllib3
            with urllib3.PoolManager(headers={"Authorization": "own"}) as http:
                for path in ["/1", "/2"]:
                    print(http.request("GET", "https://origin.test" + path).data.decode())
                print(http.urlopen("GET", "https://origin.test/3").data.decode())
                print(http.request("GET", "http://origin.test/").data.decode())
        """
        lines = ["origin.test {} by own".format(path) for path in ["/1", "/2", "/3"]]
        self.prints("\n".join(lines + ["absolute"]), source)
        self.went_by_proxy("origin.test:443", "http://origin.test/")

    def test_a_redirect_is_followed(self):
        source = """
            import urllib3
            url = "https://origin.test/redirect?https://other.test/a"
            print(urllib3.PoolManager(assert_hostname=False).request("GET", url).data.decode())
        """
        self.prints("other.test /a by nobody", source)
        self.went_by_proxy("origin.test:443", "other.test:443")

    def test_a_host_of_no_proxy_is_reached_directly(self):
        url = "https://127.0.0.1:{}/a".format(self.tls.server_port)
        source = "import urllib3; print(urllib3.PoolManager().request('GET', {!r}).data.decode())".format(url)
        self.prints("127.0.0.1:{} /a by nobody".format(self.tls.server_port), source)
        self.went_by_proxy()

    def test_a_subclass_goes_its_own_way(self):
        source = """
            import urllib3
            class Own(urllib3.PoolManager): pass
            try:
                Own().request("GET", "https://origin.test/", retries=False)
            except urllib3.exceptions.NewConnectionError:
                print("direct")
        """
        self.prints("direct", source)

    def test_a_proxy_manager_is_given_the_password(self):
        source = """
            import os, urllib3
            proxy = os.environ["https_proxy"]
            for options in [dict(), dict(proxy_headers={"X": "y"})]:
                print(urllib3.ProxyManager(proxy, **options).request("GET", "https://origin.test/").data.decode())
            print(urllib3.proxy_from_url(proxy).request("GET", "http://origin.test/").data.decode())
        """
        self.prints("origin.test / by nobody\norigin.test / by nobody\nabsolute", source)

    def test_a_proxy_and_a_password_of_the_programs_own_hold(self):
        source = """
            import os, urllib3
            own = urllib3.ProxyManager("http://proxy.test:3128")
            print(own.proxy_headers)
            own = urllib3.ProxyManager(os.environ["https_proxy"], proxy_headers={"proxy-authorization": "own"})
            print(own.proxy_headers)
        """
        self.prints("{}\n{'proxy-authorization': 'own'}", source)

    def test_clear_closes_what_goes_by_the_proxy(self):
        source = """
            import urllib3
            http = urllib3.PoolManager()
            for _ in range(2):
                http.request("GET", "https://origin.test/")
                http.clear()
        """
        self.prints("", source)
        self.went_by_proxy("origin.test:443", "origin.test:443")


@installed("requests")
class Requests(Case):
    def test_it_tunnels_once_and_keeps_its_own_choices(self):
        self.environment["REQUESTS_CA_BUNDLE"] = self.certificate
        source = """
            import requests
            print(requests.get("https://origin.test/a").text)
            session = requests.Session()
            session.trust_env = False
            try:
                session.get("https://origin.test/")
            except requests.ConnectionError:
                print("direct")
        """
        self.prints("origin.test /a by nobody\ndirect", source)
        self.went_by_proxy("origin.test:443")


@installed("certifi")
class Certifi(Case):
    SOURCE = """
        import certifi, os
        print(certifi.where() == os.environ.get("SSL_CERT_FILE"), "BEGIN CERTIFICATE" in certifi.contents())
    """

    def test_the_bundle_is_the_sessions(self):
        self.prints("True True", self.SOURCE)

    def test_a_bundle_that_is_not_there_is_not_named(self):
        self.environment["SSL_CERT_FILE"] = "/no/such/file"
        self.prints("False True", self.SOURCE)


def without_pysocks():
    return importlib.util.find_spec("socks") is None


@installed("httplib2")
class Httplib2(Case):
    def test_it_goes_by_the_proxy(self):
        self.environment["HTTPLIB2_CA_CERTS"] = self.certificate
        source = "import httplib2; print(httplib2.Http().request('https://origin.test/a')[1].decode())"
        if without_pysocks():
            self.prints("origin.test /a by nobody", source)
            self.went_by_proxy("origin.test:443")
        else:
            self.skipTest("PySocks is installed, with which httplib2 needs no help")

    def test_a_host_of_no_proxy_is_reached_directly(self):
        url = "http://127.0.0.1:{}/a".format(self.plain.server_port)
        source = "import httplib2; print(httplib2.Http().request({!r})[1].decode())".format(url)
        self.prints("127.0.0.1:{} /a by nobody".format(self.plain.server_port), source)
        self.went_by_proxy()

    def test_no_proxy_of_the_programs_own_holds(self):
        source = """
            import httplib2
            try:
                httplib2.Http(proxy_info=None).request("https://origin.test/")
            except httplib2.ServerNotFoundError:
                print("direct")
        """
        self.prints("direct", source)
        self.went_by_proxy()


@installed("pygit2")
class Pygit2(Case):
    SOURCE = """
        import pygit2
        remote = pygit2.init_repository("work", bare=True).remotes.create_anonymous({!r})
        try:
            remote.fetch({})
        except pygit2.GitError as error:
            print("content-type" in str(error) or error)  # not what git wants, but an answer
    """

    def test_it_goes_by_the_proxy_and_trusts_the_session(self):
        self.prints("True", self.SOURCE.format("https://origin.test/a.git", ""))
        self.assertIn("origin.test:443 admitted", self.proxy.log)

    def test_a_host_of_no_proxy_is_reached_directly(self):
        url = "https://127.0.0.1:{}/a.git".format(self.tls.server_port)
        self.prints("True", self.SOURCE.format(url, ""))
        self.went_by_proxy()

    def test_a_proxy_of_the_programs_own_holds(self):
        proxy = self.environment["HTTPS_PROXY"].replace("authsome:", "someone:")
        self.python(self.SOURCE.format("https://origin.test/a.git", "proxy={!r}".format(proxy)))
        self.assertEqual({line.rpartition(" ")[2] for line in self.proxy.log}, {"refused"})


@installed("pycurl")
class Pycurl(Case):
    def test_the_roots_are_the_sessions(self):
        source = """
            import pycurl
            class Own(pycurl.Curl): pass
            for kind in [pycurl.Curl, Own]:
                curl = kind()
                print(isinstance(curl, pycurl.Curl), kind.__module__, kind.__name__)
                for _ in range(2):
                    curl.setopt(pycurl.URL, "https://origin.test/a")
                    print(curl.perform_rs())
                    curl.reset()
            multi = pycurl.CurlMulti()
            multi.add_handle(curl)
            multi.remove_handle(curl)
        """
        body = "origin.test /a by nobody"
        self.prints("\n".join(["True pycurl Curl", body, body, "True __main__ Own", body, body]), source)

    def test_roots_of_the_programs_own_hold(self):
        source = """
            import pycurl
            curl = pycurl.Curl()
            curl.setopt(pycurl.URL, "https://origin.test/a")
            curl.setopt(pycurl.CAINFO, "/dev/null")
            try:
                curl.perform_rs()
            except pycurl.error as error:
                print(error.args[0] in (pycurl.E_SSL_CACERT, pycurl.E_SSL_CACERT_BADFILE))
        """
        self.prints("True", source)


def websockets_modules():
    """The interfaces that this version of websockets has, with coroutines."""
    for directory in importlib.util.find_spec("websockets").submodule_search_locations:
        for name in ["legacy", "asyncio"]:
            if os.path.isdir(os.path.join(directory, name)):
                yield "websockets.{}.client".format(name)


def knows_proxies():
    from importlib.metadata import version

    return int(version("websockets").partition(".")[0]) >= 15


@installed("websockets")
class Websockets(Case):
    ASYNC = """
        import asyncio
        from {} import connect

        async def main():
            async with connect({!r}{}) as ws:
                print(await ws.recv())

        asyncio.run(main())
    """
    SYNC = """
        from websockets.sync.client import connect
        with connect({!r}) as ws:
            print(ws.recv())
    """

    def setUp(self):
        super().setUp()
        # The legacy interface says that it is one.
        self.environment["PYTHONWARNINGS"] = "ignore"

    def each(self, url, *authorities):
        for name in ["websockets", *websockets_modules()]:
            with self.subTest(name):
                self.prints("hello", self.ASYNC.format(name, url, ""))
                self.went_by_proxy(*authorities)
                self.proxy.log.clear()
        self.prints("hello", self.SYNC.format(url))
        self.went_by_proxy(*authorities)

    def test_it_goes_by_the_proxy(self):
        self.each("wss://origin.test/ws", "origin.test:443")

    def test_plain_websockets_go_by_the_proxy(self):
        self.each("ws://origin.test/ws", "origin.test:80")

    def test_a_host_of_no_proxy_is_reached_directly(self):
        self.each("ws://127.0.0.1:{}/ws".format(self.plain.server_port))

    def test_a_redirect_is_followed(self):
        for name in websockets_modules():
            with self.subTest(name):
                self.proxy.log.clear()
                url = "ws://origin.test/redirect?ws://other.test/ws"
                self.prints("hello", self.ASYNC.format(name, url, ""))
                self.went_by_proxy("origin.test:80", "other.test:80")

    def test_a_host_of_the_programs_own_holds(self):
        own = ", host='127.0.0.1', port={}".format(self.plain.server_port)
        for name in websockets_modules():
            if name == "websockets.asyncio.client" and knows_proxies():
                continue  # It asks the proxy for the URL's host.
            with self.subTest(name):
                self.prints("hello", self.ASYNC.format(name, "ws://origin.test/ws", own))
                self.went_by_proxy()


if __name__ == "__main__":
    unittest.main()
