"""Shows httpx and its fork httpx2 the session's proxy. Loaded by `authsome_clients.py`, which says how things are done.

A transport of the program's own, which it may want for retries only, keeps the environment's proxies out of a client.
Where it is one of httpx's, made without a way of its own, a double of it is made by the same arguments and the proxy.
The double is mounted as httpx mounts its own; where the transport stands within another, as SDKs do it that retry by
themselves, it hands over to the double.
"""

import functools
import inspect


def show(session, module):
    Transports(session, module, module.HTTPTransport, "handle_request", "close").show(module.Client)
    Transports(session, module, module.AsyncHTTPTransport, "handle_async_request", "aclose").show(module.AsyncClient)


class Transports:
    """One kind of transport, with the names of its methods."""

    def __init__(self, session, module, kind, handle, close):
        self.session, self.module, self.kind = session, module, kind
        self.handle, self.close = handle, close

    def show(self, client):
        init_client, init_transport = client.__init__, self.kind.__init__

        @functools.wraps(init_transport)
        def remember(transport, *arguments, **options):
            init_transport(transport, *arguments, **options)
            # The seventh is a proxy, the eighth a socket in the file system.
            if type(transport) is self.kind and not (arguments[6:] or options.get("proxy") or options.get("uds")):
                transport._authsome_double = functools.partial(self.kind, *arguments, **options)

        @functools.wraps(init_client)
        def give_a_way(http, **options):
            init_client(http, **options)
            given = options.get("transport")
            # What is mounted already is a proxy or a transport that the program has given.
            if given is None or http._mounts or not options.get("trust_env", True):
                return
            if hasattr(given, "_authsome_double"):
                self.mount_double(http, given)
            elif not isinstance(given, self.kind):
                for within in list(getattr(given, "__dict__", {}).values()):
                    if type(within) is self.kind and hasattr(within, "_authsome_double"):
                        self.hand_over(within)

        client.__init__, self.kind.__init__ = give_a_way, remember

    def double(self, transport):
        return transport._authsome_double(proxy=self.module.Proxy(self.session.proxy))

    def mount_double(self, http, given):
        proxies = self.module.get_environment_proxies()
        if self.session.proxy in proxies.values():
            double = self.double(given)
            mounts = {name: double if proxy == self.session.proxy else None for name, proxy in proxies.items()}
            http._mounts = dict(sorted((self.module.URLPattern(name), mount) for name, mount in mounts.items()))

    def hand_over(self, transport):
        # One transport may stand in several clients.
        if self.handle in vars(transport):
            return
        direct, close, double = getattr(transport, self.handle), getattr(transport, self.close), self.double(transport)

        # Both of these are awaited, where the transport's own are.
        def handle(request):
            url = request.url
            covered = self.session.covers(url.scheme, url.host, url.port)
            return (getattr(double, self.handle) if covered else direct)(request)

        def close_both():
            closed = [close(), getattr(double, self.close)()]
            return await_all(closed) if inspect.isawaitable(closed[0]) else None

        setattr(transport, self.handle, handle)
        setattr(transport, self.close, close_both)


async def await_all(awaitables):
    for awaitable in awaitables:
        await awaitable
