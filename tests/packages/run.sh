#!/usr/bin/env bash
# Builds the packages, and installs, upgrades and removes each as a user would, in a root directory
# of its own.
#
#   tests/packages/run.sh BINARY
#
# Needs root, for mounts that nobody else sees, and Debian's packages binutils, dpkg-dev, man-db,
# rpm and shellcheck. The roots are this machine's own file system under an overlay, whose changes
# are thrown away. For a root that nothing was ever installed in, make one once and name it:
#
#   mmdebstrap --variant=essential bookworm root.tar
#   PACKAGES_ROOT=root.tar tests/packages/run.sh BINARY
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
# shellcheck source=tests/packages/systems.sh
. "$here/systems.sh"
# shellcheck source=tests/packages/script.sh
. "$here/script.sh"

main() {
  if [[ $# -ne 1 || ! -x ${1:-} ]]; then
    echo "usage: tests/packages/run.sh BINARY" >&2
    exit 2
  fi
  if [[ -z ${PACKAGES_NAMESPACE:-} ]]; then
    PACKAGES_NAMESPACE=1 exec unshare --mount -- "$here/run.sh" "$1"
  fi
  binary=$(realpath "$1")
  [[ -z ${PACKAGES_ROOT:-} ]] || PACKAGES_ROOT=$(realpath "$PACKAGES_ROOT")
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

  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
}

# What can be checked without a package: the scripts.
check_files() {
  # The sourced files by way of run.sh: alone they have variables that nobody sets.
  attempt shellcheck --external-sources --check-sourced --source-path="$project" "$project"/packaging/*.sh "$here/run.sh"
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
  attempt diff --recursive "$work/new" "$work/again"
  is "two builds are the same, byte for byte" 0 "$code"
  is "the builds make three packages and their checksums" 4 "$(find "$work/new" -type f | wc -l)"
  attempt in_directory "$work/new" sha256sum --check --strict SHA256SUMS
  is "the checksums are right" 0 "$code"
  is "each package has one" 3 "$(wc -l <"$work/new/SHA256SUMS")"
}

build() {
  local version=$1 out=$2
  shift 2
  timeout "$build_timeout" "$@" "$project/packaging/build.sh" "$binary" "$version" "$out" >"$out.log" 2>&1
}

main "$@"
