# shellcheck shell=bash
# A connection on a system: made in a browser, used, shown. Sourced by run.sh.

# The server of tests/interop, which ends with its stdin. Sets base, ca and client_id.
start_gitlab() {
  coproc GITLAB { exec node "$project/tests/interop/server.mjs" 2>"$work/gitlab.log"; }
  # shellcheck disable=SC2153 # bash sets it
  server_pid=$GITLAB_PID
  local ready port
  if ! read -r -t "$command_timeout" -u "${GITLAB[0]}" ready; then
    echo "run.sh: the authorization server did not start" >&2
    cat "$work/gitlab.log" >&2
    exit 1
  fi
  { read -r port && read -r ca && read -r client_id; } < <(
    python3 -c 'import json, sys; ready = json.loads(sys.argv[1]); print(ready["port"], ready["ca"], ready["public"]["client_id"], sep="\n")' "$ready"
  )
  base=https://localhost:$port
  # No token ends while the test lasts.
  ask_gitlab -X POST "$base/control?access_token_ttl=3600" >"$work/control"
}

ask_gitlab() { curl -q -sS --max-time "$command_timeout" --noproxy '*' --cacert "$ca" "$@"; }

# The login runs on the system and the browser here: what is on the system as BROWSER hands the
# address out.
check_login() {
  local format=$1 url= login login_code=0 pages
  cp "$ca" "$system/ca.pem"
  mkfifo "$system/url"
  # shellcheck disable=SC2016 # for the shell on the system
  printf '#!/bin/sh\necho "$1" >/url\n' >"$system/browser"
  chmod +x "$system/browser"
  exec 7<>"$system/url"
  on_system BROWSER=/browser authsome login gitlab --base-url "$base" --ca-file /ca.pem >"$work/login.log" 2>&1 </dev/null 7>&- &
  login=$!
  read -r -t "$command_timeout" -u 7 url || true
  exec 7>&-
  matches "$format: login opens a page of its own in the browser" '^http://127\.0\.0\.1:7998(/|$)' "$url"
  attempt node "$project/tests/browser/connect.mjs" "$url" "$client_id"
  pages="$code $out $err"
  wait "$login" || login_code=$?
  cp "$work/login.log" "$work/err"
  is "$format: login in Chromium succeeds" 0 "$login_code"
  matches "$format: the browser's last page says that it is connected" '^0 .*[Cc]onnected' "$pages"
}

# A program that even sends what it has for a token: the server sees the real one alone.
check_use() {
  local what=$1 token placeholder
  attempt on_system authsome run -- curl -q -sS "$base/api/v4/user"
  is "$what: curl is let in" '0 {"id":7,"username":"interop"}' "$code $out"
  # shellcheck disable=SC2016 # for the shell on the system
  attempt on_system authsome run -- sh -c 'curl -q -sS -H "PRIVATE-TOKEN: $GITLAB_TOKEN" "$1"; echo; echo "$GITLAB_TOKEN"' - "$base/api/v4/user"
  is "$what: and so is one that sends the placeholder" '{"id":7,"username":"interop"}' "${out%%$'\n'*}"
  placeholder=${out##*$'\n'}
  attempt on_system authsome export gitlab --format json
  token=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["GITLAB_ACCESS_TOKEN"])' "${out:-null}" || true)
  is "$what: the server has seen the token, and nothing else" "[\"Bearer $token\"]" "$(ask_gitlab "$base/seen")"
  is "$what: which is not what the program had" different "$([[ -n $placeholder && $placeholder != *"$token"* ]] && echo different)"
}

check_shown() {
  attempt on_system authsome status
  matches "$1: status shows the account" "interop" "$out"
  is "$1: and that it works" 0 "$code"
}
