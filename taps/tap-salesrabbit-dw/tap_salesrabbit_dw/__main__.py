"""Run the tap with ``python -m tap_salesrabbit_dw``."""

from __future__ import annotations

from tap_salesrabbit_dw.tap import TapSalesRabbit

TapSalesRabbit.cli()
