"""Run the tap with ``python -m tap_salespro_dw``."""

from __future__ import annotations

from tap_salespro_dw.tap import TapSalesPro

TapSalesPro.cli()
