"""BATCH messages: files of COPY text, whole or with rows to refuse, over one connection or two."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from target_postgres_dw import lanes
from target_postgres_dw.run import Run
from target_postgres_dw.stream import Stream
from target_postgres_dw.testing import DATE_TIME, INTEGER, TEXT, bookmark, header, load, records, schema, state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from target_postgres_dw.testing import Message

PROPERTIES: dict[str, Any] = {
    "id": INTEGER,
    "name": TEXT,
    "is_on": {"type": ["boolean", "null"]},
    "data": {"type": ["object", "string", "null"]},
    "updated_at": DATE_TIME,
}
COLUMNS = ("id", "data", "is_on", "name", "updated_at")
LARGE = 10_000


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        connection.execute("SET timezone = 'UTC'")
        return connection.execute(statement.encode()).fetchall()


def run_sql(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def line(number: int, name: str = "\\N", **fields: str) -> str:
    values = {"data": "\\N", "is_on": "1", "updated_at": "2026-03-01 00:00:00", "name": name, **fields}
    return "\t".join([str(number), *(values[column] for column in COLUMNS[1:])])


class Files:
    """Writes the files of a test and the messages that name them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run"
        self.made: list[Path] = []

    def batch(self, *lines: str, disjoint: bool = False, **changed: Any) -> Message:
        self.folder.mkdir(exist_ok=True)  # the loader removes it at its end
        (self.folder / "lock").touch()
        path = self.folder / f"{len(self.made)}.copy"
        path.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
        self.made.append(path)
        return {
            "type": "BATCH",
            "stream": "people",
            "encoding": {"format": "copy-text", "columns": list(COLUMNS)},
            "manifest": [f"file://{path}"],
            "rows": len(lines),
            "time_extracted": "2026-03-01T00:00:01+00:00",
            "disjoint": disjoint,
            **changed,
        }

    def large(self, first: int, *, name: Callable[[int], str] = str, disjoint: bool = True) -> Message:
        return self.batch(*(line(n, name(n)) for n in range(first, first + LARGE)), disjoint=disjoint)

    def left(self) -> list[Path]:
        return [path for path in self.made if path.exists()]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def people(*messages: Message, end: bool = True, key: tuple[str, ...] = ("id",), **changed: Any) -> list[Message]:
    """A whole run: each BATCH is followed by the STATE that covers it."""
    properties = {**PROPERTIES, **changed}
    found = [header("people"), schema("people", properties, key=key, replication_key="updated_at")]
    for number, message in enumerate(messages, start=1):
        found += [message, state({"people": bookmark(f"2026-01-{number:02}T00:00:00.000000+00:00")})]
    return [*found, state({"people": bookmark("2026-02-01T00:00:00.000000+00:00")}, people="success")] if end else found


def counts(url: str) -> tuple[Any, ...]:
    (found,) = query(
        url,
        "SELECT status, records_created, records_updated, records_unchanged, records_failed"
        " FROM orchestration.sync_history ORDER BY id DESC LIMIT 1",
    )
    return found


def test_fields_and_metadata(postgres_url: str, files: Files) -> None:
    text = r"tab\tnew\nline\rback\\slash"
    result = load(
        postgres_url,
        people(files.batch(line(1, text, data='{"a": [1]}', is_on="0"), line(2, "", is_on="\\N", updated_at="\\N"))),
    )
    assert result.error is None
    columns = "id, name, is_on, data, updated_at::text, _sdc_extracted_at::text"
    assert query(postgres_url, f"SELECT {columns} FROM genius.people ORDER BY id") == [
        (1, "tab\tnew\nline\rback\\slash", False, {"a": [1]}, "2026-03-01 00:00:00+00", "2026-03-01 00:00:01+00"),
        (2, "", None, None, None, "2026-03-01 00:00:01+00"),
    ]
    recent = "_sdc_batched_at > now() - interval '1 hour'"
    assert query(postgres_url, f"SELECT count(*) FROM genius.people WHERE {recent}") == [(2,)]
    assert files.left() == []
    assert not files.folder.exists()


@pytest.mark.parametrize("connections", [1, 2])
def test_counts_of_loads_and_reloads(postgres_url: str, files: Files, connections: int) -> None:
    def run(name: Callable[[int], str]) -> tuple[Any, ...]:
        batches = [files.large(first, name=name) for first in range(0, 5 * LARGE, LARGE)]
        result = load(postgres_url, people(*batches), load_connections=connections)
        assert result.error is None
        values = [printed["bookmarks"]["people"]["replication_key_value"] for printed in result.states]
        assert values == sorted(values)
        assert len(set(values)) == len(values) == 6
        return counts(postgres_url)

    assert run(str) == ("success", 50_000, 0, 0, 0)
    assert run(str) == ("success", 0, 0, 50_000, 0)
    assert run(lambda n: "odd" if n % 2 else str(n)) == ("success", 0, 25_000, 25_000, 0)
    assert query(postgres_url, "SELECT count(*), count(DISTINCT id) FROM genius.people") == [(50_000, 50_000)]
    assert query(postgres_url, "SELECT reltuples::int FROM pg_class WHERE oid = 'genius.people'::regclass") == [
        (50_000,)
    ]
    assert files.left() == []


def test_nothing_is_committed_before_what_came_earlier(
    postgres_url: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_is_done, seen = threading.Event(), []
    load_batches, print_state = Stream.load_batches, Run._print_state

    def slow_first(self: Stream, conn: Any, batches: Any, allowed: int) -> Any:
        if batches[0].path.name == "0.copy":
            assert second_is_done.wait(30)
        loaded = load_batches(self, conn, batches, allowed)
        if batches[0].path.name == "1.copy":
            second_is_done.set()
        return loaded

    def watching(self: Run, state: dict[str, Any] | None) -> None:
        seen.append((query(postgres_url, "SELECT max(id) FROM genius.people")[0][0], len(files.left())))
        print_state(self, state)

    monkeypatch.setattr(Stream, "load_batches", slow_first)
    monkeypatch.setattr(Run, "_print_state", watching)
    result = load(postgres_url, people(files.large(0), files.large(LARGE)))
    assert result.error is None
    # Before the end: each STATE when its own rows are committed, and its file is gone.
    assert seen[:2] == [(9_999, 1), (19_999, 0)]


def test_two_transactions_that_wait_for_each_other(
    postgres_url: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(postgres_url, people())
    run_sql(postgres_url, "CREATE UNIQUE INDEX ON genius.people (name)")
    monkeypatch.setattr(lanes, "_LOCK_TIMEOUT", "300ms")
    younger_has_written = threading.Event()
    load_batches = Stream.load_batches

    def crossing(self: Stream, conn: Any, batches: Any, allowed: int) -> Any:
        if batches[0].path.name == "0.copy" and not younger_has_written.is_set():
            assert younger_has_written.wait(30)
        loaded = load_batches(self, conn, batches, allowed)
        if batches[0].path.name == "1.copy":
            younger_has_written.set()
        return loaded

    monkeypatch.setattr(Stream, "load_batches", crossing)

    def name(number: int) -> str:
        return "the same" if number in {5, LARGE + 5} else str(number)

    result = load(
        postgres_url, people(files.large(0, name=name), files.large(LARGE, name=name), files.large(2 * LARGE))
    )
    assert result.error is None
    # The older row wins, as it would over one connection.
    assert query(postgres_url, "SELECT id FROM genius.people WHERE name = 'the same'") == [(5,)]
    assert counts(postgres_url) == ("partial", 29_999, 0, 0, 1)


def test_rows_that_postgres_refuses_are_rejects_and_the_rest_is_loaded(postgres_url: str, files: Files) -> None:
    lines = [line(n, "x") for n in range(3000)]
    lines[1234] = line(1234, "bad", updated_at="2026-02-30 00:00:00", is_on="0", data='{"a": 1}')
    lines[2000] = line(2000, "bad", data="{")
    result = load(postgres_url, people(files.batch(*lines)))
    assert result.error is None
    assert counts(postgres_url) == ("partial", 2998, 0, 0, 2)
    assert query(postgres_url, "SELECT field, record_key, record FROM orchestration.sync_reject ORDER BY id") == [
        (
            "updated_at",
            {"id": 1234},
            {"id": 1234, "name": "bad", "is_on": False, "data": {"a": 1}, "updated_at": "2026-02-30T00:00:00Z"},
        ),
        (
            "data",
            {"id": 2000},
            {"id": 2000, "name": "bad", "is_on": True, "data": "{", "updated_at": "2026-03-01T00:00:00Z"},
        ),
    ]


def test_too_many_refused_rows_stop_the_run_and_keep_what_was_committed(postgres_url: str, files: Files) -> None:
    bad = files.batch(*(line(n, is_on="x" if n < LARGE + 9 else "1") for n in range(LARGE, 2 * LARGE)), disjoint=True)
    result = load(postgres_url, people(files.large(0), bad, files.large(2 * LARGE)), max_rejects="5")
    assert result.exit_code == 1
    assert "max_rejects" in str(result.error)
    assert query(postgres_url, "SELECT count(*), max(id) FROM genius.people") == [(LARGE, LARGE - 1)]
    assert query(
        postgres_url, "SELECT status, bookmark ->> 'replication_key_value' FROM orchestration.sync_history"
    ) == [("failed", "2026-01-01T00:00:00.000000+00:00")]
    assert [path.name for path in files.left()] == ["0.copy", "2.copy"], "what was not committed is left"


def test_a_key_twice_in_a_file_and_a_stored_row_that_is_newer(postgres_url: str, files: Files) -> None:
    newer = line(2, "newer", updated_at="2026-03-02 00:00:00")
    load(postgres_url, people(files.batch(line(1, "a"), line(2, "b"), newer, line(1, "c"))))
    assert query(postgres_url, "SELECT id, name FROM genius.people ORDER BY id") == [(1, "c"), (2, "newer")]
    assert counts(postgres_url) == ("success", 2, 0, 2, 0)
    load(postgres_url, people(files.batch(line(2, "older"))))
    assert query(postgres_url, "SELECT name FROM genius.people WHERE id = 2") == [("newer",)]
    load(postgres_url, people(files.batch(line(2, "older"))), force=True)
    assert query(postgres_url, "SELECT name FROM genius.people WHERE id = 2") == [("older",)]


def test_the_shortcut_into_an_empty_table_ends_where_a_key_comes_again(postgres_url: str, files: Files) -> None:
    load(postgres_url, people(files.batch(line(1, "a")), files.batch(line(1, "b"), line(2, "b"))))
    assert query(postgres_url, "SELECT id, name FROM genius.people ORDER BY id") == [(1, "b"), (2, "b")]
    assert counts(postgres_url)[1:] == (2, 0, 1, 0) or counts(postgres_url)[1:] == (2, 1, 0, 0)


def test_what_a_trigger_leaves_out_is_not_counted_as_created(postgres_url: str, files: Files) -> None:
    load(postgres_url, people())
    run_sql(
        postgres_url,
        "CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.id = 3 THEN RETURN NULL; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER selects BEFORE INSERT ON genius.people FOR EACH ROW EXECUTE FUNCTION leave_out()",
    )
    result = load(postgres_url, people(files.batch(*(line(number) for number in range(1, 6)))))
    assert result.exit_code == 0, result.error
    assert query(postgres_url, "SELECT id FROM genius.people ORDER BY id") == [(1,), (2,), (4,), (5,)]
    assert counts(postgres_url) == ("success", 4, 0, 1, 0)


def test_records_and_batches_keep_their_order(postgres_url: str, files: Files) -> None:
    def record(name: str) -> Message:
        return records("people", {"id": 1, "name": name, "updated_at": "2026-03-01T00:00:00Z"})[0]

    messages = people(record("1"), files.batch(line(1, "2")), record("3"), files.batch(line(1, "4")), record("5"))
    assert load(postgres_url, messages).error is None
    assert query(postgres_url, "SELECT name FROM genius.people") == [("5",)]
    assert files.left() == []


def test_columns_whose_table_has_another_type(postgres_url: str, files: Files) -> None:
    run_sql(
        postgres_url,
        "CREATE SCHEMA genius",
        "CREATE TABLE genius.people (id text PRIMARY KEY, is_on text, updated_at text, raw bytea)",
    )
    columns = [*COLUMNS, "raw"]
    batch = files.batch(
        line(7) + "\tCAFE",
        line(8, is_on="0", updated_at="2026-03-01 00:00:00.5") + "\t\\N",
        encoding={"format": "copy-text", "columns": columns},
    )
    raw = {"type": ["string", "null"], "contentEncoding": "base16"}
    result = load(postgres_url, people(batch, raw=raw), interpret_content_encoding=True)
    assert result.error is None
    assert query(postgres_url, "SELECT id, is_on, updated_at, raw FROM genius.people ORDER BY id") == [
        ("7", "true", "2026-03-01T00:00:00Z", b"\xca\xfe"),
        ("8", "false", "2026-03-01T00:00:00.500000Z", None),
    ]


def test_a_dry_run_counts_truly_and_changes_nothing(postgres_url: str, files: Files) -> None:
    load(postgres_url, people(files.batch(line(1, "a"), line(2, "b"))))
    result = load(postgres_url, people(files.batch(line(1, "a"), line(2, "c"), line(3, "d"))), dry_run=True)
    assert result.states == []
    assert counts(postgres_url) == ("success", 1, 1, 1, 0)
    assert query(postgres_url, "SELECT id, name FROM genius.people ORDER BY id") == [(1, "a"), (2, "b")]


def test_without_a_key_rows_wait_for_the_state_that_covers_them(postgres_url: str, files: Files) -> None:
    messages = people(files.batch(line(1, "a")), key=(), end=False)
    uncovered = files.batch(line(2, "b"))
    load(postgres_url, [*messages, uncovered])
    assert query(postgres_url, "SELECT id FROM genius.people") == [(1,)]
    assert [path.name for path in files.left()] == ["1.copy"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"encoding": {"format": "jsonl", "compression": "gzip"}}, "cannot be loaded"),
        ({"encoding": {"format": "copy-text", "compression": "gzip", "columns": ["id"]}}, "uncompressed"),
        ({"encoding": None}, "readable encoding"),
        ({"encoding": {"format": "copy-text"}}, "must tell its columns"),
        ({"encoding": {"format": "copy-text", "columns": ["name"]}}, "must be properties"),
        ({"encoding": {"format": "copy-text", "columns": ["id", "age"]}}, "must be properties"),
        ({"encoding": {"format": "copy-text", "columns": ["id", "id"]}}, "must be properties"),
        ({"rows": None}, "must tell its columns"),
        ({"rows": 3}, "holds 1 rows, but its message says 3"),
        ({"manifest": []}, "one file"),
        ({"manifest": ["s3://bucket/key"]}, "not on this machine"),
        ({"manifest": ["file:///nowhere/at-all.copy"]}, "cannot be read"),
        ({"stream": "pets"}, "before its SCHEMA"),
    ],
)
def test_a_batch_that_is_none_is_one_sentence(
    postgres_url: str, files: Files, changed: Mapping[str, Any], sentence: str
) -> None:
    result = load(postgres_url, people(files.batch(line(1)), {**files.batch(line(2)), **changed}))
    assert result.exit_code == 1
    assert sentence in str(result.error)
    assert query(postgres_url, "SELECT status FROM orchestration.sync_history") == [("failed",)]


def test_batches_cannot_be_mapped(postgres_url: str, files: Files) -> None:
    result = load(postgres_url, people(files.batch(line(1))), stream_maps={"people": {"loud": "name"}})
    assert "cannot be mapped" in str(result.error)


def test_a_table_that_is_locked_ends_the_run_after_a_while(postgres_url: str, files: Files) -> None:
    load(postgres_url, people(files.batch(line(1, "a"))))
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE genius.people IN EXCLUSIVE MODE")
        result = load(postgres_url, people(files.batch(line(1, "b"))), lock_timeout_seconds=1)
    assert result.exit_code == 1
    assert "lock timeout" in str(result.error)
    assert load(postgres_url, people(files.batch(line(1, "b")))).error is None
