#!/usr/bin/env python3
"""Writes docs/demo.svg: a terminal session of the quickstart, whose output is the real binary's.

    docs/demo/record.py              builds and runs the quickstart
    docs/demo/record.py FILE         takes what it printed from a file, - for standard input

Only what differs from run to run is replaced: the server's address, paths, times. A line that is too long ends with an ellipsis.
"""

import html
import pathlib
import re
import subprocess
import sys

COLUMNS = 92
LINE, COLUMN, MARGIN = 19, 7.85, 18
SERVER = "https://gitlab.acme.com"
QUICKSTART = ["cargo", "run", "--quiet", "--profile", "quickstart", "--example", "quickstart"]

STYLE = """
    text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #c9d1d9; white-space: pre; }
    .command { fill: #ffffff; font-weight: bold; }
    .about { fill: #8b949e; }
    .held { fill: #ffa657; }
    .real { fill: #7ee787; }
    @media (prefers-reduced-motion: no-preference) {
      text { animation: appear .2s backwards; }
      @keyframes appear { from { opacity: 0; } }
    }
"""


def session():
    """What the quickstart printed, data and words as they came."""
    if len(sys.argv) < 2:
        return subprocess.run(QUICKSTART, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    if sys.argv[1] == "-":
        return sys.stdin.read()
    return pathlib.Path(sys.argv[1]).read_text()


def lines(text):
    text = re.sub(r"https://localhost:\d+", SERVER, text)
    text = re.sub(r"localhost:\d+", SERVER.removeprefix("https://"), text)
    text = re.sub(r"/\S+/ca\.pem|(?<=--ca-file )\S+", "acme-ca.pem", text)
    text = re.sub(r"[0-9a-f]{64}", "APPLICATION_ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-01T09:00:00Z", text)
    for line in text.splitlines():
        yield line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"


def kind(line):
    if line.startswith("$ "):
        return "command"
    if "authsome-proxy-managed" in line:
        return "held"
    if "the real token" in line or "injected" in line:
        return "real"
    return "output" if line.startswith(" ") or re.match(r"\d{4}-", line) else "about"


def svg(shown):
    width = round(2 * MARGIN + COLUMNS * COLUMN)
    height = 2 * MARGIN + LINE * len(shown)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
        ' aria-label="A terminal: authsome login, an agent that has a placeholder, and what the server received">',
        f"  <style>{STYLE}  </style>",
        f'  <rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
    ]
    for index, line in enumerate(shown):
        if line:
            delay = f"{index * 0.25:.2f}s"
            y = MARGIN + LINE * index + 13
            out.append(
                f'  <text class="{kind(line)}" x="{MARGIN}" y="{y}" style="animation-delay: {delay}">'
                f"{html.escape(line, quote=False)}</text>"
            )
    return "\n".join([*out, "</svg>", ""])


def main():
    target = pathlib.Path(__file__).resolve().parent.parent / "demo.svg"
    target.write_text(svg(list(lines(session().rstrip()))))
    print(f"{target} is written")


if __name__ == "__main__":
    main()
