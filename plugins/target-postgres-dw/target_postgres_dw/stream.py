"""One stream of a run: its schema, the rows that wait, and what the tap said of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import MissingKeyPropertiesError
from sync_history.rejects import Reject
from sync_history.runs import Counts, last_metric

from target_postgres_dw.batches import BatchMerge
from target_postgres_dw.errors import InputError, StreamRefusedError, TooManyRejectsError
from target_postgres_dw.identifiers import identifier
from target_postgres_dw.key_sets import Sweep, Within
from target_postgres_dw.merge import Merge, MergeRules
from target_postgres_dw.rows import (
    DELETED_AT,
    InvalidSchemaError,
    KeyMissingError,
    NoRecordError,
    RecordRefusedError,
    RequiredMissingError,
    RowBuffer,
    RowEncoder,
    content_of,
)
from target_postgres_dw.tables import METADATA, Table, add_column, prepare, reflect, seed_shadow, shadow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from target_postgres_dw.batches import Batch
    from target_postgres_dw.merge import RefusedRow
    from target_postgres_dw.rows import Block
    from target_postgres_dw.settings import LoadSettings

logger = logging.getLogger("target-postgres-dw")

_WORTH_ANALYZING = 10_000


class StreamReport(msgspec.Struct, gc=False):
    """What the tap reports of a stream in ``sync_report.streams``. Rejects are counted there too; we count our own."""

    status: str = "running"
    error: str | None = None
    error_category: str | None = None
    endpoint: str | None = None
    started_at: str | None = None
    requests: int = 0
    retries: int = 0
    rate_limited_seconds: float = 0.0
    records_total: int | None = None
    bytes_scanned: int | None = None
    resumed: bool = False

    @property
    def metrics(self) -> dict[str, Any]:
        """The part that goes into ``performance_metrics``."""
        metrics = {
            "requests": self.requests,
            "retries": self.retries,
            "rate_limited_seconds": self.rate_limited_seconds,
            "records_total": self.records_total,
        }
        # What a source bills; most bill nothing.
        return metrics if self.bytes_scanned is None else metrics | {"bytes_scanned": self.bytes_scanned}


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """The row of ``orchestration.sync_history`` that stands for a stream of this run."""

    id: int
    crm_source: str
    sync_type: str
    bookmark_before: dict[str, Any] | None


@dataclass(slots=True)
class Loaded:
    """What one flush did for one stream."""

    counts: Counts = field(default_factory=Counts)
    rejects: list[Reject] = field(default_factory=list)


class Stream:
    """Takes the records of one stream and loads them, on the run's connection, when it is told to."""

    def __init__(self, name: str, row: HistoryRow, schema: str, settings: LoadSettings) -> None:
        self.name = name
        self.row = row
        self.report = StreamReport()
        self.bookmark_written: dict[str, Any] | None = None
        self.keeps_bookmark = False
        self.refused: str | None = None
        self.totals = Counts()
        self.rejected = 0
        self.replays = False
        self.refused_again: list[Reject] = []
        self._schema = schema
        self._settings = settings
        self._signature: object = None
        self._table: Table | None = None
        self._encoder: RowEncoder | None = None
        self._merge: Merge | None = None
        self._rules = MergeRules()
        self._batches: list[Batch] = []
        self._covered_batches = 0
        self._batch_merges: dict[tuple[int, tuple[str, ...]], BatchMerge] = {}
        # Whether rows and batches are tried straight in the table: it was empty, and all have gone so.
        self._direct = False
        self._buffer = RowBuffer()
        self._rejects: list[Reject] = []
        self._rejected_records = 0
        self._uncovered = False
        self._sweep = Sweep(settings.max_deleted_share)

    # -- messages -------------------------------------------------------------------------------------------------

    @property
    def has_schema(self) -> bool:
        """Tell whether a SCHEMA has come."""
        return self._encoder is not None or self.refused is not None

    @property
    def has_rows(self) -> bool:
        """Tell whether rows wait for the next flush."""
        return bool(len(self._buffer) or self._batches)

    @property
    def has_rejects(self) -> bool:
        """Tell whether rejects wait for the next flush."""
        return bool(self._rejects)

    def is_new_schema(self, schema: Mapping[str, Any], key: Sequence[str], replication_key: str | None) -> bool:
        """Tell whether a SCHEMA differs from the one in force."""
        return self._signature != (schema, tuple(key), replication_key)

    def set_schema(
        self,
        conn: Connection[TupleRow],
        schema: Mapping[str, Any],
        key: Sequence[str],
        replication_key: str | None,
        column_type: Callable[[dict[str, Any]], str],
    ) -> None:
        """Prepare the table for a schema. The rows of the former schema must have been loaded.

        Raises:
            InputError: if the schema is none.
            StreamRefusedError: if the table cannot hold the stream; the stream then takes nothing more.
        """
        try:
            encoder = RowEncoder(schema, key, column_type, validate=self._settings.validate, stream=self.name)
            make = shadow if self._settings.dry_run else prepare
            table = make(
                conn,
                self._schema,
                identifier(self.name),
                encoder,
                stream=self.name,
                metadata=self._settings.metadata,
            )
        except InvalidSchemaError as error:
            raise InputError(
                f"The SCHEMA of stream {self.name} is no JSON Schema at its property {error}. This is an error of the "
                "tap."
            ) from error
        except RecordRefusedError as error:
            self.refuse(f"Stream {self.name}: {error}.")
            raise StreamRefusedError(self.refused) from error
        except StreamRefusedError as error:
            self.refuse(str(error))
            raise
        columns = {column.source: column.name for column in encoder.columns}
        rules = MergeRules(
            replication_column=columns.get(replication_key) if replication_key else None,
            force=self._settings.force,
            hard_delete=self._settings.hard_delete,
            metadata=self._settings.metadata,
        )
        self._drop_merges()
        self._rules = rules
        self._signature = (schema, tuple(key), replication_key)
        self._encoder, self._table = encoder, table
        self._merge = Merge(conn, table, encoder, rules)
        row = conn.execute(f"SELECT EXISTS (SELECT FROM {table.sql})".encode()).fetchone()
        self._direct = row == (False,) and not self._settings.dry_run
        self._buffer = RowBuffer(numbers=not (self._direct and self._merge.can_be_direct))

    def decode_many(self, lines: bytes) -> list[tuple[Any, ...]] | None:
        """Return the rows of RECORDs, a line each, for ``add_many``; None if they must come to ``add`` one by one."""
        return self._encoder.decode_many(lines) if self.refused is None and self._encoder is not None else None

    def add_many(self, rows: Sequence[tuple[Any, ...]], size: int) -> None:
        """Take rows that came as ``size`` bytes."""
        self._buffer.add_many(rows, size)
        self._uncovered = True

    def add(self, record: msgspec.Raw, extracted_at: str | None, size: int) -> None:
        """Take a record. One that does not fit its schema becomes a reject.

        Raises:
            MissingKeyPropertiesError: if it lacks a property of its key.
            InputError: if it is no JSON object, or lacks another property that its schema requires.
        """
        if self.refused is not None or self._encoder is None:
            return
        try:
            row = self._encoder.decode(record)
        except RecordRefusedError as error:
            content = content_of(record)
            self.reject(
                Reject(self.row.sync_type, str(error), "record", self._encoder.key_of(content), content, error.field)
            )
            return
        except KeyMissingError as error:
            raise MissingKeyPropertiesError(
                f"A record of stream {self.name} has no {error}, which is part of its key. This is an error of the tap."
            ) from error
        except RequiredMissingError as error:
            raise InputError(
                f"A record of stream {self.name} has no {error}, which its schema requires. "
                "This is an error of the tap."
            ) from error
        except NoRecordError as error:
            raise InputError(
                f"A record of stream {self.name} is no JSON object. This is an error of the tap."
            ) from error
        self._buffer.add(row, extracted_at, size)
        self._uncovered = True

    def add_batch(self, batch: Batch) -> None:
        """Take a batch of rows.

        Raises:
            InputError: if its columns are not those of the schema, or the key is not among them.
        """
        if self.refused is not None or self._encoder is None or self._table is None:
            return
        known = {column.source for column in self._encoder.columns}
        columns = set(batch.columns)
        if len(columns) < len(batch.columns) or columns - known or set(self._encoder.key_properties) - columns:
            raise InputError(
                f"Stream {self.name}: the columns of a BATCH must be properties of its SCHEMA, each once, with those "
                "of the key. This is an error of the tap."
            )
        self._batches.append(batch)
        self._uncovered = True

    def take_batches(self, *, only_covered: bool) -> list[Batch]:
        """Return the batches that wait, or those that a STATE covers, for ``load_batches``."""
        number = self._covered_batches if only_covered else len(self._batches)
        batches, self._batches = self._batches[:number], self._batches[number:]
        self._covered_batches = 0
        return batches

    @property
    def waiting_batches(self) -> Sequence[Batch]:
        """The batches that wait."""
        return self._batches

    @property
    def loads_in_any_order(self) -> bool:
        """Tell whether batches of different keys may be loaded at once: not if the session has to keep something."""
        return self.refused is None and not self._settings.dry_run and self._sweep.version is None

    def reject(self, reject: Reject) -> None:
        """Take a record, or a value, that was refused here or by the tap."""
        self._rejects.append(reject)
        if reject.category == "record":
            self._rejected_records += 1

    def set_keys_schema(
        self, schema: Mapping[str, Any], key: Sequence[str], column_type: Callable[[dict[str, Any]], str]
    ) -> None:
        """Begin a sweep: the tap will now send all keys that the source holds.

        Raises:
            InputError: if the stream's own SCHEMA has not come, or its key is another one.
        """
        if self.refused is not None:
            return
        if self._encoder is None or tuple(key) != self._encoder.key_properties:
            raise InputError(
                f"Stream {self.name}: its key set must come after its SCHEMA and have the same key. This is an error "
                "of the tap."
            )
        within = Within.from_schema(schema, {column.source: column.name for column in self._encoder.columns})
        try:
            encoder = RowEncoder(schema, key, column_type)
        except (InvalidSchemaError, RecordRefusedError) as error:
            raise InputError(f"Stream {self.name}: the SCHEMA of its key set is unusable ({error}).") from error
        self._sweep.expect_keys(encoder, schema.get("x-max-deleted-share"), within)

    def add_key(self, record: msgspec.Raw) -> None:
        """Take one key of the set.

        Raises:
            InputError: if it does not fit its SCHEMA: a key that is not known would be taken for one that is gone.
        """
        try:
            self._sweep.add_key(record)
        except (RecordRefusedError, KeyMissingError, NoRecordError) as error:
            raise InputError(f"Stream {self.name}: a key of its key set is unusable ({error}).") from error

    def see_version(self, version: int) -> None:
        """Note that the next record carries a table version: its key is gathered, in case ACTIVATE_VERSION comes.

        A record of an older version than one seen before says nothing of what exists.
        """
        if self._settings.activate_version:
            self._sweep.see_version(version, self._buffer.next_number)

    def activate(self, version: int) -> None:
        """Take an ACTIVATE_VERSION: when the stream is complete, rows that it did not send are gone.

        After the records it is the tap's word that they are complete, as a STATE is.
        """
        if self._settings.activate_version:
            self._sweep.version = self._sweep.activated = version
            self._uncovered = False

    def mark(self) -> None:
        """Note that a STATE covers all rows that have come."""
        self._buffer.mark()
        self._covered_batches = len(self._batches)
        self._uncovered = False

    def refuse(self, reason: str) -> None:
        """Take no more records: the stream has failed."""
        self.refused = reason
        self._buffer = RowBuffer()
        self._batches = []
        self._sweep = Sweep(self._settings.max_deleted_share)

    # -- loading --------------------------------------------------------------------------------------------------

    def load(self, conn: Connection[TupleRow], *, uncovered: bool) -> Loaded:
        """Load the rows that wait, inside the caller's transaction.

        Without a key, only the rows that a STATE covers, unless ``uncovered``.

        Raises:
            TooManyRejectsError: if there are more rejects than allowed. The caller must roll back.
        """
        loaded = Loaded(Counts(failed=self._rejected_records), self._rejects)
        self._rejects, self._rejected_records = [], 0
        if self._encoder is not None and self._merge is not None and self._table is not None:
            blocks = self._buffer.take(only_marked=not self._encoder.key and not uncovered)
            rows = sum(block.rows for block in blocks)
            self._load_rows(conn, blocks, loaded, self.refusals_allowed(rows, loaded))
            batches = self.take_batches(only_covered=not self._encoder.key and not uncovered)
            self.prepare_batches(conn, batches)
            rows = sum(batch.rows for batch in batches)
            self._load_batches(conn, batches, loaded, self.refusals_allowed(rows, loaded))
            self._sweep.load(conn, self._table)
        self.account_for(loaded)
        return loaded

    def account_for(self, loaded: Loaded) -> None:
        """Add to the totals what was loaded.

        Raises:
            TooManyRejectsError: if there are more rejects than allowed. The caller must roll back.
        """
        self.totals += loaded.counts
        self.rejected += len(loaded.rejects)
        if self.replays:
            self.refused_again += loaded.rejects
        if self.rejected > self._allowed_rejects(0):
            raise TooManyRejectsError(
                f"Stream {self.name}: {self.rejected} rejects so far, more than max_rejects allows; the last reason: "
                f"{loaded.rejects[-1].reason if loaded.rejects else 'see orchestration.sync_reject'}. Nothing of the "
                "last batch was committed. Mend the cause, or raise max_rejects.",
                self.name,
                loaded.rejects[-100:],
            )

    def refusals_allowed(self, rows: int, loaded: Loaded | None = None) -> int:
        """Return how many of so many rows may be refused, beside those of ``loaded``."""
        loaded = loaded or Loaded()
        return max(self._allowed_rejects(rows + loaded.counts.failed) - self.rejected - len(loaded.rejects), 0)

    @property
    def has_only_rows(self) -> bool:
        """Tell whether rows are all that waits: no rejects, no batches, no keys, and a session that keeps nothing."""
        return (
            len(self._buffer) > 0
            and not self._rejects
            and not self._batches
            and not self._sweep.was_asked_for
            and self.loads_in_any_order
        )

    def take_rows(self) -> list[Block]:
        """Return the rows that wait, for ``load_rows``."""
        return self._buffer.take(only_marked=False)

    def load_rows(self, conn: Connection[TupleRow], blocks: list[Block], refusals_allowed: int) -> Loaded:
        """Load rows inside the caller's transaction; ``account_for`` must be told of it. May run beside the reading."""
        loaded = Loaded()
        self._load_rows(conn, blocks, loaded, refusals_allowed)
        return loaded

    def prepare_batches(self, conn: Connection[TupleRow], batches: Sequence[Batch]) -> None:
        """Make the staging tables that ``load_batches`` needs on a connection.

        Outside of the transaction that loads, if that may be rolled back without the end of the run.
        """
        for batch in batches:
            if (id(conn), batch.columns) not in self._batch_merges and self._table is not None and self._encoder:
                made = BatchMerge(conn, self._table, self._encoder, self._rules, batch.columns)
                self._batch_merges[id(conn), batch.columns] = made

    def load_batches(self, conn: Connection[TupleRow], batches: Sequence[Batch], refusals_allowed: int) -> Loaded:
        """Load batches inside the caller's transaction; ``account_for`` must be told of it.

        Safe beside the main thread, and beside a call on another connection.
        """
        loaded = Loaded()
        self._load_batches(conn, batches, loaded, refusals_allowed)
        return loaded

    def _load_batches(
        self, conn: Connection[TupleRow], batches: Sequence[Batch], loaded: Loaded, refusals_allowed: int
    ) -> None:
        for batch in batches:
            merge = self._batch_merges[id(conn), batch.columns]
            if self._direct and self.loads_in_any_order and merge.can_be_direct:
                if merge.copy_to_table(batch):
                    loaded.counts.created += batch.rows
                    continue
                self._direct = False
            counts, refused = merge.load(
                batch,
                refusals_allowed=max(refusals_allowed - len(loaded.rejects), 0),
                before_merge=partial(self._before_merge, conn, merge.merge),
            )
            self._take(counts, refused, merge.form.record_of, loaded)

    def _before_merge(self, conn: Connection[TupleRow], merge: Merge) -> None:
        self._sweep.see_rows(conn, merge.table, merge.stage)
        if self._settings.dry_run:
            seed_shadow(conn, self._schema, merge.table, merge.stage)

    def _take(
        self, counts: Counts, refused: list[RefusedRow], record_of: Callable[[bytes], dict[str, Any]], loaded: Loaded
    ) -> None:
        assert self._encoder is not None  # noqa: S101 -- rows come after a schema
        loaded.counts += counts
        for row in refused:
            record = record_of(row.line)
            loaded.rejects.append(
                Reject(self.row.sync_type, row.reason, "record", self._encoder.key_of(record), record, row.column)
            )

    def _load_rows(
        self, conn: Connection[TupleRow], blocks: list[Block], loaded: Loaded, refusals_allowed: int
    ) -> None:
        if not blocks or self._merge is None or self._encoder is None:
            return
        if self._direct and self.loads_in_any_order and not blocks[0].numbered:
            if self._merge.copy_to_table(blocks):
                loaded.counts.created += sum(block.rows for block in blocks)
                return
            self._direct = False
        blocks = [block.with_numbers() for block in blocks]
        counts, refused = self._merge.load(
            blocks, refusals_allowed=refusals_allowed, before_merge=partial(self._before_merge, conn, self._merge)
        )
        self._take(counts, refused, self._encoder.record_of, loaded)

    def _allowed_rejects(self, waiting: int) -> int:
        done = self.totals.created + self.totals.updated + self.totals.unchanged + self.totals.failed
        return self._settings.max_rejects.allowed(done + waiting)

    def sweep(self, conn: Connection[TupleRow]) -> int:
        """Delete the rows that are gone from the source; return how many.

        Only a complete, uninterrupted read may say so: a key set that the tap sent, or an ACTIVATE_VERSION
        with a version that was not active before.

        Raises:
            SweepRefusedError: if that is more than may go.
        """
        if self._table is None or not self._sweep.was_asked_for:
            return 0
        if self.report.resumed:
            logger.warning("%s was read in two parts: rows that are gone will be found by the next sweep.", self.name)
            return 0
        if self._sweep.by_version and not self._may_activate(conn):
            return 0
        table: Table | None = self._table
        if self._settings.dry_run:
            table = reflect(conn, self._schema, self._table.name)
        elif not self._settings.hard_delete:
            add_column(conn, self._table, DELETED_AT, METADATA[DELETED_AT])
        if table is None:
            return 0
        deleted = self._sweep.apply(
            table, stream=self.name, hard_delete=self._settings.hard_delete, dry_run=self._settings.dry_run
        )
        self.totals.deleted += deleted
        return deleted

    @property
    def metrics(self) -> dict[str, Any]:
        """What the history row says of the run's performance."""
        version = self._sweep.version
        return self.report.metrics | ({} if version is None else {"table_version": version})

    def _may_activate(self, conn: Connection[TupleRow]) -> bool:
        """Tell whether ACTIVATE_VERSION can be believed.

        Taps that read by delta send the version of their first run again and again: nothing is gone then. The keys
        of refused records are not known; and a tap without reports that ends before a STATE covers its last record
        may have been killed.
        """
        last = last_metric(conn, self.row.crm_source, self.row.sync_type, "table_version")
        if last is not None and int(last) == self._sweep.activated:
            return False
        if self.rejected or self._uncovered:
            logger.warning(
                "%s: ACTIVATE_VERSION was not applied, because %s.",
                self.name,
                "records were refused" if self.rejected else "no STATE came after the last record",
            )
            return False
        return True

    def drop_temporary_tables(self) -> None:
        """Give back what the stream holds in the session, once it is closed."""
        self._drop_merges()
        self._sweep.drop()

    def analyze(self, conn: Connection[TupleRow]) -> None:
        """Let Postgres count the table anew if this run has made most of it: what it knows is of an empty table."""
        if self._table is None or self._settings.dry_run or self.totals.created < _WORTH_ANALYZING:
            return
        row = conn.execute("SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)", (self._table.sql,)).fetchone()
        if row is not None and row[0] < self.totals.created:
            # Postgres' own vacuum may be at it, and counts, too: to wait for it would be to wait for nothing.
            conn.execute(f"ANALYZE (SKIP_LOCKED) {self._table.sql}".encode())

    def _drop_merges(self) -> None:
        if self._merge is not None:
            self._merge.drop()
            self._merge = None
        for batch_merge in self._batch_merges.values():
            batch_merge.drop()
        self._batch_merges = {}
