"""Runs the SDKs of the tables under `authsome run`; run.sh starts it in namespaces of its own.

For each of them: `authsome login` with a key that looks real, in a home of its own; then its script of scripts/, with what
`authsome run` puts into the environment and nothing else. The stand-in must have seen exactly one credential in each request, the real
one in its right place, and the placeholder nowhere as one. A line is printed for each check, and the number of them at the end.
"""

import argparse
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

import standin
import table_ai
import table_oauth
import table_registries
import table_services

SDKS = table_ai.SDKS + table_services.SDKS + table_registries.SDKS + table_oauth.SDKS
HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = pathlib.Path(os.environ.get("CLIENTS", HERE.parents[1] / "target/clients")) / "sdks"
# Far more than any of them takes: what hangs ends here, and fails.
TIMEOUT = 120
# For one that waits until it may ask again, which is what it should do.
WAITING = 20

# Whatever carries a credential at one of these APIs. Of these a request has the one that it should have, and no other.
CREDENTIALS = {
    "header": {
        "api-key", "authorization", "cookie", "dd-api-key", "dd-application-key", "private-token", "proxy-authorization",
        "x-algolia-api-key", "x-api-key", "x-api-token", "x-auth-email", "x-auth-key", "x-auth-token", "x-authorization", "x-goog-api-key",
        "x-shopify-access-token", "xi-api-key",
    },
    "query": {"access_token", "api_key", "apikey", "auth", "key", "token"},
}

# How often these ask where a budget of the run is used up: they take no notice of any field that a response can have. The others ask once.
ASKS_OVER_BUDGET = {
    "airtable.js": 6, "algoliasearch": 4, "asana": 6, "boto3": 3, "box-sdk-gen": 5, "brevo-python": 3, "cargo": 4, "cohere": 3, "deepgram-sdk": 3, "elevenlabs": 3, "gh": 2,
    "huggingface_hub": 2, "jira": 4, "klaviyo-api": 3, "mailgun": 4, "npm": 3, "octokit": 4, "pagerduty": 6, "pinecone": 4, "pyairtable": 6, "pydo": 4,
    "squareup": 3,
}

INTERPRETERS = {".py": [str(CLIENTS / "python/bin/python")], ".mjs": ["node"], ".sh": ["bash"]}


class Report:
    """The checks: a line for each, with what was found where one failed."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, what, fault):
        if not fault:
            self.passed += 1
            print(f"ok - {what}", flush=True)
            return True
        self.failed += 1
        print(f"not ok - {what}", flush=True)
        print("\n".join(f"# {line}" for line in str(fault).splitlines()), file=sys.stderr, flush=True)
        return False


class Stage:
    """What all of them share: the CA, the names, the stand-in, the directory with their homes."""

    def __init__(self, binary, definitions, sdks):
        self.binary = binary
        self.definitions = definitions
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="authsome-sdks-"))
        hosts = sorted({host for sdk in sdks for host in sdk.hosts})
        self.name_hosts(hosts)
        self.ca = self.work / "ca.pem"
        self.stand_in = standin.StandIn(self.make_certificates(hosts))

    def name_hosts(self, hosts):
        names = self.work / "hosts"
        names.write_text("127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {host}\n" for host in hosts))
        subprocess.run(["mount", "--bind", names, "/etc/hosts"], check=True)

    def make_certificates(self, hosts):
        """A CA that nobody else trusts, and one leaf for all names. The file with the leaf and its key."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        leaf = self.work / "leaf.pem"
        self.openssl(*key, "-subj", "/CN=A CA of this test", "-keyout", self.work / "ca.key", "-out", self.ca,
                     "-addext", "keyUsage=critical,keyCertSign")
        self.openssl(*key, "-subj", "/CN=stand-in", "-keyout", self.work / "leaf.key", "-out", leaf,
                     "-CA", self.ca, "-CAkey", self.work / "ca.key", "-addext", "basicConstraints=critical,CA:FALSE",
                     "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts))
        leaf.write_text(leaf.read_text() + (self.work / "leaf.key").read_text())
        return leaf

    def openssl(self, *arguments):
        subprocess.run(["openssl", "req", "-x509", *arguments], check=True, capture_output=True)

    def close(self):
        subprocess.run(["umount", "/etc/hosts"], check=True)
        shutil.rmtree(self.work)


class Trial:
    """One SDK: its login, its run, and what the stand-in saw."""

    def __init__(self, stage, sdk, report):
        self.stage = stage
        self.sdk = sdk
        self.report = report
        self.home = stage.work / sdk.name
        self.home.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "AUTHSOME_HOME": str(self.home / ".authsome"),
            "TMPDIR": str(self.home),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
        }

    def check(self, what, fault):
        return self.report.check(f"{self.sdk.name}: {what}", fault)

    def authsome(self, *arguments, stdin="", timeout=TIMEOUT):
        try:
            return subprocess.run(
                [self.stage.binary, *arguments], input=stdin, env=self.environment, cwd=self.home, timeout=timeout,
                capture_output=True, text=True,
            )
        except subprocess.TimeoutExpired as expired:
            said = [(text or b"").decode() for text in (expired.stdout, expired.stderr)]
            return subprocess.CompletedProcess(expired.cmd, 124, *said)

    def run(self):
        self.stage.stand_in.expect(self.sdk.hosts, self.sdk.answers)
        if self.stage.definitions:
            self.register()
        if not self.check("login", failure(self.login())):
            return
        asked = self.stage.stand_in.take(self.sdk.hosts)
        if asked and not self.sdk.login:
            self.check("login asks with the same credential", self.wrong_credential(asked))
        ran = self.start()
        requests = self.stage.stand_in.take(self.sdk.hosts)
        self.check_answers(ran, requests)
        self.check(f"one credential in each of {len(requests)} requests: {' and '.join(self.sdk.credential)}",
                   self.wrong_credential(requests))
        self.check_environment()
        self.check_over_budget()
        if self.sdk.text:
            self.check("a body that has the placeholder as text is not changed", self.changed_text(requests))

    def register(self):
        file = self.stage.definitions / f"{self.sdk.provider}.json"
        if file.exists():
            done = self.authsome("register", str(file), "--yes", "--force")
            if done.returncode != 0:
                raise SystemExit(f"{file}: {done.stderr}")

    def login(self):
        arguments = ["login", self.sdk.provider, "--ca-file", str(self.stage.ca)]
        for name, value in self.sdk.params.items():
            arguments += ["--param", f"{name}={value}"]
        if self.sdk.base_url:
            arguments += ["--base-url", self.sdk.base_url]
        if self.sdk.login:
            return self.sdk.login(self, arguments)
        if list(self.sdk.key) == ["api_key"]:
            return self.authsome(*arguments, "--api-key-file", "-", stdin=self.sdk.key["api_key"])
        for name, value in self.sdk.key.items():
            file = self.home / name
            file.write_text(value)
            file.chmod(0o600)
            arguments += ["--field", f"{name}={value if name in self.sdk.public else f'@{file}'}"]
        return self.authsome(*arguments)

    def start(self):
        script = HERE / "scripts" / self.sdk.script
        # The environment is written down by a shell that then becomes the SDK.
        return self.authsome("run", "--", "sh", "-c", 'env -0 >"$0" && exec "$@"', str(self.home / "environment"),
                             *INTERPRETERS[script.suffix], str(script))

    def check_over_budget(self):
        """A run whose one request is spent before the SDK begins: does it try again what is refused with 429?"""
        script = HERE / "scripts" / self.sdk.script
        spend = 'for place in $0; do curl -s -o /dev/null "$place/spent"; done; exec "$@"'
        places = [f"https://{host}" for host in self.sdk.hosts] + [self.sdk.base_url or "https://localhost"]
        self.authsome("run", "--limit", "requests=1", "--", "sh", "-c", spend, " ".join(places),
                      *INTERPRETERS[script.suffix], str(script), timeout=WAITING)
        log = self.authsome("--json", "log", "-n", "1000").stdout
        events = [json.loads(line) for line in log.splitlines()]
        last = [event["run"] for event in events if event.get("run")][-1:]
        refused = [event for event in events if event.get("rule") == "policy/limit" and event["run"] in last]
        asked = sum(not event["path"].endswith("/spent") for event in refused)
        most = ASKS_OVER_BUDGET.get(self.sdk.name, 1)
        self.check(f"over its budget it asks {most} times at most", "" if 1 <= asked <= most else f"it asked {asked} times")

    def check_answers(self, ran, requests):
        unknown = "".join(f"unexpected request: {request}\n" for request in requests if not request.answered)
        said = failure(ran) or ("" if ran.stdout.strip() == self.sdk.says else f"expected: {self.sdk.says}\n{everything(ran)}")
        self.check("the SDK gets its answers" + (", a stream piece by piece" if self.sdk.streams else ""), said and unknown + said)

    def wrong_credential(self, requests):
        if not requests:
            return "no request came"
        return "\n".join(f"{request}: {fault}" for request in requests for fault in self.faults(request))

    def faults(self, request):
        expected = self.sdk.expected(request)
        found = {}
        for place, value in request.places():
            kind, _, name = place.partition(" ")
            if place in expected or name.lower() in CREDENTIALS.get(kind, ()):
                found.setdefault(place, []).append(value)
            elif any(secret in readable(value) for secret in self.sdk.secrets()):
                yield f"the credential stands in {place} too"
            # authsome's own name at login is none of them.
            if place != "header user-agent" and value != expected.get(place) and self.has_placeholder(value):
                yield f"the placeholder stands in {place}: {value}"
        for place, value in expected.items():
            values = found.pop(place, [])
            right = [one for one in values if (value in one if place == "path" else one == value)]
            if len(values) != 1 or len(right) != 1:
                yield f"{place} has {values}, not {value}"
        for place, values in found.items():
            yield f"a second credential in {place}: {values}"
        if any(secret.encode() in request.body for secret in self.sdk.secrets()):
            yield "the credential stands in the body"

    def has_placeholder(self, value):
        return any(placeholder in readable(value) for placeholder in {"authsome", *self.placeholders()})

    def placeholders(self):
        file = self.home / "environment"
        child = read_environment(file) if file.exists() else {}
        return {child[name] for name in self.sdk.variables if child.get(name)}

    def check_environment(self):
        file = self.home / "environment"
        child = read_environment(file) if file.exists() else {}
        leaks = [f"{name} has the credential" for name, value in child.items() if any(s in value for s in self.sdk.secrets())]
        missing = [f"{name} is not set" for name in self.sdk.variables if not child.get(name)]
        self.check(f"{' and '.join(self.sdk.variables)}: a placeholder", "\n".join(leaks + missing))

    def changed_text(self, requests):
        request, pointer = self.sdk.text
        found = [json.loads(one.body) for one in requests if f"{one.method} {one.path}" == request and one.body]
        wanted = [f"What is {placeholder}?" for placeholder in self.placeholders()]
        texts = [follow(body, pointer) for body in found]
        return "" if texts and all(text in wanted for text in texts) else f"expected {wanted}, found {texts}"


def readable(value):
    """What a place says, percent-encoding and Basic (RFC 7617) undone."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(encoded).decode(errors="replace")
        except ValueError:
            pass  # It is no Basic, and is searched as it stands.
    return urllib.parse.unquote(value)


def follow(value, pointer):
    for name in pointer.strip("/").split("/"):
        value = value[int(name) if isinstance(value, list) else name]
    return value


def read_environment(file):
    return dict(entry.split("=", 1) for entry in file.read_text(errors="replace").split("\0") if "=" in entry)


def failure(done):
    return "" if done.returncode == 0 else everything(done)


def everything(done):
    return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("binary")
    options.add_argument("--definitions", type=pathlib.Path, help="take definitions from here rather than the bundled ones")
    options.add_argument("--only", nargs="+", metavar="NAME", help="only these SDKs")
    arguments = options.parse_args()
    sdks = [sdk for sdk in SDKS if not arguments.only or sdk.name in arguments.only]
    if not sdks:
        raise SystemExit("no such SDK; there are " + ", ".join(sdk.name for sdk in SDKS))
    report = Report()
    stage = Stage(arguments.binary, arguments.definitions, sdks)
    try:
        for sdk in sdks:
            Trial(stage, sdk, report).run()
    finally:
        stage.close()
    print(f"{report.passed} passed, {report.failed} failed")
    return report.failed > 0


if __name__ == "__main__":
    sys.exit(main())
