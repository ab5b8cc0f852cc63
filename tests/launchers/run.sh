#!/usr/bin/env bash
# Sandboxes and containers that are not ours, each with a session of `authsome proxy`: what is inside reaches GitLab with the user's token,
# and nothing else, and holds no secret.
#
#   tests/launchers/run.sh BINARY
#
# Needs root, for a user, a name, devices and mounts that nobody else sees, what install.sh installs, and Debian's packages bubblewrap,
# catatonit, crun, curl, firejail, git, nodejs, openjdk-17-jdk-headless, openssl, podman, python3, python3-requests, ripgrep, shellcheck, slirp4netns, socat and uidmap.
# Everything that is tested runs as that user.
#
# Prints a line for each check; fails if one of them does. Without systemd, systemd-run is skipped by name.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly clients=${CLIENTS:-$here/../../target/clients}
readonly command_timeout=120 # seconds that one command may take on a busy machine
readonly user_id=64123       # that no user of a Debian has
readonly user_name=launcher

passed=0
failed=0
skipped=0
server_pid=
proxy_pids=()

# shellcheck source=tests/launchers/kit.sh
. "$here/kit.sh"
# shellcheck source=tests/launchers/stage.sh
. "$here/stage.sh"
# shellcheck source=tests/launchers/engines.sh
. "$here/engines.sh"

main() {
  if [[ $# -ne 1 || ! -x ${1:-} || $(id -u) -ne 0 ]]; then
    echo "usage, as root: tests/launchers/run.sh BINARY" >&2
    exit 2
  fi
  if [[ -z ${LAUNCHERS_NAMESPACE:-} ]]; then
    LAUNCHERS_NAMESPACE=1 exec unshare --mount -- "$here/run.sh" "$1"
  fi
  set_the_stage "$1"

  check_files
  check_search
  check_sandbox_runtime
  check_bubblewrap
  check_firejail
  check_podman
  check_systemd

  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  ((failed == 0))
}

check_files() {
  code=0
  shellcheck --external-sources --check-sourced --source-path="$here/../.." "$here"/{run,install,inside}.sh "$here/../../examples/relay.sh" \
    >"$work/out" 2>"$work/err" || code=$?
  is "shellcheck has nothing to say" 0 "$code"
  code=0
  "$here/../../src/env/helpers/java/build.sh" "$work/agent.jar" >"$work/out" 2>"$work/err" || code=$?
  cmp "$work/agent.jar" "$here/../../src/env/helpers/java/authsome-agent.jar" >>"$work/out" 2>>"$work/err" || code=$?
  is "the agent is what its source compiles to" 0 "$code"
}

# The test of the search: outside, with the token in an environment, a process and a file, it finds each of them.
check_search() {
  local found
  mkdir "$work/seen"
  printf '%s' "$ada" >"$work/seen/file"
  chown -R "$user_id:$user_id" "$work/seen"
  attempt env SEEN="$ada" inside.sh "$base" "$other" "$work/outside" "$work/seen"
  found=$(sed -nE '/^(environment|processes|files|vault)/p' <<<"$out" | sed 's/: 0$/: none/; s/: [0-9]*$/: some/' | tr '\n' ' ')
  is "the search for secrets finds those that are there" "environment: some processes: some files: some vault: some " "$found"
  rm -r "$work/seen"
}

main "$@"
