#!/usr/bin/env python3
"""Prints the licences of the crates that are linked into authsome, with their texts.

    packaging/licenses.py TARGET

TARGET is the triple for which it was built. The texts are the crates' own files in Cargo's directory, so nothing is
downloaded. The order is that of the names: the same Cargo.lock gives the same bytes.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Not the suffix of a program that checks licences, and the like.
FILE = re.compile(r"(licen[sc]e|unlicense|copying|copyright|notice)([-_.].*)?", re.IGNORECASE)
CODE = {".rs", ".c", ".h", ".cc", ".py", ".sh", ".go", ".pl", ".html"}
HEAD = """\
Third-party licences

authsome is linked with the crates that are named here, and with the Rust
standard library (MIT OR Apache-2.0). Where a crate offers a choice of
licences, the texts of all that it brings are here; a crate that brings none is
taken under MIT, by the authors whom it names. libdbus, in libdbus-sys, is taken
under the Academic Free License 2.1.
"""
RULE = "\n" + 80 * "=" + "\n\n"


def cargo(*arguments):
    command = ["cargo", *arguments, "--offline", "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def linked(target):
    """The crates of others in the program: neither what is for tests and builds only, nor macros."""
    packages = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    by_name = {(package["name"], package["version"]): package for package in packages}
    tree = cargo(
        "tree", "--package", "authsome", "--edges", "normal,no-proc-macro", "--target", target,
        "--prefix", "none", "--no-dedupe", "--format", "{p}",
    )
    names = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    found = [by_name[name, version.removeprefix("v")] for name, version in names]
    return sorted((package for package in found if package["source"]), key=lambda package: (package["name"], package["version"]))


def texts(package):
    """Each file with a licence, those of what the crate has brought with it included."""
    directory = pathlib.Path(package["manifest_path"]).parent
    files = [path for path in directory.rglob("*") if FILE.fullmatch(path.name) and path.suffix not in CODE and path.is_file()]
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in sorted(files)]


def of_mit(package):
    """The text of MIT, whose copyright notice is by whom the crate names."""
    authors = [re.sub(r" *<.*>", "", author) for author in package["authors"]] or [f"the authors of {package['repository']}"]
    text = (ROOT / "packaging" / "MIT.txt").read_text(encoding="utf-8").strip()
    return f"The MIT License (MIT)\n\nCopyright (c) {', '.join(authors)}\n\n{text}"


def main():
    packages = linked(sys.argv[1])
    own = {package["id"]: texts(package) for package in packages}
    users, shown = {}, {}
    print(HEAD)
    for package in packages:
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license']}")
        # A crate without a text of its own is, as a rule, one of several in a repository.
        siblings = [other for other in packages if package["repository"] and other["repository"] == package["repository"]]
        found = own[package["id"]] or [text for other in siblings for text in own[other["id"]]]
        if not found and "MIT" in re.split(r"\W+", package["license"] or ""):
            found = [of_mit(package)]
        if not found:
            sys.exit(f"licenses.py: {name} ({package['license']}) has no text of its licence")
        for text in found:
            words = " ".join(text.split())  # many texts differ in their line breaks alone
            users.setdefault(words, set()).add(name)
            shown.setdefault(words, text)
    for words, names in sorted(users.items(), key=lambda entry: (sorted(entry[1]), entry[0])):
        print(RULE + "Of " + ", ".join(sorted(names)) + ":\n\n" + shown[words])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: packaging/licenses.py TARGET")
    main()
