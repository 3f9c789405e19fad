"""Run the tap with ``python -m tap_arrivy_dw``."""

from __future__ import annotations

from tap_arrivy_dw.tap import TapArrivy

TapArrivy.cli()
