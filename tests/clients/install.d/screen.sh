#!/usr/bin/env bash
# What an agent's screen is drawn with: ../../screen/package.json. The Node that runs it is one of node.sh.
set -euo pipefail
programs=$(cd "$(dirname "$0")/../../screen" && pwd)
target=${CLIENTS:?the absolute directory to install into}/screen

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
