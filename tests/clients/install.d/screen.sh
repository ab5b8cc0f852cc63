#!/usr/bin/env bash
# What an agent's screen is drawn with: ../../screen/package.json. The Node that runs it is one of node.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
./packages.sh ../screen screen
