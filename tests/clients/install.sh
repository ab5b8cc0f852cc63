#!/usr/bin/env bash
# Installs the clients of tests/clients/rows/ into target/clients/ (CLIENTS= names another directory). Run again, it adds what is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CLIENTS=${CLIENTS:-$PWD/target/clients}
mkdir -p "$CLIENTS"

for section in tests/clients/install.d/*.sh; do
  printf '\n== %s into %s\n' "$section" "$CLIENTS"
  bash "$section"
done
printf '\nall clients are installed\n'
