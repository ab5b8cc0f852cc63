# shellcheck shell=bash
# What the checks of tests/packages are made of. Sourced by run.sh.

readonly shown=(out err)
# shellcheck source=tests/checks.sh
. "$here/../checks.sh"

# Runs a command; sets code, out and err.
attempt() {
  code=0
  if declare -F "$1" >/dev/null; then "$@"; else timeout --foreground "$command_timeout" "$@"; fi \
    >"$work/out" 2>"$work/err" </dev/null || code=$?
  out=$(<"$work/out")
  err=$(<"$work/err")
  printf '(exit code %d)\n' "$code" >>"$work/err"
}

in_directory() { (cd "$1" && shift && timeout --foreground "$command_timeout" "$@"); }

# Nothing of the machine's settings reaches the test.
isolate() {
  unset HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
  unset AUTHSOME_MASTER_KEY AUTHSOME_SESSION AUTHSOME_INSTALL_DIR AUTHSOME_INSTALL_URL XDG_DATA_HOME MANPATH
  export NO_COLOR=1
  umask 022
  : >"$work/out"
  : >"$work/err"
}

stop_server() {
  if [[ -n $server_pid ]]; then
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
  fi
  server_pid=
}

clean_up() {
  stop_server
  # The roots first: what is below a mount must not be removed through it, and a directory that is
  # one cannot be removed. All of them are in this process's own mount namespace.
  local mounted
  while read -r mounted; do
    umount --lazy "$mounted" || true
  done < <(awk -v below="${work:-none}/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
  if [[ -n ${work:-} ]]; then rm -rf --one-file-system "$work"; fi
}
