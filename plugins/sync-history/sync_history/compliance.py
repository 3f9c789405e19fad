"""The rules that every row of the history and every tap obeys: names, statuses, counts, no other bookkeeping.

Most of them are CHECK constraints as well. They are asked again, because a constraint can be dropped, and because
rows may have been written from elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

# Plurals without an s, and nouns without a plural that CRMs name their reports by.
_ALREADY_PLURAL: Final = frozenset(
    {"children", "data", "information", "log", "logout", "metadata", "occupancy", "people"}
)

# Rule, condition under which a row breaks it, what is wrong then.
_ROWS: Final = (
    ("source-name", "crm_source !~ '^[a-z0-9]+$'", "crm_source must be lower-case letters and digits"),
    (
        "stream-name",
        "sync_type !~ '^[a-z][a-z0-9_]*$' OR sync_type ~ '_sync$' OR sync_type = 'all'",
        "sync_type must be the name of one stream in snake_case, without _sync",
    ),
    (
        "status",
        "status NOT IN ('running', 'success', 'failed', 'partial')",
        "status must be running, success, failed or partial",
    ),
    (
        "end",
        "(status = 'running') <> (end_time IS NULL)",
        "end_time must be null while a run is at work, and only then",
    ),
    ("order", "end_time < start_time", "end_time lies before start_time"),
    (
        "counts",
        (
            "least(records_created, records_updated, records_unchanged, records_failed, records_deleted) < 0"
            " OR records_processed <> records_created + records_updated + records_unchanged + records_failed"
        ),
        "records_processed must be created + updated + unchanged + failed, and none of them negative",
    ),
    ("partial", "status = 'success' AND records_failed > 0", "a finished run with failed records is partial"),
    ("partial", "status = 'partial' AND records_failed = 0", "a run without failed records is not partial"),
    ("reason", "status = 'failed' AND coalesce(error_message, '') = ''", "a failed run must say why"),
    (
        "metrics",
        (
            "status IN ('success', 'partial') AND NOT configuration ? 'edited_by'"
            " AND NOT performance_metrics ? 'duration_seconds'"
        ),
        "performance_metrics must have duration_seconds",
    ),
    (
        "dates",
        (
            "EXISTS (SELECT FROM jsonb_each(configuration) WHERE key IN ('since', 'start_date', 'end_date')"
            " AND value <> 'null' AND (jsonb_typeof(value) <> 'string' OR value #>> '{}' !~ '^\\d{4}-\\d\\d-\\d\\d'))"
        ),
        "dates in configuration must be ISO texts",
    ),
    (
        "secrets",
        (
            "EXISTS (SELECT FROM jsonb_object_keys(configuration) AS name"
            " WHERE name ~* '(password|secret|token|api_key|auth_key|private_key)$')"
        ),
        "configuration must hold no secret",
    ),
)
_CONSTRAINTS: Final = (
    "status_is_known",
    "crm_source_is_plain",
    "sync_type_is_a_stream",
    "only_running_has_no_end",
    "counts_are_not_negative",
    "counts_add_up",
)


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that is broken: where, how often, and what is wrong in a sentence."""

    rule: str
    where: str
    count: int
    sentence: str


def check_compliance(
    conn: Connection[TupleRow], declared: Mapping[str, Iterable[str]], *, open_sources: Collection[str] = ()
) -> list[Breach]:
    """Return every rule that is broken, empty if none is.

    Args:
        conn: To a warehouse that has a history.
        declared: The streams of each installed tap, by crm_source.
        open_sources: Sources whose settings or whose CRM may add further streams.
    """
    streams = {source: tuple(names) for source, names in declared.items()}
    return [
        *check_names(streams),
        *_check_rows(conn),
        *_check_declared(conn, {name: found for name, found in streams.items() if name not in open_sources}),
        *_check_tables(conn, streams),
    ]


def check_names(declared: Mapping[str, Iterable[str]]) -> list[Breach]:
    """Return what is wrong with the names that the taps declare."""
    breaches = []
    for source, names in declared.items():
        streams = list(names)
        if not re.fullmatch(r"[a-z0-9]+", source):
            sentence = f"{source}: a source has a name of lower-case letters and digits."
            breaches.append(Breach("source-name", source, 1, sentence))
        for stream in dict.fromkeys(streams):
            where = f"{source}.{stream}"
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", stream) or stream.endswith("_sync") or stream == "all":
                sentence = f"{where}: a stream has a name in snake_case, at most 100 long, without _sync."
                breaches.append(Breach("stream-name", where, 1, sentence))
            elif not is_plural(stream):
                breaches.append(Breach("stream-name", where, 1, f"{where}: the name of a stream is a plural."))
            if streams.count(stream) > 1:
                breaches.append(Breach("stream-name", where, streams.count(stream), f"{where} is declared twice."))
    return breaches


def is_plural(stream: str) -> bool:
    """Tell whether the last word of a stream's name is a plural."""
    word = stream.rsplit("_", 1)[-1]
    return word in _ALREADY_PLURAL or (word.endswith("s") and not word.endswith("ss"))


def _check_rows(conn: Connection[TupleRow]) -> list[Breach]:
    breaches = []
    for rule, condition, wrong in _ROWS:
        rows = conn.execute(
            "SELECT crm_source, sync_type, count(*), max(id) FROM orchestration.sync_history"
            f" WHERE {condition} GROUP BY 1, 2 ORDER BY 1, 2".encode()
        ).fetchall()
        for source, stream, count, newest in rows:
            where = f"{source}.{stream}"
            breaches.append(Breach(rule, where, count, f"{where}: {wrong} ({count} rows, the newest has id {newest})."))
    return breaches


def _check_declared(conn: Connection[TupleRow], declared: Mapping[str, tuple[str, ...]]) -> list[Breach]:
    """Return rows about streams that the taps do not know; those of a tap that is not installed are not judged."""
    rows = conn.execute(
        "SELECT crm_source, sync_type, count(*) FROM orchestration.sync_history GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    breaches = []
    for source, stream, count in rows:
        where = f"{source}.{stream}"
        if stream not in declared.get(source, (stream,)):
            breaches.append(Breach("stream-name", where, count, f"{where}: the tap has no stream {stream}."))
    return breaches


def _check_tables(conn: Connection[TupleRow], declared: Mapping[str, tuple[str, ...]]) -> list[Breach]:
    """Return missing constraints, and what keeps books of syncs beside the history."""
    breaches = []
    valid = conn.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'orchestration.sync_history'::regclass AND convalidated"
    ).fetchall()
    for name in sorted(set(_CONSTRAINTS) - {name for (name,) in valid}):
        sentence = f"orchestration.sync_history has lost its constraint {name}: rows are not checked any more."
        breaches.append(Breach("constraints", "orchestration.sync_history", 1, sentence))
    columns = conn.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.columns"
        " WHERE column_name = 'synced_at' AND table_schema = ANY (%s) ORDER BY 1",
        ([*declared, "orchestration"],),
    ).fetchall()
    for (table,) in columns:
        sentence = f"{table} has a column synced_at: when a row was loaded stands in _sdc_batched_at."
        breaches.append(Breach("other-books", table, 1, sentence))
    tables = conn.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        " WHERE table_name ~ '(^|_)(sync_(history|status|state|log|tracker|tracking)|last_sync)'"
        " AND table_schema NOT IN ('orchestration', 'meltano', 'information_schema') AND table_type = 'BASE TABLE'"
        " ORDER BY 1"
    ).fetchall()
    for (table,) in tables:
        sentence = f"{table} looks like a history of syncs: there is one only, orchestration.sync_history."
        breaches.append(Breach("other-books", table, 1, sentence))
    return breaches
