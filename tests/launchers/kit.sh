# shellcheck shell=bash
# What the checks of tests/launchers are made of. Sourced by run.sh.
# shellcheck disable=SC2154 # work, user_id and the others are run.sh's

readonly shown=(out err)
# shellcheck source=tests/checks.sh
. "$here/../checks.sh"

# Runs a command as the user; sets code and out.
attempt() {
  code=0
  if declare -F "$1" >/dev/null; then "$@"; else timeout --foreground "$command_timeout" "${as_user[@]}" "$@"; fi \
    >"$work/out" 2>"$work/err" </dev/null || code=$?
  out=$(<"$work/out")
}

skip() {
  skipped=$((skipped + 1))
  printf 'skipped - %s\n' "$1"
}
