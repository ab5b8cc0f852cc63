import json, os, stat
report = {"variables": dict(os.environ), "files": {}, "modes": {}}
root = os.path.dirname(os.environ["SSL_CERT_FILE"])
for folder, _, files in os.walk(root):
    for file in files:
        path = os.path.join(folder, file)
        name = os.path.relpath(path, root)
        report["modes"][name] = oct(stat.S_IMODE(os.stat(path).st_mode))
        if os.path.getsize(path) < 2_000_000:
            with open(path, "rb") as content:
                report["files"][name] = content.read().decode("latin-1")
report["directory"] = root
print(json.dumps(report))
