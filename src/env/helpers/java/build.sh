#!/bin/sh
# Compiles the agent of Java: build.sh [JAR], else authsome-agent.jar beside this file, which is committed, as the build of authsome has no JDK.
# The same JDK gives the same bytes; tests/launchers compares them, with Debian 12's.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
jar=${1:-$here/authsome-agent.jar}
classes=$(mktemp -d)
trap 'rm -r "$classes"' EXIT
javac --release 8 -Xlint:all,-options,-serial -Werror -g:none -d "$classes" "$here/AuthsomeAgent.java"
python3 - "$classes" "$jar" <<'END'
import pathlib, sys, zipfile

classes, jar = pathlib.Path(sys.argv[1]), sys.argv[2]
manifest = b"Manifest-Version: 1.0\r\nPremain-Class: AuthsomeAgent\r\n\r\n"
entries = [("META-INF/MANIFEST.MF", manifest)] + [(path.name, path.read_bytes()) for path in sorted(classes.glob("*.class"))]
with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as archive:
    for name, content in entries:
        entry = zipfile.ZipInfo(name)  # of 1980, whenever it is made
        entry.compress_type = zipfile.ZIP_STORED
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, content)
END
