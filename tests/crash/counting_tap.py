"""A tap without keys: counts to a number, with a STATE now and then, and goes on where its state says.

``counting_tap.py COUNT STATE_EVERY STATE_FILE``. Its rows have no key, so nothing but the order of commits keeps
them from being loaded twice.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

STREAM = "events"


def state(number: int, status: str, run: dict[str, object] | None = None) -> dict[str, object]:
    """Return the STATE after so many rows."""
    bookmark = {"replication_key": "n", "replication_key_value": number} if number else {}
    report: dict[str, object] = {"streams": {STREAM: {"status": status}}}
    if run is not None:
        report["run"] = run
    return {"type": "STATE", "value": {"bookmarks": {STREAM: bookmark}, "sync_report": report}}


def main(count: int, every: int, state_file: str) -> None:
    """Print the messages."""
    stored = json.loads(Path(state_file).read_text())
    first = stored.get("bookmarks", {}).get(STREAM, {}).get("replication_key_value", 0)

    def write(message: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")

    run: dict[str, object] = {"crm_source": "counting", "streams": [STREAM]}
    write(state(first, "running", run))
    properties = {"n": {"type": "integer"}, "text": {"type": "string"}}
    write({"type": "SCHEMA", "stream": STREAM, "schema": {"properties": properties}, "key_properties": []})
    for number in range(first + 1, count + 1):
        write({"type": "RECORD", "stream": STREAM, "record": {"n": number, "text": f"event {number}"}})
        if number % every == 0:
            write(state(number, "running"))
            sys.stdout.flush()
    write(state(count, "success"))


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    except BrokenPipeError:
        os._exit(1)  # the reader has gone; Python would try to write once more
