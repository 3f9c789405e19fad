"""Credentials, limits, faults, odd answers, odd records."""

from __future__ import annotations

import typing as t

import pytest
from crm_simulator.faults import Fault
from crm_simulator.limiting import Rule
from tap_arrivy_dw.client import rows_of
from tap_arrivy_dw.tap import TapArrivy
from tap_arrivy_dw.values import judge, status_codes
from tap_kit.errors import Stop
from tap_kit.testing import keys
from tap_kit.values import Odd, Unstorable

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any


def ids(run: Run, stream: str) -> list[str]:
    return [key for (key,) in keys(run.records(stream), "id")]


# Credentials


@pytest.mark.parametrize("wrong", ["auth_key", "auth_token"])
def test_wrong_keys_end_the_run_and_are_not_shown(account: Account, wrong: str) -> None:
    run = account.read(**{wrong: "a-wrong-secret"})
    assert run.exit_code == 1
    assert {run.report(name)["error_category"] for name in ("groups", "tasks")} == {"authentication"}
    assert sum(account.crm.requests.values()) == 1
    assert "a-wrong-secret" not in run.text


def test_keys_that_are_taken_away_end_the_run(account: Account) -> None:
    account.crm.faults.append(Fault("expired_token", path="/tasks", after=2))
    run = account.read("tasks", page_size=20)
    assert run.report("tasks")["error_category"] == "authentication"
    assert run.exit_code == 1


@pytest.mark.parametrize("status", [403, 404])
def test_keys_that_may_not_see_the_profile_are_good(account: Account, status: int) -> None:
    account.crm.faults.append(Fault("error", path="profile", times=0, status=status))
    assert account.read("groups").exit_code == 0


def test_a_forbidden_stream_does_not_stop_the_others(account: Account) -> None:
    account.crm.faults.append(Fault("forbidden", path="entities"))
    run = account.read()
    assert run.exit_code == 1
    assert run.report("entities")["error_category"] == "permission"
    others = [name for name in run.bookmarks if name != "entities"]
    assert {run.report(name)["status"] for name in others} == {"success"}
    assert len(others) >= 7


def test_an_endpoint_that_is_unknown_says_what_to_do(account: Account) -> None:
    account.crm.faults.append(Fault("error", path="/crews", times=0, status=404))
    run = account.read()
    for name in ("crews", "crew_members"):
        assert "name the right one in the setting paths" in run.report(name)["error"]
    assert run.report("bookings")["status"] == "success"


def test_a_path_may_be_another_one(account: Account) -> None:
    run = account.read("resources", paths={"resources": "/entities"})
    assert set(ids(run, "resources")) == account.ids("entities")


def test_a_path_of_no_stream_is_an_error(account: Account) -> None:
    with pytest.raises(Stop, match="The setting paths names jobs; the streams are: groups, "):
        account.read(paths={"jobs": "/jobs"})


def test_details_that_are_off_are_explained() -> None:
    tap = TapArrivy(config={"auth_key": "k", "auth_token": "t"}, setup_mapper=False)
    assert "needs the setting task_details" in tap.explain_missing("task_ratings")
    assert "does not exist" in tap.explain_missing("jobs")
    assert "task_ratings" not in tap.streams


# Limits and passing trouble


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("storm", path="/tasks", times=4),
        Fault("storm", path="/tasks", times=2, retry_after="1"),
        Fault("error", path="/tasks", times=4, status=503),
        Fault("error", path="/tasks", page=2, times=2),
        Fault("cut", path="/tasks", page=2),
        Fault("not_json", path="/tasks", after=1),
        Fault("wrong_type", path="/tasks", after=2),
    ],
    ids=lambda fault: fault.kind,
)
@pytest.mark.parametrize("concurrency", [1, 3])
def test_passing_trouble_loses_nothing(account: Account, fault: Fault, concurrency: int) -> None:
    account.crm.faults.append(Fault(**{**vars(fault), "seen": 0}))
    run = account.read("tasks", page_size=30, concurrency=concurrency, rate_limit_wait_seconds=0)
    assert run.exit_code == 0
    assert set(ids(run, "tasks")) == account.ids("tasks")
    assert len(run.records("tasks")) == 200
    assert run.report("tasks")["retries"] >= fault.times


def test_a_refusal_without_a_time_waits_as_the_setting_says(account: Account) -> None:
    account.crm.faults.append(Fault("storm", path="/groups"))
    run = account.read("groups", rate_limit_wait_seconds=1)
    assert run.exit_code == 0
    assert 0.9 < run.report("groups")["rate_limited_seconds"] < 5


def test_a_refusal_that_lasts_longer_than_the_budget_ends_the_run(account: Account) -> None:
    account.crm.faults.append(Fault("storm", path="/tasks", after=2, times=0))
    run = account.read("tasks", page_size=50, retry_seconds=5)
    assert run.report("tasks")["error_category"] == "rate_limit"
    assert "wait of 60 s is longer" in run.report("tasks")["error"]


def test_the_rate_is_kept(account: Account) -> None:
    account.crm.limiter.rules = {"default": [Rule(40, 60)]}
    run = account.read("tasks", requests_per_minute=40, page_size=20, concurrency=4)
    assert run.exit_code == 0
    assert account.crm.limiter.violations == 0


# Paging


@pytest.mark.parametrize("size", [0, 1, 10, 11, 20])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_lists_of_any_length_end(open_account: Callable[..., Account], size: int, concurrency: int) -> None:
    account = open_account(size=0)
    account.crm.collections["customers"].size = size
    run = account.read("customers", page_size=10, concurrency=concurrency)
    assert run.exit_code == 0
    assert len(run.records("customers")) == size


def test_a_cap_below_the_page_size_loses_nothing(open_account: Callable[..., Account]) -> None:
    account = open_account(page_cap=17)
    run = account.read("tasks", "crew_members", concurrency=2)
    assert set(ids(run, "tasks")) == account.ids("tasks")


@pytest.mark.parametrize("concurrency", [1, 3])
def test_pages_without_members_do_not_end_the_crews(open_account: Callable[..., Account], concurrency: int) -> None:
    # Every fourth crew has no member.
    run = open_account().read("crew_members", page_size=1, concurrency=concurrency)
    assert {row["division_name"] for row in run.records("crew_members")} == {"Crew 1", "Crew 2", "Crew 3", "Crew 5"}


@pytest.mark.parametrize("name", ["customers", "crews", "crew_members"])
def test_an_endpoint_that_ignores_the_page_ends(open_account: Callable[..., Account], name: str) -> None:
    account = open_account(ignores_page=("customers", "crews"))
    for crew in range(6):
        account.crm.collections["crews"].change(crew, account.crm.world.now, entities_data=[])
    run = account.read(name)
    assert run.exit_code == 0
    assert sum(account.crm.requests.values()) == 3


@pytest.mark.parametrize("concurrency", [1, 3])
def test_an_endpoint_that_hides_all_but_its_first_page_fails(
    open_account: Callable[..., Account], concurrency: int
) -> None:
    run = open_account(ignores_page=("customers",)).read("customers", page_size=25, concurrency=concurrency)
    assert run.exit_code == 1
    assert "does not get past its first page of 25 records" in run.report("customers")["error"]
    assert len(run.records("customers")) == 25


def test_the_last_page_may_come_again(open_account: Callable[..., Account]) -> None:
    account = open_account(clamps=True)
    run = account.read("customers", "task_statuses", page_size=25, concurrency=3, task_details=True)
    assert run.exit_code == 0
    assert set(ids(run, "customers")) == account.ids("customers")


@pytest.mark.parametrize("shape", ["results", "other"])
def test_other_bodies_are_read(open_account: Callable[..., Account], shape: str) -> None:
    account = open_account(shape=shape)
    run = account.read("tasks", "bookings", page_size=50)
    assert set(ids(run, "tasks")) == account.ids("tasks")
    assert set(ids(run, "bookings")) == account.ids("bookings")
    assert account.crm.requests["GET /bookings"] == (2 if shape == "results" else 3)


@pytest.mark.parametrize(
    ("document", "rows"),
    [([1], [1]), (None, []), ({"x": 1, "list": [2]}, [2]), ({"a": [1], "results": [2]}, [2]), ({"error": "no"}, None)],
)
def test_rows_of_a_body(document: t.Any, rows: t.Any) -> None:
    assert rows_of(document) == rows


def test_an_answer_without_a_list_is_an_error(account: Account) -> None:
    account.crm.row = lambda name, index: {"id": index, "name": name}
    account.crm.shape = "array"
    account.crm.page = lambda *_: __import__("starlette.responses").responses.JSONResponse({"message": "busy"})
    run = account.read("groups")
    assert "holds no list" in run.report("groups")["error"]


# Records


def test_bad_records_are_rejects(account: Account) -> None:
    tasks, moment = account.crm.collections["tasks"], account.crm.world.now
    tasks.change(2, moment, id=None)
    tasks.change(3, moment, duration=-5, outbound_sms_count=-1)
    tasks.change(4, moment, customer_exact_location={"lat": 91, "lng": "-181"}, customer_email="nobody")
    tasks.change(5, moment, start_datetime="soon", end_datetime="")
    run = account.read("tasks")
    assert run.exit_code == 0
    found = {(reject["field"], reject["reason"]) for reject in run.records("sync_rejects")}
    assert found == {
        ("id", "the key is empty"),
        ("duration", "negative"),
        ("outbound_sms_count", "negative"),
        ("latitude", "no latitude between -90 and 90"),
        ("longitude", "no longitude between -180 and 180"),
        ("start_datetime", "not a date of the calendar"),
    }
    assert run.report("tasks")["rejects"] == {"record": 1, "value": 5}
    assert len(run.records("tasks")) == 199
    assert "nobody" in {row["customer_email"] for row in run.records("tasks")}
    strict = account.read("tasks", validation="strict")
    assert strict.report("tasks")["rejects"]["record"] == 4


@pytest.mark.parametrize(
    ("name", "value", "finding"),
    [
        ("latitude", 90, None),
        ("longitude", -180, None),
        ("duration", 0, None),
        ("email", "a@b", None),
        ("email", "", None),
        ("email", "ab", Odd),
        ("duration", None, None),
        ("longitude", 180.5, Unstorable),
    ],
)
def test_values_are_judged(name: str, value: t.Any, finding: type | None) -> None:
    judged = judge(name, value)
    assert judged == value if finding is None else isinstance(judged, finding)


def test_words_of_statuses() -> None:
    assert status_codes([" Completed", "exception", ""], {"completed": ("COMPLETE",)}) == {"COMPLETE", "EXCEPTION"}
