"""The service area by ZIP code: not from HubSpot, but from a CSV file that the settings name."""

from __future__ import annotations

import typing as t

from tap_kit.csv import CsvStream
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context

SHORTEST: t.Final = 5


class Zipcodes(CsvStream):
    """Service area by ZIP code, from a CSV file; only if the setting ``files`` names it.

    Bookmark: the files that were read. A code with fewer than five characters is a reject: it has lost its zeros.
    """

    name = "zipcodes"
    primary_keys = ("zipcode",)

    @override
    def get_records(self, context: Context | None) -> Iterator[dict[str, t.Any]]:
        for record in super().get_records(context):
            if len(record["zipcode"]) < SHORTEST:
                self.reject(record, "a ZIP code with fewer than five characters", field="zipcode")
            else:
                yield record
