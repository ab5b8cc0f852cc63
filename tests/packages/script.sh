# shellcheck shell=bash
# install.sh against a server of its own. Sourced by run.sh.

check_script() {
  local home=$work/home site=$work/site
  mkdir "$home" "$site" "$work/stubs"
  cp "$work"/old/*.tar.gz "$work/old/SHA256SUMS" "$site"
  serve "$site"

  install_script
  is "install.sh: it installs" 0 "$code"
  matches "install.sh: and says how to uninstall" "To uninstall" "$out"
  matches "install.sh: the program starts" '^authsome [0-9]' "$("$home/.local/bin/authsome" --version)"
  is "install.sh: completions and man pages are there" 5 "$(find "$home/.local/share" -type f \
    \( -path '*/completions/authsome' -o -name _authsome -o -name authsome.fish -o -name authsome.1 -o -name authsome-run.1 \) | wc -l)"

  # An upgrade, seen by a file that the older version cannot have.
  rm "$site"/*
  cp "$work"/new/*.tar.gz "$work/new/SHA256SUMS" "$site"
  echo old >"$home/.local/share/man/man1/authsome.1"
  install_script
  is "install.sh: a second installation upgrades" "0 1" "$code $(grep -c '^.TH' "$home/.local/share/man/man1/authsome.1")"
  is "install.sh: and leaves no file under a temporary name" '' "$(find "$home" "$work/tmp" -name '*.new.*' -o -path "$work/tmp/*")"

  eval "$(install_script_removal)"
  is "install.sh: what it says for uninstalling leaves no file" '' "$(find "$home" -type f)"
  install_script
  attempt env -u AUTHSOME_HOME HOME="$home" "$home/.local/bin/authsome" uninstall --yes
  eval "$(sed -n 's/^To remove .*: rm/rm/p' <<<"$out$err")"
  is "install.sh: nor does what \`authsome uninstall\` says" '' "$(find "$home" -type f)"
  check_refusals
  stop_server
}

# After each of these no file may be there.
check_refusals() {
  attempt env -u AUTHSOME_INSTALL_URL HOME="$home" sh "$project/packaging/install.sh"
  is "install.sh: without an address it is refused" "1 " "$code $(find "$home" -type f)"
  matches "install.sh: and says what to set" "set AUTHSOME_INSTALL_URL" "$err"
  local whole=$work/new tarball
  tarball=$(basename "$whole"/*.tar.gz)
  sed -i "s/^[0-9a-f]*/$(printf '0%.0s' {1..64})/" "$site/SHA256SUMS"
  refused "a wrong checksum" "checksum"
  cp "$whole/SHA256SUMS" "$site"
  head -c 1000 "$whole/$tarball" >"$site/$tarball"
  refused "half a tarball" "checksum"
  rm "$site/$tarball"
  refused "a missing tarball" "could not download"
  cp "$whole/$tarball" "$site"
  grep -v 'unknown-linux' "$whole/SHA256SUMS" >"$site/SHA256SUMS"
  refused "a release without this architecture" "no package for"
  cp "$whole/SHA256SUMS" "$site"
  # shellcheck disable=SC2016 # for the stub
  printf '#!/bin/sh\n[ "$1" = -m ] && echo riscv64 || echo Linux\n' >"$work/stubs/uname"
  chmod +x "$work/stubs/uname"
  refused "an unsupported architecture" "no package for Linux on riscv64"
  rm "$work/stubs/uname"
  # curl that is interrupted as a user does it, after the script has made its temporary directory.
  # shellcheck disable=SC2016 # for the stub
  printf '#!/bin/sh\nkill -TERM "$PPID"\n' >"$work/stubs/curl"
  chmod +x "$work/stubs/curl"
  install_script
  is "install.sh: interrupted, it ends as such and leaves nothing" "143 " "$code $(find "$home" -type f; find "$work/tmp" -mindepth 1)"
  rm "$work/stubs/curl"
  # A download of the script itself that ends early: the last line, which calls it all, is not
  # there.
  head -n -1 "$project/packaging/install.sh" >"$work/partial.sh"
  attempt env HOME="$home" AUTHSOME_INSTALL_URL="$url" sh "$work/partial.sh"
  is "install.sh: half a script installs nothing" '' "$(find "$home" -type f)"
}

refused() {
  install_script
  is "install.sh: $1 is refused" 1 "$code"
  matches "install.sh: $1 is named" "$2" "$err"
  is "install.sh: $1 leaves nothing" '' "$(find "$home" -type f; find "$work/tmp" -mindepth 1)"
}

install_script() {
  mkdir -p "$work/tmp"
  attempt env HOME="$home" TMPDIR="$work/tmp" PATH="$work/stubs:$PATH" \
    sh -c "cd '$project' && $(documented install.sh "$new")"
}

# The command that the script printed, as a user would paste it.
install_script_removal() { sed -n '/^  rm /,$p' <<<"$out"; }

# Sets url. The server takes a free port and says which.
serve() {
  coproc SERVER { exec python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$1" 2>/dev/null; }
  # shellcheck disable=SC2153 # bash sets it
  server_pid=$SERVER_PID
  local line
  if ! read -r -t "$command_timeout" -u "${SERVER[0]}" line || ! [[ $line =~ port\ ([0-9]+) ]]; then
    echo "run.sh: the server did not start" >&2
    exit 1
  fi
  url=http://127.0.0.1:${BASH_REMATCH[1]}
}
