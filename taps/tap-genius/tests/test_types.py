"""Every MySQL type and every nasty value, from a real server."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from pymysql.cursors import SSCursor
from tap_genius.client import Client, decoders, naive_bound
from tap_genius.cursor import RowCursor
from tap_genius.tap import TapGenius
from tap_kit.testing import run_tap
from tap_kit.values import Odd, Unstorable

Config: t.TypeAlias = "dict[str, t.Any]"

# Column type, value as SQL, JSON schema without the null, value as it is emitted.
# fmt: off
# ruff: noqa: E501 - a table of cases, one a line
CASES: list[tuple[str, str, dict[str, t.Any], t.Any]] = [
    ("tinyint(1)", "0", {"type": ["boolean"]}, False),
    ("tinyint(1)", "1", {"type": ["boolean"]}, True),
    ("tinyint", "-1", {"type": ["integer"]}, -1),
    ("tinyint unsigned", "255", {"type": ["integer"]}, 255),
    ("tinyint(4)", "2", {"type": ["integer"]}, 2),
    ("smallint unsigned", "65535", {"type": ["integer"]}, 65535),
    ("mediumint", "-8388608", {"type": ["integer"]}, -8388608),
    ("int unsigned zerofill", "42", {"type": ["integer"]}, 42),
    ("bigint", "-9223372036854775808", {"type": ["integer"]}, -(2**63)),
    ("bigint unsigned", "18446744073709551615", {"type": ["number"], "minimum": 0}, 2**64 - 1),
    ("decimal(30,10)", "12345678901234567890.0123456789", {"type": ["number"]}, Decimal("12345678901234567890.0123456789")),
    ("decimal(5,2) zerofill", "1.5", {"type": ["number"]}, Decimal("1.50")),
    ("decimal(9,2)", "-0.10", {"type": ["number"]}, Decimal("-0.10")),
    ("double(10,2)", "20", {"type": ["number"]}, Decimal("20.0")),
    ("double", "1e300", {"type": ["number"]}, Decimal("1e300")),
    ("float", "0.1", {"type": ["number"]}, Decimal("0.1")),
    ("date", "'2999-12-31'", {"type": ["string"], "format": "date"}, "2999-12-31"),
    ("date NOT NULL", "'0000-00-00'", {"type": ["string"], "format": "date"}, None),
    ("date", "'2024-00-10'", {"type": ["string"], "format": "date"}, None),
    ("date", "'1970-01-01'", {"type": ["string"], "format": "date"}, "1970-01-01"),
    ("datetime", "'2024-05-06 07:08:09'", {"type": ["string"], "format": "date-time"}, "2024-05-06T07:08:09+00:00"),
    ("datetime(6)", "'2024-05-06 07:08:09.000001'", {"type": ["string"], "format": "date-time"}, "2024-05-06T07:08:09.000001+00:00"),
    ("datetime", "'0000-00-00'", {"type": ["string"], "format": "date-time"}, None),
    ("datetime", "'2024-05-00 01:00:00'", {"type": ["string"], "format": "date-time"}, None),
    ("timestamp NULL", "FROM_UNIXTIME(86400)", {"type": ["string"], "format": "date-time"}, "1970-01-02T00:00:00+00:00"),
    ("time", "'838:59:59'", {"type": ["string"]}, "838:59:59"),
    ("time(3)", "'-25:00:00.5'", {"type": ["string"]}, "-25:00:00.500"),
    ("year", "1999", {"type": ["integer"]}, 1999),
    ("bit(3)", "b'101'", {"type": ["integer"]}, 5),
    ("char(5)", "'ab  '", {"type": ["string"]}, "ab"),
    ("varchar(20)", "'Größe 🙂 '", {"type": ["string"]}, "Größe 🙂 "),
    ("text", "'a\\nb\\tc\\\\d\\0e'", {"type": ["string"]}, "a\nb\tc\\d\0e"),
    ("text", "''", {"type": ["string"]}, ""),
    ("varchar(20) CHARACTER SET latin1", "'café'", {"type": ["string"]}, "café"),
    ("enum('a','b')", "'b'", {"type": ["string"]}, "b"),
    ("set('a','b')", "'a,b'", {"type": ["string"]}, "a,b"),
    ("blob", "x'00FF41'", {"type": ["string"], "contentEncoding": "base16", "description": "Binary, as hexadecimal digits."}, "00ff41"),
    ("binary(2)", "x'CAFE'", {"type": ["string"], "contentEncoding": "base16", "description": "Binary, as hexadecimal digits."}, "cafe"),
    ("json", "'{\"a\": [1, 2.50, null]}'", {"type": ["object", "array", "string", "number", "boolean"]}, {"a": [1, Decimal("2.50"), None]}),
    ("point", "ST_GeomFromText('POINT(1 2)')", {"type": ["string"]}, "POINT(1 2)"),
]  # fmt: skip


def test_every_type(source: t.Any, empty_config: Config) -> None:
    columns = ", ".join(f"c{place} {kind}" for place, (kind, *_) in enumerate(CASES))
    values = ", ".join(value for _, value, *_ in CASES)
    nulls = ", ".join("'0000-00-00'" if "NOT NULL" in kind else "NULL" for kind, *_ in CASES)
    source.run(
        f"CREATE TABLE service (id INT PRIMARY KEY, {columns}) CHARSET utf8mb4",
        f"INSERT INTO service VALUES (1, {values}), (2, {nulls})",
    )
    run = run_tap(TapGenius, empty_config)
    assert run.exit_code == 0
    properties = run.schema("services")["schema"]["properties"]
    full, empty = run.records("services")
    for place, (kind, value, schema, expected) in enumerate(CASES):
        name = f"c{place}"
        assert properties[name] == {**schema, "type": [*schema["type"], "null"]}, kind
        assert full[name] == expected, (kind, value)
        assert type(full[name]) is type(expected), (kind, value)
        assert empty[name] is None, kind
    assert str(full["c10"]) == "12345678901234567890.0123456789"
    assert run.report("services")["rejects"] == {"record": 0, "value": 0}


@pytest.fixture
def unstorable(source: t.Any) -> None:
    source.run(
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        "CREATE TABLE service (id INT PRIMARY KEY, is_active TINYINT(1), born DATE, label TEXT)",
        "INSERT INTO service VALUES (1, 2, '2024-02-30', 'odd'), (2, 1, '2024-02-29', 'fine'), (3, -1, NULL, 'odd')",
    )


@pytest.mark.usefixtures("unstorable")
@pytest.mark.parametrize("validation", ["lenient", "off"])
def test_a_value_that_its_column_cannot_hold_becomes_null_and_a_reject(empty_config: Config, validation: str) -> None:
    run = run_tap(TapGenius, {**empty_config, "validation": validation})
    assert [(r["id"], r["is_active"], r["born"]) for r in run.records("services")] == [
        (1, None, None),
        (2, True, "2024-02-29"),
        (3, None, None),
    ]
    rejects = run.records("sync_rejects")
    assert [(r["key"], r["field"], r["category"]) for r in rejects] == [
        ({"id": 1}, "is_active", "value"),
        ({"id": 1}, "born", "value"),
        ({"id": 3}, "is_active", "value"),
    ]
    assert rejects[0]["record"] == {"id": 1, "is_active": "2", "born": "2024-02-30", "label": "odd"}
    assert rejects[0]["reason"] == "neither 0 nor 1 in a boolean column"
    assert run.report("services")["rejects"] == {"record": 0, "value": 3}
    assert len([m for m in run.messages if m["type"] == "SCHEMA" and m["stream"] == "sync_rejects"]) == 1


@pytest.mark.usefixtures("unstorable")
def test_strict_validation_rejects_the_record(empty_config: Config) -> None:
    run = run_tap(TapGenius, {**empty_config, "validation": "strict"})
    assert [r["id"] for r in run.records("services")] == [2]
    assert [(r["key"], r["category"]) for r in run.records("sync_rejects")] == [
        ({"id": 1}, "record"),
        ({"id": 3}, "record"),
    ]
    assert run.exit_code == 0


@pytest.mark.parametrize(("validation", "warned"), [("lenient", "warned"), ("off", "")])
def test_broken_text_is_replaced_and_counted(
    source: t.Any,
    empty_config: Config,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    validation: str,
    warned: str,
) -> None:
    # MariaDB checks text when it is stored, so the broken bytes are put in on their way.
    source.run(
        "CREATE TABLE service (id INT PRIMARY KEY, label VARCHAR(20))",
        "INSERT INTO service VALUES (1, 'cafX'), (2, 'tea')",
    )
    original = RowCursor.rows

    def broken(self: RowCursor) -> t.Iterator[t.Any]:
        for row in original(self):
            yield tuple(Odd("caf\ufffd", "invalid UTF-8 replaced") if value == "cafX" else value for value in row)

    monkeypatch.setattr(RowCursor, "rows", broken)
    run = run_tap(TapGenius, {**empty_config, "validation": validation})
    assert [r["label"] for r in run.records("services")] == ["caf\ufffd", "tea"]
    assert (
        "field 'label' with value '***' (Record: id=***, 1 of services): invalid UTF-8 replaced" in caplog.text
    ) is bool(warned)
    assert not run.records("sync_rejects")


def test_naive_times_belong_to_the_zone_and_timestamps_do_not(source: t.Any, empty_config: Config) -> None:
    source.run(
        "SET time_zone = '+00:00'",
        "CREATE TABLE service (id INT PRIMARY KEY, updated_at DATETIME NULL, seen_at TIMESTAMP NULL)",
        "INSERT INTO service VALUES (1, '2025-07-01 08:00:00', '2025-07-01 08:00:00'), (2, '2025-07-01 09:00:00', NULL)",
    )
    config = {**empty_config, "timezone": "America/New_York", "reread_seconds": 0}
    run = run_tap(TapGenius, config)
    first = run.records("services")[0]
    assert (first["updated_at"], first["seen_at"]) == ("2025-07-01T12:00:00+00:00", "2025-07-01T08:00:00+00:00")
    assert run.bookmarks["services"]["replication_key_value"] == "2025-07-01T13:00:00.000000+00:00"
    delta = run_tap(TapGenius, config, state={"bookmarks": run.bookmarks})
    assert [r["id"] for r in delta.records("services")] == [2]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param("2024-07-01T12:00:00+00:00", "2024-07-01 08:00:00", id="summer"),
        pytest.param("2024-11-03T06:30:00+00:00", "2024-11-03 00:30:00", id="second pass of the repeated hour"),
        pytest.param("2024-11-03T05:30:00+00:00", "2024-11-03 00:30:00", id="first pass"),
        pytest.param("2024-03-10T08:00:00+00:00", "2024-03-10 04:00:00", id="spring"),
    ],
)
def test_bounds_are_early_enough_in_autumn(moment: str, expected: str) -> None:
    zone = ZoneInfo("America/New_York")
    assert str(naive_bound(datetime.fromisoformat(moment), zone)) == expected


def test_rows_are_those_of_pymysql(source: t.Any, empty_config: Config) -> None:
    long = 70_000
    source.run(
        "CREATE TABLE wide (a INT, b TEXT, c MEDIUMTEXT, d DECIMAL(9,2), e DATETIME)",
        f"INSERT INTO wide VALUES (1, 'x', REPEAT('y', {long}), 1.5, '2024-01-01'), (2, '', NULL, NULL, NULL),"
        " (3, REPEAT('z', 251), REPEAT('w', 65536), -1, '0000-00-00'), (NULL, NULL, '', 0, NULL)",
    )
    client = TapGenius(config=dict(empty_config), setup_mapper=False).client
    connection = client._connect()
    statement = "SELECT a, b, c, d, e, NULL, 'x' FROM wide"
    with connection.cursor() as ours:
        ours.execute(statement)
        mine = list(ours.rows())
    with connection.cursor(SSCursor) as theirs:
        theirs.execute(statement)
        reference = list(theirs.fetchall())
    client.close()
    connection.close()
    assert mine == [tuple(v.decode() if isinstance(v, bytes) else v for v in row) for row in reference]
    assert len(mine[0][2]) == long


def test_a_packet_of_more_than_sixteen_megabytes(mariadb: t.Any, source: t.Any, empty_config: Config) -> None:
    ((allowed,),) = source.run("SELECT @@max_allowed_packet")
    size = min(17_000_000, allowed - 1_000)
    source.run("CREATE TABLE service (id INT PRIMARY KEY, label LONGTEXT)", "INSERT INTO service VALUES (1, '')")
    source.run(f"UPDATE service SET label = REPEAT('x', {size})")
    run = run_tap(TapGenius, empty_config)
    assert [len(r["label"]) for r in run.records("services")] == [size]
    assert mariadb.database


def test_booleans_are_judged_once() -> None:
    decode = decoders(UTC)[1]
    assert decode(b"1") is True
    assert isinstance(decode(b"7"), Unstorable)
    assert decode(b"7") is decode(b"7")


def test_json_text_that_is_none_stays_text() -> None:
    from tap_genius.streams import _json_value  # noqa: PLC0415

    assert _json_value("{") == "{"
    assert _json_value("[1]") == [1]
    assert _json_value(None) is None


def test_new_columns_appear_by_themselves(genius: t.Any, genius_config: Config) -> None:
    genius.run("ALTER TABLE service ADD COLUMN colour VARCHAR(10) DEFAULT 'blue'")
    run = run_tap(TapGenius, genius_config, streams=["services"])
    assert {r["colour"] for r in run.records("services")} == {"blue"}


def test_deselected_columns_are_not_read(genius_config: Config) -> None:
    catalog = TapGenius(config=dict(genius_config), setup_mapper=False).catalog_dict
    (entry,) = [e for e in catalog["streams"] if e["stream"] == "services"]
    for item in entry["metadata"]:
        if item["breadcrumb"] in (["properties", "label"], ["properties", "updated_at"]):
            item["metadata"]["selected"] = False
    entry["schema"]["properties"]["order_number"]["type"] = ["string", "null"]
    run = run_tap(TapGenius, genius_config, catalog=catalog, streams=["services"])
    properties = run.schema("services")["schema"]["properties"]
    assert "label" not in properties
    assert "updated_at" in properties, "the replication key is always read"
    assert properties["order_number"]["type"] == ["string", "null"], "a catalog may override a type"
    assert set(run.records("services")[0]) == set(properties)


def test_full_table_by_catalog(genius_config: Config) -> None:
    catalog = TapGenius(config=dict(genius_config), setup_mapper=False).catalog_dict
    (entry,) = [e for e in catalog["streams"] if e["stream"] == "services"]
    entry["replication_method"] = "FULL_TABLE"
    first = run_tap(TapGenius, genius_config, catalog=catalog, streams=["services"])
    assert "bookmark_properties" not in first.schema("services")
    assert first.bookmarks["services"] == {}


def test_stream_maps_still_work(genius_config: Config) -> None:
    config = {
        **genius_config,
        "stream_maps": {"services": {"id": "id", "loud": "label.upper() if label else None", "__else__": None}},
    }
    plain = run_tap(TapGenius, genius_config, streams=["services"])
    mapped = run_tap(TapGenius, config, streams=["services"])
    assert mapped.records("services") == [
        {"id": r["id"], "loud": r["label"].upper() if r["label"] else None} for r in plain.records("services")
    ]
    assert mapped.bookmarks == plain.bookmarks
    json.dumps(mapped.schema("services"))


def test_secrets_and_left_out_columns(genius_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    original = Client._execute

    def listening(self: Client, statement: str, parameters: t.Any) -> t.Iterator[t.Any]:
        statements.append(statement)
        return original(self, statement, parameters)

    monkeypatch.setattr(Client, "_execute", listening)
    plain = run_tap(TapGenius, genius_config, streams=["users", "division_groups", "prospects"])
    for name in ("`ssn`", "`paysimple_secret`", "`mes_profile_key`", "`lead_types`", "`is_address_valid`"):
        assert not any(name in statement for statement in statements), name
    assert plain.schema("users")["schema"]["properties"]["email"]["x-sensitivity"] == "pii"
    asked = {**genius_config, "include_secrets": ["users.ssn"], "include_columns": ["users.lead_types"]}
    run = run_tap(TapGenius, asked, streams=["users", "division_groups"])
    properties = run.schema("users")["schema"]["properties"]
    assert properties["ssn"]["x-sensitivity"] == "secret"
    assert "lead_types" in properties
    assert "google_calendar_sync_token" not in properties
    assert "paysimple_secret" not in run.schema("division_groups")["schema"]["properties"]


def test_a_column_that_is_gone_is_left_out(
    genius: t.Any, genius_config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = TapGenius(config=dict(genius_config), setup_mapper=False).catalog_dict
    genius.run("ALTER TABLE service DROP COLUMN label")
    run = run_tap(TapGenius, genius_config, catalog=catalog, streams=["services"])
    assert run.exit_code == 0
    assert "label" not in run.schema("services")["schema"]["properties"]
    assert "services: the source has no more label." in caplog.text


@pytest.mark.parametrize("page_size", [1, 5000])
def test_a_key_is_no_flag(source: t.Any, empty_config: Config, page_size: int) -> None:
    source.run(
        "CREATE TABLE job_status (id TINYINT(1) PRIMARY KEY, label TEXT)",
        "INSERT INTO job_status VALUES (1, 'a'), (2, 'b'), (-3, 'c')",
    )
    run = run_tap(TapGenius, {**empty_config, "page_size": page_size, "deletions": "sweep"})
    assert run.schema("job_statuses")["schema"]["properties"]["id"] == {"type": ["integer"]}
    assert [r["id"] for r in run.records("job_statuses")] == [-3, 1, 2]
    assert [r["id"] for r in run.records("job_statuses_keys")] == [-3, 1, 2]


def test_a_column_with_a_per_cent_sign(source: t.Any, empty_config: Config) -> None:
    source.run("CREATE TABLE service (id INT PRIMARY KEY, `rate %s` INT)", "INSERT INTO service VALUES (1, 5)")
    assert run_tap(TapGenius, empty_config).records("services") == [{"id": 1, "rate %s": 5}]
