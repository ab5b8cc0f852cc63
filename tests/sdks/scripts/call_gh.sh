#!/usr/bin/env bash
gh api user --jq .login
gh repo view ada/engine --json name --jq .name
