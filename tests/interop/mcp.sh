#!/usr/bin/env bash
# Runs the generic provider `mcp` against servers made with the official MCP SDK (mcp.mjs). The official client speaks to them under
# `authsome run`, unmodified and without a credential.
#
#   AUTHSOME=path/to/authsome tests/interop/mcp.sh
#
# Needs what run.sh needs. Prints a line for each check; fails if one of them does.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

# shellcheck source-path=SCRIPTDIR
. "$here/lib.sh"

main() {
  set_the_stage mcp.mjs

  check_without_login
  check_server sdk default
  check_server oidc localhost
  check_both_in_one_run
  check_step_up
  check_registration_is_reused
  check_without_metadata
  check_metadata_of_another_resource
  check_without_address
  check_other_flow
  check_revocation

  the_end
}

# === the checks ===

check_without_login() {
  attempt "$AUTHSOME" run -- node "$here/mcp-client.mjs" "$(setting sdk)"
  is "without a login, the client is refused" 1 "$code"
}

# A login by the address alone, the client's calls, and refreshes. The second server is a second connection.
check_server() {
  local of=$1 name=$2 url
  url=$(setting "$of")
  access_token_ttl 3
  login mcp --base-url "$url"
  is "$of: login succeeds" 0 "$code"
  matches "$of: and says the connection" "connection mcp/$name" "$err"
  if [[ $name != default ]]; then
    matches "$of: and why it has that name" "mcp/default is at $(setting sdk), so this connection is named mcp/$name" "$err"
  fi
  attempt "$AUTHSOME" get mcp --connection "$name" --json
  is "$of: get shows the flow" dcr_pkce "$(field flow <<<"$out")"
  is "$of: the scopes are those that the server asks for" '["mcp:tools"]' "$(field scopes <<<"$out")"
  is "$of: the address is all that gets the credential" "[\"$url\"]" "$(field proxy_hosts <<<"$out")"

  check_client "$of: the client calls a tool" "$of"
  await_expiry "$name"
  check_client "$of: and once more with a refreshed token" "$of"
  await_expiry "$name"
  check_client "$of: and with one from the rotated refresh token" "$of"
  is "$of: the server saw no placeholder" '' "$(told "credentials.$of" | grep -oF authsome-proxy-managed || true)"
  check_resource "$of" "$url"
}

check_client() {
  attempt "$AUTHSOME" run -- node "$here/mcp-client.mjs" "$(setting "$2")" echo
  is "$1" '{"tools":["echo","write"],"answers":["hello"]}' "$out"
}

# RFC 8707: with the authorization, the code and every refresh, and not with the registration.
check_resource() {
  local of=$1 url=$2 kind
  for kind in authorize authorization_code refresh_token; do
    is "$of: each $kind names the resource" "[\"$url\"]" "$(told "$of.$kind" | different resource)"
  done
  matches "$of: there were two refreshes, or more" '^[2-9]$' "$(told "$of.refresh_token.length")"
  is "$of: the registration names none" '[null]' "$(told "$of.register" | different resource)"
  # oidc-provider knows no scope of a resource where applications register, so there the second goes without.
  local scopes='["mcp:tools"]'
  if [[ $of == oidc ]]; then scopes='["mcp:tools",null]'; fi
  is "$of: and asks for the scopes, if that is taken" "$scopes" "$(told "$of.register" | different scope)"
}

check_both_in_one_run() {
  local client="node '$here/mcp-client.mjs'"
  attempt "$AUTHSOME" run -- sh -c "$client $(setting sdk) echo && $client $(setting oidc) echo"
  is "two servers in one run" 2 "$(grep -cF '"answers":["hello"]' <<<"$out")"
  is "each has seen tokens of its own" '' "$(comm -12 <(told credentials.sdk | lines) <(told credentials.oidc | lines))"
}

# RFC 6750 §3.1: the client gets the answer as it is, and the user is told what to type, once.
check_step_up() {
  local hint='authsome login mcp --connection default --scopes mcp:tools,mcp:write --force'
  access_token_ttl 600
  login mcp --force
  is "step-up: login --force renews the first server" 0 "$code"
  attempt "$AUTHSOME" run -- node "$here/mcp-client.mjs" "$(setting sdk)" echo write write
  matches "step-up: the client gets the refusal" '"answers":\["hello",".*insufficient_scope' "$out"
  is "step-up: the user is told what to type, once" 1 "$(grep -cF "$hint" <<<"$err")"
  matches "step-up: and why" 'mcp/default lacks a scope that the provider asks for' "$err"
  attempt "$AUTHSOME" get mcp --field status
  is "step-up: the connection is as good as before" connected "$out"
  login mcp --connection default --scopes mcp:tools,mcp:write --force
  is "step-up: what is told can be typed" 0 "$code"
  attempt "$AUTHSOME" run -- node "$here/mcp-client.mjs" "$(setting sdk)" echo write
  is "step-up: then the tool is there" '{"tools":["echo","write"],"answers":["hello","written"]}' "$out"
  is "step-up: and nobody is told anything" '' "$(grep -F 'lacks a scope' <<<"$err" || true)"
}

check_registration_is_reused() {
  is "all logins at a server were of one application" 1 "$(told sdk.register.length)"
  is "which authorized three times" 3 "$(told sdk.authorize.length)"
}

check_without_metadata() {
  login mcp --connection bare --base-url "$(setting bare)"
  is "without metadata: login fails" 2 "$code"
  matches "without metadata: and says why" 'says nowhere how to log in' "$err"
  matches "without metadata: and what to do" 'check the address' "$err"
  is_not_stored "without metadata" bare
}

check_metadata_of_another_resource() {
  login mcp --connection other --base-url "$(setting other)"
  is "metadata of another resource: login fails" 2 "$code"
  matches "metadata of another resource: and says why" "it is about $(setting sdk), another resource" "$err"
  is_not_stored "metadata of another resource" other
}

check_without_address() {
  login mcp --connection nowhere
  is "without an address: login fails" 2 "$code"
  matches "without an address: and says what to type" 'mcp has no address of its own.*authsome login mcp --base-url URL' "$err"
  is_not_stored "without an address" nowhere
}

check_other_flow() {
  login mcp --connection machine --base-url "$(setting sdk)" --flow client_credentials --client-id x
  is "a flow that is not offered: login fails" 4 "$code"
  matches "a flow that is not offered: and says so" 'MCP server has no login by client_credentials' "$err"
}

check_revocation() {
  attempt "$AUTHSOME" revoke mcp --connection default
  is "revoke succeeds" 0 "$code"
  is "the server was told of the refresh token, once" '["refresh_token"]' "$(told sdk.revoke | different token_type_hint)"
  attempt "$AUTHSOME" get mcp --connection default
  is "the connection is gone" 3 "$code"
}

# === what they are made of ===

login() {
  local provider=$1
  shift
  locked_login "$provider" --ca-file "$ca" "$@"
}

await_expiry() {
  local _
  for _ in {1..100}; do
    attempt "$AUTHSOME" get mcp --connection "$1" --field status
    if [[ $out == expired || $code -ne 0 ]]; then return; fi
    sleep 0.2
  done
}

is_not_stored() {
  attempt "$AUTHSOME" get mcp --connection "$2"
  is "$1: no connection is left" 3 "$code"
}

# The different values of a field in a list of requests.
different() {
  node -e '
    const all = JSON.parse(require("node:fs").readFileSync(0));
    console.log(JSON.stringify([...new Set(all.map((one) => one[process.argv[1]] ?? null))]));
  ' "$1"
}

# A JSON list, a line for each item, sorted.
lines() { node -e 'for (const one of JSON.parse(require("node:fs").readFileSync(0)).sort()) console.log(one)'; }

told() { browse "$base/seen" | field "$1"; }
access_token_ttl() { browse -o /dev/null -f -X POST "$base/control?access_token_ttl=$1"; }

main
