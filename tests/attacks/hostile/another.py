"""Ring 4: use what is another's."""
import os, sys, time
from urllib.parse import urlsplit

from proxy import Peer, Refused, basic, dial, show


def asks(facts, fields="", url=None):
    peer = dial(url or facts.get("proxy"))
    peer.send(f"GET https://{facts['gitlab']}/api/v4/user HTTP/1.1\r\nHost: {facts['gitlab']}\r\n{fields}\r\n")
    show(peer.response())


def waits(facts):
    "The command of a run whose proxy others try: it says where that is, and waits until it is let go."
    print(os.environ["HTTPS_PROXY"], flush=True)
    sys.stdin.read()


def outside_without_the_password(facts):
    asks(facts)


def outside_with_a_wrong_password(facts):
    asks(facts, f"Proxy-Authorization: {basic('authsome', 'x' * 43)}\r\n")


def wrong_password(facts):
    asks(facts, f"Proxy-Authorization: {basic('authsome', 'wrong')}\r\n")


def empty_password(facts):
    asks(facts, "Proxy-Authorization: Basic\r\n")


def as_another_user(facts):
    url = urlsplit(facts["proxy"])
    asks(facts, f"Proxy-Authorization: {basic(url.username, url.password)}\r\n")


as_root = as_another_user


def environment_file_of_another_user(facts):
    sys.stdout.write(open(facts["file"]).read())


def socket_of_another_user(facts):
    import socket
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(facts["file"])
    peer = Peer(peer)
    peer.send(f"GET https://{facts['gitlab']}/api/v4/user HTTP/1.1\r\nHost: {facts['gitlab']}\r\n\r\n")
    show(peer.response())


def daemon_of_an_earlier_run(facts):
    "It stays when its run ends, and waits for the proxy of the next one."
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for standard in range(3):
                os.dup2(null, standard)
            while not os.path.exists("next"):
                time.sleep(0.02)
            sys.stdout = open("daemon", "w")
            try:
                asks(facts, url=open("next").read())
            except (EOFError, OSError) as error:
                print(error)
            sys.stdout.flush()
            os.rename("daemon", "told")
        os._exit(0)
    os.wait()


def login(facts, request):
    import socket
    peer = Peer(socket.create_connection(("127.0.0.1", 7998)))
    peer.send(request)
    show(peer.response())


def page_of_a_login_as_another_user(facts):
    login(facts, "GET / HTTP/1.1\r\nHost: 127.0.0.1:7998\r\n\r\n")


def page_of_a_login_by_another_name(facts):
    login(facts, "GET / HTTP/1.1\r\nHost: evil.test:7998\r\n\r\n")


def posts(facts, fields, body):
    head = "POST /client HTTP/1.1\r\nHost: 127.0.0.1:7998\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    login(facts, f"{head}Content-Length: {len(body)}\r\n{fields}\r\n{body}")


def form_without_its_page(facts):
    posts(facts, "", "client_id=mallory&client_secret=")


def form_of_another_site(facts):
    posts(facts, "Origin: https://evil.test\r\nSec-Fetch-Site: cross-site\r\n", "client_id=mallory&client_secret=")


def redirect_of_another_login(facts):
    login(facts, "GET /auth/callback/oauth?code=mallorys&state=forged HTTP/1.1\r\nHost: 127.0.0.1:7998\r\n\r\n")


def state_of_the_own_run(facts):
    "What the run's socket tells of it, and would decide."
    import glob, socket
    for place in glob.glob(os.path.join(os.environ["AUTHSOME_HOME"], "sessions", "*.sock")):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(10)
        peer.connect(place)
        peer.sendall(b'{"do":"state"}\n')
        print(peer.makefile().readline())


def page(facts, host=None, origin=None):
    "Takes the session of a page whose address it knows."
    import socket
    place, token = facts["page"].removeprefix("http://").split("/#")
    name, port = place.rsplit(":", 1)
    body = '{"token":"%s"}' % token.strip()
    peer = socket.create_connection((name, int(port)), 10)
    peer.sendall((
        f"POST /session HTTP/1.1\r\nHost: {host or place}\r\nOrigin: {origin or 'http://' + place}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}").encode())
    print(peer.makefile().read())


def page_of_the_runs_by_another_name(facts):
    page(facts, host="evil.test")


def page_of_the_runs_from_another_site(facts):
    page(facts, origin="https://evil.test")


def page_of_the_runs_as_another_user(facts):
    page(facts)
