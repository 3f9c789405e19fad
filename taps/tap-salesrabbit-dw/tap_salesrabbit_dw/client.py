"""How SalesRabbit is asked: the header that names a moment, 304, pages, and answers that only look like some.

There is no public reference. What is written here is what public clients of the API do; where they contradict each
other, it is a setting, or every form is read.
"""

from __future__ import annotations

import sys
import typing as t
from dataclasses import replace
from datetime import timedelta
from functools import cached_property

from tap_kit.bookmarks import Bookmark, Narrowing, format_time, parse_time
from tap_kit.errors import Retry, SkipStream, Wait
from tap_kit.http import Meter, retry_after
from tap_kit.paging import Numbered
from tap_kit.rest import Pass, RestStream, document_of, load_schema, message_of, place_of
from tap_kit.rows import dig, missing_in
from tap_kit.settings import narrowing
from tap_kit.values import datetime_from_json
from typing_extensions import override

from tap_salesrabbit_dw import values

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import requests
    from singer_sdk.pagination import BaseAPIPaginator
    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.rest import Ask, Page, Row

    from tap_salesrabbit_dw.tap import TapSalesRabbit

    Data: t.TypeAlias = "list[t.Any] | dict[str, t.Any]"

LARGEST_PAGE: t.Final = 2000
MODIFIED, STATUS_MODIFIED = "If-Modified-Since", "If-Status-Modified-Since"
NOT_MODIFIED: t.Final = 304
# Names of the passes: everything, without a header, and what was changed since the bookmark.
CHANGED: t.Final = "changed"


class NoSuchEndpoint(SkipStream):
    """The path of a stream does not exist."""


def data_of(response: requests.Response) -> Data | None:
    """Return what an answer holds: records, or records by lead; None if it holds none of them.

    Documents without an envelope are lists. An answer that tells of an error is none, whatever else is in it.
    """
    if not response.content:
        return []
    document = document_of(response)
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    if document.get("error") or document.get("errors") or document.get("success") is False:
        return None
    data = document.get("data")
    return data if isinstance(data, list | dict) else None


def more_pages(response: requests.Response) -> bool | None:
    """Return whether an answer says that there are more pages; None if it does not say."""
    told = dig(document_of(response), ("meta", "morePages")) if response.content else None
    return told if isinstance(told, bool) else None


def request_time(text: str) -> str:
    """Write a moment as the headers want it: ISO 8601 with +00:00, not as an HTTP date; whole seconds, cut off."""
    return parse_time(text).isoformat(timespec="seconds")


class Pages(Numbered):
    """Pages by number, the first one is 1; ``meta.morePages`` says whether another one follows.

    Where an answer does not say so, the list ends with an empty page or with one that was there before. A short
    page is no end: nobody knows how many records SalesRabbit gives at most.

    Args:
        paged: Whether the endpoint has pages; one without them has one answer, unless that says otherwise.
    """

    def __init__(self, *, paged: bool) -> None:
        super().__init__()
        self._paged = paged
        self._bodies: set[int] = set()

    def ends(self, response: requests.Response) -> bool:
        """Tell whether an answer says itself that nothing follows."""
        if not data_of(response):
            return True
        more = more_pages(response)
        return not self._paged if more is None else not more

    @override
    def is_last(self, response: requests.Response, rows: int, position: int) -> bool:
        # The rows do not count: a page of histories may hold leads without any event.
        if self.ends(response):
            return True
        body = hash(response.content)
        repeated = body in self._bodies
        self._bodies.add(body)
        return repeated


class SalesRabbitStream(RestStream):
    """What all streams of SalesRabbit share.

    Attributes:
        paged: Whether the endpoint has pages.
        default_page: Records of a page, if no setting says otherwise.
        largest_page: Records of a page at most.
        since_header: Header that asks for what was changed since a moment; None reads everything each time.
        compared: Fields of a row whose latest moment is compared on our side.
        trusts_server: Whether a delta takes what SalesRabbit gives, whatever its time is.
        gives_whole_list: Whether the endpoint is known to answer with the whole list, whatever the page.
        other_paths: Where else the endpoint may be.
        can_sweep: Whether the setting ``deletions`` applies.
        role: Role that this run is narrowed to.
    """

    kit: TapSalesRabbit
    primary_keys: Sequence[str] = ("id",)
    records_jsonpath = "$.data[*]"
    permission = "an API token that may read it"
    accepted = (200, NOT_MODIFIED)
    repeat_ends = True
    paged: bool = True
    default_page: int = 1000
    largest_page: int = LARGEST_PAGE
    compared: t.ClassVar[Sequence[str]] = ()
    trusts_server: bool = False
    gives_whole_list: bool = False
    other_paths: t.ClassVar[Sequence[str]] = ()
    can_sweep: bool = True
    role: str = ""

    def __init__(self, tap: TapSalesRabbit) -> None:
        self.path = tap.config["paths"].get(self.name, self.path)
        schema = load_schema(type(self), self.name)
        if not tap.config["raw_records"]:
            schema["properties"].pop("data", None)
        self.keeps_raw = "data" in schema["properties"]
        super().__init__(tap, schema=schema)
        self.reread = self.look_back()
        self.sweeps = self.can_sweep and tap.config["deletions"] == "sweep" and not self.role

    def look_back(self) -> timedelta:
        """Return how far before its bookmark a delta begins."""
        return timedelta(hours=self.config["lookback_hours"])

    @property
    def since_header(self) -> str | None:
        """Header that asks for what was changed since a moment."""
        return None

    @property
    def page_size(self) -> int:
        """Records asked for in a page."""
        return min(self.config.get("page_size") or self.default_page, self.largest_page)

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json"}

    @override
    def make_bookmark(self, incoming: Mapping[str, t.Any]) -> Bookmark:
        if not self.role or narrowing(self.config):
            return super().make_bookmark(incoming)
        # A narrowed run leaves the bookmark as it is: this one says nothing of the other roles.
        return Bookmark(
            incoming,
            replication_key=self.bookmark_key,
            key_length=self.position_length,
            reread=self.reread,
            start_date=self.config.get("start_date"),
            narrowing=Narrowing(max_records=sys.maxsize),
        )

    # Requests

    @override
    def choose_passes(self) -> Sequence[Pass]:
        whole = self.passes[0]
        return [replace(whole, name=CHANGED) if self.since_header and self.span.lower else whole]

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        return Pages(paged=self.paged)

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if "path" in ask.context:
            request.url = self.url_base.rstrip("/") + ask.context["path"]
        number = ask.token or 1
        if self.paged or number != 1:
            request.params |= {"page": number, "perPage": self.page_size}
        if ask.part.name == CHANGED and self.since_header and self.span.lower:
            request.headers[self.since_header] = request_time(self.span.lower)
        if self.role:
            request.params["role"] = self.role
        return request

    @override
    def judge(self, response: requests.Response) -> None:
        status = response.status_code
        if self.kit.is_probe(response):
            # With 403 and 404 the token is right, or it would be 401; whether it may see leads does not matter here.
            if status not in (403, 404):
                self._judge_status(response)
            return
        self._judge_status(response)
        if status == 200 and self.rows_in(data_of(response)) is None:  # noqa: PLR2004 - an HTTP status
            raise SkipStream(
                f"The stream {self.name} cannot be read: {place_of(response)} answered 200 without the records "
                f"that it should hold{message_of(response)}.",
                category="source",
            )

    def _judge_status(self, response: requests.Response) -> None:
        status, told = response.status_code, f"{place_of(response)} answered {response.status_code}"
        if status == NOT_MODIFIED and not {MODIFIED, STATUS_MODIFIED} & set(response.request.headers):
            raise SkipStream(f"{told}, not modified, to a request that names no moment.", category="source")
        if status == 200 and not response.content:  # noqa: PLR2004 - an HTTP status, as all below
            raise Retry(f"{told} without a body.", category="source")
        if status == 429 and not retry_after(response):  # noqa: PLR2004
            wait = float(self.config["rate_limit_wait_seconds"])
            raise Wait(f"{told}{message_of(response)}.", seconds=wait)
        if status == 404:  # noqa: PLR2004
            raise NoSuchEndpoint(
                f"{told}{message_of(response)}. Your account has no such endpoint for {self.name}: name the right one "
                "in the setting paths, or deselect the stream."
            )
        super().judge(response)

    # Rows

    def rows_in(self, data: Data | None) -> list[Row] | None:
        """Return the rows of an answer; None if it has another shape. What is no object ends as a reject."""
        return [row if isinstance(row, dict) else {} for row in data] if isinstance(data, list) else None

    @override
    def parse_rows(self, document: t.Any, ask: Ask) -> list[Row]:
        data = document if isinstance(document, list) else document["data"]
        return [self.prepare(row) for row in self.rows_in(data) or ()]

    def prepare(self, row: Row) -> Row:
        """Return a row with what its columns need."""
        return {**row, "data": row} if self.keeps_raw else row

    @override
    def finish_page(self, page: Page) -> Iterator[Row]:
        rows = self.wanted(page.rows) if self.span.lower or self.span.upper else page.rows
        judged = [name for name in self.selected_schema["properties"] if name in values.JUDGED]
        for record in super().finish_page(replace(page, rows=rows)):
            for name in judged:
                record[name] = values.judge(name, record[name])
            self.note(self.remarks(record))
            yield record

    def remarks(self, record: Row) -> Iterable[tuple[str, str]]:  # noqa: ARG002 - for streams
        """Return column and reason of what is strange about a record, but no reason to refuse it."""
        return ()

    def note(self, remarks: Iterable[tuple[str, str]]) -> None:
        """Count remarks, for one warning each at the end of the stream."""
        if self.config["validation"] != "off":
            self._odd.update(remarks)

    @property
    def floor(self) -> str | None:
        """Moment that this run reads nothing before because a setting says so, not because of the bookmark."""
        asked = self.config.get("since") or self.config.get("start_date")
        if not asked or not self.span.lower:
            return None
        # A start date does not count against a bookmark that lies before it.
        return min(format_time(parse_time(asked)), self.span.lower)

    def wanted(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that belong to this run."""
        lower = self.floor if self.trusts_server else self.span.lower
        return [row for row in rows if self.lies_between(row, lower, self.span.upper)]

    def lies_between(self, row: Row, lower: str | None, upper: str | None) -> bool:
        """Tell whether a row lies within bounds; one without a moment always does."""
        found = (datetime_from_json(row.get(name) or "", self.zone) for name in self.compared)
        moments = [format_time(parse_time(moment)) for moment in found if isinstance(moment, str)]
        return not moments or ((lower or "") <= max(moments) and (upper is None or max(moments) < upper))

    # Reading

    @override
    def read_pages(
        self, asks: Iterator[Ask], meter: Meter, *, token: int | str | None = None
    ) -> t.Generator[Page, None, None]:
        """Yield all pages; a list that cannot be got past one of its pages is an error."""
        last: Page | None = None
        try:
            for page in self._read(list(asks), meter, token):
                last = page
                yield page
        except NoSuchEndpoint:
            # Behind the last page, where nothing said that it was the last one.
            if last is None or more_pages(last.response) is not None:
                raise
            return
        if last is not None:
            self._check_end(last)

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        """Yield the keys of all records that are not deleted."""
        whole = self.passes[0]
        for page in self.read_pages(self.make_asks(whole), Meter(self.report)):
            for row in page.rows:
                key = self._key_columns.apply(row)
                if missing_in(key, self.primary_keys) is None and self._deletion(row, whole) is None:
                    yield [key[name] for name in self.primary_keys]

    def _read(self, asks: Sequence[Ask], meter: Meter, token: int | str | None) -> t.Generator[Page, None, None]:
        """Read the list at the first path that exists."""
        others = [] if self.name in self.config["paths"] else list(self.other_paths)
        while True:
            try:
                yield from super().read_pages(iter(asks), meter, token=token)
            except NoSuchEndpoint:
                if not others:
                    raise
                path = others.pop(0)
                self.logger.info("%s: there is no %s; trying %s.", self.name, self.path, path)
                asks = [replace(ask, context={"path": path}) for ask in asks]
            else:
                return

    def _check_end(self, last: Page) -> None:
        """Raise SkipStream if the list ended because a page came again, and something may lie behind it."""
        if self._pages.ends(last.response):
            return
        number, more = last.ask.token or 1, more_pages(last.response)
        # Just as many as were asked for: that may be all, or the first page of more.
        whole = number == 1 and len(data_of(last.response) or ()) != self.page_size
        if (whole and self.gives_whole_list) or (more is None and (whole or number != 1)):
            return
        raise SkipStream(
            f"The stream {self.name} does not get past page {number}: the next page holds nothing new, "
            f"{'although the answer says that there are more pages' if more else 'and the first one was full'}. "
            "What lies behind it was not read; another page_size may help.",
            category="source",
        )

    @cached_property
    def _pages(self) -> Pages:
        return Pages(paged=self.paged)
