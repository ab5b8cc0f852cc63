"""The SDKs of services that are connected in a browser: authsome gets a token from the stand-in, and puts that on."""

import oauth
from sdk import Sdk, key
from standin import Raw

SALESFORCE_TOKEN = "00D5f000000AdaX!AQcAQk7Wz2RbX9LmKc4VtN1pYhGdF8sAeUoJi5TkBxMnQwE"

SDKS = [
    Sdk(
        "dropbox", "dropbox", "call_dropbox.py", ["www.dropbox.com", "api.dropboxapi.com", "content.dropboxapi.com"],
        ["DROPBOX_ACCESS_TOKEN"], key(oauth.ACCESS_TOKEN),
        {
            **oauth.server("/oauth2/authorize", "/oauth2/token"),
            "POST /2/users/get_current_account": {
                "account_id": "dbid:" + 35 * "A", "email": "ada@example.com", "email_verified": True, "disabled": False,
                "name": {"given_name": "Ada", "surname": "L", "familiar_name": "Ada", "display_name": "Ada L", "abbreviated_name": "AL"},
                "locale": "en", "referral_link": "https://example.com", "is_paired": False, "account_type": {".tag": "basic"},
                "root_info": {".tag": "user", "root_namespace_id": "1", "home_namespace_id": "1"},
            },
            "POST /2/files/download": Raw(b"hello", "application/octet-stream", headers=[("Dropbox-API-Result", (
                '{"name": "a.txt", "id": "id:aaaaaaaaa", "client_modified": "2026-01-01T00:00:00Z", '
                '"server_modified": "2026-01-01T00:00:00Z", "rev": "0123456789abc", "size": 5}'
            ))]),
        },
        "Ada L\nhello", login=oauth.connect_in_a_browser,
    ),
    Sdk(
        "box-sdk-gen", "box", "call_box.py", ["account.box.com", "api.box.com"], ["BOX_ACCESS_TOKEN"], key(oauth.ACCESS_TOKEN),
        {
            **oauth.server("/api/oauth2/authorize", "/oauth2/token"),
            "GET /2.0/users/me": {"type": "user", "id": "1", "name": "Ada", "login": "ada@example.com"},
        },
        "Ada", login=oauth.connect_in_a_browser,
    ),
    Sdk(
        "google-api-python-client", "google-drive", "call_google_drive.py",
        ["accounts.google.com", "oauth2.googleapis.com", "openidconnect.googleapis.com", "www.googleapis.com"],
        ["GOOGLE_DRIVE_ACCESS_TOKEN"], key(oauth.ACCESS_TOKEN),
        {
            **oauth.server("/o/oauth2/v2/auth", "/token"),
            "GET /v1/userinfo": {"sub": "1", "email": "ada@example.com"},
            "GET /drive/v3/files": {"files": [{"id": "1", "name": "hello"}]},
        },
        "hello", login=oauth.connect_in_a_browser,
    ),
    # The token's answer says which instance it is for.
    Sdk(
        "simple-salesforce", "salesforce", "call_salesforce.py", ["login.salesforce.com", "acme.my.salesforce.com"],
        ["SALESFORCE_ACCESS_TOKEN"], key(SALESFORCE_TOKEN),
        {
            **oauth.server(
                "/services/oauth2/authorize", "/services/oauth2/token", access_token=SALESFORCE_TOKEN,
                instance_url="https://acme.my.salesforce.com", id="https://login.salesforce.com/id/00D/005",
            ),
            "GET /services/oauth2/userinfo": {"user_id": "1", "preferred_username": "ada@example.com"},
            "GET /services/data/v59.0/query/": {"totalSize": 1, "done": True, "records": [{"Name": "hello"}]},
        },
        "hello", login=oauth.connect_in_a_browser,
    ),
]
