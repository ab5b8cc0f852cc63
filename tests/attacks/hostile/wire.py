"""Ring 2: take it on the wire, or reach what is not to be reached."""
import os, socket, sys

from proxy import (
    PLACEHOLDER, Refused, ask, basic, connect, dial, managed, password, plainly, proxy_of, run, show, tls,
)

USER = "GET /api/v4/user"


def host_of_another(facts):
    ask(facts["gitlab"], f"{USER}\nHost: {facts['evil']}")


def absolute_form_of_another(facts):
    ask(facts["gitlab"], f"GET https://{facts['evil']}/api/v4/user\nHost: {facts['gitlab']}")


def two_hosts(facts):
    ask(facts["gitlab"], f"{USER}\nHost: {facts['evil']}\nHost: {facts['gitlab']}")


def server_name_of_another(facts):
    peer = tls(connect(facts["gitlab"]), "evil.test")
    peer.send(f"{USER} HTTP/1.1\r\nHost: {facts['gitlab']}\r\n\r\n")
    show(peer.response())


def trace(facts):
    ask(facts["gitlab"], "TRACE /api/v4/echo")


def connect_within_the_tunnel(facts):
    ask(facts["origin"], f"CONNECT {facts['origin']}")


def smuggled(facts, fields, body):
    target = facts["origin"]
    peer = managed(target)
    peer.send(f"POST /api/v4/first HTTP/1.1\r\nHost: {target}\r\n{fields}\r\n\r\n".encode() + body)
    show(peer.response())


SECOND = b"POST /api/v4/second HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


def length_and_chunks(facts):
    chunk = f"{len(SECOND):x}\r\n".encode()
    smuggled(facts, f"Content-Length: {len(chunk)}\r\nTransfer-Encoding: chunked", chunk + SECOND + b"\r\n0\r\n\r\n")


def chunks_and_length(facts):
    chunk = f"{len(SECOND):x}\r\n".encode()
    smuggled(facts, f"Transfer-Encoding: chunked\r\nContent-Length: {len(chunk)}", chunk + SECOND + b"\r\n0\r\n\r\n")


def two_lengths(facts):
    smuggled(facts, f"Content-Length: 0\r\nContent-Length: {len(SECOND)}", SECOND)


def h2c_upgrade(facts):
    target = facts["origin"]
    peer = managed(target)
    peer.send(f"GET /api/v4/upgrade HTTP/1.1\r\nHost: {target}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
    status, _ = peer.head()
    print(status)
    if status == 101:
        peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"a request that nobody looks at")
        show((status, [], peer.rest()))


def tunnel_to(facts, address):
    peer = connect(f"{address}:{facts['metadata_port']}")
    peer.send("GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\nHost: metadata\r\nConnection: close\r\n\r\n")
    show(peer.response())


def metadata_by_its_address(facts):
    tunnel_to(facts, "169.254.169.254")


def metadata_as_a_mapped_address(facts):
    tunnel_to(facts, "[::ffff:169.254.169.254]")


def metadata_behind_nat64(facts):
    tunnel_to(facts, "[64:ff9b::a9fe:a9fe]")


def metadata_by_6to4(facts):
    tunnel_to(facts, "[2002:a9fe:a9fe::1]")


def metadata_as_one_number(facts):
    tunnel_to(facts, "2852039166")


def metadata_in_octal(facts):
    tunnel_to(facts, "0251.0376.0251.0376")


def metadata_by_a_name(facts):
    tunnel_to(facts, "metadata.test")


def metadata_of_ipv6(facts):
    tunnel_to(facts, "[fd00:ec2::254]")


def metadata_in_absolute_form(facts):
    plainly(f"http://169.254.169.254:{facts['metadata_port']}/latest/meta-data/")


def this_machine_by_a_public_name(facts):
    tunnel_to(facts, "innocent.test")


def a_name_that_changes(facts):
    tunnel_to(facts, "rebind.test")


def the_proxy_through_itself(facts):
    own = f"{proxy_of().hostname}:{proxy_of().port}"
    connect(own)
    print("through")


def the_proxy_by_another_name(facts):
    connect(f"innocent.test:{proxy_of().port}")
    print("through")


def the_login_through_the_proxy(facts):
    peer = connect("127.0.0.1:7998")
    peer.send("GET / HTTP/1.1\r\nHost: 127.0.0.1:7998\r\n\r\n")
    show(peer.response())


def second_private_token(facts):
    ask(facts["gitlab"], f"{USER}\nPRIVATE-TOKEN: {facts['attackers']}")


def second_job_token(facts):
    ask(facts["gitlab"], f"{USER}\nJob-Token: {facts['attackers']}")


def second_token_in_the_query(facts):
    ask(facts["gitlab"], f"GET /api/v4/user?private_token={facts['attackers']}")


def second_token_behind_an_escape(facts):
    ask(facts["gitlab"], f"GET /api/v4/user?private%5Ftoken={facts['attackers']}")


def second_token_behind_a_semicolon(facts):
    ask(facts["gitlab"], f"GET /api/v4/user?a=1;access_token={facts['attackers']}")


def second_token_in_brackets(facts):
    ask(facts["gitlab"], f"GET /api/v4/user?[private_token]={facts['attackers']}")


def password_to_a_server(facts):
    plainly(f"http://{facts['plain']}/")


def way_past_the_proxy(facts):
    ask(facts["gitlab"], "GET /api/v4/altsvc")


def page_of_another_origin(facts):
    ask(facts["gitlab"], f"POST /api/v4/projects/1/issues\nOrigin: https://evil.test\nContent-Length: 0")


def page_of_no_origin(facts):
    ask(facts["gitlab"], f"POST /api/v4/projects/1/issues\nOrigin: null\nContent-Length: 0")


def page_of_another_site(facts):
    ask(facts["gitlab"], f"{USER}\nSec-Fetch-Site: cross-site")


def page_of_the_same_site(facts):
    ask(facts["gitlab"], f"{USER}\nSec-Fetch-Site: same-site")


def placeholder_in_the_query(facts):
    ask(facts["gitlab"], f"GET /api/v4/user?note={PLACEHOLDER}")


def placeholder_in_a_field(facts):
    ask(facts["gitlab"], f"{USER}\nX-Note: {PLACEHOLDER}")


def placeholder_escaped(facts):
    ask(facts["gitlab"], "GET /api/v4/user?note=" + "".join(f"%{ord(letter):02x}" for letter in PLACEHOLDER))


def placeholder_in_basic(facts):
    ask(facts["gitlab"], f"GET /dashboard\nAuthorization: {basic('oauth2', PLACEHOLDER)}")


def placeholder_in_a_form(facts):
    fields = "Content-Type: application/x-www-form-urlencoded"
    ask(facts["gitlab"], f"POST /oauth/revoke\n{fields}", f"client_id=x&token={PLACEHOLDER}")


def placeholder_in_json(facts):
    ask(facts["origin"], "POST /api/v4/hooks2\nContent-Type: application/json", '{"url": "x", "token": "%s"}' % PLACEHOLDER)


def placeholder_in_clear(facts):
    plainly(f"http://{facts['plain']}/", f"Authorization: Bearer {PLACEHOLDER}\r\n")


def broken_off(facts, fields, body):
    peer = managed(facts["origin"])
    peer.send(f"POST /api/v4/upload HTTP/1.1\r\nHost: {facts['origin']}\r\n{fields}\r\n\r\n".encode() + body)
    peer.sock.settimeout(2)
    try:
        peer.more()
    except TimeoutError:
        pass
    peer.sock.shutdown(socket.SHUT_WR)
    peer.sock.close()


def upload_without_its_end(facts):
    broken_off(facts, "Transfer-Encoding: chunked", b"10\r\n0123456789abcdef\r\n")


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    name, value = name.encode(), value.encode()
    return b"\x10" + bytes([len(name)]) + name + bytes([len(value)]) + value


def reset_upload_of_http2(facts):
    "RST_STREAM with NO_ERROR in the middle of a body, which some take for its end."
    peer = managed(facts["origin"], protocols=("h2",))
    fields = [(":method", "POST"), (":scheme", "https"), (":authority", facts["origin"]), (":path", "/api/v4/upload")]
    peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
    peer.send(frame(1, 4, 1, b"".join(literal(*field) for field in fields)) + frame(0, 0, 1, b"x" * 1000))
    peer.sock.settimeout(2)
    try:
        while True:
            peer.more()
    except TimeoutError:
        pass
    peer.send(frame(3, 0, 1, bytes(4)))
    try:
        while True:
            peer.more()
    except TimeoutError:
        pass


def host_of_another_over_http2(facts):
    peer = managed(facts["gitlab"], protocols=("h2",))
    fields = [(":method", "GET"), (":scheme", "https"), (":authority", facts["evil"]), (":path", "/api/v4/user")]
    peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(1, 5, 1, b"".join(literal(*field) for field in fields)))
    peer.sock.settimeout(2)
    try:
        while True:
            peer.more()
    except TimeoutError:
        pass


def post_sent_twice(facts):
    target = facts["origin"]
    ask(target, USER)
    ask(target, "POST /api/v4/close\nContent-Type: text/plain", b"y" * 100)


def post_on_a_used_connection(facts):
    target = facts["origin"]
    ask(target, USER)
    ask(target, "POST /api/v4/upload\nContent-Type: text/plain", b"y" * 100)


def echo(facts, form, head="GET", fields=""):
    "The loot is decoded as people do: by the content coding in a file of its name, and each usual dress off."
    target = facts["origin"]
    peer = managed(target)
    peer.send(f"{head} /api/v4/echo_{form} HTTP/1.1\r\nHost: {target}\r\nTE: trailers\r\nConnection: TE\r\n{fields}\r\n")
    if head == "HEAD":
        status, told = peer.head()
        return show((status, told, b""))
    if form.endswith("interim_response"):
        show((*peer.head(), b""))
    status, told, body = peer.response()
    if status == 101:
        body = peer.exactly(2)
        body = peer.exactly(body[1])
    coding = dict(told).get("content-encoding")
    if coding:
        open(f"loot.{coding}", "wb").write(body)
    show((status, told, body))
    undress(body.decode("latin-1"))


def undress(text):
    import base64, html, json
    from urllib.parse import unquote
    print(unquote(text), html.unescape(text))
    print("".join(line[6:] for line in text.split("\n") if line.startswith("data: ")))
    try:
        told = json.loads(text)["told"]
    except (ValueError, KeyError):
        return
    print(told)
    for decode in (bytes.fromhex, lambda text: base64.b64decode(text, validate=True)):
        try:
            print(decode(told))
        except ValueError:
            pass


def _echo(form, **more):
    return lambda facts: echo(facts, form, **more)


for _form in """in_a_field in_a_cookie in_a_redirect in_an_interim_response in_a_trailer in_json in_base64
    in_base64_behind_one_byte in_base64_behind_two_bytes in_hexadecimal in_html in_gzip in_deflate in_brotli in_zstd
    across_chunks in_events in_an_error""".split():
    globals()[f"echo_{_form}"] = _echo(_form)
echo_in_the_response_to_head = _echo("in_the_response_to_head", head="HEAD")
echo_in_a_websocket_message = _echo(
    "in_a_websocket_message",
    fields="Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
