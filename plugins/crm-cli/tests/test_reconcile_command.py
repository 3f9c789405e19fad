"""``crm reconcile``: what counts as a difference, what does not, and what a repair may do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from crm_cli import reconcile
from crm_cli.errors import CrmError
from crm_cli.main import crm
from crm_cli.pipeline import Outcome
from sync_history import rejects, runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from crm_cli.pipeline import Request
    from crm_cli.project import Project

OLD = "2026-01-01T00:00:00+00:00"
NEW = "2026-02-01T00:00:00+00:00"
BOOKMARK = {"replication_key": "updated_at", "replication_key_value": "2026-01-15T00:00:00.000000+00:00"}
Row = dict[str, Any]


@dataclass
class Source:
    """A tap that says what a test tells it."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    marks: Row = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ("id",)
    changed: tuple[str, ...] = ("updated_at",)
    asked: list[dict[str, str]] = field(default_factory=list)

    def messages(self, _project: Any, _source: Any, streams: Any, variables: Mapping[str, str]) -> Iterator[bytes]:
        """Yield the messages of a run of keys."""
        self.asked.append({"streams": ",".join(streams), **variables})
        yield self._line(type="STATE", value={"sync_report": {"run": {}, "streams": {}}})
        for stream in streams:
            if stream not in self.rows and stream not in self.errors:
                continue
            marks = {"x-sweep-of": stream, "x-keys-only": True, "x-changed": self.changed, "x-all-keys": True}
            schema = {"properties": {}, **marks, **self.marks}
            name = f"{stream}_keys"
            yield self._line(type="SCHEMA", stream=name, schema=schema, key_properties=self.key)
            for row in self.rows.get(stream, []):
                yield self._line(type="RECORD", stream=name, record=row)
            status = {"status": "success"}
            if stream in self.errors:
                status = {"status": "failed", "error": self.errors[stream]}
            yield self._line(type="STATE", value={"sync_report": {"streams": {stream: status}}})

    @staticmethod
    def _line(**message: Any) -> bytes:
        return json.dumps(message).encode()


@pytest.fixture
def source(project: Project, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The source of acme."""
    del project
    made = Source()
    for name in ("TAP_ACME_HOST", "TAP_ACME_USER", "ACME_SECRET"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setattr(reconcile, "messages", made.messages)
    return made


@pytest.fixture
def table(seed: Any, warehouse_url: str) -> psycopg.Connection:
    """The users 1, 2 and 3, and a deleted one; read up to the middle of January."""
    del warehouse_url
    seed.run("users", bookmark=BOOKMARK)
    conn: psycopg.Connection = seed.conn
    conn.execute("CREATE SCHEMA acme")
    conn.execute(
        "CREATE TABLE acme.users (id bigint PRIMARY KEY, updated_at timestamptz, name text,"
        " _sdc_batched_at timestamptz DEFAULT '2026-01-15', _sdc_deleted_at timestamptz)"
    )
    conn.execute("INSERT INTO acme.users (id, updated_at) SELECT n, %s FROM generate_series(1, 3) AS n", (OLD,))
    conn.execute("INSERT INTO acme.users (id, updated_at, _sdc_deleted_at) VALUES (9, %s, now())", (OLD,))
    return conn


def row(number: int, at: str | None = OLD, **more: Any) -> Row:
    return {"id": number, "updated_at": at, **more}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["reconcile", "acme", *arguments], env={"COLUMNS": "200"})


def compared(*arguments: str, stream: str = "users") -> tuple[int, Row]:
    result = run(*arguments, "--json")
    assert result.exit_code in (0, 1), result.output
    told = json.loads(result.stdout)
    assert told["exit_code"] == result.exit_code
    return result.exit_code, {one["stream"]: one for one in told["streams"]}[stream]


def differing(told: Row) -> dict[str, list[Any]]:
    return {
        kind: [found["key"]["id"] for found in one["keys"]] for kind, one in told["differences"].items() if one["count"]
    }


@pytest.mark.usefixtures("table")
def test_equal_is_equal(source: Source) -> None:
    source.rows["users"] = [row(n) for n in (3, 1, 2)]
    code, told = compared("users")
    assert (code, told["equal"], differing(told)) == (0, True, {})
    assert told["source"] == told["warehouse"]
    assert (told["source"]["count"], told["source"]["latest"]) == (3, "2026-01-01 00:00:00+00")
    text = run("users")
    assert text.exit_code == 0
    assert "equal" in text.stdout
    assert source.asked[0]["TAP_ACME_KEYS_ONLY"] == "true"
    assert source.asked[0]["streams"] == "users"


@pytest.mark.usefixtures("table")
def test_every_kind_of_difference_is_listed(source: Source) -> None:
    source.rows["users"] = [row(1), row(2, "2026-01-02T00:00:00+00:00"), row(4), row(9)]
    code, told = compared("users")
    assert code == 1
    assert differing(told) == {"missing": [4, 9], "extra": [3], "changed": [2]}
    (changed,) = told["differences"]["changed"]["keys"]
    assert (changed["source"], changed["warehouse"]) == ("2026-01-02 00:00:00+00", "2026-01-01 00:00:00+00")
    assert told["source"]["checksum"] != told["warehouse"]["checksum"]
    text = run("users", "-n", "1")
    assert text.exit_code == 1
    assert "users, missing here: 4 and 1 more" in text.stdout
    assert "users, extra here: 3" in text.stdout


@pytest.mark.usefixtures("table")
def test_what_changed_since_the_bookmark_is_the_next_runs(source: Source) -> None:
    source.rows["users"] = [row(1, NEW), row(2), row(3), row(4, NEW), row(5, BOOKMARK["replication_key_value"])]
    code, told = compared("users")
    assert (code, told["waiting"], differing(told)) == (0, 3, {})


@pytest.mark.usefixtures("table")
def test_the_second_time_counts_where_the_first_is_null(source: Source) -> None:
    source.changed = ("updated_at", "made_at")
    source.rows["users"] = [row(1), row(2), row(3), row(4, None, made_at=NEW), row(5, None, made_at=OLD)]
    code, told = compared("users")
    assert (code, told["waiting"], differing(told)) == (1, 1, {"missing": [5]})


def test_what_was_loaded_while_the_source_was_read_is_no_difference(
    source: Source, table: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.rows["users"] = [row(1), row(2), row(3)]

    def load_meanwhile(*arguments: Any) -> Iterator[bytes]:
        yield from source.messages(*arguments)
        table.execute("UPDATE acme.users SET updated_at = %s, _sdc_batched_at = clock_timestamp() WHERE id = 1", (NEW,))
        table.execute("INSERT INTO acme.users VALUES (4, %s, NULL, clock_timestamp())", (NEW,))

    monkeypatch.setattr(reconcile, "messages", load_meanwhile)
    code, told = compared("users")
    assert (code, differing(told)) == (0, {})


@pytest.mark.usefixtures("table")
def test_a_record_that_the_source_shows_as_deleted_may_not_live_here(source: Source) -> None:
    source.rows["users"] = [row(1), row(2), row(3, _sdc_deleted_at=OLD), row(9, _sdc_deleted_at=OLD)]
    code, told = compared("users")
    assert (code, differing(told), told["source"]["count"]) == (1, {"extra": [3]}, 2)


@pytest.mark.usefixtures("table")
def test_a_key_that_comes_twice_counts_once(source: Source) -> None:
    source.rows["users"] = [row(1), row(1, _sdc_deleted_at=OLD), row(2), row(2), row(3)]
    code, told = compared("users")
    assert (code, told["source"]["count"]) == (0, 3)


def test_outside_of_a_stretch_nothing_is_extra(source: Source, table: psycopg.Connection) -> None:
    table.execute("INSERT INTO acme.users (id, updated_at) VALUES (10, '2020-01-01'), (11, NULL), (12, %s)", (OLD,))
    source.rows["users"] = [row(1), row(2), row(3), row(4, None)]
    source.marks["x-sweep-within"] = {"column": "updated_at", "start": OLD, "end": NEW}
    code, told = compared("users", "--start-date", "2026-01-01")
    assert (code, differing(told)) == (1, {"missing": [4], "extra": [12]})
    assert (told["source"]["count"], told["warehouse"]["count"]) == (3, 4)
    assert told["within"]["start"] == OLD
    assert source.asked[0]["TAP_ACME_SINCE"] == "2026-01-01T00:00:00+00:00"


@pytest.mark.usefixtures("table")
def test_where_not_all_is_shown_nothing_is_extra(source: Source) -> None:
    source.rows["users"] = [row(1), row(2, _sdc_deleted_at=OLD)]
    source.marks["x-all-keys"] = False
    code, told = compared("users")
    assert (code, differing(told), told["finds_extra"]) == (1, {"extra": [2]}, False)


@pytest.mark.usefixtures("seed", "warehouse_url")
def test_without_a_table_everything_is_missing(source: Source) -> None:
    source.rows["users"] = [row(1)]
    code, told = compared("users")
    assert (code, differing(told), told["warehouse"]["count"]) == (1, {"missing": [1]}, 0)


def test_keys_of_several_columns_and_types(source: Source, seed: Any, warehouse_url: str) -> None:
    del warehouse_url
    seed.conn.execute("CREATE SCHEMA acme")
    seed.conn.execute("CREATE TABLE acme.deals (id text, day timestamptz, PRIMARY KEY (id, day))")
    for id_ in ("a", "b", "c\ufffd"):
        seed.conn.execute("INSERT INTO acme.deals VALUES (%s, '2026-01-01T00:00:00+00:00')", (id_,))
    source.key, source.changed = ("id", "day"), ()
    source.rows["deals"] = [{"id": id_, "day": "2026-01-01T01:00:00+01:00"} for id_ in ("a", "d", "c\x00")]
    code, told = compared("deals", stream="deals")
    assert (code, differing(told)) == (1, {"missing": ["d"], "extra": ["b"]})


@pytest.mark.usefixtures("table")
def test_missing_records_that_wait_as_rejects_are_told(source: Source, seed: Any) -> None:
    reject = rejects.Reject("users", "no date", "record", {"id": 4}, {"id": 4})
    history_id = runs.find_runs(seed.conn, limit=1)[0].id
    rejects.store(seed.conn, history_id=history_id, crm_source="acme", rejects=[reject])
    source.rows["users"] = [row(n) for n in range(1, 6)]
    code, told = compared("users")
    assert (code, told["rejected"], differing(told)) == (1, 1, {"missing": [4, 5]})
    assert "1 of the missing wait as rejects" in run("users").stdout


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("rows", "errors", "key", "told"),
    [
        ({}, {}, ("id",), "The tap did not read it: is it selected?"),
        ({}, {"users": "The scope is missing."}, ("id",), "The scope is missing."),
        ({"users": []}, {}, (), "It has no key"),
        ({"users": [row("x")]}, {}, ("id",), "do not fit the table (22P02)"),  # type: ignore[arg-type]
    ],
)
def test_a_stream_that_cannot_be_compared_says_why(
    source: Source, rows: Any, errors: dict[str, str], key: tuple[str, ...], told: str
) -> None:
    source.rows, source.errors, source.key = rows, errors, key
    result = run("users", "--repair")
    assert result.exit_code == 1
    assert told in result.stdout
    assert "not compared" in result.stdout


@pytest.mark.usefixtures("table")
def test_one_stream_that_fails_does_not_hide_the_others(source: Source) -> None:
    source.rows["users"] = [row(n) for n in (1, 2, 3)]
    source.errors["deals"] = "The scope is missing."
    result = run()
    assert result.exit_code == 1
    assert source.asked[0]["streams"] == "users,deals,calls"
    assert "deals: The scope is missing." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["user"], "is no stream of acme"),
        (["--delete-extra"], "say --repair, too"),
        (["--max-deleted-share", "2"], "2.0 is not in the range"),
        (["--start-date", "soon"], "is no date"),
    ],
)
@pytest.mark.usefixtures("table", "source")
def test_wrong_words_are_refused(arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.usefixtures("table")
def test_a_tap_that_cannot_start_is_told(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Iterator[bytes]:
        raise CrmError("The password is wrong.")

    del source
    monkeypatch.setattr(reconcile, "messages", fail)
    result = run("users")
    assert result.exit_code == 1
    assert "The password is wrong." in result.stderr


@dataclass
class Pipeline:
    """Stands for the pipeline: what it was asked for, and what it then does to the table."""

    conn: psycopg.Connection
    log: Path
    asked: list[Request] = field(default_factory=list)
    keys: list[Row] = field(default_factory=list)
    exit_code: int = 0

    def __call__(self, _project: Any, _warehouse: Any, request: Request, _watcher: Any) -> Outcome:
        """Load the keys that were asked for."""
        self.asked.append(request)
        with open(request.variables["TAP_ACME_ONLY_KEYS"], encoding="utf-8") as file:  # noqa: PTH123
            self.keys = [json.loads(line) for line in file]
        if self.exit_code == 0:
            for one in self.keys:
                self.conn.execute(
                    "INSERT INTO acme.users VALUES (%s, '2026-01-02') ON CONFLICT (id) DO UPDATE"
                    " SET updated_at = excluded.updated_at, _sdc_deleted_at = NULL",
                    (one["key"]["id"],),
                )
        return Outcome("run", [], self.exit_code, self.log, 0.1, "The source is down." if self.exit_code else None)


@pytest.fixture
def loads(table: psycopg.Connection, project: Project, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """The pipeline in its place."""
    made = Pipeline(table, project.root / "log")
    monkeypatch.setattr(reconcile, "run_pipeline", made)
    return made


def test_a_repair_reads_what_differs_again_and_compares_again(source: Source, loads: Pipeline) -> None:
    at = "2026-01-02T00:00:00+00:00"
    source.rows["users"] = [row(1), row(2, at), row(3), row(4, at), row(5, NEW)]
    source.rows["deals"] = []
    code, told = compared("users", "deals", "--repair")
    assert (code, differing(told)) == (0, {})
    (request,) = loads.asked
    assert loads.keys == [{"stream": "users", "key": {"id": 4}}, {"stream": "users", "key": {"id": 2}}]
    assert (request.streams, request.force, request.full) == (("users",), True, False)
    assert request.variables["TAP_ACME_SINCE"] == at
    assert request.configuration == {"reconcile": {"missing": 1, "changed": 1}}
    assert [one["streams"] for one in source.asked] == ["users,deals", "users"]


def test_a_record_without_a_time_is_looked_for_everywhere(source: Source, loads: Pipeline) -> None:
    source.rows["users"] = [*(row(n) for n in (1, 2, 3)), row(4), row(6, None)]
    run("users", "--repair")
    assert "TAP_ACME_SINCE" not in loads.asked[0].variables


def test_a_repair_that_fails_says_so_and_leaves_the_difference(source: Source, loads: Pipeline) -> None:
    loads.exit_code = 1
    source.rows["users"] = [row(n) for n in (1, 2, 3, 4)]
    result = run("users", "--repair")
    assert result.exit_code == 1
    assert "Failed: users: The source is down." in result.stderr
    assert "users, missing here: 4" in result.stdout


def live(conn: psycopg.Connection) -> list[int]:
    rows = conn.execute("SELECT id FROM acme.users WHERE _sdc_deleted_at IS NULL ORDER BY id").fetchall()
    return [number for (number,) in rows]


def test_extra_rows_stay_unless_their_deletion_is_asked_for(source: Source, loads: Pipeline) -> None:
    source.rows["users"] = [row(n) for n in (1, 2)]
    assert run("users", "--repair").exit_code == 1
    assert live(loads.conn) == [1, 2, 3]
    result = run("users", "--repair", "--delete-extra", "--max-deleted-share", "0.5")
    assert result.exit_code == 0, result.output
    assert "acme users: 1 rows were marked as deleted." in result.stderr
    assert live(loads.conn) == [1, 2]
    assert loads.asked == []
    newest = runs.find_runs(loads.conn, limit=1)[0]
    assert (newest.status, newest.records_deleted, newest.bookmark) == ("success", 1, None)
    assert newest.configuration["reconcile"]["delete_extra"] is True


def test_too_many_extra_rows_stop_it(source: Source, loads: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    source.rows["users"] = [row(n) for n in (1, 2)]
    refused = run("users", "--repair", "--delete-extra")
    assert refused.exit_code == 1
    assert "1 of 3 rows are not in the source, which is more than the share 0.2" in refused.stderr
    assert live(loads.conn) == [1, 2, 3]
    monkeypatch.setenv("TAP_ACME_MAX_DELETED_SHARE", "0.5")
    assert run("users", "--repair", "--delete-extra").exit_code == 0


def test_extra_rows_of_a_stream_at_work_stay(source: Source, loads: Pipeline, warehouse_url: str) -> None:
    source.rows["users"] = [row(n) for n in (1, 2)]
    with psycopg.connect(warehouse_url, autocommit=True) as other:
        assert runs.take_locks(other, "acme", ["users"]) is None
        result = run("users", "--repair", "--delete-extra", "--max-deleted-share", "1")
    assert result.exit_code == 1
    assert "acme users is being loaded by another run" in result.stderr
    assert live(loads.conn) == [1, 2, 3]


def test_a_table_without_the_loaders_columns_can_lose_extra_rows_too(source: Source, loads: Pipeline) -> None:
    loads.conn.execute("DELETE FROM acme.users WHERE id = 9")
    loads.conn.execute("ALTER TABLE acme.users DROP COLUMN _sdc_batched_at, DROP COLUMN _sdc_deleted_at")
    source.rows["users"] = [row(n) for n in (1, 2)]
    result = run("users", "--repair", "--delete-extra", "--max-deleted-share", "1")
    assert result.exit_code == 0, result.output
    assert live(loads.conn) == [1, 2]
