#!/usr/bin/env python3
"""Holds every bundled definition against providers/schema.json, and wrong ones too."""

import json
import pathlib
import re
import sys

import jsonschema

PROVIDERS = pathlib.Path(__file__).resolve().parents[2] / "providers"

# A string, or a comment up to the end of the line.
STRING_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*')

GOOD = {"name": "a", "auth_type": "api_key", "api_url": "api.example.com"}

# What older definitions have: the program reads it without a warning.
OLDER = [
    {**GOOD, "flow": "api_key_prompt", "api_key": {"input_mode": "prompt"}, "_comment": "a remark", "//": "another"},
    {**GOOD, "client": {"client_id": "env:A_ID", "client_secret": "env:A_SECRET"}, "export": {"env": {}, "A": "API_TOKEN"}},
]

# What the schema has to refuse: without these, an empty schema would pass.
WRONG = [
    {**GOOD, "client": {"client_id": "0a1b2c"}},
    {**GOOD, "auth_type": "browser"},
    {**GOOD, "flow": "pkce"},
    {**GOOD, "auth_type": "oauth2"},
    {**GOOD, "api_urls": ["api.example.com"]},
    {**GOOD, "inject": [{"path": "/**", "as": "cookie"}]},
    {**GOOD, "inject": [{"path": "/**", "as": "header"}]},
    {**GOOD, "params": {"site": {"example": "acme"}}},
    {**GOOD, "placeholder": "short"},
    {**GOOD, "account": [{"url": "https://api.example.com/me", "method": "PUT"}]},
    {**GOOD, "account": [{"url": "https://api.example.com/me", "body": {"query": "{me{id}}"}}]},
    {**GOOD, "git": {"ssh_paths": [{"from": "/v3/a*", "to": "/*"}]}},
    {**GOOD, "git": {"below": "scm"}},
    {**GOOD, "guard": [{"name": "A key", "path": "/", "reason": "it is one"}]},
    {key: value for key, value in GOOD.items() if key != "name"},
]


def read(path):
    def keep(match):
        return match[0] if match[0].startswith('"') else ""

    return json.loads(STRING_OR_COMMENT.sub(keep, path.read_text()))


def main():
    schema = read(PROVIDERS / "schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    files = sorted((PROVIDERS / "bundled").glob("*.json"))
    faults = [
        f"{path.name}: {error.json_path}: {error.message}"
        for path in files
        for error in validator.iter_errors(read(path))
    ]
    faults += [f"the schema refuses {good}" for good in [GOOD, *OLDER] if not validator.is_valid(good)]
    faults += [f"the schema takes {wrong}" for wrong in WRONG if validator.is_valid(wrong)]
    if faults or not files:
        sys.exit("\n".join(faults) or "no definition was found")
    print(f"{len(files)} definitions fit the schema, {len(WRONG)} wrong ones do not")


if __name__ == "__main__":
    main()
