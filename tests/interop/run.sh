#!/usr/bin/env bash
# Runs authsome against oidc-provider (server.mjs): an authorization server that shares no line with ours.
#
#   AUTHSOME=path/to/authsome tests/interop/run.sh
#
# Needs node >= 20, npm, curl, openssl and flock. Prints a line for each check; fails if one of them does.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

# shellcheck source-path=SCRIPTDIR
. "$here/lib.sh"

main() {
  set_the_stage server.mjs

  check_grant public "$(setting public.client_id)"
  printf %s "$(setting confidential.client_secret)" >"$work/secret"
  check_grant confidential "$(setting confidential.client_id)" --client-secret-file "$work/secret"
  check_wrong_secret
  check_untrusted_server

  the_end
}

# === the checks ===

# The whole life of a connection: login, use, two refreshes, revocation.
check_grant() {
  local name=$1 client=$2
  shift 2
  local args=(--client-id "$client" "$@")

  access_token_ttl 60
  login "$name" --ca-file "$ca" "${args[@]}"
  is "$name: login succeeds" 0 "$code"
  attempt "$AUTHSOME" get gitlab --connection "$name" --json
  is "$name: get shows the status" connected "$(field status <<<"$out")"
  is "$name: get shows the account" interop "$(field account.label <<<"$out")"
  is "$name: get shows no secret" '' "$(grep -oF -e "$(counter "$client" refresh_token)" <<<"$out" || true)"
  check_run "$name: run injects the token" "$name"
  is "$name: no token was refreshed before its time" 0 "$(counter "$client" granted.refresh_token)"
  login "$name" --ca-file "$ca" "${args[@]}"
  is "$name: a connection is not overwritten" 6 "$code"

  # From here on with tokens that end soon.
  access_token_ttl 3
  login "$name" --force --ca-file "$ca" "${args[@]}"
  is "$name: login --force succeeds" 0 "$code"
  check_refresh "$name: an expired token is refreshed" "$name" "$client"
  # The first refresh has spent the first refresh token: this one needs the second, from the vault.
  check_refresh "$name: and once more, with the rotated refresh token" "$name" "$client"
  check_parallel_refresh "$name" "$client"
  check_run "$name: run injects the refreshed token" "$name"
  is "$name: the server refused no token request" '{}' "$(counter "$client" refused)"

  check_revocation "$name" "$client" "$@"
}

check_run() {
  attempt "$AUTHSOME" run --connection "gitlab=$2" -- curl -q -sS --max-time 30 "$base/api/v4/user"
  is "$1" '{"id":7,"username":"interop"}' "$out"
}

# An export before the token's end and one after it: another token, by one request.
check_refresh() {
  local what=$1 name=$2 client=$3 before after refreshes
  before=$(access_token "$name")
  refreshes=$(counter "$client" granted.refresh_token)
  await_expiry "$name"
  is "$what: get prints expired" expired "$status"
  after=$(access_token "$name")
  differ "$what: the access token is another" "$before" "$after"
  is "$what: by one request" $((refreshes + 1)) "$(counter "$client" granted.refresh_token)"
}

# A refresh token that is used twice ends the grant at this server (RFC 9700 §4.14.2): processes must not race.
check_parallel_refresh() {
  local name=$1 client=$2 refreshes pids=() n codes=''
  refreshes=$(counter "$client" granted.refresh_token)
  await_expiry "$name"
  access_token_ttl 60
  for n in 1 2 3 4; do
    limited "$AUTHSOME" export gitlab --connection "$name" --format json >"$work/export.$n" 2>>"$work/err" </dev/null &
    pids+=("$!")
  done
  for n in "${pids[@]}"; do
    wait "$n" && codes+=0 || codes+="($?)"
  done
  is "$name: four processes at once get a token" 0000 "$codes"
  is "$name: all of them the same one" 1 "$(cat "$work"/export.[1-4] | sort -u | grep -c ACCESS_TOKEN)"
  is "$name: by one refresh" $((refreshes + 1)) "$(counter "$client" granted.refresh_token)"
}

check_revocation() {
  local name=$1 client=$2 access refresh revoked response
  shift 2 # leaves --client-secret-file FILE, or nothing
  revoked=$(counter "$client" revoked.refresh_token)
  access=$(access_token "$name")
  refresh=$(counter "$client" refresh_token)
  is "$name: the access token works before the revocation" 200 "$(user_status "$access")"
  attempt "$AUTHSOME" revoke gitlab --connection "$name"
  is "$name: revoke succeeds" 0 "$code"
  is "$name: the server revoked the refresh token" $((revoked + 1)) "$(counter "$client" revoked.refresh_token)"
  is "$name: which was said to be one" refresh_token "$(counter "$client" revocation_hint)"
  is "$name: the access token no longer works" 401 "$(user_status "$access")"
  local form=(--data-urlencode grant_type=refresh_token --data-urlencode "client_id=$client" --data-urlencode refresh_token@-)
  if (($#)); then form+=(--data-urlencode "client_secret@$2"); fi
  response=$(printf %s "$refresh" | browse "${form[@]}" "$base/oauth/token")
  is "$name: the refresh token no longer works" invalid_grant "$(field error <<<"$response")"
  attempt "$AUTHSOME" get gitlab --connection "$name"
  is "$name: the connection is gone" 3 "$code"
}

check_wrong_secret() {
  printf 'not-the-secret' >"$work/wrong-secret"
  login wrong --ca-file "$ca" --client-id "$(setting confidential.client_id)" --client-secret-file "$work/wrong-secret"
  is "a wrong client secret: login fails" 2 "$code"
  matches "a wrong client secret: and says why" invalid_client "$err"
  attempt "$AUTHSOME" get gitlab --connection wrong
  is "a wrong client secret: no connection is left" 3 "$code"
}

# The browser trusts the server here, authsome does not.
check_untrusted_server() {
  local granted client
  client=$(setting public.client_id)
  granted=$(counter "$client" granted.authorization_code)
  login untrusted --client-id "$client"
  matches "an untrusted certificate: login fails" '^(2|8)$' "$code"
  matches "an untrusted certificate: and says why" '[Cc]ertificate|TLS' "$(grep -v https:// <<<"$err" || true)"
  is "an untrusted certificate: no token was asked for" "$granted" "$(counter "$client" granted.authorization_code)"
  attempt "$AUTHSOME" get gitlab --connection untrusted
  is "an untrusted certificate: no connection is left" 3 "$code"
}

# === what they are made of ===

login() {
  local name=$1
  shift
  locked_login gitlab --connection "$name" --base-url "$base" "$@"
}

# Waits until the token has ended; sets status.
await_expiry() {
  local _
  for _ in {1..100}; do
    attempt "$AUTHSOME" get gitlab --connection "$1" --field status
    status=$out
    if [[ $status == expired || $code -ne 0 ]]; then return; fi
    sleep 0.2
  done
}

# The access token of a connection, refreshed if it is due.
access_token() {
  attempt "$AUTHSOME" export gitlab --connection "$1" --format json
  if ((code)); then printf 'export failed with %d' "$code"; else field GITLAB_ACCESS_TOKEN <<<"$out"; fi
}

user_status() {
  printf 'header = "Authorization: Bearer %s"\n' "$1" | browse -K - -o /dev/null -w '%{http_code}' "$base/api/v4/user"
}

access_token_ttl() { browse -o /dev/null -X POST "$base/control?access_token_ttl=$1"; }

main
