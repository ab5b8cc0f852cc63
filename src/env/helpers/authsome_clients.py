"""Shows Python's HTTP clients the session's proxy and roots, where the environment alone does not.

Loaded by `sitecustomize.py`, with Python 3.6 or later. Each method of `Session` that is named after a module changes
that module's defaults right after it was executed. What a program says itself holds: a proxy, a tunnel, a socket,
`trust_env=False`, a CA file. So do NO_PROXY and a proxy variable that the program has changed.
"""

import functools
import os
import socket
from base64 import b64encode
from urllib.parse import unquote, urlsplit


class Session:
    """The session's proxy and roots, as they stood in the environment when the program started.

    `load` loads another file of this directory.
    """

    def __init__(self, proxy, bundle, ca, load):
        parts = urlsplit(proxy)
        userinfo = "{}:{}".format(unquote(parts.username), unquote(parts.password))
        self.proxy = proxy
        self.address = parts.hostname, parts.port
        self.authorization = {"Proxy-Authorization": "Basic " + b64encode(userinfo.encode()).decode()}
        self.bundle = bundle if bundle and os.path.isfile(bundle) else None
        self.ca = ca if ca and os.path.isfile(ca) else None
        self.load = load

    def show(self, module):
        getattr(self, module.__name__.replace(".", "_"))(module)

    def covers(self, scheme, host, port):
        """Whether `urllib.request` would go through the session's proxy to get there."""
        # Here and not above, because it imports http.client, which may be what is being imported.
        from urllib.request import getproxies_environment, proxy_bypass_environment

        proxies = getproxies_environment()
        host, port = host.strip("[]"), port or (443 if scheme == "https" else 80)
        return (
            proxies.get(scheme) == self.proxy
            and (host, port) != self.address
            and not proxy_bypass_environment("{}:{}".format(host, port), proxies)
        )

    def tunnel(self, host, port, timeout):
        """A socket that the proxy has connected to there."""
        from http.client import HTTPConnection

        connection = HTTPConnection(*self.address, timeout=timeout)
        connection.set_tunnel(host, port, self.authorization)
        connection.connect()
        return connection.sock

    # http.client: the tunnel is its own, and only for the length of `connect()`, so that the program finds its host
    # and port in the connection, before and after.

    def http_client(self, module):
        original = module.HTTPConnection.connect
        # A Python without `ssl` has none.
        with_tls = getattr(module, "HTTPSConnection", ())

        @functools.wraps(original)
        def connect(connection):
            scheme = "https" if isinstance(connection, with_tls) else "http"
            host, port = connection.host, connection.port
            if goes_its_own_way(connection) or not self.covers(scheme, host, port):
                return original(connection)
            connection.set_tunnel(host, port, dict(self.authorization))
            connection.host, connection.port = self.address
            try:
                return original(connection)
            finally:
                connection.host, connection.port = host, port
                connection._tunnel_host, connection._tunnel_port, connection._tunnel_headers = None, None, {}

        def goes_its_own_way(connection):
            return (
                connection._tunnel_host
                or getattr(connection, "_authsome_direct", False)
                or connection._create_connection is not socket.create_connection
            )

        module.HTTPConnection.connect = connect

    # urllib.request reads the environment itself, so what it opens without a tunnel shall have none.

    def urllib_request(self, module):
        original = module.AbstractHTTPHandler.do_open

        @functools.wraps(original)
        def do_open(handler, http_class, req, **options):
            def connection(*arguments, **more):
                made = http_class(*arguments, **more)
                made._authsome_direct = True
                return made

            return original(handler, connection, req, **options)

        module.AbstractHTTPHandler.do_open = do_open

    # aiohttp: `trust_env` would also send the user's passwords from ~/.netrc, which a program has to ask for. So the
    # default becomes a value that is true where the proxy is looked up, and false where netrc is.

    def aiohttp_client(self, module):
        # Before version 3.8 the proxy would be asked for the hosts of NO_PROXY too.
        if not hasattr(module, "get_env_proxy_for_url"):
            return
        client = module.ClientSession
        init, trust_env = client.__init__, client.trust_env
        proxy_only = "the proxy, not netrc"

        @functools.wraps(init)
        def __init__(session, *arguments, **options):
            init(session, *arguments, **options)
            if "trust_env" not in options and routes_by_tcp(session.connector):
                session._trust_env = proxy_only

        def routes_by_tcp(connector):
            # A UnixConnector, or one that goes through SOCKS, is a way of the program's own.
            plain = module.TCPConnector
            names = ["_create_connection", "_wrap_create_connection"]
            return isinstance(connector, plain) and all(
                getattr(type(connector), name, None) is getattr(plain, name, None) for name in names
            )

        # It looks for the proxy of a WebSocket under `wss`, for which no variable is set: one that names the session's
        # proxy beside the usual ones would hold it there where a tool within the run has put another into those.
        lookup = module.get_env_proxy_for_url

        @functools.wraps(lookup)
        def get_env_proxy_for_url(url):
            try:
                return lookup(url)
            except LookupError:
                if url.scheme not in ("ws", "wss"):
                    raise
                return lookup(url.with_scheme("https" if url.scheme == "wss" else "http"))

        module.get_env_proxy_for_url = get_env_proxy_for_url
        client.__init__ = __init__
        client.trust_env = property(
            lambda session: session._trust_env is not proxy_only and trust_env.__get__(session), doc=trust_env.__doc__
        )
        if hasattr(client, "_get_netrc_auth"):
            netrc = client._get_netrc_auth
            client._get_netrc_auth = functools.wraps(netrc)(
                lambda session, host: netrc(session, host) if session.trust_env else None
            )

    # httpx: in a file of its own.

    def httpx__client(self, module):
        self.load("authsome_httpx").show(self, module)

    httpx2__client = httpx__client

    # urllib3: a PoolManager never reads the environment. Requests and botocore, which do, use its pools and not its
    # `urlopen()`; a ProxyManager has a proxy; a subclass may have ways of its own. A ProxyManager leaves the user and
    # password of its URL out.

    def urllib3_poolmanager(self, module):
        self._urllib3_proxy_manager(module.ProxyManager)
        self._urllib3_pool_manager(module)

    def _urllib3_proxy_manager(self, manager):
        init = manager.__init__

        @functools.wraps(init)
        def __init__(pools, proxy_url, num_pools=10, headers=None, proxy_headers=None, *arguments, **options):
            given = [name.lower() for name in proxy_headers or ()]
            if self._is_proxy(proxy_url) and "proxy-authorization" not in given:
                proxy_headers = dict(proxy_headers or {}, **self.authorization)
            init(pools, proxy_url, num_pools, headers, proxy_headers, *arguments, **options)

        manager.__init__ = __init__

    def _urllib3_pool_manager(self, module):
        manager = module.PoolManager
        urlopen, clear = manager.urlopen, manager.clear

        def double(pools):
            return pools.__dict__.get("_authsome_double")

        def made_double(pools):
            size = getattr(pools.pools, "_maxsize", 10)
            made = module.ProxyManager(self.proxy, num_pools=size, **pools.connection_pool_kw)
            return pools.__dict__.setdefault("_authsome_double", made)

        def is_plain(pools):
            return type(pools) is manager and pools.pool_classes_by_scheme is module.pool_classes_by_scheme

        @functools.wraps(urlopen)
        def urlopen_by_proxy(pools, method, url, redirect=True, **options):
            parts = module.parse_url(url)
            # The fork that calls itself urllib3 too asks this manager for the responses to requests that it multiplexes.
            plain = is_plain(pools) and parts.host and not options.get("multiplexed")
            if not plain or not self.covers(parts.scheme or "http", parts.host, parts.port):
                return urlopen(pools, method, url, redirect, **options)
            options.setdefault("headers", pools.headers)
            return (double(pools) or made_double(pools)).urlopen(method, url, redirect, **options)

        @functools.wraps(clear)
        def clear_both(pools):
            clear(pools)
            if double(pools):
                double(pools).clear()

        manager.urlopen, manager.clear = urlopen_by_proxy, clear_both

    def _is_proxy(self, url):
        parts = urlsplit(url) if isinstance(url, str) else None
        return parts is not None and (parts.hostname, parts.port) == self.address

    # httplib2: its tunnels are PySocks', and where that is not installed it goes directly, or not at all.

    def httplib2(self, module):
        if module.socks is None:
            self._httplib2_connection(module.HTTPConnectionWithTimeout, None)
            self._httplib2_connection(module.HTTPSConnectionWithTimeout, lambda connection: connection._context)

    def _httplib2_connection(self, connection_class, tls):
        original = connection_class.connect

        @functools.wraps(original)
        def connect(connection):
            info = connection.proxy_info
            if not info or (info.proxy_host, info.proxy_port) != self.address:
                return original(connection)
            if not info.applies_to(connection.host):
                connection.proxy_info = None
                return original(connection)
            timeout = socket.getdefaulttimeout() if connection.timeout is None else connection.timeout
            sock = self.tunnel(connection.host, connection.port, timeout)
            if tls:
                sock = tls(connection).wrap_socket(sock, server_hostname=connection.host)
            connection.sock = sock

        connection_class.connect = connect

    # websockets: knows no proxies before its version 15, nor in its old interface since. A socket is what it takes.

    def websockets_asyncio_client(self, module):
        if hasattr(module, "get_proxy"):
            return
        original = module.connect.create_connection

        @functools.wraps(original)
        async def create_connection(connect):
            given, uri = connect.connection_kwargs, module.parse_uri(connect.uri)
            host, port = given.get("host", uri.host), given.get("port", uri.port)
            if given.get("sock") or given.get("unix") or not self._covers_websocket(uri, host, port):
                return await original(connect)
            options = {name: value for name, value in given.items() if name not in ("host", "port")}
            options["sock"] = await self._tunnel_off_the_loop(host, port, connect.open_timeout)
            # For this attempt only: after a redirect comes another, with another socket.
            connect.connection_kwargs = options
            try:
                return await original(connect)
            except BaseException:
                options["sock"].close()
                raise
            finally:
                connect.connection_kwargs = given

        module.connect.create_connection = create_connection

    def websockets_legacy_client(self, module):
        original = module.Connect.__init__

        @functools.wraps(original)
        def __init__(connect, uri, *arguments, **options):
            original(connect, uri, *arguments, **options)
            create = connect._create_connection

            async def by_proxy(*of_connection, **options):
                return await self._create_legacy_connection(connect, create.func, *of_connection, **options)

            # A redirect keeps the function of this partial and changes its host and port.
            if create.func.__name__ == "create_connection":
                connect._create_connection = functools.partial(by_proxy, *create.args, **create.keywords)

        module.Connect.__init__ = __init__

    async def _create_legacy_connection(self, connect, create, factory, host, port, **options):
        if options.get("sock") or not self._covers_websocket(connect._wsuri, host, port):
            return await create(factory, host, port, **options)
        sock = await self._tunnel_off_the_loop(host, port, connect.open_timeout)
        if options.get("ssl"):
            options.setdefault("server_hostname", connect._wsuri.host)
        try:
            return await create(factory, sock=sock, **options)
        except BaseException:
            sock.close()
            raise

    def websockets_sync_client(self, module):
        if hasattr(module, "get_proxy"):
            return
        original = module.connect

        @functools.wraps(original)
        def connect(uri, **options):
            parts = module.parse_uri(uri)
            given = options.get("sock") or options.get("unix")
            if not given and self._covers_websocket(parts, parts.host, parts.port):
                options["sock"] = self.tunnel(parts.host, parts.port, options.get("open_timeout", 10))
            return original(uri, **options)

        module.connect = connect

    def _covers_websocket(self, uri, host, port):
        return self.covers("https" if uri.secure else "http", host, port)

    async def _tunnel_off_the_loop(self, host, port, timeout):
        """The proxy may take its time to reach a host that is not the session's."""
        from asyncio import get_running_loop

        return await get_running_loop().run_in_executor(None, self.tunnel, host, port, timeout)

    # certifi: many a program, by the libraries' own recipes, names this file as the one to trust, and then no variable
    # is read. The session's bundle has all roots, as it has for requests by REQUESTS_CA_BUNDLE.

    def certifi(self, module):
        if self.bundle is None:
            return

        @functools.wraps(module.where)
        def where():
            return self.bundle

        @functools.wraps(module.contents)
        def contents():
            with open(self.bundle, encoding="utf-8") as file:
                return file.read()

        for place in [module, module.core]:
            place.where, place.contents = where, contents

    # ssl: some packages bring the roots that they trust (stripe, botocore), and no variable names others to them. No user
    # has chosen such a file. The session's CA is added to it and nothing else, so that it stays as narrow as it is.

    def ssl(self, module):
        if self.ca is None:
            return
        context, original = module.SSLContext, module.SSLContext.load_verify_locations

        def comes_with_a_package(cafile):
            directories = os.path.abspath(os.fsdecode(cafile)).split(os.sep)
            return "site-packages" in directories or "dist-packages" in directories

        @functools.wraps(original)
        def load_verify_locations(context, cafile=None, capath=None, cadata=None):
            original(context, cafile, capath, cadata)
            if cafile and comes_with_a_package(cafile):
                original(context, self.ca)

        context.load_verify_locations = load_verify_locations

    # pygit2: libgit2 looks for a proxy where the environment names one, if it is told to; pygit2 tells it to use none.

    def pygit2_callbacks(self, module):
        original = module.git_proxy_options

        @functools.wraps(original)
        def git_proxy_options(payload, opts=None, proxy=None):
            from urllib.request import getproxies_environment

            if proxy is None and getproxies_environment().get("https"):
                proxy = True
            return original(payload, opts, proxy)

        module.git_proxy_options = git_proxy_options

    # pycurl: the libcurl in its wheels looks for roots where its builder had them; the variables are the curl tool's.

    def pycurl(self, module):
        if self.bundle is None:
            return
        bundle, plain = self.bundle, module.Curl

        class Curl(plain):
            __doc__ = plain.__doc__

            def __init__(self, *arguments, **options):
                super().__init__(*arguments, **options)
                self.setopt(module.CAINFO, bundle)

            def reset(self):
                super().reset()
                self.setopt(module.CAINFO, bundle)

        Curl.__module__, Curl.__qualname__ = plain.__module__, plain.__qualname__
        module.Curl = Curl
