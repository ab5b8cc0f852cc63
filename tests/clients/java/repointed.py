"""Runs a JVM as a sandbox within the run does: HTTPS_PROXY names another port, from which a relay leads to the proxy, and JAVA_TOOL_OPTIONS is
what the sandbox says, before what was there."""

import os
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

PROXY = urlsplit(os.environ["HTTPS_PROXY"])
RELAYED = []


def pump(source, sink):
    while part := source.recv(65536):
        sink.sendall(part)
    sink.shutdown(socket.SHUT_WR)


def relay(listener):
    while True:
        client, _ = listener.accept()
        RELAYED.append(client)
        server = socket.create_connection((PROXY.hostname, PROXY.port))
        for pair in ((client, server), (server, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=relay, args=(listener,), daemon=True).start()
    port = listener.getsockname()[1]
    environment = dict(os.environ)
    environment["HTTPS_PROXY"] = environment["https_proxy"] = f"http://127.0.0.1:{port}"
    own = f"-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort={port}"
    environment["JAVA_TOOL_OPTIONS"] = f"{own} {environment['JAVA_TOOL_OPTIONS']}"
    code = subprocess.call(sys.argv[1:], env=environment)
    if not RELAYED:
        sys.exit("the JVM has not used the other port")
    sys.exit(code)


main()
