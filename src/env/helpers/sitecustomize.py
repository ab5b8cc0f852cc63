"""Run by Python before the program, as each Python does with a module of this name on its path.

Most HTTP clients find the session's proxy and roots in the environment. Those that do not are shown them by
`authsome_clients.py`, which is loaded only when the program imports one of them. This file makes sure of that, and
then makes way for the `sitecustomize` that it hides, so that the program finds everything as without it.

Nothing here may cost the program more than a client that does not find the proxy: errors are swallowed, nothing is
printed. Every Python that inherits PYTHONPATH reads this file, so it is valid for 2.7 as well; that one only gets the
second part.
"""

import os
import sys

# The modules for which `authsome_clients.py` has a function: their names, with `_` for `.`.
CLIENTS = frozenset(
    [
        "aiohttp.client",
        "certifi",
        "http.client",
        "httplib2",
        "httpx._client",
        "httpx2._client",
        "pycurl",
        "pygit2.callbacks",
        "ssl",
        "urllib.request",
        "urllib3.poolmanager",
        "websockets.asyncio.client",
        "websockets.legacy.client",
        "websockets.sync.client",
    ]
)

DIRECTORY = os.path.dirname(os.path.abspath(__file__))


class Finder(object):
    """Leaves it to the others on `sys.meta_path` to find a client, and puts a `Loader` in front of what loads it."""

    # By this a second file of this kind knows that it need not do anything, when one session runs inside another.
    authsome = True

    def __init__(self, show):
        from _thread import get_ident

        self._thread = get_ident
        self._searches = set()
        self._show = show

    def find_spec(self, name, path=None, target=None):
        if name not in CLIENTS:
            return None
        search = (self._thread(), name)
        # Other finders of this kind ask everything on `sys.meta_path` in their turn.
        if search in self._searches:
            return None
        self._searches.add(search)
        try:
            spec = self._ask_the_others(name, path, target)
        finally:
            self._searches.discard(search)
        # The oldest loaders execute and put in place in one step: those are left alone.
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = Loader(spec.loader, self._show)
        return spec

    def _ask_the_others(self, name, path, target):
        for finder in list(sys.meta_path):
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


class Loader(object):
    """Stands in for a module's loader until the module is executed.

    The loader itself is not touched, because some serve many modules, and the module never sees this one: `inspect`,
    `pkgutil` and `importlib.reload`, which comes here again, find what they would find without it.
    """

    def __init__(self, loader, show):
        self._loader = loader
        self._show = show

    def __getattr__(self, name):
        return getattr(self._loader, name)

    @property
    def __class__(self):
        # For `isinstance`, where a program looks at a spec that is not loaded.
        return type(self._loader)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._show(module)


def session_proxy():
    """The proxy's URL, where the environment is still the session's: a program may have been given another proxy."""
    proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY") or ""
    ours = "AUTHSOME_SESSION" in os.environ and proxy.startswith("http://authsome:")
    return proxy if ours else None


def load(name):
    """A file of this directory, which will not be on `sys.path`."""
    from importlib.machinery import SourceFileLoader

    loader = SourceFileLoader(name, os.path.join(DIRECTORY, name + ".py"))
    module = type(sys)(loader.name)
    module.__file__ = loader.path
    loader.exec_module(module)
    return module


def prepare_clients(proxy, bundle, ca):
    sessions = []

    def show(module):
        try:
            if not sessions:
                sessions.append(load("authsome_clients").Session(proxy, bundle, ca, load))
            sessions[0].show(module)
        except Exception:
            pass  # The client stays as it is, and the program runs.

    sys.meta_path.insert(0, Finder(show))
    # Files `*.pth` come before this one, and may have imported anything.
    for name in CLIENTS.intersection(sys.modules):
        show(sys.modules[name])


def start():
    # 3.6 is the oldest with the protocol of finders and loaders that is used here.
    if sys.version_info < (3, 6) or any(getattr(finder, "authsome", False) for finder in sys.meta_path):
        return
    proxy = session_proxy()
    if proxy:
        prepare_clients(proxy, os.environ.get("SSL_CERT_FILE"), os.environ.get("NODE_EXTRA_CA_CERTS"))


def make_way():
    """Imports the `sitecustomize` that would have been imported without this one.

    If there is none, or if it fails, the error is the one that Python would have got, and it goes where that went.
    """
    # PYTHONPATH stays as it is, for the programs that this one starts.
    sys.path[:] = [entry for entry in sys.path if entry != DIRECTORY]
    sys.path_importer_cache.pop(DIRECTORY, None)
    del sys.modules["sitecustomize"]
    import sitecustomize  # noqa: F401


try:
    start()
except Exception:
    pass  # The program runs, with what the environment alone does for it.
make_way()
