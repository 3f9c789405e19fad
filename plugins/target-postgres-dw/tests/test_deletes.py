"""What is gone from the source: key sets, deleted records, ACTIVATE_VERSION."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sync_history import runs
from target_postgres_dw.testing import INTEGER, TEXT, Message, Result, header, load, records, schema, state

PROPERTIES = {"id": INTEGER, "name": TEXT}


def sweep(
    url: str,
    rows: list[int],
    keys: list[int],
    *,
    report: dict[str, Any] | str = "success",
    share: float | None = 1.0,
    **config: Any,
) -> Result:
    """Run one stream with a key set after its records."""
    extra: dict[str, Any] = {"x-sweep-of": "people"} | ({} if share is None else {"x-max-deleted-share": share})
    return load(
        url,
        header("people"),
        schema("people", PROPERTIES),
        records("people", *({"id": number, "name": "Ann"} for number in rows)),
        schema("people_keys", {"id": INTEGER}, **extra),
        records("people_keys", *({"id": number} for number in keys)),
        state({"people": {}}, people=report),
        **config,
    )


def alive(url: str) -> list[int]:
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT id FROM genius.people WHERE _sdc_deleted_at IS NULL ORDER BY id").fetchall()
    return [number for (number,) in rows]


def last_run(url: str) -> runs.Run:
    with psycopg.connect(url) as conn:
        return runs.find_runs(conn, limit=1)[0]


def test_rows_missing_in_the_key_set_are_marked(postgres_url: str) -> None:
    sweep(postgres_url, [1, 2, 3, 4], [1, 2, 3, 4])
    with psycopg.connect(postgres_url) as conn:
        before = conn.execute("SELECT max(_sdc_batched_at) FROM genius.people").fetchone()
    sweep(postgres_url, [], [1, 3])

    assert alive(postgres_url) == [1, 3]
    run = last_run(postgres_url)
    assert (run.records_deleted, run.records_processed) == (2, 0)
    with psycopg.connect(postgres_url) as conn:
        touched = conn.execute("SELECT count(*) FROM genius.people WHERE _sdc_batched_at > %s", before).fetchone()
        assert touched == (2,)
        assert conn.execute("SELECT to_regclass('genius.people_keys')").fetchone() == (None,)


def test_a_returning_row_lives_again(postgres_url: str) -> None:
    sweep(postgres_url, [1, 2], [1, 2])
    sweep(postgres_url, [], [1])
    sweep(postgres_url, [2], [1, 2])
    assert alive(postgres_url) == [1, 2]
    assert last_run(postgres_url).records_updated == 1


def test_hard_delete_removes_the_row(postgres_url: str) -> None:
    sweep(postgres_url, [1, 2], [1, 2])
    sweep(postgres_url, [], [1], hard_delete=True)
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT id FROM genius.people").fetchall() == [(1,)]
    assert last_run(postgres_url).records_deleted == 1


def test_a_dry_run_only_counts(postgres_url: str) -> None:
    sweep(postgres_url, [1, 2, 3], [1, 2, 3])
    sweep(postgres_url, [3, 4], [1, 4], dry_run=True)
    assert alive(postgres_url) == [1, 2, 3]
    run = last_run(postgres_url)
    assert (run.records_created, run.records_unchanged, run.records_deleted) == (1, 1, 2)


@pytest.mark.parametrize("share", [0.2, None], ids=["of the tap", "of the loader"])
def test_a_sweep_that_would_delete_too_much_deletes_nothing(postgres_url: str, share: float | None) -> None:
    sweep(postgres_url, list(range(10)), list(range(10)))
    result = sweep(postgres_url, [10], list(range(7)), share=share)

    assert result.exit_code == 1
    run = last_run(postgres_url)
    assert (run.status, run.error_category, run.records_deleted) == ("failed", "sweep", 0)
    assert "4 of 11 rows" in (run.error_message or "")
    assert len(alive(postgres_url)) == 11


def test_an_empty_key_set_deletes_nothing(postgres_url: str) -> None:
    sweep(postgres_url, [1, 2], [1, 2])
    assert sweep(postgres_url, [], [], share=0.2).exit_code == 1
    assert alive(postgres_url) == [1, 2]


@pytest.mark.parametrize(
    "report",
    [{"status": "failed", "error": "lost", "error_category": "connection"}, {"status": "success", "resumed": True}],
    ids=["failed", "resumed"],
)
def test_no_sweep_after_a_failed_or_resumed_read(postgres_url: str, report: dict[str, Any]) -> None:
    sweep(postgres_url, [1, 2], [1, 2])
    sweep(postgres_url, [], [1], report=report)
    assert alive(postgres_url) == [1, 2]


def test_a_key_set_comes_in_several_flushes(postgres_url: str) -> None:
    sweep(postgres_url, list(range(100)), list(range(100)), batch_size_rows=7)
    sweep(postgres_url, [], list(range(0, 100, 2)), batch_size_rows=7)
    assert alive(postgres_url) == list(range(0, 100, 2))


@pytest.mark.parametrize("hard", [False, True])
def test_a_record_that_says_deleted(postgres_url: str, *, hard: bool) -> None:
    def send(*rows: dict[str, Any]) -> None:
        load(
            postgres_url,
            header("people"),
            schema("people", PROPERTIES),
            records("people", *rows),
            state({}, people="success"),
            hard_delete=hard,
        )

    send({"id": 1}, {"id": 2})
    send({"id": 2, "_sdc_deleted_at": "2026-03-01T00:00:00Z"}, {"id": 3, "_sdc_deleted_at": "2026-03-01T00:00:00Z"})

    assert alive(postgres_url) == [1]
    run = last_run(postgres_url)
    assert run.records_processed == 2
    assert (run.records_created, run.records_updated, run.records_deleted) == ((0, 0, 1) if hard else (1, 1, 0))


def versioned(url: str, version: int, rows: list[int], **config: Any) -> Result:
    messages: list[Message | list[Message]] = [
        schema("users", PROPERTIES),
        {"type": "ACTIVATE_VERSION", "stream": "users", "version": version},
        records("users", *({"id": number} for number in rows), version=version),
    ]
    return load(url, *messages, default_target_schema="genius", **{"max_deleted_share": 1, **config})


def users(url: str) -> list[int]:
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT id FROM genius.users WHERE _sdc_deleted_at IS NULL ORDER BY id").fetchall()
    return [number for (number,) in rows]


def test_activate_version_is_applied_by_the_keys_seen(postgres_url: str) -> None:
    versioned(postgres_url, 1, [1, 2, 3])
    versioned(postgres_url, 2, [1, 2])
    assert users(postgres_url) == [1, 2]
    assert (last_run(postgres_url).records_deleted, last_run(postgres_url).records_unchanged) == (1, 2)


def test_a_delta_that_repeats_the_active_version_deletes_nothing(postgres_url: str) -> None:
    versioned(postgres_url, 1, [1, 2, 3])
    versioned(postgres_url, 1, [3])
    assert users(postgres_url) == [1, 2, 3]


def test_activate_version_can_be_switched_off_and_has_a_limit(postgres_url: str) -> None:
    versioned(postgres_url, 1, [1, 2, 3])
    versioned(postgres_url, 2, [1], activate_version=False)
    assert users(postgres_url) == [1, 2, 3]
    assert versioned(postgres_url, 3, [1], max_deleted_share=0.2).exit_code == 1
    assert users(postgres_url) == [1, 2, 3]


def test_a_key_set_without_its_stream_is_an_error_of_the_tap(postgres_url: str) -> None:
    keys = schema("people_keys", {"id": INTEGER}, **{"x-sweep-of": "people"})
    assert "does not load" in (load(postgres_url, header("pets"), keys).error or "")
    assert "after its SCHEMA" in (load(postgres_url, header("people"), keys).error or "")
