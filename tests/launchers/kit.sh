# shellcheck shell=bash
# What the checks of tests/launchers are made of. Sourced by run.sh.
# shellcheck disable=SC2154 # work, user_id and the others are run.sh's

# Runs a command as the user; sets code and out.
attempt() {
  code=0
  if declare -F "$1" >/dev/null; then "$@"; else timeout --foreground "$command_timeout" "${as_user[@]}" "$@"; fi \
    >"$work/out" 2>"$work/err" </dev/null || code=$?
  out=$(<"$work/out")
}

is() { if [[ $3 == "$2" ]]; then ok "$1"; else not_ok "$1" "expected: $2" "found: $3"; fi; }

ok() {
  passed=$((passed + 1))
  printf 'ok - %s\n' "$1"
}

# With what the last command said, which holds no secret unless authsome leaks one.
not_ok() {
  failed=$((failed + 1))
  printf 'not ok - %s\n' "$1"
  shift
  printf '# %s\n' "$@" >&2
  sed 's/^/# | /' "$work/out" "$work/err" >&2 || true
}

skip() {
  skipped=$((skipped + 1))
  printf 'skipped - %s\n' "$1"
}
