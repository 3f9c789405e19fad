"""Rows of an empty table go straight into it; whatever does not go so is merged, and nobody sees a difference."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from target_postgres_dw.merge import Merge
from target_postgres_dw.testing import INTEGER, TEXT, bookmark, header, load, records, schema, state

if TYPE_CHECKING:
    from collections.abc import Iterator

PEOPLE = schema("people", {"id": INTEGER, "name": TEXT})
DONE = bookmark("2026-02-01T00:00:00.000000+00:00")
SUCCESS = state({"people": DONE}, people="success")
COUNTS = "SELECT records_created, records_updated, records_unchanged, records_failed FROM orchestration.sync_history"


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What became of each attempt to copy straight into a table."""
    seen: list[bool] = []
    original = Merge.copy_to_table

    def kept(self: Merge, blocks: Any) -> bool:
        seen.append(original(self, blocks))
        return seen[-1]

    monkeypatch.setattr(Merge, "copy_to_table", kept)
    return seen


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def people(first: int, last: int) -> list[dict[str, Any]]:
    return [{"id": number, "name": f'a "quoted" \\ name\n{number}'} for number in range(first, last + 1)]


def test_the_first_load_is_copied_and_the_next_is_merged(postgres_url: str, direct: list[bool]) -> None:
    load(postgres_url, header("people"), PEOPLE, records("people", *people(1, 2500)), SUCCESS)
    assert direct == [True]
    stored = query(postgres_url, "SELECT id, name, _sdc_batched_at IS NOT NULL FROM genius.people ORDER BY id")
    assert stored == [(row["id"], row["name"], True) for row in people(1, 2500)]
    load(postgres_url, header("people"), PEOPLE, records("people", *people(2400, 2600)), SUCCESS)
    assert direct == [True]
    assert query(postgres_url, f"{COUNTS} ORDER BY id") == [(2500, 0, 0, 0), (100, 0, 101, 0)]


def test_a_key_that_comes_twice_is_merged(postgres_url: str, direct: list[bool]) -> None:
    rows = [*people(1, 1500), {"id": 7, "name": "last"}]
    load(postgres_url, header("people"), PEOPLE, records("people", *rows), SUCCESS)
    assert direct == [False]
    assert query(postgres_url, "SELECT count(*) FROM genius.people") == [(1500,)]
    assert query(postgres_url, "SELECT name FROM genius.people WHERE id = 7") == [("last",)]


def test_a_row_that_is_refused_is_found(postgres_url: str, direct: list[bool]) -> None:
    load(postgres_url, header("people"), PEOPLE, SUCCESS)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE genius.people ADD CHECK (name <> 'bad')")
    rows = [*people(1, 1200), {"id": 5000, "name": "bad"}, *people(1201, 1300)]
    load(postgres_url, header("people"), PEOPLE, records("people", *rows), SUCCESS)
    assert direct == [False]
    assert query(postgres_url, "SELECT count(*), max(id) FROM genius.people") == [(1300, 1300)]
    assert query(postgres_url, "SELECT record_key ->> 'id' FROM orchestration.sync_reject") == [("5000",)]
    assert query(postgres_url, f"{COUNTS} ORDER BY id DESC LIMIT 1") == [(1300, 0, 0, 1)]


def test_what_does_not_go_is_merged_from_then_on(postgres_url: str, direct: list[bool]) -> None:
    load(
        postgres_url,
        header("people"),
        PEOPLE,
        records("people", *people(1, 10)),
        state({"people": DONE}, people="running"),
        records("people", *people(5, 20)),
        state({"people": DONE}, people="running"),
        records("people", *people(15, 30)),
        SUCCESS,
        batch_size_rows=10,
    )
    assert direct[0] is True
    assert direct.count(False) == 1
    assert query(postgres_url, COUNTS) == [(30, 0, 12, 0)]


def test_what_a_trigger_leaves_out_is_not_counted_as_created(postgres_url: str, direct: list[bool]) -> None:
    load(postgres_url, header("people"), PEOPLE, SUCCESS)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN IF NEW.id = 3 THEN RETURN NULL; END IF; RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER out BEFORE INSERT ON genius.people FOR EACH ROW EXECUTE FUNCTION leave_out()"
        )
    load(postgres_url, header("people"), PEOPLE, records("people", *people(1, 10)), SUCCESS)
    assert direct == [False]
    assert query(postgres_url, f"{COUNTS} ORDER BY id DESC LIMIT 1") == [(9, 0, 1, 0)]


@pytest.fixture
def plain_user(postgres_url: str) -> Iterator[str]:
    """Address of the database for a user who is no superuser."""
    name = f"loader_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'made-up'".encode())
        connection.execute(f"GRANT CREATE ON DATABASE {urlsplit(postgres_url).path[1:]} TO {name}".encode())
        try:
            place = urlsplit(postgres_url).netloc.rpartition("@")[2]
            yield urlunsplit(urlsplit(postgres_url)._replace(netloc=f"{name}:made-up@{place}"))
        finally:
            connection.execute(f"DROP OWNED BY {name} CASCADE".encode())
            connection.execute(f"DROP ROLE {name}".encode())


def test_a_table_with_security_by_row_is_merged(plain_user: str, direct: list[bool]) -> None:
    load(plain_user, header("people"), PEOPLE, SUCCESS)
    with psycopg.connect(plain_user, autocommit=True) as connection:
        connection.execute("ALTER TABLE genius.people ENABLE ROW LEVEL SECURITY")
        connection.execute("ALTER TABLE genius.people FORCE ROW LEVEL SECURITY")
        connection.execute("CREATE POLICY everything ON genius.people USING (true) WITH CHECK (true)")
    load(plain_user, header("people"), PEOPLE, records("people", *people(1, 10)), SUCCESS)
    assert direct == [False]
    assert query(plain_user, "SELECT count(*) FROM genius.people") == [(10,)]
