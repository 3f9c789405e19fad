from __future__ import annotations

import re
import typing as t
from datetime import datetime, timedelta

import pytest
from crm_simulator import genius
from crm_simulator.genius.oddities import ODDITIES

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from crm_cli.servers.mariadb import Database
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

Tables = dict[str, dict[tuple[str, ...], tuple[str | None, ...]]]
KEYS = {
    "user_data": 1,
    "appointment_to_service": 2,
}


@pytest.fixture
def conn(mariadb: Database) -> Iterator[Connection[Cursor]]:
    with mariadb.connect() as connection:
        genius.create_schema(connection)
        yield connection


def ask(conn: Connection[Cursor], statement: str) -> list[tuple[t.Any, ...]]:
    with conn.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def one(conn: Connection[Cursor], statement: str) -> t.Any:
    return ask(conn, statement)[0][0]


def snapshot(conn: Connection[Cursor]) -> Tables:
    """Return every row of every table as text, by its key."""
    tables: Tables = {}
    for table in genius.TABLES:
        columns = [row[0] for row in ask(conn, f"SHOW COLUMNS FROM `{table}`")]
        texts = ", ".join(f"CAST(`{column}` AS char)" for column in columns)
        width = KEYS.get(table, 1)
        tables[table] = {row[:width]: row for row in ask(conn, f"SELECT {texts} FROM `{table}`")}
    return tables


def test_there_is_a_table_for_each_of_the_30_streams(conn: Connection[Cursor]) -> None:
    tables = {row[0] for row in ask(conn, "SHOW TABLES")}
    assert len(genius.STREAMS) == 30
    assert tables == set(genius.STREAMS.values()) | {"third_party_source", "third_party_source_type"}
    comments = dict(
        ask(conn, "SELECT table_comment, table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
    )
    assert {comments[f"stream {stream}"]: stream for stream in genius.STREAMS} == {
        table: stream for stream, table in genius.STREAMS.items()
    }


def test_scale_one_is_a_few_thousand_rows_and_no_table_is_empty(conn: Connection[Cursor]) -> None:
    counts = genius.seed(conn)
    assert 3500 < sum(counts.values()) < 5000
    assert {table: one(conn, f"SELECT COUNT(*) FROM `{table}`") for table in genius.TABLES} == counts
    assert min(counts.values()) > 0


def test_the_same_seed_gives_the_same_rows_and_another_gives_others(conn: Connection[Cursor]) -> None:
    genius.seed(conn, scale=0.01, seed=7)
    first = snapshot(conn)
    genius.create_schema(conn)
    genius.seed(conn, scale=0.01, seed=7)
    assert snapshot(conn) == first
    genius.create_schema(conn)
    genius.seed(conn, scale=0.01, seed=8)
    assert snapshot(conn) != first


def test_a_small_company_has_every_oddity_too(conn: Connection[Cursor]) -> None:
    counts = genius.seed(conn, scale=0.0)
    assert all(len(oddities) <= counts[table] for table, oddities in ODDITIES.items())


@pytest.mark.parametrize(
    "condition",
    [
        "prospect WHERE id = 0",
        "service WHERE id = 0",
        "prospect WHERE updated_at IS NULL",
        "prospect WHERE CAST(updated_at AS char) = '0000-00-00 00:00:00'",
        "appointment_to_service WHERE updated_at = '1970-01-01'",
        "marketing_source WHERE CAST(end_date AS char) = '0000-00-00'",
        "marketing_source WHERE end_date = '2999-12-31'",
        "marketing_source WHERE CAST(start_date AS char) = '2024-00-15'",
        "marketing_source WHERE description LIKE '%\\r\\n%'",
        "appointment WHERE CAST(`date` AS char) = '2024-06-00'",
        "appointment WHERE duration > '24:00:00'",
        "user_data WHERE first_name LIKE '% '",
        "user_data WHERE YEAR(birth_date) = 2201",
        "user_data WHERE user_id > 99999999",
        "prospect WHERE CAST(notes AS binary) LIKE CAST('%🏠%' AS binary)",
        "lead WHERE with_dm = -1",
        "prospect p LEFT JOIN division d ON d.id = p.division_id WHERE d.id IS NULL",
        "appointment a LEFT JOIN prospect p ON p.id = a.prospect_id WHERE p.id IS NULL",
        "prospect p JOIN third_party_source s ON s.id = p.third_party_source_id WHERE s.third_party_source_type_id = 2",
    ],
)
def test_the_oddity_is_there(genius_db: Database, condition: str) -> None:
    with genius_db.connect() as connection:
        assert one(connection, f"SELECT COUNT(*) FROM {condition}") > 0


def test_hubspots_ids_are_digits_and_others_are_not_all(genius_db: Database) -> None:
    with genius_db.connect() as connection:
        ids = ask(
            connection,
            "SELECT label, third_party_id FROM third_party_source s "
            "JOIN third_party_source_type y ON y.id = s.third_party_source_type_id WHERE third_party_id IS NOT NULL",
        )
    assert {label for label, _ in ids} == {"hubspot", "marketsharp", "leap"}
    assert all(text.isdigit() for label, text in ids if label == "hubspot")
    assert not all(text.isdigit() for label, text in ids if label != "hubspot")


def test_nothing_looks_like_a_real_person_or_secret(genius_db: Database) -> None:
    with genius_db.connect() as connection:
        everything = " ".join(
            str(value) for table in snapshot(connection).values() for row in table.values() for value in row
        )
        secrets = ask(
            connection,
            "SELECT mes_profile_id, mes_profile_key, paysimple_username, paysimple_secret FROM division_group",
        )
        secrets += ask(connection, "SELECT ssn FROM user_data")
    assert all(value.startswith("not-a-real-secret-") for row in secrets for value in row)
    assert set(re.findall(r"@([\w.]+)", everything)) <= {"example.com", "example.org"}
    assert all(number.startswith("555-01") for number in re.findall(r"\b\d{3}-\d{4}\b", everything))


def test_the_session_is_as_before(conn: Connection[Cursor]) -> None:
    before = ask(conn, "SELECT @@sql_mode, @@time_zone")
    genius.seed(conn, scale=0.0)
    genius.pass_a_day(conn)
    assert ask(conn, "SELECT @@sql_mode, @@time_zone") == before


def test_a_day_does_exactly_what_it_says(conn: Connection[Cursor]) -> None:
    genius.seed(conn, scale=0.3)
    before = snapshot(conn)
    done = genius.pass_a_day(conn)
    after = snapshot(conn)
    for stream, table in genius.STREAMS.items():
        old, new = before[table], after[table]
        assert done.get(stream, {"new": 0, "changed": 0, "removed": 0}) == {
            "new": len(new.keys() - old.keys()),
            "changed": sum(old[key] != new[key] for key in old.keys() & new.keys()),
            "removed": len(old.keys() - new.keys()),
        }, stream
    assert {kind for counts in done.values() for kind, number in counts.items() if number} == {
        "new",
        "changed",
        "removed",
    }


def test_what_a_day_touches_carries_its_time(conn: Connection[Cursor]) -> None:
    genius.seed(conn, scale=0.1)
    now = datetime(2025, 7, 4, 12, 0, 0)  # noqa: DTZ001 - naive UTC, as in the source
    done = genius.pass_a_day(conn, now=now)
    for stream, counts in done.items():
        if stream != "job_financings":  # it has no modification time
            moved = one(conn, f"SELECT COUNT(*) FROM `{genius.STREAMS[stream]}` WHERE updated_at = '{now}'")
            assert moved == counts["new"] + counts["changed"], stream


def test_days_follow_each_other(conn: Connection[Cursor]) -> None:
    genius.seed(conn, scale=0.0)
    for day in (1, 2, 3):
        genius.pass_a_day(conn, seed=day)
        assert one(conn, "SELECT MAX(updated_at) FROM prospect") == genius.NOW + timedelta(days=day)


def test_many_prospects_are_made_by_the_server(conn: Connection[Cursor]) -> None:
    genius.generate_prospects(conn, 2000)
    genius.generate_prospects(conn, 500, first_id=2001)
    assert ask(conn, "SELECT COUNT(*), MIN(id), MAX(id) FROM prospect") == [(2500, 1, 2500)]
    assert one(conn, "SELECT COUNT(*) FROM prospect WHERE updated_at IS NULL") == 2
    assert one(conn, "SELECT COUNT(DISTINCT email) FROM prospect") == 2500
