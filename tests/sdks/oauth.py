"""A login in a browser, for definitions that are OAuth only: the stand-in is the authorization server too."""

import json
import urllib.parse

from standin import Raw

# What it issues, unless a form of it is checked.
ACCESS_TOKEN = "qYk7Qm2cTz1KfWb9rXe2LhN8vYp5JdGs6Ua3RoTQwErTyUiOpAs"
CODE = "the-code"


def server(authorization_path, token_path, **more):
    """The answers of its two endpoints; `more` is in the token's, too."""

    def token(request):
        asked = dict(urllib.parse.parse_qsl(request.body.decode()))
        if asked.get("code") != CODE:
            return Raw(json.dumps({"error": "invalid_grant"}).encode(), "application/json", 400)
        issued = {"access_token": ACCESS_TOKEN, "refresh_token": "the-refresh-token", "token_type": "bearer", "expires_in": 14400}
        return {**issued, **more}

    return {f"GET {authorization_path}": authorize, f"POST {token_path}": token}


def authorize(request):
    """The user agrees: back to authsome, with a code."""
    asked = dict(urllib.parse.parse_qsl(request.target.partition("?")[2]))
    back = asked["redirect_uri"] + "?" + urllib.parse.urlencode({"code": CODE, "state": asked["state"]})
    return Raw(b"", status=302, headers=[("Location", back)])


def connect_in_a_browser(trial, arguments):
    """`authsome login` with a browser that follows where it is sent."""
    browser = trial.home / "browser"
    browser.write_text(f"#!/bin/sh\nexec curl -q -sS -L --max-time 60 --cacert '{trial.stage.ca}' -o /dev/null \"$1\"\n")
    browser.chmod(0o700)
    trial.environment["BROWSER"] = str(browser)
    secret = trial.home / "client-secret"
    secret.write_text("the-client-secret")
    secret.chmod(0o600)
    return trial.authsome(*arguments, "--client-id", "the-client", "--client-secret-file", str(secret))
