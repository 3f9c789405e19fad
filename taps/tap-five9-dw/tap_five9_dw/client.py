"""How Five9 is asked: one call at a time, contacts in parts of less than a thousand, reports in whole days."""

from __future__ import annotations

import csv
import io
import json
import sys
import tempfile
import time
import typing as t
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from functools import cached_property

from tap_kit.bookmarks import Bookmark, Narrowing, format_time, parse_time
from tap_kit.errors import SkipStream, TapError
from tap_kit.http import Meter
from tap_kit.rest import Page, Pass, RestStream, load_schema
from tap_kit.rows import missing_in
from tap_kit.settings import narrowing
from tap_kit.values import describe
from tap_kit.windows import Window, split_window
from typing_extensions import override

from tap_five9_dw import values
from tap_five9_dw.fields import LIST, MODIFIED, ContactField
from tap_five9_dw.soap import Answer, Caller, ReportLostError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import tzinfo

    from singer_sdk.helpers.types import Context
    from tap_kit.rest import Ask, Row

    from tap_five9_dw.tap import TapFive9

# What Five9 gives for one look-up, and as the rows of one report.
MOST_RECORDS: t.Final = 1_000
MOST_ROWS: t.Final = 50_000
ANYTHING: t.Final = "%"
DIGITS: t.Final = "0123456789"
NUMBER: t.Final = "number1"
SHORTEST_WINDOW: t.Final = timedelta(minutes=1)
REPORT_ATTEMPTS: t.Final = 3


class Five9Stream(RestStream):
    """What all streams of Five9 share."""

    kit: TapFive9
    path = "/"
    permission = "the administrator role"

    def call(self, operation: str, meter: Meter, **arguments: object) -> Answer:
        """Call an operation for this stream."""
        caller = Caller(self.name, meter, self.permission or "")
        return self.kit.service.call(operation, caller, **arguments)

    @override
    def read_pages(self, asks: Iterator[Ask], meter: Meter, *, token: int | str | None = None) -> Iterator[Page]:
        """Yield the pages of all asks; never ahead, because Five9 serves a user one request at a time."""
        for ask in asks:
            yield from self._chain(ask, ask.window, meter)


class ListStream(Five9Stream):
    """A list that one call gives whole.

    Attributes:
        operation: The call.
    """

    operation: t.ClassVar[str]

    def __init__(self, tap: TapFive9) -> None:
        super().__init__(tap)
        self.endpoint = self.operation
        self.sweeps = tap.config["deletions"] == "sweep"

    @override
    def _fetch(self, ask: Ask, meter: Meter) -> Page:
        from zeep.helpers import serialize_object  # noqa: PLC0415 - zeep is loaded late, see soap.py

        answer = self.call(self.operation, meter)
        return Page(ask, serialize_object(answer.value or [], dict), answer.response)


# Contacts


@dataclass(frozen=True)
class Part:
    """Some of the contacts of a list: all whose number begins with a prefix.

    Attributes:
        list_name: The list that was asked for.
        rows: What came.
        place: Where a later run goes on if this one ends after the part; None where it was before.
    """

    list_name: str
    rows: list[Row]
    place: tuple[str, str] | None


class ContactStream(Five9Stream):
    """Contacts, list by list.

    There is no call for the records of a list, and no paging. Contacts are looked up by the field that holds the
    list they were last dialled from; an answer of a thousand is taken for cut, and asked for again in parts, by the
    first digits of the number. Every run reads all of them, because no look-up compares times; a delta writes those
    that changed.

    A position is the last list, and the prefix of the last part of it; the prefix is empty once the list is complete.
    """

    kit: TapFive9
    OWN: t.ClassVar = ("list_name", "lists", "modified_at")

    def __init__(self, tap: TapFive9, fields: Sequence[ContactField], trouble: TapError | None = None) -> None:
        known = load_schema(type(self), self.name)["properties"]
        self.fields = list(fields)
        self.trouble = trouble
        columns = {field.column: field.schema(known.get(field.column, {})) for field in self.fields}
        if NUMBER in columns:
            columns[NUMBER]["type"] = ["string"]
        super().__init__(
            tap, schema={"type": "object", "properties": columns | {name: known[name] for name in self.OWN}}
        )
        self.endpoint = "getContactRecords"
        self.zone = tap.zone
        self.reread = timedelta(hours=tap.config["lookback_hours"])
        self.sweeps = tap.config["deletions"] == "sweep" and not self.is_filtered
        if not self._stamps:
            self.replication_key = None
        # Few, as a rule none: contacts that were found by another list than the one they name.
        self._strays: dict[tuple[str, str], set[str]] = {}
        self._homeless: dict[str, str] = {}
        self._keys: t.IO[str] | None = None

    @override
    def _check_columns(self) -> None:
        if self.trouble is not None:
            raise self.trouble
        super()._check_columns()

    # Fields

    @cached_property
    def _stamps(self) -> list[str]:
        return [field.column for field in self.fields if field.map_to in MODIFIED]

    @cached_property
    def list_field(self) -> ContactField:
        """The field that contacts are looked up by.

        Raises:
            SkipStream: If the account has none.
        """
        wanted = self.config.get("list_field")
        for field in self.fields:
            if field.name == wanted if wanted else field.map_to == LIST:
                return field
        reason = f"there is no contact field {wanted!r}" if wanted else "no contact field is mapped to LastList"
        raise SkipStream(
            f"The stream {self.name} cannot be read: {reason}, and contacts can only be looked up by the list they "
            "were last dialled from. Map a field to LastList in Five9, or name one in the setting list_field.",
            category="configuration",
        )

    # A narrowed run

    @property
    def is_filtered(self) -> bool:
        """Whether this run leaves out contacts that it could have."""
        return bool(self.config["list_names"] or self.config["max_records_per_list"])

    @override
    def make_bookmark(self, incoming: Mapping[str, t.Any]) -> Bookmark:
        limits = narrowing(self.config)
        if not self.is_filtered or limits or self.ABORT_AT_RECORD_COUNT is not None:
            return super().make_bookmark(incoming)
        # A narrowed run leaves the bookmark as it is: this one says nothing of the contacts it left out.
        return Bookmark(
            incoming,
            replication_key=self.bookmark_key,
            key_length=self.position_length,
            reread=self.reread,
            start_date=self.config.get("start_date"),
            narrowing=Narrowing(max_records=sys.maxsize),
        )

    @property
    @override
    def position_length(self) -> int:
        return 2

    # Reading

    @override
    def get_records(self, context: Context | None) -> Iterator[Row]:
        meter = Meter(self.report)
        lists = self._lists(meter)
        wanted = self._wanted_lists(lists)
        start = t.cast("tuple[str, str] | None", self.span.last_key)
        self._strays.clear()
        self._homeless.clear()
        self.place = None
        if self.sweeps:
            keys = tempfile.SpooledTemporaryFile(max_size=1 << 20, mode="w+", encoding="utf-8")  # noqa: SIM115 - there
            self._keys = self.kit.open_files.enter_context(t.cast("t.IO[str]", keys))
        short = []
        for name in wanted:
            after = None
            if start is not None and name <= start[0]:
                if name < start[0] or not start[1]:
                    continue
                after = start[1]
            found = yield from self._read_list(name, lists, wanted, meter, after)
            if found < int(lists[name] or 0):
                short.append(f"{name} ({found} of {lists[name]})")
        if short and start is None and not self.is_filtered:
            self.logger.warning(
                "%s: %d lists gave fewer contacts than Five9 counts in them: %s. Contacts that were never dialled, or "
                "last from another list, cannot be had by their list.",
                self.name,
                len(short),
                ", ".join(short[:5]) + (", ..." if len(short) > 5 else ""),  # noqa: PLR2004 - enough for a line
            )

    def _read_list(
        self, name: str, lists: Mapping[str, t.Any], wanted: Collection[str], meter: Meter, after: str | None
    ) -> t.Generator[Row, None, int]:
        """Yield the records of one list; returns how many contacts were found by it."""
        most, found = self.config["max_records_per_list"] or sys.maxsize, 0
        for part in self._parts(name, meter, after):
            for row in part.rows:
                if not self._belongs(row, name):
                    continue
                if found == most:
                    return found
                found += 1
                home = self._home(row, name, lists)
                if home == name or home < name or home not in wanted:
                    yield from self._record(row, home)
            if part.place is not None:
                self.place = list(part.place)
        return found

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        """Yield the keys that this run has seen: every run reads all contacts, so none is asked for again."""
        if self._keys is None:
            return
        self._keys.seek(0)
        for line in self._keys:
            yield json.loads(line)

    def _lists(self, meter: Meter) -> dict[str, int | None]:
        answer = self.call("getListsInfo", meter)
        return {entry.name: entry.size for entry in answer.value or [] if entry.name}

    def _wanted_lists(self, lists: Iterable[str]) -> list[str]:
        asked = self.config["list_names"]
        unknown = sorted(set(asked) - set(lists))
        if unknown:
            raise SkipStream(
                f"The setting list_names names lists that Five9 does not have: {', '.join(unknown)}.",
                category="configuration",
            )
        return sorted(name for name in lists if not asked or name in asked)

    def _parts(self, name: str, meter: Meter, after: str | None) -> Iterator[Part]:
        """Yield the contacts of a list, in the order of prefixes; from behind ``after`` on."""
        _ = self.list_field
        pending: Part | None = None
        for prefix, rows in self._in_parts(name, "", meter, after):
            if pending is not None:
                yield pending
            pending = Part(name, rows, (name, prefix) if prefix else None)
        # With its last part the list is complete.
        yield replace(pending, place=(name, "")) if pending is not None else Part(name, [], (name, ""))

    def _in_parts(self, name: str, prefix: str, meter: Meter, after: str | None) -> Iterator[tuple[str, list[Row]]]:
        """Read the contacts of a list whose number begins with a prefix; an answer that is full in parts.

        Numbers are not digits only: what begins otherwise shows in the full answer, and is a part as well. So is the
        number that is the prefix itself.
        """
        rows = self._look_up(name, prefix + ANYTHING if prefix else None, meter)
        if len(rows) < self.ceiling:
            yield prefix, rows
            return
        numbers = [row.get(NUMBER) or "" for row in rows]
        # Without a number there is no key, and no part either.
        yield prefix, [row for row, number in zip(rows, numbers, strict=True) if not number]
        if prefix:
            yield prefix, self._look_up(name, prefix, meter)
        others = {number[len(prefix)] for number in numbers if len(number) > len(prefix)} - set(DIGITS) - {ANYTHING}
        if not prefix:
            others.add("+")
        for letter in (*sorted(others), *DIGITS):
            part = prefix + letter
            if after is None or after.startswith(part) or _rank(part) > _rank(after):
                yield from self._in_parts(name, part, meter, after)

    @cached_property
    def ceiling(self) -> int:
        """Number of records of an answer that is taken for cut."""
        return int(self.config["page_size"])

    def _look_up(self, name: str, number: str | None, meter: Meter) -> list[Row]:
        criteria = [{"field": self.list_field.name, "value": name}]
        if number is not None:
            criteria.append({"field": NUMBER, "value": number})
        found = self.call("getContactRecords", meter, lookupCriteria={"criteria": criteria}).value
        if found is None:
            return []
        columns = {field.name: field.column for field in self.fields}
        header = [columns.get(field) for field in found.fields or ()]
        rows = []
        for record in found.records or ():
            cells = record["values"].data if record["values"] is not None else ()
            # A row may end early; what is missing is nothing.
            rows.append({name: cell for name, cell in zip(header, cells, strict=False) if name and cell})
        self._check_rows(name, number, rows)
        return rows

    def _check_rows(self, name: str, number: str | None, rows: list[Row]) -> None:
        numbers = [str(row.get(NUMBER) or "") for row in rows]
        doubled = len(numbers) - len(set(numbers))
        if len(rows) < self.ceiling:
            if doubled:
                self.logger.warning(
                    "%s: %d contacts of the list %s have the number of another one; the key cannot tell them apart, "
                    "and the one that changed last stays.",
                    self.name,
                    doubled,
                    name,
                )
        elif number is not None and not all(found.startswith(number.removesuffix(ANYTHING)) for found in numbers):
            raise SkipStream(
                f"The stream {self.name} cannot be read in parts: the answer for numbers that begin alike holds others."
                f" What lies behind the first {len(rows)} contacts of the list {name} was not read."
            )
        elif number is not None and not number.endswith(ANYTHING):
            self.logger.warning("%s: %d or more contacts of %s share a number.", self.name, len(rows), name)

    def _belongs(self, row: Row, asked: str) -> bool:
        """Tell whether a contact is of the list it was found by.

        A list whose name holds % is a pattern, and finds contacts of other lists as well.
        """
        named = str(row.get(self.list_field.column) or "").strip()
        return ANYTHING not in asked or not named or named.casefold() == asked.strip().casefold()

    def _home(self, row: Row, asked: str, lists: Mapping[str, t.Any]) -> str:
        """Return the list that a contact is written under: the one it names itself, where Five9 has it.

        If it was found by another one it is in both. It is written once: when its own list is read, with all of them;
        or now, if that is over.
        """
        number, named = str(row.get(NUMBER)), str(row.get(self.list_field.column) or "").strip().casefold()
        own = next((name for name in lists if name.strip().casefold() == named), None)
        if own is None:
            # It names none, or one that is gone: the first one that it was found by stands for it.
            own = self._homeless.setdefault(number, asked)
        if own != asked:
            self._strays.setdefault((number, own), set()).add(asked)
        return own

    def _record(self, row: Row, home: str) -> Iterator[Row]:
        """Yield the record of a row, if this run is to write it; a row without a number is a reject."""
        record = {
            name: None if (cell := row.get(name)) is None else convert(cell) for name, convert in self._converters
        }
        record["modified_at"] = values.latest(record.get(name) for name in self._stamps)
        record["list_name"] = home
        number = describe(record.get(NUMBER))
        record["lists"] = sorted({home, *self._strays.get((str(number), home), ())})
        empty = missing_in(record, [NUMBER])
        record = {name: record[name] for name in self._selected}
        if empty is not None:
            self.reject(record, "the key is empty", field=empty)
            return
        if self._keys is not None:
            self._keys.write(json.dumps([number, home]) + "\n")
        if self._is_wanted(record):
            yield record

    def _is_wanted(self, record: Row) -> bool:
        moment = record.get("modified_at")
        if not isinstance(moment, str):
            return True
        written = format_time(parse_time(moment))
        lower = None if self.config["contact_delta"] == "all" and not self.config.get("since") else self.span.lower
        return (lower or "") <= written and (self.span.upper is None or written < self.span.upper)

    @cached_property
    def _selected(self) -> tuple[str, ...]:
        return tuple(self.selected_schema["properties"])

    @cached_property
    def _converters(self) -> list[tuple[str, Callable[[str], t.Any]]]:
        needed = {*self._selected, NUMBER, *self._stamps}
        return [(field.column, field.convert(self.zone)) for field in self.fields if field.column in needed]


def _rank(prefix: str) -> list[tuple[bool, str]]:
    """Return what orders prefixes as they are read: what is no digit comes first."""
    return [(letter in DIGITS, letter) for letter in prefix]


# Reports


class ReportStream(Five9Stream):
    """A report, run for whole days of the domain's zone.

    Whole days, because some reports sum up what they are asked for: half a day would replace the sums of the whole one.

    Attributes:
        folder: Its folder.
        report_name: Its name.
        is_detail: Whether each row is one event, so that a day with too many rows can be read in parts.
    """

    passes: Sequence[Pass] = (Pass(windowed=True),)
    permission = "the reporting role"
    folder: t.ClassVar[str]
    report_name: t.ClassVar[str]
    is_detail: t.ClassVar[bool] = False

    def __init__(self, tap: TapFive9) -> None:
        super().__init__(tap)
        self.endpoint = "runReport"
        self.zone = tap.zone
        self.reread = timedelta(hours=tap.config["lookback_hours"])
        self._unknown: set[str] = set()

    @cached_property
    def location(self) -> tuple[str, str]:
        """Folder and name of the report."""
        folder, _, name = str(self.config["reports"].get(self.name) or "").rpartition("/")
        return (folder, name) if name else (self.folder, self.report_name)

    # Windows

    @override
    def _windows(self, part: Pass, resumed: Window | None) -> Iterator[Window]:
        until = parse_time(self.span.until)
        history = timedelta(days=self.config["report_history_days"])
        lower = parse_time(self.span.lower) if self.span.lower else until - history
        upper = until if self.span.upper is None else min(until, parse_time(self.span.upper))
        return whole_days(lower, upper, self.zone, self.config["report_window_days"])

    @override
    def _chain(self, ask: Ask, root: Window | None, meter: Meter) -> Iterator[Page]:
        window = t.cast("Window", ask.window)
        rows, answer = self._run(window, meter)
        if len(rows) < self.config["report_rows"]:
            yield Page(ask, rows, answer.response, root)
            return
        # Five9 cuts the rows of a report without a word: this may be all, or not.
        for smaller in self._smaller(window):
            yield from self._chain(replace(ask, window=smaller), root, meter)

    def _smaller(self, window: Window) -> list[Window]:
        days = list(whole_days(window.start, window.end, self.zone, 1))
        if len(days) > 1:
            return days
        if self.is_detail and window.end - window.start >= 2 * SHORTEST_WINDOW:
            return split_window(window, 2)
        raise SkipStream(
            f"The stream {self.name} cannot be read: its report has {self.config['report_rows']} rows or more for "
            f"{window.start.isoformat()} to {window.end.isoformat()}, and Five9 gives no more of them."
        )

    # Running

    def _run(self, window: Window, meter: Meter) -> tuple[list[Row], Answer]:
        for _ in range(REPORT_ATTEMPTS):
            try:
                answer = self._result(window, meter)
            except ReportLostError as error:
                lost = error
                self.logger.warning("%s The report is run again.", error)
            else:
                return self._rows(answer.value or ""), answer
        raise lost

    def _result(self, window: Window, meter: Meter) -> Answer:
        folder, name = self.location
        # Both ends belong to what is asked for.
        bounds = {"start": self._stamp(window.start), "end": self._stamp(window.last_millisecond)}
        started = self.call("runReport", meter, folderName=folder, reportName=name, criteria={"time": bounds})
        identifier = started.value
        if not identifier:
            raise SkipStream(
                f"The stream {self.name} cannot be read: Five9 did not say under which name its report runs."
            )
        poll, deadline = self.config["report_poll_seconds"], time.monotonic() + self.config["report_timeout_seconds"]
        while True:
            asked = time.monotonic()
            # The call itself waits for so many seconds.
            if not self.call("isReportRunning", meter, identifier=identifier, timeout=poll).value:
                return self.call("getReportResultCsv", meter, identifier=identifier)
            if time.monotonic() >= deadline:
                raise SkipStream(
                    f"The stream {self.name} cannot be read: its report runs for more than "
                    f"{self.config['report_timeout_seconds']} s (report_timeout_seconds).",
                )
            time.sleep(max(0.0, poll - (time.monotonic() - asked)))

    def _stamp(self, moment: datetime) -> str:
        # In the zone of the domain: should Five9 leave the offset out of account, it means the same.
        return moment.astimezone(self.zone).isoformat(timespec="milliseconds")

    def _rows(self, text: str) -> list[Row]:
        lines = csv.reader(io.StringIO(text, newline=""))
        header = [self._by_header.get(values.column_of(name), "") or self._note(name) for name in next(lines, [])]
        missing = [name for name in self.primary_keys if name not in header]
        if header and missing:
            raise SkipStream(
                f"The stream {self.name} cannot be read: its report has no column for {', '.join(missing)}. "
                "Restore the report in Five9, or name another one in the setting reports."
            )
        # An empty cell and a dash mean nothing.
        rows = [
            {name: cell for name, cell in zip(header, line, strict=False) if name and cell.strip() not in ("", "-")}
            for line in lines
            if line
        ]
        doubled = len(rows) - len({tuple(row.get(name) for name in self.primary_keys) for row in rows})
        if doubled:
            self.logger.warning("%s: %d rows have the key of another row; one of them stays.", self.name, doubled)
        return rows

    def _note(self, name: str) -> str:
        if name and name not in self._unknown:
            self._unknown.add(name)
            self.logger.info("%s: the column %s of the report is not read.", self.name, name)
        return ""

    @cached_property
    def _by_header(self) -> dict[str, str]:
        return {values.column_of(name): name for name in self.schema["properties"]}

    @cached_property
    @override
    def convert(self) -> dict[str, Callable[[t.Any], t.Any]]:
        own: dict[str, Callable[[t.Any], t.Any]] = {
            "date-time": lambda text: values.moment_of(text, self.zone, values.IN_REPORTS),
            "boolean": values.truth_of,
        }
        return super().convert | own


class SnapshotReport(ReportStream):
    """A report that shows the present, read in full by each run."""

    passes: Sequence[Pass] = (Pass(),)

    @override
    def _chain(self, ask: Ask, root: Window | None, meter: Meter) -> Iterator[Page]:
        # It wants a span of time all the same.
        until = parse_time(self.span.until)
        rows, answer = self._run(Window(until - timedelta(days=self.config["report_history_days"]), until), meter)
        if len(rows) >= self.config["report_rows"]:
            raise SkipStream(f"The stream {self.name} cannot be read: Five9 cuts its report at {len(rows)} rows.")
        yield Page(ask, rows, answer.response)


def whole_days(start: datetime, end: datetime, zone: tzinfo, days: int) -> Iterator[Window]:
    """Yield touching windows of whole days of a zone, oldest first, that cover [start, end).

    A day may have 23 or 25 hours. The last one ends at a midnight, perhaps one to come.
    """
    day = start.astimezone(zone).date()
    while (begin := _midnight(day, zone)) < end:
        day = min(day + timedelta(days=days), _day_after(end, zone))
        yield Window(begin, _midnight(day, zone))


def _day_after(end: datetime, zone: tzinfo) -> date:
    last = (end - timedelta(microseconds=1)).astimezone(zone).date()
    return last + timedelta(days=1)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time_of_day(), zone).astimezone(UTC)
