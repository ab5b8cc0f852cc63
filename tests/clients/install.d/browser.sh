#!/usr/bin/env bash
# What drives Chromium through the pages of a login: ../../browser/package.json. Chromium itself is a package of the system.
set -euo pipefail
programs=$(cd "$(dirname "$0")/../../browser" && pwd)
target=${CLIENTS:?the absolute directory to install into}/browser

mkdir -p "$target"
ln -sfn "$target/node_modules" "$programs/node_modules"

stamp=$(cat "$0" "$programs/package.json" | sha256sum)
if [ "$(cat "$target/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
rm -rf "$target/node_modules" "$target/stamp"
cp "$programs/package.json" "$target/"
# The versions are exact, and a lock file would name the registry.
npm install --prefix "$target" --ignore-scripts --no-package-lock --no-audit --no-fund --no-progress --loglevel=error
echo "$stamp" >"$target/stamp"
