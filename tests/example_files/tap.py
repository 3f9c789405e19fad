"""The tap: a stream of everything that a file may hold, and one with the least that can be declared."""

from __future__ import annotations

import typing as t
from zoneinfo import ZoneInfo

from singer_sdk import typing as th
from tap_kit.csv import CsvStream, check_file_settings, csv_streams, explain_unset
from tap_kit.settings import with_file_settings, with_universal_settings
from tap_kit.tap import Tap
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_kit.csv import Cells

OWN_SETTINGS = th.PropertiesList(
    th.Property("deletions", th.StringType, allowed_values=["off", "sweep"], default="off"),
)


def with_email(cells: Cells) -> Cells:
    """Take the name of the user for the address where that is empty and the name is one."""
    name = cells.get("username", "")
    return {**cells, "email": cells.get("email") or (name if "@" in name else "")}


class People(CsvStream):
    """People, with columns of every kind."""

    name = "people"
    primary_keys = ("id",)
    formats = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p")
    zone = ZoneInfo("America/New_York")
    empty: t.ClassVar = {"boolean": False}
    extra = "others"
    prepare = with_email


class Places(CsvStream):
    """Places."""

    name = "places"
    primary_keys = ("code", "street")


STREAMS: t.Final[Sequence[type[CsvStream]]] = (People, Places)


class TapFiles(Tap):
    """Reads CSV files."""

    name = "tap-files"
    crm_source = "files"
    stream_order = tuple(stream.name for stream in STREAMS)
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_universal_settings(with_file_settings(OWN_SETTINGS))

    @override
    def check_settings(self) -> None:
        super().check_settings()
        check_file_settings(self.config, STREAMS)

    @override
    def discover_streams(self) -> Sequence[CsvStream]:
        return csv_streams(self, STREAMS)

    @override
    def explain_missing(self, name: str) -> str:
        return explain_unset(name) if name in self.stream_order else super().explain_missing(name)
