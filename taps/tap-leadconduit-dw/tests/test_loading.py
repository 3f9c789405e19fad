"""From the simulated account into the warehouse: what is there afterwards is what LeadConduit has, row by row."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import resources

import psycopg
from crm_simulator.leadconduit import SECRET
from psycopg.rows import dict_row
from tap_kit.rows import kind_of
from tap_leadconduit_dw.names import STREAMS
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message, Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Row: t.TypeAlias = dict[str, t.Any]

KEY = {"flows": "id", "destinations": "instance_id", "events": "id", "leads": "lead_id"}
HIDDEN = {"request", "credential", "transactions"}


def load(url: str, run: Run) -> Message:
    """Load a run, and return the state that the next one starts from."""
    with redirect_stdout(io.StringIO()) as printed:
        TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0}).listen(io.StringIO(run.text))
    state: Message = json.loads(printed.getvalue().splitlines()[-1])
    return state


def stored(url: str, stream: str) -> dict[str, Row]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(f"SELECT * FROM leadconduit.{stream}").fetchall()
    found = {row[KEY[stream]]: row for row in rows}
    assert len(found) == len(rows)
    return found


def history(url: str, columns: str) -> list[tuple[t.Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT {columns} FROM orchestration.sync_history ORDER BY id").fetchall()


def moment(value: str) -> datetime:
    return datetime.fromisoformat(value)


def rich(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return value["normal"]
    return None if value is None else str(value)


def expected_lead(event: Row) -> Row:
    """Return what an event must be in the table of leads, by rules of this test's own."""
    lead = event["vars"]["lead"]
    phone = lead.get("phone_1", lead.get("phone_2"))
    made = {name: rich(lead.get(name)) for name in ("first_name", "last_name", "email", "city", "state", "country")}
    custom = ("note_hge", "owner_hge", "owneremail_hge", "ownerid_hge", "salesrabbit_lead_id_hge")
    made |= {name: rich(lead.get(name)) for name in custom}
    return made | {
        "lead_id": event["id"],
        "event_id": event["id"],
        "phone": rich(phone),
        "address": rich(lead["address_1"]),
        "zip_code": rich(lead["postal_code"]),
        "flow_name": event["vars"]["flow"]["name"],
        "source_name": event["vars"]["source"]["name"],
        "outcome": event["outcome"],
        "reason": event["reason"],
        "submitted_utc": datetime.fromtimestamp(event["start_timestamp"] // 1000, UTC)
        + timedelta(milliseconds=event["start_timestamp"] % 1000),
        "phone_metadata": phone if isinstance(phone, dict) else None,
        "email_metadata": lead["email"] if isinstance(lead["email"], dict) else None,
        "address_metadata": lead["address_1"] if isinstance(lead["address_1"], dict) else None,
        "lead_data": lead,
        "raw_data": {name: value for name, value in event.items() if name not in HIDDEN},
    }


def expected(stream: str, row: Row) -> Row:
    if stream == "leads":
        return expected_lead(row)
    file = resources.files("tap_leadconduit_dw") / "schemas" / f"{stream}.json"
    columns: dict[str, Row] = json.loads(file.read_text())["properties"]
    made: Row = {}
    for name, column in columns.items():
        if name in HIDDEN:
            continue
        value, kind = row.get(name), kind_of(column)
        if value is not None and kind == "date-time":
            value = moment(value)
        elif value is not None and kind == "number":
            value = Decimal(str(value))
        made[name] = value
    unknown = {name: value for name, value in row.items() if name not in columns}
    if unknown:
        made["appended"] = {**(row.get("appended") or {}), **unknown}
    return made


def assert_same(url: str, account: Account, stream: str, *, left_over: t.Collection[str] = ()) -> None:
    """Compare the rows of the warehouse that are not deleted with the simulator's; some rows may be there alone."""
    truth = {row["instance_id" if stream == "destinations" else "id"]: row for row in account.crm.truth(stream)}
    rows = {key: row for key, row in stored(url, stream).items() if row["_sdc_deleted_at"] is None}
    assert rows.keys() - truth.keys() == set(left_over)
    for key, row in truth.items():
        wanted = expected(stream, row)
        assert {name: rows[key][name] for name in wanted} == wanted


def test_the_warehouse_holds_what_leadconduit_has_day_after_day(
    open_account: Callable[..., Account], postgres_url: str
) -> None:
    account = open_account(600, late=6)
    first = account.read(page_size=70)
    assert first.exit_code == 0
    state = load(postgres_url, first)
    for stream in STREAMS:
        assert_same(postgres_url, account, stream)
    assert {row["_sdc_deleted_at"] for row in stored(postgres_url, "events").values()} == {None}

    gone = {row["instance_id"] for row in account.crm.truth("destinations")}
    happened = account.a_day_passes()
    gone -= {row["instance_id"] for row in account.crm.truth("destinations")}
    assert happened["events"]["new"] > 6
    second = account.read(state=state, deletions="sweep", max_deleted_share=1)
    assert second.exit_code == 0
    assert len(second.records("events")) < 80
    state = load(postgres_url, second)
    for stream in STREAMS:
        assert_same(postgres_url, account, stream)
    marked = {key for key, row in stored(postgres_url, "destinations").items() if row["_sdc_deleted_at"] is not None}
    assert marked == gone
    assert len(gone) == 1

    # A further run without news changes nothing.
    load(postgres_url, account.read(state=state))
    counts = history(postgres_url, "sync_type, status, records_created, records_updated, records_failed")
    assert {(status, failed) for _, status, _, _, failed in counts} == {("success", 0)}
    last = {sync_type: (created, updated) for sync_type, _, created, updated, _ in counts}
    assert last == dict.fromkeys(STREAMS, (0, 0))
    assert {stream for stream, *_ in counts} == set(STREAMS)


def test_what_leadconduit_forgets_stays_in_the_warehouse(
    open_account: Callable[..., Account], postgres_url: str
) -> None:
    account = open_account(400, step=timedelta(hours=22))
    state = load(postgres_url, account.read("events", "leads"))
    before = {stream: set(account.ids(stream)) for stream in ("events", "leads")}
    for _ in range(3):
        account.a_day_passes()
    state = load(postgres_url, account.read("events", "leads", state=state))
    for stream, ids in before.items():
        forgotten = ids - set(account.ids(stream))
        assert forgotten
        assert_same(postgres_url, account, stream, left_over=forgotten)


def test_a_gap_is_in_the_history_and_the_next_run_is_good(account: Account, postgres_url: str) -> None:
    state = load(postgres_url, account.read("events"))
    before = account.ids("events")
    # Four months without a run: what is left begins after the bookmark.
    account.crm.world.days += 119
    account.a_day_passes()
    state = load(postgres_url, account.read("events", state=state))
    status, category, error, bookmark = history(
        postgres_url, "status, error_category, error_message, bookmark ->> 'replication_key_value'"
    )[-1]
    assert (status, category) == ("failed", "data")
    assert "does not show it any more" in error
    assert bookmark == account.ids("events")[-1] == state["bookmarks"]["events"]["replication_key_value"]
    assert_same(postgres_url, account, "events", left_over=before)
    load(postgres_url, account.read("events", state=state))
    assert [row[0] for row in history(postgres_url, "status")] == ["success", "failed", "success"]


def test_a_run_that_breaks_off_is_completed_by_the_next(account: Account, postgres_url: str) -> None:
    from crm_simulator.faults import Fault  # noqa: PLC0415 - only here

    account.crm.faults.append(Fault("error", path="/events", after=5, times=0, status=422))
    state = load(postgres_url, account.read("events", page_size=60))
    assert len(stored(postgres_url, "events")) == 240
    account.crm.faults.clear()
    load(postgres_url, account.read("events", state=state))
    assert_same(postgres_url, account, "events")


def test_no_secret_reaches_the_warehouse(account: Account, postgres_url: str) -> None:
    run = account.read()
    load(postgres_url, run)
    assert SECRET not in run.text
    assert account.settings["api_key"] not in run.text
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT configuration::text FROM orchestration.sync_history UNION ALL SELECT raw_data::text FROM "
            "leadconduit.leads UNION ALL SELECT to_jsonb(events)::text FROM leadconduit.events"
        ).fetchall()
    assert not [text for (text,) in rows if SECRET in text or account.settings["api_key"] in text]
