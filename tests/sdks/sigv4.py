"""What `Authorization` must have in a request to AWS (Signature Version 4), computed from the request that arrived and the real key."""

import hashlib
import hmac
import re
import urllib.parse

ALGORITHM = "AWS4-HMAC-SHA256"


def authorization(request, key):
    """With the scope and the signed headers that the request names."""
    headers = {name.lower(): " ".join(value.split()) for name, value in request.headers}
    named = re.search(r"Credential=[^/]*/([^,]+), *SignedHeaders=([^,]+)", headers.get("authorization", ""))
    if not named:
        return "a signature"
    scope, signed = named.groups()
    canonical = "\n".join([
        request.method,
        # Every service but S3 signs the path with its percent signs encoded once more.
        request.path if "/s3/" in scope else urllib.parse.quote(request.path, safe="/-_.~"),
        "&".join(sorted(request.target.partition("?")[2].split("&"))),
        *(f"{name}:{headers.get(name, '')}" for name in signed.split(";")), "",
        signed,
        headers.get("x-amz-content-sha256") or hashlib.sha256(request.body).hexdigest(),
    ])
    to_sign = "\n".join([ALGORITHM, headers.get("x-amz-date", ""), scope, hashlib.sha256(canonical.encode()).hexdigest()])
    derived = ("AWS4" + key["secret_access_key"]).encode()
    for part in [*scope.split("/"), to_sign]:
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    return f"{ALGORITHM} Credential={key['access_key_id']}/{scope}, SignedHeaders={signed}, Signature={derived.hex()}"
