#!/usr/bin/env bash
# The JavaScript clients: Node, Deno and Bun as packages with their binary in it, and the packages of ../node/package.json.
# On another platform than those binaries are for they are left out, and their rows count as missing.
set -euo pipefail
cd "$(dirname "$0")/.."
./packages.sh node node
bin=${CLIENTS:?the absolute directory to install into}/node/bin
mkdir -p "$bin"
# What is too old to run the tests of the bootstrap has another name than what runs them.
for name in old-node8/bin/node old-node10/bin/node old-node12/bin/node node20/bin/node node22/bin/node node24/bin/node bun/bin/bun deno/deno; do
  ln -sfn "../node_modules/$name" "$bin/${name%%/*}"
done
