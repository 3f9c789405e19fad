"""Run the tap with ``python -m tap_marketsharp_dw``."""

from __future__ import annotations

from tap_marketsharp_dw.tap import TapMarketSharp

TapMarketSharp.cli()
