#!/usr/bin/env bash
# Builds the packages, and installs, upgrades and removes each as a user would, in a root directory
# of its own.
#
#   PACKAGES_ROOT=target/packages-root.tar tests/packages/run.sh BINARY
#
# PACKAGES_ROOT is what root.sh makes once: a system that nothing was ever installed in. PACKAGES_OLD
# may name the binary of an earlier version, from which the .deb is then upgraded; without it both
# have the same one.
#
# Needs root, for mounts and a network that nobody else sees, what tests/clients/install.sh installs
# for the browser, and Debian's packages binutils, chromium, curl, dpkg-dev, iproute2, man-db, nodejs,
# npm, openssl, rpm and shellcheck.
#
# Prints a line for each check; fails if one of them does.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly project=$here/../..
readonly command_timeout=60 # seconds that one command may take on a busy machine
readonly build_timeout=300  # seconds for one build of all packages

passed=0
failed=0
server_pid=

# shellcheck source=tests/packages/kit.sh
. "$here/kit.sh"
# shellcheck source=tests/packages/documented.sh
. "$here/documented.sh"
# shellcheck source=tests/packages/account.sh
. "$here/account.sh"
# shellcheck source=tests/packages/systems.sh
. "$here/systems.sh"
# shellcheck source=tests/packages/script.sh
. "$here/script.sh"

main() {
  if [[ $# -ne 1 || ! -x ${1:-} || ! -f ${PACKAGES_ROOT:-} ]]; then
    echo "usage: PACKAGES_ROOT=TARBALL tests/packages/run.sh BINARY (tests/packages/root.sh makes the tarball)" >&2
    exit 2
  fi
  if [[ -z ${PACKAGES_NAMESPACE:-} ]]; then
    install_packages
    PACKAGES_NAMESPACE=1 exec unshare --mount --net -- "$here/run.sh" "$1"
  fi
  ip link set lo up
  binary=$(realpath "$1")
  PACKAGES_ROOT=$(realpath "$PACKAGES_ROOT")
  work=$(mktemp -d "${TMPDIR:-/tmp}/authsome-packages-XXXXXX")
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  isolate

  check_files
  build_packages
  check_script
  check_deb
  check_rpm
  check_documented

  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
}

# Before the network is gone.
install_packages() {
  if [[ ! -d $project/tests/interop/node_modules ]]; then (cd "$project/tests/interop" && npm ci --silent >&2); fi
  if [[ ! -d $project/tests/browser/node_modules ]]; then
    echo "run.sh: run tests/clients/install.sh first, for what drives the browser" >&2
    exit 2
  fi
}

# What can be checked without a package: the scripts.
check_files() {
  # The sourced files by way of run.sh: alone they have variables that nobody sets.
  attempt shellcheck --external-sources --check-sourced --source-path="$project" "$project"/packaging/*.sh \
    "$here/run.sh" "$here/root.sh"
  is "shellcheck has nothing to say" 0 "$code"
  local file
  for file in .gitlab-ci.yml .github/workflows/release.yml; do
    # Debian's Python, as the module is Debian's.
    attempt /usr/bin/python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' "$project/$file"
    is "$file is YAML" 0 "$code"
  done
}

# The packages of 9.8.7, twice, and those of the version before. A version that no release has, so
# that none of it is found by chance.
build_packages() {
  local pids=() pid codes=''
  readonly old=9.8.6 new=9.8.7
  export SOURCE_DATE_EPOCH=1700000000
  build "$new" "$work/new" &
  pids+=("$!")
  # Another umask, time zone, language and number of processors: none of them may show.
  (umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 build "$new" "$work/again" taskset --cpu-list 0) &
  pids+=("$!")
  PACKAGING_FAST=1 build "$old" "$work/old" &
  pids+=("$!")
  for pid in "${pids[@]}"; do
    wait "$pid" && codes+=0 || codes+="($?)"
  done
  if [[ $codes != 000 ]]; then
    cat "$work"/*.log >&2
    echo "run.sh: the packages could not be built: $codes" >&2
    exit 1
  fi
  [[ -z ${PACKAGES_OLD:-} ]] || put_old_binary "$work"/old/*.deb
  attempt diff --recursive "$work/new" "$work/again"
  is "two builds are the same, byte for byte" 0 "$code"
  is "the builds make three packages and their checksums" 4 "$(find "$work/new" -type f | wc -l)"
  attempt in_directory "$work/new" sha256sum --check --strict SHA256SUMS
  is "the checksums are right" 0 "$code"
  is "each package has one" 3 "$(wc -l <"$work/new/SHA256SUMS")"
  attempt tar --list --file "$(echo "$work"/new/*.tar.gz)"
  is "the licences are in the tarball" 2 "$(grep -cE '/(LICENSE|THIRD-PARTY-LICENSES)$' <<<"$out")"
}

build() {
  local version=$1 out=$2
  shift 2
  timeout "$build_timeout" "$@" "$project/packaging/build.sh" "$binary" "$version" "$out" >"$out.log" 2>&1
}

# In place of the one that was packed: it may be too old to be asked for its man pages.
put_old_binary() {
  dpkg-deb --raw-extract "$1" "$work/old.tree"
  install "$PACKAGES_OLD" "$work/old.tree/usr/bin/authsome"
  dpkg-deb --root-owner-group -Zgzip -z1 --build "$work/old.tree" "$1" >"$work/old.log"
}

main "$@"
