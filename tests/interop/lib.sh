# shellcheck shell=bash
# What the interop tests share: sourced by run.sh, flows.sh and mcp.sh, which set `here`.
# shellcheck disable=SC2034,SC2153,SC2154 # what they read and what a check is about is set or read there

readonly shown=(err)
# shellcheck source=tests/checks.sh
. "$here/../checks.sh"

readonly port_lock=${TMPDIR:-/tmp}/authsome-test-port-7998.lock
readonly command_timeout=120 # seconds that one command may take on a busy machine

passed=0
failed=0
server_pid=

# === the checks' tools ===

# Runs a command; sets code, out and err.
attempt() {
  code=0
  limited "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
  out=$(<"$work/out")
  err=$(<"$work/err")
  printf '(exit code %d)\n' "$code" >>"$work/err"
}

# In the foreground, so that a command that takes hold of the terminal is not stopped.
limited() { timeout --foreground "$command_timeout" "$@"; }

# One login at a time on this machine: the port is fixed. The lock is not handed on to what the login starts.
locked_login() {
  exec 9>>"$port_lock"
  flock --wait 600 9
  attempt "$AUTHSOME" login "$@" 9>&-
  exec 9>&-
}

counter() { browse "$base/counters" | field "$1.$2"; }
setting() { field "$1" <<<"$ready"; }
browse() { curl -q -sS --max-time 30 --noproxy '*' --cacert "$ca" "$@"; }

# A member of the JSON on stdin, by its path. Nothing if it is not there.
field() {
  node -e '
    let value;
    try { value = JSON.parse(require("node:fs").readFileSync(0, "utf8")); } catch {}
    for (const name of process.argv[1].split(".")) value = value?.[name];
    if (value !== undefined) console.log(typeof value === "object" ? JSON.stringify(value) : String(value));
  ' "$1"
}

# For tokens: neither is printed.
differ() {
  if [[ $2 == "$3" ]]; then not_ok "$1" "the same as before"
  elif [[ -z $2 || -z $3 || "$2$3" == *' '* ]]; then not_ok "$1" "there is no token"
  else ok "$1"; fi
}

# === the stage ===

# The binary, a home of its own, and the server of that script.
set_the_stage() {
  find_authsome
  work=$(mktemp -d "${TMPDIR:-/tmp}/authsome-interop-XXXXXX")
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  isolate
  install_packages
  start_server "$1"
  write_browser
}

the_end() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
}

find_authsome() {
  local candidate
  for candidate in ${AUTHSOME:+"$AUTHSOME"} "$here/../../target/release/authsome" "$here/../../target/debug/authsome"; do
    if [[ -x $candidate && ! -d $candidate ]]; then
      AUTHSOME=$(realpath "$candidate")
      return
    fi
    if [[ -n ${AUTHSOME:-} ]]; then break; fi
  done
  echo "${0##*/}: no authsome binary${AUTHSOME:+ at $AUTHSOME}; build one, or name it with AUTHSOME" >&2
  exit 2
}

# Nothing of the machine's settings reaches the test.
isolate() {
  unset HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
  unset AUTHSOME_MASTER_KEY AUTHSOME_SESSION DBUS_SESSION_BUS_ADDRESS
  export AUTHSOME_HOME=$work/home NO_COLOR=1
  : >"$work/err"
}

# Anew where another list of packages was installed.
install_packages() {
  local list=$here/package-lock.json
  if cmp -s "$list" "$here/node_modules/.authsome-installed"; then return; fi
  (cd "$here" && npm ci --silent >&2)
  cp "$list" "$here/node_modules/.authsome-installed"
}

# The server ends with its stdin, which the coprocess's descriptor holds: it does not outlive this script, whatever ends it.
start_server() {
  coproc SERVER { exec node "$here/$1" 2>"$work/server.log"; }
  server_pid=$SERVER_PID
  local output=${SERVER[0]}
  if ! IFS= read -r -t 60 -u "$output" ready; then
    echo "${0##*/}: the server did not start" >&2
    cat "$work/server.log" >&2
    exit 2
  fi
  base=https://localhost:$(setting port)
  ca=$(setting ca)
}

# Follows the login to its end; a fresh cookie jar each time, so that each is the login of somebody new.
write_browser() {
  export BROWSER=$work/browser
  cat >"$BROWSER" <<END
#!/bin/sh
jar=\$(mktemp '$work/jar-XXXXXX')
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
exec curl -q -sS -L --max-time 60 --noproxy '*' --cacert '$ca' -b "\$jar" -c "\$jar" -o /dev/null "\$1"
END
  chmod 700 "$BROWSER"
}

clean_up() {
  if [[ -n $server_pid ]]; then
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
