"""Run the tap with ``python -m tap_callrail_dw``."""

from __future__ import annotations

from tap_callrail_dw.tap import TapCallRail

TapCallRail.cli()
