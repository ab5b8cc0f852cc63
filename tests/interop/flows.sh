#!/usr/bin/env bash
# Runs the flows for devices, for applications and for applications that register themselves against oidc-provider (flows.mjs).
#
#   AUTHSOME=path/to/authsome tests/interop/flows.sh
#
# Needs what run.sh needs. Prints a line for each check; fails if one of them does.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

# shellcheck source-path=SCRIPTDIR
. "$here/lib.sh"

main() {
  set_the_stage flows.mjs
  register_provider

  check_device
  check_device_that_is_too_fast
  check_device_that_is_refused
  check_device_whose_name_is_taken
  check_device_that_is_interrupted
  check_device_at_a_wrong_endpoint
  check_device_code_that_expires
  check_machine
  check_machine_with_a_wrong_secret
  check_registration
  check_registration_for_other_scopes
  check_registration_that_is_forgotten
  check_registration_that_is_refused
  check_flow_that_is_not_offered

  the_end
}

# === devices ===

# The whole life: the code is shown, entered elsewhere, and the pair rotates.
check_device() {
  control access_token_ttl=3
  begin_device one
  await_refusal authorization_pending
  walk_device_pages "$device_uri" "$device_code"
  end_login
  is "device: login succeeds" 0 "$code"
  matches "device: the page is said" "^$base/device\$" "$device_uri"
  matches "device: it says that it is renewed" 'renews itself' "$err"
  attempt "$AUTHSOME" get interop --connection one --json
  is "device: get shows the flow" device_code "$(field flow <<<"$out")"
  is "device: and the account" interop "$(field account.label <<<"$out")"
  check_refresh "device: an expired token is refreshed" one refresh_token
  check_refresh "device: and once more, with the rotated refresh token" one refresh_token
  check_run "device: run injects the token" one '{"id":"7","label":"interop"}'
}

# RFC 8628 §3.5: five seconds more, from then on.
check_device_that_is_too_fast() {
  control slow_down=1
  begin_device fast
  await_refusal slow_down
  walk_device_pages "$device_uri" "$device_code"
  end_login
  is "slow_down: login succeeds" 0 "$code"
  local first second
  first=$(told polls.0) second=$(told polls.1)
  matches "slow_down: the next poll waits five seconds more" '^[6-9]$' $(((second - first) / 1000))
}

check_device_that_is_refused() {
  begin_device refused
  walk_device_pages "$device_uri" "$device_code" --data-urlencode abort=yes
  end_login
  is "device refused: login fails" 2 "$code"
  matches "device refused: and says why" access_denied "$err"
  is_not_stored "device refused" refused
}

# Another login has taken the name while the code was entered: nobody would keep the grant.
check_device_whose_name_is_taken() {
  begin_device taken
  local pid=$login_pid uri=$device_uri entered=$device_code
  mv "$work/err" "$work/err-of-the-first"
  begin_device taken
  walk_device_pages "$device_uri" "$device_code"
  end_login
  is "device, twice: the one that ends first is stored" 0 "$code"
  local revoked_before
  revoked_before=$(told revoked)
  login_pid=$pid
  walk_device_pages "$uri" "$entered"
  end_login
  is "device, twice: the other fails" 6 "$code"
  is "device, twice: its grant is revoked" 1 $(($(told revoked) - revoked_before))
  attempt "$AUTHSOME" get interop --connection taken --json
  is "device, twice: the first is still there" 0 "$code"
}

# The tokens are granted already when the user gives up.
check_device_that_is_interrupted() {
  local revoked_before _
  revoked_before=$(told revoked)
  control held=1
  begin_device interrupted
  walk_device_pages "$device_uri" "$device_code"
  for _ in {1..300}; do
    if [[ $(told held) == 1 ]]; then break; fi
    sleep 0.1
  done
  pkill -TERM -P "$login_pid"
  control held=0
  end_login
  is "device, interrupted: login fails" 2 "$code"
  is "device, interrupted: its grant is revoked" 1 $(($(told revoked) - revoked_before))
  is_not_stored "device, interrupted" interrupted
}

# What does not pass is said at once.
check_device_at_a_wrong_endpoint() {
  begin_device wrong
  control page=1
  end_login
  is "device, a page in place of an answer: login fails" 2 "$code"
  matches "device, a page in place of an answer: and says so" "responded with 404 and text/html" "$err"
  is_not_stored "device, a page in place of an answer" wrong
}

check_device_code_that_expires() {
  control device_code_ttl=2
  begin_device late
  end_login
  is "device code expired: login fails" 2 "$code"
  matches "device code expired: and says why" "the code has expired before it was entered at $base/device" "$err"
  matches "device code expired: and what to type" "authsome login interop --connection late .*--flow device_code" "$err"
  is_not_stored "device code expired" late
}

# === applications ===

check_machine() {
  printf %s "$(setting machine.client_secret)" >"$work/secret"
  control access_token_ttl=3
  login machine --flow client_credentials --scopes read --client-id "$(setting machine.client_id)" --client-secret-file "$work/secret"
  is "client credentials: login succeeds" 0 "$code"
  attempt "$AUTHSOME" get interop --connection machine --json
  is "client credentials: get shows the flow" client_credentials "$(field flow <<<"$out")"
  is "client credentials: and whose it is" 'an application' "$(field account.label <<<"$out")"
  is "client credentials: and the scopes" '["read"]' "$(field scopes <<<"$out")"
  check_refresh "client credentials: an expired token is asked for again" machine client_credentials
  check_run_that_outlives_its_token machine
}

# One run, two requests, and the token's end between them: the resource sees another token.
check_run_that_outlives_its_token() {
  local before
  before=$(told seen)
  attempt "$AUTHSOME" run --connection "interop=$1" -- sh -c "
    for _ in 1 2; do curl -q -sS --max-time 30 $base/api/me && sleep 4; done"
  is "client credentials: a run goes on with a new token" 2 "$(grep -o 'an application' <<<"$out" | wc -l)"
  local new
  new=$(node -e 'const [a, b] = process.argv.slice(1).map(JSON.parse); console.log(b.filter((one) => !a.includes(one)).length)' \
    "$before" "$(told seen)")
  matches "client credentials: the resource has seen two tokens" '^[2-9]$' "$new"
  is "client credentials: and no placeholder" '' "$(told seen | grep -oF authsome-proxy-managed || true)"
}

check_machine_with_a_wrong_secret() {
  printf 'not-the-secret' >"$work/wrong-secret"
  login wrong --flow client_credentials --client-id "$(setting machine.client_id)" --client-secret-file "$work/wrong-secret"
  is "a wrong secret: login fails" 2 "$code"
  matches "a wrong secret: and says why" "refuses this application's id or secret" "$err"
  is "a wrong secret: which is not shown" '' "$(grep -oF not-the-secret <<<"$err" || true)"
  is_not_stored "a wrong secret" wrong
}

# === applications that register themselves ===

check_registration() {
  local first
  control access_token_ttl=3
  login self --flow dcr_pkce
  is "registration: login succeeds" 0 "$code"
  is "registration: there is one" 1 "$(told registered.length)"
  is "registration: for the one redirect URI" '["http://127.0.0.1:7998/auth/callback/oauth"]' "$(told registered.0.metadata.redirect_uris)"
  is "registration: of a native application" native "$(told registered.0.metadata.application_type)"
  is "registration: that names no resource" '' "$(told registered.0.metadata.resource)"
  attempt "$AUTHSOME" get interop --connection self --json
  is "registration: get shows the flow" dcr_pkce "$(field flow <<<"$out")"
  check_refresh "registration: an expired token is refreshed" self refresh_token
  check_refresh "registration: and once more, with the rotated refresh token" self refresh_token
  check_run "registration: run injects the token" self '{"id":"7","label":"interop"}'

  first=$(told registered.0.client_id)
  login self --flow dcr_pkce --force
  is "registration: login --force succeeds" 0 "$code"
  is "registration: with the same registration" 1 "$(told registered.length)"
  is "registration: and the same application" "$first" "$(told clients | field "$(($(told clients.length) - 1))")"
}

# oidc-provider keeps an application to the scopes that it has registered with.
check_registration_for_other_scopes() {
  login self --flow dcr_pkce --force --scopes openid,read,write
  is "wider scopes: login succeeds" 0 "$code"
  matches "wider scopes: and says what it took" 'is registered for other scopes; registering it anew' "$err"
  is "wider scopes: there is another registration" 2 "$(told registered.length)"
  is "wider scopes: that asks for them" 'openid read write' "$(told registered.1.metadata.scope)"
}

check_registration_that_is_forgotten() {
  control forget=1
  login self --flow dcr_pkce --force
  is "a forgotten registration: login succeeds" 0 "$code"
  matches "a forgotten registration: and says so" 'no longer knows the application; registering it anew' "$err"
  is "a forgotten registration: there is another" 3 "$(told registered.length)"
  check_run "a forgotten registration: run injects the token" self '{"id":"7","label":"interop"}'
}

check_registration_that_is_refused() {
  control closed=1
  login closed --flow dcr_pkce
  is "a refused registration: login fails" 2 "$code"
  matches "a refused registration: and says why" 'has not registered authsome: registrations are closed' "$err"
  matches "a refused registration: and what to type" '--client-id ID' "$err"
  is_not_stored "a refused registration" closed
  control closed=0
}

check_flow_that_is_not_offered() {
  login other --flow api_key
  is "a flow that is not offered: login fails" 4 "$code"
  matches "a flow that is not offered: and says so" 'no login by api_key' "$err"
}

# === what they are made of ===

# A definition whose server is this one.
register_provider() {
  cat >"$work/interop.json" <<END
{
  "schema_version": 1,
  "name": "interop",
  "display_name": "Interop",
  "auth_type": "oauth2",
  "flow": "dcr_pkce",
  "api_url": ["$base/api"],
  "oauth": {
    "authorization_url": "$base/auth",
    "token_url": "$base/token",
    "revocation_url": "$base/token/revocation",
    "device_authorization_url": "$base/device/auth",
    "scopes": ["openid", "offline_access", "read"],
    "pkce": true,
    "supports_device_code": true,
    "supports_client_credentials": true,
    "supports_dcr": true
  },
  "registration": { "registration_endpoint": "$base/reg" },
  "carriers": { "headers": ["authorization"] },
  "export": { "INTEROP_ACCESS_TOKEN": "ACCESS_TOKEN" },
  "account": [{ "url": "$base/api/me", "id": "/id", "label": "/label" }]
}
END
  attempt "$AUTHSOME" register "$work/interop.json" --yes
  is "the definition is registered" 0 "$code"
}

login() {
  local name=$1
  shift
  locked_login interop --connection "$name" --ca-file "$ca" "$@"
}

# Starts a login, and sets device_uri and device_code once it shows them. It needs no port.
begin_device() {
  : >"$work/err" # what the last one has shown
  limited "$AUTHSOME" login interop --connection "$1" --ca-file "$ca" --flow device_code --client-id "$(setting device.client_id)" \
    >"$work/out" 2>"$work/err" </dev/null &
  login_pid=$!
  local _
  for _ in {1..300}; do
    device_code=$(grep -oE '^ +[A-Z0-9]{4}-[A-Z0-9]{4}$' "$work/err" | tr -d ' ' || true)
    if [[ -n $device_code ]]; then break; fi
    sleep 0.1
  done
  device_uri=$(grep -oE '^ +https://[^ ]+$' "$work/err" | tr -d ' ' || true)
}

# Waits for the login; sets what attempt sets.
end_login() {
  code=0
  wait "$login_pid" || code=$?
  out=$(<"$work/out") err=$(<"$work/err")
}

# The pages of the device flow, as a browser that is elsewhere walks them: the code, the confirmation, the consent.
walk_device_pages() {
  local page=$1 user_code=$2 jar xsrf
  shift 2
  jar=$(mktemp "$work/jar-XXXXXX")
  xsrf=$(browse -b "$jar" -c "$jar" "$page" | grep -oE 'name="xsrf" value="[^"]+"' | cut -d'"' -f4)
  local form=(-L -b "$jar" -c "$jar" -o /dev/null --data-urlencode "xsrf=$xsrf" --data-urlencode "user_code=$user_code")
  browse "${form[@]}" "$page"
  browse "${form[@]}" --data-urlencode confirm=yes "$@" "$page"
}

# Waits until the server has refused a token request for that reason.
await_refusal() {
  local before=${refused_before[$1]:-0} _
  for _ in {1..300}; do
    refused_before[$1]=$(told "refused.$1")
    if ((${refused_before[$1]:-0} > before)); then return; fi
    sleep 0.1
  done
}
declare -A refused_before

check_run() {
  attempt "$AUTHSOME" run --connection "interop=$2" -- curl -q -sS --max-time 30 "$base/api/me"
  is "$1" "$3" "$out"
}

# An export before the token's end and one after it: another token, by one request of that grant.
check_refresh() {
  local what=$1 name=$2 grant=$3 before after granted _
  before=$(access_token "$name")
  granted=$(told "granted.$grant")
  for _ in {1..100}; do
    attempt "$AUTHSOME" get interop --connection "$name" --field status
    if [[ $out == expired || $code -ne 0 ]]; then break; fi
    sleep 0.2
  done
  after=$(access_token "$name")
  differ "$what: the access token is another" "$before" "$after"
  is "$what: by one request" $((${granted:-0} + 1)) "$(told "granted.$grant")"
}

access_token() {
  attempt "$AUTHSOME" export interop --connection "$1" --format json
  if ((code)); then printf 'export failed with %d' "$code"; else field INTEROP_ACCESS_TOKEN <<<"$out"; fi
}

is_not_stored() {
  attempt "$AUTHSOME" get interop --connection "$2"
  is "$1: no connection is left" 3 "$code"
}

told() { browse "$base/counters" | field "$1"; }
control() { browse -o /dev/null -f -X POST "$base/control?$1"; }

main
