# shellcheck shell=bash
# The .deb and the .rpm on a system: installed, upgraded with a vault in place, removed. Sourced by
# run.sh.

check_deb() {
  new_root deb
  cp "$work"/old/*.deb "$system/old.deb"
  cp "$work"/new/*.deb "$system/new.deb"
  check_life .deb /usr/share/zsh/vendor-completions/_authsome "dpkg --install /old.deb" "dpkg --install /new.deb" "dpkg --purge authsome"
  attempt dpkg-deb --info "$work"/new/*.deb
  is ".deb: no script runs at its installation or removal" '' "$(grep -E 'preinst|postinst|prerm|postrm' <<<"$out" || true)"
  matches ".deb: it names the C library that it needs" 'libc6 \(>= [0-9.]+\)' "$out"
}

check_rpm() {
  new_root rpm
  # On the systems that install .rpm these are of the package `filesystem`; Debian lacks them.
  mkdir -p "$system/usr/share/licenses" "$system/usr/share/zsh/site-functions"
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
# this machine, not in the root.
check_life() {
  local format=$1 zsh=$2 install=$3 upgrade=$4 remove=$5 before vault
  before=$(all_files)

  change "$install"
  is "$format: it can be installed" 0 "$code"
  attempt on_system authsome --version
  matches "$format: the program starts" '^authsome [0-9]' "$out"
  check_places "$format" "$zsh"

  # A vault, and a file beside it that nobody knows.
  attempt on_system authsome list
  is "$format: a vault is made" 0 "$code"
  on_system sh -c 'echo "a note" >/root/.authsome/note'
  vault=$(vault_sum)
  is "$format: with its key" 0 "$(on_system test -s /root/.authsome/master.key; echo $?)"

  change "$upgrade"
  is "$format: it can be upgraded" 0 "$code"
  is "$format: the vault is the same after the upgrade, byte for byte" "$vault" "$(vault_sum)"
  attempt on_system authsome list
  is "$format: and opens" 0 "$code"
  vault=$(vault_sum)

  change "$remove"
  is "$format: it can be removed" 0 "$code"
  is "$format: the vault stays" "$vault" "$(vault_sum)"
  rm -r "$system/root/.authsome"
  is "$format: nothing else is left" '' "$(diff <(echo "$before") <(all_files) || true)"
}

check_places() {
  local format=$1 zsh=$2 path page
  for path in /usr/share/bash-completion/completions/authsome "$zsh" /usr/share/fish/vendor_completions.d/authsome.fish \
    /usr/share/doc/authsome/README.md /usr/share/doc/authsome/NOTICE; do
    is "$format: $path is there" 0 "$(on_system test -s "$path"; echo $?)"
  done
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

# === the systems ===

# A file system of its own, in `system`: this machine's under an overlay, or the one that
# PACKAGES_ROOT names. Both are in memory.
new_root() {
  local layers=$work/$1
  mkdir "$layers"
  mount -t tmpfs tmpfs "$layers"
  system=$layers/root
  mkdir "$system" "$layers/upper" "$layers/work"
  if [[ -n ${PACKAGES_ROOT:-} ]]; then
    tar --extract --file "$PACKAGES_ROOT" --directory "$system" --exclude='./dev/*'
  else
    mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$system"
  fi
  mount --bind /dev "$system/dev"
  mount -t proc proc "$system/proc"
  # Of this machine's user no file is of interest, and the log of an installation is not a
  # left-over.
  rm -rf "$system/root/.authsome"
}

on_system() {
  timeout --foreground "$command_timeout" chroot "$system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root NO_COLOR=1 "$@"
}

# Runs a command line that changes what is installed. It is of words without spaces.
change() {
  local words
  read -ra words <<<"$1"
  if [[ -n ${outside:-} ]]; then attempt "${words[@]}"; else attempt on_system "${words[@]}"; fi
}

# Each path where something may be left, but for the packagers' own bookkeeping.
all_files() {
  (cd "$system" && find etc opt root usr var -xdev 2>/dev/null) | grep -vE '^(var/(cache|lib/dpkg|log)/|rpmdb)' | sort
}

vault_sum() { (cd "$system/root/.authsome" && find . -type f -exec sha256sum {} + | sort); }
