"""One run of the loader: its locks, its history rows, and the transactions that move both with the data."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from singer_sdk.exceptions import FatalSyncError
from sync_history import bookmarks, rejects, runs, schema
from sync_history.names import crm_source_of, sync_type_of
from sync_history.runs import Counts

from target_postgres_dw.batches import BatchFiles
from target_postgres_dw.errors import (
    InputError,
    LoaderError,
    OutputClosedError,
    RunRefusedError,
    StreamRefusedError,
    TooManyRejectsError,
)
from target_postgres_dw.identifiers import identifier
from target_postgres_dw.key_sets import SweepRefusedError
from target_postgres_dw.lanes import LANES, TROUBLE_OF_TWO, Lanes
from target_postgres_dw.merge import reason_of
from target_postgres_dw.stream import HistoryRow, Stream, StreamReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from target_postgres_dw.batches import Batch
    from target_postgres_dw.lanes import Load
    from target_postgres_dw.settings import LoadSettings
    from target_postgres_dw.stream import Loaded

logger = logging.getLogger("target-postgres-dw")

_LOCK_RETRY_SECONDS = 0.2
_SECONDS_TO_CLOSE = 0.5
# A tap may take so long from being given its state to its header.
_SECONDS_TO_START = 60
# A tap goes on as long as fewer than four of its files wait: so many are loaded without waiting for more.
_MOST_BATCHES = 3
# Fewer rows than this are not worth a transaction of their own.
_LARGE_BATCH = 10_000
# The clock is looked at after so many records.
_ROWS_TO_LOOK = 64
_SENTENCES = (LoaderError, runs.LostRunError, schema.SchemaTooNewError, FatalSyncError)
_NO_REPORT = "The tap ended before it reported this stream complete (killed, or it crashed; its log says why)."


class Run:
    """Loads the streams of one tap, from its header to the end of its output.

    ``sync_run_id`` names it in the history and in the STATEs that it prints. ``open_another`` opens a second
    connection, for batches; ``wake`` is called, from another thread, when ``commit_ready`` has something to do.
    """

    def __init__(
        self,
        conn: Connection[TupleRow],
        settings: LoadSettings,
        sync_run_id: str,
        open_another: Callable[[], Connection[TupleRow]],
        wake: Callable[[], None],
    ) -> None:
        self.connection = conn
        self._lanes = Lanes(conn, open_another, wake)
        self._files = BatchFiles()
        self._waiting_batches: list[tuple[Stream, Batch]] = []
        self._settings = settings
        self._run_id = sync_run_id
        self._streams: dict[str, Stream] = {}
        self._open: dict[str, Stream] = {}
        self._to_close: dict[str, StreamReport] = {}
        self._started_at = datetime.now(UTC)
        self._configuration: dict[str, Any] = {}
        # Rejects that the records of this run answer, by stream.
        self._replays: dict[str, list[int]] = {}
        self._overtaken: set[str] = set()
        self._schema = identifier(settings.default_schema)
        self._state: dict[str, Any] | None = None
        self._printed: str | None = None
        self._bookmarks: dict[str, dict[str, Any]] = {}
        self._last_flush = time.monotonic()
        self._waiting_rows = self._waiting_bytes = 0
        # What became of the streams that have ended, by status.
        self._ended: Counter[str] = Counter()
        self.crm_source = ""
        self.has_header = False
        self.failures: list[str] = []
        with conn.transaction():
            schema.migrate(conn)

    # -- opening --------------------------------------------------------------------------------------------------

    def open(self, header: Mapping[str, Any]) -> None:
        """Begin the run that a tap's header announces: lock all its streams, write their ``running`` rows.

        Raises:
            RunRefusedError: if another run holds one of them. The refusal stands in the history.
        """
        self.has_header = True
        self.crm_source = self._schema = crm_source_of(str(header["crm_source"]))
        self._configuration = dict(header.get("configuration") or {})
        self._replays = {str(name): list(ids) for name, ids in (header.get("replays") or {}).items()}
        if started_at := header.get("started_at"):
            self._started_at = datetime.fromisoformat(started_at)
        self._open_streams([str(name) for name in header.get("streams") or []])
        for name in self._replays.keys() & self._open.keys():
            self._open[name].replays = True

    def keep_edits(self, incoming: Mapping[str, Any]) -> None:
        """Keep the bookmarks that were edited after the tap had been given its state.

        ``incoming`` are the bookmarks of the header. A tap without one for a stream reads it in full, and may set it.
        """
        for name, stream in self._open.items():
            if incoming.get(name) and incoming[name] != (stream.row.bookmark_before or {}):
                stream.keeps_bookmark = True
                logger.warning(
                    "%s %s: the bookmark was changed after the tap had been started with another one, so this run "
                    "leaves it alone.",
                    self.crm_source,
                    name,
                )
        self._overtaken = self._find_overtaken(incoming)

    def _find_overtaken(self, incoming: Mapping[str, Any]) -> set[str]:
        """Return the streams that another run has moved on since the tap was given its state.

        A tap without a bookmark may have been told to read all again: another run at that time tells the two apart.
        """
        stored = {name: stream for name, stream in self._open.items() if stream.row.bookmark_before}
        overtaken = {
            name for name, stream in stored.items() if incoming.get(name) not in ({}, None, stream.row.bookmark_before)
        }
        if unknown := {name for name in stored if not incoming.get(name)}:
            active = runs.recently_active(self.connection, self.crm_source, within_seconds=_SECONDS_TO_START)
            overtaken |= {name for name in unknown if stored[name].row.sync_type in active}
        return overtaken

    def check_key(self, name: str, key: Sequence[str]) -> None:
        """Refuse rows without a key that another run may have loaded after the tap had been given its state.

        Raises:
            RunRefusedError: if so; rows with a key would only be found unchanged.
        """
        if not key and name in self._overtaken:
            raise RunRefusedError(
                f"{self.crm_source} {name}: another run loaded rows after this tap had been given its bookmark. The "
                "stream has no key, so they would be loaded twice. Start the run again, in a minute."
            )

    def stream(self, name: str) -> Stream | None:
        """Return a stream that can still take records, or None if no SCHEMA or header named it.

        Raises:
            InputError: if the tap has reported the stream complete.
        """
        if name in self._to_close or (name in self._streams and name not in self._open):
            raise InputError(f"Stream {name} goes on after its final report. This is an error of the tap.")
        return self._open.get(name)

    def announce(self, name: str) -> Stream:
        """Return a stream that a SCHEMA names; a tap without a header opens its streams one by one."""
        stream = self.stream(name)
        if stream is None:
            if not self.crm_source:
                self.crm_source = crm_source_of(self._settings.default_schema)
            self._open_streams([name])
            stream = self._open[name]
        return stream

    def _open_streams(self, names: list[str]) -> None:
        sync_types = {name: sync_type_of(name) for name in names}
        self._check_names(sync_types)
        configuration = dict(self._configuration)
        for flag in ("dry_run", "force"):
            if getattr(self._settings, flag):
                configuration[flag] = True
        if schedule := os.environ.get("CRM_SCHEDULE"):
            configuration["schedule"] = schedule
        # What `crm` has to say of a run that is part of something longer, such as a backfill.
        configuration |= json.loads(os.environ.get("CRM_RUN_CONFIGURATION") or "{}")
        self._take_locks(sync_types.values())
        with self.connection.transaction():
            for stale in runs.close_stale_runs(self.connection, own=[stream.row.id for stream in self._open.values()]):
                logger.warning(
                    "Closed the run %s of %s %s: its process is gone.", stale.run_id, stale.crm_source, stale.sync_type
                )
            current = bookmarks.current_bookmarks(self.connection, self.crm_source)
            for name, sync_type in sync_types.items():
                history_id = runs.open_run(
                    self.connection,
                    run_id=self._run_id,
                    crm_source=self.crm_source,
                    sync_type=sync_type,
                    started_at=self._started_at,
                    configuration=configuration,
                    bookmark_before=current.get(sync_type),
                )
                row = HistoryRow(history_id, self.crm_source, sync_type, current.get(sync_type))
                self._streams[name] = self._open[name] = Stream(name, row, self._schema, self._settings)

    def _check_names(self, sync_types: Mapping[str, str]) -> None:
        """Refuse two streams that would share a table or a bookmark.

        Raises:
            InputError: naming both.
        """
        taken = {sync_type_of(name): name for name in self._streams} | {
            identifier(name): name for name in self._streams
        }
        for name, sync_type in sync_types.items():
            for place in (sync_type, identifier(name)):
                other = taken.setdefault(place, name)
                if other != name:
                    raise InputError(
                        f"The streams {other} and {name} would share the table and the bookmark {place!r}. Rename one "
                        "of them in the tap, or deselect it."
                    )

    def _take_locks(self, sync_types: Iterable[str]) -> None:
        """Lock every stream, or refuse the run; wait a little, for a run that was just killed."""
        sync_types = list(sync_types)
        deadline = time.monotonic() + self._settings.lock_wait_seconds
        while held := runs.take_locks(self.connection, self.crm_source, sync_types):
            if time.monotonic() < deadline:
                time.sleep(_LOCK_RETRY_SECONDS)
                continue
            holder = runs.running_run(self.connection, self.crm_source, held)
            who = f"run {holder['run_id']}, since {holder['start_time']:%Y-%m-%d %H:%M:%S} UTC" if holder else "a run"
            sentence = (
                f"{self.crm_source} {held} is being loaded by another run ({who}), so this run was refused and has "
                "changed nothing. Wait for the other to end; `crm status` shows it."
            )
            runs.record_failure(
                self.connection,
                run_id=self._run_id,
                crm_source=self.crm_source,
                streams=sync_types,
                error_message=sentence,
                error_category=RunRefusedError.category,
                started_at=self._started_at,
                configuration=self._configuration,
            )
            raise RunRefusedError(sentence)

    # -- while it runs --------------------------------------------------------------------------------------------

    def take_state(self, value: dict[str, Any]) -> None:
        """Take a STATE: everything before it is covered by it once both are committed."""
        report = value.pop("sync_report", None) or {}
        for name, fields in (report.get("streams") or {}).items():
            if stream := self._open.get(name):
                self._take_report(stream, fields)
        self._state = value
        told = value.get("bookmarks")
        self._bookmarks = {
            name: bookmark
            for name, bookmark in (told.items() if isinstance(told, dict) else ())
            if isinstance(bookmark, dict)
        }
        for stream in self._open.values():
            stream.mark()

    def _take_report(self, stream: Stream, fields: Mapping[str, Any]) -> None:
        known = StreamReport.__struct_fields__
        stream.report = StreamReport(**{key: value for key, value in fields.items() if key in known})
        if stream.report.status != "running":
            self._to_close[stream.name] = stream.report

    def count(self, rows: int, size: int) -> bool:
        """Count records of so many bytes towards the next flush; tell now and then that it is time to look."""
        before, self._waiting_rows = self._waiting_rows, self._waiting_rows + rows
        self._waiting_bytes += size
        return (
            before // _ROWS_TO_LOOK != self._waiting_rows // _ROWS_TO_LOOK
            or self._waiting_rows >= self._settings.batch_size_rows
            or self._waiting_bytes >= self._settings.batch_size_bytes
        )

    def take_batch(self, stream: Stream, batch: Batch) -> None:
        """Take a BATCH: it is loaded by ``load_batches``, or with the next flush."""
        self._files.guard(batch)
        if self._lanes.under_way and not self._lanes.under_way[-1].batches:
            self.settle()
        if self._lanes.under_way and self._lanes.under_way[-1].stream is not stream:
            self.settle()
        if self._is_for_a_lane(stream, batch) and (self._waiting_rows or self._to_close):
            self.flush()
        stream.add_batch(batch)
        self._waiting_batches.append((stream, batch))

    def load_batches(self) -> None:
        """Load the batches that a STATE covers now, or let few of them wait for the next flush."""
        waiting = self._waiting_batches
        if not waiting:
            return
        stream = waiting[0][0]
        alone = not (self._waiting_rows or self._to_close) and all(
            other is stream and self._is_for_a_lane(stream, batch) for other, batch in waiting
        )
        if alone:
            self._start_load(stream)
        elif len(waiting) >= _MOST_BATCHES or sum(batch.rows for _, batch in waiting) >= _LARGE_BATCH:
            self.flush()

    def _is_for_a_lane(self, stream: Stream, batch: Batch) -> bool:
        return (
            self._settings.load_connections == LANES
            and batch.disjoint
            and batch.rows >= _LARGE_BATCH
            and stream.loads_in_any_order
        )

    def _start_load(self, stream: Stream) -> None:
        """Start to load the waiting batches of a stream, and let go of the oldest load if there is no room."""
        self._waiting_batches = []
        if self._lanes.under_way:
            self._lanes.widen()
        while self._lanes.are_full:
            self._commit_oldest()
        batches, state = stream.take_batches(only_covered=False), self._state
        self._state = None
        self._lanes.start_batches(stream, batches, state, self._bookmarks)

    def commit_ready(self) -> None:
        """Commit the loads that are done, the oldest first, without waiting for any."""
        while self._lanes.oldest_is_done:
            self._commit_oldest()

    def settle(self) -> None:
        """Wait for all loads that are under way, and commit them."""
        while self._lanes.under_way:
            self._commit_oldest()

    def _commit_oldest(self) -> None:
        load = self._lanes.under_way[0]
        try:
            try:
                loaded = load.future.result()
            except TROUBLE_OF_TWO:
                if len(self._lanes.under_way) == 1:
                    raise
                self._load_one_by_one()
                return
            self._finish_load(load, loaded, load.connection)
            load.connection.execute("COMMIT")
        except BaseException as error:
            self._lanes.abandon()
            if isinstance(error, TooManyRejectsError):
                self._keep_samples(error)
            raise
        self._lanes.under_way.popleft()
        self._conclude(load)

    def _load_one_by_one(self) -> None:
        """Begin the loads that are under way anew, one after the other, and go on like that."""
        logger.info("Two connections wait for each other; the rest is loaded over one.")
        self._lanes.narrow()
        for load in self._lanes.abandon():
            load.stream.prepare_batches(self.connection, load.batches)
            try:
                with self.connection.transaction():
                    allowed = load.stream.refusals_allowed(sum(batch.rows for batch in load.batches))
                    loaded = load.stream.load_batches(self.connection, load.batches, allowed)
                    self._finish_load(load, loaded, self.connection)
            except TooManyRejectsError as error:
                self._keep_samples(error)
                raise
            self._conclude(load)

    def _finish_load(self, load: Load, loaded: Loaded, connection: Connection[TupleRow]) -> None:
        """Write the history of a load into its transaction, which stands before its COMMIT."""
        load.stream.account_for(loaded)
        bookmark = self._bookmark_of(load.stream, load.bookmarks)
        self._record(load.stream, loaded, bookmark, connection)
        others = [stream.row.id for stream in self._open.values() if stream is not load.stream]
        runs.beat(connection, others)

    def _conclude(self, load: Load) -> None:
        for batch in load.batches:
            self._files.remove(batch)
        self._last_flush = time.monotonic()
        self._print_state(load.state)

    def is_full(self, slack: float = 1.0) -> bool:
        """Tell whether the records that wait are more than their number or size may be, times ``slack``."""
        return (
            self._waiting_rows >= self._settings.batch_size_rows * slack
            or self._waiting_bytes >= self._settings.batch_size_bytes * slack
        )

    def is_due(self, slack: float = 1.0) -> bool:
        """Tell whether it is time for a flush, by number, size or age of what waits, each times ``slack``."""
        age = time.monotonic() - self._last_flush
        # The end of a stream is worth showing soon, but thirty small streams in a second are worth one flush.
        patience = (
            min(self._settings.flush_seconds, _SECONDS_TO_CLOSE) if self._to_close else self._settings.flush_seconds
        )
        return self.is_full(slack) or age >= patience * slack

    def flush(self, *, uncovered: bool = False) -> None:
        """Commit what waits: rows, counts, rejects, heartbeats and bookmarks in one transaction; then print the STATE.

        Rows of streams without a key wait for the STATE that covers them, unless ``uncovered``: committed before
        it, they would be loaded a second time after a crash.

        Raises:
            TooManyRejectsError: nothing of the flush was committed then, but a sample of the rejects.
            LostRunError: another process has closed a row of this run; nothing was committed.
        """
        self.settle()
        closing = dict(self._to_close)
        try:
            with self.connection.transaction():
                statuses = {
                    name: self._load(stream, closing.get(name), uncovered=uncovered)
                    for name, stream in self._open.items()
                }
                self._beat(stream for name, stream in self._open.items() if name not in closing)
        except TooManyRejectsError as error:
            self._keep_samples(error)
            raise
        for stream, batch in self._waiting_batches:
            if batch not in stream.waiting_batches:
                self._files.remove(batch)
        self._waiting_batches = [(s, batch) for s, batch in self._waiting_batches if batch in s.waiting_batches]
        for name in closing:
            stream = self._open.pop(name)
            stream.drop_temporary_tables()
            self._ended[statuses[name]] += 1
            stream.analyze(self.connection)
            logger.info(
                "Completed %s %s sync: %d created, %d updated, %d failed (%s; %d unchanged, %d deleted)",
                self.crm_source,
                name,
                stream.totals.created,
                stream.totals.updated,
                stream.totals.failed,
                statuses[name],
                stream.totals.unchanged,
                stream.totals.deleted,
            )
        self._to_close = {}
        self._last_flush = time.monotonic()
        self._waiting_rows = self._waiting_bytes = 0
        state, self._state = self._state, None
        self._print_state(state)

    def flush_beside(self) -> None:
        """Flush what a STATE covers now, and let the reading go on meanwhile if one stream's rows are all there is."""
        self.settle()
        waiting = [stream for stream in self._open.values() if stream.has_rows or stream.has_rejects]
        if self._to_close or self._waiting_batches or len(waiting) != 1 or not waiting[0].has_only_rows:
            self.flush()
            return
        state, self._state = self._state, None
        self._waiting_rows = self._waiting_bytes = 0
        self._last_flush = time.monotonic()
        self._lanes.start_rows(waiting[0], state, self._bookmarks)

    def _load(self, stream: Stream, report: StreamReport | None, *, uncovered: bool) -> str:
        """Load one stream inside the flush's transaction; close its row if there is a final report.

        Returns the status that its row has then.
        """
        loaded = stream.load(
            self.connection, uncovered=uncovered or (report is not None and report.status == "success")
        )
        error = category = None
        if stream.refused is not None:
            error, category = stream.refused, StreamRefusedError.category
        elif report is not None and report.status == "failed":
            error, category = report.error or "The tap gave no reason.", report.error_category
        elif report is not None:
            try:
                with self.connection.transaction():
                    loaded.counts.deleted += stream.sweep(self.connection)
            except SweepRefusedError as refusal:
                error, category = str(refusal), refusal.category
                self.failures.append(error)
        bookmark = self._bookmark_of(stream, self._bookmarks)
        if loaded.counts or loaded.rejects or bookmark is not None or report is not None:
            self._record(stream, loaded, bookmark, self.connection)
        if report is None:
            return "running"
        if error is None and stream.name in self._replays and not self._settings.dry_run:
            rejects.resolve(
                self.connection,
                self._replays[stream.name],
                f"replayed by run {self._run_id}",
                unless_refused_again=stream.refused_again,
            )
        return runs.close_run(self.connection, stream.row.id, error=error, category=category)

    def _record(
        self, stream: Stream, loaded: Loaded, bookmark: dict[str, Any] | None, connection: Connection[TupleRow]
    ) -> None:
        runs.record_progress(
            connection,
            stream.row.id,
            counts=loaded.counts,
            bookmark=bookmark,
            metrics=stream.metrics,
            endpoint=stream.report.endpoint,
            started_at=stream.report.started_at,
        )
        if bookmark is not None:
            stream.bookmark_written = bookmark
        if loaded.rejects and not self._settings.dry_run:
            rejects.store(connection, history_id=stream.row.id, crm_source=self.crm_source, rejects=loaded.rejects)

    def _bookmark_of(self, stream: Stream, bookmarks_now: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
        """Return the bookmark to write now, or None if the STATE holds nothing new for the stream."""
        if self._settings.dry_run or stream.refused is not None or stream.keeps_bookmark:
            return None
        incoming = bookmarks_now.get(stream.name)
        if incoming is None:
            return None
        bookmark = bookmarks.advance(stream.row.bookmark_before, incoming)
        return None if bookmark == stream.bookmark_written else bookmark

    def _beat(self, streams: Iterable[Stream]) -> None:
        runs.beat(self.connection, [stream.row.id for stream in streams])

    def _keep_samples(self, error: TooManyRejectsError) -> None:
        """Store some of the rejects of a flush that was rolled back because of them."""
        if self._settings.dry_run:
            return
        history_id = self._streams[error.stream].row.id
        with self.connection.transaction():
            rejects.store(self.connection, history_id=history_id, crm_source=self.crm_source, rejects=error.samples)

    def _print_state(self, state: dict[str, Any] | None) -> None:
        """Print a STATE that is committed now, unless it says no more than the last one.

        Dry runs print none: nothing was committed.
        """
        if state is None or self._settings.dry_run:
            return
        refused = [stream for stream in self._streams.values() if stream.refused is not None]
        if refused and isinstance(state.get("bookmarks"), dict):
            kept = {stream.name: stream.bookmark_written or stream.row.bookmark_before for stream in refused}
            state["bookmarks"] = {
                name: bookmark for name, bookmark in ({**state["bookmarks"], **kept}).items() if bookmark is not None
            }
        line = json.dumps({**state, "sync_run_id": self._run_id})
        if line == self._printed:
            return
        self._printed = line
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes it again
            if isinstance(error, BrokenPipeError):
                reason = "Nobody reads the loader's output any more (Meltano has ended?)"
            else:
                reason = f"The loader's output cannot be written ({error.strerror})"
            raise OutputClosedError(
                f"{reason}, so the run ends here. What was committed stands; the next run goes on from there."
            ) from error

    # -- ending ---------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """End the run at the end of the input.

        A stream without a final report has failed, unless the tap sends no reports at all.
        """
        for name, stream in self._open.items():
            if name in self._to_close:
                continue
            if self.has_header:
                report = StreamReport(status="failed", error=_NO_REPORT, error_category="interrupted")
                self.failures.append(f"{self.crm_source} {name}: {_NO_REPORT}")
            else:
                report = StreamReport(status="success")
            report.endpoint, report.resumed = stream.report.endpoint, stream.report.resumed
            self._to_close[name] = report
        self.flush()

    def interrupt(self, signal_name: str) -> None:
        """End the run early: commit what waits, and close its streams as failed."""
        error = f"Interrupted by {signal_name}. What was committed stands; the next run goes on from there."
        for name in self._open:
            self._to_close.setdefault(name, StreamReport(status="failed", error=error, error_category="interrupted"))
        self.flush()

    def fail(self, error: Exception) -> None:
        """Close the streams still open as failed. Does nothing if Postgres is out of reach: the next run will do it."""
        sentence = explain(error)
        if isinstance(error, InputError | FatalSyncError):
            # What is under way came before the bad line, and a STATE covers it.
            with suppress(Exception):
                self.settle()
        self._lanes.abandon()
        # The SDK's errors tell of input that is not Singer, as ours do.
        known = {psycopg.Error: "warehouse", FatalSyncError: InputError.category}
        otherwise = next((name for kind, name in known.items() if isinstance(error, kind)), "internal")
        category = getattr(error, "category", otherwise)
        try:
            with self.connection.transaction():
                for stream in self._open.values():
                    runs.close_run(self.connection, stream.row.id, error=sentence, category=category)
        except (psycopg.Error, runs.LostRunError) as trouble:
            logger.warning("The history could not be told of the failure (%s).", type(trouble).__name__)

    def summarize(self) -> None:
        """Say in one line what became of the run; what is still open then has failed."""
        totals = Counts()
        for stream in self._streams.values():
            totals += stream.totals
        ended = self._ended + Counter(failed=len(self._open))
        logger.info(
            "Finished %s run %s: %s; %d created, %d updated, %d unchanged, %d failed, %d deleted in %.1f s",
            self.crm_source or self._schema,
            self._run_id,
            ", ".join(f"{ended[status]} {status}" for status in ("success", "partial", "failed") if ended[status])
            or "no stream",
            totals.created,
            totals.updated,
            totals.unchanged,
            totals.failed,
            totals.deleted,
            (datetime.now(UTC) - self._started_at).total_seconds(),
        )

    def close(self) -> None:
        """Give back the connections, the locks and the files of the batches."""
        self._lanes.close()
        self._files.close()
        # A run that begins now would find them held until Postgres has noticed the end of the connection.
        with suppress(psycopg.Error):
            self.connection.execute("SELECT pg_advisory_unlock_all()")
        self.connection.close()


def explain(error: Exception) -> str:
    """Say what went wrong, for the history and the log. Never the values of a record."""
    if isinstance(error, _SENTENCES):
        return str(error)
    if isinstance(error, psycopg.errors.DataError | psycopg.errors.IntegrityError):
        return f"Postgres stopped the run: {reason_of(error)}. The last committed bookmark stands."
    if isinstance(error, psycopg.Error):
        reason = error.diag.message_primary or str(error).strip().partition("\n")[0] or type(error).__name__
        return f"Postgres stopped the run: {reason}. The last committed bookmark stands; start the run again."
    return f"An error of the loader itself ({type(error).__name__}): its log says where."
