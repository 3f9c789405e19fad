"""What a run reads, and what the next one reads."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from crm_simulator.five9 import DISPOSITIONS, FIELDS, LISTS, ZONE, Trouble
from tap_five9_dw.client import whole_days
from tap_five9_dw.names import STREAMS
from tap_kit.testing import assert_golden, assert_resumable, keys, normalise

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

KEY = ("number1", "list_name")


def contacts(run: Run) -> set[tuple[str, str]]:
    found = keys(run.records("contacts"), *KEY)
    assert len(found) == len(set(found))
    return t.cast("set[tuple[str, str]]", set(found))


def columns(run: Run) -> dict[str, t.Any]:
    properties: dict[str, t.Any] = run.schema("contacts")["schema"]["properties"]
    return properties


# A full read


def test_a_full_read_is_every_record_once(account: Account) -> None:
    run = account.read()
    assert run.exit_code == 0
    assert contacts(run) == set(account.crm.found_by_list())
    assert {row["name"]: row["size"] for row in run.records("contact_lists")} == {
        name: account.crm.size_of(name) for name in LISTS
    }
    assert [row["name"] for row in run.records("contact_fields")] == [name for name, *_ in FIELDS]
    assert [row["name"] for row in run.records("campaigns")] == [f"Campaign {number}" for number in range(4)]
    assert [row["name"] for row in run.records("dispositions")] == list(DISPOSITIONS)
    assert len(run.records("agent_information")) == account.crm.agents
    assert not run.records("sync_rejects")
    assert {run.report(name)["status"] for name in STREAMS} == {"success"}


@pytest.mark.parametrize("ceiling", [3, 7, 20, 100])
def test_lists_above_the_ceiling_are_read_in_parts(open_account: Callable[..., Account], ceiling: int) -> None:
    account = open_account(ceiling=ceiling)
    run = account.read("contacts", page_size=ceiling)
    assert run.exit_code == 0
    assert contacts(run) == set(account.crm.found_by_list())
    assert account.crm.operations["getContactRecords"] > 300 // ceiling


def test_the_ceiling_of_five9_itself(open_account: Callable[..., Account]) -> None:
    account = open_account(size=6_000)
    run = account.read("contacts")
    assert contacts(run) == set(account.crm.found_by_list())
    assert len(run.records("contacts")) > 5_000
    asked = [lookup for lookup in account.crm.lookups if lookup["last_list"] == "Web Leads"]
    assert asked[0] == {"last_list": "Web Leads"}
    assert asked[1]["number1"] == "+%"
    assert {lookup["number1"] for lookup in asked[2:]} >= {f"{digit}%" for digit in range(10)}


def test_numbers_that_do_not_begin_with_a_digit_are_parts_too(open_account: Callable[..., Account]) -> None:
    account = open_account(ceiling=10)
    odd = {4: "+15550100", 8: "x555010", 12: "(555) 0100", 16: "55", 20: "555"}
    for index, number in odd.items():
        account.crm.change_contact(index, account.crm.world.now, number1=number, last_list="Web Leads")
    run = account.read("contacts", page_size=10)
    assert {number for number, _ in contacts(run)} >= set(odd.values())
    assert contacts(run) == set(account.crm.found_by_list())


def test_more_contacts_of_one_number_than_an_answer_holds(
    open_account: Callable[..., Account], caplog: pytest.LogCaptureFixture
) -> None:
    account = open_account(ceiling=10)
    for index in range(0, 60, 2):
        account.crm.change_contact(index, account.crm.world.now, number1="0000000000", last_list="Web Leads")
    run = account.read("contacts", page_size=10)
    assert run.exit_code == 0
    assert set(keys(run.records("contacts"), *KEY)) == set(account.crm.found_by_list())
    assert "10 or more contacts of Web Leads share a number" in caplog.text


def test_contacts_that_share_a_number_are_told_of(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    for index in (6, 10):
        account.crm.change_contact(index, account.crm.world.now, number1="5550100", last_list="Web Leads")
    account.read("contacts")
    assert "1 contacts of the list Web Leads have the number of another one" in caplog.text


def test_a_look_up_that_ignores_the_number_fails_instead_of_asking_for_ever(
    open_account: Callable[..., Account],
) -> None:
    account = open_account(ceiling=10)
    find = account.crm.find
    account.crm.find = lambda criteria: find({"last_list": criteria["last_list"]})
    run = account.read("contacts", page_size=10)
    assert run.exit_code == 1
    assert "cannot be read in parts" in run.report("contacts")["error"]
    assert account.crm.operations["getContactRecords"] < 5


def test_a_list_name_with_a_percent_sign_is_no_pattern(account: Account) -> None:
    run = account.read("contacts", list_names=["50% Off"])
    assert {row["last_list"] for row in run.records("contacts")} == {"50% Off"}
    assert contacts(run) == {key for key in account.crm.found_by_list() if key[1] == "50% Off"}


def test_lists_that_give_less_than_their_size_are_told_of(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    account.read("contacts")
    assert f"Never Dialled (0 of {account.crm.size_of('Never Dialled')})" in caplog.text
    # A list without an answer is an empty list: nothing else is asked for in its place.
    assert all(set(lookup) <= {"last_list", "number1"} for lookup in account.crm.lookups)


def test_a_contact_in_two_lists_is_written_once_with_its_lists(open_account: Callable[..., Account]) -> None:
    account = open_account(membership=True, ceiling=40)
    run = account.read("contacts", page_size=40)
    # One that comes again, because its list was read before, comes with the same key.
    rows = {(row["number1"], row["list_name"]): row for row in run.records("contacts")}
    crm = account.crm
    several = 0
    for index in crm.contacts.live():
        name = crm.last_list(index)
        # A list whose name is a pattern says nothing about contacts that are in it besides another one.
        told = crm.lists_of(index) - ({"50% Off"} if name != "50% Off" else set())
        if name in LISTS:
            assert set(rows[crm.number(index), name]["lists"]) == told
            several += len(told) > 1
    assert several > 10
    assert len({number for number, _ in rows}) == len(rows)


def test_golden_output(open_account: Callable[..., Account], tmp_path: Path) -> None:
    account = open_account(size=12)
    account.crm.calls.size = 3
    run = account.read()
    assert run.exit_code == 0
    text = normalise(run.text, {account.settings["api_url"]: "<url>", str(tmp_path): "<folder>"})
    assert_golden(Path(__file__).with_name("golden.jsonl"), text)


def test_an_empty_account_is_no_error(open_account: Callable[..., Account]) -> None:
    run = open_account(size=0, fields=()).read(deletions="sweep")
    assert run.exit_code == 0
    assert {m["stream"] for m in run.messages if m["type"] == "RECORD"} == {"contact_fields", "contact_fields_keys"}


# Fields and values


def test_every_contact_field_is_a_typed_column(open_account: Callable[..., Account]) -> None:
    added = (
        ("2nd-choice ok", "STRING", "None", False),
        ("Price", "CURRENCY", "None", False),
        ("Share", "PERCENT", "None", False),
        ("Best Time", "TIME", "None", False),
        ("lists", "STRING", "None", False),
    )
    run = open_account(fields=added).read("contacts")
    found = columns(run)
    assert found["field_2nd_choice_ok"]["type"] == found["Best_Time"]["type"] == ["string", "null"]
    assert found["Price"]["type"] == found["Share"]["type"] == found["Total_Job_Amount"]["type"] == ["number", "null"]
    assert found["New_Contact_Field"]["format"] == "date-time"
    assert found["PC_Work_Finished"]["format"] == "date"
    assert found["DoNotDial"]["type"] == ["boolean", "null"]
    assert found["number1"]["type"] == ["string"]
    assert found["email"]["x-sensitivity"] == "pii"
    assert "Contact field Price: CURRENCY" in found["Price"]["description"]
    assert found["lists"]["type"] == ["array", "null"]
    assert sum(name.startswith("lists_") for name in found) == 1
    assert run.schema("contacts")["key_properties"] == list(KEY)


def test_fields_whose_names_fall_together_stay_apart(open_account: Callable[..., Account]) -> None:
    added = tuple((name, "STRING", "None", False) for name in ("Lead_Status", "Lead-Status", "a b", "a-b"))
    account = open_account(fields=added, size=20)
    for index in range(20):
        account.crm.change_contact(
            index, account.crm.world.now, **{"Lead_Status": "1", "Lead-Status": "2", "a b": "3", "a-b": "4"}
        )
    run = account.read("contacts")
    row = run.records("contacts")[0]
    named = {name: row[name] for name in row if name.startswith(("Lead_Status", "a_b"))}
    assert sorted(str(value) for value in named.values()) == ["1", "2", "3", "4", "None"]
    assert row["Lead_Status"] == "1"
    assert "a_b" not in row


def test_values_are_those_of_the_account(account: Account) -> None:
    run = account.read("contacts")
    truth = account.crm.found_by_list()
    for row in run.records("contacts"):
        source = truth[row["number1"], row["list_name"]]
        wall = source["New Contact Field"]
        moment = wall and datetime.fromisoformat(wall).replace(tzinfo=ZONE).astimezone(UTC).isoformat()
        assert row["New_Contact_Field"] == moment
        assert (row["first_name"], row["last_name"]) == (source["first_name"], source["last_name"])
        assert row["metal_count"] == 0
        assert str(row["DialAttempts"]) == source["DialAttempts"]
        amount = source["Total Job Amount"]
        assert (row["Total_Job_Amount"] and f"{row['Total_Job_Amount']:,}") == amount
        meant = {"0": False, "false": False, "1": True, "yes": True, None: None}
        assert row["DoNotDial"] is meant[source["DoNotDial"]]
        assert row["company"] is None
    assert {row["first_name"] for row in run.records("contacts")} >= {"Alex & Kim"}


def test_date_times_are_the_wall_clock_of_the_domain(account: Account) -> None:
    account.crm.change_contact(4, account.crm.world.now, sys_created_date="2025-01-05 09:12:44.767")
    number = account.crm.number(4)

    def created(**settings: t.Any) -> str:
        rows = account.read("contacts", **settings).records("contacts")
        return next(str(row["sys_created_date"]) for row in rows if row["number1"] == number)

    assert created() == "2025-01-05T17:12:44.767000+00:00"
    assert created(region="FRK") == "2025-01-05T08:12:44.767000+00:00"
    assert created(timezone="America/New_York") == "2025-01-05T14:12:44.767000+00:00"


# Deltas


def test_a_delta_brings_what_a_day_changed(open_account: Callable[..., Account]) -> None:
    account = open_account(size=600)
    first = account.read()
    account.a_day_passes()
    second = account.read(state=first.states[-1])
    written = {
        key: row
        for run in (first, second)
        for key, row in zip(keys(run.records("contacts"), *KEY), run.records("contacts"), strict=True)
    }
    for key, row in account.crm.found_by_list().items():
        assert written[key]["company"] == row.get("company")
        assert written[key]["sys_last_disposition"] == row["sys_last_disposition"]
    assert 0 < len(second.records("contacts")) < len(first.records("contacts")) // 2
    assert second.bookmarks["contacts"]["replication_key_value"] > first.bookmarks["contacts"]["replication_key_value"]
    calls = {row["call_id"] for row in second.records("call_log")}
    assert {str(3_000_000_000_000 + index) for index in range(1200, account.crm.calls.size)} <= calls


def test_a_contact_edited_today_but_dialled_last_month_is_in_the_delta(account: Account) -> None:
    first = account.read("contacts")
    account.crm.world.days += 5
    account.crm.change_contact(7, account.crm.world.now - timedelta(hours=1), company="Edited by hand")
    run = account.read("contacts", state=first.states[-1])
    (row,) = [row for row in run.records("contacts") if row["company"]]
    assert row["sys_last_disposition_time"] < "2025-05-10"
    assert row["modified_at"] == row["New_Contact_Field"] > "2025-06-07"


def test_contacts_without_any_time_are_always_written(account: Account) -> None:
    first = account.read("contacts")
    account.crm.world.days += 9
    run = account.read("contacts", state=first.states[-1])
    timeless = {key for key, row in account.crm.found_by_list().items() if row["New Contact Field"] is None}
    assert contacts(run) >= timeless
    assert {row["number1"] for row in run.records("contacts") if row["modified_at"] is None} == {n for n, _ in timeless}
    assert len(timeless) > 3


def test_an_account_without_mapped_times_is_written_in_full(open_account: Callable[..., Account]) -> None:
    account = open_account()
    account.crm.fields = [
        (name, kind, map_to if map_to == "LastList" else "None", s) for name, kind, map_to, s in FIELDS
    ]
    first = account.read("contacts")
    assert first.bookmarks["contacts"] == {}
    assert contacts(account.read("contacts", state=first.states[-1])) == set(account.crm.found_by_list())


def test_the_settings_of_a_delta(account: Account) -> None:
    first = account.read("contacts")
    account.crm.world.days += 5
    state = first.states[-1]
    plain = len(account.read("contacts", state=state).records("contacts"))
    wide = len(account.read("contacts", state=state, lookback_hours=48).records("contacts"))
    narrow = len(account.read("contacts", state=state, lookback_hours=0).records("contacts"))
    everything = len(account.read("contacts", state=state, contact_delta="all").records("contacts"))
    assert narrow < plain < wide < everything == len(account.crm.found_by_list())
    since = account.read("contacts", state=state, since="2025-06-01T00:00:00Z")
    assert since.bookmarks == first.bookmarks
    assert 0 < len(since.records("contacts")) < everything
    ended = account.read("contacts", end_date="2025-06-01T00:00:00Z")
    assert all((row["modified_at"] or "") < "2025-06-01" for row in ended.records("contacts"))
    started = account.read("contacts", start_date="2025-06-02T00:00:00Z")
    assert {row["modified_at"] or "2025-06-02" for row in started.records("contacts")} > {"2025-06-02"}


# Narrowed runs


def test_single_lists(account: Account) -> None:
    first = account.read("contacts")
    run = account.read("contacts", state=first.states[-1], list_names=["Web Leads"], since="2020-01-01")
    assert contacts(run) == {key for key in account.crm.found_by_list() if key[1] == "Web Leads"}
    assert run.bookmarks == first.bookmarks
    alone = account.read("contacts", list_names=["Web Leads"], deletions="sweep")
    assert not alone.bookmarks.get("contacts")
    assert not alone.records("contacts_keys")
    wrong = account.read("contacts", list_names=["No Such List"])
    assert "names lists that Five9 does not have: No Such List" in wrong.report("contacts")["error"]


def test_a_part_of_each_list(account: Account) -> None:
    run = account.read("contacts", max_records_per_list=5)
    counts = [sum(row["list_name"] == name for row in run.records("contacts")) for name in LISTS]
    assert counts == [5, 5, 5, 5, 0]
    assert not run.bookmarks.get("contacts")


def test_a_part_of_each_stream(account: Account) -> None:
    run = account.read(max_records=2)
    assert {len(run.records(name)) for name in STREAMS} == {2}


def test_another_field_may_hold_the_list(account: Account) -> None:
    for index in range(30):
        account.crm.change_contact(index, account.crm.world.now, F9_list="Web Leads")
    run = account.read("contacts", list_field="F9_list")
    assert len(run.records("contacts")) == 30
    assert {row["list_name"] for row in run.records("contacts")} == {"Web Leads"}


# Resuming and deletions


def test_contacts_may_be_cut_off_at_every_state(open_account: Callable[..., Account]) -> None:
    account = open_account(ceiling=12, size=120)
    account.crm.change_contact(3, account.crm.world.now, number1="+1555010", last_list="Web Leads")
    run = account.read("contacts", page_size=12)
    places = [state["bookmarks"].get("contacts", {}).get("resume", {}).get("last_key") for state in run.states]
    assert sum(place is not None for place in places) > 5
    assert any(place and place[1] for place in places)
    assert_resumable(run, lambda state: account.read("contacts", page_size=12, state=state), "contacts", *KEY)


def test_a_resumed_read_does_not_ask_for_lists_that_are_done(open_account: Callable[..., Account]) -> None:
    account = open_account(ceiling=12, size=120)
    account.crm.troubles.append(Trouble("getContactRecords", "IncorrectArgumentFault", after=30, times=0))
    run = account.read("contacts", page_size=12)
    assert run.exit_code == 1
    done, prefix = run.bookmarks["contacts"]["resume"]["last_key"]
    account.crm.troubles.clear()
    account.crm.lookups.clear()
    rest = account.read("contacts", page_size=12, state=run.states[-1])
    assert rest.report("contacts")["resumed"]
    assert min(lookup["last_list"] for lookup in account.crm.lookups) >= done
    assert contacts(run) | contacts(rest) == set(account.crm.found_by_list())
    assert prefix != ""


@pytest.mark.parametrize("stream", ["call_log", "agent_occupancy"])
def test_reports_may_be_cut_off_at_every_state(account: Account, stream: str) -> None:
    run = account.read(stream, page_size={"call_log": 90, "agent_occupancy": 5}[stream])
    key = {"call_log": ("call_id",), "agent_occupancy": ("agent", "date")}[stream]
    assert_resumable(run, lambda state: account.read(stream, state=state), stream, *key)


def test_a_sweep_sends_the_keys_of_what_is_there(account: Account) -> None:
    account.crm.dispositions.archive(2, account.crm.world.now)
    first = account.read()
    account.crm.operations.clear()
    run = account.read(deletions="sweep", state=first.states[-1])
    assert set(keys(run.records("contacts_keys"), *KEY)) == set(account.crm.found_by_list())
    assert len(run.records("contacts")) < len(run.records("contacts_keys"))
    # Every run reads all contacts: the keys cost nothing.
    assert account.crm.operations["getContactRecords"] == len(LISTS)
    assert keys(run.records("dispositions_keys"), "name") == [(n,) for n in DISPOSITIONS if n != "Call Back"]
    assert run.schema("contacts_keys")["schema"]["x-sweep-of"] == "contacts"


# Reports


def test_calls_of_the_last_days_are_read_day_by_day(account: Account) -> None:
    run = account.read("call_log")
    crm = account.crm
    first = datetime(2025, 5, 30, tzinfo=ZONE)
    expected = [str(3_000_000_000_000 + index) for index in crm.calls.between(first, crm.world.now)]
    assert [row["call_id"] for row in run.records("call_log")] == expected
    assert [start.astimezone(ZONE).isoformat() for _, start, _ in crm.asked_reports] == [
        f"2025-{day}T00:00:00-07:00" for day in ("05-30", "05-31", "06-01", "06-02")
    ]
    # Both ends are told in the zone of the domain, and the windows do not overlap.
    assert {start.utcoffset() for _, start, _ in crm.asked_reports} == {timedelta(hours=-7)}
    assert crm.asked_reports[0][2].isoformat() == "2025-05-30T23:59:59.999000-07:00"
    row = run.records("call_log")[0]
    moment = crm.calls.modified_at(int(row["call_id"]) - 3_000_000_000_000)
    assert datetime.fromisoformat(row["timestamp"]) == moment
    assert row["bill_time__rounded_"].startswith("00:")
    assert row["recordings"] is None
    assert None in {row["holds"] for row in run.records("call_log")}


@pytest.mark.parametrize("days", [1, 2, 30])
def test_a_report_that_is_full_is_run_again_in_parts(open_account: Callable[..., Account], days: int) -> None:
    account = open_account(rows=40)
    run = account.read("call_log", report_rows=40, report_window_days=days)
    whole = open_account(rows=50_000).read("call_log")
    assert keys(run.records("call_log"), "call_id") == keys(whole.records("call_log"), "call_id")
    assert len(run.records("call_log")) > 400
    assert run.exit_code == 0


def test_a_report_that_cannot_be_cut_any_further_fails(open_account: Callable[..., Account]) -> None:
    account = open_account(rows=2)
    run = account.read("agent_occupancy", "agent_information", report_rows=2)
    assert "has 2 rows or more" in run.report("agent_occupancy")["error"]
    assert "cuts its report at 2 rows" in run.report("agent_information")["error"]


def test_sums_are_always_those_of_whole_days(account: Account) -> None:
    first = account.read("agent_occupancy")
    account.crm.world.days += 1
    second = account.read("agent_occupancy", state=first.states[-1], lookback_hours=3)
    assert {start.astimezone(ZONE).hour for _, start, _ in account.crm.asked_reports} == {0}
    rows = {(row["agent"], row["date"]): row for run in (first, second) for row in run.records("agent_occupancy")}
    assert {row["login_time"] for (_, day), row in rows.items() if day < "2025-06-03"} == {"08:00:00"}
    # The last run was in the middle of the day.
    today = {row["login_time"] for (_, day), row in rows.items() if day >= "2025-06-03"}
    assert today == {"05:00:00", "04:59:00", "04:58:00"}


def test_how_far_back_reports_are_read(account: Account) -> None:
    account.read("agent_login_logout", start_date="2025-05-20T12:00:00-07:00")
    starts = [start.astimezone(ZONE).date().isoformat() for _, start, _ in account.crm.asked_reports]
    assert starts[0] == "2025-05-20"
    assert len(starts) == 14
    account.crm.asked_reports.clear()
    account.read("agent_login_logout", report_history_days=10, report_window_days=5)
    assert len(account.crm.asked_reports) == 3
    account.crm.asked_reports.clear()
    account.read("agent_login_logout", end_date="2025-06-01T00:00:00-07:00")
    assert max(end.astimezone(ZONE).date().isoformat() for _, _, end in account.crm.asked_reports) == "2025-05-31"


def test_a_report_may_be_another_one(account: Account) -> None:
    run = account.read("agent_login_logout", reports={"agent_login_logout": "Agent Reports/Agent Occupancy"})
    assert {name for name, _, _ in account.crm.asked_reports} == {"Agent Reports/Agent Occupancy"}
    assert len(run.records("agent_login_logout")) > 3


@pytest.mark.parametrize(
    ("start", "end", "lengths"),
    [
        ("2025-03-08T12:00", "2025-03-11T00:00", [24, 23, 24]),
        ("2025-11-02T00:00", "2025-11-03T00:00", [25]),
        ("2025-11-02T00:00", "2025-11-03T00:01", [25, 24]),
        ("2025-11-02T00:00", "2025-11-02T00:00", []),
    ],
)
def test_days_of_a_zone(start: str, end: str, lengths: list[int]) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    bounds = [datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) for text in (start, end)]
    found = list(whole_days(bounds[0], bounds[1], zone, 1))
    assert [(window.end - window.start) / timedelta(hours=1) for window in found] == lengths
    assert all(window.start.astimezone(zone).hour == 0 for window in found)
