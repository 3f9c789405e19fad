"""Run the tap with ``python -m tap_genius``."""

from __future__ import annotations

from tap_genius.tap import TapGenius

TapGenius.cli()
