"""What is read, and what a later run reads: lists, searches, pages, windows, bookmarks."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

import pytest
from crm_simulator.hubspot import searching
from tap_hubspot_dw import objects
from tap_hubspot_dw.names import STREAMS
from tap_hubspot_dw.tap import TapHubSpot
from tap_kit.errors import Stop
from tap_kit.testing import assert_golden, assert_resumable, keys, normalise, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Run: t.TypeAlias = t.Any

OBJECTS = ("contacts", "appointments", "deals", "divisions", "genius_users", "companies", "tickets")


def ids(run: Run, stream: str = "contacts") -> list[str]:
    """Return the ids of the live records that a run wrote, in order."""
    return [row["id"] for row in run.records(stream) if row["_sdc_deleted_at"] is None]


def gone(run: Run, stream: str = "contacts") -> dict[str, str]:
    """Return the ids of the deleted records that a run wrote, and why."""
    return {row["id"]: row["removal_reason"] for row in run.records(stream) if row["_sdc_deleted_at"]}


# Full reads


@pytest.mark.parametrize("stream", OBJECTS)
def test_a_full_read_gives_every_record_once(open_account: Callable[..., Account], stream: str) -> None:
    account = open_account(250)
    run = account.read(stream, page_size=20)
    assert run.exit_code == 0
    assert sorted(ids(run, stream)) == sorted(account.live(stream))


@pytest.mark.parametrize("version", ["2026-03", "2026-09", "v3"])
def test_each_version_has_its_addresses(open_account: Callable[..., Account], version: str) -> None:
    account = open_account(30, versions=(version,))
    run = account.read(api_version=version)
    assert run.exit_code == 0
    assert len(ids(run)) == 30
    assert run.records("associations")
    # Version 4 of the associations writes ids as numbers.
    assert all(isinstance(row["to_id"], str) for row in run.records("associations"))


def test_no_list_of_properties_stands_in_an_address(open_account: Callable[..., Account]) -> None:
    # An address with them would be refused with 414.
    account = open_account(sizes={"contacts": 30}, width=900, url_limit=300)
    run = account.read("contacts")
    assert run.exit_code == 0
    assert account.crm.statuses[414] == 0
    assert account.asked("POST /crm/objects/2026-03/contacts/batch/read") == 1


def test_a_short_page_is_not_the_end(open_account: Callable[..., Account]) -> None:
    account = open_account(95)
    for index in range(40):
        account.crm.kinds["contacts"].records.archive(index, account.crm.world.now)
    run = account.read("contacts", page_size=10)
    assert sorted(ids(run)) == sorted(account.live("contacts"))


def test_an_empty_account_is_read(open_account: Callable[..., Account]) -> None:
    account = open_account(0)
    run = account.read(deletions="sweep")
    assert run.exit_code == 0
    assert [name for name in OBJECTS if run.records(name)] == []
    assert run.report("contacts")["status"] == "success"


def test_the_output_is_as_it_was(open_account: Callable[..., Account], request: pytest.FixtureRequest) -> None:
    account = open_account(4, owners=12, zip_codes=10)
    account.a_day_passes()
    run = account.read(
        *(name for name in STREAMS if name != "properties"),
        include_properties=["-"],
        exclude_properties=["contacts.lead_*", "hs_*"],
        deletions="sweep",
        files={"zipcodes": f"{account.url}/repos/example-owner/example-repo/contents/zips.csv"},
        file_http_headers={"Authorization": "token example-zip-token", "Accept": "application/vnd.github.v3.raw"},
    )
    assert run.exit_code == 0
    text = normalise(run.text, {account.url: "<url>"})
    # How often a STATE is written depends on the time it takes.
    lines = [line for line in text.splitlines() if '"type":"STATE"' not in line]
    assert_golden(request.path.parent / "golden.jsonl", "\n".join(lines) + "\n")


# Deltas


def test_a_delta_reads_what_changed(open_account: Callable[..., Account]) -> None:
    account = open_account(300)
    first = account.read("contacts", "deals")
    account.a_day_passes()
    second = account.read("contacts", "deals", state=first.states[-1])
    for stream in ("contacts", "deals"):
        happened = account.crm.last_day[stream]
        written = set(ids(second, stream))
        assert written >= {*happened["changed"], *happened["cleared"], *happened["new"]}
        assert len(written) < 30
        # A calculated property changes without a trace; archiving moves no time, and no search finds it.
        assert not written & set(happened["archived"])
        assert set(happened["archived"]) <= {key for key, why in gone(second, stream).items() if why == "archived"}
    assert not set(account.crm.last_day["contacts"]["calculated"]) & set(ids(second))


def test_contacts_are_searched_by_a_name_of_their_own(open_account: Callable[..., Account]) -> None:
    # By hs_lastmodifieddate their search finds nothing, and says 200.
    account = open_account(50)
    first = account.read("contacts", "companies")
    assert first.bookmarks["contacts"]["replication_key"] == "lastmodifieddate"
    assert first.bookmarks["companies"]["replication_key"] == "hs_lastmodifieddate"
    account.crm.world.days += 1
    one = account.change("contacts", 5, timedelta(hours=1))
    assert one in ids(account.read("contacts", state=first.states[-1]))


def test_the_bookmark_is_never_ahead_of_the_start_of_the_run(open_account: Callable[..., Account]) -> None:
    account = open_account(50)
    kind = account.crm.kinds["contacts"]
    kind.records.change(7, account.crm.world.now + timedelta(minutes=5))
    bookmark = account.read("contacts").bookmarks["contacts"]["replication_key_value"]
    assert bookmark <= account.crm.world.now.isoformat(timespec="microseconds").replace(":00.000000", ":00.999999")


@pytest.mark.parametrize("page_size", [200, 7])
def test_every_page_of_a_search_joins_the_one_before(open_account: Callable[..., Account], page_size: int) -> None:
    account = open_account(260, step=timedelta(seconds=10))
    run = account.read("contacts", since="2026-01-01T00:00:00Z", page_size=page_size)
    assert len(ids(run)) == 260
    assert set(ids(run)) == account.live("contacts")


def test_a_record_that_changes_between_two_pages_shifts_no_other(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(100, step=timedelta(seconds=10))
    kind = account.crm.kinds["contacts"]
    real = searching.Search.page
    pages: list[int] = []

    def page(search: searching.Search) -> dict[str, t.Any]:
        answer = real(search)
        if answer["results"]:
            pages.append(len(pages))
            # What was on the first pages leaves them: by offset, as many records would be skipped.
            kind.records.change(pages[-1], account.crm.world.now)
        return answer

    monkeypatch.setattr(searching.Search, "page", page)
    run = account.read("contacts", since="2026-03-20T00:00:00Z", page_size=10)
    assert len(pages) > 5
    assert set(ids(run)) >= {kind.id_of(index) for index in range(100)} - {kind.id_of(index) for index in pages}


def test_more_records_of_one_millisecond_than_a_search_can_page(open_account: Callable[..., Account]) -> None:
    # 10,001 in one millisecond: by time alone the reading would go round in a circle, by offset it would end early.
    account = open_account(sizes={"contacts": 10_300}, crowd=10_001, step=timedelta(seconds=10))
    run = account.read("contacts", since="2026-01-01T00:00:00Z", exclude_properties=["*"], deletions="off")
    assert run.exit_code == 0
    found = ids(run)
    assert len(found) == len(set(found)) == 10_300


def test_a_crowd_in_the_order_of_text_is_refused_loudly(open_account: Callable[..., Account]) -> None:
    account = open_account(sizes={"contacts": 300}, crowd=250, id_order="text", first_id=900)
    run = account.read("contacts", since="2025-01-01T00:00:00Z", page_size=50)
    assert run.exit_code == 1
    assert "not give them in the order of their numbers" in run.report("contacts")["error"]


def test_an_index_that_is_far_behind_is_told(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(60)
    real = searching.Search.page

    def page(search: searching.Search) -> dict[str, t.Any]:
        answer = real(search)
        for row in answer["results"]:
            row["properties"]["lastmodifieddate"] = "2027-01-01T00:00:00.000Z"
        return answer

    monkeypatch.setattr(searching.Search, "page", page)
    run = account.read("contacts", since="2026-03-01T00:00:00Z", page_size=3)
    assert "The index of HubSpot is behind" in run.report("contacts")["error"]


def test_ids_of_equal_length_may_be_sorted_either_way(open_account: Callable[..., Account]) -> None:
    account = open_account(sizes={"contacts": 300}, crowd=250, id_order="text")
    run = account.read("contacts", since="2025-01-01T00:00:00Z", page_size=50)
    assert sorted(ids(run)) == sorted(account.live("contacts"))


def test_what_the_index_shows_late_is_read_by_the_next_run(open_account: Callable[..., Account]) -> None:
    account = open_account(60, search_lag=timedelta(minutes=4))
    first = account.read("contacts")
    account.crm.advance(timedelta(hours=6))
    hidden, seen = (
        account.change("contacts", 4, timedelta(minutes=3)),
        account.change("contacts", 9, timedelta(hours=1)),
    )
    second = account.read("contacts", state=first.states[-1])
    assert seen in ids(second)
    assert second.bookmarks["contacts"]["replication_key_value"].startswith("2026-03-20T17:00")
    account.crm.advance(timedelta(minutes=10))
    later = account.change("contacts", 12, timedelta(minutes=5))
    third = account.read("contacts", state=second.states[-1])
    assert {hidden, later} <= set(ids(third))
    account.crm.advance(timedelta(minutes=10))
    assert {hidden, later} <= set(ids(account.read("contacts", state=third.states[-1])))


@pytest.mark.parametrize(("lag", "second"), [(300, 3600), (0, 0), (60, 7200)])
def test_a_delta_looks_back_as_far_as_the_settings_say(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch, lag: int, second: int
) -> None:
    account = open_account(10)
    first = account.read("contacts")
    asked: list[int] = []
    real = objects.search_body

    def search_body(key: str, window: t.Any, token: t.Any, size: int) -> dict[str, t.Any]:
        body = real(key, window, token, size)
        asked.append(int(body["filterGroups"][0]["filters"][0]["value"]))
        return body

    monkeypatch.setattr(objects, "search_body", search_body)
    account.read("contacts", state=first.states[-1], search_lag_seconds=lag, reread_seconds=second)
    bookmark = datetime.fromisoformat(first.bookmarks["contacts"]["replication_key_value"])
    assert min(asked) == int((bookmark - timedelta(seconds=lag + second)).timestamp() * 1000)


def test_a_delta_of_a_quiet_account_asks_little(open_account: Callable[..., Account]) -> None:
    account = open_account(200)
    first = account.read("contacts")
    account.crm.advance(timedelta(hours=5))
    account.crm.requests.clear()
    second = account.read("contacts", state=first.states[-1], deletions="off", reread_seconds=0, search_lag_seconds=0)
    assert second.report("contacts")["requests"] <= 12
    assert len(ids(second)) <= 1


# Where a run goes on


def test_a_full_read_goes_on_from_every_state(open_account: Callable[..., Account]) -> None:
    account = open_account(57)
    first = account.read("contacts", page_size=10)
    assert len([state for state in first.states if "resume" in (state["bookmarks"].get("contacts") or {})]) >= 3
    assert_resumable(first, lambda state: account.read("contacts", state=state, page_size=10), "contacts", "id")


def test_a_delta_goes_on_from_every_state(open_account: Callable[..., Account]) -> None:
    account = open_account(40, step=timedelta(minutes=1))
    before = {"bookmarks": {"contacts": {"replication_key": "lastmodifieddate", "replication_key_value": "2026-03-20"}}}
    first = account.read("contacts", page_size=10, state=before)
    assert sorted(ids(first)) == sorted(account.live("contacts"))
    assert_resumable(first, lambda state: account.read("contacts", state=state, page_size=10), "contacts", "id")


@pytest.mark.parametrize(
    ("stream", "key"),
    [
        ("associations", ("from_object_type", "from_id", "to_object_type", "to_id", "association_type_id")),
        ("owners", ("id",)),
        ("properties", ("object_type", "name")),
    ],
)
def test_the_other_streams_go_on_from_every_state(
    open_account: Callable[..., Account], stream: str, key: tuple[str, ...]
) -> None:
    account = open_account(20)
    first = account.read(stream, page_size=100)
    assert len(first.states) > 1
    assert_resumable(first, lambda state: account.read(stream, state=state, page_size=100), stream, *key)


def test_a_resumed_full_read_does_not_list_again(open_account: Callable[..., Account]) -> None:
    account = open_account(100)
    first = account.read("contacts", page_size=10)
    middle = [state for state in first.states if "resume" in (state["bookmarks"].get("contacts") or {})][4]
    account.crm.requests.clear()
    rest = account.read("contacts", page_size=10, state=middle)
    assert rest.report("contacts")["resumed"] is True
    assert len(ids(rest)) < 70
    assert not [m for m in rest.messages if m["type"] == "SCHEMA" and m["stream"] == "contacts_keys"]


@pytest.mark.parametrize(
    "settings", [{"since": "2026-03-19T00:00:00Z"}, {"end_date": "2026-03-19T00:00:00Z"}, {"max_records": 5}]
)
def test_a_narrowed_run_leaves_the_bookmark(open_account: Callable[..., Account], settings: dict[str, t.Any]) -> None:
    account = open_account(60)
    first = account.read("contacts", "associations")
    account.a_day_passes()
    narrowed = account.read("contacts", "associations", state=first.states[-1], **settings)
    assert narrowed.bookmarks == first.bookmarks
    assert not [m for m in narrowed.messages if m["type"] == "SCHEMA" and m["stream"].endswith("_keys")]


def test_the_time_settings_bound_the_search(open_account: Callable[..., Account]) -> None:
    account = open_account(60)
    moments = {row["id"]: row["lastmodifieddate"] for row in account.read("contacts").records("contacts")}
    run = account.read("contacts", since="2026-03-15T00:00:00Z", end_date="2026-03-18T00:00:00Z", deletions="off")
    assert set(ids(run)) == {key for key, at in moments.items() if "2026-03-15" <= at < "2026-03-18"}
    assert 0 < len(ids(run)) < 60
    started = account.read("contacts", start_date="2026-03-18T00:00:00Z", deletions="off")
    assert set(ids(started)) == {key for key, at in moments.items() if at >= "2026-03-18"}


def test_a_full_pass_reads_all_and_keeps_the_bookmark(open_account: Callable[..., Account]) -> None:
    account = open_account(50)
    first = account.read("contacts")
    account.crm.kinds["contacts"].records.set_silently(3, num_notes="77")
    again = account.read("contacts", state=first.states[-1])
    assert len(ids(again)) < 5
    full = account.read("contacts", state=again.states[-1], full_pass=True)
    assert len(ids(full)) == 50
    assert full.bookmarks == first.bookmarks
    (row,) = [row for row in full.records("contacts") if row["id"] == account.crm.kinds["contacts"].id_of(3)]
    assert str(row["num_notes"]) == "77"


# What is gone


def test_a_sweep_asks_no_second_time_after_a_full_read(open_account: Callable[..., Account]) -> None:
    account = open_account(150)
    run = account.read("contacts", deletions="sweep")
    assert account.asked("GET /crm/objects/2026-03/contacts") == 3
    assert sorted(keys(run.records("contacts_keys"), "id")) == sorted((one,) for one in account.live("contacts"))
    assert run.schema("contacts_keys")["schema"]["x-sweep-of"] == "contacts"
    later = account.read("contacts", deletions="sweep", state=run.states[-1])
    assert sorted(keys(later.records("contacts_keys"), "id")) == sorted((one,) for one in account.live("contacts"))


@pytest.mark.parametrize(("deletions", "asked"), [("off", 1), ("archived", 2)])
def test_the_recycle_bin_is_read_unless_deletions_are_off(
    open_account: Callable[..., Account], deletions: str, asked: int
) -> None:
    account = open_account(40)
    account.crm.kinds["contacts"].records.archive(3, account.crm.world.now - timedelta(days=2))
    run = account.read("contacts", deletions=deletions)
    assert len(gone(run)) == asked - 1
    assert account.asked("GET /crm/objects/2026-03/contacts") == asked


def test_the_first_read_gives_archived_records_with_their_values(open_account: Callable[..., Account]) -> None:
    account = open_account(40)
    one = account.change("contacts", 3, city="Springfield")
    account.crm.kinds["contacts"].records.archive(3, account.crm.world.now - timedelta(days=2))
    (row,) = [row for row in account.read("contacts").records("contacts") if row["id"] == one]
    assert (row["city"], row["archived"], row["removal_reason"]) == ("Springfield", True, "archived")
    assert row["_sdc_deleted_at"] == row["archived_at"] == "2026-03-18T12:00:00+00:00"


def test_an_archived_time_that_is_wrong_still_marks_the_record(open_account: Callable[..., Account]) -> None:
    account = open_account(40, wrong_archived_at=True)
    first = account.read("contacts")
    account.crm.world.days += 1
    account.crm.kinds["contacts"].records.archive(3, account.crm.world.now)
    second = account.read("contacts", state=first.states[-1])
    assert gone(second) == {account.crm.kinds["contacts"].id_of(3): "archived"}


# Settings that are wrong


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"access_token": None}, "set access_token"),
        ({"access_token": None, "client_id": "c", "client_secret": "s"}, "refresh_token"),
        ({"association_pairs": ["contacts-deals"]}, "association_pairs"),
        ({"objects": ["contacts"]}, "is there already"),
        ({"since": "2026-03-05", "end_date": "2026-03-01"}, "end_date must be later"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name(
    open_account: Callable[..., Account], settings: dict[str, t.Any], told: str
) -> None:
    account = open_account(5)
    config = {name: value for name, value in (account.config | settings).items() if value is not None}
    with pytest.raises(Stop, match=told):
        run_tap(TapHubSpot, config)


def test_the_command_reads_and_says_what_is_wrong(open_account: Callable[..., Account], tmp_path: Path) -> None:
    from tap_kit.testing import run_command  # noqa: PLC0415 - of this test only

    account = open_account(5)
    done = run_command("tap_hubspot_dw", folder=tmp_path, config=account.config)
    assert done.exit_code == 0
    assert len(done.records("contacts")) == 5
    wrong = run_command("tap_hubspot_dw", folder=tmp_path, config=account.config | {"access_token": "wrong-token"})
    assert wrong.exit_code == 1
    assert "[authentication]" in wrong.log
    assert "wrong-token" not in wrong.log
    assert "Traceback" not in wrong.log
