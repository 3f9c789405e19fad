"""Credentials, limits, faults, answers that only look like some, odd records."""

from __future__ import annotations

import typing as t

import pytest
from crm_simulator.faults import Fault
from crm_simulator.limiting import Rule
from starlette.responses import JSONResponse, Response
from tap_kit.errors import Stop
from tap_kit.testing import keys
from tap_kit.values import Odd
from tap_salesrabbit_dw.client import Pages
from tap_salesrabbit_dw.names import STREAMS
from tap_salesrabbit_dw.tap import TapSalesRabbit
from tap_salesrabbit_dw.values import flat, judge, remarks_on_user

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Play: t.TypeAlias = Callable[..., None]


def ids(run: Run, stream: str) -> list[t.Any]:
    return [key for (key,) in keys(run.records(stream), "id")]


@pytest.fixture
def answer(account: Account, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return a function that has a path answer with a document, or with a response, instead of the simulator."""
    admit = account.crm.authenticate

    def set_answer(path: str, document: t.Any, *, page: int | None = None, probe: bool = False) -> None:
        def replaced(request: t.Any) -> Response | None:
            asked = request.query_params
            here = request.url.path.endswith(path) and (page is None or asked.get("page") == str(page))
            if not here or ("page" not in asked and path == "/leads" and not probe):
                refused: Response | None = admit(request)
                return refused
            return document if isinstance(document, Response) else JSONResponse(document)

        monkeypatch.setattr(account.crm, "authenticate", replaced)

    return set_answer


# Credentials


def test_a_wrong_token_ends_the_run_before_the_first_record_and_is_not_shown(account: Account) -> None:
    run = account.read(api_token="a-wrong-secret")
    assert run.exit_code == 1
    assert {run.report(name)["error_category"] for name in STREAMS} == {"authentication"}
    assert sum(account.crm.requests.values()) == 1
    assert not [message for message in run.messages if message["type"] == "RECORD"]
    assert "a-wrong-secret" not in run.text


def test_the_token_is_in_no_output(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    account.crm.faults.append(Fault("error", path="/users", times=0, status=400))
    run = account.read(api_token=account.settings["api_token"])
    assert account.settings["api_token"] not in run.text + caplog.text


def test_a_token_that_is_taken_away_ends_the_run(account: Account) -> None:
    account.crm.faults.append(Fault("expired_token", path="/leads", page=3))
    run = account.read(page_size=20)
    assert run.exit_code == 1
    assert len(run.records("leads")) == 40
    assert run.report("users")["status"] == "success"
    for name in ("leads", "lead_status_histories", "lead_status_activities"):
        assert run.report(name)["error_category"] == "authentication"
    assert not run.bookmarks.get("leads")


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_may_not_see_leads_is_good_for_the_others(account: Account, status: int) -> None:
    account.crm.faults.append(Fault("error", path="/leads", times=0, status=status))
    run = account.read()
    assert run.exit_code == 1
    assert [name for name in STREAMS if run.report(name)["status"] == "failed"] == ["leads"]


def test_a_forbidden_stream_does_not_stop_the_others(account: Account) -> None:
    account.crm.faults.append(Fault("forbidden", path="leadStatusHistories"))
    run = account.read()
    assert run.exit_code == 1
    assert run.report("lead_status_histories")["error_category"] == "permission"
    assert "needs an API token that may read it" in run.report("lead_status_histories")["error"]
    assert [name for name in STREAMS if run.report(name)["status"] == "failed"] == ["lead_status_histories"]


# Paths


def test_the_statuses_may_be_at_the_other_path(open_account: Callable[..., Account]) -> None:
    account = open_account(statuses_path="/lead-statuses")
    run = account.read("lead_statuses", deletions="sweep")
    assert len(run.records("lead_statuses")) == len(run.records("lead_statuses_keys")) == 4
    assert account.crm.requests["GET /leadStatuses"] == 2


def test_statuses_that_are_nowhere_say_what_to_do(open_account: Callable[..., Account]) -> None:
    account = open_account(statuses_path="/vocabulary")
    run = account.read()
    assert [name for name in STREAMS if run.report(name)["status"] == "failed"] == ["lead_statuses"]
    assert "name the right one in the setting paths, or deselect" in run.report("lead_statuses")["error"]
    found = account.read("lead_statuses", paths={"lead_statuses": "/vocabulary"})
    assert len(found.records("lead_statuses")) == 4


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        ({"jobs": "/jobs"}, "The setting paths names jobs; the streams are: users, "),
        ({"leads": "leads"}, "the path of leads must begin with a slash"),
    ],
)
def test_paths_that_make_no_sense_are_an_error(account: Account, paths: dict[str, str], sentence: str) -> None:
    with pytest.raises(Stop, match=sentence):
        account.read(paths=paths)


# Limits and passing trouble


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("storm", path="/leads", times=4),
        Fault("storm", path="/leads", page=2, times=2, retry_after="1"),
        Fault("error", path="/leads", times=4, status=503),
        Fault("error", path="/leads", page=2, times=2),
        Fault("cut", path="/leads", page=2),
        Fault("not_json", path="/leads", page=1),
        Fault("wrong_type", path="/leads", page=3),
    ],
    ids=lambda fault: fault.kind,
)
@pytest.mark.parametrize("concurrency", [1, 3])
def test_passing_trouble_loses_nothing(account: Account, fault: Fault, concurrency: int) -> None:
    account.crm.faults.append(Fault(**{**vars(fault), "seen": 0}))
    run = account.read("leads", page_size=30, concurrency=concurrency, rate_limit_wait_seconds=0)
    assert run.exit_code == 0
    assert set(ids(run, "leads")) == account.ids("leads")
    assert len(run.records("leads")) == 200
    assert run.report("leads")["retries"] >= fault.times


def test_a_refusal_without_a_time_waits_as_the_setting_says(account: Account) -> None:
    account.crm.faults.append(Fault("storm", path="/users"))
    run = account.read("users", rate_limit_wait_seconds=1)
    assert run.exit_code == 0
    assert 0.9 < run.report("users")["rate_limited_seconds"] < 5


def test_a_refusal_that_lasts_longer_than_the_budget_ends_the_run(account: Account) -> None:
    account.crm.faults.append(Fault("storm", path="/leads", page=2, times=0))
    run = account.read("leads", page_size=50, retry_seconds=5)
    assert run.report("leads")["error_category"] == "rate_limit"
    assert "wait of 60 s is longer" in run.report("leads")["error"]
    assert not run.bookmarks.get("leads")


def test_the_rate_is_kept(account: Account) -> None:
    account.crm.limiter.rules = {"default": [Rule(3, 1)]}
    run = account.read("leads", requests_per_minute=180, page_size=40, concurrency=4)
    assert run.exit_code == 0
    assert account.crm.limiter.violations == 0
    assert run.report("leads")["rate_limited_seconds"] >= 1


@pytest.mark.usefixtures("quick_retries")
def test_errors_that_last_fail_the_stream_and_no_bookmark_moves(account: Account) -> None:
    first = account.read()
    account.day()
    account.crm.faults.append(Fault("error", path="/leads", times=0, after=1))
    run = account.read("leads", "lead_statuses", state=first.states[-1], retry_seconds=0)
    assert run.exit_code == 1
    assert run.report("leads")["status"] == "failed"
    assert run.bookmarks["leads"] == first.bookmarks["leads"]


# An answer that is an error is an error, whatever its status


ERRORS: list[t.Any] = [
    {"error": "Internal error"},
    {"data": {"message": "Internal error"}},
    None,
    {"errors": [{"message": "Internal error"}], "data": []},
    {"success": False, "data": []},
    {"message": "Internal error"},
    {"data": None, "meta": {"morePages": False}},
    {"data": "Internal error"},
    {},
    "Internal error",
]
OTHERS = ("lead_status_histories", "lead_statuses")


@pytest.mark.parametrize(
    ("stream", "document"),
    [("leads", document) for document in ERRORS] + [(name, document) for name in OTHERS for document in ERRORS[:3]],
    ids=str,
)
def test_an_error_told_with_200_fails_the_stream(account: Account, answer: Play, stream: str, document: t.Any) -> None:
    first = account.read(stream)
    account.day()
    path = {"leads": "/leads", "lead_statuses": "/leadStatuses", "lead_status_histories": "/leadStatusHistories"}[
        stream
    ]
    answer(path, document)
    run = account.read(stream, state=first.states[-1], deletions="sweep")
    assert run.exit_code == 1
    assert run.report(stream)["status"] == "failed"
    assert "answered 200 without the records" in run.report(stream)["error"]
    assert run.bookmarks[stream] == first.bookmarks[stream]
    assert not [message for message in run.messages if message.get("stream") == f"{stream}_keys"]


def test_what_an_error_says_is_in_the_history(account: Account, answer: Play) -> None:
    answer("/leads", {"error": "The account is suspended"}, page=1)
    assert "The account is suspended" in account.read("leads").report("leads")["error"]


def test_an_error_on_a_later_page_fails_the_stream(account: Account, answer: Play) -> None:
    answer("/leads", {"error": "Internal error"}, page=3)
    run = account.read("leads", page_size=20)
    assert run.report("leads")["status"] == "failed"
    assert len(run.records("leads")) == 40
    assert not run.bookmarks.get("leads")


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("body", [b"", b"<html></html>"])
def test_200_without_json_is_tried_again_and_then_an_error(account: Account, answer: Play, body: bytes) -> None:
    answer("/leads", Response(body), page=1)
    run = account.read("leads", retry_seconds=0)
    assert run.report("leads")["status"] == "failed"
    assert "tried once" in run.report("leads")["error"]


def test_304_to_a_full_read_is_an_error(account: Account, answer: Play) -> None:
    answer("/leads", Response(status_code=304), page=1)
    run = account.read("leads")
    assert run.exit_code == 1
    assert "to a request that names no moment" in run.report("leads")["error"]


def test_an_empty_list_of_histories_may_be_an_array_but_no_array_may_hold_any(account: Account, answer: Play) -> None:
    answer("/leadStatusHistories", {"data": [], "meta": {"morePages": False}})
    assert account.read("lead_status_histories").report("lead_status_histories")["status"] == "success"
    answer("/leadStatusHistories", {"data": [{"id": 1}], "meta": {"morePages": False}})
    assert account.read("lead_status_histories").report("lead_status_histories")["status"] == "failed"


# Paging


@pytest.mark.parametrize("size", [0, 10, 11])
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("options", [{}, {"bare": True}, {"tells_more": False}], ids=str)
def test_lists_of_any_length_end(
    open_account: Callable[..., Account], size: int, concurrency: int, options: dict[str, t.Any]
) -> None:
    account = open_account(size=size, **options)
    run = account.read("leads", "lead_status_histories", "lead_statuses", page_size=10, concurrency=concurrency)
    assert run.exit_code == 0
    assert len(run.records("leads")) == size
    assert len(run.records("lead_status_histories")) == 2 * size


def test_more_pages_decides_not_the_length_of_a_page(open_account: Callable[..., Account]) -> None:
    # A server that gives fewer than it was asked for, and says that there are more.
    account = open_account(page_cap=17)
    run = account.read("leads", "lead_status_activities", page_size=50, concurrency=2)
    assert set(ids(run, "leads")) == account.ids("leads")
    assert len(run.records("lead_status_activities")) == 400


@pytest.mark.parametrize("options", [{"bare": True}, {"tells_more": False}], ids=str)
def test_a_short_page_is_no_end_where_nothing_says_so(
    open_account: Callable[..., Account], options: dict[str, t.Any]
) -> None:
    account = open_account(page_cap=17, **options)
    run = account.read("leads", page_size=50)
    assert set(ids(run, "leads")) == account.ids("leads")


def test_one_request_is_enough_where_the_answer_says_so(account: Account) -> None:
    account.read("leads")
    # The other one is the probe.
    assert account.crm.requests["GET /leads"] == 2


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("options", [{}, {"tells_more": False}, {"bare": True}], ids=str)
@pytest.mark.parametrize("page_size", [3, 500])
def test_users_that_come_whole_on_every_page_end(
    open_account: Callable[..., Account], concurrency: int, options: dict[str, t.Any], page_size: int
) -> None:
    account = open_account(users_paging="repeats", **options)
    run = account.read("users", page_size=page_size, concurrency=concurrency)
    assert run.exit_code == 0
    assert len(run.records("users")) == len(account.ids("users")) == 10


def test_users_that_fill_just_one_page_that_repeats_may_be_more(open_account: Callable[..., Account]) -> None:
    run = open_account(users_paging="repeats", tells_more=False).read("users", page_size=10)
    assert run.exit_code == 1
    assert "does not get past page 1" in run.report("users")["error"]
    assert "another page_size may help" in run.report("users")["error"]


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("again", [1, 2])
def test_a_page_that_comes_again_although_there_are_more_is_an_error(
    account: Account, answer: Play, concurrency: int, again: int
) -> None:
    lead = account.crm.lead
    start = (again - 1) * 20
    page = {"data": [lead(index) for index in range(start, start + 20)], "meta": {"morePages": True}}
    answer("/leads", page, page=again + 1)
    run = account.read("leads", page_size=20, concurrency=concurrency)
    assert run.exit_code == 1
    assert f"does not get past page {again}" in run.report("leads")["error"]
    assert "says that there are more pages" in run.report("leads")["error"]
    assert len(run.records("leads")) == 20 * again


def test_pages_of_leads_without_events_do_not_end_the_histories(account: Account, answer: Play) -> None:
    silent: dict[str, list[t.Any]] = {str(account.lead(index)): [] for index in range(20)}
    answer("/leadStatusHistories", {"data": silent, "meta": {"morePages": True}}, page=2)
    run = account.read("lead_status_histories", page_size=20)
    assert run.exit_code == 0
    assert len(run.records("lead_status_histories")) == 360


def test_the_same_page_of_leads_without_events_is_not_read_for_ever(account: Account, answer: Play) -> None:
    silent = {str(account.lead(index)): None for index in range(20)}
    answer("/leadStatusHistories", {"data": silent, "meta": {"morePages": True}})
    run = account.read("lead_status_histories", page_size=20)
    assert "does not get past page" in run.report("lead_status_histories")["error"]
    assert account.crm.requests["GET /leadStatusHistories"] < 5


@pytest.mark.parametrize("concurrency", [1, 3])
def test_404_behind_a_last_page_that_is_not_told_is_the_end(
    open_account: Callable[..., Account], concurrency: int
) -> None:
    account = open_account(tells_more=False)
    account.crm.faults.append(Fault("error", path="/leads", page=11, times=0, status=404))
    run = account.read("leads", page_size=20, concurrency=concurrency)
    assert run.exit_code == 0
    assert set(ids(run, "leads")) == account.ids("leads")


def test_404_on_a_page_that_was_promised_is_an_error(account: Account) -> None:
    account.crm.faults.append(Fault("error", path="/leads", page=3, times=0, status=404))
    run = account.read("leads", page_size=20)
    assert run.report("leads")["status"] == "failed"


@pytest.mark.parametrize(
    ("paged", "document", "ends"),
    [
        (True, {"data": [1], "meta": {"morePages": False}}, True),
        (True, {"data": [1], "meta": {"morePages": True}}, False),
        (True, {"data": [], "meta": {"morePages": True}}, True),
        (True, {"data": [1]}, False),
        (True, {"data": [1], "meta": []}, False),
        (True, [1], False),
        (True, [], True),
        (False, [1], True),
        (False, {"data": [1], "meta": {"morePages": True}}, False),
        (True, {"data": {}}, True),
    ],
)
def test_the_end_of_a_list(paged: bool, document: t.Any, ends: bool) -> None:  # noqa: FBT001 - a case
    import requests  # noqa: PLC0415 - only here

    response = requests.Response()
    response._content = bytes(JSONResponse(document).body)
    assert Pages(paged=paged).ends(response) is ends


# Records


def test_bad_records_are_rejects(account: Account) -> None:
    leads, moment = account.crm.leads, account.crm.world.now
    leads.change(2, moment, id=None)
    leads.change(3, moment, id="12x")
    leads.change(4, moment, userId="nobody", latitude="north")
    leads.change(5, moment, dateOfBirth="1990-02-30", email="nobody", phonePrimary="5" * 21)
    run = account.read("leads")
    assert run.exit_code == 0
    found = {(reject["field"], reject["reason"]) for reject in run.records("sync_rejects")}
    assert found == {
        ("id", "the key is empty"),
        ("user_id", "not a number"),
        ("latitude", "not a number"),
        ("date_of_birth", "not a date of the calendar"),
    }
    assert run.report("leads")["rejects"] == {"record": 2, "value": 3}
    assert len(run.records("leads")) == 198
    # Odd, but kept as it was sent.
    (odd,) = [row for row in run.records("leads") if row["email"] == "nobody"]
    assert odd["phone_primary"] == "5" * 21
    strict = account.read("leads", validation="strict")
    assert strict.report("leads")["rejects"] == {"record": 4, "value": 0}


def test_what_is_no_record_is_a_reject(account: Account, answer: Play) -> None:
    answer("/leads", {"data": [account.crm.lead(1), "text", None], "meta": {"morePages": False}}, page=1)
    run = account.read("leads")
    assert len(run.records("leads")) == 1
    assert run.report("leads")["rejects"] == {"record": 2, "value": 0}
    answer("/leadStatusHistories", {"data": {"900001": ["text"], "x": [{"id": 1}]}, "meta": {"morePages": False}})
    histories = account.read("lead_status_histories")
    assert histories.report("lead_status_histories")["rejects"] == {"record": 2, "value": 0}


@pytest.mark.parametrize("validation", ["lenient", "strict", "off"])
def test_strange_users_are_kept_and_warned_about(
    account: Account, caplog: pytest.LogCaptureFixture, validation: str
) -> None:
    users = account.crm.users
    users.change(1, account.crm.world.now, hireDate="2026-01-01", supervisorId=502)
    run = account.read("users", validation=validation)
    assert len(run.records("users")) == 10
    assert not run.records("sync_rejects")
    warned = {"a day of hire in the future" in caplog.text, "own supervisor" in caplog.text}
    assert warned == {validation != "off"}


@pytest.mark.parametrize(
    ("name", "value", "odd"),
    [
        ("email", "sam@example.com", False),
        ("email", "sam", True),
        ("email", "a" * 250 + "@b.c", False),
        ("email", "a" * 251 + "@b.c", True),
        ("email", "", False),
        ("email", None, False),
        ("phone", "5" * 20, False),
        ("phone_alternate", "5" * 21, True),
        ("zip", "A1A 1A1", False),
        ("status", "whatever", False),
    ],
)
def test_values_are_judged_and_never_rewritten(name: str, value: str | None, odd: bool) -> None:  # noqa: FBT001 - a case
    judged = judge(name, value)
    assert isinstance(judged, Odd) is odd
    assert (judged.value if isinstance(judged, Odd) else judged) == value


@pytest.mark.parametrize(
    ("row", "city"),
    [
        ({"city": "A"}, "A"),
        ({"city": "A", "address": {"city": "B"}}, "A"),
        ({"city": "", "address": {"city": "B"}}, "B"),
        ({"city": None, "address": {"city": "B"}}, "B"),
        ({"address": {"city": "B"}}, "B"),
        ({"city": "", "address": {}}, ""),
        ({"address": "B"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_flat_field_wins(row: dict[str, t.Any], city: str | None) -> None:
    assert flat(row).get("city") == city


def test_remarks_on_users() -> None:
    assert not list(remarks_on_user({"id": 1, "hire_date": "2025-06-02", "supervisor_id": 2}, "2025-06-02"))
    assert not list(remarks_on_user({"id": 1}, "2025-06-02"))
    assert len(list(remarks_on_user({"id": 1, "hire_date": "2025-06-03", "supervisor_id": 1}, "2025-06-02"))) == 2


def test_the_settings_hold_the_token_back() -> None:
    about = TapSalesRabbit.config_jsonschema["properties"]["api_token"]
    assert about["secret"] is True
