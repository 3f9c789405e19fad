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


def versioned(url: str, version: int, rows: list[int], *, covered: bool = True, **config: Any) -> Result:
    messages: list[Message | list[Message]] = [
        schema("users", PROPERTIES),
        {"type": "ACTIVATE_VERSION", "stream": "users", "version": version},
        records("users", *({"id": number} for number in rows), version=version),
    ]
    if covered:
        messages.append(state({}))
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


def test_keys_for_comparing_are_not_loaded(postgres_url: str) -> None:
    marks: dict[str, Any] = {"x-sweep-of": "people", "x-keys-only": True}
    keys = schema("people_keys", {"id": INTEGER}, **marks)
    result = load(postgres_url, header("people"), keys, records("people_keys", {"id": 1}))
    assert result.error is not None
    assert "the keys of people in place of its records" in result.error
    assert last_run(postgres_url).status == "failed"


def test_activate_version_of_a_tap_that_may_have_been_killed_is_not_believed(postgres_url: str) -> None:
    versioned(postgres_url, 1, [1, 2, 3])
    versioned(postgres_url, 2, [1, 2], covered=False)
    assert users(postgres_url) == [1, 2, 3]


def test_activate_version_spares_the_stored_row_of_a_refused_record(postgres_url: str) -> None:
    versioned(postgres_url, 1, [1, 2, 3])
    load(
        postgres_url,
        schema("users", PROPERTIES),
        {"type": "ACTIVATE_VERSION", "stream": "users", "version": 2},
        records("users", {"id": 1}, {"id": 2}, {"id": 3, "name": 5}, version=2),
        state({}),
        default_target_schema="genius",
        max_deleted_share=1,
    )
    assert users(postgres_url) == [1, 2, 3]
    assert last_run(postgres_url).records_failed == 1


def test_a_key_that_is_back_lives_again_even_if_its_row_did_not_change(postgres_url: str) -> None:
    sweep(postgres_url, [1, 2], [1, 2])
    sweep(postgres_url, [], [1])
    sweep(postgres_url, [], [1, 2])
    assert alive(postgres_url) == [1, 2]


CHANGING = {"id": INTEGER, "updated_at": {"type": "string", "format": "date-time"}}


def deleting(url: str, *rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    load(
        url,
        header("people"),
        schema("people", CHANGING, replication_key="updated_at"),
        records("people", *rows),
        state({}, people="success"),
        hard_delete=True,
    )
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT id FROM genius.people ORDER BY id").fetchall()


def test_a_hard_delete_does_not_remove_a_newer_row(postgres_url: str) -> None:
    january, february, march = (f"2026-0{month}-01T00:00:00Z" for month in (1, 2, 3))
    gone = {"id": 1, "updated_at": february, "_sdc_deleted_at": february}
    assert deleting(postgres_url, gone, {"id": 1, "updated_at": march}) == [(1,)]  # in one batch
    assert deleting(postgres_url, {**gone, "updated_at": january}) == [(1,)]  # and of an older state
    assert deleting(postgres_url, {**gone, "updated_at": march}) == []


def test_a_reference_to_a_row_that_is_gone_fails_the_stream_only(postgres_url: str) -> None:
    sweep(postgres_url, [1, 2], [1, 2])
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute("CREATE TABLE notes (person bigint REFERENCES genius.people); INSERT INTO notes VALUES (2)")
    result = sweep(postgres_url, [], [1], hard_delete=True)
    assert "other rows of the warehouse refer to them" in (result.error or "")
    assert (last_run(postgres_url).status, last_run(postgres_url).error_category) == ("failed", "sweep")


def test_an_unusable_key_is_an_error_of_the_tap_and_is_not_shown(postgres_url: str) -> None:
    result = load(
        postgres_url,
        header("people"),
        schema("people", PROPERTIES),
        schema("people_keys", {"id": INTEGER}, **{"x-sweep-of": "people"}),
        records("people_keys", {"id": "secret"}),
    )
    assert "a key of its key set is unusable" in (result.error or "")
    assert "secret" not in (result.error or "")


def test_a_deleted_record_may_be_no_more_than_its_key(postgres_url: str) -> None:
    properties = {**PROPERTIES, "_sdc_deleted_at": {"type": ["string", "null"], "format": "date-time"}}

    def send(*rows: dict[str, Any]) -> None:
        load(
            postgres_url,
            header("people"),
            schema("people", properties),
            records("people", *rows),
            state({}, people="success"),
        )

    send({"id": 1, "name": "Ann"}, {"id": 2, "name": "Bo"})
    tombstone = {"id": 1, "_sdc_deleted_at": "2026-03-01T00:00:00Z"}
    send(tombstone, {"id": 2, "name": None})
    with psycopg.connect(postgres_url) as conn:
        stored = conn.execute("SELECT id, name, _sdc_deleted_at IS NULL FROM genius.people ORDER BY id").fetchall()
    assert stored == [(1, "Ann", False), (2, None, True)]
    send(tombstone)
    assert last_run(postgres_url).records_unchanged == 1


DAYS = {"id": INTEGER, "callTime": {"type": ["string", "null"], "format": "date-time"}}


def sweep_days(url: str, days: list[int | None], keys: list[int], within: Any, share: float = 1.0) -> Result:
    """Send a row per day of January 2026, whose id is the day; then the keys of a stretch of time."""
    moments = [None if day is None else f"2026-01-{day:02}T12:00:00+00:00" for day in days]
    extra = {"x-sweep-of": "people", "x-max-deleted-share": share, "x-sweep-within": within}
    return load(
        url,
        header("people"),
        schema("people", DAYS),
        records("people", *({"id": day or 99, "callTime": m} for day, m in zip(days, moments, strict=True))),
        schema("people_keys", {"id": INTEGER}, **extra),
        records("people_keys", *({"id": number} for number in keys)),
        state({"people": {}}, people="success"),
    )


def january(start: int, end: int) -> dict[str, str]:
    return {"column": "callTime", "start": f"2026-01-{start:02}T12:00:00Z", "end": f"2026-01-{end:02}T12:00:00Z"}


def test_a_key_set_of_a_stretch_of_time_judges_no_row_outside_of_it(postgres_url: str) -> None:
    days: list[int | None] = [1, 2, 3, 4, 5, None]
    assert sweep_days(postgres_url, days, [1, 2, 3, 4, 5, 99], january(1, 31)).exit_code == 0
    # From the second (inclusive) to the fourth (exclusive): only 3 is missing there.
    assert sweep_days(postgres_url, [], [2], january(2, 4)).exit_code == 0
    assert alive(postgres_url) == [1, 2, 4, 5, 99]
    assert last_run(postgres_url).records_deleted == 1


def test_the_share_is_one_of_the_rows_in_the_stretch(postgres_url: str) -> None:
    sweep_days(postgres_url, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], january(1, 31))
    assert sweep_days(postgres_url, [], [], january(2, 4), share=0.5).exit_code == 1
    assert alive(postgres_url) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "within", [{}, "all", {"column": "gone", "start": "x", "end": "y"}, {"column": "callTime", "start": "2026-01-01"}]
)
def test_a_stretch_that_cannot_be_read_stops_the_run(postgres_url: str, within: Any) -> None:
    sweep_days(postgres_url, [1, 2], [1, 2], january(1, 31))
    result = sweep_days(postgres_url, [], [], within)
    assert result.exit_code == 1
    assert "x-sweep-within" in (result.error or "")
    assert alive(postgres_url) == [1, 2]


def tombstones(url: str, *rows: dict[str, Any]) -> Result:
    moment = {"type": ["string", "null"], "format": "date-time"}
    return load(
        url,
        header("people"),
        schema("people", PROPERTIES | {"_sdc_deleted_at": moment}),
        records("people", *rows),
        state({"people": {}}, people="success"),
    )


def test_a_bare_tombstone_of_a_row_that_was_never_here_makes_none(postgres_url: str) -> None:
    gone = "2026-01-01T00:00:00+00:00"
    result = tombstones(
        postgres_url,
        {"id": 1, "name": "Ann", "_sdc_deleted_at": None},
        {"id": 2, "_sdc_deleted_at": gone},
        {"id": 3, "name": "Archived", "_sdc_deleted_at": gone},
    )
    assert result.exit_code == 0
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT id, name FROM genius.people ORDER BY id").fetchall() == [
            (1, "Ann"),
            (3, "Archived"),
        ]
    run = last_run(postgres_url)
    assert (run.records_processed, run.records_created, run.records_unchanged) == (3, 2, 1)
    assert alive(postgres_url) == [1]


def test_a_tombstone_after_its_record_in_the_same_batch_counts(postgres_url: str) -> None:
    gone = "2026-01-01T00:00:00+00:00"
    tombstones(postgres_url, {"id": 1, "name": "Ann"}, {"id": 1, "_sdc_deleted_at": gone})
    assert alive(postgres_url) == []
