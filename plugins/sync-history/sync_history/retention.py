"""Removes old rows of the history, but none that somebody still needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from psycopg import Connection
    from psycopg.rows import TupleRow

# Rows that stay however old they are, each kind with its reason. ``h`` is the row.
_NEEDED = {
    "at work": "h.status = 'running'",
    "current bookmark": "h.id IN (SELECT sync_history_id FROM orchestration.current_bookmark)",
    "last success": (
        "h.id IN (SELECT max(id) FROM orchestration.sync_history WHERE status = 'success'"
        " AND NOT configuration ?| ARRAY['edited_by', 'dry_run'] GROUP BY crm_source, sync_type)"
    ),
    # `crm status` shows it, and a stream that is never read to its end has no success.
    "last attempt": (
        "h.id IN (SELECT max(id) FROM orchestration.sync_history WHERE NOT configuration ? 'edited_by'"
        " AND error_category IS DISTINCT FROM 'overlap' GROUP BY crm_source, sync_type)"
    ),
    # Whether an ACTIVATE_VERSION is new is told by the last one.
    "table version": (
        "h.id IN (SELECT max(id) FROM orchestration.sync_history WHERE status IN ('success', 'partial')"
        " AND performance_metrics ? 'table_version' AND NOT configuration ? 'dry_run' GROUP BY crm_source, sync_type)"
    ),
    "reject": "h.id IN (SELECT sync_history_id FROM orchestration.sync_reject)",
}


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed: rows of the history, and rejects that had been answered.

    ``kept`` counts the rows that were old enough and stayed, by the first reason that applies.
    """

    rows: int
    rejects: int
    kept: dict[str, int]


def prune(conn: Connection[TupleRow], keep: timedelta, *, dry_run: bool = False) -> Pruned:
    """Remove what ended longer ago than ``keep``, in one transaction; a dry run only counts.

    Never the row of a run at work, of a current bookmark, of a stream's last success or last attempt, nor one that a
    reject refers to. Rejects go with their rows once they were answered that long ago; open ones never.
    """
    reasons = " ".join(f"WHEN {condition} THEN '{reason}'" for reason, condition in _NEEDED.items())
    with conn.transaction(force_rollback=dry_run):
        # Nobody may answer a reject, or refer to a row, between the two statements.
        conn.execute("LOCK TABLE orchestration.sync_reject IN SHARE ROW EXCLUSIVE MODE")
        rejects = conn.execute(
            "DELETE FROM orchestration.sync_reject AS r USING orchestration.sync_history AS h"
            " WHERE h.id = r.sync_history_id AND r.resolved_at < now() - %(keep)s"
            " AND coalesce(h.end_time, h.start_time) < now() - %(keep)s",
            {"keep": keep},
        ).rowcount
        rows = conn.execute(
            f"WITH old AS (SELECT h.id, CASE {reasons} END AS reason FROM orchestration.sync_history AS h"
            "  WHERE coalesce(h.end_time, h.start_time) < now() - %(keep)s),"
            " gone AS (DELETE FROM orchestration.sync_history AS h USING old"
            "  WHERE old.id = h.id AND old.reason IS NULL RETURNING NULL::text AS reason)"
            " SELECT reason, count(*) FROM (SELECT reason FROM gone UNION ALL"
            "  SELECT reason FROM old WHERE reason IS NOT NULL) AS all_of_them GROUP BY reason",
            {"keep": keep},
        ).fetchall()
    counts: dict[str | None, int] = dict(rows)
    kept = {reason: counts[reason] for reason in _NEEDED if reason in counts}
    return Pruned(counts.get(None, 0), rejects, kept)
