#!/usr/bin/env bash
"$(dirname "$0")/node_modules/.bin/sentry-cli" organizations list | grep -o ada-org
