#!/usr/bin/env bash
# What run.sh starts and Debian has no package of: the sandbox runtime (package-lock.json) and the system of the containers, into
# target/clients/launchers (CLIENTS= names another place for target/clients). Run again, it does nothing unless this file or the list has changed.
# The image takes a minute, and a mirror of Debian.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
clients=${CLIENTS:-$here/../../target/clients}
target=$clients/launchers

mkdir -p "$target"
stamp=$(cat "$0" "$here/package-lock.json" | sha256sum)
if [ "$(cat "$target/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
rm -rf "$target/node_modules" "$target/stamp"

cp "$here/package.json" "$here/package-lock.json" "$target/"
npm ci --prefix "$target" --ignore-scripts --no-audit --no-fund --no-progress --loglevel=error

# No registry is asked for an image: it is made from Debian's packages.
mmdebstrap --quiet --variant=minbase --include=ca-certificates,curl,git,nodejs,python3,python3-requests,socat --format=tar \
  bookworm "$target/image.tar.new"
mv "$target/image.tar.new" "$target/image.tar"
echo "$stamp" >"$target/stamp"
