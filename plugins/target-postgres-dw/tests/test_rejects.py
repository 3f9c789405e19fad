"""Records that cannot be loaded are kept with their reason, and the rest loads."""

from __future__ import annotations

import io
from typing import Any

import psycopg
import pytest
from sync_history import runs
from target_postgres_dw.settings import MaxRejects
from target_postgres_dw.target import TargetPostgresDw
from target_postgres_dw.testing import (
    DATE_TIME,
    INTEGER,
    NUMBER,
    TEXT,
    bookmark,
    header,
    load,
    records,
    schema,
    state,
    to_lines,
)

PROPERTIES = {"id": INTEGER, "name": TEXT, "amount": NUMBER, "born": {"type": ["string", "null"], "format": "date"}}
MAR = "2026-03-01T00:00:00.000000+00:00"


def run_of(url: str, *rows: dict[str, Any], properties: dict[str, Any] | None = None, **config: Any) -> runs.Run:
    load(
        url,
        header("people"),
        schema("people", properties or PROPERTIES),
        records("people", *rows),
        state({"people": bookmark(MAR)}, people="success"),
        **config,
    )
    with psycopg.connect(url) as conn:
        return runs.find_runs(conn, limit=1)[0]


def rejects(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT field, reason, category, record_key, record, times_seen FROM orchestration.sync_reject ORDER BY id"
        ).fetchall()


def test_one_bad_row_in_fifty_thousand(postgres_url: str) -> None:
    code = "123e4567-e89b-12d3-a456-426614174000"
    rows = [{"id": number, "name": f"n{number}", "at": code} for number in range(50_000)]
    rows[31_415]["at"] = "no code"
    run = run_of(postgres_url, *rows, properties={**PROPERTIES, "at": {"type": "string", "format": "uuid"}})

    assert (run.status, run.records_processed, run.records_created, run.records_failed) == (
        "partial",
        50_000,
        49_999,
        1,
    )
    assert run.bookmark == bookmark(MAR)  # it may pass the reject, because the reject is stored
    ((field, reason, category, key, record, seen),) = rejects(postgres_url)
    assert (field, category, key, seen) == ("at", "record", {"id": 31_415}, 1)
    assert reason == "invalid text representation (SQLSTATE 22P02)"
    assert record == {"id": 31_415, "name": "n31415", "amount": None, "born": None, "at": "no code"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"id": 1, "amount": "abc"}, "amount should be number, but is a string"),
        ({"id": 1, "name": 5}, "name should be string, but is a number"),
        ({"id": 1, "name": {"a": 1}}, "name should be string, but is an object"),
        ({"id": "x"}, "id should be integer, but is a string"),
        ({"id": 1.5}, "id should be integer, but is a number"),
        ({"id": None}, "the key id is null"),
        ({"id": 1, "born": "now"}, "born should be an ISO 8601 date, but is other text"),
        ({"id": 1, "born": "2001-02-30"}, "born should be an ISO 8601 date, but is other text"),
    ],
    ids=[
        "text for number",
        "number for text",
        "object for text",
        "text key",
        "fraction key",
        "null key",
        "word for a date",
        "no such day",
    ],
)
def test_a_value_of_the_wrong_type_is_refused(postgres_url: str, value: dict[str, Any], reason: str) -> None:
    run = run_of(postgres_url, value, {"id": 2})

    assert (run.records_created, run.records_failed) == (1, 1)
    ((_, said, category, _, record, _),) = rejects(postgres_url)
    assert (said, category, record) == (reason, "record", value)


def test_a_whole_number_may_be_written_with_a_point(postgres_url: str) -> None:
    run = run_of(postgres_url, {"id": 7.0})
    assert (run.records_created, run.records_failed) == (1, 0)


def test_without_validation_postgres_alone_decides(postgres_url: str) -> None:
    run = run_of(postgres_url, {"id": "1", "name": 5, "amount": "2.5"}, {"id": "x"}, validate_records=False)

    assert (run.records_created, run.records_failed) == (1, 1)
    assert rejects(postgres_url)[0][1] == "invalid text representation (SQLSTATE 22P02)"
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT id, name, amount::text FROM genius.people").fetchone() == (1, "5", "2.5")


def test_a_row_that_a_constraint_refuses_is_found_by_halves(postgres_url: str) -> None:
    run_of(postgres_url, {"id": 0})
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE genius.people ADD CONSTRAINT no_thirteen CHECK (id <> 13)")
    run = run_of(postgres_url, *({"id": number} for number in range(1, 100)))

    assert (run.records_created, run.records_failed) == (98, 1)
    assert rejects(postgres_url)[0][1] == "check violation (SQLSTATE 23514, constraint no_thirteen)"


def test_a_row_too_big_for_an_index_is_refused_and_the_rest_loads(postgres_url: str) -> None:
    properties = {"id": TEXT}
    # Not compressible, so that it exceeds the 2,704 bytes of a btree entry.
    long_key = "".join(chr(0x4E00 + (number * 7919) % 20000) for number in range(4000))
    run = run_of(postgres_url, {"id": "a"}, {"id": long_key}, {"id": "b"}, properties=properties)

    assert (run.records_created, run.records_failed) == (2, 1)
    assert rejects(postgres_url)[0][1] == "program limit exceeded (SQLSTATE 54000)"


def test_bad_rows_in_many_blocks(postgres_url: str) -> None:
    rows = [{"id": number, "born": "2001-02-30" if number % 100 == 7 else "2001-02-28"} for number in range(5000)]
    run = run_of(postgres_url, *rows)

    assert (run.records_created, run.records_failed) == (4950, 50)
    assert {reject[3]["id"] for reject in rejects(postgres_url)} == {
        number for number in range(5000) if number % 100 == 7
    }


def test_a_reject_seen_again_is_counted_not_repeated(postgres_url: str) -> None:
    for _ in range(3):
        run = run_of(postgres_url, {"id": 1, "amount": "abc"})
        assert run.records_failed == 1
    assert [reject[5] for reject in rejects(postgres_url)] == [3]


def test_what_the_tap_rejects_is_stored_and_counted(postgres_url: str) -> None:
    reject = schema("sync_rejects", {"stream": TEXT, "reason": TEXT}, key=())
    load(
        postgres_url,
        header("people"),
        reject,
        schema("people", PROPERTIES),
        records("people", {"id": 1}),
        records(
            "sync_rejects",
            {
                "stream": "people",
                "key": {"id": 2},
                "field": None,
                "reason": "no key\x00",
                "category": "record",
                "record": {"id": 2, "note": "a\x00b", "half": "\ud800"},
            },
            {
                "stream": "people",
                "key": {"id": 1},
                "field": "born",
                "reason": "not a date",
                "category": "value",
                "record": {"born": "?"},
            },
        ),
        state({"people": bookmark(MAR)}, people="success"),
    )
    with psycopg.connect(postgres_url) as conn:
        run = runs.find_runs(conn, limit=1)[0]

    assert (run.status, run.records_processed, run.records_created, run.records_failed) == ("partial", 2, 1, 1)
    assert [(field, category, key) for field, _, category, key, _, _ in rejects(postgres_url)] == [
        (None, "record", {"id": 2}),
        ("born", "value", {"id": 1}),
    ]
    assert rejects(postgres_url)[0][4] == {"id": 2, "note": "a\ufffdb", "half": "\ufffd"}
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT to_regclass('genius.sync_rejects')").fetchone() == (None,)


@pytest.mark.parametrize("limit", ["10", "1%"])
def test_too_many_rejects_stop_the_run_and_leave_the_bookmark(postgres_url: str, limit: str) -> None:
    run_of(postgres_url, {"id": 1})
    before = bookmark(MAR)
    run = run_of(
        postgres_url,
        *({"id": number, "born": "never" if number > 100 else None} for number in range(200)),
        max_rejects=limit,
    )

    assert (run.status, run.error_category, run.bookmark) == ("failed", "data", None)
    assert run.bookmark_before == before
    assert "max_rejects" in (run.error_message or "")
    assert 10 < len(rejects(postgres_url)) <= 100  # a sample, to see what is wrong
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT count(*) FROM genius.people").fetchone() == (1,)


def test_as_many_rejects_as_allowed_do_not_stop_the_run(postgres_url: str) -> None:
    run = run_of(
        postgres_url,
        *({"id": number, "born": "never" if number < 10 else None} for number in range(20)),
        max_rejects="10",
    )
    assert (run.status, run.records_created, run.records_failed) == ("partial", 10, 10)


@pytest.mark.parametrize("text", ["many", "-1", "1.5", "5%%", ""])
def test_max_rejects_is_a_number_or_a_share(text: str) -> None:
    with pytest.raises(ValueError, match="max_rejects"):
        MaxRejects.parse(text)


def test_a_share_of_few_records_says_nothing() -> None:
    assert MaxRejects.parse("5%").allowed(3) == 50
    assert MaxRejects.parse(" 5 %").allowed(100_000) == 5000
    assert MaxRejects.parse("7").allowed(100_000) == 7


def test_every_kind_of_value_arrives_as_it_was(postgres_url: str) -> None:
    properties = {
        "id": INTEGER,
        "exact": NUMBER,
        "huge": {"type": ["integer", "null"], "maximum": 18446744073709551615},
        "flag": {"type": ["boolean", "null"]},
        "document": {"type": ["object", "null"]},
        "list": {"type": ["array", "null"]},
        "moment": DATE_TIME,
        "text": TEXT,
        "anything": {},
        "either": {"type": ["string", "integer", "null"]},
    }
    run = run_of(
        postgres_url,
        {
            "id": 1,
            "exact": 0.1,
            "huge": 18446744073709551615,
            "flag": False,
            "document": {"a": [1, None, '\u0000\\u0000 " \\ \n']},
            "list": [],
            "moment": "2026-03-01T05:00:00-05:00",
            "text": 'null\\N"\t\r\n\b\f\x01\x1f\u2028😀\\.',
            "anything": "word",
            "either": 5,
        },
        {"id": 2, "text": ""},
        properties=properties,
    )
    assert run.records_created == 2
    with psycopg.connect(postgres_url) as conn:
        conn.execute("SET timezone TO 'UTC'")
        first, second = conn.execute(
            "SELECT exact::text, huge::text, flag, document, list, moment::text, text, anything, either"
            " FROM genius.people ORDER BY id"
        ).fetchall()
    assert first == (
        "0.1",
        "18446744073709551615",
        False,
        {"a": [1, None, '\ufffd\\u0000 " \\ \n']},
        [],
        "2026-03-01 10:00:00+00",
        'null\\N"\t\r\n\b\f\x01\x1f\u2028😀\\.',
        "word",
        "5",
    )
    assert second == (None, None, None, None, None, None, "", None, None)


def test_texts_of_many_megabytes_arrive(postgres_url: str) -> None:
    text = "12 characters" * 800_000 + "\\ \t\r\n\0 é😀" * 1000
    document = {"text": text[:5_000_000], "list": ["x" * 1000] * 1000}
    properties = {"id": INTEGER, "text": TEXT, "document": {"type": ["object", "null"]}}
    run = run_of(
        postgres_url, {"id": 1, "text": text, "document": document}, {"id": 2, "text": "a"}, properties=properties
    )
    assert (run.records_created, run.records_failed) == (2, 0)
    with psycopg.connect(postgres_url) as conn:
        found = conn.execute("SELECT text, document FROM genius.people ORDER BY id").fetchall()
    assert found == [(text.replace("\0", "\ufffd"), document), ("a", None)]


def test_nul_bytes_are_replaced_wherever_they_are(postgres_url: str) -> None:
    properties = {"id": TEXT, "document": {"type": ["object", "null"]}, "list": {"type": ["array", "null"]}}
    nul = {"id": "a\0b", "document": {"n\0": {"m": "\0\\u0000"}}, "list": ["\0", {"\0": "\0"}]}
    for created in (1, 0):  # the second time the row is found by its key
        run = run_of(postgres_url, nul, properties=properties)
        assert (run.records_created, run.records_failed) == (created, 0)
    with psycopg.connect(postgres_url) as conn:
        found = conn.execute("SELECT id, document, list FROM genius.people").fetchall()
    assert found == [("a\ufffdb", {"n\ufffd": {"m": "\ufffd\\u0000"}}, ["\ufffd", {"\ufffd": "\ufffd"}])]


def test_decimals_are_exact(postgres_url: str) -> None:
    number = "123456789012345678901234567890.123456789012345678901234567890"
    record = f'{{"type":"RECORD","stream":"people","record":{{"id":1,"amount":{number}}}}}\n'
    target = TargetPostgresDw(config={"sqlalchemy_url": postgres_url})
    target.listen(io.StringIO(to_lines(schema("people", PROPERTIES)) + record))
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT amount::text FROM melty.people").fetchone() == (number,)


def test_half_a_surrogate_pair_is_replaced(postgres_url: str) -> None:
    run = run_of(postgres_url, {"id": 1, "name": "a\ud83d b\\ud800 \U0001f600 \udc00"})
    assert run.records_created == 1
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT name FROM genius.people").fetchone() == ("a\ufffd b\\ud800 \U0001f600 \ufffd",)


def test_an_integer_of_a_hundred_million_digits_is_refused_at_once(postgres_url: str) -> None:
    record = '{"type":"RECORD","stream":"people","record":{"id":1e99999999}}\n'
    target = TargetPostgresDw(config={"sqlalchemy_url": postgres_url})
    target.listen(io.StringIO(to_lines(schema("people", PROPERTIES)) + record))
    assert rejects(postgres_url)[0][1] == "id should be integer, but is a number"


def test_a_number_in_json_that_postgres_cannot_hold_is_refused(postgres_url: str) -> None:
    record = '{"type":"RECORD","stream":"people","record":{"id":2,"tags":[1e131073]}}\n'
    target = TargetPostgresDw(config={"sqlalchemy_url": postgres_url, "max_rejects": "100%"})
    target.listen(io.StringIO(to_lines(schema("people", {"id": INTEGER, "tags": {"type": "array"}})) + record))
    assert [(key, kept) for _, _, _, key, kept, _ in rejects(postgres_url)] == [
        ({"id": 2}, {"id": 2, "tags": ["1e131073"]})
    ]


def test_a_bad_row_does_not_change_which_of_two_rows_wins(postgres_url: str) -> None:
    run_of(postgres_url, {"id": 0})
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE genius.people ADD CONSTRAINT no_bad CHECK (name <> 'bad')")
    properties = {**PROPERTIES, "updated_at": DATE_TIME}
    load(
        postgres_url,
        header("people"),
        schema("people", properties, replication_key="updated_at"),
        records(
            "people",
            {"id": 1, "name": "new", "updated_at": "2026-03-01T00:00:00Z"},
            {"id": 2, "name": "bad"},
            {"id": 3},
            {"id": 1, "name": "old", "updated_at": "2026-01-01T00:00:00Z"},
        ),
        state({}, people="success"),
        force=True,
    )
    with psycopg.connect(postgres_url) as conn:
        run = runs.find_runs(conn, limit=1)[0]
        assert conn.execute("SELECT name FROM genius.people WHERE id = 1").fetchone() == ("new",)
    assert (run.records_created, run.records_unchanged, run.records_failed) == (2, 1, 1)


def test_a_key_that_a_trigger_makes_equal_is_refused_not_searched_for_ever(postgres_url: str) -> None:
    properties = {"mail": {"type": "string"}}
    load(postgres_url, header("people"), schema("people", properties, key=("mail",)), state({}, people="success"))
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(
            "CREATE FUNCTION lower_it() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.mail := lower(NEW.mail); RETURN NEW; END $$;"
            " CREATE TRIGGER t BEFORE INSERT ON genius.people FOR EACH ROW EXECUTE FUNCTION lower_it()"
        )
    rows = records("people", {"mail": "a@example.com"}, {"mail": "A@example.com"}, {"mail": "b@example.com"})
    result = load(
        postgres_url, header("people"), schema("people", properties, key=("mail",)), rows, state({}, people="success")
    )
    assert result.exit_code == 0
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT mail FROM genius.people ORDER BY 1").fetchall() == [
            ("a@example.com",),
            ("b@example.com",),
        ]
