"""The lists of the next objects are read while one is being written."""

from __future__ import annotations

import typing as t
from datetime import timedelta

import pytest
from crm_simulator.faults import Fault
from tap_hubspot_dw.ids import Identifiers
from tap_kit.testing import assert_resumable

if t.TYPE_CHECKING:
    from collections.abc import Callable

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

OBJECTS = ("contacts", "appointments", "deals", "divisions", "genius_users", "companies", "tickets")
APPOINTMENTS = "GET /crm/objects/2026-03/0-421"


def live(run: t.Any, stream: str) -> set[str]:
    return {row["id"] for row in run.records(stream) if row["_sdc_deleted_at"] is None}


@pytest.mark.parametrize("concurrency", [1, 2, 3, 8])
def test_every_record_of_every_object_is_read_once(open_account: Callable[..., Account], concurrency: int) -> None:
    account = open_account(120)
    run = account.read(*OBJECTS, page_size=20, concurrency=concurrency, deletions="sweep")
    assert run.exit_code == 0
    for stream in OBJECTS:
        assert live(run, stream) == account.live(stream)
        assert len(run.records(stream)) == len(account.live(stream))
        assert {row["id"] for row in run.records(f"{stream}_keys")} == account.live(stream)
    lists = sum(count for path, count in account.crm.requests.items() if path.startswith("GET /crm/objects/"))
    batches = account.asked("/batch/read")
    assert sum(run.report(stream)["requests"] for stream in OBJECTS) == lists + batches


def test_a_list_is_read_before_its_turn(open_account: Callable[..., Account]) -> None:
    account = open_account(40)
    account.crm.faults.append(Fault("error", path="contacts/batch/read", status=400, times=0))
    seen = account.read("contacts", "appointments")
    assert seen.report("contacts")["status"] == "failed"
    # The one that fails does not lose the list of the next.
    assert live(seen, "appointments") == account.live("appointments")
    assert account.crm.requests[APPOINTMENTS] == 2  # one page of the list, one of the recycle bin


def test_what_is_made_behind_the_list_belongs_to_the_next_run(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(40)
    kind = account.crm.kinds["appointments"]
    added: list[int] = []
    real = type(account.crm)._find

    def find(kind_of: t.Any, record_id: str, *, archived: bool) -> int | None:
        if not added:
            # Contacts are being written: an hour passes, and an appointment is made behind the list.
            account.crm.advance(timedelta(hours=9))
            added.extend(kind.records.add(1, account.crm.world.now - timedelta(hours=8, minutes=59)))
            account.crm.advance(timedelta(minutes=1))
        found: int | None = real(kind_of, record_id, archived=archived)
        return found

    monkeypatch.setattr(type(account.crm), "_find", staticmethod(find))
    first = account.read("contacts", "appointments")
    assert first.bookmarks["appointments"]["replication_key_value"] <= "2026-03-20T12:00:02"
    second = account.read("appointments", state=first.states[-1])
    assert kind.id_of(added[0]) in live(first, "appointments") | live(second, "appointments")


def test_an_error_of_the_list_fails_its_own_stream(open_account: Callable[..., Account]) -> None:
    account = open_account(40, missing_scopes=["crm.objects.deals.read"])
    run = account.read("contacts", "deals", "tickets")
    assert "crm.objects.deals.read" in run.report("deals")["error"]
    assert run.report("contacts")["status"] == run.report("tickets")["status"] == "success"


def test_a_run_of_several_objects_goes_on_from_every_state(open_account: Callable[..., Account]) -> None:
    account = open_account(16)
    streams = ("contacts", "appointments")
    first = account.read(*streams, page_size=5)
    assert_resumable(first, lambda state: account.read(*streams, state=state, page_size=5), "appointments", "id")


def test_nothing_is_listed_ahead_in_a_delta(open_account: Callable[..., Account]) -> None:
    account = open_account(40)
    first = account.read("contacts", "appointments")
    account.crm.requests.clear()
    mixed = account.read(
        "contacts", "appointments", state={"bookmarks": {"appointments": first.bookmarks["appointments"]}}
    )
    assert len(live(mixed, "contacts")) == 40
    assert account.crm.requests[APPOINTMENTS] == 1  # the recycle bin


def test_identifiers_are_kept_as_they_are() -> None:
    ids = Identifiers()
    texts = ["900000000001", "7", "9223372036854775807", "9223372036854775808", "007", "abc", "٣"]
    for text in texts:
        ids.add(text)
    assert sorted(ids) == sorted(texts)
    assert len(ids) == 7
    ids.clear()
    assert list(ids) == []
