"""Run the tap with ``python -m tap_five9_dw``."""

from __future__ import annotations

from tap_five9_dw.tap import TapFive9

TapFive9.cli()
