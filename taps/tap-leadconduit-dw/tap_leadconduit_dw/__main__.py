"""Run the tap with ``python -m tap_leadconduit_dw``."""

from __future__ import annotations

from tap_leadconduit_dw.tap import TapLeadConduit

TapLeadConduit.cli()
