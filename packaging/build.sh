#!/usr/bin/env bash
# Packs a built authsome: a tarball, a .deb, a .rpm, and their checksums.
#
#   packaging/build.sh BINARY VERSION OUTDIR
#
# BINARY is run for its completions and man pages, so it has to be of this machine's architecture.
# Two runs with the same BINARY and SOURCE_DATE_EPOCH give the same bytes; without the variable it
# is the time of the last commit.
#
# The packagers are the distributions' own, dpkg-deb and rpmbuild: both derive the dependencies from
# the binary itself (the C library's oldest version that will do), both are reproducible, and
# nothing has to be compiled first. cargo-deb and cargo-generate-rpm would read the same facts from
# Cargo.toml, but take minutes to build and know the libraries of one distribution only.
#
# The licences of what is linked in come from the crates' own files, which the build of BINARY has
# left in Cargo's directory (licenses.py).
#
# Needs Debian's packages binutils, dpkg-dev, python3 and rpm, and cargo. PACKAGING_FAST=1 hardly
# compresses, for packages that a test throws away.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly root=$here/..
# Who answers for the packages: whoever publishes them puts a name and an address here.
readonly maintainer=${PACKAGING_MAINTAINER:-The authsome authors <authsome@localhost>}
# dpkg-deb compresses otherwise with one thread than with several, so that the bytes would depend on
# the machine.
export DPKG_DEB_THREADS_MAX=1
if [ -n "${PACKAGING_FAST:-}" ]; then
  gzip_level=-1 deb_compression=(-Zgzip -z1) rpm_payload=w1.gzdio
else
  # What each distribution uses itself; zstd is read by every rpm that has a C library new enough.
  gzip_level=-9 deb_compression=(-Zxz) rpm_payload=w19.zstdio
fi
readonly gzip_level deb_compression rpm_payload

main() {
  if [ $# -ne 3 ]; then
    echo "usage: packaging/build.sh BINARY VERSION OUTDIR" >&2
    exit 2
  fi
  binary=$(realpath "$1")
  version=$2
  mkdir -p "$3"
  out=$(realpath "$3")
  if ! [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]]; then
    echo "not a version like 1.2.3 or 1.2.3-rc.1: $version" >&2
    exit 2
  fi
  # Both formats sort what follows a tilde before the release itself.
  package_version=${version/-/\~}
  name_architectures
  if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct)
  fi
  export SOURCE_DATE_EPOCH

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  make_parts
  make_tarball
  make_deb
  make_rpm
  cd "$out"
  sha256sum -- "$tarball" "$deb" "$rpm" >SHA256SUMS
}

# What the three formats call this machine.
name_architectures() {
  case $(uname -m) in
  x86_64) triple=x86_64-unknown-linux-gnu deb_arch=amd64 rpm_arch=x86_64 ;;
  aarch64) triple=aarch64-unknown-linux-gnu deb_arch=arm64 rpm_arch=aarch64 ;;
  *)
    echo "no packages are made for $(uname -m)" >&2
    exit 1
    ;;
  esac
  tarball=authsome-$version-$triple.tar.gz
  deb=authsome_${package_version}-1_$deb_arch.deb
  rpm=authsome-$package_version-1.$rpm_arch.rpm
}

# What the binary says of itself. A home of its own, so that nothing is read from the user's or
# written there.
make_parts() {
  mkdir -p "$work/parts/man" "$work/parts/completions"
  authsome() { HOME=$work/home AUTHSOME_HOME=$work/home/.authsome "$binary" "$@"; }
  authsome completions bash >"$work/parts/completions/authsome.bash"
  authsome completions zsh >"$work/parts/completions/_authsome"
  authsome completions fish >"$work/parts/completions/authsome.fish"
  authsome man --dir "$work/parts/man" >"$work/man.log"
  "$here/licenses.py" "$triple" >"$work/parts/THIRD-PARTY-LICENSES"
}

make_tarball() {
  local tree=$work/authsome-$version-$triple
  install -D "$binary" "$tree/authsome"
  install -m 644 "$root"/{LICENSE,NOTICE,README.md} "$tree"
  cp -r "$work"/parts/{completions,man,THIRD-PARTY-LICENSES} "$tree"
  tar --create --directory "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=ustar \
    "$(basename "$tree")" | gzip "$gzip_level" --no-name >"$out/$tarball"
}

# The files as they lie on a machine, but for zsh's completions, whose place each distribution has
# for itself.
stage() {
  local tree=$1 zsh=$2 page
  install -D "$binary" "$tree/usr/bin/authsome"
  install -D -m 644 "$work/parts/completions/authsome.bash" "$tree/usr/share/bash-completion/completions/authsome"
  install -D -m 644 "$work/parts/completions/_authsome" "$tree/usr/share/zsh/$zsh/_authsome"
  install -D -m 644 "$work/parts/completions/authsome.fish" "$tree/usr/share/fish/vendor_completions.d/authsome.fish"
  for page in "$work"/parts/man/*.1; do
    install -D -m 644 "$page" "$tree/usr/share/man/man1/$(basename "$page")"
  done
  gzip --best --no-name "$tree"/usr/share/man/man1/*.1
  install -D -m 644 -t "$tree/usr/lib/systemd/user" "$here/systemd/authsome-proxy.service"
  install -D -m 644 -t "$tree/usr/share/doc/authsome" "$root/README.md" "$root/NOTICE"
}

make_deb() {
  local tree=$work/deb doc=$work/deb/usr/share/doc/authsome
  stage "$tree" vendor-completions
  install -m 644 "$here/deb/copyright" "$doc/copyright"
  gzip --best --no-name <"$work/parts/THIRD-PARTY-LICENSES" >"$doc/THIRD-PARTY-LICENSES.gz"
  gzip --best --no-name <"$root/CHANGELOG.md" >"$doc/changelog.gz"
  {
    printf 'authsome (%s-1) unstable; urgency=medium\n\n  * See changelog.gz.\n\n' "$package_version"
    printf ' -- %s  %s\n' "$maintainer" "$(date -R -d "@$SOURCE_DATE_EPOCH")"
  } | gzip --best --no-name >"$doc/changelog.Debian.gz"
  mkdir "$tree/DEBIAN"
  sed -e "s/@VERSION@/$package_version-1/" -e "s/@ARCHITECTURE@/$deb_arch/" -e "s/@DEPENDS@/$(libraries)/" \
    -e "s/@SIZE@/$(installed_size "$tree/usr")/" -e "s/@MAINTAINER@/$(sed 's/[\/&]/\\&/g' <<<"$maintainer")/" \
    "$here/deb/control" >"$tree/DEBIAN/control"
  (cd "$tree" && find usr -type f | sort | xargs md5sum) >"$tree/DEBIAN/md5sums"
  # dpkg-deb clamps later times only; what the commit has left older has to be set.
  find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group "${deb_compression[@]}" --build "$tree" "$out/$deb" >"$work/deb.log"
}

# The packages and versions of the libraries that the binary is linked with, from dpkg's own
# knowledge of their symbols.
libraries() {
  mkdir -p "$work/shlibs/debian"
  printf 'Source: authsome\n\nPackage: authsome\nArchitecture: any\n' >"$work/shlibs/debian/control"
  (cd "$work/shlibs" && dpkg-shlibdeps -O --ignore-missing-info "$binary" 2>"$work/shlibs.log") | sed -n 's/^shlibs:Depends=//p'
}

# In KiB, from the sizes of the files: what `du` says depends on the file system.
installed_size() {
  find "$1" -type f -printf '%s\n' | awk '{ sum += int(($1 + 1023) / 1024) } END { print sum }'
}

make_rpm() {
  local tree=$work/rpm
  stage "$tree" site-functions
  install -D -m 644 -t "$tree/usr/share/licenses/authsome" "$root/LICENSE" "$work/parts/THIRD-PARTY-LICENSES"
  if ! rpmbuild -bb --quiet --target "$rpm_arch-linux" --define "_topdir $work/rpmbuild" --define "_rpmdir $work/rpmbuild/RPMS" \
    --define "staged $tree" --define "packager $maintainer" --define "_binary_payload $rpm_payload" --define "package_version $package_version" \
    "$here/rpm/authsome.spec" >"$work/rpm.log" 2>&1; then
    cat "$work/rpm.log" >&2
    exit 1
  fi
  cp "$work/rpmbuild/RPMS/$rpm_arch/$rpm" "$out/$rpm"
}

main "$@"
