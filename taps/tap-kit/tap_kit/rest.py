"""Streams and taps over HTTP.

A stream is a declaration on the SDK's ``RESTStream``: path, key, where the records lie, which limit class its
requests belong to. What this vendor does differently sits in the stream base class of its ``client.py``, in
three hooks: ``build_request`` (the only place where a request is made), ``make_paginator`` and ``judge``.

From the SDK come the declarations, ``HTTPRequest`` and the paginators. Its request loop is not used
(``request_records``, ``request_decorator``, ``validate_response``, ``get_http_request``): it keeps a session per
stream, retries without a common time budget, reads one page after the other, takes an empty page for the end, and
stores the paginator's position where no state can see it.

A read is a row of *passes* over the endpoint (current records, archived ones, unscheduled ones...), a pass a row of
windows and of parents or batches of ids, each of which is a chain of pages. Chains run in parallel, see
``tap_kit.ahead``; records are always written in the same order. Streams do not change while they are read,
except for the place they have reached, which only the writing thread touches.

Deletes have three ways into the loader, all ending in ``_sdc_deleted_at``: a pass with ``deleted_at`` for lists of
archived records, the same with ``tombstones`` for deleted records within the ordinary list, and ``sweeps`` for
everything that only shows by its absence (see ``tap_kit.keysets``).
"""

from __future__ import annotations

import abc
import importlib.resources
import itertools
import json
import typing as t
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from functools import cached_property
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from singer_sdk.pagination import BaseAPIPaginator, SinglePagePaginator
from singer_sdk.streams.rest import HTTPRequest, RESTStream
from typing_extensions import override

from tap_kit.ahead import Workers, in_order
from tap_kit.bookmarks import format_time, parse_time
from tap_kit.errors import RefreshCredentials, Retry, SkipStream, Wait
from tap_kit.http import HttpClient, Meter, retry_after
from tap_kit.messages import encode
from tap_kit.paging import Numbered, PageGuard
from tap_kit.redact import impersonal
from tap_kit.rows import Columns, converters, decode, dig, find_rows, missing_in
from tap_kit.stream import DELETED_AT, KitStream
from tap_kit.tap import Tap
from tap_kit.values import datetime_from_json
from tap_kit.windows import Window, split_window, windows_between

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, tzinfo

    import requests
    from singer_sdk.helpers.types import Context

    from tap_kit.auth import Credentials
    from tap_kit.limits import Limit

Row: t.TypeAlias = "dict[str, t.Any]"
NOTHING: t.Final[t.Mapping[str, t.Any]] = MappingProxyType({})
PARENT = "parent"
# Before this no vendor of ours has records.
EARLIEST = parse_time("2000-01-01")
LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Pass:
    """One way through an endpoint; a stream is read by one or several, in their order.

    Attributes:
        name: Distinguishes the passes of a stream, in its bookmark as well.
        params: Query parameters that only this pass sends.
        windowed: Whether it is read in windows of the replication key, oldest first.
        window: Length of a window; None reads the whole span as one, for vendors whose answers can be split.
        result_cap: How many records the vendor gives for one window at most; fuller ones are split.
        total_path: JSONPath of the number of records in an answer.
        stable_cursor: Whether a cursor still leads to the same place in a later run, so that a read goes on there.
        deleted_at: Path of the moment of deletion in a row; records of this pass are sent as deleted.
        tombstones: Whether only the rows with something at ``deleted_at`` are deleted, the others are not.
        limit: Its limit class, if it is not the stream's.
    """

    name: str = "all"
    params: t.Mapping[str, t.Any] = field(default_factory=dict)
    windowed: bool = False
    window: timedelta | None = None
    result_cap: int | None = None
    total_path: str | None = None
    stable_cursor: bool = False
    deleted_at: str | None = None
    tombstones: bool = False
    limit: str | None = None


@dataclass(frozen=True)
class Ask:
    """Everything that makes one request differ from the others of its stream.

    Attributes:
        part: The pass.
        context: Values from the parent; ``batch`` holds several of them for an id-batch endpoint.
        window: The window, if the pass has windows.
        token: What the paginator gave; None for the first page of a cursor.
        by_key: Whether a millisecond with too many records is drained: order by key, only keys after ``beyond``.
        beyond: The last key read so far in that millisecond, None at its beginning.
    """

    part: Pass
    context: t.Mapping[str, t.Any] = field(default_factory=dict)
    window: Window | None = None
    token: int | str | None = None
    by_key: bool = False
    beyond: int | str | None = None


@dataclass(frozen=True)
class Page:
    """One answer."""

    ask: Ask
    rows: list[Row]
    response: requests.Response = field(repr=False)
    root: Window | None = None


class RestStream(KitStream, RESTStream[t.Any], abc.ABC):
    """A stream over HTTP.

    Attributes:
        limit: Limit class of its requests.
        passes: How it is read.
        permission: Scope or right that the stream needs, named when the vendor answers 403.
        accepted: Status codes of a good answer.
        missing: What 404 means: ``skip`` fails the stream, ``empty`` is an answer without records.
        parent: Name of the stream whose records it is read for.
        parent_context: Names of ``Ask.context``, and their paths in a row of the parent.
        follows: Whether it is read for those records of the parent that this run writes, and written before them;
            else it is a stream of its own, over all parents.
        remembered: Whether its rows are kept for the rest of the run, because several streams are read over it.
        batch_size: How many parents go into one request.
        repeat_ends: Whether a page without new keys is the end of the list; else it is an error.
        completes: Whether ``complete`` asks for more about the rows of each page, several pages at a time.
        compares_here: Whether a delta is read in full and compared on our side.
        hold_back: How far the upper bound of windows stays behind the source's clock: its index lags. What
            appears even later is found by the next run, which reads ``reread`` before its bookmark.
        retention: How far back windows may reach.
        zone: Zone of date-times without an offset.
        place: Where the read is; belongs to the thread that writes.
    """

    name: str
    limit: str = "default"
    passes: Sequence[Pass] = (Pass(),)
    permission: str | None = None
    accepted: Collection[int] = (200,)
    missing: t.Literal["skip", "empty"] = "skip"
    parent: str | None = None
    parent_context: t.ClassVar[Mapping[str, str]] = NOTHING
    follows: bool = False
    remembered: bool = False
    batch_size: int | None = None
    repeat_ends: bool = False
    completes: bool = False
    compares_here: bool = False
    hold_back: timedelta = timedelta(0)
    retention: timedelta | None = None
    zone: tzinfo = UTC
    records_jsonpath: str = "$[*]"
    kit: RestTap

    def __init__(self, tap: RestTap, *, schema: dict[str, t.Any] | None = None) -> None:
        schema = schema or load_schema(type(self), self.name)
        properties = schema["properties"]
        self.sources = {name: column["x-source"] for name, column in properties.items() if "x-source" in column}
        properties = {
            name: {mark: value for mark, value in column.items() if mark != "x-source"}
            for name, column in properties.items()
        }
        if any(part.deleted_at for part in self.passes):
            properties[DELETED_AT] = {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "When the record was deleted or archived.",
            }
        super().__init__(tap, name=self.name, schema={"type": "object", "properties": properties})
        self.primary_keys = list(self.primary_keys)
        self.endpoint = self.path or ""
        self.place: list[int | str] | None = None
        self._schema_sent = False
        self._followed: SkipStream | bool = False
        self._sent = 0

    # Hooks of a vendor

    @property
    @override
    def url_base(self) -> str:
        """Address that all paths begin with."""
        return self.kit.url_base

    def choose_passes(self) -> Sequence[Pass]:
        """Return the passes of this run; ``self.span`` says what it covers."""
        return self.passes

    def build_request(self, ask: Ask) -> HTTPRequest:
        """Make the request for one page; vendors add their parameters to it.

        A token that is an address (see ``LinkPaginator``) is requested as it is.
        """
        if isinstance(ask.token, str) and ask.token.startswith(("https://", "http://")):
            return HTTPRequest(url=ask.token, method=self.http_method, headers=dict(self.http_headers))
        names = {**self.config, **ask.context}
        path = (self.path or "").format_map({name: quote(str(value), safe="") for name, value in names.items()})
        return HTTPRequest(
            url=self.url_base.rstrip("/") + path,
            method=self.http_method,
            headers=dict(self.http_headers),
            params=dict(ask.part.params),
        )

    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:  # noqa: ARG002 - for vendors
        """Return a fresh paginator for a pass."""
        return SinglePagePaginator()

    def parse_rows(self, document: t.Any, ask: Ask) -> list[Row]:  # noqa: ANN401, ARG002 - any JSON; for vendors
        """Return the rows of an answer."""
        return find_rows(self.records_jsonpath, document)

    def complete(self, page: Page, meter: Meter) -> Page:  # noqa: ARG002 - for vendors
        """Return a page with what its list does not tell, asked for with ``ask_more``; see ``completes``.

        It runs in several threads at once.
        """
        return page

    def ask_more(self, request: HTTPRequest, meter: Meter, *, limit: str | None = None) -> t.Any:  # noqa: ANN401 - any JSON
        """Send a further request and return its document."""
        response = self.kit.client.send(
            request, limit=limit or self.limit, judge=self.judge, meter=meter, json=self.payload_as_json
        )
        return document_of(response) if response.content else None

    def judge(self, response: requests.Response) -> None:
        """Raise what an answer means, if it is no good one.

        Raises:
            Retry: For 5xx, 408, and a body that is no JSON.
            Wait: For 429.
            RefreshCredentials: For 401.
            SkipStream: For everything else that trying again cannot change.
        """
        status = response.status_code
        if status in self.accepted:
            check_json(response)
            return
        if status == 404 and self.missing == "empty":  # noqa: PLR2004 - an HTTP status
            return
        raise error_of(response, stream=self.name, permission=self.permission)

    @cached_property
    def convert(self) -> dict[str, Callable[[t.Any], t.Any]]:
        """Conversion of values by kind of column; vendors replace single ones."""
        return converters(self.zone)

    def context_of(self, row: Row) -> Mapping[str, t.Any] | None:
        """Return the context of requests for one row of the parent; None leaves it out."""
        return {name: dig(row, tuple(path.split("."))) for name, path in self.parent_context.items()}

    # The SDK's side

    @property
    @override
    def requests_session(self) -> requests.Session:
        return self.kit.client.session

    @override
    def get_new_paginator(self) -> BaseAPIPaginator[t.Any]:
        return self.make_paginator(self.passes[0])

    @override
    def source_clock(self) -> datetime:
        self.kit.probe_once(self)
        return self.kit.client.clock()

    # Reading

    @property
    @override
    def position_length(self) -> int:
        return 3

    @override
    def position_after(self, last: Mapping[str, t.Any]) -> Sequence[int | str] | None:
        return self.place

    @override
    def get_records(self, context: Context | None) -> Iterator[Row]:
        passes = list(self.choose_passes())
        start = self._starting_place(passes)
        followers, meter = self._followers(), Meter(self.report)
        for number, part in enumerate(passes):
            if start is not None and number < start[0]:
                continue
            resumed = start if start is not None and number == start[0] else None
            alone = self._is_alone()
            settled: Window | None = None
            asks = self.make_asks(part, resumed[1] if resumed else None)
            pages = self.read_pages(asks, meter, token=resumed[2] if resumed else None)
            for page in self._completed(pages, meter):
                window = page.ask.window if alone else page.root
                if settled is not None and window != settled:
                    self.kit.bookmarks[self.name].settle(settled.end)
                settled = window
                self.place = self._place_of(page, number, alone=alone)
                if page.rows:
                    for follower in followers:
                        follower.follow(page.rows)
                yield from self.finish_page(page)

    def rows(self, meter: Meter) -> Iterator[Row]:
        """Yield the rows of the first pass in full, without writing them; for streams that are read over this one.

        Args:
            meter: Counts the requests, for the stream that needs the rows.
        """
        for page in self.read_pages(self.make_asks(replace(self.passes[0], windowed=False)), meter):
            yield from page.rows

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        """Yield the keys of the first pass, read in full."""
        for page in self.read_pages(self.make_asks(replace(self.passes[0], windowed=False)), Meter(self.report)):
            for row in page.rows:
                record = self._key_columns.apply(self._with_parent(row, page.ask))
                if missing_in(record, self.primary_keys) is None:
                    yield [record[name] for name in self.primary_keys]

    def contexts(self) -> Iterator[Mapping[str, t.Any]]:
        """Yield what the stream is read for: once for each row of the parent, or batch of rows."""
        if self.parent is None:
            return iter([NOTHING])
        return self._contexts_of(self.kit.parent_rows(self.parent, self))

    def _contexts_of(self, rows: Iterable[Row]) -> Iterator[Mapping[str, t.Any]]:
        found = (context for row in rows if (context := self.context_of(row)) is not None)
        if self.batch_size is None:
            yield from found
            return
        while batch := list(itertools.islice(found, self.batch_size)):
            yield {"batch": batch}

    def _is_alone(self) -> bool:
        """Tell whether a page is followed by the next one of the same list, not by that of another parent."""
        return self.parent is None or len(list(itertools.islice(self.contexts(), 2))) < 2  # noqa: PLR2004 - two

    def make_asks(self, part: Pass, resumed: Window | None = None) -> Iterator[Ask]:
        """Return the first request of each list that a pass consists of, from the window ``resumed`` on."""
        windows: Iterable[Window | None] = self._windows(part, resumed) if part.windowed else [None]
        return (Ask(part, context, window) for window in windows for context in self.contexts())

    def read_pages(self, asks: Iterator[Ask], meter: Meter, *, token: int | str | None = None) -> Iterator[Page]:
        """Yield the pages of all asks, in order; the first one begins at ``token``."""
        first, second = next(asks, None), next(asks, None)
        if first is None:
            return iter(())
        first = replace(first, token=token)
        paginator = self.make_paginator(first.part)
        if second is None and isinstance(paginator, Numbered) and first.window is None:
            return self._read_numbered(first, paginator, meter)
        rest = [] if second is None else [second]
        chains = (self._chain(ask, ask.window, meter) for ask in itertools.chain([first], rest, asks))
        return in_order(self.kit.workers, chains)

    def _completed(self, pages: Iterator[Page], meter: Meter) -> Iterator[Page]:
        if not self.completes:
            return pages
        return in_order(self.kit.workers, ((self.complete(one, meter) for one in (page,)) for page in pages))

    def _read_numbered(self, ask: Ask, paginator: Numbered, meter: Meter) -> Iterator[Page]:
        """Read the pages of one numbered list ahead.

        The first page is read alone, because it may say how many there are. Where it does not, up to
        ``concurrency`` - 1 requests go out for pages behind the end.
        """
        guard = PageGuard(self.name, self._key_of)
        done = 0
        known: int | None = 1
        while True:
            tokens = (paginator.start + paginator.step * number for number in _numbers(done, known))
            for page in in_order(
                self.kit.workers, ((self._fetch(replace(ask, token=n), meter) for n in (token,)) for token in tokens)
            ):
                if self.repeat_ends and guard.is_repeat(page.rows):
                    return
                if not self.repeat_ends:
                    guard.check_rows(page.ask.token, page.rows)
                yield page
                if paginator.is_last(page.response, len(page.rows), done):
                    return
                done += 1
                pages = paginator.pages_of(page.response)
                if known is not None and done >= known:
                    break
            # Nothing said how many there are: on until the end. Or the list grew while it was read.
            known = None if pages is None else max(pages, done + 1)

    def _chain(self, ask: Ask, root: Window | None, meter: Meter) -> Iterator[Page]:
        """Read one list to its end, or in parts if the vendor does not give it whole."""
        part, cap = ask.part, ask.part.result_cap
        paginator = self.make_paginator(part)
        guard = PageGuard(self.name, self._key_of)
        token = paginator.current_value if ask.token is None else ask.token
        count, position = 0, 0
        while True:
            if token is not None:
                guard.check_token(token)
            page = replace(self._fetch(replace(ask, token=token), meter), root=root)
            total = _total(part, page.response)
            if cap is not None and ask.window is not None and not ask.by_key and total is not None and total > cap:
                yield from self._split(ask, root, total, meter)
                return
            if self.repeat_ends and guard.is_repeat(page.rows):
                return
            if not self.repeat_ends:
                guard.check_rows(token, page.rows)
            count += len(page.rows)
            yield page
            if isinstance(paginator, Numbered) and paginator.is_last(page.response, len(page.rows), position):
                return
            token = self._next_token(paginator, page)
            position += 1
            if token is None:
                return
            if cap is not None and count >= cap:
                if ask.window is not None and not ask.by_key:
                    yield from self._split(ask, root, total or 2 * cap, meter)
                return

    def _next_token(self, paginator: BaseAPIPaginator[t.Any], page: Page) -> t.Any:  # noqa: ANN401 - as in the SDK
        try:
            paginator.advance(page.response)
        except RuntimeError:
            raise SkipStream(
                f"The stream {self.name} runs in a circle: the cursor {paginator.current_value} came back."
            ) from None
        return None if paginator.finished else paginator.current_value

    def _split(self, ask: Ask, root: Window | None, total: int, meter: Meter) -> Iterator[Page]:
        """Read a window that holds more than the vendor gives at once: in shorter ones, at last by key."""
        window, cap = t.cast("Window", ask.window), t.cast("int", ask.part.result_cap)
        if not window.is_atomic:
            # Twice as many as would do if the records were spread evenly.
            for smaller in split_window(window, max(2, -(-2 * total // cap))):
                yield from self._chain(replace(ask, window=smaller, token=None), root, meter)
            return
        beyond: int | str | None = None
        while True:
            last = beyond
            for page in self._chain(replace(ask, token=None, by_key=True, beyond=beyond), root, meter):
                yield page
                if page.rows:
                    last = self._key_of(page.rows[-1])[-1]
            if last == beyond:
                return
            beyond = last

    def _fetch(self, ask: Ask, meter: Meter) -> Page:
        response = self.kit.client.send(
            self.build_request(ask),
            limit=ask.part.limit or self.limit,
            judge=self.judge,
            meter=meter,
            json=self.payload_as_json,
        )
        if response.status_code == 404 or not response.content:  # noqa: PLR2004 - an HTTP status
            return Page(ask, [], response)
        return Page(ask, self.parse_rows(document_of(response), ask), response)

    # Places and windows

    def _windows(self, part: Pass, resumed: Window | None) -> Iterator[Window]:
        whole = self.window_bounds()
        if resumed is None:
            return windows_between(whole.start, whole.end, part.window)
        # First the very window that was interrupted: its cursor means nothing in another one.
        return itertools.chain([resumed], windows_between(resumed.end, whole.end, part.window))

    def window_bounds(self) -> Window:
        """Return the stretch of time that the windows of this run cover."""
        until = parse_time(self.span.until)
        lower = parse_time(self.span.lower) if self.span.lower else EARLIEST
        if self.retention is not None:
            lower = max(lower, until - self.retention)
        upper = until - self.hold_back
        if self.span.upper is not None:
            upper = min(upper, parse_time(self.span.upper))
        return Window(lower, upper)

    def _place_of(self, page: Page, number: int, *, alone: bool) -> list[int | str] | None:
        """Return where a later run goes on if this one ends within the page."""
        part, window = page.ask.part, page.ask.window
        if alone and part.stable_cursor and page.ask.token is not None and not page.ask.by_key:
            bounds = f"{format_time(window.start)}/{format_time(window.end)}" if window else ""
            return [part.name, bounds, page.ask.token]
        return [part.name, "", ""] if number and window is None else None

    def _starting_place(self, passes: Sequence[Pass]) -> tuple[int, Window | None, int | str | None] | None:
        """Return pass, window and cursor of an interrupted read; a place of a pass that is no more is dropped."""
        if self.span.last_key is None:
            return None
        name, bounds, token = self.span.last_key
        for number, part in enumerate(passes):
            if part.name == name:
                window = Window(*map(parse_time, str(bounds).split("/"))) if bounds else None
                return number, window, token if token != "" else None
        return None

    # Records

    @cached_property
    def _columns(self) -> Columns:
        properties = self.selected_schema["properties"]
        return Columns({n: s for n, s in properties.items() if n != DELETED_AT}, self.sources, self.convert)

    @cached_property
    def _key_columns(self) -> Columns:
        return Columns({n: self.schema["properties"][n] for n in self.primary_keys}, self.sources, self.convert)

    @cached_property
    def _sends_deletes(self) -> bool:
        return DELETED_AT in self.selected_schema["properties"]

    def _key_of(self, row: Row) -> tuple[t.Any, ...]:
        return tuple(str(value) for value in self._key_columns.apply(row).values())

    @staticmethod
    def _with_parent(row: Row, ask: Ask) -> Row:
        return {**row, PARENT: ask.context} if ask.context else row

    def finish_page(self, page: Page) -> Iterator[Row]:
        """Yield the records of a page; a row without a key is a reject."""
        lower, upper = (self.span.lower, self.span.upper) if self.compares_here else (None, None)
        for row in page.rows:
            record = self._columns.apply(self._with_parent(row, page.ask))
            empty = missing_in(record, self.primary_keys)
            if empty is not None:
                self.reject(record, "the key is empty", field=empty)
                continue
            if lower is not None or upper is not None:
                moment = record.get(self.replication_key or "")
                if isinstance(moment, str) and not _is_within(moment, lower, upper):
                    continue
            if self._sends_deletes:
                record[DELETED_AT] = self._deletion(row, page.ask.part)
            yield record

    def _deletion(self, row: Row, part: Pass) -> str | None:
        if part.deleted_at is None:
            return None
        moment = datetime_from_json(dig(row, tuple(part.deleted_at.split("."))) or "", self.zone)
        if moment is None and part.tombstones:
            return None
        return moment if isinstance(moment, str) else self.span.until

    # Children

    def _followers(self) -> list[RestStream]:
        streams = [stream for stream in self.kit.streams.values() if isinstance(stream, RestStream)]
        return [s for s in streams if s.follows and s.parent == self.name and s.selected and s.name in self.kit.reports]

    def follow(self, rows: Sequence[Row]) -> None:
        """Read and write the records that belong to some rows of the parent, before those are written."""
        if isinstance(self._followed, SkipStream):
            return
        self._followed = True
        asks = (Ask(part, context) for part in self.passes for context in self._contexts_of(rows))
        limit = self.config.get("max_records") or None
        try:
            self._begin()
            meter = Meter(self.report)
            for page in self._completed(self.read_pages(asks, meter), meter):
                for record in self.finish_page(page):
                    if (limit is None or self._sent < limit) and self.is_asked_for(record):
                        self._sent += self.send_one(record)
        except SkipStream as error:
            # The parent goes on: its bookmark would otherwise wait for a right that may never be given.
            self._followed = error

    def _begin(self) -> None:
        if "span" not in self.__dict__:
            self.span = self.kit.bookmarks[self.name].begin(self.kit.client.clock())
        self._write_schema_message()

    @override
    def _write_schema_message(self) -> None:
        if not self._schema_sent and not (self.keys_only and "span" not in self.__dict__):
            self._schema_sent = True
            if self.follows and self.ABORT_AT_RECORD_COUNT is None:
                self.announce()
            super()._write_schema_message()

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> t.Generator[Row, t.Any, t.Any]:
        """Read the stream; one that follows its parent has been read by then, unless the parent is not selected."""
        if not self.follows or self.ABORT_AT_RECORD_COUNT is not None:
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        parent = self.kit.rest_stream(t.cast("str", self.parent))
        read_with = self.kit.reports.get(parent.name)
        if read_with is None:
            self.kit.probe_once(self)
            for page_rows in _chunks(self.kit.parent_rows(parent.name, self), self.batch_size or 100):
                self.follow(page_rows)
        elif read_with.status == "failed":
            raise SkipStream(f"The stream {self.name} is incomplete, because {parent.name} was not read to its end.")
        self._warn_of_odd_values()
        if isinstance(self._followed, SkipStream):
            raise self._followed
        self.kit.bookmarks[self.name].complete()
        self.report.status = "success"
        self.kit.write_state(self.name)


class RestTap(Tap):
    """A tap over HTTP.

    Attributes:
        stream_classes: Its streams, parents before children.
    """

    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = ()

    @property
    @abc.abstractmethod
    def url_base(self) -> str:
        """Address that all paths begin with."""

    @override
    def __init__(self, **kwargs: t.Any) -> None:
        self._probed = False
        self._remembered: dict[str, list[Row]] = {}
        super().__init__(**kwargs)

    @abc.abstractmethod
    def make_credentials(self) -> Credentials:
        """Return what signs the requests."""

    @abc.abstractmethod
    def make_limits(self) -> Mapping[str, Limit]:
        """Return what the vendor allows, by limit class."""

    def make_probe(self) -> HTTPRequest | None:
        """Return a cheap request whose answer shows that the credentials are right, and what time it is there."""
        return None

    @cached_property
    def client(self) -> HttpClient:
        """The one HTTP client."""
        return HttpClient(
            credentials=self.make_credentials(),
            limits=self.make_limits(),
            connections=self.config["concurrency"],
            connect_timeout_seconds=self.config["connect_timeout_seconds"],
            read_timeout_seconds=self.config["read_timeout_seconds"],
            retry_seconds=self.config["retry_seconds"],
            headers={"User-Agent": self.config.get("user_agent") or self.name, "Accept": "application/json"},
        )

    @cached_property
    def workers(self) -> Workers:
        """The threads that read ahead."""
        return Workers(self.config["concurrency"], name=self.name)

    @override
    def discover_streams(self) -> Sequence[KitStream]:
        return [stream(self) for stream in self.stream_classes]

    @override
    def close(self) -> None:
        for name in ("client", "workers"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    @override
    def _in_order(self) -> list[KitStream]:
        places = {stream.name: place for place, stream in enumerate(self.stream_classes)}
        return sorted(super()._in_order(), key=lambda stream: places.get(stream.name, len(places)))

    def rest_stream(self, name: str) -> RestStream:
        """Return a stream by its name."""
        return t.cast("RestStream", self.streams[name])

    def parent_rows(self, name: str, reader: RestStream) -> Iterable[Row]:
        """Return the rows of a stream that another one is read over; small ones are read once a run."""
        stream, meter = self.rest_stream(name), Meter(reader.report)
        if not stream.remembered:
            return stream.rows(meter)
        if name not in self._remembered:
            self._remembered[name] = list(stream.rows(meter))
        return self._remembered[name]

    def probe_once(self, stream: RestStream) -> None:
        """Send the probe before anything else is read."""
        request = None if self._probed else self.make_probe()
        self._probed = True
        if request is not None:
            self.client.send(request, limit=stream.limit, judge=stream.judge, meter=Meter(stream.report))


def load_schema(stream: type[KitStream], name: str) -> dict[str, t.Any]:
    """Return ``schemas/<name>.json`` of the package that declares a stream, or of one of its base classes.

    Raises:
        FileNotFoundError: If there is none.
    """
    packages = [base.__module__.rpartition(".")[0] for base in stream.__mro__ if issubclass(base, KitStream)]
    for package in filter(None, dict.fromkeys(packages)):
        file = importlib.resources.files(package) / "schemas" / f"{name}.json"
        if file.is_file():
            schema: dict[str, t.Any] = json.loads(file.read_text(encoding="utf-8"))
            return schema
    raise FileNotFoundError(f"there is no schemas/{name}.json in {', '.join(packages)}")


def document_of(response: requests.Response) -> t.Any:  # noqa: ANN401 - any JSON
    """Return the decoded body; decoded once, however many ask."""
    cached = response.__dict__
    if "kit_document" not in cached:
        cached["kit_document"] = decode(response.content)
    return cached["kit_document"]


def check_json(response: requests.Response) -> None:
    """Raise Retry if a body is no JSON; an empty one is none to be checked."""
    if not response.content:
        return
    try:
        document_of(response)
    except ValueError:
        kind = response.headers.get("Content-Type", "no type").split(";")[0]
        raise Retry(
            f"{place_of(response)} answered {response.status_code} with a body ({kind}) that is no JSON."
        ) from None


def place_of(response: requests.Response) -> str:
    """Return method and path of a request, without its parameters."""
    return f"{response.request.method} {urlsplit(response.url).path}"


def message_of(response: requests.Response) -> str:
    """Return what the vendor says about an error, short and impersonal; empty if it says nothing readable."""
    try:
        document = document_of(response)
    except ValueError:
        return ""
    if isinstance(document, dict):
        for name in ("message", "error", "description", "errors", "detail"):
            if document.get(name):
                value = document[name]
                if isinstance(value, dict) and isinstance(value.get("message"), str):
                    value = value["message"]
                text = value if isinstance(value, str) else encode(value).decode()
                return f": {impersonal(text)[:LONGEST_MESSAGE].rstrip('. ')}"
    return ""


def error_of(
    response: requests.Response, *, stream: str, permission: str | None = None, message: str | None = None
) -> Exception:
    """Return what an answer that is an error means for the run.

    Args:
        response: The answer.
        stream: Name of the stream.
        permission: Scope or right that it needs.
        message: What the vendor says, for vendors whose errors are no plain JSON; else it is looked for in the body.
    """
    status = response.status_code
    said = message_of(response) if message is None else f": {impersonal(message)[:LONGEST_MESSAGE]}" if message else ""
    told = f"{place_of(response)} answered {status}{said}."
    if status == 401:  # noqa: PLR2004 - an HTTP status, as all below
        return RefreshCredentials(f"{told} The credentials are wrong or have expired.")
    if status == 403:  # noqa: PLR2004
        needed = f"it needs {permission}" if permission else "the credentials do not allow it"
        return SkipStream(f"The stream {stream} may not be read: {needed}. {told}", category="permission")
    if status == 429:  # noqa: PLR2004
        return Wait(told, seconds=retry_after(response) or 0)
    if status == 408 or status >= 500:  # noqa: PLR2004
        return (
            Wait(told, seconds=seconds, category="source")
            if (seconds := retry_after(response))
            else Retry(told, category="source")
        )
    return SkipStream(told)


def _total(part: Pass, response: requests.Response) -> int | None:
    if part.total_path is None or not response.content:
        return None
    found = dig(document_of(response), tuple(part.total_path.removeprefix("$.").split(".")))
    return found if isinstance(found, int) else None


def _numbers(done: int, known: int | None) -> Iterator[int]:
    return iter(itertools.count(done) if known is None else range(done, known))


def _is_within(moment: str, lower: str | None, upper: str | None) -> bool:
    text = format_time(parse_time(moment))
    return (lower is None or text >= lower) and (upper is None or text < upper)


def _chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
