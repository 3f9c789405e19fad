"""From the simulated Google into the warehouse: what is there afterwards is what the sheets hold, row by row."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
from crm_simulator.faults import Fault
from psycopg.rows import dict_row
from tap_gsheet_dw.names import STREAMS
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from crm_simulator.gsheet import Cell
    from tap_kit.testing import Message, Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Row: t.TypeAlias = dict[str, t.Any]

CHICAGO = ZoneInfo("America/Chicago")
# Columns of the leads that the simulator fills, and what they are made of.
TEXTS = ("first_name", "last_name", "email_address", "utm_campaign", "page_url", "division", "call_notes")
MOMENTS = {
    "created_at": "created_at",
    "first_call_date_time": "first_call_date_time",
    "appt_date_time": "Appt Date-Time",
}
DAYS = {"preferred_appt_date": "preferred_appt_date", "set_appt_date": "Set Appt Date"}
NUMBERS = {
    "total_job_value": "Total Job Value",
    "cancel_job_value": "Cancel Job Value",
    "call_attempts": "call_attempts",
}


def load(url: str, run: Run) -> Message:
    """Load a run, and return the state that the next one starts from."""
    with redirect_stdout(io.StringIO()) as printed:
        TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0}).listen(io.StringIO(run.text))
    state: Message = json.loads(printed.getvalue().splitlines()[-1])
    return state


def refused(url: str, run: Run) -> str:
    """Load a run that must be refused, and return what the loader says."""
    with suppress(SystemExit):
        load(url, run)
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT error_message FROM orchestration.sync_history WHERE status = 'failed' ORDER BY start_time DESC"
        ).fetchone()
    assert row is not None
    return str(row[0])


def stored(url: str, stream: str) -> list[Row]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM gsheet.{stream}").fetchall()


def live(url: str, stream: str, key: str) -> dict[t.Any, Row]:
    return {row[key]: row for row in stored(url, stream) if row.get("_sdc_deleted_at") is None}


def wall_clock(cell: Cell) -> datetime:
    """Read a date of the sheet by rules of this test's own."""
    if isinstance(cell.value, str):
        return datetime.strptime(cell.value, "%m/%d/%Y %H:%M:%S")  # noqa: DTZ007 - a wall clock
    return datetime(1899, 12, 30) + timedelta(seconds=round(cell.value * 86_400))  # noqa: DTZ001


def amount(cell: Cell) -> Decimal:
    return Decimal(str(cell.raw).replace("$", "").replace(",", ""))


def leads(account: Account) -> dict[str, Row]:
    """Return what the leads must be in the warehouse, by key."""
    truth = {}
    for year in (2024, 2025):
        tab = account.tab(f"Leads{year}", 1)
        headers = tab.grid.headers
        modified = account.book(f"Leads{year}").modified
        for number, cells in list(tab.filled())[1:]:
            cell = {header: one for header, one in zip(headers, cells, strict=True) if not one.is_blank}
            made: Row = {name: cell[name].value if name in cell else None for name in TEXTS}
            made |= {
                name: wall_clock(cell[header]).replace(tzinfo=CHICAGO).astimezone(UTC) if header in cell else None
                for name, header in MOMENTS.items()
            }
            made |= {name: wall_clock(cell[header]).date() for name, header in DAYS.items()}
            made |= {name: amount(cell[header]) if header in cell else None for name, header in NUMBERS.items()}
            made |= {"lead_set": cell["lead_set"].value, "spouses_present": cell["spouses_present"].value > 0}
            made |= {"form_submit_zipcode": f"{cell['form_submit_zipcode'].value:05}", "year": year}
            made |= {"sheet_row_number": number, "sheet_last_modified": modified}
            made["raw_data"] = {header: one.shown("en_US") for header, one in cell.items() if header}
            truth[f"{year}-{number}"] = made
    return truth


def spends(account: Account) -> dict[int, Row]:
    tab = account.tab("Spends")
    truth = {}
    for number, cells in list(tab.filled())[1:]:
        cell = dict(zip(tab.grid.headers, cells, strict=True))
        day = cell["Date"]
        truth[number] = {
            "spend_date": date.fromisoformat(day.value) if isinstance(day.value, str) else wall_clock(day).date(),
            "cost": amount(cell["Cost"]),
            "campaign": cell["Campaign"].value,
            "campaign_id": str(cell["Campaign ID"].value),
            "event_labor_cost": None if cell["event_labor_cost"].is_blank else Decimal(1050),
            "event_fee": None if cell["event_fee"].is_blank else Decimal(0),
            "sheet_last_modified": account.book("Spends").modified,
        }
    return truth


def assert_same(url: str, account: Account) -> None:
    for stream, key, truth in (
        ("marketing_leads", "id", leads(account)),
        ("marketing_spends", "sheet_row_number", spends(account)),
    ):
        rows = live(url, stream, key)
        assert rows.keys() == truth.keys()
        for name, wanted in truth.items():
            assert {column: rows[name][column] for column in wanted} == wanted


def test_the_warehouse_holds_what_the_sheets_hold_day_after_day(account: Account, postgres_url: str) -> None:
    run = account.read()
    assert run.exit_code == 0
    state = load(postgres_url, run)
    assert_same(postgres_url, account)
    assert {row["crew_id"]: row["rate"] for row in stored(postgres_url, "crews")} == {
        "C1": Decimal("52.5"),
        "C2": None,
        "C3": Decimal(48),
    }
    assert {row["spreadsheet_id"] for row in stored(postgres_url, "spreadsheet_metadata")} == set(account.crm.books)

    happened = account.a_day_passes()
    assert happened["marketing_leads"]["changed"] > 0 < happened["marketing_leads"]["archived"]
    state = load(postgres_url, account.read(state=state))
    assert_same(postgres_url, account)

    # More go than come: the last rows of the sheet are gone.
    for index in list(account.crm.leads[2025].live())[:7]:
        account.crm.leads[2025].archive(index, account.crm.world.now)
    account.book("Leads2025").touch(account.crm.world.now - timedelta(hours=1))
    state = load(postgres_url, account.read(state=state))
    assert_same(postgres_url, account)
    gone = {row["id"] for row in stored(postgres_url, "marketing_leads") if row["_sdc_deleted_at"] is not None}
    assert len(gone) == 7
    assert all(key.startswith("2025-") for key in gone)

    # A row that comes back lives again.
    account.crm.leads[2025].add(3, account.crm.world.now)
    account.book("Leads2025").touch(account.crm.world.now - timedelta(minutes=30))
    load(postgres_url, account.read(state=state))
    assert_same(postgres_url, account)


def test_trap_3_a_failed_read_leaves_the_table_as_it_is(account: Account, postgres_url: str) -> None:
    state = load(postgres_url, account.read("marketing_leads"))
    before = stored(postgres_url, "marketing_leads")
    account.a_day_passes()
    account.crm.faults.append(Fault("forbidden", path="Leads2025example/values:batchGet", after=2))
    run = account.read("marketing_leads", state=state, page_size=40)
    assert run.exit_code == 1
    assert run.records("marketing_leads")
    assert not run.records("marketing_leads_keys")
    after = load(postgres_url, run)
    assert {row["id"] for row in stored(postgres_url, "marketing_leads")} >= {row["id"] for row in before}
    assert all(row.get("_sdc_deleted_at") is None for row in stored(postgres_url, "marketing_leads"))
    account.crm.faults.clear()
    load(postgres_url, account.read("marketing_leads", state=after))
    rows = live(postgres_url, "marketing_leads", "id")
    assert rows.keys() == leads(account).keys()


def test_an_emptied_sheet_does_not_empty_the_table(account: Account, postgres_url: str) -> None:
    state = load(postgres_url, account.read("marketing_spends"))
    for index in list(account.crm.spends.live()):
        account.crm.spends.archive(index, account.crm.world.now)
    account.crm.world.days += 1
    account.book("Spends").touch(account.crm.world.now - timedelta(hours=1))
    run = account.read("marketing_spends", state=state)
    assert run.exit_code == 0
    assert "which is more than max_deleted_share = 0.2 allows, so none was deleted" in refused(postgres_url, run)
    assert len(live(postgres_url, "marketing_spends", "sheet_row_number")) == 75
    # If it is right, a person says so.
    load(postgres_url, account.read("marketing_spends", state=state, max_deleted_share=1))
    assert live(postgres_url, "marketing_spends", "sheet_row_number") == {}


def test_a_sheet_with_a_key_may_be_sorted(account: Account, postgres_url: str) -> None:
    rows = account.rows()
    sheets = [{**account.crews, "key_columns": ["crew_id"]}]
    state = load(postgres_url, account.read("crews", sheets=sheets))
    rows[3], rows[6] = rows[6], rows[3]
    rows.insert(3, ["C9", "Alex"])
    account.crm.world.days += 1
    account.book("Crews").touch(account.crm.world.now - timedelta(hours=1))
    load(postgres_url, account.read("crews", sheets=sheets, state=state))
    found = {row["crew_id"]: (row["_row_number"], row["name"]) for row in stored(postgres_url, "crews")}
    assert found == {"C9": (4, "Alex"), "C3": (5, "Kim"), "C2": (6, "Pat"), "C1": (8, "Sam")}


def test_an_unchanged_sheet_changes_nothing(account: Account, postgres_url: str) -> None:
    state = load(postgres_url, account.read())
    before = stored(postgres_url, "marketing_leads")
    after = load(postgres_url, account.read(state=state))
    assert stored(postgres_url, "marketing_leads") == before
    assert after["bookmarks"] == state["bookmarks"]


def test_the_history_tells_of_a_run(account: Account, postgres_url: str) -> None:
    load(postgres_url, account.read())
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT sync_type, status, records_processed FROM orchestration.sync_history WHERE crm_source = 'gsheet'"
        ).fetchall()
    assert {row[0] for row in rows} == {*STREAMS, "crews"}
    assert {row[1] for row in rows} == {"success"}
    assert {row[0]: row[2] for row in rows}["marketing_leads"] == 200


def test_a_large_sheet_is_read_in_chunks(open_account: Callable[..., Account], postgres_url: str) -> None:
    account = open_account(size=2500)
    run = account.read("marketing_leads", page_size=1000, concurrency=3)
    assert run.exit_code == 0
    load(postgres_url, run)
    assert live(postgres_url, "marketing_leads", "id").keys() == leads(account).keys()
