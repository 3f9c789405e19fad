"""Streams of CRM objects: full reads by list, deltas by search, values by batch read, removals as deletions.

A list or a search gives ids only. The values of a page are then asked for by POST .../batch/read, a hundred ids at a
time with all wanted properties in the body: an address with hundreds of property names is refused (414), and values
of the search index lag behind. Pages are completed several at a time, see ``tap_kit.rest``.
"""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import replace
from datetime import timedelta

from singer_sdk.streams.rest import HTTPRequest
from tap_kit.bookmarks import parse_time
from tap_kit.errors import SkipStream
from tap_kit.http import Meter
from tap_kit.report import StreamReport
from tap_kit.rest import EARLIEST, NOTHING, Ask, Page, Pass, document_of, load_schema
from tap_kit.rows import converters, dig, find_rows, kind_of, missing_in
from tap_kit.settings import narrowing
from tap_kit.stream import DELETED_AT
from tap_kit.values import datetime_from_json
from tap_kit.windows import to_milliseconds
from typing_extensions import override

from tap_hubspot_dw import definitions as columns
from tap_hubspot_dw import values
from tap_hubspot_dw.ahead import ListAhead
from tap_hubspot_dw.client import MULTI_STATUS, NOT_FOUND, SEARCH, Cursor, HubSpotStream, batches
from tap_hubspot_dw.ids import Identifiers
from tap_hubspot_dw.paths import path_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from requests import Response
    from singer_sdk.pagination import BaseAPIPaginator
    from tap_kit.rest import Row
    from tap_kit.windows import Window

    from tap_hubspot_dw.definitions import Definition
    from tap_hubspot_dw.tap import TapHubSpot

LIST_PAGE, SEARCH_PAGE, BATCH = 100, 200, 100
# The column for everything that has no column of its own; the envelope's columns need no property.
OTHERS: t.Final = "properties"
ENVELOPE: t.Final = ("id", "created_at", "updated_at", "archived", "archived_at")
MERGED_INTO, REASON = "merged_into", "removal_reason"
OURS: t.Final = (*ENVELOPE, MERGED_INTO, REASON, OTHERS, DELETED_AT)
# Always asked for: it tells which records were merged into one.
MERGES: t.Final = "hs_merged_object_ids"
# Marks of a row that stands for a record that is gone; a property cannot be named so.
GONE, SURVIVOR, WHY = "x-gone", "x-survivor", "x-why"
NEXT: t.Final = "x-next"
# How many rows at the end of a page are not trusted to lie where their time says, see ``_follow``.
LEEWAY = 10
# A delta is cut into so many windows at most, which are read at once; none is shorter than an hour.
WINDOWS = 16
SHORTEST: t.Final = timedelta(hours=1)


class ObjectStream(HubSpotStream):
    """Records of one kind of object.

    Attributes:
        object_type: What stands in the path: a name like ``contacts`` or a type id like ``0-421``.
        type_setting: Setting that holds the type id of a custom object.
        type_names: Names by which a custom object is found without that setting.
        key_property: Property that holds the time of the last change, by which the search can filter.
        has_pipelines: Whether the object may have pipelines.
        catalogue: Name of the schema of the columns that are always there.
        unreadable: Why the definitions of its properties could not be read.
        wanted: Properties that are asked for.
        ids: Ids of the live records that this run has written, if somebody needs them.
    """

    what = "objects"
    primary_keys: Sequence[str] = ("id",)
    completes = True
    object_type: str = ""
    type_setting: str | None = None
    type_names: tuple[str, ...] = ()
    key_property: str = "hs_lastmodifieddate"
    has_pipelines: bool = True
    catalogue: str = "objects"
    listing = Pass("list", params={"archived": "false"}, stable_cursor=True)
    searching = Pass("search", windowed=True, stable_cursor=True, limit=SEARCH)
    archive = Pass("archived", params={"archived": "true"}, deleted_at="archivedAt")
    passes: Sequence[Pass] = (listing, searching, archive)
    # A record may lack the property; every one has the time in its envelope.
    fallback = "updated_at"

    def __init__(
        self,
        tap: TapHubSpot,
        *,
        name: str | None = None,
        object_type: str | None = None,
        definitions: Sequence[Definition] | SkipStream = (),
        fill: Mapping[str, int] | None = None,
    ) -> None:
        self.name = name or self.name
        self.object_type = object_type or self.object_type
        self.unreadable = definitions if isinstance(definitions, SkipStream) else None
        known = () if isinstance(definitions, SkipStream) else definitions
        super().__init__(tap, schema=self.make_schema(tap.config, known, fill))
        self.replication_key = self.key_property
        config = tap.config
        version = str(config["api_version"])
        self.path = self.endpoint = path_of("objects", version, object=self.object_type)
        self._search_path = path_of("search", version, object=self.object_type)
        self._batch_path = path_of("batch_read", version, object=self.object_type)
        self.reread = timedelta(seconds=config["search_lag_seconds"] + config["reread_seconds"])
        self.sweeps = config["deletions"] == "sweep"
        self.ids = Identifiers()
        self.ids_complete = False
        self._gone: set[str] = set()
        self._ahead: ListAhead | None = None
        self._listed: StreamReport | None = None

    # Columns

    def make_schema(
        self, config: Mapping[str, t.Any], known: Sequence[Definition], fill: Mapping[str, int] | None
    ) -> dict[str, t.Any]:
        """Return the columns: the envelope, what is catalogued, what the portal has beyond that."""
        catalogued: dict[str, t.Any] = load_schema(type(self), self.catalogue)["properties"]
        described = {one.name: one for one in known}
        excluded = config["exclude_properties"]

        def is_wanted(name: str) -> bool:
            if name in (self.key_property, "hs_object_id"):
                return True
            included = name in catalogued or columns.matches(name, self.name, config["include_properties"])
            return included and not columns.matches(name, self.name, excluded)

        ordered = columns.order_by_age(known)
        if fill:
            ordered.sort(key=lambda name: -fill.get(name, 0))
        self.known_properties = tuple(name for name in ordered if is_wanted(name))
        always = {column["x-source"].removeprefix("properties.") for column in catalogued.values() if _is_value(column)}
        typed = columns.choose_columns(
            self.known_properties,
            first=always,
            stream=self.name,
            preferred=config["column_properties"],
            most=config["max_columns"] - len(OURS),
        )
        made = {name: column for name, column in catalogued.items() if not _is_value(column)}
        for name, column in catalogued.items():
            if _is_value(column) and is_wanted(name):
                made[name] = columns.column_of(described[name], column) if name in described else column
        for name in sorted(set(typed) - always):
            column = columns.column_of(described[name])
            made[columns.column_name(name, OURS)] = {**column, "x-source": f"properties.{name}"}
        self._typed = frozenset(typed) | always
        self.wide = len(self.known_properties) - len(typed)
        return {"type": "object", "properties": made}

    def _prepare(self) -> None:
        """Work out, from the selected columns, what is asked for and how it is converted."""
        selected = self.selected_schema["properties"]
        self._envelope = [
            (name, self.sources.get(name, name), converters(self.zone)[kind_of(selected[name])])
            for name in ENVELOPE
            if name in selected
        ]
        self._values: list[tuple[str, str, Callable[[t.Any], t.Any]]] = []
        for name, column in selected.items():
            source = self.sources.get(name, "")
            if source.startswith("properties."):
                wanted = source.removeprefix("properties.")
                convert = values.converter_of(wanted, kind_of(column), self.schema["properties"][name])
                self._values.append((name, wanted, convert))
        self._has = frozenset(selected)
        others = [name for name in self.known_properties if name not in self._typed] if OTHERS in selected else []
        self._others = tuple(others)
        asked = (self.key_property, "hs_object_id", MERGES, *(wanted for _, wanted, _ in self._values), *others)
        self.wanted = list(dict.fromkeys(asked))

    # Requests

    @property
    def page_size(self) -> int | None:
        """Records of a page, if the user says so."""
        size = self.config.get("page_size")
        return int(size) if size else None

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        return Following() if part.windowed else Cursor()

    @override
    def choose_passes(self) -> Sequence[Pass]:
        """Return the passes of this run: a list for a full read, a search for everything that has bounds."""
        in_full = self.config["full_pass"] or (self.span.lower is None and self.span.upper is None)
        first = self.listing if in_full else self._windowed(self.searching)
        return [first] if self.config["deletions"] == "off" else [first, self.archive]

    def _windowed(self, part: Pass) -> Pass:
        start = parse_time(self.span.lower) if self.span.lower else EARLIEST
        end = parse_time(self.span.upper or self.span.until)
        return replace(part, window=max(SHORTEST, (end - start) / WINDOWS))

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        base = self.url_base.rstrip("/")
        if ask.part.windowed:
            size = min(self.page_size or SEARCH_PAGE, SEARCH_PAGE)
            body = search_body(self.key_property, _window_of(ask), ask.token, size)
            return HTTPRequest(url=base + self._search_path, method="POST", data=body)
        size = min(self.page_size or LIST_PAGE, LIST_PAGE)
        # One property, not none: without a list HubSpot sends its default ones.
        asked = f"hs_object_id,{self.key_property}"
        params = {"limit": size, "after": ask.token, "properties": asked, **ask.part.params}
        return HTTPRequest(url=base + str(self.path), params=params)

    @override
    def parse_rows(self, document: t.Any, ask: Ask) -> list[Row]:
        rows = super().parse_rows(document, ask)
        if not ask.part.windowed:
            return rows
        more = dig(document, ("paging", "next", "after")) is not None
        rows, document[NEXT] = self._follow(rows, _window_of(ask), ask.token, more=more)
        # What changed since this run began belongs to the next one, under its new time.
        last = to_milliseconds(parse_time(self.span.until))
        return [row for row in rows if (moment := self._moment(row)) is None or moment <= last]

    def _moment(self, row: Row) -> int | None:
        found = datetime_from_json(dig(row, ("properties", self.key_property)) or "")
        return to_milliseconds(parse_time(found)) if isinstance(found, str) else None

    def _follow(
        self, rows: list[Row], window: Window, token: int | str | None, *, more: bool
    ) -> tuple[list[Row], str | None]:
        """Return the rows of a page of the search that count, and where the next page begins.

        No offset is used: records that change while the pages are read would shift the others, and 10,000 is the
        last one. A page begins at a moment, inclusive. The last rows of a full page are left to the next one, as
        there may be more of that moment; and because the index can hold a record under an older time than it
        shows, the next page begins at the earliest time of the last few rows. If all rows of a page share one
        millisecond, it is drained by rising id. Such a place means the same in a later run.
        """
        last = to_milliseconds(window.last_millisecond)
        moment, drains, beyond = _parts(token)
        lower = int(moment) if moment else to_milliseconds(window.start)
        if drains:
            self._check_order(rows, beyond)
            if more and rows:
                return rows, f"{lower}/{rows[-1]['id']}"
            return rows, str(lower + 1) if lower < last else None
        if not more:
            return rows, None
        moments = [found for row in rows if (found := self._moment(row)) is not None and lower <= found <= last]
        if not moments:
            raise SkipStream(
                f"The stream {self.name} cannot be read by search: a whole page lies outside of the time asked for. "
                "The index of HubSpot is behind; start again later, the bookmark is kept."
            )
        bound = min(moments[-max(1, min(LEEWAY, len(moments) // 10)) :])
        if bound <= lower:
            return [], f"{lower}/"
        return [row for row in rows if (found := self._moment(row)) is None or found < bound or found > last], str(
            bound
        )

    def _check_order(self, rows: list[Row], beyond: str) -> None:
        """Raise if the ids of a page do not rise: the next page, which is asked for by id, would leave some out."""
        numbers = [beyond or "0", *(str(row.get("id")) for row in rows)]
        ordered = all(one.isdigit() for one in numbers) and [*map(int, numbers)] == sorted(set(map(int, numbers)))
        if not ordered:
            raise SkipStream(
                f"The stream {self.name} has more records of one millisecond than a page holds, and HubSpot does not "
                "give them in the order of their numbers, so that some might be missed. Read the stream in full "
                "(full_pass), which needs no search."
            )

    @override
    def judge(self, response: Response) -> None:
        if response.status_code == NOT_FOUND:
            raise SkipStream(
                f"The stream {self.name} cannot be read: the account knows no object {self.object_type}. Enable it in "
                "HubSpot, correct its type id in the settings, or deselect the stream."
            )
        super().judge(response)

    # Values

    @override
    def get_records(self, context: t.Any) -> Iterator[Row]:
        if self.unreadable is not None:
            raise self.unreadable
        self._prepare()
        self.ids.clear()
        self._gone.clear()
        self.ids_complete = False
        if self._reads_in_full:
            self.kit.list_ahead(self)
        if self.wide:
            self.logger.info("%s: %d properties go into the column properties.", self.name, self.wide)
        yield from super().get_records(context)
        if self._listed is not None:
            # Counted apart until now, because another thread counts.
            self.report.requests += self._listed.requests
            self.report.retries += self._listed.retries
        self.ids_complete = self._reads_in_full and not self.span.resumed

    def list_ahead(self) -> ListAhead | None:
        """Return the list of this object, to be read before its turn; None if it is not read in full then."""
        incoming, config = self.kit.incoming.get(self.name, {}), self.config
        has_bounds = bool(narrowing(config)) or "resume" in incoming or self.unreadable is not None
        is_known = bool(incoming.get("replication_key_value") or config.get("start_date"))
        if has_bounds or (is_known and not config["full_pass"]):
            return None
        self._listed = StreamReport()
        pages = self._chain(Ask(self.listing, NOTHING), None, Meter(self._listed))
        self._ahead = ListAhead(self.kit.client.clock(), pages)
        return self._ahead

    @override
    def source_clock(self) -> datetime:
        return super().source_clock() if self._ahead is None else self._ahead.began

    @override
    def read_pages(self, asks: Iterator[Ask], meter: Meter, *, token: int | str | None = None) -> Iterator[Page]:
        """Yield the pages of all asks, in order; those of a list that was read ahead are there already."""
        first = next(asks, None)
        ahead, asks = self._ahead, asks if first is None else itertools.chain([first], asks)
        if ahead is None or token is not None or first is None or first.part.name != self.listing.name:
            return super().read_pages(asks, meter, token=token)
        self._ahead = None
        return (Page(ask, [{"id": one} for one in ids], t.cast("Response", None)) for ask, ids in ahead.take())

    @property
    def _reads_in_full(self) -> bool:
        return self.choose_passes()[0].name == self.listing.name

    @override
    def complete(self, page: Page, meter: Meter) -> Page:
        archived = page.ask.part.name == self.archive.name
        if archived and not self._reads_in_full:
            # The warehouse has their values: what a deleted row does not say stays as it is.
            return page
        listed = {str(row["id"]): row for row in page.rows if row.get("id")}
        rows = [row for row in page.rows if not row.get("id")]
        for ids in batches(listed, BATCH):
            rows += self.read_batch(ids, meter, listed=listed if archived else None)
        return replace(page, rows=rows)

    def read_batch(self, ids: Sequence[str], meter: Meter, *, listed: Mapping[str, Row] | None = None) -> list[Row]:
        """Return the records of some ids, and a row that says why for each that is gone.

        HubSpot answers 207 if some are not found, and names them; an id that is neither found nor named proves
        nothing. A record that was merged into another one may be answered by that one.

        Args:
            ids: At most a hundred.
            meter: Counts the request.
            listed: Rows of the recycle bin, which stand in for those that have left it by now.
        """
        request = HTTPRequest(
            url=self.url_base.rstrip("/") + self._batch_path,
            method="POST",
            params={"archived": "false" if listed is None else "true"},
            data={"properties": self.wanted, "inputs": [{"id": one} for one in ids]},
        )
        response = self.kit.client.send(request, limit=self.limit, judge=self._judge_batch, meter=meter)
        document = document_of(response)
        found = {str(row["id"]): row for row in find_rows(self.records_jsonpath, document) if dig(row, ("id",))}
        merged = {one: row for row in found.values() for one in values.merged_ids(dig(row, ("properties", MERGES)))}
        lost = lost_ids(document)
        rows: list[Row] = []
        for one in ids:
            if one in found:
                rows.append(found[one])
            elif listed is not None:
                rows.append(listed[one])
            elif one not in merged:
                rows.append(self._explain(one, found, lost, alone=len(ids) == 1) or self._ask_alone(one, meter))
        if listed is None:
            rows += [
                {"id": one, GONE: row.get("updatedAt"), SURVIVOR: str(row["id"]), WHY: "merged"}
                for one, row in merged.items()
                if one not in found
            ]
        return rows

    def _ask_alone(self, one: str, meter: Meter) -> Row:
        return next(row for row in self.read_batch([one], meter) if row["id"] == one)

    def _explain(self, one: str, found: Mapping[str, Row], lost: set[str], *, alone: bool) -> Row | None:
        """Return the row of an id that was asked for and did not come; None if it has to be asked for alone."""
        if one in lost:
            return {"id": one, GONE: None, WHY: "missing"}
        if not alone:
            return None
        if not found:
            raise SkipStream(
                f"The stream {self.name} is incomplete: HubSpot lists the record {one}, but neither gives it nor says "
                "that it is gone. Start again, the bookmark is kept."
            )
        survivor = next(iter(found.values()))
        return {"id": one, GONE: survivor.get("updatedAt"), SURVIVOR: str(survivor["id"]), WHY: "merged"}

    def _judge_batch(self, response: Response) -> None:
        if response.status_code != MULTI_STATUS:
            self.judge(response)
            return
        document = document_of(response)
        unknown = [str(error.get("category")) for error in document.get("errors") or () if not _is_not_found(error)]
        if unknown:
            raise SkipStream(
                f"The stream {self.name} is incomplete: HubSpot could not give some records ({unknown[0]}). Start "
                "again, the bookmark is kept."
            )

    @override
    def finish_page(self, page: Page) -> Iterator[Row]:
        archived = page.ask.part.deleted_at is not None
        for row in page.rows:
            record = self._record_of(row)
            empty = missing_in(record, self.primary_keys)
            if empty is not None:
                self.reject(record, "the key is empty", field=empty)
                continue
            is_gone = archived or GONE in row
            if self._sends_deletes:
                record[DELETED_AT] = self._gone_at(row, archived=archived) if is_gone else None
            if is_gone:
                self._gone.add(record["id"])
            else:
                self.ids.add(record["id"])
            yield record

    def _record_of(self, row: Row) -> Row:
        properties = row.get("properties") or {}
        record: Row = {}
        for name, source, convert in self._envelope:
            value = row.get(source)
            record[name] = None if value is None else convert(value)
        if MERGED_INTO in self._has:
            record[MERGED_INTO] = row.get(SURVIVOR)
        if REASON in self._has:
            record[REASON] = row.get(WHY) or ("archived" if row.get("archived") is True else None)
        for name, wanted, convert in self._values:
            value = properties.get(wanted)
            # Empty text is how HubSpot writes a value that was cleared.
            record[name] = None if value is None or value == "" else convert(value)
        if OTHERS in self._has:
            rest = {name: value for name in self._others if (value := properties.get(name)) not in (None, "")}
            record[OTHERS] = rest or None
        return record

    def _gone_at(self, row: Row, *, archived: bool) -> str:
        found = datetime_from_json((row.get("archivedAt") if archived else row.get(GONE)) or "")
        return found if isinstance(found, str) else self.span.until

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        """Yield the ids of all live records: those of this run if it has read them all, else the list again."""
        if self.ids_complete:
            return ([one] for one in self.ids if one not in self._gone)
        return super().read_keys()

    # For streams that are read over these records

    def changed_ids(self, meter: Meter) -> Iterator[str]:
        """Yield the ids of the records that were changed within the span, without their values."""
        yield from self._ids_of(self._windowed(self.searching), meter)

    def all_ids(self, meter: Meter) -> Iterator[str]:
        """Yield the ids of all live records."""
        yield from self._ids_of(self.listing, meter)

    def _ids_of(self, part: Pass, meter: Meter) -> Iterator[str]:
        for page in self.read_pages(self.make_asks(part), meter):
            yield from (str(row["id"]) for row in page.rows if row.get("id"))


class Following(Cursor):
    """Follows what ``ObjectStream`` worked out for the next page of a search."""

    @override
    def get_next(self, response: Response) -> str | None:
        following: str | None = document_of(response).get(NEXT) if response.content else None
        return following


def search_body(key: str, window: Window, token: int | str | None, size: int) -> dict[str, t.Any]:
    """Return the body of a search for the records changed in a window, from a token of ``ObjectStream._follow`` on."""
    moment, drains, beyond = _parts(token)
    lower = moment or str(to_milliseconds(window.start))
    upper = lower if drains else str(to_milliseconds(window.last_millisecond))
    filters = [
        {"propertyName": key, "operator": "GTE", "value": lower},
        {"propertyName": key, "operator": "LTE", "value": upper},
    ]
    if beyond:
        filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": beyond})
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id" if drains else key, "direction": "ASCENDING"}],
        "properties": ["hs_object_id", key],
        "limit": size,
    }


def _parts(token: int | str | None) -> tuple[str, str, str]:
    """Return the parts of a place in a search: a moment, whether it is drained by id, and the last id."""
    return str(token).partition("/") if token is not None else ("", "", "")


def lost_ids(document: Mapping[str, t.Any]) -> set[str]:
    """Return the ids that a batch read names as not found."""
    return {
        str(one)
        for error in document.get("errors") or ()
        if _is_not_found(error)
        for one in dig(error, ("context", "ids")) or ()
    }


def _is_not_found(error: Mapping[str, t.Any]) -> bool:
    return str(error.get("category")) == "OBJECT_NOT_FOUND"


def _is_value(column: Mapping[str, t.Any]) -> bool:
    return str(column.get("x-source", "")).startswith("properties.")


def _window_of(ask: Ask) -> Window:
    assert ask.window is not None  # noqa: S101 - a pass of the search has windows
    return ask.window
