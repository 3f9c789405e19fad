"""From JSON records to the bytes of a COPY."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from target_postgres_dw.rows import (
    BYTES_PER_BLOCK,
    ROWS_PER_BLOCK,
    RecordRefusedError,
    RowBuffer,
    RowEncoder,
    copy_lines,
)

TYPES = {"integer": "bigint", "string": "text", "number": "numeric", "boolean": "boolean", "object": "jsonb"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def column_type(schema: dict[str, Any]) -> str:
    kinds = schema.get("type", "string")
    return TYPES[kinds if isinstance(kinds, str) else kinds[0]]


def encoder(**properties: Any) -> RowEncoder:
    schema = {"properties": {name: {"type": kind} for name, kind in properties.items()}}
    return RowEncoder(schema, [next(iter(properties))], column_type)


def copied(rows: list[dict[str, Any]], **properties: Any) -> bytes:
    """Return what COPY gets for rows, without the loader's own columns."""
    encode, buffer = encoder(**properties), RowBuffer()
    for row in rows:
        buffer.add(encode.decode(json.dumps(row).encode()), None, 0)
    return b"".join(copy_lines(block.lines) for block in buffer.take(only_marked=False))


def test_a_row_of_every_kind() -> None:
    row = {"id": 1, "name": 'a "b"\n', "amount": 1.5, "flag": True, "more": {"x": [1, "é"]}}
    line = copied([row], id="integer", name="string", amount="number", flag="boolean", more="object")
    assert line == b'1,"a \\"b\\"\n","1.5",true,"{\\"x\\": [1, \\"\\\\u00e9\\"]}",null,null,0\n'


def test_null_is_not_the_word_null() -> None:
    assert copied([{"id": 1, "name": None}, {"id": 2, "name": "null"}, {"id": 3}], id="integer", name="string") == (
        b'1,null,null,null,0\n2,"null",null,null,1\n3,null,null,null,2\n'
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=30))
def test_any_text_goes_through_postgres_unchanged(texts_url: str, texts: list[str]) -> None:
    data = copied([{"id": number, "name": text} for number, text in enumerate(texts)], id="integer", name="string")
    with psycopg.connect(texts_url) as conn:
        conn.execute("CREATE TEMP TABLE t (id bigint, name text, deleted text, extracted text, seq int)")
        with conn.cursor().copy("COPY t FROM STDIN (FORMAT csv, QUOTE '\"', ESCAPE '\\', NULL 'null')") as copy:
            copy.write(data)
        stored = conn.execute("SELECT name FROM t ORDER BY id").fetchall()
    assert [text for (text,) in stored] == [text.replace("\x00", "\ufffd") for text in texts]


@pytest.fixture(scope="module")
def texts_url(_postgres_admin_url: str) -> str:
    return _postgres_admin_url  # temporary tables only


@given(
    st.dictionaries(
        st.sampled_from(["id", "name", "amount", "flag", "more"]),
        st.none()
        | st.booleans()
        | st.integers()
        | TEXTS
        | st.floats(-1e30, 1e30)
        | st.lists(st.integers(), max_size=2),
    )
)
def test_a_record_is_decoded_or_refused_never_more(record: dict[str, Any]) -> None:
    record = {**record, "id": record.get("id")}
    decode = encoder(id="integer", name="string", amount="number", flag="boolean", more="object").decode
    text = json.dumps(record).encode()
    kinds = {"id": int, "name": str, "amount": int | float, "flag": bool}
    wrong = [
        name
        for name, kind in kinds.items()
        if not isinstance(value := record.get(name), kind | None) or (kind is not bool and isinstance(value, bool))
    ]
    whole = isinstance(record["id"], float) and record["id"].is_integer()
    if record["id"] is None or set(wrong) - ({"id"} if whole else set()):
        with pytest.raises(RecordRefusedError) as refused:
            decode(text)
        assert refused.value.field in record
    else:
        assert decode(text)[0] == int(Decimal(str(record["id"])))  # exact, where a float is not


def test_a_block_is_sealed_by_rows_or_bytes() -> None:
    buffer = RowBuffer()
    for number in range(ROWS_PER_BLOCK + 1):
        buffer.add((number,), None, 1)
    assert len(buffer) == ROWS_PER_BLOCK + 1
    buffer.add((0,), None, BYTES_PER_BLOCK)
    assert [block.rows for block in buffer.take(only_marked=False)] == [ROWS_PER_BLOCK, 2]
    assert len(buffer) == 0


def test_only_what_a_state_covers_is_taken() -> None:
    buffer = RowBuffer()
    buffer.add((1,), None, 1)
    buffer.mark()
    buffer.add((2,), None, 1)
    assert [block.lines for block in buffer.take(only_marked=True)] == [b"[1,null,0]\n"]
    assert buffer.take(only_marked=True) == []
    assert len(buffer) == 1
    buffer.mark()
    assert [block.lines for block in buffer.take(only_marked=True)] == [b"[2,null,1]\n"]


def test_a_key_that_is_no_property_is_refused() -> None:
    with pytest.raises(RecordRefusedError, match="the key nope is no property"):
        RowEncoder({"properties": {"id": {"type": "integer"}}}, ["nope"], column_type)


def test_a_record_can_be_read_back_from_its_line() -> None:
    encode, buffer = encoder(id="integer", more="object"), RowBuffer()
    buffer.add(encode.decode(b'{"id":1,"more":{"a":[1,2]}}'), "2026-01-01", 1)
    (block,) = buffer.take(only_marked=False)
    assert encode.record_of(block.lines) == {"id": 1, "more": {"a": [1, 2]}}
    assert encode.key_of({"id": 1}) == {"id": 1}


@settings(max_examples=200)
@given(TEXTS)
def test_escapes_are_resolved_as_json_means_them(text: str) -> None:
    line = copy_lines(msgspec.json.encode([text]) + b"\n")
    assert line[:1] == line[-2:-1] == b'"'
    resolved = line[1:-2].replace(b"\\\\", b"\0").replace(b'\\"', b'"').replace(b"\0", b"\\").decode()
    assert resolved == text.replace("\x00", "\ufffd")


def test_hexadecimal_text_becomes_bytea() -> None:
    encode = RowEncoder({"properties": {"id": {"type": "string"}}}, [], lambda _: "bytea")
    assert encode.decode(b'{"id":"0xab"}')[0] == "\\xab"
    assert encode.decode(b'{"id":"ab"}')[0] == "\\xab"
    assert encode.decode(b'{"id":null}')[0] is None
    assert msgspec.json.encode(encode.decode(b"{}")) == b"[null,null]"


LINE = b'{"type":"RECORD","stream":"things","record":{"id":1,"name":"a"}}\n'


def test_many_lines_are_decoded_as_each_of_them_is() -> None:
    schema = {"properties": {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}}}
    encode = RowEncoder(schema, ["id"], column_type, stream="things")
    other = LINE.replace(b'"a"}', b'null},"time_extracted":"2026-01-01T00:00:00Z"')
    rows = [(1, "a", None, None), (1, None, None, "2026-01-01T00:00:00Z")]
    assert encode.decode_many(LINE + other) == rows
    assert encode.decode_many((LINE + other)[:-1]) == rows


@pytest.mark.parametrize(
    "odd",
    [
        b"\n",
        LINE[:-1] + b"," + LINE,
        LINE.replace(b'"a"', b'"a\nb"'),
        LINE.replace(b'"id":1,', b'"id":1\n'),
        LINE.replace(b"RECORD", b"STATE"),
        LINE.replace(b"things", b"others"),
        LINE.replace(b'"record"', b'"version":5,"record"'),
        LINE.replace(b'"id":1', b'"id":1.0'),
        LINE.replace(b'"id":1', b'"id":null'),
        LINE.replace(b'"id":1,', b""),
        LINE.replace(b"a", b"\\ud800"),
        LINE.replace(b"a", b"\xff"),
        LINE[:-3] + b"\n",
    ],
)
def test_many_lines_are_refused_if_one_wants_a_closer_look(odd: bytes) -> None:
    schema = {"properties": {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}}}
    encode = RowEncoder(schema, ["id"], column_type, stream="things")
    assert encode.decode_many(LINE + LINE) is not None
    assert encode.decode_many(LINE + odd + LINE) is None
