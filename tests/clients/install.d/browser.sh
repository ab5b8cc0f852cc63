#!/usr/bin/env bash
# What drives Chromium through the pages of a login: ../../browser/package.json. Chromium itself is a package of the system.
set -euo pipefail
cd "$(dirname "$0")/.."
./packages.sh ../browser browser
