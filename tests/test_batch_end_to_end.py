"""Genius to Postgres, by batches and by records: the same rows and rejects, and the rows of a copy made otherwise."""

from __future__ import annotations

import io
import json
import os
import random
import typing as t
from contextlib import redirect_stdout

import psycopg
import pymysql
import pytest
from tap_genius import batches, cursor, joined
from tap_genius.cursor import RowCursor
from tap_genius.tap import TapGenius
from tap_kit.testing import Run, run_tap
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from crm_cli.servers.mariadb import Database

Config: t.TypeAlias = "dict[str, t.Any]"
COPY_TEXT = {"encoding": {"format": "copy-text"}}
CONTROLS = "".join(map(chr, range(1, 32)))
TEXTS = [
    "",
    " ",
    "null",
    "\\N",
    "\\.",
    "\\",
    "\\\\N",
    "a\tb\nc\r\nd\re",
    CONTROLS,
    "\x00",
    "a\x00b\x00",
    "\x7f\x80\x9f\xa0",
    "q\"uo'te,;|",
    "Größe Nguyễn",
    "🙂👩‍👩‍👧",
    "\u2028\ufeff\ufffd\U0010ffff",
    "ÿýþü",  # the marks, were they Latin-1
    "x" * 250,
    "x" * 251,
    "y" * 70_000,
    "%s %% {}",
]

# Type, values as SQL, and the SQL of its text for the copy made otherwise.
# fmt: off
# ruff: noqa: E501 - a table of cases, one a line
TYPES: list[tuple[str, list[str], str]] = [
    ("tinyint(1)", ["0", "1"], "{}"),
    ("tinyint", ["-128", "127"], "{}"),
    ("tinyint(3) unsigned zerofill", ["7", "255"], "CAST({} AS SIGNED)"),
    ("smallint", ["-32768", "32767"], "{}"),
    ("mediumint unsigned", ["0", "16777215"], "{}"),
    ("int", ["-2147483648", "2147483647"], "{}"),
    ("int(10) unsigned zerofill", ["42", "4294967295"], "CAST({} AS SIGNED)"),
    ("bigint", ["-9223372036854775808", "9223372036854775807"], "{}"),
    ("bigint unsigned", ["0", "18446744073709551615"], "{}"),
    ("decimal(65,30)", ["12345678901234567890123456789012345.012345678901234567890123456789", "-0.1"], "{}"),
    ("decimal(9,2) zerofill", ["1.5", "0"], "{}"),
    ("float", ["0.1", "-3.40282e38", "1e-20", "16777216"], "{}"),
    ("double", ["1.7976931348623157e308", "2.2250738585072014e-308", "0.30000000000000004", "-0.0", "5"], "{}"),
    ("double(10,2)", ["20", "-0.5"], "{}"),
    ("bit(1)", ["b'0'", "b'1'"], "{} + 0"),
    ("bit(64)", ["b'101'", "9223372036854775807"], "{} + 0"),
    ("year", ["1901", "2155", "0"], "{} + 0"),
    ("date", ["'1000-01-01'", "'9999-12-31'", "'0001-02-03'", "'0000-00-00'", "'2024-00-10'", "'2024-02-00'", "'2024-02-29'", "'2023-04-30'"], "{}"),
    ("date NOT NULL", ["'0000-00-00'", "'2024-12-31'"], "{}"),
    ("datetime", ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'0000-00-00'", "'2024-05-00 01:00:00'", "'2024-01-31 23:59:59'"], "{}"),
    ("datetime(6)", ["'2024-05-06 07:08:09.000001'", "'2024-05-30 07:08:09'"], "{}"),
    ("datetime(3)", ["'2024-05-06 07:08:09.120'"], "{}"),
    ("timestamp NULL", ["FROM_UNIXTIME(1)", "FROM_UNIXTIME(2147483647)"], "{}"),
    ("timestamp(6) NULL", ["FROM_UNIXTIME(86400.25)"], "{}"),
    ("time", ["'838:59:59'", "'-838:59:59'", "'00:00:00'"], "{}"),
    ("time(3)", ["'-25:00:00.5'", "'7:8:9'"], "{}"),
    ("char(5)", ["'ab  '", "''", "'ÿ'"], "{}"),
    ("varchar(20) CHARACTER SET latin1", ["'café'", "'ýþÿü'"], "CONVERT({} USING utf8mb4)"),
    ("varchar(20) CHARACTER SET utf16", ["'Größe 🙂'"], "CONVERT({} USING utf8mb4)"),
    ("varchar(20) CHARACTER SET utf32", ["'Größe 🙂'", "'\\t'"], "CONVERT({} USING utf8mb4)"),
    ("varchar(20) CHARACTER SET utf8mb3", ["'Größe'"], "{}"),
    ("text CHARACTER SET cp1250", ["'Žluťoučký kůň'"], "CONVERT({} USING utf8mb4)"),
    ("tinytext", ["'t'"], "{}"),
    ("longtext", ["REPEAT('lang ', 300000)"], "{}"),
    ("enum('a','b','ü\\'x')", ["'ü\\'x'", "'a'"], "{}"),
    ("set('a','b','ß')", ["'a,ß'", "''"], "{}"),
    ("binary(3)", ["x'FFFEFD'", "x'00'"], "LOWER(HEX({}))"),
    ("varbinary(9)", ["x'FC0A0D095C'", "''"], "LOWER(HEX({}))"),
    ("blob", ["x'00FF41'"], "LOWER(HEX({}))"),
    ("longblob", ["REPEAT(x'FE', 1000)"], "LOWER(HEX({}))"),
    ("json", ["'{\"a\": [1, 2.50, null, \"\\\\u00e9\\\\n\"]}'", "'[]'", "'\"text\"'", "'17'", "'true'", "'1e400'"], "{}"),
    ("point", ["ST_GeomFromText('POINT(1 2)')"], "ST_AsText({})"),
    ("geometry", ["ST_GeomFromText('LINESTRING(0 0,1.5 1)')"], "ST_AsText({})"),
    ("inet6", ["'::1'"], "CAST({} AS CHAR)"),
    ("uuid", ["'123e4567-e89b-12d3-a456-426614174000'"], "CAST({} AS CHAR)"),
]
# fmt: on


@pytest.fixture
def config(mariadb: Database, tmp_path: Path) -> Config:
    names = ("host", "port", "user", "password", "database")
    root = tmp_path / "batches"
    return {**{name: getattr(mariadb, name) for name in names}, "retry_wait_seconds": 0, "batches": root}


@pytest.fixture
def source(mariadb: Database) -> Iterator[Callable[..., list[tuple[t.Any, ...]]]]:
    connection = mariadb.connect(autocommit=True, init_command="SET sql_mode = '', time_zone = '+00:00'")

    def run(statement: str, *parameters: t.Any) -> list[tuple[t.Any, ...]]:
        with connection.cursor() as opened:
            opened.execute(statement, parameters or None)
            return list(opened.fetchall())

    yield run
    connection.close()


def extract(config: Config, *, batch: bool = True, state: dict[str, t.Any] | None = None, **extra: t.Any) -> Run:
    settings = {name: value for name, value in config.items() if name != "batches"}
    if batch:
        settings["batch_config"] = {**COPY_TEXT, "storage": {"root": str(config["batches"])}, **extra.pop("files", {})}
    return run_tap(TapGenius, {**settings, **extra}, state=state)


def load(url: str, text: str, **settings: t.Any) -> list[dict[str, t.Any]]:
    target = TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0, **settings})
    with redirect_stdout(io.StringIO()) as printed:
        target.listen(io.StringIO(text))
    return [json.loads(line) for line in printed.getvalue().splitlines()]


def query(url: str, statement: str, *parameters: t.Any) -> list[tuple[t.Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode(), parameters or None).fetchall()


def kinds(run: Run, stream: str = "services") -> list[str]:
    return [m["type"] for m in run.messages if m.get("stream") == stream and m["type"] in {"BATCH", "RECORD"}]


def differences(url: str, left: str, right: str) -> list[tuple[t.Any, ...]]:
    names = [name for (name,) in query(url, COLUMNS, right) if not name.startswith("_sdc")]
    rows = [f"SELECT {', '.join(f't.{name}' for name in names)} FROM {table} t" for table in (left, right)]
    return query(url, f"({rows[0]} EXCEPT ALL {rows[1]}) UNION ALL ({rows[1]} EXCEPT ALL {rows[0]})")


COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"


def copy_otherwise(source: t.Any, url: str, texts: dict[str, str]) -> None:
    """Fill ``reference``, which has the types of genius.services, from texts, one parameter after the other."""
    rows = source(f"SELECT {', '.join(f'CONCAT({text}) AS {name}' for name, text in texts.items())} FROM service")
    with psycopg.connect(url) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute("CREATE TABLE reference (LIKE genius.services)")
        types: dict[str, str] = dict(
            connection.execute(
                "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'reference'::regclass"
            ).fetchall()
        )
        marks = ", ".join(f"%s::text::{types[name]}" for name in texts)
        for row in rows:
            values = [value.decode() if isinstance(value, bytes) else value for value in row]
            for place, name in enumerate(texts):
                if values[place] is None:
                    continue
                values[place] = values[place].replace("\0", "\ufffd")
                if (types[name].startswith(("date", "timestamp")) and "00" in values[place][:10].split("-")[1:]) or (
                    types[name].startswith(("date", "timestamp")) and values[place].startswith("0000")
                ):
                    values[place] = None
            connection.execute(f"INSERT INTO reference ({', '.join(texts)}) VALUES ({marks})".encode(), values)


@pytest.mark.parametrize("batch", [True, False], ids=["batch", "record"])
def test_every_type_and_nasty_value(source: t.Any, config: Config, postgres_url: str, *, batch: bool) -> None:
    columns = ", ".join(f"c{place} {kind}" for place, (kind, *_) in enumerate(TYPES))
    source(f"CREATE TABLE service (id INT PRIMARY KEY, words LONGTEXT, {columns}) CHARSET utf8mb4 ROW_FORMAT=DYNAMIC")
    for number in range(max(len(TEXTS), *(len(values) for _, values, _ in TYPES))):
        values = [values[number] if number < len(values) else "DEFAULT" for _, values, _ in TYPES]
        text = TEXTS[number] if number < len(TEXTS) else None
        source(f"INSERT INTO service VALUES ({number}, %s, {', '.join(values).replace('%', '%%')})", text)
    run = extract(config, batch=batch)
    assert run.exit_code == 0
    assert set(kinds(run)) == {"BATCH" if batch else "RECORD"}
    load(postgres_url, run.text)
    texts = {f"c{place}": text.format(f"c{place}") for place, (*_, text) in enumerate(TYPES)}
    copy_otherwise(source, postgres_url, {"id": "id", "words": "words", **texts})
    assert query(postgres_url, "SELECT count(*) FROM genius.services") == [(len(TEXTS),)]
    assert differences(postgres_url, "genius.services", "reference") == []
    assert query(postgres_url, "SELECT count(*) FROM orchestration.sync_reject") == [(0,)]
    assert query(postgres_url, "SELECT count(*) FROM genius.services WHERE _sdc_extracted_at IS NULL OR"
                 " _sdc_batched_at IS NULL") == [(0,)]  # fmt: skip
    assert not list(config["batches"].rglob("*.copy"))


ODD = [
    ("id INT PRIMARY KEY, flag TINYINT(1)", "2"),
    ("id INT PRIMARY KEY, flag TINYINT(1)", "-1"),
    ("id INT PRIMARY KEY, born DATE", "'2024-02-30'"),
    ("id INT PRIMARY KEY, born DATE", "'2023-02-29'"),
    ("id INT PRIMARY KEY, born DATE", "'2024-04-31'"),
    ("id INT PRIMARY KEY, seen DATETIME(3)", "'2024-02-31 01:02:03'"),
    ("id INT PRIMARY KEY, data LONGTEXT CHECK (json_valid(`data`) OR 1)", "'{'"),
    ("id INT PRIMARY KEY, data JSON", "'null'"),
    ("id INT PRIMARY KEY, data JSON", "' null '"),
    ("id INT PRIMARY KEY, data JSON", '\'{"a": "\\\\u0000"}\''),
    ("id INT PRIMARY KEY, data JSON", "'[\"\\\\ud83d\\\\ude42\"]'"),
    ("id INT PRIMARY KEY, data JSON", "'[\"\\\\ud83d\"]'"),
    ("id INT PRIMARY KEY, data JSON", '\'{"a": 1, "a": 2}\''),
]


@pytest.mark.parametrize("validation", ["lenient", "strict"])
@pytest.mark.parametrize(("columns", "value"), ODD, ids=[value for _, value in ODD])
def test_odd_values_are_judged_alike(
    source: t.Any, config: Config, postgres_url: str, columns: str, value: str, validation: str
) -> None:
    source(f"CREATE TABLE service ({columns}) CHARSET utf8mb4")
    source("SET check_constraint_checks = 0")
    source("SET sql_mode = 'ALLOW_INVALID_DATES'")
    source(f"INSERT INTO service VALUES (1, NULL), (2, {value}), (3, NULL)")
    judged = []
    for batch in (True, False):
        run = extract(config, batch=batch, validation=validation)
        load(postgres_url, run.text)
        name = columns.split()[4]
        judged.append(
            query(postgres_url, f"SELECT id, {name}::text FROM genius.services ORDER BY id")
            + query(
                postgres_url,
                "SELECT sync_type, category, field, reason, record_key::text, record::text"
                " FROM orchestration.sync_reject",
            )
        )
        query_nothing(postgres_url, "DROP SCHEMA genius CASCADE", "DROP SCHEMA orchestration CASCADE")
    assert judged[0] == judged[1]


def query_nothing(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def random_text(dice: random.Random) -> str | None:
    alphabet = "ab \\\t\n\r\0\x1f\"'N.|ÿý€🙂"
    return None if dice.random() < 0.2 else "".join(dice.choice(alphabet) for _ in range(dice.randrange(30)))


@pytest.mark.parametrize("seed", [1, 2])
def test_generated_rows(source: t.Any, mariadb: Database, config: Config, postgres_url: str, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - made-up rows are seeded, not secret
    source(
        "CREATE TABLE service (id INT PRIMARY KEY, a TEXT, b VARCHAR(60), n INT, d DECIMAL(12,3), f DOUBLE,"
        " t DATETIME(6), is_on TINYINT(1), updated_at DATETIME NULL) CHARSET utf8mb4"
    )
    rows = [
        (
            number * 3,
            random_text(dice),
            random_text(dice),
            dice.choice([None, dice.randrange(-(2**31), 2**31)]),
            dice.choice([None, dice.randrange(-(10**9), 10**9) / 1000]),
            dice.choice([None, dice.uniform(-1e9, 1e9)]),
            f"2024-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02} 0{dice.randrange(10)}:00:00.{dice.randrange(10**6):06}",
            dice.choice([None, 0, 1]),
            dice.choice([None, "2024-01-02 03:04:05", "0000-00-00 00:00:00"]),
        )
        for number in range(4000)
    ]
    connection = mariadb.connect(autocommit=True, init_command="SET sql_mode = ''")
    with connection.cursor() as opened:
        opened.executemany("INSERT INTO service VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", rows)
    connection.close()
    by_batch = extract(config, files={"batch_size": 700})
    by_record = extract(config, batch=False)
    assert set(kinds(by_batch)) == {"BATCH"}
    assert by_batch.bookmarks == by_record.bookmarks
    load(postgres_url, by_batch.text)
    copy_otherwise(
        source, postgres_url, {name: name for name in ("id", "a", "b", "n", "d", "f", "t", "is_on", "updated_at")}
    )
    assert differences(postgres_url, "genius.services", "reference") == []
    load(postgres_url, by_record.text)
    (counts,) = query(
        postgres_url,
        "SELECT records_created, records_updated, records_unchanged FROM orchestration.sync_history ORDER BY id DESC"
        " LIMIT 1",
    )
    assert counts == (0, 0, 4000)


def make_services(source: t.Any, rows: int, **odd: t.Any) -> None:
    source("CREATE TABLE service (id INT PRIMARY KEY, label VARCHAR(40), is_on TINYINT(1), updated_at DATETIME NULL)")
    source(
        "INSERT INTO service SELECT seq, CONCAT('label ', seq), seq % 2, '2025-01-01' + INTERVAL seq MINUTE "
        f"FROM seq_1_to_{rows}"
    )
    for number in odd.get("odd", ()):
        source(f"UPDATE service SET is_on = 5 WHERE id = {number}")


def test_a_read_goes_on_after_each_batch(source: t.Any, config: Config, postgres_url: str) -> None:
    make_services(source, 1000)
    whole = extract(config, files={"batch_size": 1})
    lines = whole.text.splitlines(keepends=True)
    states = [place for place, line in enumerate(lines) if line.startswith('{"type":"STATE"')]
    assert len(states) > 3
    for place in (states[1], states[2], states[-2]):
        query_nothing(
            postgres_url, "DROP SCHEMA IF EXISTS genius CASCADE", "DROP SCHEMA IF EXISTS orchestration CASCADE"
        )
        first = extract(config, files={"batch_size": 1}).text.splitlines(keepends=True)
        printed = load_cut(postgres_url, "".join(first[: place + 1]))
        rest = extract(config, files={"batch_size": 1}, state={"bookmarks": printed["bookmarks"]})
        load(postgres_url, rest.text)
        assert query(postgres_url, "SELECT count(*), min(id), max(id) FROM genius.services") == [(1000, 1, 1000)]
        assert query(postgres_url, "SELECT sum(records_created), sum(records_updated) FROM orchestration.sync_history"
                     ) == [(1000, 0)]  # fmt: skip
        assert rest.bookmarks["services"] == whole.bookmarks["services"] | {}


def load_cut(url: str, text: str) -> dict[str, t.Any]:
    with redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit):
        TargetPostgresDw(config={"sqlalchemy_url": url}).listen(io.StringIO(text))
    state: dict[str, t.Any] = json.loads(printed.getvalue().splitlines()[-1])
    return state


def test_only_an_odd_group_is_read_value_by_value(source: t.Any, config: Config, postgres_url: str) -> None:
    make_services(source, 30_000, odd=[12_345])
    run = extract(config)
    assert kinds(run).count("RECORD") < 15_000
    assert kinds(run)[0] == kinds(run)[-1] == "BATCH"
    load(postgres_url, run.text)
    assert query(postgres_url, "SELECT count(*), count(DISTINCT id), count(is_on) FROM genius.services") == [
        (30_000, 30_000, 29_999)
    ]
    assert query(postgres_url, "SELECT record_key ->> 'id', field FROM orchestration.sync_reject") == [
        ("12345", "is_on")
    ]


def test_odd_rows_everywhere_are_read_as_records_before_long(source: t.Any, config: Config, postgres_url: str) -> None:
    make_services(source, 20_000)
    source("UPDATE service SET is_on = 7 WHERE id % 50 = 0")
    run = extract(config)
    load(postgres_url, run.text)
    assert query(postgres_url, "SELECT count(*), count(is_on) FROM genius.services") == [(20_000, 19_600)]
    assert run.report("services")["requests"] < 30


def test_a_delta_by_batch(source: t.Any, config: Config, postgres_url: str) -> None:
    make_services(source, 500)
    first = extract(config)
    load(postgres_url, first.text)
    source("UPDATE service SET label = 'new', updated_at = '2026-01-01' WHERE id IN (7, 9)")
    second = extract(config, state={"bookmarks": first.bookmarks}, reread_seconds=0)
    load(postgres_url, second.text)
    assert query(postgres_url, "SELECT id FROM genius.services WHERE label = 'new' ORDER BY id") == [(7,), (9,)]
    (batch,) = [m for m in second.messages if m["type"] == "BATCH"]
    assert (batch["rows"], batch["disjoint"]) == (3, False)
    assert second.bookmarks["services"]["replication_key_value"].startswith("2026-01-01")


def test_the_public_cursor_gives_the_same(source: t.Any, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    make_services(source, 5000, odd=[77])
    raw = extract(config)
    raw_files = [m["manifest"] for m in raw.messages if m["type"] == "BATCH"]
    monkeypatch.setattr(cursor, "reads_raw_packets", False)
    public = extract(config)
    assert raw_files
    assert contents(raw) == contents(public)
    assert raw.bookmarks["services"]["replication_key_value"] == public.bookmarks["services"]["replication_key_value"]


def contents(run: Run) -> dict[int, str]:
    """Return the rows of all files and records by id; the file of a batch has the id first."""
    rows = {}
    for message in run.messages:
        if message["type"] == "BATCH":
            with open(message["manifest"][0].removeprefix("file://"), encoding="utf-8") as file:  # noqa: PTH123
                rows.update({int(line.split("\t")[0]): line.split("\t")[1].rstrip("\n") for line in file})
        elif message["type"] == "RECORD" and message["stream"] == "services":
            rows[message["record"]["id"]] = message["record"]["label"]
    return rows


def test_values_of_many_megabytes(source: t.Any, config: Config, postgres_url: str) -> None:
    ((allowed,),) = source("SELECT @@max_allowed_packet")
    source("CREATE TABLE service (id INT PRIMARY KEY, label LONGTEXT, more LONGTEXT)")
    sizes = [(1, 10_000_000, 1), (2, 251, 2), (3, allowed - 100_000, 200_000), (4, 1, 65_536), (5, 3, 16_777_190)]
    for number, label, more in sizes:
        source(f"INSERT INTO service VALUES ({number}, REPEAT('x', {min(label, allowed - 99)}), NULL)")
        source(f"UPDATE service SET more = REPEAT('ü', {min(more, allowed - 99) // 2}) WHERE id = {number}")
    run = extract(config)
    assert "RECORD" in kinds(run), "a row longer than max_allowed_packet cannot be joined by the server"
    assert "BATCH" in kinds(run)
    load(postgres_url, run.text)
    assert query(
        postgres_url, "SELECT id, octet_length(label), octet_length(more) FROM genius.services ORDER BY id"
    ) == [(number, min(label, allowed - 99), min(more, allowed - 99) // 2 * 2) for number, label, more in sizes]


@pytest.mark.parametrize("size", [16_777_200, 16_777_208, 16_777_211, 16_777_215, 16_777_216, 40_000_000])
def test_packets_around_sixteen_megabytes(mariadb: Database, config: Config, size: int) -> None:
    with mariadb.connect(autocommit=True) as administrator, administrator.cursor() as opened:
        opened.execute("SELECT @@GLOBAL.max_allowed_packet")
        ((before,),) = opened.fetchall()
        opened.execute("SET GLOBAL max_allowed_packet = 67108864")
        try:
            client = TapGenius(config={n: v for n, v in config.items() if n != "batches"}, setup_mapper=False).client
            statement = f"SELECT REPEAT('x', {size}) UNION ALL SELECT 'y' UNION ALL SELECT NULL"
            with client._connect().cursor() as rows:
                found = [value for group in rows.joined(statement, ()) for value in group]
        finally:
            opened.execute(f"SET GLOBAL max_allowed_packet = {before}")
    assert [None if value is None else len(value) for value in found] == [size, 1, None]


def test_a_wide_table(source: t.Any, config: Config, postgres_url: str) -> None:
    names = [f"c{number}" for number in range(900)]
    source(f"CREATE TABLE service (id INT PRIMARY KEY, {', '.join(f'{name} INT' for name in names)})")
    source(f"INSERT INTO service VALUES (1, {', '.join(map(str, range(900)))})")
    for batch in (True, False):
        load(postgres_url, extract(config, batch=batch).text)
        assert query(postgres_url, "SELECT id, c0, c899 FROM genius.services") == [(1, 0, 899)]


@pytest.mark.parametrize("batch", [True, False], ids=["batch", "record"])
def test_a_row_that_no_page_of_postgres_holds_is_a_reject(
    source: t.Any, config: Config, postgres_url: str, *, batch: bool
) -> None:
    names = [f"c{number}" for number in range(1010)]
    source(f"CREATE TABLE service (id INT PRIMARY KEY, {', '.join(f'{name} INT' for name in names)})")
    source(f"INSERT INTO service VALUES (1, {', '.join(map(str, range(1010)))})")
    source("INSERT INTO service (id, c7) VALUES (2, 7)")
    load(postgres_url, extract(config, batch=batch).text)
    assert query(postgres_url, "SELECT id, c7 FROM genius.services") == [(2, 7)]
    ((reason, key, value),) = query(
        postgres_url, "SELECT reason, record_key ->> 'id', record -> 'c1009' FROM orchestration.sync_reject"
    )
    assert ("54000" in reason, key, value) == (True, "1", 1009)


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({"timezone": "America/New_York"}, "its date-times are of another zone than UTC"),
        ({"stream_maps": {"services": {"loud": "label"}}}, "a stream map needs records"),
    ],
)
def test_streams_that_are_not_fit_for_batches(
    source: t.Any, config: Config, caplog: pytest.LogCaptureFixture, extra: Config, why: str
) -> None:
    make_services(source, 3)
    with caplog.at_level("INFO"):
        run = extract(config, **extra)
    assert kinds(run) == ["RECORD"] * 3
    assert [m for m in caplog.messages if why in m] == [f"services is sent record by record, because {why}."]


def test_without_an_encoding_rows_are_records(source: t.Any, config: Config) -> None:
    make_services(source, 3)
    assert set(kinds(extract(config, batch=False, batch_config={}))) == {"RECORD"}
    assert not config["batches"].exists()


def test_a_narrowed_run_sends_records(source: t.Any, config: Config) -> None:
    make_services(source, 9)
    assert kinds(extract(config, max_records=2)) == ["RECORD"] * 2


def test_a_full_disk_costs_speed_and_nothing_else(
    source: t.Any, config: Config, postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_services(source, 3000)
    write, written = batches.BatchFile.write, [0]

    def full(self: batches.BatchFile, data: bytes) -> None:
        written[0] += len(data)
        if written[0] > 60_000:
            raise batches.FolderFullError("No space left on device")
        write(self, data)

    monkeypatch.setattr(batches.BatchFile, "write", full)
    run = extract(config, files={"batch_size": 500})
    assert set(kinds(run)) == {"BATCH", "RECORD"}
    assert sum("There is no room for batches" in message for message in caplog.messages) == 1
    load(postgres_url, run.text)
    assert query(postgres_url, "SELECT count(*), count(DISTINCT id) FROM genius.services") == [(3000, 3000)]
    assert not list(config["batches"].rglob("*.copy"))


def test_a_lost_connection_loses_and_doubles_nothing(
    source: t.Any, config: Config, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_services(source, 20_000)
    original, broken = RowCursor.joined, [False]

    def breaking(self: RowCursor, statement: str, parameters: t.Any) -> Iterator[list[bytes | None]]:
        for number, group in enumerate(original(self, statement, parameters)):
            if number == 2 and not broken[0]:
                broken[0] = True
                raise pymysql.OperationalError(2013, "Lost connection")
            yield group

    monkeypatch.setattr(RowCursor, "joined", breaking)
    run = extract(config, files={"batch_size": 4000})
    assert broken[0]
    assert run.report("services")["retries"] == 1
    load(postgres_url, run.text)
    assert query(postgres_url, "SELECT count(*), count(DISTINCT id) FROM genius.services") == [(20_000, 20_000)]


def test_composite_and_text_keys(source: t.Any, config: Config, postgres_url: str) -> None:
    source(
        "CREATE TABLE appointment_to_service (note TEXT, appointment_id INT, service_id SMALLINT,"
        " PRIMARY KEY (appointment_id, service_id))"
    )
    source("INSERT INTO appointment_to_service SELECT 'n', seq DIV 7, seq % 7 FROM seq_1_to_3000")
    source(
        "CREATE TABLE marketsharp_marketing_source_map (marketsharp_id VARCHAR(40) PRIMARY KEY, updated_at DATETIME)"
    )
    source("INSERT INTO marketsharp_marketing_source_map SELECT CONCAT(MD5(seq), 'É'), NULL FROM seq_1_to_2000")
    run = extract(config, files={"batch_size": 300})
    load(postgres_url, run.text)
    assert query(postgres_url, "SELECT count(*) FROM genius.appointment_services") == [(3000,)]
    assert query(postgres_url, "SELECT count(*) FROM genius.marketsharp_marketing_source_maps") == [(2000,)]


def test_folders_of_runs_that_are_gone_are_swept(config: Config, source: t.Any) -> None:
    make_services(source, 3)
    home = config["batches"] / f"crm-batch-{os.getuid()}"
    home.mkdir(parents=True, mode=0o700)
    for name, age in (("run-old", 10_000), ("run-young", 10)):
        (home / name).mkdir()
        (home / name / "000001-x.copy").touch()
        moment = (home / name).stat().st_mtime - age
        os.utime(home / name, (moment, moment))
    extract(config)
    assert not (home / "run-old").exists()
    assert (home / "run-young").exists()


def test_a_folder_of_others_is_refused(config: Config, source: t.Any) -> None:
    make_services(source, 3)
    home = config["batches"] / f"crm-batch-{os.getuid()}"
    home.mkdir(parents=True, mode=0o777)
    home.chmod(0o777)
    run = extract(config)
    assert run.exit_code == 1
    assert "is not ours alone" in run.report("services")["error"]


def test_bytes_that_are_no_utf8_are_judged_value_by_value() -> None:
    layout = joined.Layout([], [], None, None)
    assert layout.copy_text([b"ok", b"caf\xe9"]) is None
    assert layout.copy_text([b"ok", None]) is None
    assert layout.copy_text([b"a\xfcb"]) is None
    assert layout.copy_text([b"a\xffb"]) is None
