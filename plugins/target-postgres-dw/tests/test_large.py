"""Much data and wide data: what is loaded beside the reading, what ends in time, what Postgres can just hold."""

from __future__ import annotations

import io
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from target_postgres_dw.target import TargetPostgresDw
from target_postgres_dw.testing import INTEGER, TEXT, bookmark, header, load, records, schema, state, to_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A table has 1,600 columns at most, and three are the loader's.
WIDEST = 1_597
PEOPLE = schema("people", {"id": INTEGER, "name": TEXT})
DONE = bookmark("2026-02-01T00:00:00.000000+00:00")


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_the_reading_goes_on_while_rows_are_loaded(postgres_url: str) -> None:
    seen: list[str] = []

    def lines() -> Iterator[str]:
        yield to_lines(header("people"), PEOPLE)
        with psycopg.connect(postgres_url) as reader, psycopg.connect(postgres_url, autocommit=True) as observer:
            reader.execute("LOCK TABLE genius.people IN SHARE MODE")
            yield to_lines(records("people", {"id": 1, "name": "Ann"}), state({"people": DONE}, people="running"))
            # The loader asks for more, though the rows above cannot get into the table yet.
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'genius.people'::regclass"
            while observer.execute(waiting).fetchone() == (0,):
                time.sleep(0.01)
            seen.append("under way")
            reader.rollback()
        yield to_lines(records("people", {"id": 2, "name": "Bo"}))
        yield to_lines(state({"people": DONE}, people="success"))

    target = TargetPostgresDw(config={"sqlalchemy_url": postgres_url, "batch_size_rows": 1, "lock_timeout_seconds": 60})
    with redirect_stdout(io.StringIO()):
        target.listen(line for text in lines() for line in text.splitlines(keepends=True))
    assert seen == ["under way"]
    assert query(postgres_url, "SELECT id, name FROM genius.people ORDER BY id") == [(1, "Ann"), (2, "Bo")]
    assert query(postgres_url, "SELECT status, records_created FROM orchestration.sync_history") == [("success", 2)]


def test_a_statement_that_takes_too_long_ends_the_run_and_commits_nothing(postgres_url: str) -> None:
    load(postgres_url, header("people"), PEOPLE, state({"people": DONE}, people="success"))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER slow BEFORE INSERT ON genius.people FOR EACH ROW EXECUTE FUNCTION wait()")
    result = load(
        postgres_url,
        header("people"),
        PEOPLE,
        records("people", {"id": 1, "name": "Ann"}),
        state({"people": DONE}, people="success"),
        statement_timeout_seconds=1,
    )
    assert result.exit_code == 1
    assert "statement timeout" in (result.error or "")
    assert query(postgres_url, "SELECT * FROM genius.people") == []
    last = "SELECT status, error_category FROM orchestration.sync_history ORDER BY id DESC LIMIT 1"
    assert query(postgres_url, last) == [("failed", "warehouse")]


def test_postgres_knows_the_size_of_a_table_after_its_first_load(postgres_url: str) -> None:
    rows = [{"id": number, "name": "Ann"} for number in range(12_000)]
    load(postgres_url, header("people"), PEOPLE, records("people", *rows), state({"people": DONE}, people="success"))
    known = "SELECT reltuples FROM pg_class WHERE oid = 'genius.people'::regclass"
    deadline = time.monotonic() + 60
    while query(postgres_url, known) != [(12_000,)]:  # unless Postgres' own vacuum is about to find it out
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_vacuum_under_way_is_not_waited_for(postgres_url: str) -> None:
    load(postgres_url, header("people"), PEOPLE, state({"people": DONE}, people="success"))
    rows = [{"id": number, "name": "Ann"} for number in range(12_000)]
    with psycopg.connect(postgres_url) as vacuum:
        vacuum.execute("LOCK TABLE genius.people IN SHARE UPDATE EXCLUSIVE MODE")  # as VACUUM and ANALYZE do
        result = load(
            postgres_url,
            header("people"),
            PEOPLE,
            records("people", *rows),
            state({"people": DONE}, people="success"),
            lock_timeout_seconds=1,
        )
    assert result.exit_code == 0, result.error
    assert query(postgres_url, "SELECT count(*) FROM genius.people") == [(12_000,)]


def test_a_text_of_ten_million_characters(postgres_url: str) -> None:
    text = "ü\\\n" * 3_333_333
    load(
        postgres_url,
        header("people"),
        PEOPLE,
        records("people", {"id": 1, "name": text}, {"id": 2, "name": "Bo"}),
        state({"people": DONE}, people="success"),
    )
    assert query(postgres_url, "SELECT id, name FROM genius.people ORDER BY id") == [(1, text), (2, "Bo")]


@pytest.mark.parametrize("batch", [True, False], ids=["batch", "record"])
def test_a_table_as_wide_as_postgres_allows(postgres_url: str, tmp_path: Path, *, batch: bool) -> None:
    names = ["id", *(f"c{number}" for number in range(1, WIDEST))]
    wide = schema("people", {"id": INTEGER, **dict.fromkeys(names[1:], TEXT)})
    for value in ("first", "second"):
        # What is null takes no room in a row: a text in every column would not fit into a page.
        if batch:
            (tmp_path / "run").mkdir(exist_ok=True)  # the loader removes it
            (tmp_path / "run" / "lock").touch()
            (tmp_path / "run" / "1.copy").write_text("\t".join(["1", value, *["\\N"] * (WIDEST - 3), "last"]) + "\n")
            sent: list[Any] = [
                {
                    "type": "BATCH",
                    "stream": "people",
                    "encoding": {"format": "copy-text", "columns": names},
                    "manifest": [f"file://{tmp_path}/run/1.copy"],
                    "rows": 1,
                    "time_extracted": "2026-03-01T00:00:01+00:00",
                }
            ]
        else:
            sent = records("people", {"id": 1, "c1": value, f"c{WIDEST - 1}": "last"})
        result = load(postgres_url, header("people"), wide, sent, state({"people": DONE}, people="success"))
        assert (result.exit_code, result.error) == (0, None)
        assert query(postgres_url, f"SELECT id, c1, c2, c{WIDEST - 1} FROM genius.people") == [(1, value, None, "last")]


def test_a_table_wider_than_postgres_allows_is_one_sentence(postgres_url: str) -> None:
    names = [f"c{number}" for number in range(1, WIDEST + 1)]
    wide = schema("people", {"id": INTEGER, **dict.fromkeys(names, TEXT)})
    result = load(postgres_url, header("people"), wide, state({"people": DONE}, people="success"))
    assert result.exit_code == 1
    assert "1600 columns" in (result.error or "")
