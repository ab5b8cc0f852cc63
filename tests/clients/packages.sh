#!/usr/bin/env bash
# Installs the packages of the package.json in directory $1 into $CLIENTS/$2, once for each of its versions.
set -euo pipefail
programs=$(cd "${1:?the directory of package.json}" && pwd)
target=${CLIENTS:?the absolute directory to install into}/${2:?a name in it}

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
echo "$stamp" >"$target/stamp"
