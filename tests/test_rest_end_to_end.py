"""tap-kit and the simulator together, over real sockets, on a CRM that does not exist."""

from __future__ import annotations

import threading
import typing as t
from dataclasses import replace
from datetime import timedelta

import pytest
from crm_simulator.faults import Fault
from crm_simulator.limiting import Rule
from example_crm.simulated import ExampleCrm
from example_crm.tap import Events, Items, TapExample
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.bookmarks import parse_time
from tap_kit.limits import Limit
from tap_kit.paging import Numbered
from tap_kit.testing import Run, assert_resumable, keys, normalise, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.http import Meter
    from tap_kit.rest import Page, Pass
    from tap_kit.testing import Message

    Simulate: t.TypeAlias = Callable[..., str]

START = "2020-01-01"


def read(
    url: str, *streams: str, state: Message | None = None, tap: type[TapExample] = TapExample, **config: t.Any
) -> Run:
    return run_tap(tap, {"api_url": url, "token": "good", **config}, streams=streams, state=state)


def ids(run: Run, stream: str) -> list[t.Any]:
    return [key for (key,) in keys(run.records(stream), "id")]


def truth(crm: ExampleCrm) -> dict[str, tuple[t.Any, bool]]:
    """Return what the warehouse should hold: amount and whether it is deleted, by id."""
    return {
        str(index): (row["amount"], index in crm.events.archived)
        for index in range(crm.events.size)
        for row in [crm.events.record(index)]
    }


def loaded(*runs: Run) -> dict[str, tuple[t.Any, bool]]:
    """Return what the loader makes of some runs."""
    rows = [record for run in runs for record in run.records("events")]
    return {row["id"]: (f"${row['amount']}", row["_sdc_deleted_at"] is not None) for row in rows}


def test_a_full_read_is_every_record_once(simulate: Simulate) -> None:
    crm = ExampleCrm(size=130)
    run = read(simulate(crm), concurrency=4)
    assert run.exit_code == 0
    assert ids(run, "items") == list(range(130))
    assert ids(run, "events") == [str(number) for number in range(130)]
    assert ids(run, "members") == [f"A{account}-{number}" for account in range(3) for number in range(5)]
    assert sorted(ids(run, "notes")) == sorted(f"N{number}" for number in range(130))
    assert loaded(run) == truth(crm)
    assert run.report("items")["requests"] == 1 + 7  # the probe is the first
    assert crm.requests["GET /accounts"] == 3  # probe, stream, and once for all that is read over it


@pytest.mark.parametrize("concurrency", [2, 7])
def test_the_output_does_not_depend_on_the_concurrency(simulate: Simulate, concurrency: int) -> None:
    crm = ExampleCrm(size=150)
    url = simulate(crm)
    plain, parallel = (read(url, concurrency=many, start_date=START) for many in (1, concurrency))
    hidden = {f'"concurrency":{concurrency}': '"concurrency":1'}
    lines = [
        [line for line in normalise(run.text, hidden).splitlines() if '"STATE"' not in line]
        for run in (plain, parallel)
    ]
    assert lines[0] == lines[1]
    assert plain.bookmarks == parallel.bookmarks


def test_values_are_converted_by_their_columns(simulate: Simulate) -> None:
    run = read(simulate(ExampleCrm(size=3)))
    assert str(run.records("items")[0]["price"]).endswith(".50")
    assert run.records("members")[0] == {"id": "A0-0", "account_id": "A0", "joined": "2025-03-09T06:30:00+00:00"}
    assert run.records("events")[0]["kind"] in "abc"
    assert "x-source" not in str(run.schema("members"))


def test_an_empty_account_is_no_error(simulate: Simulate) -> None:
    run = read(simulate(ExampleCrm(size=0, accounts=0)))
    assert run.exit_code == 0
    assert not [message for message in run.messages if message["type"] == "RECORD"]


@pytest.mark.parametrize("size", [20, 21, 40])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_pages_without_a_number_of_pages_end_at_a_short_one(simulate: Simulate, size: int, concurrency: int) -> None:
    crm = ExampleCrm(size=size, counts_pages=False)
    run = read(simulate(crm), "items", concurrency=concurrency)
    assert ids(run, "items") == list(range(size))


def test_a_delta_brings_what_a_day_changed_and_archived(simulate: Simulate) -> None:
    crm = ExampleCrm(size=300)
    url = simulate(crm)
    first = read(url, "events", page_size=50)
    crm.world.days += 1
    happened = crm.pass_a_day()["events"]
    second = read(url, "events", state=first.states[-1])
    assert loaded(first, second) == truth(crm)
    assert second.report("events")["requests"] < first.report("events")["requests"]
    live = [row for row in second.records("events") if row["_sdc_deleted_at"] is None]
    assert happened["new"] + happened["changed"] <= len(live) < 100
    assert crm.requests["POST /events/search"] > 0
    assert second.bookmarks["events"]["replication_key_value"] > first.bookmarks["events"]["replication_key_value"]


def test_windows_above_the_cap_are_split_and_a_crowded_millisecond_is_drained(simulate: Simulate) -> None:
    crm = ExampleCrm(size=700, cap=100, crowd=range(150, 480))
    run = read(simulate(crm), "events", start_date=START, page_size=25, concurrency=3)
    assert run.exit_code == 0
    assert set(ids(run, "events")) == {str(number) for number in range(700)}
    assert len(ids(run, "events")) == 700


@pytest.mark.parametrize(
    "settings", [{"full_by_list": True}, {"start_date": START}, {}], ids=["list", "search", "first"]
)
def test_a_run_may_be_cut_off_at_every_state(simulate: Simulate, settings: dict[str, t.Any]) -> None:
    crm = ExampleCrm(size=230, crowd=range(100, 110))
    crm.world.days += 1
    crm.pass_a_day()
    url = simulate(crm)
    run = read(url, "events", page_size=10, **settings)
    assert len(run.states) > 15
    assert_resumable(
        run, lambda state: read(url, "events", state=state, page_size=50, **settings), "events", "id", "_sdc_deleted_at"
    )


def test_a_list_goes_on_at_its_cursor(simulate: Simulate) -> None:
    url = simulate(ExampleCrm(size=230))
    run = read(url, "events", page_size=10)
    middle = [state for state in run.states if state["bookmarks"].get("events", {}).get("resume")][10]
    rest = read(url, "events", state=middle, page_size=10)
    assert rest.report("events")["resumed"]
    assert 0 < len(rest.records("events")) < 150
    assert rest.bookmarks["events"] == run.bookmarks["events"]


def test_a_completed_window_moves_the_bookmark_but_never_past_a_gap(simulate: Simulate) -> None:
    crm = ExampleCrm(size=400)
    url = simulate(crm)
    # Windows of at most 100 records: the third one fails for good.
    crm.faults.append(Fault("error", path="search", after=60, times=0, status=400))
    run = read(url, "events", start_date=START, page_size=20)
    assert run.exit_code == 1
    value = run.bookmarks["events"]["replication_key_value"]
    assert "resume" not in run.bookmarks["events"]
    settled = {index for index in range(400) if crm.events.modified_at(index) < parse_time(value)}
    assert settled
    assert {str(index) for index in settled} <= set(ids(run, "events"))
    crm.faults.clear()
    rest = read(url, "events", state=run.states[-1])
    assert set(ids(run, "events")) | set(ids(rest, "events")) == {str(number) for number in range(400)}
    assert len(rest.records("events")) < 400


def test_a_window_goes_on_at_its_cursor(simulate: Simulate) -> None:
    class Steady(Events):
        search = replace(Events.search, stable_cursor=True)
        passes = (search,)

        def choose_passes(self) -> t.Any:
            return self.passes

    class TapSteady(TapExample):
        stream_classes = (Steady,)

    url = simulate(ExampleCrm(size=230))
    run = read(url, tap=TapSteady, start_date=START, page_size=10)
    resumes = [state["bookmarks"]["events"].get("resume") for state in run.states if state["bookmarks"]]
    assert any(resume and resume["last_key"][2] for resume in resumes)
    assert_resumable(run, lambda state: read(url, tap=TapSteady, state=state, page_size=10), "events", "id")


def test_pages_are_completed_by_further_requests(simulate: Simulate) -> None:
    class Complete(Events):
        completes = True

        def complete(self, page: Page, meter: Meter) -> Page:
            asked = {"ids": [row["id"] for row in page.rows]}
            request = HTTPRequest(url=f"{self.url_base}/events/notes", method="POST", data=asked)
            notes = {note["event"]: note["text"] for note in self.ask_more(request, meter)["notes"]}
            return replace(page, rows=[{**row, "detail": {"kind": notes[row["id"]]}} for row in page.rows])

    class TapComplete(TapExample):
        stream_classes = (Complete,)

    crm = ExampleCrm(size=100)
    run = read(simulate(crm), tap=TapComplete, concurrency=3)
    assert ids(run, "events") == [str(number) for number in range(100)]
    assert {record["kind"] for record in run.records("events")} == {"a note"}
    assert run.report("events")["requests"] == sum(crm.requests.values())


def test_an_hour_is_not_slept_through(simulate: Simulate) -> None:
    class TapHourly(TapExample):
        def make_limits(self) -> dict[str, Limit]:
            return {"default": Limit(5, 3600, burst=True)}

    run = read(simulate(ExampleCrm(size=200)), "items", tap=TapHourly)
    assert run.exit_code == 1
    assert run.report("items")["error_category"] == "rate_limit"
    assert "the next one is free in 36" in run.report("items")["error"]
    assert ids(run, "items") == list(range(80))


def test_what_the_index_does_not_show_yet_is_not_lost(simulate: Simulate) -> None:
    class Patient(Events):
        hold_back = timedelta(minutes=10)

    class TapPatient(TapExample):
        stream_classes = (Patient,)

    crm = ExampleCrm(size=50, lag=timedelta(minutes=8))
    url = simulate(crm)
    first = read(url, "events", tap=TapPatient)
    crm.events.change(7, crm.world.now - timedelta(minutes=5), amount="$5.00")
    crm.events.change(8, crm.world.now - timedelta(minutes=15), amount="$6.00")
    second = read(url, "events", tap=TapPatient, state=first.states[-1])
    assert "8" in ids(second, "events")
    assert "7" not in ids(second, "events")
    crm.world.start += timedelta(hours=1)
    third = read(url, "events", tap=TapPatient, state=second.states[-1])
    assert loaded(first, second, third) == truth(crm)


def test_an_expired_token_is_renewed_in_the_middle(simulate: Simulate) -> None:
    crm = ExampleCrm(size=200)
    crm.faults.append(Fault("expired_token", path="items", after=4))
    run = read(simulate(crm), "items", token=None, concurrency=3)
    assert run.exit_code == 0
    assert ids(run, "items") == list(range(200))
    assert crm.tokens == 2
    assert run.report("items")["retries"] >= 1


def test_a_refused_token_ends_the_run(simulate: Simulate) -> None:
    run = read(simulate(ExampleCrm(size=5)), token="wrong-token", concurrency=2)
    assert run.exit_code == 1
    assert run.report("items")["error_category"] == "authentication"
    assert run.report("members")["error_category"] == "authentication"
    assert "wrong-token" not in run.text


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("storm", path="items", times=5),
        Fault("storm", path="items", times=2, retry_after="0.01"),
        Fault("error", path="items", times=3, status=502),
        Fault("error", path="items", page=3, times=2),
        Fault("cut", path="items", page=2),
        Fault("not_json", path="items", after=1),
        Fault("wrong_type", path="items", after=2, times=2),
    ],
    ids=lambda fault: fault.kind,
)
def test_passing_trouble_loses_nothing(simulate: Simulate, fault: Fault) -> None:
    crm = ExampleCrm(size=200)
    crm.faults.append(fault)
    run = read(simulate(crm), "items", concurrency=3)
    assert run.exit_code == 0
    assert ids(run, "items") == list(range(200))
    assert run.report("items")["retries"] >= fault.times
    assert run.report("items")["requests"] == 1 + 10 + run.report("items")["retries"]


def test_a_forbidden_stream_is_skipped_with_the_name_of_its_scope(simulate: Simulate) -> None:
    crm = ExampleCrm(size=30)
    crm.faults.append(Fault("forbidden", path="events", times=0))
    run = read(simulate(crm))
    assert run.exit_code == 1
    assert run.report("events")["error_category"] == "permission"
    assert "it needs the scope events.read" in run.report("events")["error"]
    assert run.report("notes")["status"] == "failed"
    assert run.report("items")["status"] == run.report("members")["status"] == "success"


def test_an_error_comes_after_everything_before_it(simulate: Simulate) -> None:
    crm = ExampleCrm(size=200)
    crm.faults.append(Fault("error", path="items", page=6, times=0, status=400))
    run = read(simulate(crm), "items", concurrency=4)
    assert run.exit_code == 1
    assert ids(run, "items") == list(range(100))
    assert run.report("items")["error"].startswith("GET /example/items answered 400: simulated 400")


def test_children_that_fail_do_not_stop_their_parent(simulate: Simulate) -> None:
    crm = ExampleCrm(size=30)
    crm.faults.append(Fault("forbidden", path="notes", times=0))
    run = read(simulate(crm), "events", "notes")
    assert run.report("events")["status"] == "success"
    assert run.report("notes")["error_category"] == "permission"
    assert len(run.records("events")) == 30


def test_children_come_before_the_parents_that_move_the_bookmark(simulate: Simulate) -> None:
    run = read(simulate(ExampleCrm(size=100)), "events", "notes", page_size=10)
    noted: set[str] = set()
    for message in run.messages:
        if message["type"] == "RECORD" and message["stream"] == "notes":
            noted.add(message["record"]["event"])
        elif message["type"] == "RECORD":
            assert message["record"]["id"] in noted
    assert len([message for message in run.messages if message["type"] == "SCHEMA"]) == 2


def test_children_can_be_read_without_their_parent(simulate: Simulate) -> None:
    run = read(simulate(ExampleCrm(size=30)), "notes")
    assert run.exit_code == 0
    assert len(run.records("notes")) == 30
    assert not run.records("events")


def test_a_narrowed_run_reads_no_more_than_it_was_asked_for(simulate: Simulate) -> None:
    run = read(simulate(ExampleCrm(size=300)), "items", "events", "notes", max_records=5, concurrency=3)
    assert len(run.records("items")) == len(run.records("events")) == len(run.records("notes")) == 5
    assert not run.bookmarks.get("events")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tap-example")]


def test_an_end_date_bounds_the_windows(simulate: Simulate) -> None:
    crm = ExampleCrm(size=100)
    middle = crm.events.modified_at(40).isoformat()
    run = read(simulate(crm), "events", since=START, end_date=middle)
    assert set(ids(run, "events")) == {str(number) for number in range(40)}


def test_a_used_up_day_ends_the_run_with_its_bookmark(simulate: Simulate) -> None:
    class TapPoor(TapExample):
        def make_limits(self) -> dict[str, Limit]:
            return {"default": Limit(1000, 1, daily=6), "search": Limit(1000, 1)}

    url = simulate(ExampleCrm(size=300))
    run = read(url, "events", tap=TapPoor, page_size=20)
    assert run.exit_code == 1
    assert run.report("events")["error_category"] == "quota"
    assert "It resets at" in run.report("events")["error"]
    rest = read(url, "events", state=run.states[-1])
    assert len(run.records("events")) >= 80
    assert set(ids(run, "events")) | set(ids(rest, "events")) == {str(number) for number in range(300)}


def test_the_rate_of_the_vendor_is_kept(simulate: Simulate) -> None:
    crm = ExampleCrm(size=600)
    crm.limiter.rules["default"] = [Rule(40, 1)]
    run = read(simulate(crm), "items", rate=40, concurrency=6, page_size=10)
    assert run.exit_code == 0
    assert crm.limiter.violations == 0


class Stuck(Items):
    """An endpoint that ignores the page."""

    def make_paginator(self, part: Pass) -> Numbered:  # noqa: ARG002 - the hook's signature
        return Numbered()

    def build_request(self, ask: t.Any) -> t.Any:
        request = super().build_request(ask)
        request.params["page"] = 1
        return request


class TapStuck(TapExample):
    stream_classes = (Stuck,)


class TapTrusting(TapExample):
    class Repeating(Stuck):
        repeat_ends = True

    stream_classes = (Repeating,)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_pages_that_repeat_are_an_error(simulate: Simulate, concurrency: int) -> None:
    run = read(simulate(ExampleCrm(size=50)), tap=TapStuck, concurrency=concurrency)
    assert run.exit_code == 1
    assert "The stream items does not get past the page 2" in run.report("items")["error"]


def test_pages_that_repeat_may_be_the_end(simulate: Simulate) -> None:
    run = read(simulate(ExampleCrm(size=50)), tap=TapTrusting, concurrency=3)
    assert run.exit_code == 0
    assert ids(run, "items") == list(range(20))


def test_a_cursor_that_comes_back_is_an_error(simulate: Simulate) -> None:
    class Circling(Events):
        def make_paginator(self, part: Pass) -> t.Any:
            paginator = super().make_paginator(part)
            paginator.get_next = lambda response: "3" if response else None  # type: ignore[method-assign]
            return paginator

    class TapCircling(TapExample):
        stream_classes = (Circling,)

    run = read(simulate(ExampleCrm(size=50)), tap=TapCircling)
    assert "The stream events runs in a circle: the cursor 3 came back" in run.report("events")["error"]


def test_a_record_without_a_key_is_kept_as_a_reject(simulate: Simulate) -> None:
    crm = ExampleCrm(size=10)
    crm.events.change(4, crm.events.modified_at(4), id="")
    crm.events.change(5, crm.events.modified_at(5), amount="a lot")
    run = read(simulate(crm), "events")
    assert run.exit_code == 0
    assert run.report("events")["rejects"] == {"record": 1, "value": 1}
    reasons = {(reject["field"], reject["reason"]) for reject in run.records("sync_rejects")}
    assert reasons == {("id", "the key is empty"), ("amount", "not a number")}


def test_a_sweep_sends_the_keys_of_what_is_left(simulate: Simulate) -> None:
    class Swept(Events):
        sweeps = True

    class TapSwept(TapExample):
        stream_classes = (Swept,)

    crm = ExampleCrm(size=60)
    crm.events.archive(7, crm.world.now)
    run = read(simulate(crm), tap=TapSwept)
    assert run.schema("events_keys")["schema"]["x-sweep-of"] == "events"
    assert ids(run, "events_keys") == [str(number) for number in range(60) if number != 7]


def test_a_delta_may_be_compared_on_our_side(simulate: Simulate) -> None:
    class Compared(Events):
        compares_here = True
        passes = (Events.listing,)

        def choose_passes(self) -> t.Any:
            return self.passes

    class TapCompared(TapExample):
        stream_classes = (Compared,)

    crm = ExampleCrm(size=200)
    url = simulate(crm)
    first = read(url, tap=TapCompared)
    crm.events.change(3, crm.world.now, amount="$1.00")
    second = read(url, tap=TapCompared, state=first.states[-1])
    assert "3" in ids(second, "events")
    assert len(second.records("events")) < 40
