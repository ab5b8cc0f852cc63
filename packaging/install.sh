#!/bin/sh
# Installs authsome for the user who runs it: no root, no change of a shell's start-up files.
#
#   AUTHSOME_INSTALL_URL=https://… sh install.sh
#
# AUTHSOME_INSTALL_URL  where a release's files lie: SHA256SUMS and the tarballs
# AUTHSOME_INSTALL_DIR  where the program goes; ~/.local/bin without it
#
# All of it is a function that the last line calls, so that a script that arrived in part does
# nothing.
set -eu

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

find_triple() {
  case $(uname -s)/$(uname -m) in
  Linux/x86_64) triple=x86_64-unknown-linux-gnu ;;
  Linux/aarch64) triple=aarch64-unknown-linux-gnu ;;
  *) fail "there is no package for $(uname -s) on $(uname -m); build it: cargo install --locked --path ." ;;
  esac
}

# A server that was reached by https may not send us on to another scheme.
download() {
  case $base in
  https://*) curl --fail --silent --show-error --location --proto =https --output "$2" "$1" ;;
  *) curl --fail --silent --show-error --location --output "$2" "$1" ;;
  esac || fail "could not download $1; nothing was installed"
}

check_sum() {
  if command -v sha256sum >/dev/null 2>&1; then
    found=$(sha256sum "$1")
  else
    found=$(shasum -a 256 "$1")
  fi
  [ "${found%% *}" = "$2" ] || fail "the checksum of $(basename "$1") is not that in SHA256SUMS; nothing was installed"
}

# Under a name beside it first, then renamed: at no time is there half a file, and a program that
# runs is not written over.
place() {
  mkdir -p "$(dirname "$3")"
  cp "$2" "$3.new.$$"
  chmod "$1" "$3.new.$$"
  mv -f "$3.new.$$" "$3"
}

main() {
  umask 022
  base=${AUTHSOME_INSTALL_URL:-}
  [ -n "$base" ] || fail "set AUTHSOME_INSTALL_URL to the address of a release"
  base=${base%/}
  [ -n "${HOME:-}" ] || fail "HOME is not set"
  bin=${AUTHSOME_INSTALL_DIR:-$HOME/.local/bin}
  share=$HOME/.local/share
  find_triple
  command -v curl >/dev/null 2>&1 || fail "curl is needed"

  work=$(mktemp -d)
  trap 'rm -rf "$work"; rm -f "$bin"/*.new.$$ "$share"/*/*.new.$$ "$share"/*/*/*.new.$$' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP

  download "$base/SHA256SUMS" "$work/SHA256SUMS"
  line=$(grep -E "^[0-9a-f]{64}  authsome-[0-9A-Za-z.-]+-$triple\.tar\.gz\$" "$work/SHA256SUMS") ||
    fail "this release has no package for $triple"
  [ "$(echo "$line" | wc -l)" -eq 1 ] || fail "SHA256SUMS names more than one package for $triple"
  tarball=${line##* }
  download "$base/$tarball" "$work/$tarball"
  check_sum "$work/$tarball" "${line%% *}"
  tar -xzf "$work/$tarball" -C "$work"
  tree=$work/${tarball%.tar.gz}
  version=$("$tree/authsome" --version) || fail "the program does not start on this system; nothing was installed"

  place 644 "$tree/completions/authsome.bash" "$share/bash-completion/completions/authsome"
  place 644 "$tree/completions/_authsome" "$share/zsh/site-functions/_authsome"
  place 644 "$tree/completions/authsome.fish" "$share/fish/vendor_completions.d/authsome.fish"
  for page in "$tree"/man/*.1; do
    place 644 "$page" "$share/man/man1/$(basename "$page")"
  done
  # Last: where the program is, the rest is.
  place 755 "$tree/authsome" "$bin/authsome"

  echo "Installed $version: $bin/authsome, with completions and man pages in $share."
  case :$PATH: in
  *":$bin:"*) ;;
  *) echo "$bin is not in PATH; add it: export PATH=\"$bin:\$PATH\"" ;;
  esac
  echo "To uninstall, first \`authsome uninstall\` (your connections), then:"
  echo "  rm '$bin/authsome' '$share/bash-completion/completions/authsome' '$share/zsh/site-functions/_authsome' \\"
  echo "    '$share/fish/vendor_completions.d/authsome.fish' '$share'/man/man1/authsome*.1"
}

main "$@"
