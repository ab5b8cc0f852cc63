#!/usr/bin/env bash
# The Python clients: an environment for each file of ../python/requirements/, of the oldest and the newest Python that are tested.
# Where there is no such Python, its rows count as missing.
set -euo pipefail
requirements=$(cd "$(dirname "$0")/../python/requirements" && pwd)
clients=${CLIENTS:?the absolute directory to install into}

find_python() {
  local version=$1 candidate
  for candidate in "$(command -v "python$version" || true)" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python3; do
    # A shim on the PATH may lead to nothing.
    if "${candidate:-false}" -c 'import ensurepip, venv' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  echo "not installed: Python $version" >&2
}

# Makes an environment, unless it is there and is made from the same.
environment() {
  local name=$1 python=$2 file=$requirements/$3.txt stamp
  [ -n "$python" ] || return 0
  stamp=$({ cat "$0" "$file" && "$python" -VV && echo "$python"; } | sha256sum)
  if [ "$(cat "$clients/$name/stamp" 2>/dev/null)" = "$stamp" ]; then
    return 0
  fi
  rm -rf "${clients:?}/$name"
  "$python" -m venv "$clients/$name"
  install_into "$name" "$file"
  echo "$stamp" >"$clients/$name/stamp"
}

# With uv, which is one of the clients and takes a tenth of the time, or as pip can.
install_into() {
  local bin=$clients/$1/bin file=$2
  if [ -z "${uv:-}" ] && "$bin/pip" install --quiet --disable-pip-version-check "$(grep '^uv==' "$requirements/py313.txt")"; then
    uv=$bin/uv
  fi
  if [ -n "${uv:-}" ]; then
    "$uv" pip install --quiet --python "$bin/python" --only-binary :all: --requirement "$file"
  else
    "$bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$file"
  fi
}

newest=$(find_python 3.13)
oldest=$(find_python 3.8)
environment py313 "$newest" py313
environment py313-older "$newest" older
environment py313-niquests "$newest" niquests
environment py38 "$oldest" py38
environment py38-niquests "$oldest" niquests
