#!/usr/bin/env bash
# The JavaScript clients: Node, Deno and Bun as packages with their binary in it, and the packages of ../node/package.json.
# On another platform than those binaries are for they are left out, and their rows count as missing.
set -euo pipefail
programs=$(cd "$(dirname "$0")/../node" && pwd)
target=${CLIENTS:?the absolute directory to install into}/node

# Programs find packages only in a node_modules above themselves.
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
mkdir -p "$target/bin"
# What is too old to run the tests of the bootstrap has another name than what runs them.
for name in old-node8/bin/node old-node10/bin/node old-node12/bin/node node20/bin/node node22/bin/node node24/bin/node bun/bin/bun deno/deno; do
  ln -sfn "../node_modules/$name" "$target/bin/${name%%/*}"
done
echo "$stamp" >"$target/stamp"
