"""A hostile command of a run: `python3 hostile ATTEMPT FACTS`.

What it gets at it prints. An attempt that is refused ends well all the same, and says so; any other end is a mistake in here."""
import json, sys

import another, harm, mint, read, wire
from proxy import Refused

attempt, facts = sys.argv[1], json.loads(sys.argv[2])
found = [getattr(ring, attempt) for ring in (another, harm, mint, read, wire) if hasattr(ring, attempt)]
assert len(found) == 1, attempt
try:
    found[0](facts)
except (Refused, EOFError, OSError) as error:
    print("refused:", type(error).__name__, error, file=sys.stderr)
