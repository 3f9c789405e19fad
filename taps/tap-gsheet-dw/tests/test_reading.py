"""Reading simulated sheets: what is asked for, what is written, what a later run reads."""

from __future__ import annotations

import typing as t
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from crm_simulator.gsheet import Cell, Fixed, Records, Tab
from tap_gsheet_dw.tap import TapGoogleSheets
from tap_kit.testing import assert_golden, assert_resumable, keys, normalise

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message, Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

STREAMS = ("spreadsheet_metadata", "sheet_metadata", "marketing_leads", "marketing_spends", "crews")


def ids(run: Run, stream: str = "marketing_leads") -> list[t.Any]:
    name = {"marketing_leads": "id", "crews": "crew_id"}.get(stream, "sheet_row_number")
    return [record[name] for record in run.records(stream)]


def lead_ids(account: Account, *years: int) -> list[str]:
    return [
        f"{year}-{number}"
        for year in years or (2024, 2025)
        for number, _ in list(account.tab(f"Leads{year}", 1).filled())[1:]
    ]


def asked(account: Account) -> dict[str, int]:
    return dict(account.crm.requests)


# Every row


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("page_size", [1, 7, 49, 50, 51, 5000])
def test_a_full_read_is_every_row_once(account: Account, page_size: int, concurrency: int) -> None:
    account.crm.leads[2025].size = 60
    run = account.read("marketing_leads", page_size=page_size, concurrency=concurrency)
    assert run.exit_code == 0
    assert ids(run) == lead_ids(account)
    assert keys(run.records("marketing_leads_keys"), "id") == keys(run.records("marketing_leads"), "id")
    assert not run.records("sync_rejects")


def test_the_output_is_the_golden_one(open_account: Callable[..., Account]) -> None:
    account = open_account(size=6)
    run = account.read()
    text = normalise(run.text, {account.url: "<url>"})
    assert_golden(Path(__file__).parent / "golden.jsonl", text)


def test_an_empty_account_is_no_error(open_account: Callable[..., Account]) -> None:
    run = open_account(size=0).read("marketing_leads", "marketing_spends")
    assert run.exit_code == 0
    assert not [message for message in run.messages if message["type"] == "RECORD"]
    assert run.schema("marketing_leads_keys")


def test_trap_1_and_2_rows_have_their_real_numbers(account: Account) -> None:
    run = account.read("marketing_leads", "marketing_spends")
    # The 51st row of a sheet is blank.
    assert {"2025-50", "2025-52"} <= set(ids(run))
    assert "2025-51" not in ids(run)
    assert [number for number in ids(run, "marketing_spends") if 49 < number < 54] == [50, 52, 53]


def test_values_of_a_lead(account: Account) -> None:
    account.crm.leads[2025].change(
        3, account.crm.world.now, **{"Cancel Job Value": "$1,200.50", "call_attempts": 0, "lead_set": False}
    )
    lead = next(lead for lead in account.read("marketing_leads").records("marketing_leads") if lead["id"] == "2025-5")
    # Typed as text: 1/5/2025 16:21:00, in Chicago.
    assert lead["created_at"] == "2025-01-05T22:21:00+00:00"
    assert lead["sheet_last_modified"] == "2025-06-01T12:00:00.000000+00:00"
    assert (lead["year"], lead["sheet_row_number"], lead["lead_set"], lead["call_attempts"]) == (2025, 5, False, 0)
    assert lead["cancel_job_value"] == Decimal("1200.50")
    assert lead["channel"] == lead["raw_data"]["marketing_channel"]
    assert lead["raw_data"]["Internal Remark"] == "remark 3"
    assert "" not in lead["raw_data"]
    assert lead["form_submit_zipcode"] == "02142"
    assert lead["keyword"] is None


def test_values_of_any_sheet(account: Account) -> None:
    rows = account.read("crews").records("crews")
    shared = {
        "_spreadsheet_id": "Crewsexample",
        "_sheet_id": 0,
        "_sheet_last_modified": "2025-06-01T12:00:00.000000+00:00",
    }
    assert rows == [
        {
            **shared,
            "_row_number": 4,
            "crew_id": "C1",
            "name": "Sam",
            "started": "2025-01-13",
            "share": Decimal("0.125"),
            "active": True,
            "rate": Decimal("52.5"),
            "field_2024_total": 0,
            "name_2": "Sample",
            "last_seen": None,
        },
        {
            **shared,
            "_row_number": 5,
            "crew_id": "C2",
            "name": "Pat",
            "started": "2025-12-01",
            "share": Decimal("0.5"),
            "active": False,
            "rate": None,
            "field_2024_total": 10,
            "name_2": "Example",
            "last_seen": None,
        },
        {
            **shared,
            "_row_number": 7,
            "crew_id": "C3",
            "name": "Kim",
            "started": "2025-01-13",
            "share": Decimal("0.125"),
            "active": None,
            "rate": 48,
            "field_2024_total": Decimal("3.5"),
            "name_2": None,
            # Summer time in London.
            "last_seen": "2025-07-01T08:30:00+00:00",
        },
    ]


def test_without_types_everything_is_text_as_it_is_seen(account: Account) -> None:
    first = account.read_crews(column_types=None).records("crews")[0]
    assert (first["started"], first["share"], first["active"], first["rate"]) == (
        "13/1/2025",
        "12.50%",
        "TRUE",
        "$52.50",
    )
    # Nothing but what is seen is asked for.
    assert account.crm.requests["GET /v4/spreadsheets/Crewsexample/values:batchGet"] == 2


def test_types_are_detected_in_the_first_row_of_data(account: Account) -> None:
    catalog = account.catalog(sheets=[{**account.crews, "column_types": {"rate": "text"}, "detect_types": True}])
    (entry,) = [entry for entry in catalog["streams"] if entry["stream"] == "crews"]
    kinds = {name: (column["type"][0], column.get("format")) for name, column in entry["schema"]["properties"].items()}
    assert kinds["started"] == ("string", "date")
    assert kinds["share"] == ("number", None)
    assert kinds["active"] == ("boolean", None)
    assert kinds["field_2024_total"] == ("number", None)
    assert kinds["crew_id"] == kinds["rate"] == ("string", None)
    account.rows()[3][3] = datetime(2025, 1, 13, 9)  # noqa: DTZ001 - the wall clock of a sheet
    catalog = account.catalog(sheets=[{**account.crews, "column_types": {}, "detect_types": True}])
    (entry,) = [entry for entry in catalog["streams"] if entry["stream"] == "crews"]
    assert entry["schema"]["properties"]["started"]["format"] == "date-time"


def test_where_there_is_no_row_of_data_nothing_is_detected(account: Account) -> None:
    del account.rows()[3:]
    run = account.read_crews(column_types=None, detect_types=True)
    assert run.exit_code == 0
    assert run.schema("crews")["schema"]["properties"]["started"]["type"] == ["string", "null"]
    assert run.schema("crews_keys")


def test_what_is_known_of_the_spreadsheets(account: Account) -> None:
    run = account.read("spreadsheet_metadata", "sheet_metadata")
    book = next(row for row in run.records("spreadsheet_metadata") if row["spreadsheet_id"] == "Crewsexample")
    # Trap 13: 64 bits as text.
    assert book["version"] == "9007199254740993"
    assert (book["title"], book["locale"], book["time_zone"]) == ("Crews", "en_GB", "Europe/London")
    assert book["modified_time"] == "2025-06-01T12:00:00+00:00"
    tabs = {row["sheet_id"]: row for row in run.records("sheet_metadata") if row["spreadsheet_id"] == "Crewsexample"}
    # Trap 13: 0 is an id. A chart is no tab with rows.
    assert set(tabs) == {0, 7, 8}
    assert (tabs[0]["title"], tabs[0]["row_count"], tabs[0]["hidden"]) == ("Bob's tab", 40, False)
    assert tabs[7]["hidden"] is True


def test_odd_spends_are_kept_and_told(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    run = account.read("marketing_spends")
    assert run.records("marketing_spends")[0]["cost"] == Decimal("-5.25")
    assert not run.records("sync_rejects")
    assert "field 'cost' with value '***' (Record: id=***, 1 of marketing_spends): negative" in caplog.text
    assert "2 of marketing_spends): before event_start_date" in caplog.text
    strict = account.read("marketing_spends", validation="strict")
    assert strict.report("marketing_spends")["rejects"] == {"record": 2, "value": 0}
    # What is rejected is in the sheet all the same: it is not gone.
    assert len(strict.records("marketing_spends_keys")) == 75


def test_trap_6_errors_are_null_and_told_once(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    run = account.read("marketing_leads")
    assert not run.records("sync_rejects")
    assert caplog.text.count("the error #N/A in the sheet") == 1
    account.read("marketing_leads", validation="off")
    assert caplog.text.count("the error #N/A in the sheet") == 1


# Which tab, which part of it


@pytest.mark.parametrize(
    "entry",
    [
        {"gid": 0, "tab": None},
        {"gid": 0, "tab": "An old title"},
        {"tab": " bob's TAB "},
        {"tab": None},
        {"tab": None, "spreadsheet_id": "https://docs.google.com/spreadsheets/d/Crewsexample/edit#gid=0"},
        {"tab": "An old title", "spreadsheet_id": "https://docs.google.com/spreadsheets/d/Crewsexample/edit#gid=0"},
        # The tab that was open when the address was copied.
        {"spreadsheet_id": "https://docs.google.com/spreadsheets/d/Crewsexample/edit#gid=8"},
    ],
    ids=str,
)
def test_a_tab_is_found_by_its_number_and_by_its_title(account: Account, entry: dict[str, t.Any]) -> None:
    account.book("Crews").tabs.insert(0, Tab(5, "Hidden", Fixed([["Crew ID"]]), hidden=True))
    assert ids(account.read_crews(**entry), "crews") == ["C1", "C2", "C3"]


def test_a_renamed_tab_is_found_and_told(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("Leads2024", "Leads2025"):
        account.tab(name, 1).title = "Leads, new"
    sheets = {"2025": "https://docs.google.com/spreadsheets/d/Leads2025example/edit#gid=1234567"}
    assert ids(account.read("marketing_leads", marketing_leads_sheets=sheets)) == lead_ids(account, 2025)
    assert "the tab 'Marketing Source Leads' is now called 'Leads, new'" in caplog.text
    run = account.read("marketing_leads", "marketing_spends")
    assert run.report("marketing_spends")["status"] == "success"
    told = run.report("marketing_leads")["error"]
    assert "the tab 'Marketing Source Leads' of the spreadsheet Leads2024example is not there" in told
    assert "'Leads, new' (gid 1234567)" in told


@pytest.mark.parametrize("entry", [{"gid": 9, "tab": None}, {"gid": 77, "tab": None}, {"tab": "Chart"}])
def test_a_tab_without_rows_is_none(account: Account, entry: dict[str, t.Any]) -> None:
    told = account.read_crews(**entry).report("crews")["error"]
    assert "is not there. The spreadsheet has \"Bob's tab\" (gid 0), 'Archive' (gid 7), 'Empty' (gid 8)" in told


def test_a_part_of_a_tab(account: Account) -> None:
    run = account.read_crews(range="B3:D5", header_row=None, column_types={"started": "date"})
    assert [(row["_row_number"], row["name"], row["started"]) for row in run.records("crews")] == [
        (4, "Sam", "2025-01-13"),
        (5, "Pat", "2025-12-01"),
    ]
    assert set(run.records("crews")[0]) == {
        "_spreadsheet_id",
        "_sheet_id",
        "_row_number",
        "_sheet_last_modified",
        "name",
        "started",
    }
    later = account.read_crews(data_start_row=7)
    assert ids(later, "crews") == ["C3"]


def test_more_columns_than_letters(account: Account) -> None:
    account.rows()[2][10:] = [None] * 20 + ["Far right"]
    account.rows()[3][9:] = [None] * 21 + ["x"]
    account.tab("Crews").columns = 31
    assert account.read_crews().records("crews")[0]["far_right"] == "x"


def test_columns_that_are_named_are_the_only_ones(account: Account) -> None:
    catalog = account.catalog(sheets=[{**account.crews, "columns": ["Crew ID", "Started"]}])
    # The settings say all that a catalog needs.
    assert asked(account) == {}
    (entry,) = [entry for entry in catalog["streams"] if entry["stream"] == "crews"]
    assert list(entry["schema"]["properties"])[4:] == ["crew_id", "started"]
    run = account.read_crews(columns=["Crew ID", "Started"])
    assert [row["started"] for row in run.records("crews")] == ["2025-01-13", "2025-12-01", "2025-01-13"]


def test_columns_may_have_other_names(account: Account) -> None:
    run = account.read_crews(column_map={"Crew ID": "id", "Name_2": "surname"})
    assert [(row["id"], row["surname"]) for row in run.records("crews")][:2] == [("C1", "Sample"), ("C2", "Example")]
    account.records("Spends").headers[1] = "Cost (USD)"
    entry = {"spreadsheet_id": "Spendsexample", "column_map": {"Cost (USD)": "cost"}}
    assert account.read("marketing_spends", marketing_spends_sheet=entry).records("marketing_spends")[1]["cost"] is None
    account.records("Spends").headers[1] = "Cost"
    entry = {"spreadsheet_id": "Spendsexample", "column_map": {"Campaign": "channel"}}
    run = account.read("marketing_spends", marketing_spends_sheet=entry)
    assert run.records("marketing_spends")[0]["channel"] == "Campaign 0"


def test_trap_5_of_two_columns_with_one_header_the_first_counts(account: Account) -> None:
    account.records("Spends").headers += ["Campaign", "Cost"]
    first = account.read("marketing_spends").records("marketing_spends")[0]
    assert first["campaign"] == "Campaign 0"
    assert first["cost"] == Decimal("-5.25")
    assert first["raw_data"]["Campaign_2"] == "Campaign 0"


def test_far_below_many_blank_rows_nothing_is_lost(account: Account) -> None:
    rows = account.rows()
    rows.extend([] for _ in range(20_000 - len(rows)))
    rows.append(["C4", "Alex"])
    account.tab("Crews").rows = 50_000
    run = account.read_crews(data_start_row=4)
    assert ids(run, "crews") == ["C1", "C2", "C3", "C4"]
    account.crm.requests.clear()
    account.tab("Crews").rows = 500_000
    run = account.read("crews", page_size=100)
    assert ids(run, "crews") == ["C1", "C2", "C3", "C4"]
    # Header; then the rows, two blank chunks, and all the rest at once, in two renderings each.
    assert account.crm.requests["GET /v4/spreadsheets/Crewsexample/values:batchGet"] <= 1 + 2 * 5


# Keys


def test_a_sheet_may_have_a_key_of_its_own(account: Account) -> None:
    account.rows().append(["C1", "Twin"])
    account.rows().append([None, "Nobody"])
    account.rows().append([Cell("#REF!", "ERROR"), "Broken"])
    run = account.read_crews(key_columns=["crew_id"])
    assert run.schema("crews")["key_properties"] == ["crew_id"]
    assert "null" not in run.schema("crews")["schema"]["properties"]["crew_id"]["type"]
    assert ids(run, "crews") == ["C1", "C2", "C3"]
    rejects = [(reject["record"]["name"], reject["reason"]) for reject in run.records("sync_rejects")]
    assert [reject for reject in rejects if reject[0] != "Kim"] == [
        ("Twin", "an earlier row has the same key"),
        ("Nobody", "the key is empty"),
        ("Broken", "the error #REF! in the sheet"),
    ]
    assert [row["crew_id"] for row in run.records("crews_keys")] == ["C1", "C2", "C3"]


def test_a_key_that_the_sheet_does_not_have_is_an_error(account: Account) -> None:
    run = account.read_crews(key_columns=["crew_id"])
    catalog = account.catalog(sheets=[{**account.crews, "key_columns": ["crew_id"]}])
    account.rows()[2][0] = "Crew"
    run = account.read_as_catalogued(catalog, sheets=[{**account.crews, "key_columns": ["crew_id"]}])
    assert "has no column crew_id, which is its key" in run.report("crews")["error"]
    assert run.report("marketing_spends")["status"] == "success"


def test_deletions_may_be_off(account: Account) -> None:
    run = account.read(deletions="off")
    assert run.exit_code == 0
    assert not [message for message in run.messages if message.get("stream", "").endswith("_keys")]


# Headers that are not as expected


def test_mapped_headers_that_are_missing_are_told(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    account.records("Spends").headers[3] = "Kanal"
    run = account.read("marketing_spends")
    assert run.exit_code == 0
    assert {row["channel"] for row in run.records("marketing_spends")} == {None}
    assert (
        "row 1 of the tab 'All Marketing Spend' of the spreadsheet Spendsexample has no header for channel"
        in caplog.text
    )


def test_a_row_that_is_no_header_does_not_empty_the_columns(account: Account) -> None:
    entry = {"spreadsheet_id": "Spendsexample", "header_row": 2}
    run = account.read("marketing_spends", marketing_spends_sheet=entry)
    assert run.exit_code == 1
    assert (
        "has none of the headers that belong to its columns; it has 1/5/2025" in run.report("marketing_spends")["error"]
    )
    assert not run.records("marketing_spends")


def test_a_blank_header_row_is_an_error(account: Account) -> None:
    told = account.read_crews(header_row=2).report("crews")["error"]
    assert 'row 2 of the tab "Bob\'s tab" of the spreadsheet Crewsexample is blank; set header_row' in told
    assert "is blank" in account.read_crews(tab="Empty", header_row=1).report("crews")["error"]
    assert "has only 40 rows and 26 columns" in account.read_crews(header_row=41).report("crews")["error"]
    assert "has only 40 rows" in account.read_crews(range="AC3:AD").report("crews")["error"]


def test_columns_that_came_after_the_catalog_are_told(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    catalog = account.catalog()
    account.rows()[2][2] = "Nickname"
    run = account.read_as_catalogued(catalog)
    assert "nickname" not in run.records("crews")[0]
    assert "crews: new columns, which the catalog does not have: nickname." in caplog.text
    assert account.read("crews").records("crews")[0]["nickname"] == "x"


def test_columns_that_are_gone_are_null(account: Account) -> None:
    catalog = account.catalog()
    account.rows()[2][1] = "Full name"
    run = account.read_as_catalogued(catalog)
    # The second column of that header is the first one now.
    assert next((row["name"], row["name_2"]) for row in run.records("crews")) == ("Sample", None)


def test_a_catalog_without_columns_does_not_write_bare_keys(account: Account) -> None:
    account.book("Crews").shared = False
    catalog = account.catalog()
    assert [entry["stream"] for entry in catalog["streams"]] == sorted(STREAMS)
    account.book("Crews").shared = True
    run = account.read_as_catalogued(catalog)
    assert "make a new catalog" in run.report("crews")["error"]
    assert not run.records("crews")
    assert run.report("marketing_leads")["status"] == "success"


def test_dates_that_are_texts_go_by_the_locale_or_the_setting(account: Account) -> None:
    def started(**settings: t.Any) -> t.Any:
        return account.read("crews", **settings).records("crews")[2]["started"]

    assert started() == started(date_order="dmy") == "2025-01-13"
    assert started(date_order="mdy") is None
    account.book("Crews").locale = "en_US"
    assert started() is None
    account.rows()[6][3] = "01/12/2025"
    assert started() == "2025-01-12"


def test_a_zone_that_nobody_knows_is_an_error(account: Account) -> None:
    account.book("Spends").zone = "Mars/Olympus"
    run = account.read("marketing_spends", "marketing_leads")
    assert "has the time zone 'Mars/Olympus', which is not known here" in run.report("marketing_spends")["error"]
    assert run.report("marketing_leads")["status"] == "success"


# Whether it changed


def test_an_unchanged_sheet_costs_one_request(account: Account) -> None:
    catalog = account.catalog()
    first = account.read_as_catalogued(catalog)
    account.crm.requests.clear()
    again = account.read_as_catalogued(catalog, state=first.states[-1])
    assert again.exit_code == 0
    assert asked(account) == {"POST /token": 1} | {f"GET /drive/v3/files/{book}": 1 for book in account.crm.books}
    assert not [message for message in again.messages if message["type"] == "RECORD"]
    assert not [m for m in again.messages if m["type"] == "SCHEMA" and m["stream"].endswith("_keys")]
    assert again.bookmarks == first.bookmarks
    assert sum(again.report(name)["requests"] for name in STREAMS) == 4


def test_what_changed_is_read_in_full(account: Account) -> None:
    first = account.read()
    happened = account.a_day_passes()
    assert happened["marketing_spends"]["changed"] > 0
    second = account.read(state=first.states[-1])
    # All years, because the keys have to be those of all.
    assert ids(second) == lead_ids(account)
    assert {row["sheet_last_modified"] for row in second.records("marketing_leads")} == {
        "2025-05-31T12:00:00.000000+00:00",
        "2025-06-03T09:00:00.000000+00:00",
    }
    assert len(second.records("marketing_spends")) == account.crm.spends.count_live()
    assert not second.records("crews")
    assert second.bookmarks["marketing_spends"]["replication_key_value"] == "2025-06-03T09:00:01.500000+00:00"


def test_trap_9_a_change_of_just_now_is_read_once_more(account: Account) -> None:
    first = account.read("marketing_spends")
    account.crm.world.days += 1
    account.book("Spends").touch(account.crm.world.now - timedelta(seconds=5))
    second = account.read("marketing_spends", state=first.states[-1])
    assert second.records("marketing_spends")
    # A minute behind the present, so that a time that comes late is not passed.
    assert second.bookmarks["marketing_spends"]["replication_key_value"] < "2025-06-03T11:59:30"
    third = account.read("marketing_spends", state=second.states[-1])
    assert third.records("marketing_spends")


def test_a_year_that_is_added_is_read_at_once(account: Account) -> None:
    years = account.sheets["marketing_leads_sheets"]
    first = account.read("marketing_leads", marketing_leads_sheets={"2025": years["2025"]})
    assert ids(first) == lead_ids(account, 2025)
    # The file of the other year was changed before.
    second = account.read("marketing_leads", state=first.states[-1])
    assert ids(second) == lead_ids(account)


def test_other_settings_of_a_sheet_read_it_anew(account: Account) -> None:
    first = account.read("crews")
    sheets = [{**account.crews, "column_types": {"started": "text"}}]
    second = account.read("crews", state=first.states[-1], sheets=sheets)
    assert second.records("crews")[2]["started"] == "13/01/2025"
    assert second.bookmarks["crews"]["replication_key"] != first.bookmarks["crews"]["replication_key"]


class Moving(Records):
    """Records of a spreadsheet that is changed while it is read."""

    touched: Callable[[], None]

    def row(self, number: int) -> list[Cell]:
        if number == 60:
            self.touched()
        return super().row(number)


def test_a_sheet_that_moves_while_it_is_read_sends_no_keys(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    grid = Moving(account.records("Spends").headers, account.crm.spends)
    book = account.book("Spends")
    grid.touched = lambda: book.touch(account.crm.world.now - timedelta(minutes=10))
    book.tabs[0].grid = grid
    first = account.read("marketing_spends", "sheet_metadata")
    assert first.exit_code == 0
    assert first.records("marketing_spends")
    assert not first.records("marketing_spends_keys")
    assert "Spendsexample was changed while it was read" in caplog.text
    assert first.bookmarks["marketing_spends"]["replication_key_value"] == "2025-06-01T12:00:00.000000+00:00"
    grid.touched = lambda: None
    second = account.read("marketing_spends", state=first.states[-1])
    assert len(second.records("marketing_spends_keys")) == 75


@pytest.mark.parametrize("drive", ["scope", "disabled", "hidden"])
def test_trap_10_without_drive_everything_is_read_every_time(
    open_account: Callable[..., Account], caplog: pytest.LogCaptureFixture, drive: str
) -> None:
    account = open_account(drive=drive, size=60)
    first = account.read()
    assert first.exit_code == 0
    second = account.read(state=first.states[-1])
    assert ids(second) == ids(first) == lead_ids(account)
    assert second.records("marketing_leads_keys")
    assert {row["sheet_last_modified"] for row in second.records("marketing_leads")} == {None}
    assert {row["version"] for row in second.records("spreadsheet_metadata")} == {None}
    assert not second.bookmarks["marketing_leads"]
    # Once a run, and not once for each file.
    assert caplog.text.count("Drive does not tell when spreadsheets were changed") == 2


def test_the_check_may_be_off(account: Account) -> None:
    first = account.read(check_changes=False)
    second = account.read(check_changes=False, state=first.states[-1])
    assert ids(second) == ids(first)
    assert not any("/drive/" in path for path in account.crm.requests)


def test_trap_10_shared_drives_are_asked_for(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from tap_kit.http import HttpClient  # noqa: PLC0415 - for this test

    prepare, sent = HttpClient.prepare, []

    def noting(self: HttpClient, request: t.Any, **options: t.Any) -> t.Any:
        sent.append(request)
        return prepare(self, request, **options)

    monkeypatch.setattr(HttpClient, "prepare", noting)
    account.read("marketing_spends", user_agent="warehouse")
    drive = [request for request in sent if "/drive/" in request.url]
    assert {request.params["supportsAllDrives"] for request in drive} == {"true"}


def test_losing_drive_keeps_the_bookmark(account: Account) -> None:
    first = account.read("marketing_spends")
    account.crm.drive = "disabled"
    second = account.read("marketing_spends", state=first.states[-1])
    assert second.records("marketing_spends")
    assert second.bookmarks == first.bookmarks


# Runs that read less


def test_since_and_end_date_go_by_the_change_of_the_file(account: Account) -> None:
    first = account.read()
    state = first.states[-1]
    # The older file was changed on the 31st of May, the other one on the 1st of June.
    run = account.read("marketing_leads", state=state, since="2025-06-01")
    assert ids(run) == lead_ids(account, 2025)
    run = account.read("marketing_leads", state=state, since="2025-05-01", end_date="2025-06-01")
    assert ids(run) == lead_ids(account, 2024)
    for narrowed in (run, account.read("marketing_leads", state=state, since="2025-07-01")):
        assert narrowed.bookmarks["marketing_leads"] == first.bookmarks["marketing_leads"]
        assert not narrowed.records("marketing_leads_keys")


def test_a_limited_run_sends_no_keys_and_keeps_the_bookmark(account: Account) -> None:
    run = account.read("marketing_leads", max_records=5)
    assert len(run.records("marketing_leads")) == 5
    assert not run.records("marketing_leads_keys")
    assert not run.bookmarks.get("marketing_leads")


def test_a_start_date_does_not_leave_out_old_sheets(account: Account) -> None:
    assert ids(account.read("marketing_leads", start_date="2025-06-02")) == lead_ids(account)


# Interruptions


@pytest.mark.parametrize("stream", STREAMS)
def test_a_run_may_end_at_every_state(account: Account, stream: str) -> None:
    page_size = 20 if stream.startswith("marketing") else 1
    first = account.read(stream, page_size=page_size)
    key = first.schema(stream)["key_properties"]
    assert len(first.states) > 2

    def again(state: Message) -> Run:
        return t.cast("Run", account.read(stream, state=state))

    assert_resumable(first, again, stream, *key)
    later = account.read(stream, state=first.states[1], page_size=page_size)
    assert later.report(stream)["resumed"] is False
    assert later.records(f"{stream}_keys")


def test_the_catalog_of_a_sheet_that_is_no_more_is_explained(account: Account) -> None:
    catalog = account.catalog()
    run = account.read_as_catalogued(catalog, sheets=[], marketing_spends_sheet=None)
    assert "no entry of the setting sheets has this name" in run.report("crews")["error"]
    assert "needs the setting marketing_spends_sheet" in run.report("marketing_spends")["error"]
    assert run.report("marketing_leads")["status"] == "success"
    tap = TapGoogleSheets(config={**account.settings, "sheets": []}, setup_mapper=False)
    assert "marketing_leads_sheets" in tap.explain_missing("marketing_leads")


def test_a_day_may_be_a_day_of_the_sheet(account: Account) -> None:
    # Midnight in London is the evening before in UTC, in summer: a day has no zone.
    account.rows()[3][3] = date(2025, 7, 1)
    assert account.read("crews").records("crews")[0]["started"] == "2025-07-01"
