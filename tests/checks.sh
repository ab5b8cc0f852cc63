# shellcheck shell=bash
# How the shell suites say what holds. Sourced by each, which sets passed, failed and work, and in shown what of the last command's output is
# printed with a failure: out, err, or both. Where a command is meant to print a secret, that is err alone.
# shellcheck disable=SC2154 # work and shown are the suite's

is() { if [[ $3 == "$2" ]]; then ok "$1"; else not_ok "$1" "expected: $2" "found: $3"; fi; }
matches() { if [[ $3 =~ $2 ]]; then ok "$1"; else not_ok "$1" "expected to match: $2" "found: $3"; fi; }

ok() {
  passed=$((passed + 1))
  printf 'ok - %s\n' "$1"
}

not_ok() {
  local file
  failed=$((failed + 1))
  printf 'not ok - %s\n' "$1"
  shift
  printf '# %s\n' "$@" >&2
  for file in "${shown[@]}"; do sed 's/^/# | /' "$work/$file" >&2 || true; done
}
