#!/usr/bin/env bash
# The SDKs that run.sh starts, by name and version (requirements.txt, package.json), into target/clients/sdks (CLIENTS= names another
# place for target/clients). Run again, it does nothing unless those files have changed. gh is a package of the system.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
clients=${CLIENTS:-$here/../../target/clients}
target=$clients/sdks

mkdir -p "$target"
target=$(cd "$target" && pwd)
# Programs find packages only in a node_modules above themselves.
ln -sfn "$target/node_modules" "$here/scripts/node_modules"

stamp=$({ cat "$0" "$here/requirements.txt" "$here/package.json" && python3 -VV && node --version; } | sha256sum)
if [ "$(cat "$target/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
rm -rf "$target/python" "$target/node_modules" "$target/stamp"

python3 -m venv "$target/python"
# uv, where one of the clients has brought it: it takes a tenth of the time.
uv=$clients/py313/bin/uv
if [ -x "$uv" ]; then
  "$uv" pip install --quiet --python "$target/python/bin/python" --requirement "$here/requirements.txt"
else
  # Most of what they hold is never imported: it is compiled when it is.
  "$target/python/bin/pip" install --quiet --no-compile --disable-pip-version-check --requirement "$here/requirements.txt"
fi

cp "$here/package.json" "$target/"
# The versions are exact, and a lock file would name the registry. No script runs: sentry-cli's binary is a package of its own.
npm install --prefix "$target" --ignore-scripts --no-package-lock --no-audit --no-fund --no-progress --loglevel=error
echo "$stamp" >"$target/stamp"
