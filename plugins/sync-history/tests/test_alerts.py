"""What a channel is told, and what it is spared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from sync_history import alerts, schema
from sync_history.health import Finding
from sync_history.health_rules import AlertRules

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
RULES = AlertRules(60, warnings=True, cooldowns={"open_rejects": 1440})
FAILS = Finding("genius", "people", "failures", "bad", "The last 3 runs failed (connection).", 3, 3)
WARNS = Finding("genius", "", "quota", "warning", "Nearly used.", 0.9, 0.8)
REJECTS = Finding("genius", "people", "open_rejects", "bad", "101 rejects wait for an answer.", 101, 100)


@pytest.fixture
def conn(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        schema.migrate(connection)
        yield connection


def tell(
    conn: psycopg.Connection, *findings: Finding, minutes: float = 0, channel: str = "slack", rules: AlertRules = RULES
) -> list[str]:
    """Look, and tell; return what was told as ``kind rule``."""
    now = NOW + timedelta(minutes=minutes)
    told = alerts.changes(conn, channel, findings, rules, now)
    alerts.record(conn, channel, told, now)
    return [f"{one.kind} {one.rule}" for one in told]


def test_a_finding_is_told_once_again_after_a_cool_down_and_when_it_is_over(conn: psycopg.Connection) -> None:
    assert tell(conn, FAILS) == ["new failures"]
    assert tell(conn, FAILS, minutes=59) == []
    assert tell(conn, FAILS, minutes=60) == ["still failures"]
    assert tell(conn, FAILS, minutes=119) == []
    assert tell(conn, minutes=120) == ["recovered failures"]
    assert tell(conn, minutes=600) == []


def test_nothing_is_told_of_a_good_day(conn: psycopg.Connection) -> None:
    assert tell(conn) == []


def test_what_comes_back_within_the_cool_down_is_not_told_again(conn: psycopg.Connection) -> None:
    assert tell(conn, FAILS) == ["new failures"]
    assert tell(conn, minutes=5) == ["recovered failures"]
    for minutes in (10, 30):
        assert tell(conn, FAILS, minutes=minutes) == []
        assert tell(conn, minutes=minutes + 5) == []
    assert tell(conn, FAILS, minutes=61) == ["new failures"]


def test_it_is_told_since_when(conn: psycopg.Connection) -> None:
    tell(conn, FAILS)
    [still] = alerts.changes(conn, "slack", [FAILS], RULES, NOW + timedelta(hours=5))
    assert (still.kind, still.since, still.sentence) == ("still", NOW, FAILS.sentence)


def test_a_rule_may_have_a_cool_down_of_its_own(conn: psycopg.Connection) -> None:
    assert tell(conn, FAILS, REJECTS) == ["new failures", "new open_rejects"]
    assert tell(conn, FAILS, REJECTS, minutes=90) == ["still failures"]
    assert tell(conn, FAILS, REJECTS, minutes=1440) == ["still failures", "still open_rejects"]


def test_warnings_may_be_left_out(conn: psycopg.Connection) -> None:
    quiet = AlertRules(60, warnings=False, cooldowns={})
    assert tell(conn, WARNS, FAILS, rules=quiet) == ["new failures"]
    assert tell(conn, WARNS, FAILS) == ["new quota"]
    # What is not told any more is over for the channel.
    assert tell(conn, WARNS, FAILS, rules=quiet) == ["recovered quota"]


def test_each_channel_has_its_own_memory(conn: psycopg.Connection) -> None:
    assert tell(conn, FAILS) == ["new failures"]
    assert tell(conn, FAILS, channel="email", minutes=1) == ["new failures"]
    assert tell(conn, FAILS, minutes=60) == ["still failures"]
    assert tell(conn, FAILS, channel="email", minutes=60) == []


def test_what_was_not_delivered_is_told_the_next_time(conn: psycopg.Connection) -> None:
    assert len(alerts.changes(conn, "slack", [FAILS], RULES, NOW)) == 1
    assert tell(conn, FAILS, minutes=10) == ["new failures"]


def test_one_tells_at_a_time(conn: psycopg.Connection, postgres_url: str) -> None:
    assert alerts.take_lock(conn)
    with psycopg.connect(postgres_url, autocommit=True) as other:
        assert not alerts.take_lock(other)


def test_the_table_holds_no_sentence(conn: psycopg.Connection) -> None:
    tell(conn, FAILS)
    [row] = conn.execute("SELECT row_to_json(a)::text, times_sent FROM orchestration.sync_alert a").fetchall()
    assert "3 runs" not in row[0]
    assert row[1] == 1
