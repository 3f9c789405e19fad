"""A stream that reads records in key order, sends them, and can go on where it was interrupted.

The hot loop is ``_send_records``: nothing in it walks a schema, selects columns or copies a record. What
reads the source must therefore deliver finished records: only the selected columns, converted once.
"""

from __future__ import annotations

import abc
import itertools
import time
import typing as t
from collections import Counter
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from functools import cached_property

from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import SchemaMessage
from singer_sdk.streams import Stream
from typing_extensions import override

from tap_kit.bookmarks import Bookmark, Narrowing, Span, format_time
from tap_kit.errors import SkipStream
from tap_kit.key_file import text_of
from tap_kit.keysets import Within, keys_message, send_key_set
from tap_kit.messages import encode
from tap_kit.report import StreamReport
from tap_kit.settings import narrowing
from tap_kit.values import Odd, Unstorable

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from singer_sdk.helpers.types import Context
    from singer_sdk.metrics import Counter as RecordCounter

    from tap_kit.tap import Tap

DELETED_AT = "_sdc_deleted_at"
# The end of a stretch of time that has none.
NEVER = "9999-12-31T00:00:00.000000+00:00"
STATE_RECORDS = 5_000
STATE_SECONDS = 2.0
# How many records may pass before the clock is looked at.
CLOCK_RECORDS = 64


class KitStream(Stream, abc.ABC):
    """Base of all streams: bookmarks, report, rejects and key set; the source itself is up to the subclass.

    Attributes:
        endpoint: Table or path, for the report.
        fallback: Column that stands in where the replication key of a record is null.
        reread: How far before the bookmark a delta starts; the loader absorbs the repeats.
        sweeps: Whether the key set is sent after the last record.
        bookmark_class: What keeps its place, by the kind of the replication key.
        can_sweep: Whether what a full read does not show is gone. If not, neither a sweep nor a comparison says so.
        span: What this run reads; set when the read begins.
    """

    endpoint: str = ""
    fallback: str | None = None
    reread: timedelta = timedelta(0)
    sweeps: bool = False
    bookmark_class: type[Bookmark] = Bookmark
    can_sweep: bool = True
    span: Span

    def __init__(self, tap: Tap, *, name: str, schema: dict[str, t.Any]) -> None:
        super().__init__(tap, schema=schema, name=name)
        self.kit = tap
        self._odd: Counter[tuple[str, str]] = Counter()
        self._unparsed: Counter[tuple[str, str]] = Counter()

    # What the source does

    @abc.abstractmethod
    def source_clock(self) -> datetime:
        """Return the present time by the clock that stamps the source's records."""

    @abc.abstractmethod
    @override
    def get_records(self, context: Context | None) -> Iterable[dict[str, t.Any]]:
        """Yield the records of ``self.span`` in key order, the selected columns only."""

    def count_records(self) -> int | None:
        """Return how many records the span holds, if that costs little."""
        return None

    def read_keys(self) -> Iterable[Sequence[int | str]]:
        """Yield the keys of every record the source has now."""
        raise SkipStream(f"The stream {self.name} has no key sets.", category="configuration")

    def keys_within(self) -> Within | None:
        """Return the stretch of time that ``read_keys`` covers; None if it yields all keys there are."""
        return None

    def records_of(self, keys: Sequence[tuple[int | str, ...]]) -> Iterable[dict[str, t.Any]]:
        """Yield the records of some keys.

        A source that can be asked for them overrides it. This one reads until it has met them all.
        """
        left = {text_of(key) for key in keys}
        if not left:
            return
        records = iter(self.get_records(None))
        try:
            for record in records:
                key = text_of(record[name] for name in self.primary_keys)
                if key in left:
                    left.remove(key)
                    yield record
                    if not left:
                        return
        finally:
            # What it holds open is closed now, not some time later.
            if isinstance(records, Generator):
                records.close()

    @property
    def position_length(self) -> int:
        """How many parts a position has."""
        return len(self.primary_keys)

    def position_after(self, last: Mapping[str, t.Any]) -> Sequence[int | str] | None:
        """Return where a later run goes on after the record written last; None if it has to start again."""
        return [last[name] for name in self.primary_keys]

    # What the kit does

    @property
    def report(self) -> StreamReport:
        """The report of this stream in this run."""
        return self.kit.reports[self.name]

    @property
    def bookmark_key(self) -> str | None:
        """Column of the bookmark; None if the stream is read in full."""
        return self.replication_key if self.replication_method == "INCREMENTAL" else None

    def make_bookmark(self, incoming: Mapping[str, t.Any]) -> Bookmark:
        """Return the bookmark of this run.

        Raises:
            ValueError: If the stored value is no value of the replication key.
        """
        limits = narrowing(self.config)
        if self.ABORT_AT_RECORD_COUNT is not None:
            limits = Narrowing(max_records=self.ABORT_AT_RECORD_COUNT)
        return self.bookmark_class(
            incoming,
            replication_key=self.bookmark_key,
            key_length=self.position_length,
            reread=self.reread,
            start_date=self.config.get("start_date"),
            narrowing=limits,
        )

    def make_report(self) -> StreamReport:
        """Return the report of this run; a subclass of the report may say more."""
        return StreamReport(endpoint=self.endpoint)

    @property
    def keys_only(self) -> bool:
        """Whether this run sends keys in place of records."""
        return bool(self.config.get("keys_only"))

    @property
    def sent_as(self) -> str:
        """Name of the stream that the records are sent as."""
        return f"{self.name}_keys" if self.keys_only else self.name

    @property
    def _changed_columns(self) -> list[str]:
        """Columns with the modification time of a record, in the order in which they count."""
        return [name for name in (self.bookmark_key, self.fallback) if name]

    def _stretch(self) -> Within | None:
        """Return the stretch of time that the keys of this run are of; None if they are all there are."""
        stretch = self.keys_within()
        if stretch is None and self.bookmark_key and self.span.lower:
            return Within(self.bookmark_key, self.span.lower, self.span.upper or NEVER)
        return stretch

    @override
    def get_batch_config(self, config: Mapping[str, t.Any]) -> None:
        """BATCH is the business of the tap itself: the SDK knows two formats and no bookmark in the middle."""

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Bookmarks are the kit's own: the SDK keeps no markers."""

    @override
    def _write_schema_message(self) -> None:
        # That of keys tells the stretch that they are of, which is known when the read begins.
        if self.keys_only and "span" not in self.__dict__:
            return
        for message in self._generate_schema_messages():
            self.kit.write_message(message)

    @override
    def _generate_schema_messages(self) -> t.Generator[SchemaMessage, None, None]:
        if self.keys_only:
            if self._is_mapped:
                raise SkipStream(
                    f"The keys of {self.name} cannot be compared: a stream map may change them.",
                    category="configuration",
                )
            yield keys_message(
                self.name,
                self.selected_schema,
                self.primary_keys,
                changed=self._changed_columns,
                within=self._stretch(),
                are_all=self.can_sweep,
            )
            return
        if self.kit.has_stream_maps:
            yield from super()._generate_schema_messages()
            return
        key = self.bookmark_key
        yield SchemaMessage(self.name, self.selected_schema, list(self.primary_keys), [key] if key else None)

    @property
    def selected_schema(self) -> dict[str, t.Any]:
        """The schema of the selected columns.

        A catalog may override the type of a column; the ``x-`` marks come from discovery, because the
        catalog format of the SDK cannot carry them.
        """
        catalogued = self.effective_schema["properties"]
        properties = {}
        for name, live in self.schema["properties"].items():
            if name in catalogued and self.mask.get(("properties", name), False):
                marks = {mark: value for mark, value in live.items() if mark.startswith("x-")}
                properties[name] = catalogued[name] | marks
        if self.keys_only:
            compared = {*self.primary_keys, *self._changed_columns, DELETED_AT}
            properties = {name: schema for name, schema in properties.items() if name in compared}
        return {"type": "object", "properties": properties}

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> t.Generator[dict[str, t.Any], t.Any, t.Any]:
        """Read and send the whole stream; yields nothing, the SDK only wants a generator."""
        if self.ABORT_AT_RECORD_COUNT is not None or self.name not in self.kit.bookmarks:
            self.kit.prepare([self])
        self._check_columns()
        bookmark = self.kit.bookmarks[self.name]
        self.report.started_at = format_time(datetime.now(UTC))
        clock = self.source_clock()
        self.kit.compare_clocks(clock)
        self.span = bookmark.begin(clock)
        self.report.resumed = self.span.resumed
        if self.keys_only:
            self._write_schema_message()
        limit = self.ABORT_AT_RECORD_COUNT or self.config.get("max_records") or None
        self.report.records_total = self.count_records() if limit is None and self.kit.only_keys is None else None
        self.announce()
        counter = self.get_record_counter(endpoint=self.endpoint)
        try:
            with counter, self.get_sync_timer():
                self._send_records(bookmark, limit, counter)
        finally:
            self._warn_of_odd_values()
        if self.sweeps and not self.span.resumed and not narrowing(self.config) and limit is None:
            self._sweep()
        bookmark.complete()
        self.report.status = "success"
        self.kit.write_state(self.name)
        yield from ()

    @property
    def _is_mapped(self) -> bool:
        """Whether a stream map applies to this stream."""
        return any(not isinstance(stream_map, SameRecordTransform) for stream_map in self.stream_maps)

    def _check_columns(self) -> None:
        """Warn of catalogued columns that the source has no more, and fail if the stream cannot do without."""
        live = self.schema["properties"]
        gone = [name for name in self.effective_schema["properties"] if name not in live]
        needed = [name for name in (*self.primary_keys, self.bookmark_key) if name and name not in live]
        if needed:
            raise SkipStream(
                f"The stream {self.name} cannot be read without {', '.join(needed)}, which the source does not show: "
                "it is gone, or the user may not read it."
            )
        if gone:
            self.logger.warning("%s: the source has no more %s.", self.name, ", ".join(gone))

    def _records(self) -> Iterable[dict[str, t.Any]]:
        """Return the records of this run: all, or those of the keys that it is about."""
        file = self.kit.only_keys
        return self.get_records(None) if file is None else self.records_of(file.of(self.name, self.primary_keys))

    @cached_property
    def _wanted(self) -> Collection[tuple[str, ...]] | None:
        file = self.kit.only_keys
        return None if file is None else {text_of(key) for key in file.of(self.name, self.primary_keys)}

    def is_asked_for(self, record: Mapping[str, t.Any]) -> bool:
        """Tell whether this run is about the key of a record."""
        return self._wanted is None or text_of(record[name] for name in self.primary_keys) in self._wanted

    def _send_records(self, bookmark: Bookmark, limit: int | None, counter: RecordCounter) -> None:
        """Read and send the records of the span, as many as the limit allows, and move the bookmark."""
        self.send(itertools.islice(self._records(), limit), bookmark, counter)

    def send(self, records: Iterable[dict[str, t.Any]], bookmark: Bookmark, counter: RecordCounter) -> None:
        """Send records, with a STATE every few seconds or few thousand, and move the bookmark behind them."""
        write, mapped = self.kit.message_writer.write_line, self.kit.has_stream_maps and not self.keys_only
        changed, fallback = self.bookmark_key, self.fallback
        every = min(self.config.get("page_size") or STATE_RECORDS, STATE_RECORDS)
        seen, pending, last = "", 0, None
        prefix, deadline = self._prefix(), time.monotonic() + STATE_SECONDS
        try:
            for record in records:
                try:
                    line = encode(record)
                except TypeError:
                    if not self._settle(record):
                        continue
                    line = encode(record)
                if mapped:
                    self._write_mapped(record)
                else:
                    write(prefix + line + b"}\n")
                if changed is not None:
                    moment = record[changed] or (fallback and record.get(fallback))
                    if moment and moment > seen:
                        seen = moment
                # Only now: a signal between the two lines repeats a record, it never loses one.
                last = record
                pending += 1
                if pending >= every or (not pending % CLOCK_RECORDS and time.monotonic() > deadline):
                    self._advance(bookmark, last, seen, counter, pending)
                    self.kit.write_state(self.name)
                    prefix, deadline, pending = self._prefix(), time.monotonic() + STATE_SECONDS, 0
        finally:
            # Also when the source fails or a signal comes: what was written need not be read again.
            if last is not None and pending:
                self._advance(bookmark, last, seen, counter, pending)

    def send_one(self, record: dict[str, t.Any]) -> bool:
        """Send a record that came with another stream's; returns whether it could be sent."""
        try:
            line = encode(record)
        except TypeError:
            if not self._settle(record):
                return False
            line = encode(record)
        if self.kit.has_stream_maps and not self.keys_only:
            self._write_mapped(record)
        else:
            self.kit.message_writer.write_line(self._prefix() + line + b"}\n")
        return True

    def _advance(
        self, bookmark: Bookmark, last: Mapping[str, t.Any], seen: str, counter: RecordCounter, pending: int
    ) -> None:
        position = self.position_after(last)
        if position is None:
            bookmark.observe(seen or None)
        else:
            bookmark.advance(position, seen or None)
        counter.increment(pending)

    def _prefix(self) -> bytes:
        """Everything of a RECORD message before the record, with the present time."""
        extracted = datetime.now(UTC).isoformat(timespec="seconds")
        head = encode({"type": "RECORD", "stream": self.sent_as, "time_extracted": extracted})
        return head[:-1] + b',"record":'

    def _write_mapped(self, record: dict[str, t.Any]) -> None:
        """Send a record through the stream maps of the user; slow, as the SDK does it."""
        for message in self._generate_record_messages(dict(record)):
            self.kit.write_message(message)

    def _settle(self, record: dict[str, t.Any]) -> bool:
        """Act on the findings in a record, in place; returns whether the record can be sent.

        Raises:
            TypeError: If a value is neither JSON nor a finding, which is an error of the tap.
        """
        validation = self.config.get("validation", "lenient")
        findings = [(name, value) for name, value in record.items() if isinstance(value, Unstorable | Odd)]
        if not findings:
            raise TypeError(f"The stream {self.name} yields a value that JSON cannot hold.")
        for name, value in findings:
            if validation == "strict" or (name in self.primary_keys and isinstance(value, Unstorable)):
                self._unparsed[name, value.reason] += 1
                self.reject(record, value.reason, field=name)
                return False
        original = dict(record)
        for name, value in findings:
            if isinstance(value, Odd):
                record[name] = value.value
                if validation != "off":
                    self._odd[name, value.reason] += 1
            else:
                record[name] = None
                self._unparsed[name, value.reason] += 1
                self.kit.rejects.add(
                    self.name,
                    original,
                    key=self.primary_keys,
                    field=name,
                    reason=self.locate(value.reason),
                    category="value",
                )
        return True

    def reject(self, record: Mapping[str, t.Any], reason: str, *, field: str | None = None) -> None:
        """Keep a record that cannot be sent, with the reason."""
        self.kit.rejects.add(
            self.name, record, key=self.primary_keys, field=field, reason=self.locate(reason), category="record"
        )

    def locate(self, reason: str) -> str:
        """Return the reason of a reject, with the place of the record being read where the source has places."""
        return reason

    def announce(self) -> None:
        """Say that the reading begins, in the form that every stream's log has."""
        total = self.report.records_total
        number = "an unknown number of" if total is None else f"{total}"
        self.logger.info("Starting %s %s sync with %s records", self.kit.crm_source, self.name, number)

    def _warn_of_odd_values(self) -> None:
        """Say of each field, once, what was odd or could not be read: neither values nor keys, they may be personal."""
        for (name, reason), count in sorted(self._odd.items()):
            self.logger.warning(
                "Validation warning for field '%s' with value '***' (Record: id=***, %d of %s): %s",
                *(name, count, self.name, reason),
            )
        for (name, reason), count in sorted(self._unparsed.items()):
            self.logger.warning(
                "Failed to parse %s value: '***' in field '%s' for %s *** (%d of %s): %s",
                *(self._kind_of(name), name, self.kit.crm_source, count, self.name, reason),
            )
        self._odd.clear()
        self._unparsed.clear()

    def _kind_of(self, name: str) -> str:
        """Return what kind of value a column holds, in one word."""
        described = self.schema["properties"].get(name, {})
        kinds = described.get("type") or "any"
        kind = kinds if isinstance(kinds, str) else next((one for one in kinds if one != "null"), "any")
        return str(described.get("format") or kind)

    def _sweep(self) -> None:
        """Send the key set."""
        if self._is_mapped:
            # The warehouse holds what the maps made of the keys: by the source's keys all of it would be gone.
            self.logger.warning("%s: no sweep, because a stream map may change its keys.", self.name)
            return
        send_key_set(
            self.kit.message_writer,
            self.name,
            self.selected_schema,
            self.primary_keys,
            self.read_keys(),
            max_deleted_share=float(self.config["max_deleted_share"]),
            within=self.keys_within(),
        )
