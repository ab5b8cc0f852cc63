"""The clients that publish to package registries: each at a registry of its own address, as there is for none of them a usual one.

No key here has ever been one.
"""

from sdk import Sdk, key
from standin import Once, Raw
from table_services import basic

SUM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

SDKS = [
    Sdk(
        "npm", "npm", "call_npm.sh", ["npm.acme.test"], ["NPM_TOKEN", "NODE_AUTH_TOKEN", "YARN_NPM_AUTH_TOKEN"],
        key("npm_4hQkZxWvBnMtRyUpLsDgHjKfAcEoIiYwTzXq"),
        {
            "GET /-/whoami": {"username": "ada"},
            "GET /ada-engine": Raw(b'{"error": "Not found"}', "application/json", 404),
            "PUT /ada-engine": {"ok": True, "success": True},
        },
        "+ ada-engine@1.0.0",
        base_url="https://npm.acme.test",
    ),
    Sdk(
        "twine", "pypi", "call_twine.py", ["upload.acme.test"], ["TWINE_PASSWORD", "UV_PUBLISH_PASSWORD", "FLIT_PASSWORD"],
        key("pypi-AgEIcHlwaS5hY21lAiQ0aFFrWnhXdkJuTXRSeVVwTHNEZ0hqS2ZBYw"),
        {"POST /legacy/": Raw(b"OK")},
        "ada_engine-1.0.0.tar.gz is uploaded",
        {"header authorization": basic("__token__", "{api_key}")},
        base_url="https://upload.acme.test/legacy",
    ),
    Sdk(
        "cargo", "cargo", "call_cargo.sh", ["crates.acme.test"], ["CARGO_REGISTRY_TOKEN"],
        key("cio4hQkZxWvBnMtRyUpLsDgHjKfAcEoIiYwTz"),
        {
            "GET /index/config.json": {"dl": "https://crates.acme.test/dl", "api": "https://crates.acme.test"},
            # cargo looks whether the version is there already, and after the upload until it is.
            "GET /index/ad/a-/ada-engine": Once(
                Raw(b"", status=404),
                Raw(b'{"name":"ada-engine","vers":"1.0.0","deps":[],"cksum":"%s","features":{},"yanked":false}\n' % SUM.encode()),
            ),
            "PUT /api/v1/crates/new": {"warnings": {"invalid_categories": [], "invalid_badges": [], "other": []}},
        },
        "Published ada-engine v1.0.0 at registry `acme`",
        {"header authorization": "{api_key}"},
        base_url="https://crates.acme.test",
        open_paths=("/index/*",),
    ),
]
