"""How Arrivy is asked: paging that trusts nothing, passes, filters and deltas that are compared on our side."""

from __future__ import annotations

import sys
import typing as t
from dataclasses import replace
from datetime import timedelta
from functools import cached_property

from singer_sdk.pagination import BaseAPIPaginator, SinglePagePaginator
from tap_kit.bookmarks import Bookmark, Narrowing, format_time, parse_time
from tap_kit.errors import SkipStream, Wait
from tap_kit.http import retry_after
from tap_kit.paging import Numbered
from tap_kit.rest import Ask, Page, Pass, RestStream, document_of, message_of, place_of
from tap_kit.rows import missing_in
from tap_kit.settings import narrowing
from tap_kit.values import datetime_from_json
from typing_extensions import override

from tap_arrivy_dw import values

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import requests
    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.http import Meter
    from tap_kit.rest import Row

    from tap_arrivy_dw.tap import TapArrivy

PROBE: t.Final = "/users/profile"
LARGEST_PAGE: t.Final = 500


def rows_of(document: t.Any) -> list[t.Any] | None:  # noqa: ANN401 - any JSON
    """Return the rows of an answer; None if it holds no list.

    Documented are bare arrays. The old system also met objects with ``results``, or with the list somewhere else.
    """
    if document is None:
        return []
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    lists = (document.get("results"), *document.values())
    return next((value for value in lists if isinstance(value, list)), None)


class Pages(Numbered):
    """Pages by number, which end with an empty page or with one that was there before.

    A short page is no end: Arrivy may allow fewer records in a page than we ask for. ``has_next`` counts where an
    answer has it (undocumented). Rows are counted as they came, because one row may give any number of records.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bodies: set[int] = set()

    @override
    def is_last(self, response: requests.Response, rows: int, position: int) -> bool:
        if ends(response):
            return True
        body = hash(response.content)
        repeated = body in self._bodies
        self._bodies.add(body)
        return repeated


def ends(response: requests.Response) -> bool:
    """Tell whether an answer says itself that nothing follows: it is empty, or ``has_next`` is false."""
    document = document_of(response) if response.content else None
    return not rows_of(document) or (isinstance(document, dict) and document.get("has_next") is False)


class ArrivyStream(RestStream):
    """What all streams of Arrivy share.

    Attributes:
        paged: Whether the endpoint has pages.
        default_page: Records of a page, if no setting says otherwise.
        unconfirmed: Whether the endpoint is in no document of Arrivy that is known to us.
        filtered_by: Setting whose status codes narrow a run.
        words: Codes that a word of that setting stands for.
        prepare: Fills in what Arrivy leaves out.
    """

    kit: TapArrivy
    primary_keys: Sequence[str] = ("id",)
    records_jsonpath = "$[*]"
    repeat_ends = True
    compares_here = True
    # A record that slips to an earlier page while the pages are read is missed once; a day later it is found.
    reread = timedelta(hours=24)
    paged: bool = True
    default_page: int = LARGEST_PAGE
    unconfirmed: bool = False
    filtered_by: str | None = None
    words: t.ClassVar[Mapping[str, tuple[str, ...]]] = {}
    prepare: t.ClassVar[t.Callable[[Row], Row] | None] = None

    def __init__(self, tap: TapArrivy) -> None:
        self.path = tap.config["paths"].get(self.name, self.path)
        super().__init__(tap)
        self.sweeps = tap.config["deletions"] == "sweep" and not self.follows and not self.codes

    @property
    def page_size(self) -> int:
        """Records asked for in a page."""
        return int(self.config.get("page_size") or self.default_page)

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json"}

    # Requests

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        return Pages() if self.paged else SinglePagePaginator()

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if self.paged:
            request.params |= {"page": ask.token or 1, "items_per_page": self.page_size}
        return request

    @override
    def parse_rows(self, document: t.Any, ask: Ask) -> list[Row]:
        found = rows_of(document)
        if found is None:
            raise SkipStream(f"The stream {self.name} cannot be read: the answer of {self.path} holds no list.")
        # What is no object has no key, and ends as a reject.
        rows = self.expand([row if isinstance(row, dict) else {} for row in found])
        prepare = type(self).prepare
        return rows if prepare is None else [prepare(row) for row in rows]

    def expand(self, rows: list[Row]) -> list[Row]:
        """Return the records that the rows of an answer hold."""
        return rows

    @override
    def judge(self, response: requests.Response) -> None:
        status = response.status_code
        if status in (403, 404) and response.url.partition("?")[0].endswith(PROBE):
            # The keys are right, or it would be 401; whether they may see the profile does not matter.
            return
        if status == 429 and not retry_after(response):  # noqa: PLR2004 - an HTTP status
            told = f"{place_of(response)} answered 429{message_of(response)}."
            raise Wait(told, seconds=float(self.config["rate_limit_wait_seconds"]))
        if status == 404 and self.unconfirmed and self.missing == "skip":  # noqa: PLR2004
            raise SkipStream(
                f"{place_of(response)} answered 404{message_of(response)}. The endpoint of {self.name} is in no public "
                f"document of Arrivy: name the right one in the setting paths, or deselect the stream."
            )
        super().judge(response)

    # Reading

    @override
    def read_pages(
        self, asks: Iterator[Ask], meter: Meter, *, token: int | str | None = None
    ) -> t.Generator[Page, None, None]:
        """Yield all pages; a list that is nothing but one full page, over and over, is an error.

        A page that comes again is the end where the pages before it differ. Where already the second page is the
        first one again, and that is as long as we asked for, the number of the page counts for nothing, and
        what lies behind the first page cannot be had.
        """
        last: Page | None = None
        for page in super().read_pages(asks, meter, token=token):
            self._check_end(last, page)
            last = page
            yield page
        self._check_end(last, None)

    def _check_end(self, last: Page | None, following: Page | None) -> None:
        if last is None or not self.paged or (last.ask.token or 1) != 1 or ends(last.response):
            return
        same = following is not None and (following.ask.part, following.ask.context) == (
            last.ask.part,
            last.ask.context,
        )
        length = len(rows_of(document_of(last.response)) or ())
        if not same and length == self.page_size:
            raise SkipStream(
                f"The stream {self.name} does not get past its first page of {length} records: the answer to the "
                "second page is the same. What lies behind it was not read."
            )

    @cached_property
    def codes(self) -> frozenset[str]:
        """Status codes that this run is narrowed to; empty for all."""
        return values.status_codes(self.config[self.filtered_by], self.words) if self.filtered_by else frozenset()

    @override
    def make_bookmark(self, incoming: Mapping[str, t.Any]) -> Bookmark:
        limits = narrowing(self.config)
        if not self.codes or limits:
            return super().make_bookmark(incoming)
        # A narrowed run leaves the bookmark as it is: this one says nothing of the records it filtered out.
        return Bookmark(
            incoming,
            replication_key=self.bookmark_key,
            key_length=self.position_length,
            reread=self.reread,
            start_date=self.config.get("start_date"),
            narrowing=Narrowing(max_records=sys.maxsize),
        )

    def has_wanted_status(self, row: Mapping[str, t.Any]) -> bool:
        """Tell whether the setting of the stream lets a row through."""
        return not self.codes or str(row.get("status") or "").strip().upper() in self.codes

    def is_wanted(self, row: Mapping[str, t.Any]) -> bool:
        """Tell whether a row will be written by this run, so that its children have to be read."""
        if missing_in(row, self.primary_keys) is not None or not self.has_wanted_status(row):
            return False
        moment = datetime_from_json(row.get(self.replication_key or "") or "", self.zone)
        if "span" not in self.__dict__ or not isinstance(moment, str):
            return True
        text = format_time(parse_time(moment))
        return (self.span.lower or "") <= text and (self.span.upper is None or text < self.span.upper)

    @override
    def finish_page(self, page: Page) -> Iterator[Row]:
        rows = [row for row in page.rows if self.has_wanted_status(row)] if self.codes else page.rows
        judged = self._judged
        for record in super().finish_page(replace(page, rows=rows)):
            for name in judged:
                record[name] = values.judge(name, record[name])
            yield record

    @cached_property
    def _judged(self) -> tuple[str, ...]:
        return tuple(name for name in values.JUDGED if name in self.selected_schema["properties"])

    # All passes count for keys and for children, not only the first one

    @override
    def rows(self, meter: Meter) -> Iterator[Row]:
        for page in self._whole(meter):
            yield from page.rows

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        for page in self._whole(None):
            for row in page.rows:
                record = self._key_columns.apply(self._with_parent(row, page.ask))
                if missing_in(record, self.primary_keys) is None:
                    yield [record[name] for name in self.primary_keys]

    def _whole(self, meter: Meter | None) -> Iterator[Page]:
        from tap_kit.http import Meter as Counting  # noqa: PLC0415 - a type everywhere else

        for part in self.whole_passes():
            yield from self.read_pages(self.make_asks(part), meter or Counting(self.report))

    def whole_passes(self) -> Sequence[Pass]:
        """Return the passes that give everything there is."""
        return self.passes
