"""What a run reads, and what the next one reads."""

from __future__ import annotations

import typing as t
from datetime import timedelta
from pathlib import Path

import pytest
from crm_simulator.arrivy import FIRST_ID, kind_of
from crm_simulator.faults import Fault
from tap_kit.testing import assert_golden, assert_resumable, keys, normalise

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any


LISTS = ("groups", "entities", "crews", "resources", "customers", "tasks", "bookings")


def ids(run: Run, stream: str) -> list[str]:
    return [key for (key,) in keys(run.records(stream), "id")]


@pytest.mark.parametrize(("page_size", "concurrency"), [(None, 1), (7, 1), (7, 4), (100, 3)])
def test_a_full_read_is_every_record_once(account: Account, page_size: int | None, concurrency: int) -> None:
    settings = {"page_size": page_size} if page_size else {}
    run = account.read(concurrency=concurrency, **settings)
    assert run.exit_code == 0
    for name in LISTS:
        assert len(ids(run, name)) == len(set(ids(run, name))), name
        assert set(ids(run, name)) == account.ids(name), name
    assert len(run.records("statuses")) == 7
    wanted = {(str(crew["id"]), str(who["id"])) for crew in account.crm.live("crews") for who in crew["entities_data"]}
    assert set(keys(run.records("crew_members"), "division_id", "id")) == wanted
    assert len(run.records("crew_members")) == len(wanted) > 1


def test_golden_output(open_account: Callable[..., Account]) -> None:
    account = open_account(size=60)
    for name, count in {"customers": 2, "bookings": 3, "tasks": 12, "entities": 3}.items():
        account.crm.collections[name].size = count
    run = account.read(task_details=True)
    text = normalise(run.text, {account.settings["base_url"]: "<url>"})
    assert_golden(Path(__file__).with_name("golden.jsonl"), text)


def test_the_output_does_not_depend_on_the_concurrency(account: Account) -> None:
    lines = []
    for concurrency in (1, 5):
        run = account.read(concurrency=concurrency, page_size=9, task_details=True)
        text = normalise(run.text, {f'"concurrency":{concurrency}': ""})
        lines.append([line for line in text.splitlines() if '"STATE"' not in line])
    assert lines[0] == lines[1]


def test_identifiers_beyond_53_bits_stay_whole(account: Account) -> None:
    found = ids(account.read("tasks"), "tasks")
    assert str(FIRST_ID) in found
    assert str(FIRST_ID + 1) in found


def test_fields_that_arrivy_leaves_out_are_filled(account: Account) -> None:
    run = account.read("tasks", "groups", "entities", "statuses")
    tasks = {task["id"]: task for task in run.records("tasks")}
    nameless = tasks[str(FIRST_ID + 5)]
    assert nameless["title"] == nameless["task_title"] == f"Task {FIRST_ID + 5}"
    assert (nameless["start_date"], nameless["start_time"]) == (
        nameless["start_datetime"][:10],
        nameless["start_datetime"][11:19],
    )
    assert nameless["start_datetime"].endswith("+00:00")
    assert str(nameless["latitude"]) == "39.8"
    assert {group["name"] for group in run.records("groups")} == {
        "Group 0",
        f"Group {FIRST_ID + 1}",
        "Group 2",
        "Group 3",
    }
    assert all(entity["name"] and entity["is_active"] for entity in run.records("entities"))
    assert {status["name"] for status in run.records("statuses")} >= {"Complete", "Enroute"}


def test_an_empty_account_is_no_error(open_account: Callable[..., Account]) -> None:
    run = open_account(size=0).read(task_details=True, concurrency=2, deletions="sweep")
    assert run.exit_code == 0
    assert not [message for message in run.messages if message["type"] == "RECORD"]


# Deltas


def test_a_delta_brings_what_a_day_changed(open_account: Callable[..., Account]) -> None:
    account = open_account(size=600)
    first = account.read()
    account.crm.world.days += 1
    happened = account.crm.pass_a_day()
    second = account.read(state=first.states[-1])
    for name in ("entities", "groups", "bookings"):
        rows = {row["id"]: row["updated"] for run in (first, second) for row in run.records(name)}
        for row in account.crm.live(name):
            assert rows[str(row["id"])][:19] == row["updated"][:19], name
    assert happened["bookings"]["changed"] <= len(second.records("bookings")) < len(first.records("bookings"))
    assert second.bookmarks["tasks"]["replication_key_value"] > first.bookmarks["tasks"]["replication_key_value"]


def test_a_delta_of_tasks_reads_a_window_and_a_full_one_everything(account: Account) -> None:
    crm = account.crm
    first = account.read("tasks")
    crm.world.days += 2
    old, near, loose, undated = (
        next(row["id"] - FIRST_ID for row in crm.live("tasks") if is_wanted(row))
        for is_wanted in (
            lambda row: kind_of(row) == "scheduled" and row["start_datetime"] < "2025-04",
            lambda row: kind_of(row) == "scheduled" and "2025-05-20" < row["start_datetime"] < "2025-06-10",
            lambda row: kind_of(row) == "unscheduled",
            lambda row: kind_of(row) == "undated",
        )
    )
    for index in (old, near, loose, undated):
        crm.collections["tasks"].change(index, crm.world.now - timedelta(hours=1), status="CANCELLED")

    def changed(**settings: t.Any) -> set[str]:
        """Return what a delta brings, without the day before the bookmark that is read again."""
        run = account.read("tasks", state=first.states[-1], **settings)
        return {row["id"] for row in run.records("tasks") if row["updated"] > "2025-06-03"}

    recent = {str(FIRST_ID + index) for index in (near, loose, undated)}
    everything = recent | {str(FIRST_ID + old)}
    assert changed() == recent
    assert changed(task_delta="full") == changed(task_lookback_days=400) == everything
    assert changed(since="2025-06-04T00:00:00+00:00") == everything
    since = account.read("tasks", state=first.states[-1], since="2025-06-04T00:00:00+00:00")
    assert since.bookmarks == first.bookmarks


def test_a_first_run_from_a_start_date_has_no_window(account: Account) -> None:
    run = account.read("tasks", start_date="2020-01-01")
    assert set(ids(run, "tasks")) == account.ids("tasks")


def test_passes_can_be_left_out(account: Account) -> None:
    run = account.read("tasks", unscheduled_tasks=False, undated_tasks=False)
    assert set(ids(run, "tasks")) == {
        str(row["id"]) for row in account.crm.live("tasks") if kind_of(row) == "scheduled"
    }


def test_a_record_without_a_time_is_always_read(account: Account) -> None:
    first = account.read("entities")
    account.crm.world.days += 3
    account.crm.row = lambda name, index: {
        **account.crm.collections[name].record(index),
        "id": index + 1,
        "updated": None if index == 2 else "2020-01-01T00:00:00",
    }
    assert ids(account.read("entities", state=first.states[-1]), "entities") == ["3"]


@pytest.mark.parametrize("server_knows_it", [True, False])
def test_bookings_may_be_filtered_by_arrivy(open_account: Callable[..., Account], server_knows_it: bool) -> None:  # noqa: FBT001 - a case
    account = open_account(updated_after=server_knows_it)
    first = account.read("bookings")
    account.crm.world.days += 3
    account.crm.collections["bookings"].change(4, account.crm.world.now, details="moved")
    plain = account.read("bookings", state=first.states[-1])
    asked = account.read("bookings", state=first.states[-1], bookings_updated_after=True)
    assert ids(plain, "bookings") == ids(asked, "bookings")
    assert "7005" in ids(asked, "bookings")


# Filters


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        (["pending"], {"NOTSTARTED", "CONFIRMED", "PREPARING"}),
        (["In_Progress"], {"ENROUTE", "STARTED"}),
        (["completed", "cancelled"], {"COMPLETE", "CANCELLED"}),
        (["custom"], {"CUSTOM"}),
    ],
)
def test_tasks_by_status(account: Account, asked: list[str], codes: set[str]) -> None:
    run = account.read("tasks", task_status=asked, page_size=5)
    assert set(ids(run, "tasks")) == {str(row["id"]) for row in account.crm.live("tasks") if row["status"] in codes}
    assert len(run.records("tasks")) > 10


def test_bookings_by_status_and_the_bookmark_stays(account: Account) -> None:
    first = account.read("bookings")
    account.crm.world.days += 1
    account.crm.pass_a_day()
    run = account.read("bookings", state=first.states[-1], booking_status=["confirmed"])
    assert {row["status"] for row in run.records("bookings")} == {"CONFIRMED"}
    assert run.bookmarks == first.bookmarks
    alone = account.read("bookings", booking_status=["confirmed"])
    assert not alone.bookmarks.get("bookings")
    wanted = {str(row["id"]) for row in account.crm.live("bookings") if row["status"] == "CONFIRMED"}
    assert set(ids(alone, "bookings")) == wanted


def test_a_filtered_run_sends_no_key_set(account: Account) -> None:
    run = account.read("tasks", "bookings", task_status=["pending"], deletions="sweep")
    assert not run.records("tasks_keys")
    assert set(ids(run, "bookings_keys")) == account.ids("bookings")


# Children and deletions


def test_details_are_read_for_the_tasks_of_the_run_and_before_them(account: Account) -> None:
    run = account.read("tasks", "task_statuses", "task_ratings", task_details=True, task_status=["completed"])
    tasks = set(ids(run, "tasks"))
    assert {row["task_id"] for row in run.records("task_statuses")} == tasks
    assert {row["task_id"] for row in run.records("task_ratings")} <= tasks
    told: set[str] = set()
    for message in run.messages:
        if message["type"] == "RECORD" and message["stream"] == "task_statuses":
            told.add(message["record"]["task_id"])
        elif message["type"] == "RECORD" and message["stream"] == "tasks":
            assert message["record"]["id"] in told
    account.crm.requests.clear()
    second = account.read("tasks", "task_statuses", task_details=True, state=account.read("tasks").states[-1])
    asked = {path.split("/")[2] for path in account.crm.requests if path.endswith("/status")}
    assert asked == set(ids(second, "tasks"))
    assert len(asked) < 200


def test_details_without_tasks_are_those_of_all_tasks(account: Account) -> None:
    run = account.read("task_ratings", task_details=True)
    assert len(run.records("task_ratings")) == 67
    assert run.exit_code == 0


def test_details_of_a_task_that_is_gone_are_none(account: Account) -> None:
    account.crm.is_live_task = lambda index: index % 2 == 0
    run = account.read("tasks", "task_ratings", task_details=True)
    assert run.exit_code == 0
    assert len(run.records("task_ratings")) == 34


def test_a_sweep_sends_the_keys_of_all_passes(account: Account) -> None:
    account.crm.collections["tasks"].archive(7, account.crm.world.now)
    run = account.read(deletions="sweep")
    for name in LISTS:
        assert set(ids(run, f"{name}_keys")) == account.ids(name), name
    assert keys(run.records("crew_members_keys"), "division_id", "id") == keys(
        run.records("crew_members"), "division_id", "id"
    )
    assert run.schema("tasks_keys")["schema"]["x-sweep-of"] == "tasks"


def test_a_run_may_be_cut_off_at_every_state(account: Account) -> None:
    run = account.read("tasks", page_size=20)
    assert len(run.states) > 8
    assert_resumable(run, lambda state: account.read("tasks", state=state), "tasks", "id")


def test_a_delta_may_be_cut_off_at_every_state(account: Account) -> None:
    first = account.read("tasks")
    account.crm.world.days += 1
    account.crm.pass_a_day()
    run = account.read("tasks", page_size=10, state=first.states[-1])
    assert_resumable(run, lambda state: account.read("tasks", state=state), "tasks", "id")


def test_a_finished_pass_is_not_read_again(account: Account) -> None:
    account.crm.faults.append(Fault("error", path="/tasks", after=11, times=0, status=400))
    run = account.read("tasks", page_size=20)
    assert run.exit_code == 1
    assert run.bookmarks["tasks"]["resume"]["last_key"][0] == "unscheduled"
    account.crm.faults.clear()
    rest = account.read("tasks", state=run.states[-1])
    assert rest.report("tasks")["resumed"]
    assert len(rest.records("tasks")) == 40
    assert set(ids(run, "tasks")) | set(ids(rest, "tasks")) == account.ids("tasks")
