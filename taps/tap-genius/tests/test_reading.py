"""Reading tables: order, paging, deltas, resuming, failures in the middle."""

from __future__ import annotations

import json
import typing as t
from collections import Counter

import pymysql
import pytest
from tap_genius.client import Client
from tap_genius.tables import TABLES
from tap_genius.tap import TapGenius
from tap_kit.messages import Interrupted
from tap_kit.testing import run_tap

if t.TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = {table.name: table.key for table in TABLES}
Config: t.TypeAlias = "dict[str, t.Any]"


def keys(records: list[dict[str, t.Any]], stream: str) -> list[tuple[t.Any, ...]]:
    return [tuple(record[name] for name in KEYS[stream]) for record in records]


def make_services(source: t.Any, rows: int) -> None:
    source.run(
        "CREATE TABLE service (id INT PRIMARY KEY, label VARCHAR(20), updated_at DATETIME NULL)",
        f"INSERT INTO service SELECT seq, CONCAT('s', seq), '2025-01-01' + INTERVAL seq HOUR FROM seq_1_to_{rows}",
    )


def test_every_stream_is_read_in_the_declared_order(genius_config: Config) -> None:
    run = run_tap(TapGenius, genius_config)
    assert run.exit_code == 0
    schemas = [m["stream"] for m in run.messages if m["type"] == "SCHEMA"]
    assert schemas == [table.name for table in TABLES]
    for table in TABLES:
        records = run.records(table.name)
        assert run.report(table.name)["status"] == "success"
        assert records, table.name
        found = keys(records, table.name)
        assert len(set(found)) == len(found)
        if table.name != "marketsharp_marketing_source_maps":
            assert found == sorted(found)


def test_counts_equal_the_tables(genius: t.Any, genius_config: Config) -> None:
    run = run_tap(TapGenius, genius_config)
    for table in TABLES:
        ((count,),) = genius.run(f"SELECT COUNT(*) FROM `{table.table}`")
        report = run.report(table.name)
        assert report["records_total"] == count
        assert len(run.records(table.name)) + report["rejects"]["record"] == count


@pytest.mark.parametrize("page_size", [1, 2, 3, 5000])
@pytest.mark.parametrize("stream", ["appointment_services", "marketsharp_marketing_source_maps", "services"])
def test_small_pages_neither_skip_nor_repeat(genius_config: Config, stream: str, page_size: int) -> None:
    whole = run_tap(TapGenius, genius_config, streams=[stream]).records(stream)
    paged = run_tap(TapGenius, {**genius_config, "page_size": page_size}, streams=[stream]).records(stream)
    assert paged == whole


@pytest.mark.parametrize("rows", [500, 501, 1200])
@pytest.mark.parametrize("page_size", [70, 500, 5000])
def test_one_connection_is_enough(
    source: t.Any, empty_config: Config, monkeypatch: pytest.MonkeyPatch, rows: int, page_size: int
) -> None:
    """The first rows of a table and the rest are read in different ways; neither leaves an answer half read."""
    make_services(source, rows)
    opened: list[Client] = []
    connect = Client._connect

    def counted(client: Client) -> t.Any:
        opened.append(client)
        return connect(client)

    monkeypatch.setattr(Client, "_connect", counted)
    run = run_tap(TapGenius, {**empty_config, "page_size": page_size})
    assert [record["id"] for record in run.records("services")] == [*range(1, rows + 1)]
    assert len(opened) == 1


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_composite_keys_are_compared_as_tuples(source: t.Any, empty_config: Config, page_size: int) -> None:
    pairs = [(1, 9), (2, 1), (2, 2), (2, 9), (3, 1), (9, 1), (9, 2)]
    source.run(
        "CREATE TABLE appointment_to_service (appointment_id INT, service_id SMALLINT, updated_at DATETIME NULL,"
        " PRIMARY KEY (appointment_id, service_id))",
        f"INSERT INTO appointment_to_service (appointment_id, service_id) VALUES {', '.join(map(str, pairs))}",
    )
    run = run_tap(TapGenius, {**empty_config, "page_size": page_size})
    assert keys(run.records("appointment_services"), "appointment_services") == pairs


def test_the_condition_of_a_composite_key_uses_the_index(source: t.Any) -> None:
    from tap_genius.client import Query  # noqa: PLC0415

    source.run(
        "CREATE TABLE pairs (a INT, b INT, PRIMARY KEY (a, b))",
        "INSERT INTO pairs SELECT seq DIV 3, seq MOD 3 FROM seq_1_to_9000",
        "ANALYZE TABLE pairs",
    )
    query = Query("pairs", "t.a, t.b", "pairs t", ("t.a", "t.b"), (0, 1))
    statement, parameters = query.page((2900, 1), 10)
    ((_, _, _, kind, *_),) = source.run("EXPLAIN " + statement % parameters)
    assert kind == "range"


TEXT_KEYS = ["", "a", "B", "ä2", "Äb", "b2", "Z", "ß", "zz", "é", "E2", " lead", "0", "🙂"]


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_text_keys_follow_their_collation(source: t.Any, empty_config: Config, page_size: int) -> None:
    source.run(
        "CREATE TABLE marketsharp_marketing_source_map (marketsharp_id VARCHAR(128) PRIMARY KEY, n INT)"
        " CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci"
    )
    for text in TEXT_KEYS:
        source.run(f"INSERT INTO marketsharp_marketing_source_map (marketsharp_id) VALUES ('{text}')")
    run = run_tap(TapGenius, {**empty_config, "page_size": page_size})
    stream = "marketsharp_marketing_source_maps"
    assert Counter(keys(run.records(stream), stream)) == Counter((text,) for text in TEXT_KEYS)
    assert run.records("sync_rejects") == []


def test_a_page_without_new_keys_is_an_error(
    source: t.Any,
    empty_config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_services(source, 5)
    original = Client._execute

    def stuck(self: Client, statement: str, parameters: t.Any) -> Iterator[t.Any]:
        if "FROM `service`" in statement and "COUNT" not in statement:
            statement = statement.replace("> %s", ">= %s")
        return original(self, statement, parameters)

    monkeypatch.setattr(Client, "_execute", stuck)
    run = run_tap(TapGenius, {**empty_config, "page_size": 2})
    report = run.report("services")
    assert run.exit_code == 1
    assert report["status"] == "failed"
    assert "services does not get past the key (2,)" in report["error"]


@pytest.mark.parametrize("index", ["", ", KEY (updated_at)", ", KEY (added_on, updated_at)"])
@pytest.mark.parametrize("part_zero", [True, False])
def test_a_delta_reads_what_changed_and_what_has_no_time(
    source: t.Any, empty_config: Config, index: str, *, part_zero: bool
) -> None:
    source.run(
        f"CREATE TABLE lead (lead_id INT PRIMARY KEY, added_on DATETIME NULL, updated_at DATETIME NULL{index})",
        "INSERT INTO lead VALUES (1, NULL, '2025-01-01'), (2, NULL, '2025-03-01'), (3, '2025-03-02', NULL),"
        " (4, '2024-03-02', NULL), (5, NULL, NULL), (6, NULL, '0000-00-00'), (7, '2025-06-01', '2025-01-01'),"
        " (8, '2025-03-05', '0000-00-00 00:00:00')",
    )
    if part_zero:
        source.run(
            "INSERT INTO lead VALUES (9, '2024-01-01', '2025-00-05 00:00:00'), (10, NULL, '2024-00-05 00:00:00'),"
            " (11, NULL, '2024-05-00 00:00:00'), (12, NULL, '0000-05-01'), (13, '2025-03-04', '2024-12-00')"
        )
    state = {
        "bookmarks": {
            "leads": {"replication_key": "updated_at", "replication_key_value": "2025-03-01T00:00:00.000000+00:00"}
        }
    }
    run = run_tap(TapGenius, empty_config, state=state)
    late = [10, 11, 12, 13] if part_zero else []
    assert [record["lead_id"] for record in run.records("leads")] == [2, 3, 5, 6, 8, *late]
    assert run.bookmarks["leads"]["replication_key_value"] == "2025-03-05T00:00:00.000000+00:00"
    full = run_tap(TapGenius, empty_config)
    assert len(full.records("leads")) == (13 if part_zero else 8)


@pytest.mark.parametrize("far", ["2031-12-31", "9999-12-31"])
@pytest.mark.parametrize("moment", ["2020-00-00", "2020-00-31 23:59:59", "2020-01-00", "2024-12-00 01:00:00", ""])
def test_any_part_zero_date_keeps_the_index_from_being_used(
    source: t.Any, empty_config: Config, moment: str, far: str
) -> None:
    ends = "(1, '2020-01-01'), (2, '2024-11-30 23:59:59'), (3, '2024-12-01'), (4, NULL), (5, '0000-00-00')"
    source.run(
        "CREATE TABLE lead (lead_id INT PRIMARY KEY, updated_at DATETIME NULL, KEY (updated_at))",
        f"INSERT INTO lead VALUES {ends}, (6, '{far}')",
    )
    if moment:
        source.run(f"INSERT INTO lead VALUES (7, '{moment}')")
    tap = TapGenius(config=empty_config)
    assert tap.client.index_finds_changes("lead", "updated_at") is not bool(moment)


def test_a_delta_uses_the_index_of_the_modification_time(
    source: t.Any, empty_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.run(
        "CREATE TABLE lead (lead_id INT PRIMARY KEY, added_on DATETIME, updated_at DATETIME, KEY (updated_at))",
        "INSERT INTO lead SELECT seq, NULL, '2020-01-01' + INTERVAL seq MINUTE FROM seq_1_to_20000",
        "ANALYZE TABLE lead",
    )
    statements: list[tuple[str, t.Any]] = []
    original = Client._execute

    def kept(self: Client, statement: str, parameters: t.Any = ()) -> t.Any:
        statements.append((statement, parameters))
        return original(self, statement, parameters)

    monkeypatch.setattr(Client, "_execute", kept)
    state = {
        "bookmarks": {
            "leads": {"replication_key": "updated_at", "replication_key_value": "2020-01-14T21:00:00.000000+00:00"}
        }
    }
    assert len(run_tap(TapGenius, empty_config, state=state).records("leads")) == 22
    ((statement, parameters),) = [found for found in statements if "ORDER BY t.`lead_id` LIMIT" in found[0]]
    with source.database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", parameters)
        ((_, _, _, how, _, index, *_),) = cursor.fetchall()
    assert (how, index) == ("range", "updated_at")


def test_two_runs_in_a_row(genius: t.Any, genius_config: Config) -> None:
    first = run_tap(TapGenius, genius_config)
    genius.run("UPDATE service SET updated_at = '2024-01-01'")
    state = {"bookmarks": first.bookmarks}
    genius.run(
        "UPDATE service SET label = 'changed', updated_at = UTC_TIMESTAMP() WHERE id = (SELECT MIN(id) FROM service)"
    )
    second = run_tap(TapGenius, genius_config, streams=["services"], state=state)
    assert [record["label"] for record in second.records("services")] == ["changed"]
    value = "replication_key_value"
    assert second.bookmarks["services"][value] > first.bookmarks["services"][value]
    assert {k: v for k, v in second.bookmarks.items() if k != "services"} == {
        k: v for k, v in first.bookmarks.items() if k != "services"
    }


def test_the_reread_window_is_before_the_bookmark(source: t.Any, empty_config: Config) -> None:
    make_services(source, 10)
    state = {
        "bookmarks": {"services": {"replication_key": "updated_at", "replication_key_value": "2025-01-01T09:00:30Z"}}
    }
    assert [r["id"] for r in run_tap(TapGenius, empty_config, state=state).records("services")] == [9, 10]
    narrow = {**empty_config, "reread_seconds": 0}
    assert [r["id"] for r in run_tap(TapGenius, narrow, state=state).records("services")] == [10]


def test_resuming_from_every_state_gives_every_row(source: t.Any, empty_config: Config) -> None:
    make_services(source, 23)
    config = {**empty_config, "page_size": 4}
    whole = run_tap(TapGenius, config)
    ends = [place for place, message in enumerate(whole.messages) if message["type"] == "STATE"]
    assert len(ends) > 6
    for end in ends:
        written = [m["record"] for m in whole.messages[:end] if m["type"] == "RECORD"]
        state = {"bookmarks": json.loads(json.dumps(whole.messages[end]["value"]["bookmarks"]))}
        rest = run_tap(TapGenius, config, state=state)
        resumed = rest.records("services")
        union = {r["id"]: r for r in [*written, *resumed]}
        assert list(union.values()) == whole.records("services")
        assert rest.bookmarks == whole.bookmarks
        if rest.report("services")["resumed"]:
            assert [r["id"] for r in [*written, *resumed]] == list(range(1, 24))


def test_rows_changed_during_a_broken_read_are_in_the_next_delta(source: t.Any, empty_config: Config) -> None:
    make_services(source, 9)
    config = {**empty_config, "page_size": 3}
    first = run_tap(TapGenius, config)
    middle = first.states[2]["bookmarks"]
    assert middle["services"]["resume"]["last_key"] == [6]
    source.run("UPDATE service SET label = 'late', updated_at = UTC_TIMESTAMP() WHERE id = 1")
    resumed = run_tap(TapGenius, config, state={"bookmarks": middle})
    assert 1 not in [r["id"] for r in resumed.records("services")]
    delta = run_tap(TapGenius, config, state={"bookmarks": resumed.bookmarks})
    assert "late" in [r["label"] for r in delta.records("services")]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"max_records": 3}, [1, 2, 3]),
        ({"since": "2025-01-01T08:00:00"}, [8, 9]),
        ({"end_date": "2025-01-01T03:00:00Z"}, [1, 2]),
        ({"since": "2025-01-01T03:00:00", "end_date": "2025-01-01T05:00:00"}, [3, 4]),
    ],
)
@pytest.mark.parametrize("stored", [None, "2025-01-01T00:30:00.000000+00:00"])
def test_narrowed_runs_leave_the_bookmark(
    source: t.Any,
    empty_config: Config,
    setting: dict[str, t.Any],
    expected: list[int],
    stored: str | None,
) -> None:
    make_services(source, 9)
    bookmarks = {"services": {"replication_key": "updated_at", "replication_key_value": stored}} if stored else {}
    run = run_tap(TapGenius, {**empty_config, **setting}, state={"bookmarks": bookmarks})
    assert [r["id"] for r in run.records("services")] == expected
    assert run.exit_code == 0
    assert all(state["bookmarks"] == bookmarks for state in run.states)


def test_start_date_bounds_the_first_run_only(source: t.Any, empty_config: Config) -> None:
    make_services(source, 9)
    config = {**empty_config, "start_date": "2025-01-01T08:00:00Z"}
    first = run_tap(TapGenius, config)
    assert [r["id"] for r in first.records("services")] == [8, 9]
    assert first.bookmarks["services"]["replication_key_value"] == "2025-01-01T09:00:00.000000+00:00"
    second = run_tap(TapGenius, config, state={"bookmarks": first.bookmarks})
    assert [r["id"] for r in second.records("services")] == [9]


def test_a_time_in_the_future_does_not_carry_the_bookmark_along(source: t.Any, empty_config: Config) -> None:
    source.run(
        "CREATE TABLE service (id INT PRIMARY KEY, updated_at DATETIME NULL)",
        "INSERT INTO service VALUES (1, '2999-01-01')",
    )
    before = source.run("SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)")[0][0].replace(" ", "T")
    run = run_tap(TapGenius, empty_config)
    after = source.run("SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)")[0][0].replace(" ", "T")
    assert before <= run.bookmarks["services"]["replication_key_value"][:26] <= after


def test_a_lost_connection_is_opened_again(
    source: t.Any,
    empty_config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_services(source, 50)
    monkeypatch.setattr("backoff.full_jitter", lambda _: 0.0)
    original = Client._execute
    kills: list[int] = []

    def killed(self: Client, statement: str, parameters: t.Any) -> Iterator[t.Any]:
        for place, row in enumerate(original(self, statement, parameters)):
            if "FROM `service`" in statement and "LIMIT" in statement and place == 2 and len(kills) < 3:
                assert self._connection is not None
                kills.append(self._connection.thread_id())  # type: ignore[no-untyped-call]
                source.run(f"KILL {kills[-1]}")
            yield row

    monkeypatch.setattr(Client, "_execute", killed)
    run = run_tap(TapGenius, {**empty_config, "page_size": 8})
    assert [r["id"] for r in run.records("services")] == list(range(1, 51))
    report = run.report("services")
    assert (report["status"], report["resumed"]) == ("success", False)
    assert len(set(kills)) == 3
    assert report["retries"] >= 1


def test_a_connection_lost_in_the_middle_of_a_page_is_opened_again(
    source: t.Any, empty_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than the sockets hold, so that the loss is met between two rows and not at the next statement.
    source.run(
        "CREATE TABLE service (id INT PRIMARY KEY, label MEDIUMTEXT)",
        "INSERT INTO service SELECT seq, REPEAT('x', 100000) FROM seq_1_to_200",
    )
    monkeypatch.setattr("backoff.full_jitter", lambda _: 0.0)
    original = Client._execute
    kills: list[int] = []

    def killed(self: Client, statement: str, parameters: t.Any) -> Iterator[t.Any]:
        for place, row in enumerate(original(self, statement, parameters)):
            if "LIMIT" in statement and place == 2 and not kills:
                assert self._connection is not None
                kills.append(self._connection.thread_id())  # type: ignore[no-untyped-call]
                source.run(f"KILL {kills[-1]}")
            yield row

    monkeypatch.setattr(Client, "_execute", killed)
    run = run_tap(TapGenius, empty_config)
    assert [r["id"] for r in run.records("services")] == list(range(1, 201))
    report = run.report("services")
    assert (report["status"], report["retries"]) == ("success", 1)


class Signalled:
    """A stream of bytes from the server; while more is awaited, a signal comes."""

    def read(self, _: int) -> bytes:
        raise Interrupted(143)

    def close(self) -> None:
        """Close it."""


def test_a_signal_while_the_server_is_awaited_ends_the_run(
    source: t.Any, empty_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_services(source, 9)
    original = Client._execute

    def signalled(self: Client, statement: str, parameters: t.Any) -> Iterator[t.Any]:
        for place, row in enumerate(original(self, statement, parameters)):
            if "LIMIT" in statement and place == 2:
                assert self._connection is not None
                self._connection._rfile = Signalled()  # type: ignore[attr-defined]
            yield row

    monkeypatch.setattr(Client, "_execute", signalled)
    run = run_tap(TapGenius, empty_config)
    assert run.exit_code == 143
    assert run.report("services")["error_category"] == "interrupted"
    assert run.bookmarks["services"]["resume"]["last_key"] == [3]


def test_a_connection_that_is_lost_for_good_ends_the_run(
    genius_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoff.full_jitter", lambda _: 0.0)
    original = Client._execute

    def broken(self: Client, statement: str, parameters: t.Any) -> Iterator[t.Any]:
        if "`division_group`" in statement and "LIMIT" in statement:
            raise pymysql.OperationalError(2013, "Lost connection to MySQL server during query")
        return original(self, statement, parameters)

    monkeypatch.setattr(Client, "_execute", broken)
    run = run_tap(TapGenius, genius_config)
    assert run.exit_code == 1
    assert run.report("division_groups")["error_category"] == "connection"
    assert "It was tried 6 times." in run.report("division_groups")["error"]
    assert run.report("jobs")["status"] == "failed"
    assert not run.records("jobs")


def test_one_failing_stream_does_not_stop_the_others(genius: t.Any, genius_config: Config) -> None:
    catalog = TapGenius(config=dict(genius_config), setup_mapper=False).catalog_dict
    genius.run("DROP TABLE job_status")
    run = run_tap(TapGenius, genius_config, catalog=catalog)
    assert run.exit_code == 1
    report = run.report("job_statuses")
    assert (report["status"], report["error_category"]) == ("failed", "source")
    assert "has no table job_status" in report["error"]
    others = [table.name for table in TABLES if table.name != "job_statuses"]
    assert {run.report(name)["status"] for name in others} == {"success"}
    assert set(run.states[0]["sync_report"]["run"]["streams"]) == {table.name for table in TABLES}


def test_an_unexpected_error_is_told_and_does_not_stop_the_others(
    genius_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Client.read

    def wrong(self: Client, query: t.Any, **options: t.Any) -> Iterator[t.Any]:
        if query.stream == "jobs":
            raise LookupError(genius_config["password"])
        return original(self, query, **options)

    monkeypatch.setattr(Client, "read", wrong)
    run = run_tap(TapGenius, genius_config, streams=["jobs", "quotes"])
    assert run.report("jobs")["error"] == "An error of the tap itself (LookupError); its log says where."
    assert run.report("jobs")["error_category"] == "internal"
    assert run.report("quotes")["status"] == "success"


def test_a_missing_table_is_left_out_with_a_warning(
    source: t.Any,
    empty_config: Config,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_services(source, 1)
    assert list(TapGenius(config=dict(empty_config)).streams) == ["services"]
    assert "The stream jobs is left out" in caplog.text


def test_sweep_sends_every_key_after_the_records(genius_config: Config) -> None:
    config = {**genius_config, "deletions": "sweep", "max_deleted_share": 0.5}
    stream = "appointment_services"
    first = run_tap(TapGenius, config, streams=[stream])
    schema = first.schema(f"{stream}_keys")
    assert schema["schema"]["x-sweep-of"] == stream
    assert schema["schema"]["x-max-deleted-share"] == 0.5
    assert schema["key_properties"] == ["appointment_id", "service_id"]
    assert list(schema["schema"]["properties"]) == schema["key_properties"]
    assert keys(first.records(f"{stream}_keys"), stream) == keys(first.records(stream), stream)
    kinds = [str(m["stream"]) for m in first.messages if m["type"] == "RECORD"]
    assert kinds == sorted(kinds)
    delta = run_tap(TapGenius, config, streams=[stream], state={"bookmarks": first.bookmarks})
    assert delta.records(f"{stream}_keys") == first.records(f"{stream}_keys")


def test_no_sweep_after_a_resumed_narrowed_or_failed_read(source: t.Any, empty_config: Config) -> None:
    make_services(source, 9)
    config = {**empty_config, "deletions": "sweep", "page_size": 3}
    whole = run_tap(TapGenius, config)
    assert len(whole.records("services_keys")) == 9
    resumed = run_tap(TapGenius, config, state={"bookmarks": whole.states[1]["bookmarks"]})
    assert resumed.report("services")["resumed"]
    assert not resumed.records("services_keys")
    assert not run_tap(TapGenius, {**config, "max_records": 2}).records("services_keys")
    assert not run_tap(TapGenius, {**config, "since": "2025-01-01"}).records("services_keys")


def test_only_hubspot_ids_appear_under_the_name_of_hubspot(source: t.Any, empty_config: Config) -> None:
    source.run(
        "CREATE TABLE third_party_source_type (id INT PRIMARY KEY, label VARCHAR(64))",
        "CREATE TABLE third_party_source (id INT PRIMARY KEY, third_party_id VARCHAR(255),"
        " third_party_source_type_id INT)",
        "CREATE TABLE prospect (id INT PRIMARY KEY, third_party_source_id INT, updated_at DATETIME NULL)",
        "INSERT INTO third_party_source_type VALUES (1, 'hubspot'), (2, 'other')",
        "INSERT INTO third_party_source VALUES (10, '501', 1), (11, '777', 2), (12, '888', NULL)",
        "INSERT INTO prospect (id, third_party_source_id) VALUES (0, 10), (1, 11), (2, 12), (3, NULL), (4, 99)",
    )
    run = run_tap(TapGenius, empty_config)
    found = [(r["id"], r["hubspot_contact_id"]) for r in run.records("prospects")]
    assert found == [(0, "501"), (1, None), (2, None), (3, None), (4, None)]


def test_a_lookup_without_its_tables_is_left_out(source: t.Any, empty_config: Config) -> None:
    source.run("CREATE TABLE prospect (id INT PRIMARY KEY, third_party_source_id INT)")
    assert "hubspot_contact_id" not in run_tap(TapGenius, empty_config).schema("prospects")["schema"]["properties"]


def test_renamed_columns_and_the_primary_user(genius: t.Any, genius_config: Config) -> None:
    run = run_tap(TapGenius, genius_config, streams=["users", "leads"])
    users = genius.run(
        "SELECT u.user_id, ua.primary_user_id FROM user_data u LEFT JOIN users_userassociations ua"
        " ON ua.id = u.user_associations_id ORDER BY 1"
    )
    assert [(r["id"], r["primary_user_id"]) for r in run.records("users")] == users
    assert "user_id" not in run.schema("users")["schema"]["properties"]
    leads = genius.run("SELECT lead_id, division FROM lead ORDER BY 1")
    assert [(r["lead_id"], r["division_id"]) for r in run.records("leads")] == leads


def test_rows_with_a_key_of_zero_are_rows(source: t.Any, empty_config: Config) -> None:
    source.run(
        "CREATE TABLE service (id INT PRIMARY KEY, label TEXT)",
        "INSERT INTO service VALUES (-1, 'a'), (0, 'b'), (1, 'c')",
    )
    for page_size in (1, 2, 5):
        run = run_tap(TapGenius, {**empty_config, "page_size": page_size})
        assert [r["id"] for r in run.records("services")] == [-1, 0, 1]


def test_a_table_that_was_read_before_and_is_gone_is_no_silence(source: t.Any, empty_config: Config) -> None:
    source.run("CREATE TABLE service (id INT PRIMARY KEY, label TEXT)")
    mark = {"replication_key": "updated_at", "replication_key_value": "2026-01-01T00:00:00.000000+00:00"}
    state = {"bookmarks": {"prospects": mark, "jobs": {}}}
    run = run_tap(TapGenius, empty_config, state=state)
    assert run.exit_code == 1
    assert run.report("prospects")["status"] == "failed"
    assert "prospect" in run.report("prospects")["error"]
    assert run.report("services")["status"] == "success"
    assert "jobs" not in run.states[0]["sync_report"]["run"]["streams"]


def test_keys_from_a_fallback_host_are_no_sweep(genius_config: Config) -> None:
    hosts = {"port": 1, "fallback_hosts": [f"{genius_config['host']}:{genius_config['port']}"]}
    run = run_tap(TapGenius, {**genius_config, **hosts, "deletions": "sweep"}, streams=["services"])
    report = run.report("services")
    assert run.records("services")
    assert (report["status"], report["error_category"]) == ("failed", "sweep")
    assert "fallback host" in report["error"]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
@pytest.mark.parametrize(
    ("changed", "added", "row"),
    [
        ("TIMESTAMP", "DATETIME", "'2025-03-01 13:00:00' - INTERVAL %s HOUR"),
        ("DATETIME", "TIMESTAMP", "'2025-03-01 13:00:00'"),
        ("DATETIME", "DATE", "'2025-03-01'"),
    ],
)
def test_a_fallback_of_another_type_has_a_bound_of_its_own(
    source: t.Any, empty_config: Config, zone: str, changed: str, added: str, row: str
) -> None:
    behind = 5 if zone == "America/New_York" else -1
    source.run(
        "SET time_zone = '+00:00'",
        f"CREATE TABLE lead (lead_id INT PRIMARY KEY, added_on {added} NULL, updated_at {changed} NULL)",
        f"INSERT INTO lead (lead_id, added_on) VALUES (1, {row.replace('%s', str(behind))})",
    )
    stored = {"replication_key": "updated_at", "replication_key_value": "2025-03-01T12:30:00+00:00"}
    run = run_tap(TapGenius, {**empty_config, "timezone": zone}, state={"bookmarks": {"leads": stored}})
    assert [r["lead_id"] for r in run.records("leads")] == [1]


def test_a_modification_time_in_the_year_0_is_none(source: t.Any, empty_config: Config) -> None:
    source.run(
        "CREATE TABLE service (id INT PRIMARY KEY, updated_at DATETIME NULL)",
        "INSERT INTO service VALUES (1, '0000-05-05')",
    )
    stored = {"replication_key": "updated_at", "replication_key_value": "2025-01-01"}
    run = run_tap(TapGenius, empty_config, state={"bookmarks": {"services": stored}})
    assert run.records("services") == [{"id": 1, "updated_at": None}]


@pytest.mark.parametrize("setting", [{"start_date": "0001-01-01"}, {"end_date": "9999-12-31T23:59:59"}])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_bounds_at_the_ends_of_the_calendar(source: t.Any, empty_config: Config, setting: Config, zone: str) -> None:
    make_services(source, 3)
    run = run_tap(TapGenius, {**empty_config, **setting, "timezone": zone})
    assert [r["id"] for r in run.records("services")] == [1, 2, 3]
