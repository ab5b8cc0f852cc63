#!/usr/bin/env bash
# Makes the root directory that run.sh installs into: a Debian with apt and nothing but what it needs
# itself, and what a user of `curl` has. Takes half a minute, and a mirror of Debian.
#
#   tests/packages/root.sh TARBALL
set -euo pipefail

# Under another name first: what is interrupted leaves no half of a root.
mmdebstrap --quiet --variant=minbase --include=ca-certificates,curl --format=tar bookworm "$1.new"
mv "$1.new" "$1"
