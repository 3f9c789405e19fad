"""Run the tap with ``python -m tap_gsheet_dw``."""

from __future__ import annotations

from tap_gsheet_dw.tap import TapGoogleSheets

TapGoogleSheets.cli()
