"""A run that replays rejects answers them in the transaction that loads their records."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sync_history import bookmarks, rejects, runs
from target_postgres_dw.testing import INTEGER, TEXT, Message, Result, header, load, records, schema, state

PROPERTIES = {"id": INTEGER, "age": INTEGER, "name": TEXT}


def spoil(url: str) -> dict[int, int]:
    """Load three people, two of whom are refused; return the ids of their rejects by key."""
    load(
        url,
        header("people"),
        schema("people", PROPERTIES),
        records("people", {"id": 1, "age": 30}, {"id": 2, "age": "old"}, {"id": 3, "age": "young"}),
        state({"people": {"replication_key": "x", "replication_key_value": "5"}}, people="success"),
    )
    with psycopg.connect(url) as conn:
        return {one.record_key["id"]: one.id for one in rejects.find(conn) if one.record_key}


def replay(url: str, ids: list[int], *rows: dict[str, Any], report: str = "success", **config: Any) -> Result:
    begun: Message = header("people")
    begun["value"]["sync_report"]["run"]["replays"] = {"people": ids}
    return load(
        url,
        begun,
        schema("people", PROPERTIES),
        records("people", *rows),
        state({}, people={"status": report, "error": "It broke.", "error_category": "source"}),
        **config,
    )


def waiting(url: str) -> list[int]:
    with psycopg.connect(url) as conn:
        return sorted(one.id for one in rejects.find(conn))


def ages(url: str) -> list[tuple[int, int]]:
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT id, age FROM genius.people ORDER BY id").fetchall()


def test_what_is_loaded_is_answered_and_what_is_refused_again_stays_open(postgres_url: str) -> None:
    spoiled = spoil(postgres_url)
    result = replay(postgres_url, list(spoiled.values()), {"id": 2, "age": 80}, {"id": 3, "age": "still young"})
    assert result.exit_code == 0
    assert ages(postgres_url) == [(1, 30), (2, 80)]
    assert waiting(postgres_url) == [spoiled[3]]
    with psycopg.connect(postgres_url) as conn:
        (answered,) = rejects.find(conn, ids=[spoiled[2]], resolved=True)
        run = runs.find_runs(conn, limit=1)[0]
        assert answered.resolution == f"replayed by run {run.run_id}"
        assert (run.records_created, run.records_failed, run.status) == (1, 1, "partial")
        assert bookmarks.current_bookmarks(conn, "genius")["people"]["replication_key_value"] == "5"


@pytest.mark.parametrize(("report", "config"), [("failed", {}), ("success", {"dry_run": True})])
def test_a_replay_that_failed_or_was_dry_answers_nothing(postgres_url: str, report: str, config: Any) -> None:
    spoiled = spoil(postgres_url)
    replay(postgres_url, [spoiled[2]], {"id": 2, "age": 80}, report=report, **config)
    assert waiting(postgres_url) == sorted(spoiled.values())
