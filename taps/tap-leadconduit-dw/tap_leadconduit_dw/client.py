"""How LeadConduit is asked: events by their ids, from the oldest to the newest; whole lists for the rest.

Source of the facts: LeadConduit's API reference (developers.activeprospect.com, "List all events"), the vendor's
knowledge base, a public client, and the system that read LeadConduit before. What they leave open is a setting, or is
read in every form.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from singer_sdk.pagination import BaseAPIPaginator
from tap_kit.bookmarks import IdBookmark, parse_time
from tap_kit.errors import RefreshCredentials, SkipStream, Stop, Wait
from tap_kit.http import retry_after
from tap_kit.rest import EARLIEST, RestStream, document_of, message_of, place_of
from tap_kit.settings import narrowing
from typing_extensions import override

from tap_leadconduit_dw.values import is_event_id, second_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import requests
    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import MetadataMapping
    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.rest import Ask, Page, Pass, Row

    from tap_leadconduit_dw.tap import TapLeadConduit

LARGEST_PAGE: t.Final = 1000
JSON: t.Final = {"Accept": "application/json"}
# The only request for the newest first: the probe.
NEWEST: t.Final = {"limit": 1, "sort": "desc"}


class EventBookmark(IdBookmark):
    """The id of an event, as LeadConduit's cursor wants it.

    Kept is the id and no time: ``start_timestamp`` is not in the order of the ids, and a time names no place between
    two events of one second. The seconds in the id serve to compare it with LeadConduit's clock, and to start a delta
    some minutes earlier, because the ids come from several machines and an event may be shown later than a greater id.
    """

    kind = "the id of an event, which has 24 hexadecimal digits"

    @override
    def normal(self, value: str) -> str:
        if not is_event_id(value):
            raise ValueError(value)
        return value.lower()

    @override
    def moment_of(self, value: str) -> datetime:
        return second_of(value)


class EventPages(BaseAPIPaginator["str | None"]):
    """Goes on after the last id of a page, until the present.

    A short page alone is no end: LeadConduit may give fewer events than were asked for. It is one if it holds an
    event from after the beginning of the run, else an empty page is: so a busy account does not keep a run for ever.

    Args:
        stream: Name of the stream, for messages.
        page_size: Events asked for.
        until: LeadConduit's clock at the beginning of the run.
        upper: Moment from which on nothing is wanted.
    """

    def __init__(self, stream: str, page_size: int, until: datetime, upper: datetime | None) -> None:
        super().__init__(None)
        self._stream = stream
        self._page_size = page_size
        self._until = until
        self._upper = upper

    @override
    def get_next(self, response: requests.Response) -> str | None:
        rows = document_of(response) if response.content else []
        if not rows:
            return None
        last = next((row["id"] for row in reversed(rows) if isinstance(row, dict) and is_event_id(row.get("id"))), None)
        if last is None:
            raise SkipStream(
                f"The stream {self._stream} cannot go on: none of the {len(rows)} events of a page has an id of 24 "
                "hexadecimal digits, which is the cursor of the next page."
            )
        moment = second_of(last)
        if self._upper is not None and moment >= self._upper:
            return None
        return None if len(rows) < self._page_size and moment > self._until else last


class LeadConduitStream(RestStream):
    """What all streams of LeadConduit share; columns that may hold secrets are not selected unless asked for.

    Attributes:
        listed: Whether one answer holds everything, so that the setting ``deletions`` applies.
    """

    kit: TapLeadConduit
    primary_keys = ("id",)
    permission = "a LeadConduit user who may see it"
    listed: bool = False

    def __init__(self, tap: TapLeadConduit, *, schema: dict[str, t.Any] | None = None) -> None:
        super().__init__(tap, schema=schema)
        self.sweeps = self.listed and self.config["deletions"] == "sweep"

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        # Without it every answer is 403, as if the key were wrong.
        return dict(JSON)

    @property
    @override
    def metadata(self) -> MetadataMapping:
        metadata = super().metadata
        if not self._tap_input_catalog:
            for name, column in self.schema["properties"].items():
                if column.get("x-sensitivity") == "secret":
                    metadata["properties", name].selected_by_default = False
        return metadata

    @override
    def parse_rows(self, document: t.Any, ask: Ask) -> list[Row]:
        if not isinstance(document, list):
            raise SkipStream(f"The stream {self.name} cannot be read: the answer of {self.path} is no list.")
        # What is no object has no key, and ends as a reject.
        return [row if isinstance(row, dict) else {} for row in document]

    @override
    def judge(self, response: requests.Response) -> None:
        status = response.status_code
        told = f"{place_of(response)} answered {status}{message_of(response)}."
        if status == 401:  # noqa: PLR2004 - an HTTP status, as all below
            raise RefreshCredentials(
                f"{told} The key is wrong or was replaced; or the account is a free one, which may not read events."
            )
        if status == 403:  # noqa: PLR2004
            if "csrf" in message_of(response).lower():
                raise Stop(
                    f"{told} The header Accept: application/json did not reach LeadConduit; something between here and "
                    "there takes it away. The key is not at fault.",
                    category="connection",
                )
            if _parameters(response).get("sort") == NEWEST["sort"]:
                # The key is right, or it would be 401; whether its user may see events does not matter here.
                return
        if status == 429 and retry_after(response) is None:  # noqa: PLR2004
            raise Wait(told, seconds=float(self.config["rate_limit_wait_seconds"]))
        cursor = _parameters(response).get("after_id")
        if status in (400, 404) and cursor:
            raise SkipStream(
                f"The stream {self.name} cannot go on after the event {cursor}: {told} If LeadConduit does not know "
                "this event any more, read the stream in full."
            )
        super().judge(response)


class EventStream(LeadConduitStream):
    """A stream of events, in the order of their ids, each page asked for by the last id of the one before.

    An event never changes; what happens to a lead later comes as a new event.

    Attributes:
        event_type: Type that all records have, if they have one; LeadConduit is asked to filter by it if the setting
            ``filter_type`` says so.
    """

    path = "/events"
    bookmark_class = EventBookmark
    event_type: t.ClassVar[str | None] = None

    def __init__(self, tap: TapLeadConduit, *, schema: dict[str, t.Any] | None = None) -> None:
        super().__init__(tap, schema=schema)
        self.reread = timedelta(minutes=self.config["lookback_minutes"])
        self._first_page = True
        self._gap: str | None = None
        self._held: str | None = None

    # Requests

    @property
    def page_size(self) -> int:
        """Events asked for in a page."""
        return int(self.config["page_size"])

    @property
    def is_filtered(self) -> bool:
        """Whether LeadConduit is asked to filter by type."""
        return self.event_type is not None and bool(self.config["filter_type"])

    @property
    def bookmark(self) -> EventBookmark:
        """The bookmark of this run."""
        return t.cast("EventBookmark", self.kit.bookmarks[self.name])

    @property
    def stored(self) -> str | None:
        """The event that this run goes on from; None for a first run, or one whose beginning is set."""
        return None if self.config.get("since") else self.bookmark.stored

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        upper = parse_time(self.span.upper) if self.span.upper else None
        return EventPages(self.name, self.page_size, parse_time(self.span.until), upper)

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        request.params |= {"limit": self.page_size, "sort": "asc"}
        if self.is_filtered:
            request.params["type"] = self.event_type
        # What a date and a cursor together mean is documented nowhere; never both.
        after = ask.token or (None if self.reread else self.stored)
        if after is not None:
            request.params["after_id"] = after
        else:
            request.params["start"] = request_time(parse_time(self.span.lower) if self.span.lower else EARLIEST)
        return request

    @override
    def parse_rows(self, document: t.Any, ask: Ask) -> list[Row]:
        rows = super().parse_rows(document, ask)
        before = ask.token.lower() if isinstance(ask.token, str) else None
        for event_id in _ids(rows):
            if before is not None and event_id <= before:
                raise SkipStream(
                    f"The stream {self.name} does not come in the order of its ids: {event_id} after {before}. Events "
                    "would be left out, so nothing more is read."
                )
            before = event_id
        return rows

    # Records

    def chosen(self, rows: list[Row]) -> list[Row]:
        """Return what the stream makes of some events."""
        return rows

    @override
    def get_records(self, context: Context | None) -> Iterator[Row]:
        yield from super().get_records(context)
        if self._first_page and self.stored:
            self._warn_of_silence(self.stored)
        if self._gap is not None:
            if self._held is not None:
                self.bookmark.reach(self._held)
            raise SkipStream(
                f"{self._gap} Everything from there on was read, and the next run goes on behind it.", category="data"
            )

    @override
    def finish_page(self, page: Page) -> Iterator[Row]:
        ids = _ids(page.rows)
        if self._first_page and ids:
            self._first_page = False
            self._look_back(ids[0])
        rows = []
        for row in self.chosen([row for row in page.rows if self._is_wanted(row)]):
            if row.get("id") in (None, "") or is_event_id(row["id"]):
                rows.append(row)
            else:
                self.reject(self._columns.apply(row), "no id of 24 hexadecimal digits", field=self.primary_keys[0])
        yield from super().finish_page(replace(page, rows=rows))
        # By now every event of the page has been written.
        until = parse_time(self.span.until)
        reached = next((event_id for event_id in reversed(ids) if second_of(event_id) <= until), None)
        if reached is None:
            return
        if self._gap is None:
            self.bookmark.reach(reached)
        else:
            # Only the STATE that tells of a gap may lead past it: a run that breaks off before leaves it to the next.
            self._held = reached

    def _is_wanted(self, row: Row) -> bool:
        """Tell whether an event is from before ``end_date``; ``end`` counts for LeadConduit's first page only."""
        if self.span.upper is None or not is_event_id(row.get("id")):
            return True
        return second_of(row["id"]) < parse_time(self.span.upper)

    # What LeadConduit has no more

    def _look_back(self, first: str) -> None:
        """Compare the oldest event that came with the one that was asked for."""
        oldest, until = second_of(first), parse_time(self.span.until)
        kept = timedelta(days=self.config["retention_days"])
        stored = self.stored
        if stored is None:
            if self.span.lower and parse_time(self.span.lower) < until - kept < oldest + timedelta(days=1):
                self.logger.warning(
                    "%s: LeadConduit keeps events for about %d days. The oldest one is of %s, asked for was %s; what "
                    "is older can only be had from the Firehose of the account.",
                    self.name,
                    kept.days,
                    _day(oldest),
                    _day(parse_time(self.span.lower)),
                )
            return
        is_old = second_of(stored) < until - kept
        # The event of the bookmark must come again, unless it was not asked for.
        can_tell = bool(self.reread) and not self.is_filtered
        if (can_tell and first <= stored) or not (can_tell or is_old):
            return
        told = (
            f"The bookmark of {self.name} is the event {stored} of {second_of(stored):%Y-%m-%d %H:%M} UTC, and "
            f"LeadConduit does not show it any more; the oldest event that came is of {oldest:%Y-%m-%d %H:%M} UTC."
        )
        if not is_old:
            self.logger.warning("%s Was it deleted, or was the bookmark edited?", told)
            return
        gap = (
            f"{told} Events are kept for about {kept.days} days: what happened between the two is gone here, and can "
            "only be had from the Firehose of the account."
        )
        self.logger.warning("%s", gap)
        if not narrowing(self.config):
            self._gap = gap

    def _warn_of_silence(self, stored: str) -> None:
        """Warn of an old bookmark after which nothing came at all: it stays, and is compared when an event comes."""
        if second_of(stored) < parse_time(self.span.until) - timedelta(days=self.config["retention_days"]):
            self.logger.warning(
                "%s: the bookmark is of %s, which is longer ago than LeadConduit keeps events, and no event came. What "
                "happened since then, and is gone by now, can only be had from the Firehose of the account.",
                self.name,
                _day(second_of(stored)),
            )


def request_time(moment: datetime) -> str:
    """Return a moment as LeadConduit wants it: milliseconds, and Z for UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ids(rows: Iterable[Mapping[str, t.Any]]) -> list[str]:
    """Return the ids of some events, as they are compared."""
    return [row["id"].lower() for row in rows if is_event_id(row.get("id"))]


def _parameters(response: requests.Response) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(response.url).query).items()}


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
