#!/usr/bin/env bash
# Runs each SDK of table_*.py, unmodified, under `authsome run`, against a stand-in of its API (standin.py); run.py says what is checked.
#
#   tests/sdks/run.sh path/to/authsome [--definitions DIR] [--only NAME...]
#
# In network and mount namespaces of its own: the real names of the APIs lead to 127.0.0.1 there, port 443 is free, and nothing gets out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "${1:?the authsome binary}")
shift

for name in $(compgen -v | grep -iE '^(https?|all|no)_proxy$|^AUTHSOME_|^DBUS_' || true); do
  unset "$name"
done
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(--map-root-user)
# shellcheck disable=SC2016 # the inner shell expands it
exec unshare "${as_root[@]}" --net --mount -- sh -c 'ip link set lo up && exec python3 "$@"' sh "$here/run.py" "$binary" "$@"
