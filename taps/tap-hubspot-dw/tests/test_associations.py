"""Associations: pages within a record, labels, deltas, and links that no longer stand."""

from __future__ import annotations

import typing as t
from datetime import timedelta

import pytest
from crm_simulator.faults import Fault
from tap_kit.testing import keys

if t.TYPE_CHECKING:
    from collections.abc import Callable

    # The classes in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Warehouse: t.TypeAlias = t.Any
    Run: t.TypeAlias = t.Any

KEY = ("from_object_type", "from_id", "to_object_type", "to_id", "association_type_id")


def links(run: Run) -> list[tuple[t.Any, ...]]:
    return sorted(keys(run.records("associations"), *KEY))


def truth(account: Account, *pairs: str) -> list[tuple[t.Any, ...]]:
    return sorted(
        (pair.split(":")[0], row["from_id"], pair.split(":")[1], row["to_id"], row["association_type_id"])
        for pair in pairs or ("contacts:appointments", "contacts:divisions", "contacts:deals")
        for row in account.crm.truth(f"associations:{pair}")
    )


def test_every_label_between_two_records_is_a_row(open_account: Callable[..., Account]) -> None:
    account = open_account(80)
    run = account.read("associations")
    assert links(run) == truth(account)
    # The same two records are associated by several labels.
    ends = [link[:4] for link in links(run)]
    assert len(set(ends)) < len(ends)
    labels = {row["association_label"] for row in run.records("associations")}
    assert labels == {None, "Decision maker", "Billing contact"}


def test_a_record_with_many_associations_has_pages_of_its_own(open_account: Callable[..., Account]) -> None:
    account = open_account(200, association_page=3)
    run = account.read("associations", association_pairs=["divisions:contacts", "contacts:appointments"])
    assert links(run) == truth(account, "divisions:contacts", "contacts:appointments")
    assert run.report("associations")["requests"] > 8


def test_after_a_full_read_no_record_is_listed_again(open_account: Callable[..., Account]) -> None:
    account = open_account(150)
    run = account.read("contacts", "associations", deletions="off")
    assert account.asked("GET /crm/objects/2026-03/contacts") == 2
    assert links(run) == truth(account)


@pytest.mark.parametrize(
    ("pairs", "named"),
    [
        (["0-1:0-421"], ("contacts", "appointments")),
        (["contacts:2-1000101"], ("contacts", "divisions")),
        (["deals:companies"], ("deals", "companies")),
        (["appointments:genius_users"], ("appointments", "genius_users")),
    ],
)
def test_any_pair_can_be_read(open_account: Callable[..., Account], pairs: list[str], named: tuple[str, str]) -> None:
    account = open_account(60)
    run = account.read("associations", association_pairs=pairs)
    assert links(run) == truth(account, ":".join(named)) != []
    assert {
        row["from_object_type"]
        for row in account.read("association_labels", association_pairs=pairs).records("association_labels")
    } == {named[0]}


def test_a_run_of_some_pairs_leaves_the_bookmark_and_closes_nothing(open_account: Callable[..., Account]) -> None:
    account = open_account(60)
    first = account.read("associations")
    again = account.read("associations", state={"bookmarks": first.bookmarks}, only_pairs=["contacts:deals"])
    whole = account.read("associations", only_pairs=["contacts:deals"], associations_read="full", deletions="sweep")
    assert links(whole) == truth(account, "contacts:deals") != []
    assert {link[:2] for link in links(again)} <= {link[:2] for link in links(whole)}
    assert again.bookmarks["associations"] == first.bookmarks["associations"]
    assert whole.records("associations_keys") == []
    assert "replication_key_value" not in whole.bookmarks.get("associations", {})
    labels = account.read("association_labels", only_pairs=["contacts:deals"]).records("association_labels")
    assert len({row["to_object_type"] for row in labels}) > 1


def test_a_pair_with_an_object_that_has_no_stream(open_account: Callable[..., Account]) -> None:
    account = open_account(30)
    run = account.read("associations", association_pairs=["contacts:deals", "line_items:quotes"])
    # The account knows no such pair: it is left out, and no association is closed.
    assert run.exit_code == 0
    assert links(run) == truth(account, "contacts:deals")
    assert run.records("associations_keys") == []


def test_a_pair_with_a_custom_object_that_is_not_there(open_account: Callable[..., Account]) -> None:
    account = open_account(30, disabled=["divisions"])
    run = account.read("associations")
    assert run.exit_code == 0
    assert links(run) == truth(account, "contacts:appointments", "contacts:deals")
    assert run.records("associations_keys") == []


def test_a_delta_reads_the_associations_of_changed_records(open_account: Callable[..., Account]) -> None:
    account = open_account(80)
    first = account.read("contacts", "associations")
    assert first.bookmarks["associations"]["replication_key"] == "read_until"
    account.crm.world.days += 1
    one = account.change("contacts", 3, timedelta(hours=2))
    second = account.read("contacts", "associations", state=first.states[-1])
    assert {link[1] for link in links(second)} == {one}
    assert links(second) == [link for link in truth(account) if link[1] == one]
    # What it did not look at must not be taken for gone.
    assert second.records("associations_keys") == []
    moments = [run.bookmarks["associations"]["replication_key_value"] for run in (first, second)]
    assert moments[0][:10] < moments[1][:10]


def test_a_run_without_contacts_has_a_bookmark_of_its_own(open_account: Callable[..., Account]) -> None:
    account = open_account(80)
    first = account.read("contacts", "associations")
    account.crm.world.days += 1
    one = account.change("contacts", 3, timedelta(hours=2))
    alone = account.read("contacts", state=first.states[-1])
    # The run of contacts has moved their bookmark past the change; the associations were not read.
    later = account.read("associations", state=alone.states[-1])
    assert {link[1] for link in links(later)} == {one}


def test_an_edited_association_is_seen_by_a_full_read_only(
    open_account: Callable[..., Account], warehouse: Warehouse
) -> None:
    account = open_account(80)
    first = account.read("contacts", "associations")
    warehouse.load(first)
    account.crm.world.days += 1
    kinds = account.crm.kinds
    other, types = next(iter(account.crm.links.of(kinds["contacts"], 3, kinds["deals"]).items()))
    assert types
    account.crm.links.set(kinds["contacts"], 3, kinds["deals"], other, frozenset())
    delta = account.read("contacts", "associations", state=first.states[-1])
    assert links(delta) == []
    full = account.read("contacts", "associations", state=delta.states[-1], associations_read="full")
    warehouse.load(full)
    assert links(full) == truth(account)
    closed = warehouse.rows("SELECT * FROM hubspot.associations WHERE _sdc_deleted_at IS NOT NULL")
    assert {(row["from_id"], row["to_id"]) for row in closed} == {
        (kinds["contacts"].id_of(3), kinds["deals"].id_of(other))
    }
    account.crm.links.set(kinds["contacts"], 3, kinds["deals"], other, types)
    warehouse.load(account.read("associations", state=full.states[-1], associations_read="full"))
    assert warehouse.rows("SELECT * FROM hubspot.associations WHERE _sdc_deleted_at IS NOT NULL") == []


def test_deletions_off_closes_no_association(open_account: Callable[..., Account]) -> None:
    account = open_account(20)
    run = account.read("associations", deletions="off")
    assert links(run) == truth(account)
    assert run.records("associations_keys") == []


def test_an_interrupted_read_closes_no_association(open_account: Callable[..., Account]) -> None:
    account = open_account(20)
    account.crm.faults.append(Fault("error", path="deals/batch/read", status=400, times=0))
    run = account.read("associations")
    assert run.exit_code == 1
    assert run.records("associations_keys") == []
    assert "associations" not in run.bookmarks


def test_a_cursor_that_comes_back_is_an_error(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(20)
    more = {"paging": {"next": {"after": "5"}}}
    monkeypatch.setattr(type(account.crm), "_page_of_links", lambda *_: {"to": []} | more)
    run = account.read("associations")
    assert "run in a circle" in run.report("associations")["error"]


def test_an_association_without_a_type_is_a_reject(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(4)
    monkeypatch.setattr(type(account.crm), "_page_of_links", lambda *_: {"to": [{"toObjectId": 7}]})
    run = account.read("associations", association_pairs=["contacts:deals"])
    assert run.exit_code == 0
    assert run.records("associations") == []
    assert run.report("associations")["rejects"]["record"] > 0
