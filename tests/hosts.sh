#!/usr/bin/env bash
# Runs a command with the hosts file of each of some distributions, and with one that knows a name of the tests; each time in a mount
# namespace of its own, so that the machine's file stays as it is.
#
#     tests/hosts.sh [-u USER] [-n debian,ubuntu,fedora,alpine,gitlab] COMMAND [ARGUMENT...]
#     tests/hosts.sh -u nobody cargo test --workspace
#
# Ends non-zero when one of the runs did, and says which. Without root it takes a user namespace, where those may be had.
set -euo pipefail

user=
names=debian,ubuntu,fedora,alpine,gitlab
while getopts u:n: option; do
  case $option in
  u) user=$OPTARG ;;
  n) names=$OPTARG ;;
  *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }

hosts_of() {
  case $1 in
  debian) printf '%s\n' '127.0.0.1 localhost' '::1 localhost ip6-localhost ip6-loopback' 'ff02::1 ip6-allnodes' 'ff02::2 ip6-allrouters' ;;
  ubuntu) printf '%s\n' '127.0.0.1 localhost' '::1 ip6-localhost ip6-loopback' 'fe00::0 ip6-localnet' 'ff00::0 ip6-mcastprefix' ;;
  fedora) printf '%s\n' '127.0.0.1 localhost localhost.localdomain localhost4 localhost4.localdomain4' \
    '::1 localhost localhost.localdomain localhost6 localhost6.localdomain6' ;;
  alpine) printf '%s\n' '127.0.0.1 localhost localhost.localdomain' '::1 localhost localhost.localdomain' ;;
  gitlab) printf '%s\n' '127.0.0.1 localhost gitlab.test' '::1 localhost gitlab.test' ;;
  *) echo "no such hosts file: $1" >&2; return 2 ;;
  esac
  printf '127.0.1.1 %s\n' "$(hostname)"
}

file=$(mktemp)
trap 'rm -f "$file"' EXIT
chmod 644 "$file"
namespace=(unshare --mount --propagation private)
[ "$(id -u)" -eq 0 ] || namespace+=(--map-root-user)
become=()
[ -z "$user" ] || become=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups)

failed=()
for name in ${names//,/ }; do
  printf '\n== the hosts file of %s\n' "$name"
  hosts_of "$name" >"$file"
  # shellcheck disable=SC2016 # for the shell within
  "${namespace[@]}" sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$file" "${become[@]}" "$@" || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed with the hosts file of: ${failed[*]}" >&2; exit 1; }
