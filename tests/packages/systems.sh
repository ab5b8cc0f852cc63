# shellcheck shell=bash
# The .deb and the .rpm on a system: installed, upgraded with a vault in place, removed. Sourced by
# run.sh.

check_deb() {
  local life
  new_root deb
  mkdir "$system/downloads"
  cp "$work"/old/*.deb "$work"/new/{*.deb,SHA256SUMS} "$system/downloads"
  # Where a command asks whether to go on, the user says yes; and is root already.
  echo 'APT::Get::Assume-Yes "true";' >"$system/etc/apt/apt.conf.d/assume-yes"
  printf '#!/bin/sh\nexec "$@"\n' >"$system/usr/bin/sudo"
  chmod +x "$system/usr/bin/sudo"

  start_gitlab
  change "$(documented sha256sum "$new")"
  is ".deb: the downloaded file is the one in SHA256SUMS" "0 1" "$code $(grep -c 'authsome_.*: OK' <<<"$out")"
  # One file and then the other, as an upgrade is the same command.
  life=("$(documented 'apt install' "$old")" "$(documented 'apt install' "$new")" "$(documented 'apt purge' "$new")")
  account=1 check_life .deb /usr/share/zsh/vendor-completions/_authsome "${life[@]}"
  stop_server
  attempt dpkg-deb --info "$work"/new/*.deb
  is ".deb: no script runs at its installation or removal" '' "$(grep -E 'preinst|postinst|prerm|postrm' <<<"$out" || true)"
  matches ".deb: it names the C library that it needs, and no other" $'Depends: libc6 \\(>= [0-9.]+\\)\n' "$out"
}

check_rpm() {
  new_root rpm
  # On the systems that install .rpm it is of the package `filesystem`; Debian lacks it.
  mkdir "$system/usr/share/licenses"
  cp "$work"/old/*.rpm "$system/old.rpm"
  cp "$work"/new/*.rpm "$system/new.rpm"
  # Its database is one of its own and knows no C library, hence --nodeps.
  local rpm="rpm --root=$system --dbpath=/rpmdb --nodeps"
  outside=1 check_life .rpm /usr/share/zsh/site-functions/_authsome "$rpm --install $system/old.rpm" "$rpm --upgrade $system/new.rpm" \
    "$rpm --erase authsome"
  attempt rpm --query --scripts --package "$work"/new/*.rpm
  is ".rpm: no script runs at its installation or removal" '' "$out"
  attempt rpm --query --requires --package "$work"/new/*.rpm
  matches ".rpm: it names the C library that it needs" 'libc\.so\.6\(GLIBC_[0-9.]+\)\(64bit\)' "$out"
}

# From the older version to the last trace of the newer one. With `outside`, the commands run on
# this machine, not in the root; with `account`, the vault has a connection.
check_life() {
  local format=$1 zsh=$2 install=$3 upgrade=$4 remove=$5 before vault
  before=$(all_files)

  change "$install"
  is "$format: it can be installed" 0 "$code"
  attempt on_system authsome --version
  matches "$format: the program starts" '^authsome [0-9]' "$out"
  check_places "$format" "$zsh"

  # A vault, and a file beside it that nobody knows.
  if [[ -n ${account:-} ]]; then
    check_login "$format"
    check_use "$format"
  else
    attempt on_system authsome list
    is "$format: a vault is made" 0 "$code"
  fi
  on_system sh -c 'echo "a note" >/root/.authsome/note'
  vault=$(vault_sum)
  is "$format: with its key" 0 "$(on_system test -s /root/.authsome/master.key; echo $?)"

  change "$upgrade"
  is "$format: it can be upgraded" 0 "$code"
  is "$format: to the program of the newer version" 0 "$(cmp "$binary" "$system/usr/bin/authsome" >&2; echo $?)"
  is "$format: the vault is the same after the upgrade, byte for byte" "$vault" "$(vault_sum)"
  attempt on_system authsome list
  is "$format: and opens" 0 "$code"
  if [[ -n ${account:-} ]]; then
    check_shown "$format: after the upgrade"
    check_use "$format: after the upgrade"
  fi
  vault=$(vault_sum)

  change "$remove"
  is "$format: it can be removed" 0 "$code"
  is "$format: the vault stays" "$vault" "$(vault_sum)"
  if [[ -n ${account:-} ]]; then
    change "$upgrade"
    check_uninstall "$format"
  else
    find "$system/root/.authsome" -mindepth 1 ! -name note -delete
  fi
  is "$format: nothing else is left" $'\troot/.authsome\n\troot/.authsome/note' "$(comm -3 <(echo "$before") <(all_files))"
}

# With the commands that it says itself.
check_uninstall() {
  local format=$1 path unnamed= removal
  attempt on_system authsome uninstall
  is "$format: uninstall says what is there" 0 "$code"
  for path in "$system"/root/.authsome/*; do
    grep -qE "^  ${path##*/}( |$)" <<<"$out" || unnamed+=" ${path##*/}"
  done
  is "$format: all of it" '' "$unnamed"
  matches "$format: it says what it keeps" "  note \(not authsome's, is kept\)" "$out"
  matches "$format: it says that the grant is still valid" 'authsome revoke gitlab/default' "$out"
  removal=$(sed -n 's/^To remove these files: //p' <<<"$out")
  change "${removal:-false}"
  is "$format: uninstall removes what is authsome's" "0 note" "$code $(ls -A "$system/root/.authsome")"
  removal=$(sed -n 's/^To remove the program: //p' <<<"$out$err")
  change "${removal:-false}"
  is "$format: and says how to remove the program" 0 "$code"
}

check_places() {
  local format=$1 zsh=$2 path page
  for path in /usr/share/bash-completion/completions/authsome "$zsh" /usr/share/fish/vendor_completions.d/authsome.fish \
    /usr/share/doc/authsome/README.md /usr/share/doc/authsome/NOTICE; do
    is "$format: $path is there" 0 "$(on_system test -s "$path"; echo $?)"
  done
  check_licenses "$format"
  is "$format: everybody may read what was installed" '' \
    "$(find "$system/usr" -xdev -path '*authsome*' ! -perm -444 -newer "$work/new/SHA256SUMS")"
  for page in authsome authsome-run; do
    attempt man --warnings --local-file "$system/usr/share/man/man1/$page.1.gz"
    is "$format: man formats $page(1) without a warning" "0 " "$code $err"
    matches "$format: and shows it" "${page^^}\(1\)|$page\(1\)" "$out"
  done
  attempt on_system bash -c '. /usr/share/bash-completion/completions/authsome && complete -p authsome'
  is "$format: bash takes the completions" 0 "$code"
}

# The program itself names most of the crates in it: in the places of its panics.
check_licenses() {
  local crates
  crates=$(grep -aoE 'registry/src/[^/]+/[A-Za-z0-9_.+-]+' "$binary" | sed 's,.*/,,' | sort -u)
  find "$system"/usr/share/{doc,licenses}/authsome -name 'THIRD-PARTY-LICENSES*' -exec zcat -f {} + 2>/dev/null >"$work/licenses" || true
  matches "$1: the program is made of crates" '^[1-9]' "$(wc -w <<<"$crates")"
  is "$1: each of them is named with its licence" '' "$(comm -23 <(echo "$crates") <(sed -nE 's/^([^ ]+) ([^ ]+): .+/\1-\2/p' "$work/licenses" | sort))"
  is "$1: and the licences have their texts" 5 \
    "$(sed 's/^ *//' "$work/licenses" | sort -u | grep -cxE 'Apache License|The MIT License \(MIT\)|ISC License|UNICODE LICENSE V3|The Academic Free License')"
}

# === the systems ===

# A file system of its own, in `system`: the one that PACKAGES_ROOT names, in memory.
new_root() {
  system=$work/$1
  mkdir "$system"
  mount -t tmpfs tmpfs "$system"
  tar --extract --file "$PACKAGES_ROOT" --directory "$system" --exclude='./dev/*'
  mount --bind /dev "$system/dev"
  mount -t proc proc "$system/proc"
  # As each container engine writes it.
  echo '127.0.0.1 localhost' >"$system/etc/hosts"
}

on_system() {
  timeout --foreground "$command_timeout" chroot "$system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root NO_COLOR=1 "$@"
}

# Runs a command line that changes what is installed.
change() {
  if [[ -n ${outside:-} ]]; then attempt sh -c "$1"; else attempt on_system sh -c "cd /downloads && $1"; fi
}

# Each path where something may be left, but for the packagers' own bookkeeping.
all_files() {
  (cd "$system" && find etc home opt root run srv tmp usr var -xdev 2>/dev/null) | grep -vE '^var/(cache|lib/(apt|dpkg)|log)/' | sort
}

vault_sum() { (cd "$system/root/.authsome" && find . -type f -exec sha256sum {} + | sort); }
