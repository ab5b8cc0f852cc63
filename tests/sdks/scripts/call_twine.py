import io
import sys
import tarfile
import tempfile

from twine.__main__ import main

NAME = "ada_engine-1.0.0"

with tempfile.TemporaryDirectory() as directory:
    archive = f"{directory}/{NAME}.tar.gz"
    metadata = b"Metadata-Version: 2.1\nName: ada-engine\nVersion: 1.0.0\n"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in (("PKG-INFO", metadata), ("setup.py", b"")):
            entry = tarfile.TarInfo(f"{NAME}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    sys.argv = ["twine", "upload", "--non-interactive", "--disable-progress-bar", archive]
    stdout, sys.stdout = sys.stdout, sys.stderr
    failed = main()
    sys.stdout = stdout
    if failed:
        sys.exit(failed)
    print(f"{NAME}.tar.gz is uploaded")
