"""From the simulated account into the warehouse: what is there afterwards is what SalesRabbit has, row by row."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import resources

import psycopg
import pytest
from psycopg.rows import dict_row
from tap_kit.rows import dig, kind_of
from tap_salesrabbit_dw.names import STREAMS
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message, Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Row: t.TypeAlias = dict[str, t.Any]

KEYS = {
    "users": ("id",),
    "lead_statuses": ("id",),
    "leads": ("id",),
    "lead_status_histories": ("lead_id", "id", "status_updated"),
    "lead_status_activities": ("disposition_id",),
}
# What belongs to the lead and not to the event is only as new as the event was read.
OF_THE_LEAD = ("lead_modified", "current_lead_modified", "current_lead_is_active")


def load(url: str, run: Run, exit_code: int = 0) -> Message:
    """Load a run, and return the state that the next one starts from."""
    assert run.exit_code == exit_code
    with redirect_stdout(io.StringIO()) as printed:
        TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0}).listen(io.StringIO(run.text))
    state: Message = json.loads(printed.getvalue().splitlines()[-1])
    return state


def stored(url: str, stream: str) -> list[Row]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM salesrabbit.{stream}").fetchall()


def convert(kind: str, value: t.Any) -> t.Any:
    if value is None or (value == "" and kind != "string"):
        return None
    if kind == "date-time":
        return datetime.fromisoformat(value[:19]).replace(tzinfo=UTC)
    if kind == "date":
        return date.fromisoformat(value)
    if kind == "number":
        return Decimal(str(value))
    return str(value) if kind == "string" else value


def expected(stream: str, row: Row) -> Row:
    """Return what a row of the API must be in the warehouse, by rules of this test's own."""
    file = resources.files("tap_salesrabbit_dw") / "schemas" / f"{stream}.json"
    columns: dict[str, Row] = json.loads(file.read_text())["properties"]
    places = {"lead_id": "leadId", "data": "data"}
    row = {**row, "data": row}
    found = {
        name: convert(kind_of(column), dig(row, tuple(column.get("x-source", places.get(name, name)).split("."))))
        for name, column in columns.items()
    }
    if stream == "leads":
        found["_sdc_deleted_at"] = convert("date-time", row["deletedAt"])
    return found


def differences(url: str, account: Account, stream: str, *, ignored: tuple[str, ...] = ()) -> list[t.Any]:
    """Return what differs between the rows that the warehouse holds as live or marked, and the simulator's."""
    wanted = [expected(stream, row) for row in account.crm.truth(stream)]
    truth = {tuple(row[name] for name in KEYS[stream]): row for row in wanted}
    rows = {tuple(row[name] for name in KEYS[stream]): row for row in stored(url, stream)}
    swept = {key for key, row in rows.items() if key not in truth and row["_sdc_deleted_at"] is not None}
    found: list[t.Any] = sorted(truth.keys() ^ (rows.keys() - swept))
    for key in truth.keys() & rows.keys():
        found += [
            (key, name, rows[key].get(name), value)
            for name, value in truth[key].items()
            if name not in ignored and rows[key].get(name) != value
        ]
    return found


def deleted(url: str, stream: str) -> set[int]:
    return {row["id"] for row in stored(url, stream) if row["_sdc_deleted_at"] is not None}


@pytest.mark.parametrize("deletes", ["marked", "gone"])
def test_the_warehouse_holds_what_salesrabbit_has_day_after_day(
    open_account: Callable[..., Account], postgres_url: str, deletes: str
) -> None:
    account = open_account(size=300, deletes=deletes)
    state = load(postgres_url, account.read(concurrency=3, page_size=70))
    for name in STREAMS:
        assert stored(postgres_url, name), name
        assert differences(postgres_url, account, name) == [], name
    assert deleted(postgres_url, "leads") == set()

    gone: set[int] = set()
    for _ in range(2):
        before = {row["id"] for row in account.crm.truth("leads") if not row["deletedAt"]}
        happened = account.day()
        after = {row["id"] for row in account.crm.truth("leads") if not row["deletedAt"]}
        assert happened["leads"]["deleted"] == 1
        gone |= before - after
        state = load(postgres_url, account.read(state=state, page_size=70))
        for name in ("users", "lead_statuses"):
            assert differences(postgres_url, account, name) == [], name
        for name in ("lead_status_histories", "lead_status_activities"):
            found = differences(postgres_url, account, name, ignored=OF_THE_LEAD)
            # The history of a lead that is gone is no more in the API, and stays in the warehouse.
            assert {key[0] for key in found} <= (gone if deletes == "gone" else set()), name
        if deletes == "marked":
            assert differences(postgres_url, account, "leads") == []
            assert deleted(postgres_url, "leads") == gone

    state = load(postgres_url, account.read(state=state, deletions="sweep"))
    assert deleted(postgres_url, "leads") == gone
    assert len(gone) == 2
    assert differences(postgres_url, account, "leads") == []
    assert differences(postgres_url, account, "users") == []

    # A lead that is restored comes back.
    account.crm.world.days += 1
    index = min(gone) - account.lead(0)
    account.crm.leads.archived.pop(index, None)
    account.crm.leads.change(index, account.crm.world.now - timedelta(hours=1), deletedAt=None)
    load(postgres_url, account.read("leads", state=state))
    assert deleted(postgres_url, "leads") == gone - {min(gone)}
    assert differences(postgres_url, account, "leads") == []


def test_a_user_who_is_gone_is_found_by_a_sweep(account: Account, postgres_url: str) -> None:
    state = load(postgres_url, account.read("users"))
    account.crm.users.archive(4, account.crm.world.now)
    state = load(postgres_url, account.read("users", state=state))
    assert deleted(postgres_url, "users") == set()
    load(postgres_url, account.read("users", state=state, deletions="sweep"))
    assert deleted(postgres_url, "users") == {505}


def test_a_sweep_that_would_delete_too_much_is_refused(
    account: Account, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    state = load(postgres_url, account.read("users"))
    for index in range(5):
        account.crm.users.archive(index, account.crm.world.now)
    run = account.read("users", state=state, deletions="sweep")
    with pytest.raises(SystemExit):
        load(postgres_url, run)
    assert "more than max_deleted_share = 0.2 allows" in caplog.text
    assert deleted(postgres_url, "users") == set()
    load(postgres_url, account.read("users", state=state, deletions="sweep", max_deleted_share="0.6"))
    assert len(deleted(postgres_url, "users")) == 5


def test_rejects_are_kept_with_their_reason(account: Account, postgres_url: str) -> None:
    account.crm.leads.change(2, account.crm.world.now, id=None)
    account.crm.leads.change(3, account.crm.world.now, userId="nobody")
    load(postgres_url, account.read("leads"))
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute("SELECT * FROM orchestration.sync_reject").fetchall()
    assert len(rows) == 2
    assert len(stored(postgres_url, "leads")) == 199


def test_the_history_tells_of_a_run_and_of_a_failure(account: Account, postgres_url: str) -> None:
    from crm_simulator.faults import Fault  # noqa: PLC0415 - only here

    account.crm.faults.append(Fault("forbidden", path="/users"))
    run = account.read()
    load(postgres_url, run, exit_code=1)
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT sync_type, status, records_processed, error_category, bookmark "
            "FROM orchestration.sync_history WHERE crm_source = 'salesrabbit'"
        ).fetchall()
    told = {row[0]: row[1:] for row in rows}
    assert set(told) == set(STREAMS)
    assert told["users"][:3] == ("failed", 0, "permission")
    assert told["leads"][:2] == ("success", 200)
    assert told["leads"][3]["replication_key_value"] == "2025-06-02T08:00:00.000000+00:00"
    assert told["lead_status_histories"][1] == told["lead_status_activities"][1] == 400
