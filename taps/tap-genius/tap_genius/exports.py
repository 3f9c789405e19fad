"""CSV exports of four tables, for what the database does not show any more; off until the setting ``files`` names them.

They have streams of their own: an export has no modification time, so that it must not replace rows of the database.
"""

from __future__ import annotations

import typing as t

from tap_kit.csv import CsvStream

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from tap_kit.tap import Tap

    from tap_genius.tap import TapGenius

# Days and months come without a leading zero; 0000-0-0 is no date.
FORMATS: t.Final = (
    "%Y-%m-%d %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%Y-%m-%d",
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
)


class Export(CsvStream):
    """An export of a table: its headers are the names of the table's columns."""

    kit: TapGenius
    formats = FORMATS
    empty: t.ClassVar[Mapping[str, t.Any]] = {"boolean": False}

    def __init__(self, tap: Tap) -> None:
        super().__init__(tap)
        self.zone: tzinfo = self.kit.zone


class Users(Export):
    """Users; e-mail addresses repeat.

    Source: CSV export of user_data. Bookmark: the files that were read.
    """

    name = "csv_users"
    primary_keys = ("id",)


class Appointments(Export):
    """Appointments.

    Source: CSV export of appointment. Bookmark: the files that were read.
    """

    name = "csv_appointments"
    primary_keys = ("id",)


class MarketingSources(Export):
    """Marketing sources; most end on a day of zeros or in 2999.

    Source: CSV export of marketing_source. Bookmark: the files that were read.
    """

    name = "csv_marketing_sources"
    primary_keys = ("id",)


class MarketingSourceTypes(Export):
    """Types of marketing sources.

    Source: CSV export of marketing_source_type. Bookmark: the files that were read.
    """

    name = "csv_marketing_source_types"
    primary_keys = ("id",)


EXPORTS: t.Final[Sequence[type[Export]]] = (Users, Appointments, MarketingSources, MarketingSourceTypes)
