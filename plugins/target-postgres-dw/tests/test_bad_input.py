"""Bad input ends the run with one sentence that names the stream and the line; what was committed stands."""

from __future__ import annotations

import psycopg
import pytest
from sync_history import runs
from target_postgres_dw.testing import (
    INTEGER,
    TEXT,
    bookmark,
    header,
    load,
    load_bytes,
    records,
    schema,
    state,
    to_lines,
)

JAN = "2026-01-01T00:00:00.000000+00:00"
GOOD = to_lines(
    header("people", "pets"),
    schema("people", {"id": INTEGER, "name": TEXT}, required=["id", "name"]),
    records("people", {"id": 1, "name": "Ann"}),
    state({"people": bookmark(JAN)}, people="running"),
    records("people", {"id": 2, "name": "Bo"}),
)
LINES = GOOD.count("\n")


RECORD = '{"type":"RECORD","stream":"people","record":%s}'


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"type":"RECORD","stream":"people","record":{"id":3,', "(stream people) is no Singer message"),
        ("Traceback (most recent call last):", " is no Singer message"),
        ('{"type":"RECORD","stream":"pets","record":{"id":1}}', "A record of stream pets came before its SCHEMA"),
        (RECORD % '{"name":"Cy"}', "A record of stream people has no id, which is part of its key"),
        (RECORD % '{"id":3}', "A record of stream people has no name, which its schema requires"),
        (RECORD % "[]", "A record of stream people is no JSON object"),
        ('{"type":"SCHEMA","stream":"pets","schema":{}}', "The SCHEMA of stream pets has no properties"),
        ('{"type":"SCHEMA","stream":"pets"}', "The SCHEMA of stream pets has no properties"),
        (
            '{"type":"SCHEMA","stream":"pets","schema":{"properties":{"age":{"type":5}}}}',
            "The SCHEMA of stream pets is no JSON Schema at its property age",
        ),
        (
            '{"type":"SCHEMA","stream":"pets","schema":{"properties":{"id":{}}},"key_properties":"id"}',
            "(stream pets) is no Singer message",
        ),
        (
            '{"type":"SCHEMA","stream":"k","schema":{"x-sweep-of":"people","properties":{"id":[]}},"key_properties":["id"]}',
            "Stream people: the SCHEMA of its key set is unusable",
        ),
        (
            '{"type":"ACTIVATE_VERSION","stream":"pets","version":1}',
            "ACTIVATE_VERSION of stream pets came before its SCHEMA",
        ),
        ('{"type":"ACTIVATE_VERSION","stream":"dogs","version":1}', "ACTIVATE_VERSION of stream dogs came before"),
        (RECORD.replace("people", "dogs") % '{"id":1}', "A record of stream dogs came before its SCHEMA"),
        ('{"type":"RECORD","stream":"people"}', "A RECORD of stream people lacks its stream or its record"),
        ('{"type":"RECORD","record":{"id":1}}', "A RECORD of stream ? lacks its stream or its record"),
        ('{"type":"HELLO","stream":"people"}', "(stream people) is no Singer message"),
        ('{"type":"STATE"}', "A STATE lacks its value"),
        ('{"type":"STATE","value":7}', "A STATE holds no JSON object"),
        ('{"type":"STATE","value":{"sync_report":{"streams":[]}}}', "The sync_report of a STATE is malformed"),
        ('{"type":"STATE","value":{"sync_report":{"run":{}}}}', "The sync_report of a STATE is malformed"),
    ],
)
def test_one_sentence_names_stream_and_line(postgres_url: str, line: str, sentence: str) -> None:
    error = load_bytes(postgres_url, f"{GOOD}{line}\n".encode(), batch_size_rows=1)
    assert error is not None
    assert error.startswith(f"Line {LINES + 1} of the input")
    assert sentence in error
    assert "\n" not in error
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT id, name FROM genius.people ORDER BY id").fetchone() == (1, "Ann")
        found = {run.sync_type: run for run in runs.find_runs(conn)}
    for run in found.values():
        assert (run.status, run.error_category, run.error_message) == ("failed", "data", error)
    assert found["people"].bookmark == bookmark(JAN)


def test_a_property_that_is_not_required_may_be_missing(postgres_url: str) -> None:
    result = load(
        postgres_url,
        header("people"),
        schema("people", {"id": INTEGER, "name": TEXT, "age": INTEGER}, required=["id", "name", "unknown"]),
        records("people", {"id": 1, "name": None}),
        state({}, people="success"),
    )
    assert result.error is None


def test_a_required_property_may_be_missing_from_a_deleted_record_and_without_validation(postgres_url: str) -> None:
    properties = {"id": INTEGER, "name": TEXT, "_sdc_deleted_at": TEXT}
    messages = [
        schema("people", properties, required=["id", "name"]),
        *records("people", {"id": 1, "_sdc_deleted_at": JAN}),
    ]
    assert load(postgres_url, *messages).error is None
    assert load(postgres_url, messages[0], records("people", {"id": 2}), validate_records=False).error is None
    assert load(postgres_url, messages[0], records("people", {"id": 3})).exit_code == 1


def test_bookmarks_of_another_tap_may_have_any_shape(postgres_url: str) -> None:
    messages = [schema("people", {"id": INTEGER}), *records("people", {"id": 1})]
    for bookmarks in ([1], None, {"people": 5}, "x"):
        last = {"type": "STATE", "value": {"bookmarks": bookmarks}}
        result = load(postgres_url, messages, last)
        assert result.error is None
        assert [value["bookmarks"] for value in result.states] == [bookmarks]
