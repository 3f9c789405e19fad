"""What a run reads, and what the next one reads."""

from __future__ import annotations

import json
import typing as t
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from crm_simulator.faults import Fault
from tap_kit.testing import assert_golden, assert_resumable, keys, normalise
from tap_salesrabbit_dw.names import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

KEYS = {
    "users": ("id",),
    "lead_statuses": ("id",),
    "leads": ("id",),
    "lead_status_histories": ("lead_id", "id", "status_updated"),
    "lead_status_activities": ("disposition_id",),
}


def ids(run: Run, stream: str) -> list[t.Any]:
    found = keys(run.records(stream), *KEYS[stream.removesuffix("_keys")])
    return [key[0] if len(key) == 1 else key for key in found]


def sent(account: Account, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """Return a list that fills with path, parameters and headers of each request to come."""
    seen: list[tuple[str, dict[str, str], dict[str, str]]] = []
    admit = account.crm.authenticate

    def noted(request: t.Any) -> t.Any:
        path = request.url.path.rpartition("/")[2]
        seen.append((path, dict(request.query_params), dict(request.headers)))
        return admit(request)

    monkeypatch.setattr(account.crm, "authenticate", noted)
    return seen


@pytest.mark.parametrize(("page_size", "concurrency"), [(None, 1), (7, 1), (7, 4), (100, 3)])
def test_a_full_read_is_every_record_once(account: Account, page_size: int | None, concurrency: int) -> None:
    settings = {"page_size": page_size} if page_size else {}
    run = account.read(concurrency=concurrency, **settings)
    assert run.exit_code == 0
    for name in STREAMS:
        assert len(ids(run, name)) == len(set(ids(run, name))), name
        assert set(ids(run, name)) == account.ids(name), name
        assert run.report(name)["status"] == "success"


def test_golden_output(open_account: Callable[..., Account]) -> None:
    account = open_account(size=6)
    account.crm.users.add(2, account.crm.world.now - timedelta(days=2))
    account.crm.delete(3, account.crm.world.now - timedelta(minutes=30))
    text = normalise(account.read().text, {account.settings["base_url"]: "<url>"})
    assert_golden(Path(__file__).with_name("golden.jsonl"), text)


def test_the_output_does_not_depend_on_the_concurrency(account: Account) -> None:
    lines = []
    for concurrency in (1, 5):
        run = account.read(concurrency=concurrency, page_size=9)
        text = normalise(run.text, {f'"concurrency":{concurrency}': ""})
        lines.append([line for line in text.splitlines() if '"STATE"' not in line])
    assert lines[0] == lines[1]


def test_an_empty_account_is_no_error(open_account: Callable[..., Account]) -> None:
    run = open_account(size=0).read(concurrency=2, deletions="sweep")
    assert run.exit_code == 0
    assert not [message for message in run.messages if message["type"] == "RECORD"]


def test_the_size_of_a_page_is_per_page_and_the_first_page_is_1(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = sent(account, monkeypatch)
    account.read()
    sizes = {path: int(asked["perPage"]) for path, asked, _ in seen if "page" in asked}
    assert sizes == {"leads": 1000, "users": 1000, "leadStatusHistories": 2000, "leadStatusActivities": 100}
    assert {asked["page"] for _, asked, _ in seen if "page" in asked} == {"1", "2", "3", "4"}
    assert not [asked for _, asked, _ in seen if "limit" in asked]
    assert {asked.get("sortBy") for path, asked, _ in seen if path == "leads"} == {None, "dateCreated"}
    assert {tuple(asked) for path, asked, _ in seen if path == "leadStatuses"} == {()}
    seen.clear()
    account.read("leads", "lead_status_activities", page_size=2000, sorted_leads=False)
    pages = [(path, asked) for path, asked, _ in seen if "page" in asked]
    assert pages == [
        ("leads", {"page": "1", "perPage": "2000"}),
        ("leadStatusActivities", {"page": "1", "perPage": "500"}),
    ]


# The header that names a moment


def test_a_full_read_names_no_moment_and_a_delta_does(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = sent(account, monkeypatch)
    first = account.read()
    names = ("if-modified-since", "if-status-modified-since")
    assert not [headers for _, _, headers in seen if set(names) & set(headers)]
    seen.clear()
    account.day()
    account.read(state=first.states[-1])
    told = {
        (path, name): headers[name]
        for path, asked, headers in seen
        if "page" in asked
        for name in names
        if name in headers
    }
    # ISO 8601 with an offset, not an HTTP date; a day, or a week, before the bookmark.
    assert told == {
        ("leads", "if-modified-since"): "2025-06-01T08:00:00+00:00",
        ("leadStatusHistories", "if-status-modified-since"): "2025-05-26T08:00:00+00:00",
        ("leadStatusActivities", "if-status-modified-since"): "2025-05-26T07:59:55+00:00",
    }


def test_304_is_no_change_and_no_error(account: Account) -> None:
    first = account.read()
    account.crm.world.days += 3
    run = account.read(state=first.states[-1], since="2025-06-04T00:00:00+00:00", users_modified_since=True)
    assert run.exit_code == 0
    for name in ("users", "leads", "lead_status_histories", "lead_status_activities"):
        assert ids(run, name) == []
        assert run.report(name)["status"] == "success"
        # One more for the first stream: the probe.
        assert run.report(name)["requests"] == 1 + (name == "users")
    assert account.crm.statuses[304] == 4
    assert run.bookmarks == first.bookmarks


def test_304_after_a_bookmark_keeps_the_bookmark(account: Account) -> None:
    first = account.read("leads")
    state = {"bookmarks": {"leads": {**first.bookmarks["leads"], "replication_key_value": "2025-06-05T00:00:00+00:00"}}}
    account.crm.world.days += 4
    run = account.read("leads", state=state)
    assert account.crm.statuses[304] == 1
    assert run.report("leads")["status"] == "success"
    assert run.bookmarks["leads"]["replication_key_value"] == "2025-06-05T00:00:00.000000+00:00"


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_delta_brings_what_a_day_changed(open_account: Callable[..., Account], concurrency: int) -> None:
    account = open_account(size=400)
    first = account.read()
    account.day()
    second = account.read(state=first.states[-1], page_size=11, concurrency=concurrency)
    for name, changed in {"leads": "date_modified", "users": "date_modified"}.items():
        rows = {row["id"]: row for run in (first, second) for row in run.records(name)}
        assert {key: row[changed] for key, row in rows.items()} == {
            row["id"]: row["dateModified"] for row in account.crm.truth(name)
        }
        assert len(second.records(name)) < len(first.records(name)) / 2
    for name in ("lead_status_histories", "lead_status_activities"):
        assert set(ids(first, name)) | set(ids(second, name)) == account.ids(name)
        assert len(second.records(name)) < len(first.records(name)) / 2
    assert second.bookmarks["leads"]["replication_key_value"] > first.bookmarks["leads"]["replication_key_value"]


def test_a_server_that_ignores_the_header_gives_the_same_delta(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for ignores in (False, True):
        account = open_account(size=100)
        first = account.read("leads", "lead_status_histories")
        account.day()
        if ignores:
            monkeypatch.setattr("crm_simulator.salesrabbit._since", lambda *_: None)
        second = account.read("leads", "lead_status_histories", state=first.states[-1], page_size=30)
        found.append(
            [
                (row["id"], row.get("lead_id"))
                for name in ("leads", "lead_status_histories")
                for row in second.records(name)
            ]
        )
    assert found[0] == found[1]


def test_a_changed_lead_brings_its_whole_history_and_no_other_lead_does(account: Account) -> None:
    first = account.read("lead_status_histories")
    account.crm.world.days += 20
    account.crm.visit(7, account.crm.world.now - timedelta(hours=1), 2)
    second = account.read("lead_status_histories", state=first.states[-1], status_lookback_days=1)
    rows = [row for row in second.records("lead_status_histories") if row["lead_id"] == account.lead(7)]
    # What was the present status is no longer active, though it is far older than what the delta looks back.
    assert [row["active"] for row in rows] == [True, False, False]
    assert rows[1]["status_updated"] < "2025-05-15"
    recent = {
        row["lead_id"] for row in second.records("lead_status_histories") if row["status_updated"] >= "2025-06-01T08"
    }
    assert {row["lead_id"] for row in second.records("lead_status_histories")} == recent
    assert len(recent) < 20


def test_the_key_of_a_history_is_lead_status_and_time(account: Account) -> None:
    # The id is that of the status: nobody is at home twice.
    for hours in (3, 2, 1):
        account.crm.visit(7, account.crm.world.now - timedelta(hours=hours), 0)
    run = account.read("lead_status_histories")
    visits = [row for row in run.records("lead_status_histories") if row["lead_id"] == account.lead(7)][:3]
    assert {row["id"] for row in visits} == {11}
    assert len({row["status_updated"] for row in visits}) == 3
    assert len(run.records("lead_status_histories")) == 403
    assert run.schema("lead_status_histories")["key_properties"] == ["lead_id", "id", "status_updated"]


def test_a_device_that_was_offline_is_heard(account: Account) -> None:
    first = account.read("lead_status_activities")
    account.day()
    late = {
        row["dispositionID"]
        for row in account.crm.truth("lead_status_activities")
        if row["currentOnDeviceStatusModified"] < row["dispositionTimestamp"][:10]
    }
    late -= set(ids(first, "lead_status_activities"))
    assert late
    second = account.read("lead_status_activities", state=first.states[-1])
    assert late <= set(ids(second, "lead_status_activities"))


def test_times_of_devices_are_utc(account: Account) -> None:
    (row,) = [
        row
        for row in account.read("lead_status_activities").records("lead_status_activities")
        if row["disposition_id"] == 1001
    ]
    (truth,) = [row for row in account.crm.truth("lead_status_activities") if row["dispositionID"] == 1001]
    assert row["current_on_device_status_modified"] == truth["currentOnDeviceStatusModified"] + "+00:00"


def test_a_device_whose_clock_is_ahead_does_not_move_the_bookmark_into_the_future(account: Account) -> None:
    now = account.crm.world.now
    account.crm.visit(3, now - timedelta(minutes=1), 0, now + timedelta(days=400))
    run = account.read("lead_status_activities")
    assert run.bookmarks["lead_status_activities"]["replication_key_value"].startswith("2025-06-02T12:00:0")


def test_a_record_without_a_time_is_always_read(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    first = account.read("leads")
    lead = account.crm.lead
    nothing = dict.fromkeys(("dateModified", "statusModified", "ownerModified"))
    monkeypatch.setattr("crm_simulator.salesrabbit._since", lambda *_: None)
    monkeypatch.setattr(account.crm, "lead", lambda index: lead(index) | (nothing if index == 2 else {}))
    assert account.lead(2) in ids(account.read("leads", state=first.states[-1]), "leads")


# Settings that say what is read


def test_the_header_of_the_status_lists_may_be_the_other_one(open_account: Callable[..., Account]) -> None:
    account = open_account(since_headers=("If-Modified-Since",))
    first = account.read("lead_status_histories", "lead_status_activities")
    counts = {}
    for header in ("If-Status-Modified-Since", "If-Modified-Since"):
        run = account.read("lead_status_activities", state=first.states[-1], status_since_header=header)
        counts[header] = len(run.records("lead_status_activities"))
    assert counts["If-Status-Modified-Since"] == 400
    assert counts["If-Modified-Since"] < 200


def test_users_may_be_filtered_by_salesrabbit(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    first = account.read("users")
    account.day()
    seen = sent(account, monkeypatch)
    plain, asked = (
        account.read("users", state=first.states[-1], users_modified_since=switch) for switch in (False, True)
    )
    assert ids(plain, "users") == ids(asked, "users") != []
    headers = [headers for path, asked, headers in seen if path == "users"]
    assert ["if-modified-since" in one for one in headers] == [False, True]


def test_users_of_a_role_and_the_bookmark_stays(account: Account) -> None:
    first = account.read("users")
    account.day()
    run = account.read("users", state=first.states[-1], user_role="Manager", since="2020-01-01", deletions="sweep")
    assert {row["role"] for row in run.records("users")} == {"Manager"}
    assert run.bookmarks == first.bookmarks
    alone = account.read("users", user_role="Rep", deletions="sweep")
    assert not alone.bookmarks.get("users")
    assert {row["role"] for row in alone.records("users")} == {"Rep"}
    assert not [message for message in alone.messages if message.get("stream") == "users_keys"]


def test_how_far_a_delta_looks_back(account: Account) -> None:
    first = account.read("leads", "lead_status_histories")
    days = {}
    for hours, status_days in ((3, 1), (48, 10)):
        run = account.read(
            "leads",
            "lead_status_histories",
            state=first.states[-1],
            lookback_hours=hours,
            status_lookback_days=status_days,
        )
        days[hours] = (
            min(row["date_modified"] for row in run.records("leads")),
            len(run.records("lead_status_histories")),
        )
    assert days[3][0] == "2025-06-02T05:00:00+00:00"
    assert days[48][0] == "2025-05-31T08:00:00+00:00"
    assert days[3][1] < days[48][1]


def test_a_first_run_from_a_start_date(account: Account) -> None:
    run = account.read(start_date="2025-05-30")
    for name in ("leads", "users"):
        wanted = {row["id"] for row in account.crm.truth(name) if row["dateModified"] >= "2025-05-30"}
        assert set(ids(run, name)) == wanted != set(), name
    times = [row["status_updated"] for row in run.records("lead_status_histories")]
    assert min(times) >= "2025-05-30"
    assert (
        min(row["current_on_device_status_modified"] for row in run.records("lead_status_activities")) >= "2025-05-30"
    )


def test_a_start_date_does_not_count_against_the_bookmark(account: Account) -> None:
    first = account.read("lead_status_activities", "lead_status_histories")
    account.crm.world.days += 3
    account.crm.visit(4, account.crm.world.now - timedelta(days=2), 1)
    run = account.read(
        "lead_status_activities", "lead_status_histories", state=first.states[-1], start_date="2025-06-05T11:00:00Z"
    )
    assert 1000 * 5 + 3 in ids(run, "lead_status_activities")
    assert account.lead(4) in {row["lead_id"] for row in run.records("lead_status_histories")}


def test_an_end_date_and_a_number_of_records_leave_the_bookmark(account: Account) -> None:
    run = account.read(end_date="2025-05-30")
    for name, changed in (("leads", "date_modified"), ("lead_status_activities", "current_on_device_status_modified")):
        assert max(row[changed] for row in run.records(name)) < "2025-05-30", name
        assert not run.bookmarks.get(name), name
    few = account.read("leads", max_records=5)
    assert len(few.records("leads")) == 5
    assert not few.bookmarks.get("leads")


def test_whole_records_may_be_left_out(account: Account) -> None:
    assert account.read("leads", "users").records("leads")[0]["data"] == json.loads(
        json.dumps(account.crm.truth("leads")[0]), parse_float=Decimal
    )
    run = account.read("leads", "users", raw_records=False)
    assert "data" not in run.records("leads")[0]
    assert "data" not in run.schema("users")["schema"]["properties"]


# Values


@pytest.mark.parametrize("nested", [False, True])
def test_addresses_are_read_flat_and_nested(open_account: Callable[..., Account], nested: bool) -> None:  # noqa: FBT001 - a case
    lead = open_account(nested=nested).read("leads").records("leads")[1]
    assert (lead["city"], lead["country"], str(lead["latitude"]), str(lead["longitude"])) == (
        "Springfield",
        "US",
        "39.801",
        "-89.6",
    )
    assert lead["street1"].endswith("Main St")


def test_statuses_and_states_keep_their_text(account: Account) -> None:
    run = account.read("leads", "lead_statuses")
    assert {row["status"] for row in run.records("leads")} == {"Not Home", "Appointment Set", "Go Back", "¿Sold?"}
    assert {row["state"] for row in run.records("leads")} == {"IL", "il", "Illinois"}
    assert {row["zip"] for row in run.records("leads")} == {"62701", "62701-1234", "A1A 1A1"}
    assert len(run.records("lead_statuses")) == 4
    assert not run.records("sync_rejects")


def test_empty_text_is_no_number_and_photo_url_is_read(account: Account) -> None:
    account.crm.users.change(1, account.crm.world.now, photo_url="https://example.com/1.png")
    run = account.read("leads", "users")
    assert {row["user_id"] for row in run.records("leads")} >= {None, 502}
    assert {row["cms_id"] for row in run.records("users")} == {None}
    assert run.records("users")[1]["photo_url"] == "https://example.com/1.png"
    assert run.report("leads")["rejects"] == {"record": 0, "value": 0}


# Deletions


def test_deleted_leads_are_marked_and_may_come_back(account: Account) -> None:
    first = account.read("leads")
    assert {row["_sdc_deleted_at"] for row in first.records("leads")} == {None}
    account.crm.world.days += 1
    account.crm.delete(5, account.crm.world.now - timedelta(hours=2))
    second = account.read("leads", state=first.states[-1])
    deleted = {row["id"]: row["_sdc_deleted_at"] for row in second.records("leads") if row["_sdc_deleted_at"]}
    assert deleted == {account.lead(5): "2025-06-03T10:00:00+00:00"}
    account.crm.world.days += 1
    account.crm.leads.change(5, account.crm.world.now, deletedAt=None)
    third = account.read("leads", state=second.states[-1])
    assert {row["id"]: row["_sdc_deleted_at"] for row in third.records("leads")}[account.lead(5)] is None


def test_a_lead_whose_deletion_moves_no_other_time_is_in_the_delta(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = account.read("leads")
    account.crm.world.days += 1
    lead = account.crm.lead
    monkeypatch.setattr("crm_simulator.salesrabbit._since", lambda *_: None)
    monkeypatch.setattr(
        account.crm, "lead", lambda index: lead(index) | ({"deletedAt": "2025-06-03T10:00:00Z"} if index == 5 else {})
    )
    assert account.lead(5) in ids(account.read("leads", state=first.states[-1]), "leads")


def test_a_sweep_sends_the_keys_of_all_that_is_there(open_account: Callable[..., Account]) -> None:
    account = open_account(deletes="gone")
    first = account.read()
    account.crm.delete(7, account.crm.world.now)
    account.crm.leads.change(8, account.crm.world.now, deletedAt="2025-06-02T10:00:00Z")
    run = account.read(state=first.states[-1], deletions="sweep", page_size=30)
    # Not only what the delta brought, and not the lead that is marked as deleted.
    assert set(ids(run, "leads_keys")) == account.ids("leads") - {account.lead(8)}
    assert account.lead(7) not in ids(run, "leads_keys")
    assert set(ids(run, "users_keys")) == account.ids("users")
    assert len(ids(run, "lead_statuses_keys")) == 4
    assert run.schema("leads_keys")["schema"]["x-sweep-of"] == "leads"
    # What happened has happened, also when the list holds it no more.
    streams = {message.get("stream") for message in run.messages}
    assert not streams & {"lead_status_histories_keys", "lead_status_activities_keys"}


# Interruptions


@pytest.mark.parametrize("stream", ["leads", "users", "lead_status_histories", "lead_status_activities"])
def test_a_run_may_be_cut_off_at_every_state(account: Account, stream: str) -> None:
    run = account.read(stream, page_size=40)
    assert len(run.states) >= 2
    assert_resumable(run, lambda state: account.read(stream, state=state), stream, *KEYS[stream])


@pytest.mark.parametrize("stream", ["leads", "lead_status_histories"])
def test_a_delta_may_be_cut_off_at_every_state(account: Account, stream: str) -> None:
    first = account.read(stream)
    account.day()
    run = account.read(stream, page_size=5, state=first.states[-1])
    assert len(run.states) > 4
    assert_resumable(run, lambda state: account.read(stream, state=state), stream, *KEYS[stream])


def test_a_read_that_broke_off_moves_no_bookmark(account: Account) -> None:
    account.crm.faults.append(Fault("error", path="/leads", page=3, times=0, status=400))
    run = account.read("leads", page_size=20)
    assert run.exit_code == 1
    assert len(run.records("leads")) == 40
    assert not run.bookmarks.get("leads")
    account.crm.faults.clear()
    rest = account.read("leads", state=run.states[-1])
    assert set(ids(rest, "leads")) == account.ids("leads")
