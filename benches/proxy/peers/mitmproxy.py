"""mitmproxy in the place of authsome: the credential on, and the bench's name to where the origin is."""

PORT = "@ORIGIN@".rpartition(":")[2]


def request(flow):
    flow.request.headers["authorization"] = "Bearer @BEARER@"
    # A name of the origin that resolves; its connections are found again under it. The Host header stays.
    host_header = flow.request.host_header
    flow.request.host = "localhost"
    flow.request.port = int(PORT)
    flow.request.host_header = host_header
