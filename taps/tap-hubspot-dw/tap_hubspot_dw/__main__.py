"""Run the tap with ``python -m tap_hubspot_dw``."""

from __future__ import annotations

from tap_hubspot_dw.tap import TapHubSpot

TapHubSpot.cli()
