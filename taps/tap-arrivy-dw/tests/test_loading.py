"""From the simulated account into the warehouse: what is there afterwards is what Arrivy has, row by row."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib import resources

import psycopg
from psycopg.rows import dict_row
from tap_arrivy_dw.streams import STREAMS as CLASSES
from tap_kit.rows import dig, kind_of
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message, Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Row: t.TypeAlias = dict[str, t.Any]
    Key: t.TypeAlias = tuple[str, ...]

STREAMS = tuple(stream.name for stream in CLASSES)
LISTS = ("groups", "entities", "crews", "resources", "customers", "tasks", "bookings")
NAMELESS = {"tasks": ("title", "Task"), "entities": ("name", "Entity"), "groups": ("name", "Group")}


def load(url: str, run: Run) -> Message:
    """Load a run, and return the state that the next one starts from."""
    assert run.exit_code == 0
    with redirect_stdout(io.StringIO()) as printed:
        TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0}).listen(io.StringIO(run.text))
    state: Message = json.loads(printed.getvalue().splitlines()[-1])
    return state


def stored(url: str, stream: str) -> list[Row]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM arrivy.{stream}").fetchall()


def convert(kind: str, value: t.Any) -> t.Any:
    if value is None:
        return None
    if kind == "date-time":
        return datetime.fromisoformat(value.replace("Z", "")).replace(tzinfo=UTC)
    if kind == "number":
        return Decimal(str(value))
    return str(value) if kind == "string" else value


def expected(stream: str, row: Row) -> Row:
    """Return what a row of the API must be in the warehouse, by rules of this test's own."""
    file = resources.files("tap_arrivy_dw") / "schemas" / f"{stream}.json"
    columns: dict[str, Row] = json.loads(file.read_text())["properties"]
    row = dict(row)
    if stream in NAMELESS and not row.get(NAMELESS[stream][0]):
        name, kind = NAMELESS[stream]
        row[name] = f"{row['first_name']} {row['last_name']}" if row.get("first_name") else f"{kind} {row['id']}"
    made = {}
    for name, column in columns.items():
        made[name] = convert(kind_of(column), dig(row, tuple(column.get("x-source", name).split("."))))
        if name in ("start_date", "start_time", "end_date", "end_time"):
            moment = convert("date-time", row[f"{name.split('_')[0]}_datetime"])
            made[name] = moment and (moment.date() if name.endswith("date") else moment.time().isoformat())
    return made | ({"is_active": True} if stream == "entities" else {})


def differences(url: str, account: Account, stream: str) -> list[t.Any]:
    """Return what differs between the rows of the warehouse that are not deleted and the simulator's."""
    truth = {str(row["id"]): expected(stream, row) for row in account.crm.live(stream)}
    rows = {row["id"]: row for row in stored(url, stream) if row["_sdc_deleted_at"] is None}
    found: list[t.Any] = sorted(truth.keys() ^ rows.keys())
    for key in truth.keys() & rows.keys():
        found += [(key, n, rows[key][n], v) for n, v in truth[key].items() if plain(rows[key][n]) != plain(v)]
    return found


def plain(value: t.Any) -> t.Any:
    return value.isoformat() if isinstance(value, date | time) else value


def members(account: Account) -> set[Key]:
    return {(str(crew["id"]), str(who["id"])) for crew in account.crm.live("crews") for who in crew["entities_data"]}


def test_the_warehouse_holds_what_arrivy_has_day_after_day(
    open_account: Callable[..., Account], postgres_url: str
) -> None:
    account = open_account(size=300)
    state = load(postgres_url, account.read(task_details=True, concurrency=3))
    for name in LISTS:
        assert differences(postgres_url, account, name) == [], name
    for name in STREAMS:
        assert stored(postgres_url, name), name
    assert len(stored(postgres_url, "statuses")) == 7
    assert {(row["division_id"], row["id"]) for row in stored(postgres_url, "crew_members")} == members(account)

    account.crm.world.days += 1
    happened = account.crm.pass_a_day()
    archived = {
        name: {str(account.crm.row(name, i)["id"]) for i in account.crm.collections[name].archived} for name in LISTS
    }
    assert happened["tasks"]["archived"] >= 1
    state = load(postgres_url, account.read(state=state, deletions="sweep", max_deleted_share=1))
    for name in LISTS:
        # A delta of tasks has a window of the schedule: what lies outside is left to a full read, below.
        if name != "tasks":
            assert differences(postgres_url, account, name) == [], name
        gone = {row["id"] for row in stored(postgres_url, name) if row["_sdc_deleted_at"] is not None}
        assert gone == archived[name], name
    left = {(r["division_id"], r["id"]) for r in stored(postgres_url, "crew_members") if r["_sdc_deleted_at"] is None}
    assert left == members(account)

    load(postgres_url, account.read("tasks"))
    assert differences(postgres_url, account, "tasks") == []

    account.crm.world.days += 1
    task = next(index for index in account.crm.collections["tasks"].live() if index % 10 == 0)
    account.crm.collections["tasks"].change(task, account.crm.world.now - timedelta(hours=2), status="EXCEPTION")
    load(postgres_url, account.read("tasks", state=state))
    assert differences(postgres_url, account, "tasks") == []


def test_the_history_tells_of_a_run(account: Account, postgres_url: str) -> None:
    load(postgres_url, account.read())
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT sync_type, status, records_processed FROM orchestration.sync_history WHERE crm_source = 'arrivy'"
        ).fetchall()
    assert {row[0] for row in rows} == set(STREAMS) - {"task_statuses", "task_ratings"}
    assert {row[1] for row in rows} == {"success"}
    assert {row[0]: row[2] for row in rows}["tasks"] == 200
