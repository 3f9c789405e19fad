"""Compares the keys of a source with those of the warehouse, and repairs what differs.

The tap sends the keys and times of change of its streams (its setting ``keys_only``); they are copied into a table of
the session, and the database compares. What is read again comes through the ordinary pipeline, by ``only_keys``.

Both sides move while they are compared. A record that changed at or after the bookmark is the next run's, and a row
that was loaded after the read began may be newer than what the read has seen: neither is a difference.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import psycopg
from psycopg import sql
from sync_history import runs

from crm_cli.author import author
from crm_cli.discovery import messages
from crm_cli.errors import CrmError
from crm_cli.pipeline import CONFIGURATION_VARIABLE, Request, run_pipeline
from crm_cli.project import variable
from crm_cli.rundir import run_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from crm_cli.pipeline import Outcome, Watcher
    from crm_cli.project import Project
    from crm_cli.sources import Source
    from crm_cli.warehouse import Warehouse

Kind = Literal["missing", "extra", "changed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DELETED_AT, BATCHED_AT = "_sdc_deleted_at", "_sdc_batched_at"


@dataclass(frozen=True, slots=True)
class Side:
    """What one side has: live rows, a checksum of their keys, and the latest time of change."""

    count: int = 0
    checksum: str = ""
    latest: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing one stream.

    Attributes:
        stream: Its name.
        source: What the source has.
        warehouse: What the warehouse has.
        counts: How many keys are missing here, extra here, or have another time of change here.
        waiting: How many differ because they changed since the bookmark: the next run brings them.
        rejected: How many of the missing ones wait as rejects.
        within: The stretch of time that was compared; None for all there is.
        finds_extra: Whether the source shows all it has, so that extra keys can be told.
        error: Why it could not be compared, as a sentence; the rest says nothing then.
    """

    stream: str
    source: Side = Side()
    warehouse: Side = Side()
    counts: Mapping[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    waiting: int = 0
    rejected: int = 0
    within: Mapping[str, str] | None = None
    finds_extra: bool = True
    error: str | None = None

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.error is None and not any(self.counts.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that differs, and its time of change on both sides."""

    key: dict[str, Any]
    source: str | None
    warehouse: str | None


@dataclass(frozen=True, slots=True)
class _Declared:
    """What a SCHEMA of keys says."""

    key: tuple[str, ...]
    changed: tuple[str, ...]
    are_all: bool
    within: Mapping[str, str] | None


class Reconciliation:
    """Compares streams of one source over one connection to the warehouse, whose session holds the tables for it."""

    def __init__(self, conn: Connection[TupleRow], source: Source) -> None:
        self._conn = conn
        self._source = source
        self._declared: dict[str, _Declared] = {}
        self._errors: dict[str, str] = {}
        self._started: datetime | None = None
        conn.execute("SET TIME ZONE 'UTC'")

    def read(self, project: Project, streams: Sequence[str], variables: Mapping[str, str]) -> None:
        """Read the keys of some streams from the source; a stream that fails is told by its comparison.

        Raises:
            CrmError: if the tap cannot start.
        """
        self._declared, self._errors = {}, dict.fromkeys(streams, "The tap did not read it: is it selected?")
        self._conn.execute("DROP TABLE IF EXISTS pg_temp.source_keys")
        self._conn.execute(
            "CREATE TEMP TABLE source_keys (stream text, key jsonb, changed text, moment text, deleted boolean)"
        )
        row = self._conn.execute("SELECT clock_timestamp()").fetchone()
        self._started = row[0] if row else None
        wanted = {variable(self._source.tap, "keys_only"): "true", **variables}
        with self._conn.cursor() as cursor, cursor.copy("COPY pg_temp.source_keys FROM STDIN") as copy:
            for line in messages(project, self._source, streams, wanted):
                message = json.loads(line)
                if message["type"] == "RECORD" and message["stream"].removesuffix("_keys") in self._declared:
                    copy.write_row(self._row(message["stream"].removesuffix("_keys"), message["record"]))
                elif message["type"] == "SCHEMA":
                    self._take_schema(message)
                elif message["type"] == "STATE":
                    self._take_reports(message["value"].get("sync_report") or {})

    def _take_schema(self, message: Mapping[str, Any]) -> None:
        schema = message["schema"]
        if schema.get("x-keys-only"):
            self._declared[schema["x-sweep-of"]] = _Declared(
                tuple(message["key_properties"]),
                tuple(schema["x-changed"]),
                schema["x-all-keys"],
                schema.get("x-sweep-within"),
            )

    def _take_reports(self, report: Mapping[str, Any]) -> None:
        for name, told in (report.get("streams") or {}).items():
            if told["status"] == "success":
                self._errors.pop(name, None)
            elif name in self._errors:
                self._errors[name] = told.get("error") or "The tap ended before the stream was read to its end."

    def _row(self, stream: str, record: Mapping[str, Any]) -> tuple[str, str, str | None, str | None, bool]:
        told = self._declared[stream]
        key = json.dumps({name: record[name] for name in told.key}).replace("\\u0000", "\\ufffd")
        moments = [record.get(name) for name in told.changed]
        moment = next((moment for moment in moments if moment), None)
        return stream, key, moments[0] if moments else None, moment, record.get(DELETED_AT) is not None

    def compare(self, stream: str) -> Comparison:
        """Compare what was read of a stream with the warehouse, both as they were at one moment."""
        told = self._declared.get(stream)
        if stream in self._errors or told is None:
            return Comparison(stream, error=self._errors.get(stream, "The tap sent no keys."))
        if not told.key:
            return Comparison(stream, error="It has no key, so there is nothing to compare by.")
        try:
            with self._conn.transaction():
                self._conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                return self._compare(stream, told)
        except psycopg.errors.DataError as error:
            reason = error.diag.sqlstate or type(error).__name__
            return Comparison(stream, error=f"The keys of the source do not fit the table ({reason}).")

    def _compare(self, stream: str, told: _Declared) -> Comparison:
        types = self._column_types(stream)
        changed = next((name for name in told.changed[:1] if name in types), None)
        names = [sql.Identifier(name) for name in told.key]
        own_stretch = told.within is not None and told.within["column"] == changed
        parts: dict[str, sql.Composable] = {
            "stream": sql.Literal(stream),
            "table": self._table(stream),
            "key": sql.SQL(", ").join(names),
            "source_key": sql.SQL(", ").join(
                sql.SQL("(key ->> {})::{} AS {}").format(
                    sql.Literal(name), sql.SQL(types.get(name, "text")), sql.Identifier(name)
                )
                for name in told.key
            ),
            "type": sql.SQL(types[changed] if changed else "text"),
            "changed": sql.Identifier(changed) if changed else sql.SQL("NULL::text"),
            "same_key": sql.SQL(" AND ").join(sql.SQL("s.{0} = w.{0}").format(name) for name in names),
            "any_key": names[0],
            "alive": sql.SQL(f"{DELETED_AT} IS NULL" if DELETED_AT in types else "true"),
            "is_old": self._is_old(types),
            "inside_here": _within(told.within, sql.Identifier(told.within["column"]))
            if told.within and told.within["column"] in types
            else sql.SQL("true"),
            "inside_there": _within(told.within, sql.Identifier("_changed"))
            if told.within and own_stretch
            else sql.SQL("true"),
            "finds_extra": sql.Literal(told.are_all),
            "bookmark": sql.Literal(self._bookmark(stream)),
            "key_text": sql.SQL("concat_ws(chr(31), {})").format(
                sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in names)
            ),
            "key_json": sql.SQL("jsonb_build_object({})").format(
                sql.SQL(", ").join(
                    sql.SQL("{}, w.{}").format(sql.Literal(name), sql.Identifier(name)) for name in told.key
                )
            ),
        }
        for statement in (_SOURCE_ROWS, _WAREHOUSE_ROWS if types else _NO_ROWS, *_DIFFERENCES):
            for one in statement.split(";"):
                self._conn.execute(sql.SQL(one).format(**parts))
        counts: dict[str, int] = dict(
            self._conn.execute(
                "SELECT kind, count(*) FROM pg_temp.differences WHERE stream = %s GROUP BY kind", (stream,)
            ).fetchall()
        )
        return Comparison(
            stream,
            source=self._side(_SOURCE_SIDE, parts),
            warehouse=self._side(_WAREHOUSE_SIDE, parts),
            counts={kind: counts.get(kind, 0) for kind in KINDS},
            waiting=counts.get("waiting", 0),
            rejected=self._count_rejected(stream),
            within=told.within,
            finds_extra=told.are_all,
        )

    def differences(self, stream: str, kind: Kind, limit: int | None = None) -> list[Difference]:
        """Return keys of the last comparison of a stream that differ in one way, in their order."""
        rows = self._conn.execute(
            "SELECT key, source, warehouse FROM pg_temp.differences WHERE stream = %s AND kind = %s"
            " ORDER BY key LIMIT %s",
            (stream, kind, limit),
        ).fetchall()
        return [Difference(*row) for row in rows]

    def write_keys(self, stream: str, path: Path) -> str | None:
        """Write what is missing here or changed of a stream, for the setting ``only_keys``.

        Returns:
            The moment since which all of it has changed; None if a record has no time of change.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for kind in ("missing", "changed"):
                for one in self.differences(stream, kind):
                    file.write(json.dumps({"stream": stream, "key": one.key}) + "\n")
        row = self._conn.execute(
            "SELECT CASE WHEN bool_and(moment IS NOT NULL) THEN min(moment::timestamptz) END"
            " FROM pg_temp.differences WHERE stream = %s AND kind IN ('missing', 'changed')",
            (stream,),
        ).fetchone()
        return row[0].isoformat() if row and row[0] is not None else None

    def delete_extra(self, compared: Comparison, max_share: float) -> int:
        """Mark the extra rows of a stream as deleted, in one transaction with its row of the history.

        Returns:
            How many.

        Raises:
            CrmError: if that is more than ``max_share`` of the rows, or a run is at work on the stream.
        """
        source, stream, count = self._source.name, compared.stream, compared.counts["extra"]
        if count > compared.warehouse.count * max_share:
            raise CrmError(
                f"{source} {stream}: {count} of {compared.warehouse.count} rows are not in the source, which is more "
                f"than the share {max_share:g} that may be deleted, so none was. If that is right, raise "
                "--max-deleted-share."
            )
        if runs.take_locks(self._conn, source, [stream]) is not None:
            raise CrmError(f"{source} {stream} is being loaded by another run: wait for it, and reconcile again.")
        try:
            with self._conn.transaction():
                return self._delete(stream)
        finally:
            self._conn.execute("SELECT pg_advisory_unlock(orchestration.stream_lock(%s, %s))", (source, stream))

    def _delete(self, stream: str) -> int:
        table, types, told = self._table(stream), self._column_types(stream), self._declared[stream]
        row = self._conn.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None  # noqa: S101 -- it selects one row
        history_id = runs.open_run(
            self._conn,
            run_id=str(uuid.uuid4()),
            crm_source=self._source.name,
            sync_type=stream,
            started_at=row[0],
            configuration={"reconcile": {"delete_extra": True, "by": author()}},
            bookmark_before=None,
        )
        self._conn.execute(
            sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} timestamptz").format(table, sql.Identifier(DELETED_AT))
        )
        touched = f", {BATCHED_AT} = now()" if BATCHED_AT in types else ""
        deleted = self._conn.execute(
            sql.SQL(
                "UPDATE {table} AS t SET {deleted} = now(){touched} FROM pg_temp.differences AS d"
                " WHERE d.stream = {stream} AND d.kind = 'extra' AND t.{deleted} IS NULL AND {is_old} AND {same_key}"
            ).format(
                table=table,
                deleted=sql.Identifier(DELETED_AT),
                touched=sql.SQL(touched),
                stream=sql.Literal(stream),
                is_old=self._is_old(types),
                same_key=sql.SQL(" AND ").join(
                    sql.SQL("t.{} = (d.key ->> {})::{}").format(
                        sql.Identifier(name), sql.Literal(name), sql.SQL(types[name])
                    )
                    for name in told.key
                ),
            )
        ).rowcount
        runs.record_progress(
            self._conn,
            history_id,
            counts=runs.Counts(deleted=deleted),
            bookmark=None,
            metrics={},
            endpoint="crm reconcile",
        )
        runs.close_run(self._conn, history_id)
        return deleted

    def _table(self, stream: str) -> sql.Identifier:
        return sql.Identifier(self._source.name, stream)

    def _column_types(self, stream: str) -> dict[str, str]:
        """Return the columns of the table of a stream, and their types; none if there is no table."""
        rows = self._conn.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            (self._table(stream).as_string(self._conn),),
        ).fetchall()
        return dict(rows)

    def _bookmark(self, stream: str) -> str | None:
        row = self._conn.execute(
            "SELECT bookmark ->> 'replication_key_value' FROM orchestration.current_bookmark"
            " WHERE crm_source = %s AND sync_type = %s",
            (self._source.name, stream),
        ).fetchone()
        return row[0] if row else None

    def _is_old(self, types: Mapping[str, str]) -> sql.Composable:
        """Return the condition that a row was loaded before the read began: what came since may be newer than it."""
        if BATCHED_AT not in types:
            return sql.SQL("true")
        return sql.SQL("coalesce({} < {}, true)").format(sql.Identifier(BATCHED_AT), sql.Literal(self._started))

    def _side(self, statement: str, parts: Mapping[str, sql.Composable]) -> Side:
        row = self._conn.execute(sql.SQL(statement).format(**parts)).fetchone()
        assert row is not None  # noqa: S101 -- it counts
        return Side(*row)

    def _count_rejected(self, stream: str) -> int:
        row = self._conn.execute(
            "SELECT count(*) FROM pg_temp.differences AS d WHERE stream = %(stream)s AND kind = 'missing' AND EXISTS"
            " (SELECT FROM orchestration.sync_reject AS r WHERE r.crm_source = %(source)s AND r.sync_type = %(stream)s"
            "  AND r.category = 'record' AND r.resolved_at IS NULL AND r.record_key = d.key)",
            {"stream": stream, "source": self._source.name},
        ).fetchone()
        return int(row[0]) if row else 0


def _within(within: Mapping[str, str], column: sql.Identifier) -> sql.Composable:
    """Return the condition that a row lies in a stretch of time; a row without a time does not."""
    bounds = (sql.Literal(within["start"]), sql.Literal(within["end"]))
    return sql.SQL("{0} >= {1}::timestamptz AND {0} < {2}::timestamptz").format(column, *bounds)


def repair(
    project: Project,
    warehouse: Warehouse,
    reconciliation: Reconciliation,
    compared: Comparison,
    source: Source,
    watch: Watcher,
) -> Outcome | None:
    """Read again what is missing here or changed of a stream; None if that is nothing.

    The run replaces newer rows, too: the warehouse is to be as the source is.
    """
    told = {kind: count for kind, count in compared.counts.items() if kind != "extra" and count}
    if not told:
        return None
    with run_folder(project.state_folder / "runs", str(uuid.uuid4())) as (folder, _):
        keys = folder / "keys.jsonl"
        since = reconciliation.write_keys(compared.stream, keys)
        variables = {
            variable(source.tap, "only_keys"): str(keys),
            CONFIGURATION_VARIABLE: json.dumps({"reconcile": told}),
            **({} if since is None else {variable(source.tap, "since"): since}),
        }
        request = Request(source, streams=(compared.stream,), force=True, variables=variables)
        return run_pipeline(project, warehouse, request, watch)


# Names of our own begin with an underscore, which no key does.
_SOURCE_ROWS = """
DROP TABLE IF EXISTS pg_temp.s;
CREATE TEMP TABLE s AS SELECT {source_key}, min(key::text)::jsonb AS _key, max(changed::{type}) AS _changed,
  max(moment::timestamptz) AS _moment, bool_and(deleted) AS _deleted
FROM pg_temp.source_keys WHERE stream = {stream} GROUP BY {key};
ANALYZE pg_temp.s
"""
_WAREHOUSE_ROWS = """
DROP TABLE IF EXISTS pg_temp.w;
CREATE TEMP TABLE w AS SELECT {key}, {changed} AS _changed, {is_old} AS _old, {inside_here} AS _inside
FROM {table} WHERE {alive};
ANALYZE pg_temp.w
"""
_NO_ROWS = """
DROP TABLE IF EXISTS pg_temp.w;
CREATE TEMP TABLE w AS SELECT {key}, _changed, true AS _old, true AS _inside FROM pg_temp.s WHERE false
"""
_DIFFERENCES = (
    """
CREATE TEMP TABLE IF NOT EXISTS differences
  (stream text, kind text, key jsonb, source text, warehouse text, moment timestamptz);
DELETE FROM pg_temp.differences WHERE stream = {stream}
""",
    """
INSERT INTO pg_temp.differences
SELECT {stream}, CASE WHEN s._moment >= {bookmark}::timestamptz THEN 'waiting' WHEN w.{any_key} IS NULL THEN 'missing'
  ELSE 'changed' END, s._key, s._changed::text, w._changed::text, s._moment
FROM pg_temp.s AS s LEFT JOIN pg_temp.w AS w ON {same_key}
WHERE NOT s._deleted AND (w.{any_key} IS NULL OR (w._old AND s._changed IS DISTINCT FROM w._changed))
""",
    """
INSERT INTO pg_temp.differences
SELECT {stream}, 'extra', {key_json}, s._changed::text, w._changed::text
FROM pg_temp.w AS w LEFT JOIN pg_temp.s AS s ON {same_key}
WHERE w._old AND (s._deleted OR (w._inside AND {finds_extra} AND s.{any_key} IS NULL))
""",
)
_SIDE = "SELECT count(*), left(md5(coalesce(sum(hashtextextended({key_text}, 0)), 0)::text), 16), max(_changed)::text"
_SOURCE_SIDE = _SIDE + " FROM pg_temp.s WHERE NOT _deleted AND {inside_there}"
_WAREHOUSE_SIDE = _SIDE + " FROM pg_temp.w WHERE _inside"
