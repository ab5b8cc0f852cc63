#!/bin/sh
# What runs in each sandbox and container: clients that know nothing of authsome, then a search for what must not be there.
#
#   inside.sh BASE_URL OTHER_URL OUTSIDE [DIRECTORY...]
#
# OUTSIDE is the directory that holds the vault, the DIRECTORies are those that can be read here. Prints a line for each check: what it is,
# and what came of it.
base=$1 other=$2 outside=$3
shift 3
work=$(mktemp -d)
cd "$work" || exit

say() { printf '%s: %s\n' "$1" "$2"; }
login_of() { sed -n 's/.*"username": "\([a-z]*\)".*/\1/p'; }
# Its words on standard error, for who has to find out what was wrong.
outcome() { if "$@" >&2; then echo "done"; else echo "ended with $?"; fi; }

say curl "$(curl -sS --max-time 30 "$base/api/v4/user" | login_of)"

export GIT_AUTHOR_NAME=launcher GIT_AUTHOR_EMAIL=launcher@example.com GIT_COMMITTER_NAME=launcher GIT_COMMITTER_EMAIL=launcher@example.com
say clone "$(outcome git clone -q "$base/team/app.git" clone)"
echo "$$" >clone/pushed && git -C clone add pushed && git -C clone commit -q -m 'Push from inside'
say push "$(outcome git -C clone push -q origin HEAD:main)"

say node "$(node -e 'fetch(process.argv[1] + "/api/v4/user").then(a => a.json()).then(user => console.log(user.username))' "$base")"
say urllib "$(python3 -c '
import json, sys, urllib.request
print(json.load(urllib.request.urlopen(sys.argv[1] + "/api/v4/user", timeout=30))["username"])' "$base")"
say requests "$(python3 -c '
import requests, sys
print(requests.get(sys.argv[1] + "/api/v4/user", timeout=30).json()["username"])' "$base")"

# What is not allowed, and what goes around the proxy: with no check of the certificate, so that nothing but the network is in the way.
status=$(curl -sS --max-time 30 -o /dev/null -w '%{http_connect}' "$other/api/v4/user")
say other "$status"
status=$(curl -sS --max-time 10 --insecure --noproxy '*' -o /dev/null -w '%{http_code}' "$base/api/v4/user")
say around "$status"

# The expressions do not match themselves, in this process's command line and in this file.
secret='glpat-[0-9a-f]{40}|PRIVATE[ ]KEY|age-secret-key-[0-9a-z]'
say environment "$(env | grep -cE "$secret")"
say processes "$(cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -acE "$secret")"
say files "$(grep -rslE "$secret" "$HOME" "$work" "$@" 2>/dev/null | wc -l)"
say vault "$(find "$outside" -type f 2>/dev/null | wc -l)"
