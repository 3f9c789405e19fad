"""How CallRail is asked: accounts, dates, pages, extra fields, errors.

Source of the facts: CallRail's API v3 reference (apidocs.callrail.com). What it leaves open is a setting, or is
read in every form that was seen.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from tap_kit.bookmarks import Bookmark, Narrowing, format_time, parse_time
from tap_kit.keysets import Within
from tap_kit.limits import QuotaUsedUp
from tap_kit.paging import LinkPaginator, Numbered
from tap_kit.rest import Pass, RestStream, document_of, load_schema, message_of, place_of
from tap_kit.rows import dig
from tap_kit.settings import narrowing
from tap_kit.values import datetime_from_json
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import requests
    from singer_sdk.pagination import BaseAPIPaginator
    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.http import Meter
    from tap_kit.rest import Ask, Page, Row
    from tap_kit.windows import Window

    from tap_callrail_dw.tap import TapCallRail

LARGEST_PAGE = 250
TOO_MANY = 429
# Dates are read in a time zone that no answer names. Zones lie within 14 hours of UTC, so a day on each side is enough.
ZONE_MARGIN = timedelta(days=1)


@dataclass(frozen=True)
class Filtered(Narrowing):
    """Limits of a run that reads some companies only: it is narrowed, whatever else is set."""

    def __bool__(self) -> bool:
        """Say that the run is narrowed."""
        return True


class CallRailPages(Numbered):
    """Numbered pages, whose answers tell the number of pages, or a link to the next one, or neither.

    The size of a page is the one that the answer names: a server that gives less than was asked for must not make
    every page look like the last one.
    """

    def __init__(self, page_size: int) -> None:
        super().__init__(page_size=page_size, pages_path="$.total_pages")
        self._asked = page_size

    @override
    def is_last(self, response: requests.Response, rows: int, position: int) -> bool:
        if not rows:
            return True
        pages = self.pages_of(response)
        if pages is not None:
            return position + 1 >= pages
        if "next" in response.links:
            return False
        told = dig(document_of(response), ("per_page",))
        return rows < (told if isinstance(told, int) and 0 < told < self._asked else self._asked)


class RelativePages(LinkPaginator):
    """CallRail's relative paging: each answer holds the address of the next page, on our host or it is refused."""

    def __init__(self, base: str) -> None:
        super().__init__(base, "$.next_page")

    @override
    def get_next(self, response: requests.Response) -> str | None:
        if dig(document_of(response), ("has_next_page",)) is False:
            return None
        return super().get_next(response)


class CallRailStream(RestStream):
    """What all streams of CallRail share.

    Attributes:
        filters_by_company: Whether the endpoint knows the parameter company_id.
        can_sweep: Whether the setting ``deletions`` applies: a read tells all there is, at least of its dates.
    """

    kit: TapCallRail
    primary_keys = ("id",)
    parent: str | None = "accounts"
    parent_context: t.ClassVar[Mapping[str, str]] = {"account_id": "id"}
    permission = "a CallRail user who may see it"
    filters_by_company: bool = False
    can_sweep: bool = True

    def __init__(self, tap: TapCallRail) -> None:
        schema = load_schema(type(self), self.name)
        columns: dict[str, dict[str, t.Any]] = schema["properties"]
        self.requested = [name for name, column in columns.items() if column.pop("x-requested", False)]
        super().__init__(tap, schema=schema)
        self.zone = tap.zone
        self.sweeps = self.can_sweep and self.config["deletions"] == "sweep" and not self.is_filtered

    @property
    def is_filtered(self) -> bool:
        """Whether this run reads one company only."""
        return self.filters_by_company and bool(self.config.get("company_id"))

    @cached_property
    def extra_fields(self) -> str:
        """Names of the selected columns that are only answered when they are asked for."""
        selected, left_out = self.selected_schema["properties"], self.config["exclude_fields"]
        return ",".join(name for name in self.requested if name in selected and name not in left_out)

    @override
    def contexts(self) -> Iterator[Mapping[str, t.Any]]:
        account = self.config.get("account_id")
        if self.parent is None or not account:
            return super().contexts()
        return iter([{"account_id": account}])

    @override
    def make_bookmark(self, incoming: Mapping[str, t.Any]) -> Bookmark:
        if not self.is_filtered:
            return super().make_bookmark(incoming)
        return Bookmark(
            incoming,
            replication_key=self.bookmark_key,
            key_length=self.position_length,
            reread=self.reread,
            start_date=self.config.get("start_date"),
            narrowing=Filtered(**vars(narrowing(self.config))),
        )

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        return CallRailPages(self.config["page_size"])

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if isinstance(ask.token, str):
            return request
        request.params["per_page"] = self.config["page_size"]
        if ask.token is not None:
            request.params["page"] = ask.token
        if self.extra_fields:
            request.params["fields"] = self.extra_fields
        if self.is_filtered:
            request.params["company_id"] = self.config["company_id"]
        return request

    @override
    def judge(self, response: requests.Response) -> None:
        if response.status_code == TOO_MANY and _day_is_used_up(response):
            raise QuotaUsedUp(f"{place_of(response)} answered 429{message_of(response)}: the day's requests are used.")
        super().judge(response)


class WindowedStream(CallRailStream):
    """A stream that is read by date, in windows from the oldest to the newest.

    Nothing tells when a record was changed: the bookmark is the moment of the event itself, and each run reads the
    last days again, see ``lookback_setting``. What a run with ``deletions`` does not find again in its dates is gone.

    Both dates are always sent: what comes without them differs. They are whole days and inclusive, in a time zone
    of CallRail's choice, so a day more is asked for on each side and what lies outside of the window is left out.
    So every record is written once, however the windows are cut.

    Attributes:
        lookback_setting: Setting with the days that are read again.
        date_field: Field of a row that the dates apply to.
        sortable: Whether the endpoint can be asked for the oldest first.
    """

    passes: Sequence[Pass] = (Pass(windowed=True),)
    completes = True
    filters_by_company = True
    lookback_setting: t.ClassVar[str] = "lookback_days"
    date_field: t.ClassVar[str]
    sortable: t.ClassVar[bool] = True

    def __init__(self, tap: TapCallRail) -> None:
        super().__init__(tap)
        self.reread = timedelta(days=self.config[self.lookback_setting])
        # The margin is inside: a range that reaches further back than CallRail keeps is an error, not a part of it.
        self.retention = timedelta(days=self.config["retention_days"]) - ZONE_MARGIN
        self._read_keys: list[Sequence[int | str]] = []

    @override
    def choose_passes(self) -> Sequence[Pass]:
        return [replace(self.passes[0], window=timedelta(days=self.config["window_days"]))]

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if isinstance(ask.token, str) or ask.window is None:
            return request
        request.params["start_date"] = (ask.window.start - ZONE_MARGIN).date().isoformat()
        request.params["end_date"] = (ask.window.end + ZONE_MARGIN).date().isoformat()
        if self.sortable:
            request.params |= {"sort": self.date_field, "order": "asc"}
        return request

    @override
    def complete(self, page: Page, meter: Meter) -> Page:
        window = page.ask.window
        rows = page.rows if window is None else [row for row in page.rows if self._lies_in(row, window)]
        return replace(page, rows=rows)

    @override
    def finish_page(self, page: Page) -> Iterator[Row]:
        for record in super().finish_page(page):
            if self.sweeps:
                self._read_keys.append([record[name] for name in self.primary_keys])
            yield record

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        """Yield the keys that this run has read: they are all that CallRail still shows of its dates."""
        return iter(self._read_keys)

    @override
    def keys_within(self) -> Within:
        bounds = self.window_bounds()
        return Within(t.cast("str", self.replication_key), format_time(bounds.start), format_time(bounds.end))

    def _lies_in(self, row: Row, window: Window) -> bool:
        """Tell whether a row belongs to a window; one whose moment cannot be read belongs to every window."""
        moment = self.moment_of(row)
        return moment is None or window.start <= moment < window.end

    def moment_of(self, row: Row) -> datetime | None:
        """Return the moment of a row that the dates apply to."""
        value = datetime_from_json(row.get(self.date_field) or "", self.zone)
        return parse_time(value) if isinstance(value, str) else None


def _day_is_used_up(response: requests.Response) -> bool:
    """Tell from headers that were seen, but are not documented, whether the requests of the day are used."""
    used, allowed = (response.headers.get(f"x-rate-limit-daily-{what}", "") for what in ("used", "allowed"))
    return used.isdigit() and allowed.isdigit() and int(used) >= int(allowed)
