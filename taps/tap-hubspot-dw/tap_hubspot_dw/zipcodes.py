"""The service area by ZIP code: not from HubSpot, but from a CSV file that the settings name."""

from __future__ import annotations

import csv
import io
import typing as t
from pathlib import Path

from singer_sdk.streams.rest import HTTPRequest
from tap_kit.errors import SkipStream, Stop, TapError
from tap_kit.http import Meter
from tap_kit.rest import error_of
from typing_extensions import override

from tap_hubspot_dw.client import FILES, TOO_MANY, HubSpotStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from requests import Response

    from tap_hubspot_dw.tap import TapHubSpot

SHORTEST: t.Final = 5
# GitHub's contents API gives the file itself for this type; others ignore it.
ACCEPTED: t.Final = "application/vnd.github.v3.raw, text/csv, */*;q=0.5"


class ZipcodeStream(HubSpotStream):
    """How the file is read; the declaration is in streams.py."""

    def __init__(self, tap: TapHubSpot) -> None:
        super().__init__(tap)
        self.endpoint = "zipcodes_url"
        self.sweeps = tap.config["deletions"] == "sweep"
        self._keys: list[str] = []

    @override
    def get_records(self, context: t.Any) -> Iterator[dict[str, t.Any]]:
        names = list(self.selected_schema["properties"])
        self._keys = []
        for row in rows_of(self._text()):
            if len(row["zipcode"] or "") < SHORTEST:
                self.reject(row, "a ZIP code with fewer than five characters", field="zipcode")
                continue
            self._keys.append(str(row["zipcode"]))
            yield {name: row[name] for name in names}

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        return ([key] for key in self._keys)

    def _text(self) -> str:
        address = str(self.config["zipcodes_url"])
        if not address.startswith(("https://", "http://")):
            return self._file(Path(address))
        token = self.config.get("zipcodes_token")
        headers = {"Accept": ACCEPTED} | ({"Authorization": f"token {token}"} if token else {})
        # Not signed: the token of HubSpot must not reach another host.
        response = self.kit.client.send(
            HTTPRequest(url=address, headers=headers),
            limit=FILES,
            judge=judge_file,
            meter=Meter(self.report),
            sign=False,
        )
        return decoded(response.content)

    def _file(self, path: Path) -> str:
        try:
            return decoded(path.read_bytes())
        except OSError as error:
            raise SkipStream(
                f"The file of the setting zipcodes_url cannot be read ({type(error).__name__}): correct the setting, "
                "or leave it out.",
                category="configuration",
            ) from None


def decoded(content: bytes) -> str:
    """Return the text of a CSV file: UTF-8, with or without a mark, else what Windows writes."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def rows_of(text: str) -> Iterator[dict[str, str | None]]:
    """Yield the lines of the file by the names of the columns; blank cells are None.

    Raises:
        SkipStream: If there is no column for the code.
    """
    lines = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(lines, [])]
    if not {"zip", "zipcode"} & set(header):
        raise SkipStream(
            "The file of the setting zipcodes_url has no column zip or zipcode in its first line.", category="data"
        )
    for line in lines:
        cells: Mapping[str, str] = dict(zip(header, (cell.strip() for cell in line), strict=False))
        if any(cells.values()):
            code = cells.get("zipcode") or cells.get("zip") or None
            yield {"zipcode": code} | {
                name: cells.get(name) or None for name in ("division", "city", "county", "state")
            }


def judge_file(response: Response) -> None:
    """Raise what an answer of the file's host means; its errors concern this stream only."""
    if response.ok and "html" not in response.headers.get("Content-Type", ""):
        return
    status = response.status_code
    if status == TOO_MANY or status >= 500:  # noqa: PLR2004 - an HTTP status
        error = error_of(response, stream="zipcodes")
        if isinstance(error, TapError) and not isinstance(error, Stop):
            raise error
    raise SkipStream(
        f"The file of the setting zipcodes_url cannot be had: its host answered {status}. Check zipcodes_url and "
        "zipcodes_token.",
        category="configuration",
    )
