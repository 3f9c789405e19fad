"""Names of the streams; light, because every command that checks a name imports it."""

from __future__ import annotations

from typing import Final

# Further streams are made by the setting ``sheets``.
OPEN: Final = True
STREAMS: Final[tuple[str, ...]] = ("spreadsheet_metadata", "sheet_metadata", "marketing_leads", "marketing_spends")
