"""How SalesPro is asked: queries of Athena, their result files in S3, what their failures mean, and CSV exports."""

from __future__ import annotations

import logging
import re
import time
import typing as t
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from tap_kit.aws import error_of
from tap_kit.bookmarks import parse_time
from tap_kit.csv import CsvStream
from tap_kit.errors import Retry, SkipStream, Stop
from tap_kit.http import Meter, http_date
from tap_kit.redact import impersonal
from tap_kit.report import StreamReport
from tap_kit.rest import load_schema
from tap_kit.retry import Patience
from tap_kit.rows import converters, kind_of, missing_in
from tap_kit.settings import narrowing
from tap_kit.stream import DELETED_AT, KitStream
from tap_kit.values import Odd, Unstorable, datetime_from_json
from typing_extensions import override

from tap_salespro_dw import forms
from tap_salespro_dw.results import Cells, read_file, row_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from singer_sdk.helpers.types import Context
    from tap_kit.aws import Access
    from tap_kit.files import FileStore
    from tap_kit.rows import Convert

    from tap_salespro_dw.tap import TapSalesPro

    Row: t.TypeAlias = dict[str, t.Any]

FIRST_PAUSE: t.Final = 0.2
LARGEST_PAGE: t.Final = 1000
LONGEST_REASON: t.Final = 300
# What each operation answers with.
ANSWERS: t.Final = {
    "start_query_execution": "QueryExecutionId",
    "get_query_execution": "QueryExecution",
    "get_query_results": "ResultSet",
    "get_work_group": "WorkGroup",
}
DENIED: t.Final = re.compile(r"not authorized|insufficient permission|access ?denied|forbidden", re.IGNORECASE)
ABSENT: t.Final = re.compile(r"\b(TABLE|SCHEMA|CATALOG|COLUMN)_NOT_FOUND\b")
ZONE: t.Final = re.compile(r" UTC$")

logger = logging.getLogger("tap-salespro-dw")


# Athena


@dataclass(frozen=True)
class Execution:
    """A query that has succeeded.

    Attributes:
        id: Its identifier.
        sql: Its text.
        location: Where its result lies in S3.
        bytes_scanned: What Athena bills it by.
    """

    id: str
    sql: str
    location: str
    bytes_scanned: int


@dataclass(frozen=True)
class Place:
    """Where queries run.

    Attributes:
        catalog: Data catalog of the database.
        database: Database of the tables.
        workgroup: Workgroup.
        output_location: Where results go, unless the workgroup says so.
        timeout_seconds: How long a query may take.
        poll_seconds: Longest pause between two looks at it.
    """

    catalog: str
    database: str
    workgroup: str
    output_location: str | None
    timeout_seconds: float
    poll_seconds: float


class Athena:
    """Runs queries.

    Args:
        access: How AWS is reached.
        place: Where queries run.
        retry_seconds: Time budget of all attempts of one request.
        pause: Sleeps.
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        access: Access,
        place: Place,
        *,
        retry_seconds: float,
        pause: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.access = access
        self.place = place
        self._pause = pause
        self._monotonic = monotonic
        self._patience = Patience(retry_seconds, renew=self._renew, monotonic=monotonic, pause=pause)
        self._skew = timedelta(0)
        self._probed = False

    @cached_property
    def _client(self) -> t.Any:  # noqa: ANN401 - boto3 makes its clients while it runs
        return self.access.client("athena")

    def _renew(self) -> bool:
        self.__dict__.pop("_client", None)
        return self.access.renew()

    def clock(self, meter: Meter) -> datetime:
        """Return the time of AWS; the first call shows whether credentials and workgroup are right.

        Raises:
            Stop: If they are not.
        """
        if not self._probed:
            try:
                self.ask("get_work_group", meter, WorkGroup=self.place.workgroup)
            except SkipStream as error:
                # Queries may be allowed where looking at the workgroup is not.
                if error.category != "permission":
                    raise Stop(f"{error} Correct the setting workgroup.") from None
            self._probed = True
        return datetime.now(UTC) + self._skew

    def run(self, sql: str, meter: Meter) -> Execution:
        """Run a query to its end; one that fails for a passing reason is started again.

        Raises:
            SkipStream: If it fails for another reason, is cancelled, or takes too long.
        """
        return self._patience.run(lambda: self._run(sql, meter))

    def find(self, execution_id: str, meter: Meter) -> Execution | None:
        """Return a query of an earlier run; None if it is none that has succeeded."""
        try:
            found = self._look(execution_id, meter)
        except SkipStream:
            return None
        return _execution_of(found) if found["Status"]["State"] == "SUCCEEDED" else None

    def result_pages(self, execution_id: str, size: int, meter: Meter) -> Iterator[Cells]:
        """Yield the rows of a result as Athena's API gives it, the header first."""
        following: dict[str, str] = {}
        while True:
            page = self.ask("get_query_results", meter, QueryExecutionId=execution_id, MaxResults=size, **following)
            for row in page["ResultSet"]["Rows"]:
                yield row_of(row)
            token = page.get("NextToken")
            if token is None:
                return
            if token == following.get("NextToken"):
                raise SkipStream(f"The pages of the result {execution_id} run in a circle: the token came back.")
            following = {"NextToken": token}

    def ask(self, operation: str, meter: Meter, **parameters: t.Any) -> Row:  # noqa: ANN401 - any JSON
        """Call an operation of Athena until it answers."""
        right = "athena:" + "".join(part.capitalize() for part in operation.split("_"))

        def attempt() -> Row:
            try:
                answer: Row = getattr(self._client, operation)(**parameters)
            except Exception as error:
                raise error_of(error, right) from error
            if ANSWERS[operation] not in answer:
                # boto3 takes a body that is no JSON for a message.
                raise Retry(f"AWS ({right}): the answer cannot be understood.", category="source")
            moment = http_date(answer["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
            if moment is not None:
                self._skew = moment - datetime.now(UTC)
            return answer

        return self._patience.run(attempt, meter)

    def _run(self, sql: str, meter: Meter) -> Execution:
        place = self.place
        output = {"ResultConfiguration": {"OutputLocation": place.output_location}} if place.output_location else {}
        started = self.ask(
            "start_query_execution",
            meter,
            QueryString=sql,
            QueryExecutionContext={"Database": place.database, "Catalog": place.catalog},
            WorkGroup=place.workgroup,
            # All attempts of this request are one query.
            ClientRequestToken=uuid.uuid4().hex,
            **output,
        )
        execution_id = started["QueryExecutionId"]
        try:
            return self._wait(execution_id, meter)
        except (SystemExit, KeyboardInterrupt):
            self._stop(execution_id)
            raise

    def _wait(self, execution_id: str, meter: Meter) -> Execution:
        deadline, pause = self._monotonic() + self.place.timeout_seconds, FIRST_PAUSE
        while True:
            found = self._look(execution_id, meter)
            status = found["Status"]
            if status["State"] == "SUCCEEDED":
                return _execution_of(found)
            if status["State"] in ("FAILED", "CANCELLED"):
                raise failure_of(status)
            if self._monotonic() >= deadline:
                self._stop(execution_id)
                raise SkipStream(
                    f"The query {execution_id} took longer than {self.place.timeout_seconds:.0f} s and was stopped; "
                    "see query_timeout_seconds."
                )
            self._pause(min(pause, self.place.poll_seconds))
            pause *= 1.5

    def _look(self, execution_id: str, meter: Meter) -> Row:
        found: Row = self.ask("get_query_execution", meter, QueryExecutionId=execution_id)["QueryExecution"]
        return found

    def _stop(self, execution_id: str) -> None:
        """Stop a query that nobody waits for any more: it would be billed to its end."""
        try:
            self._client.stop_query_execution(QueryExecutionId=execution_id)
        except Exception:  # noqa: BLE001 - the run ends for another reason, which must be told
            logger.warning("The query %s could not be stopped.", execution_id)


def _execution_of(found: Row) -> Execution:
    return Execution(
        found["QueryExecutionId"],
        found["Query"],
        found["ResultConfiguration"]["OutputLocation"],
        int(found.get("Statistics", {}).get("DataScannedInBytes", 0)),
    )


def failure_of(status: Row) -> Retry | SkipStream:
    """Return what the end of a query means that did not succeed."""
    reason = str(status.get("StateChangeReason") or "no reason given").rstrip(".")
    told = f"Athena: {impersonal(reason)[:LONGEST_REASON]}."
    if status["State"] == "CANCELLED":
        return SkipStream(f"{told} Somebody cancelled the query; start again.")
    if DENIED.search(reason):
        return SkipStream(
            f"{told} The credentials need rights on the table in Glue, and on its files in S3.", category="permission"
        )
    absent = ABSENT.search(reason)
    if absent:
        cure = "deselect the column" if absent.group(1) == "COLUMN" else "correct the settings catalog and database"
        return SkipStream(f"{told} Either {cure}, or deselect the stream.", category="configuration")
    if status.get("AthenaError", {}).get("Retryable"):
        return Retry(told, category="source")
    return SkipStream(told)


# Tables


@dataclass
class AthenaReport(StreamReport):
    """A report that tells what Athena bills; one of a stream that has run no query tells zero."""

    bytes_scanned: int = 0


class AthenaStream(KitStream):
    """A stream that reads one table.

    One query gives the rows in the order of their changes. Its result stays in S3, so an interrupted read goes on in it
    at the row where it was, and costs no second scan; if the result is gone, a new query begins at that row's time.

    Attributes:
        table: Name of the table.
        repeats: Whether the table has several rows of one key; the one changed last counts.
        ties: Which columns decide between rows of one key that changed in the same moment.
        derived: Columns that are made of others, and not in the table.
        needed: Columns of the table that are read in any case.
    """

    name: str
    table: str
    replication_key = "updated_at"
    repeats: bool = False
    ties: Sequence[str] = ()
    derived: frozenset[str] = frozenset()
    needed: Sequence[str] = ()
    kit: TapSalesPro

    def __init__(self, tap: TapSalesPro) -> None:
        properties = load_schema(type(self), self.name)["properties"]
        self.sources = {name: column.get("x-source", name) for name, column in properties.items()}
        properties = {
            name: {mark: value for mark, value in column.items() if mark != "x-source"}
            for name, column in properties.items()
        }
        super().__init__(tap, name=self.name, schema={"type": "object", "properties": properties})
        self.primary_keys = list(self.primary_keys)
        self.endpoint = self.table
        self.reread = timedelta(hours=tap.config["reread_hours"])
        self.sweeps = tap.config["deletions"] == "sweep"
        self._execution: Execution | None = None
        self._count = 0

    # What the kit asks

    @override
    def make_report(self) -> AthenaReport:
        return AthenaReport(endpoint=self.endpoint)

    @override
    def source_clock(self) -> datetime:
        return self.kit.athena.clock(self.meter)

    @property
    @override
    def position_length(self) -> int:
        return 3

    @override
    def position_after(self, last: Mapping[str, t.Any]) -> Sequence[int | str] | None:
        return [t.cast("Execution", self._execution).id, self._count, last.get(self.replication_key) or ""]

    @cached_property
    def meter(self) -> Meter:
        """What counts the requests."""
        return Meter(self.report)

    @cached_property
    def convert(self) -> dict[str, Convert]:
        """Conversion of values that are not NULL, by kind of column."""
        return converters(UTC) | {"date-time": moment_of}

    @override
    def get_records(self, context: Context | None) -> Iterator[Row]:
        names = [name for name in self.selected_schema["properties"] if name not in self.derived]
        names += [name for name in self.needed if name not in names]
        for cells in self._rows(names):
            record = self._record_of(names, cells)
            empty = missing_in(record, self.primary_keys)
            if empty is not None:
                self.reject(record, "the key is empty", field=empty)
                continue
            yield from self.finish(record)

    def finish(self, record: Row) -> Iterator[Row]:
        """Yield the record of a row, with what is made of it."""
        yield record

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        """Yield all keys: a query that reads the key columns only."""
        execution = self._run(self.select(self.primary_keys, bounded=False, unique=False))
        for cells in self.rows_of(execution, self.primary_keys, self.report):
            record = self._record_of(self.primary_keys, cells)
            if missing_in(record, self.primary_keys) is None:
                yield [record[name] for name in self.primary_keys]

    # Queries and their results

    def _record_of(self, names: Sequence[str], cells: Cells) -> Row:
        return {
            name: None if cell is None else convert(cell)
            for (name, convert), cell in zip(self._plan(tuple(names)), cells, strict=True)
        }

    def _plan(self, names: tuple[str, ...]) -> list[tuple[str, Convert]]:
        if names not in self._plans:
            properties = self.schema["properties"]
            self._plans[names] = [(name, self.convert[kind_of(properties[name])]) for name in names]
        return self._plans[names]

    @cached_property
    def _plans(self) -> dict[tuple[str, ...], list[tuple[str, Convert]]]:
        return {}

    def _rows(self, names: Sequence[str]) -> Iterator[Cells]:
        """Yield the rows of this run; ``_count`` is the number of the one that was yielded last."""
        execution, done = self._goes_on(names)
        if execution is None:
            execution = self._run(self.select(names, lower=self._lower_bound()))
        self._execution = execution
        for count, cells in enumerate(self.rows_of(execution, names, self.report), start=1):
            if count > done:
                self._count = count
                yield cells

    def _goes_on(self, names: Sequence[str]) -> tuple[Execution | None, int]:
        """Return the query of an interrupted run and how many of its rows were written, if its result is still there.

        A query of other columns, or with another condition, is of no use.
        """
        if self.span.last_key is None:
            return None, 0
        execution = self.kit.athena.find(str(self.span.last_key[0]), self.meter)
        if execution is None or execution.sql != self.select(names, lower=self.span.lower):
            return None, 0
        if self.config["read_results_from"] == "s3" and not self._is_there(execution):
            return None, 0
        return execution, int(self.span.last_key[1])

    def _is_there(self, execution: Execution) -> bool:
        with self.kit.make_store(self.report) as store:
            try:
                store.find(execution.location)[0].identify()
            except SkipStream:
                return False
        return True

    def _lower_bound(self) -> str | None:
        """Return from which moment on rows are read; those before the last row of an interrupted run were written."""
        if self.span.last_key is not None and self.span.last_key[2]:
            return max(str(self.span.last_key[2]), self.span.lower or "")
        return self.span.lower

    def _run(self, sql: str) -> Execution:
        execution = self.kit.athena.run(sql, self.meter)
        t.cast("AthenaReport", self.report).bytes_scanned += execution.bytes_scanned
        self.logger.info("%s: the query %s scanned %d bytes.", self.name, execution.id, execution.bytes_scanned)
        return execution

    def rows_of(self, execution: Execution, names: Sequence[str], report: StreamReport) -> Iterator[Cells]:
        """Yield the rows of a result, without its header; ``report`` counts the requests."""
        if self.config["read_results_from"] == "api":
            size = min(self.config.get("page_size") or LARGEST_PAGE, LARGEST_PAGE)
            yield from self._without_header(self.kit.athena.result_pages(execution.id, size, Meter(report)), names)
            return
        with self.kit.make_store(report) as store:
            (file,) = store.find(execution.location)
            with file.open() as raw:
                yield from self._without_header(read_file(raw), names)

    def _without_header(self, rows: Iterator[Cells], names: Sequence[str]) -> Iterator[Cells]:
        header, expected = next(rows, None), [self.sources[name] for name in names]
        if header != expected:
            raise SkipStream(f"The result of {self.name} has other columns than were asked for.", category="data")
        return rows

    def select(
        self, names: Sequence[str], *, lower: str | None = None, bounded: bool = True, unique: bool = True
    ) -> str:
        """Return a query.

        Args:
            names: Its columns.
            lower: From which moment on, inclusive.
            bounded: Whether it is limited to what this run covers.
            unique: Whether a key may come once only.
        """
        columns = ", ".join(quoted(self.sources[name]) for name in names)
        changed, keys = quoted(self.replication_key or ""), [quoted(self.sources[name]) for name in self.primary_keys]
        bounds = self._bounds(changed, lower) if bounded else []
        inner = self._partition(lower) if bounded else []
        if not (self.repeats and unique):
            source, conditions = quoted(self.table), [*inner, *bounds]
        else:
            # Which row is the last one is decided among all rows of a key, not among those of this run.
            extra = f", {changed}" if self.replication_key not in names else ""
            order = ", ".join(f"{column} DESC NULLS LAST" for column in (changed, *map(quoted, self.ties)))
            inner = [*(f"{key} <> ''" for key in keys), *inner]
            place = f'row_number() OVER (PARTITION BY {", ".join(keys)} ORDER BY {order}) AS "place"'
            source = f"(SELECT {columns}{extra}, {place} FROM {quoted(self.table)} WHERE {' AND '.join(inner)})"
            conditions = ['"place" = 1', *bounds]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order_by = f" ORDER BY {changed} NULLS LAST, {', '.join(keys)}" if bounded else ""
        return f"SELECT {columns} FROM {source}{where}{order_by}"

    def _bounds(self, changed: str, lower: str | None) -> list[str]:
        upper = self.span.upper
        parts = [f"{changed} >= timestamp '{literal(lower)}'"] if lower else []
        parts += [f"{changed} < timestamp '{literal(upper, up=True)}'"] if upper else []
        return [f"({' AND '.join(parts)} OR {changed} IS NULL)"] if parts else []

    def _partition(self, lower: str | None) -> list[str]:
        column, _, form = str(self.config["partitions"].get(self.name, "")).partition(":")
        if not column or not lower:
            return []
        return [f"{quoted(column)} >= '{parse_time(lower).strftime(form)}'"]


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(moment: str, *, up: bool = False) -> str:
    """Return a moment as Athena has it: UTC, milliseconds, no zone.

    Args:
        moment: The moment.
        up: Whether a part of a millisecond counts as one.
    """
    exact = parse_time(moment)
    if up and exact.microsecond % 1000:
        exact += timedelta(milliseconds=1)
    return exact.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def moment_of(cell: str) -> str | Unstorable | None:
    """Return the moment that Athena prints; without a zone it is UTC."""
    return datetime_from_json(ZONE.sub("", cell.strip()))


# Forms


class FormStream(AthenaStream):
    """Lead results: a row and the form in it."""

    derived = frozenset(forms.COLUMNS)
    needed = ("lead_results_raw",)

    @override
    def finish(self, record: Row) -> Iterator[Row]:
        raw, wanted = record["lead_results_raw"], self.selected_schema["properties"]
        answers = forms.parse(raw) if raw is None or isinstance(raw, str) else None
        if answers is None:
            record["lead_results_raw"] = Odd(raw, "no JSON array of titles and values")
        columns = forms.columns_of(answers or {})
        if self._children and answers is not None:
            # A moment of the row itself: it must be the same in every run.
            key, moment = record["estimate_id"], record.get("updated_at") or record.get("created_at")
            for child in self._children:
                child.follow(key, forms.items_of(answers), moment if isinstance(moment, str) else None)
        yield {name: columns[name] if name in columns else record[name] for name in wanted}

    @override
    def records_of(self, keys: Sequence[tuple[int | str, ...]]) -> Iterable[Row]:
        # Items may be asked for whose lead results are not.
        return filter(self.is_asked_for, self.get_records(None)) if self._children else super().records_of(keys)

    @cached_property
    def _children(self) -> list[LineItemStream]:
        found = [stream for stream in self.kit.streams.values() if isinstance(stream, LineItemStream)]
        return [stream for stream in found if stream.name in self.kit.reports]

    def all_forms(self, report: AthenaReport) -> Iterator[tuple[str, forms.Answers]]:
        """Yield the key and the answers of each lead result, for a stream that is read without this one."""
        names = ("estimate_id", "lead_results_raw")
        execution = self.kit.athena.run(self.select(names, bounded=False), Meter(report))
        report.bytes_scanned += execution.bytes_scanned
        for key, raw in self.rows_of(execution, names, report):
            answers = forms.parse(raw)
            if key and answers is not None:
                yield key, answers


class LineItemStream(KitStream):
    """The job types of lead results, read with them and written before them.

    A delta also tells which of the six numbers an estimate does not have: they are sent as deleted.
    """

    name: str
    parent: str
    table: str
    kit: TapSalesPro

    def __init__(self, tap: TapSalesPro) -> None:
        schema = load_schema(type(self), self.name)
        schema["properties"][DELETED_AT] = {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When the lead result changed that has this item no more.",
        }
        super().__init__(tap, name=self.name, schema=schema)
        self.primary_keys = list(self.primary_keys)
        self.endpoint = self.table
        self.sweeps = tap.config["deletions"] == "sweep"
        self._schema_sent = False
        self._sent = 0

    @override
    def make_report(self) -> AthenaReport:
        return AthenaReport(endpoint=self.endpoint)

    @override
    def source_clock(self) -> datetime:
        return self.kit.athena.clock(Meter(self.report))

    @override
    def position_after(self, last: Mapping[str, t.Any]) -> None:
        """Say that a read of the items alone starts again."""

    @property
    def _parent(self) -> FormStream:
        return t.cast("FormStream", self.kit.streams[self.parent])

    def follow(self, key: str, items: Mapping[int, Row], moment: str | None) -> None:
        """Write the items of a lead result."""
        self._begin()
        limit = self.config.get("max_records") or None
        gone = moment or self._parent.span.until
        is_delta = self._parent.span.lower is not None
        for record in self._records_of(key, items, gone if is_delta else None):
            if (limit is None or self._sent < limit) and self.is_asked_for(record):
                self._sent += self.send_one(record)

    def _begin(self) -> None:
        if "span" not in self.__dict__:
            self.span = self.kit.bookmarks[self.name].begin(self.source_clock())
            self._write_schema_message()

    def _records_of(self, key: str, items: Mapping[int, Row], gone: str | None) -> Iterator[Row]:
        names = self.selected_schema["properties"]
        for number in forms.NUMBERS:
            if number not in items and gone is None:
                continue
            record = {"estimate_id": key, "job_type_number": number, "job_type": None, "job_type_amount": None}
            record |= items.get(number, {DELETED_AT: gone})
            yield {name: record.get(name) for name in names}

    @override
    def get_records(self, context: Context | None) -> Iterator[Row]:
        """Yield the items of all lead results, if these are not read themselves."""
        for key, items in self._all_items():
            yield from self._records_of(key, items, None)

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        for key, items in self._all_items():
            for number in items:
                yield key, number

    def _all_items(self) -> Iterator[tuple[str, Mapping[int, Row]]]:
        for key, answers in self._parent.all_forms(t.cast("AthenaReport", self.report)):
            yield key, forms.items_of(answers)

    @override
    def _write_schema_message(self) -> None:
        if not self._schema_sent and not (self.keys_only and "span" not in self.__dict__):
            self._schema_sent = True
            super()._write_schema_message()

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> t.Generator[Row, t.Any, t.Any]:
        """Read the stream, unless that has happened with its parent."""
        read_with = self.kit.reports.get(self.parent) if self.ABORT_AT_RECORD_COUNT is None else None
        if read_with is None:
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        if read_with.status != "success":
            raise SkipStream(f"The stream {self.name} is incomplete, because {self.parent} was not read to its end.")
        self._begin()
        self._warn_of_odd_values()
        if self.sweeps and not self._parent.span.resumed and not narrowing(self.config):
            self._sweep()
        self.kit.bookmarks[self.name].complete()
        self.report.status = "success"
        self.kit.write_state(self.name)


# Files


class ExportStream(CsvStream):
    """A CSV export of SalesPro's object store: in S3 it is read with the same credentials as the tables."""

    kit: TapSalesPro
    # What is not ticked is exported as an empty cell.
    empty: t.ClassVar[Mapping[str, t.Any]] = {"boolean": False}

    @override
    def make_store(self) -> FileStore:
        return self.kit.make_store(self.report)


def with_email(cells: dict[str, str]) -> dict[str, str]:
    """Take the name of a user for the e-mail address, where that is empty and the name is one."""
    name = cells.get("username", "")
    return {**cells, "email": cells.get("email") or (name if "@" in name else "")}
