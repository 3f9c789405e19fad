"""No input loads a wrong value in silence: each value comes back from Postgres as it was sent, or a reject exists.

The expectation is computed from the JSON text with Python's own json, decimal and datetime: nothing of the loader.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sync_history import runs
from target_postgres_dw.errors import InputError
from target_postgres_dw.messages import MessageReader
from target_postgres_dw.testing import INTEGER, TEXT, header, load_bytes, records, schema, state, to_lines

if TYPE_CHECKING:
    import random

PROPERTIES: dict[str, dict[str, Any]] = {
    "whole": {"type": ["integer", "null"]},
    "small": {"type": ["integer", "null"], "minimum": -100, "maximum": 100},
    "huge": {"type": ["integer", "null"], "maximum": 18446744073709551615},
    "amount": {"type": ["number", "null"]},
    "flag": {"type": ["boolean", "null"]},
    "text": {"type": ["string", "null"]},
    "short": {"type": ["string", "null"], "maxLength": 5},
    "moment": {"type": ["string", "null"], "format": "date-time"},
    "day": {"type": ["string", "null"], "format": "date"},
    "clock": {"type": ["string", "null"], "format": "time"},
    "code": {"type": ["string", "null"], "format": "uuid"},
    "document": {"type": ["object", "null"]},
    "list": {"type": ["array", "null"]},
    "anything": {},
    "either": {"type": ["string", "integer", "null"]},
    "choice": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string"}, {"type": "null"}]},
}
numbers = itertools.count(1)

# -- JSON texts, in more spellings than any encoder writes --------------------------------------------------------


def spelled(text: str, chance: random.Random) -> str:
    """Write a string as JSON, each character in one of the ways that JSON has for it."""
    short = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\", "/": "\\/"}

    def one(character: str) -> str:
        code = ord(character)
        units = [code] if code < 0x10000 else [0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF)]
        escaped = "".join(f"\\u{unit:04x}" if chance.random() < 0.5 else f"\\u{unit:04X}" for unit in units)
        ways = [escaped]
        if character in short:
            ways.append(short[character])
        if code >= 0x20 and character not in '"\\' and not 0xD800 <= code < 0xE000:
            ways += [character] * 3
        return chance.choice(ways)

    return '"' + "".join(map(one, text)) + '"'


NASTY = st.sampled_from(
    [
        "\0",
        "\\",
        '"',
        "\n",
        "\r\n",
        "\t",
        "\x1b",
        "\x7f",
        "\u2028",
        "😀",
        "\ud83d",
        "null",
        "\\N",
        "\\.",
        ",",
        "]\n[",
        "\ufeff",
    ]
)
STRINGS = st.builds(
    spelled,
    st.lists(st.text(max_size=8) | NASTY, max_size=4).map("".join),
    st.randoms(use_true_random=False),
)
NUMBERS = (
    st.integers().map(str)
    | st.integers(-(2**70), 2**70).map(str)
    | st.sampled_from(
        [
            "-0",
            "0.0",
            "1.0",
            "1E2",
            "1e-7",
            "-0.0",
            "1e400",
            "1e-400",
            "127",
            "32767",
            "32768",
            "2147483648",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "1e131073",
            "12345678901234567.5",
        ]
    )
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.decimals(allow_nan=False, allow_infinity=False, places=9).map(lambda number: f"{number:f}")
)
TIMES = st.sampled_from(
    """
    2026-03-01T05:00:00Z|2026-03-01T05:00:00.123456+05:30|2026-03-01T05:00:00|2026-03-01 05:00:00-08:00|2026-03-01
    0001-01-01T00:00:00Z|9999-12-31T23:59:59.999999Z|0000-00-00|2024-02-29|2023-02-29|now|infinity|-infinity|epoch
    today|allballs|05:06:07|05:06:07.123456|05:06:07+05:00|05:06:07Z|24:00:00|25:00:00|05:06|2026-03-01T24:00:00Z
    2026-03-01T23:59:60Z|20260301|1772341200|2026-03-01T05:00:00.1234567Z|9999-12-31T23:59:59-23:59
    0001-01-01T00:00:00+23:59|123e4567-e89b-12d3-a456-426614174000|{123E4567-E89B-12D3-A456-426614174000}
    123e4567e89b12d3a456426614174000|J2459000|2026-W09-7|1 Mar 2026|01/02/2026|2026-03-01T05:00:00 BC|05:06:07 PM
    """.strip()
    .replace("\n    ", "|")
    .split("|")
).map(json.dumps)
SCALARS = st.sampled_from(["null", "true", "false"]) | NUMBERS | STRINGS | TIMES
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + " ,".join(items) + "]")
        | st.lists(st.tuples(STRINGS, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{name}:\t{value}" for name, value in pairs) + "}"
        )
    ),
    max_leaves=5,
)
LIKELY = {
    "moment": TIMES,
    "day": TIMES,
    "clock": TIMES,
    "code": TIMES,
    "choice": TIMES,
    "text": STRINGS,
    "whole": NUMBERS,
    "small": NUMBERS,
    "huge": NUMBERS,
    "amount": NUMBERS,
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {}, optional={name: LIKELY[name] | VALUES if name in LIKELY else VALUES for name in PROPERTIES}
    ),
    min_size=1,
    max_size=25,
)

# -- what must be stored -------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Return a text as Postgres can hold it: NUL and half surrogate pairs replaced."""
    return re.sub("[\ud800-\udfff\0]", "\ufffd", text)


def cleaned(value: Any) -> Any:
    """Return JSON content as jsonb holds it."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {plain(name): cleaned(item) for name, item in value.items()}
    return value


def parse(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def agrees(column: str, text: str, stored: Any) -> bool:
    """Tell whether a stored value is the one that was sent."""
    value = parse(text)
    if value is None:
        return stored is None
    kind = KINDS.get(column, column)
    if kind == "json":
        return bool(parse(stored) == cleaned(value))
    if isinstance(value, str):
        return bool(stored == plain(value)) if kind == "text" else same_time(kind, value, stored)
    if kind == "flag":
        return bool(stored is value)
    if kind == "number" and isinstance(value, Decimal):
        return bool(Decimal(stored) == value)
    # Columns for several types hold the JSON text of what is no string, escapes and all.
    return bool(column in {"anything", "either"} and cleaned(parse(stored)) == cleaned(value))


KINDS = {
    **dict.fromkeys(["document", "list"], "json"),  # jsonb holds any JSON; the type is not enforced
    **dict.fromkeys(["whole", "small", "huge", "amount"], "number"),
    **dict.fromkeys(["text", "short", "anything", "either", "choice"], "text"),
}


def same_time(column: str, text: str, stored: Any) -> bool:
    if column == "code":
        return bool(uuid.UUID(text) == stored)
    if column == "day":
        return dt.date.fromisoformat(text) == dt.date.fromisoformat(stored)
    if column == "clock":
        sent = dt.time.fromisoformat(text)
        return sent.utcoffset() in {None, dt.timedelta(0)} and sent.replace(tzinfo=None) == dt.time.fromisoformat(
            stored
        )
    if column != "moment":
        return False
    sent_at = dt.datetime.fromisoformat(text)
    sent_at = sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=dt.UTC)
    return abs(dt.datetime.fromisoformat(stored) - sent_at) < dt.timedelta(microseconds=1)


CHEAP = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@CHEAP
@given(rows=ROWS)
def test_every_value_is_stored_as_it_was_sent_or_rejected(postgres_url: str, rows: list[dict[str, str]]) -> None:
    crm = "fuzz"
    sent = {next(numbers): row for row in rows}
    lines = [
        f'{{"type":"RECORD","stream":"things","record":{{"id":{number}'
        + "".join(f',"{name}":{text}' for name, text in row.items())
        + "}}\n"
        for number, row in sent.items()
    ]
    data = (
        to_lines(header("things", crm_source=crm), schema("things", {"id": INTEGER, **PROPERTIES}))
        + "".join(lines)
        + to_lines(state({}, things="success"))
    ).encode("utf-8", "surrogatepass")
    assert load_bytes(postgres_url, data, max_rejects="100%") is None

    texts = {"whole", "small", "huge", "amount", "moment", "day", "clock", "document", "list"}
    columns = sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier(name)) if name in texts else sql.Identifier(name)
        for name in ["id", *PROPERTIES]
    )
    with psycopg.connect(postgres_url) as conn:
        conn.execute("SET timezone TO 'UTC'")
        query = sql.SQL("SELECT {} FROM fuzz.things WHERE id = ANY(%s)").format(columns)
        stored = {row[0]: dict(zip(PROPERTIES, row[1:], strict=True)) for row in conn.execute(query, (list(sent),))}
        rejected = {int(key["id"]) for (key,) in conn.execute("SELECT record_key FROM orchestration.sync_reject")}
    for number, row in sent.items():
        assert (number in stored) is (number not in rejected), row
        for name in PROPERTIES if number in stored else ():
            text, found = row.get(name, "null"), stored[number][name]
            assert agrees(name, text, found), f"{name}: {text} was stored as {found!r}"


GOOD = (
    to_lines(
        header("things", crm_source="noise"),
        schema("things", {"id": INTEGER, "text": TEXT}),
        *[records("things", {"id": number, "text": f"text {number} é"}) for number in range(1, 7)],
        state({"things": {"replication_key": "id", "replication_key_value": 6}}, things="success"),
    )
    .encode()
    .splitlines(keepends=True)
)


@CHEAP
@given(
    place=st.integers(0, len(GOOD) - 1),
    at=st.floats(0, 1, exclude_max=True),
    how=st.sampled_from(["cut", "insert", "replace", "delete", "double"]),
    noise=st.binary(min_size=1, max_size=3) | st.sampled_from([b"\n", b"\0", b"\xff", b"{", b'"', b"1", b"null"]),
)
def test_a_damaged_line_is_told_or_changes_nothing_else(
    postgres_url: str, place: int, at: float, how: str, noise: bytes
) -> None:
    lines = list(GOOD)
    line = lines[place]
    cut = int(at * len(line))
    lines[place] = {
        "cut": line[:cut] + b"\n",
        "insert": line[:cut] + noise + line[cut:],
        "replace": line[:cut] + noise + line[cut + len(noise) :],
        "delete": line[:cut] + line[cut + 1 :],
        "double": line * 2,
    }[how]
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute("DROP SCHEMA IF EXISTS orchestration, noise, melty CASCADE")
    error = load_bytes(postgres_url, b"".join(lines), max_rejects="100%")
    if error is not None:
        assert "error of the loader itself" not in error
        assert "\n" not in error
    with psycopg.connect(postgres_url) as conn:
        history = runs.find_runs(conn) if error is None else []
        if conn.execute("SELECT to_regclass('noise.things') IS NULL").fetchone() == (True,):
            return
        # A damaged SCHEMA may name its columns otherwise.
        found: dict[str, str] = dict(
            conn.execute(
                "SELECT row ->> 'id', row ->> 'text' FROM (SELECT to_jsonb(t) FROM noise.things AS t) AS t (row)"
            )
        )
    if 2 <= place <= 7:  # a record
        expected = {str(number): f"text {number} é" for number in range(1, 7) if number != place - 1}
        if error is None:
            assert expected.items() <= found.items()
            assert sum(run.records_processed for run in history) >= len(expected)
        else:
            assert not {name: text for name, text in found.items() if name in expected and text != expected[name]}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.binary(max_size=40)
        | STRINGS.map(lambda text: text.encode("utf-8", "surrogatepass"))
        | st.sampled_from(GOOD),
        max_size=5,
    )
)
def test_the_reader_passes_on_messages_or_names_the_line(lines: list[bytes]) -> None:
    seen: list[Any] = []
    kinds = ("SCHEMA", "RECORD", "STATE", "ACTIVATE_VERSION", "BATCH")
    reader = MessageReader()
    try:
        counts = reader.process_lines(lines, dict.fromkeys(kinds, seen.append))  # type: ignore[arg-type]
    except InputError as error:
        number = re.match(r"Line (\d+) of the input", str(error))
        assert number is not None
        found = [part for line in lines for part in line.removesuffix(b"\n").split(b"\n")]
        assert found[int(number[1]) - 1] + b"\n" not in GOOD
    else:
        assert sum(counts.values()) == len(seen)
    assert all(message.type in kinds for message in seen)


@pytest.mark.parametrize("text", ["05:06:07+05:00", "allballs", "now"])
def test_a_time_of_day_that_the_column_would_change_is_rejected(postgres_url: str, text: str) -> None:
    data = to_lines(
        header("things"), schema("things", {"id": INTEGER, "clock": PROPERTIES["clock"]}),
        records("things", {"id": 1, "clock": text}, {"id": 2, "clock": "05:06:07"}), state({}, things="success"),
    ).encode()  # fmt: skip
    assert load_bytes(postgres_url, data, max_rejects="100%") is None
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT id, clock::text FROM genius.things").fetchall() == [(2, "05:06:07")]
        assert conn.execute("SELECT field FROM orchestration.sync_reject").fetchall() == [("clock",)]
