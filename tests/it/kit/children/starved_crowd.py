import concurrent.futures, os, socket, ssl, sys, threading, urllib.parse
count, host, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
def ask(_):
    plain = socket.create_connection((proxy.hostname, proxy.port), timeout=60)
    plain.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    response = plain.recv(4096)
    if b" 200 " not in response: return response.decode()
    stream = context.wrap_socket(plain, server_hostname=host)
    stream.sendall(f"GET /api/v4/user HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    text = b""
    while part := stream.recv(4096): text += part
    return "ok" if b"ada" in text else text.decode()
with concurrent.futures.ThreadPoolExecutor(count) as pool:
    answers = list(pool.map(ask, range(count)))
print(answers.count("ok"), set(answers) - {"ok"})
