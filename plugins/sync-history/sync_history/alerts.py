"""What each channel was told of each finding: ``orchestration.sync_alert``.

A finding is told when it is new, again after a cool-down while it stays, and once more when it is gone. One that comes
back before the cool-down is over is not told as new: a stream that fails every other time would send a message an hour.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import timedelta

from psycopg.rows import dict_row

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from sync_history.health import Finding, Level
    from sync_history.health_rules import AlertRules

Kind: t.TypeAlias = t.Literal["new", "still", "recovered"]

# Two that tell the same channels at once would tell everything twice.
_LOCK = 7_221_140_515


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be told of one finding. A recovered one has no level and no sentence of its own any more."""

    kind: Kind
    crm_source: str
    sync_type: str
    rule: str
    sentence: str
    since: datetime
    level: Level | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """The key of the finding."""
        return (self.crm_source, self.sync_type, self.rule)


def take_lock(conn: Connection[TupleRow]) -> bool:
    """Become the one that tells, for as long as the connection lives; False if somebody else does."""
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
    return bool(row and row[0])


def changes(
    conn: Connection[TupleRow], channel: str, findings: Iterable[Finding], rules: AlertRules, now: datetime
) -> list[Change]:
    """Return what a channel is to be told now; new ones first, then by source and stream. Writes nothing."""
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "SELECT crm_source, sync_type, rule, is_open, since, last_alarm_at FROM orchestration.sync_alert"
            " WHERE channel = %s",
            (channel,),
        ).fetchall()
    told = {(row["crm_source"], row["sync_type"], row["rule"]): row for row in rows}
    found = {one.key: one for one in findings if rules.warnings or one.level == "bad"}
    due: list[Change] = []
    for key, finding in found.items():
        row = told.get(key)
        cooled = row is None or now - row["last_alarm_at"] >= timedelta(minutes=rules.cooldown_of(finding.rule))
        if cooled:
            is_open = row is not None and row["is_open"]
            since = row["since"] if row is not None and is_open else now
            due.append(Change("still" if is_open else "new", *key, finding.sentence, since, finding.level))
    for key, row in told.items():
        if row["is_open"] and key not in found:
            due.append(Change("recovered", *key, "This is over.", row["since"]))
    order = ("new", "still", "recovered")
    return sorted(due, key=lambda one: (order.index(one.kind), one.level or "", *one.key))


def record(conn: Connection[TupleRow], channel: str, told: Sequence[Change], now: datetime) -> None:
    """Note what a channel has been told."""
    with conn.transaction(), conn.cursor() as cursor:
        for one in told:
            if one.kind == "recovered":
                cursor.execute(
                    "UPDATE orchestration.sync_alert SET is_open = false, times_sent = times_sent + 1"
                    " WHERE channel = %s AND crm_source = %s AND sync_type = %s AND rule = %s",
                    (channel, *one.key),
                )
            else:
                cursor.execute(
                    "INSERT INTO orchestration.sync_alert AS a"
                    " (channel, crm_source, sync_type, rule, is_open, since, last_alarm_at)"
                    " VALUES (%s, %s, %s, %s, true, %s, %s) ON CONFLICT (channel, crm_source, sync_type, rule)"
                    " DO UPDATE SET is_open = true, since = excluded.since, last_alarm_at = excluded.last_alarm_at,"
                    " times_sent = a.times_sent + 1",
                    (channel, *one.key, one.since, now),
                )
