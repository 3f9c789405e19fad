"""What is written about the tap is what the tap does."""

from __future__ import annotations

import re
from pathlib import Path

from tap_callrail_dw.names import STREAM_NAMES
from tap_callrail_dw.tap import TapCallRail

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")


def test_the_readme_and_the_page_tell_every_stream() -> None:
    tap = TapCallRail(config={"api_key": "key"})
    streams = {name: tap.rest_stream(name) for name in STREAM_NAMES}
    page = (PACKAGE.parents[1] / "docs" / "callrail.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| `GET (.*)` \| `id` \| (.*) \|$", README, flags=re.MULTILINE)
    assert [(name, path) for name, path, _ in told] == [(name, streams[name].path) for name in STREAM_NAMES]
    for name, _, how in told:
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        key = streams[name].replication_key
        assert (f"`{key}`" in how) is (f"`{key}`" in line) is (key is not None)


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert text.count("*Why this matters:*") >= 15
