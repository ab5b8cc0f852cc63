#!/usr/bin/env bash
# A package in an empty directory, published with the line of .npmrc that npm's documentation has.
set -euo pipefail
cd "$(mktemp -d)"
echo '{"name": "ada-engine", "version": "1.0.0"}' >package.json
# shellcheck disable=SC2016 # npm expands it
printf '%s\n' 'registry=https://npm.acme.test/' '//npm.acme.test/:_authToken=${NPM_TOKEN}' >.npmrc
npm publish --no-update-notifier --loglevel=error
