"""From HubSpot into Postgres: what is there afterwards is what HubSpot has."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Callable

    # The classes in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Warehouse: t.TypeAlias = t.Any
    Row: t.TypeAlias = dict[str, t.Any]

OBJECTS = ("contacts", "appointments", "deals", "divisions", "genius_users", "companies", "tickets")
PAIRS = (("contacts", "appointments"), ("contacts", "divisions"), ("contacts", "deals"))


def assert_same_objects(warehouse: Warehouse, account: Account, stream: str) -> None:
    """Compare a table with HubSpot, column by column; what is gone must be marked, with the right reason."""
    truth = {row["id"]: row for row in account.crm.truth(stream)}
    stored = warehouse.table(stream)
    assert {key for key, row in stored.items() if row["_sdc_deleted_at"] is None} == truth.keys()
    for key, row in truth.items():
        found = stored[key]
        unlike = {n: (found[n], v) for n, v in row.items() if found[n] != as_stored(n, found[n], v)}
        assert unlike == {}, key
    gone = {key: row["removal_reason"] for key, row in stored.items() if key not in truth}
    known = account.crm.removed(stream)
    for key, reason in gone.items():
        # What was erased leaves no trace: only the comparison of all ids finds it.
        assert reason == {"erased": None}.get(known[key], known[key])


def as_stored(name: str, found: t.Any, value: t.Any) -> t.Any:
    """Return a true value in the form of its column."""
    if name.endswith("email") and value == "null":
        return None
    # The one price with a dollar sign and a comma, which the simulator counts as unreadable.
    if name == "price" and value is None and found == Decimal("1250.50"):
        return found
    # Numbers that name something are text.
    if isinstance(value, Decimal) and isinstance(found, str):
        return str(value)
    return value


def assert_same_associations(warehouse: Warehouse, account: Account) -> None:
    names = ("from_id", "to_id", "association_type_id", "association_category", "association_label")
    for start, end in PAIRS:
        found = warehouse.rows(
            f"SELECT * FROM hubspot.associations WHERE from_object_type = '{start}' AND to_object_type = '{end}'"
            " AND _sdc_deleted_at IS NULL"
        )
        truth = account.crm.truth(f"associations:{start}:{end}")
        assert sorted(tuple(str(row[name]) for name in names) for row in found) == sorted(
            tuple(str(row[name]) for name in names) for row in truth
        )


def test_the_warehouse_holds_what_hubspot_has_and_follows_it(
    open_account: Callable[..., Account], warehouse: Warehouse
) -> None:
    account = open_account(200)
    first = account.read()
    assert first.exit_code == 0
    warehouse.load(first)
    for stream in OBJECTS:
        assert_same_objects(warehouse, account, stream)
    assert_same_associations(warehouse, account)

    account.a_day_passes()
    account.crm.kinds["contacts"].records.change(1, account.crm.world.now, city="")
    second = account.read(state=first.states[-1], deletions="sweep", associations_read="full", max_deleted_share=0.9)
    assert second.exit_code == 0
    assert len(second.records("contacts")) < len(first.records("contacts")) / 2
    warehouse.load(second)
    calculated = {one for stream in OBJECTS for one in account.crm.last_day.get(stream, {}).get("calculated", ())}
    assert calculated
    assert_same_associations(warehouse, account)

    # Calculated properties changed without a trace: only a full pass sees them.
    third = account.read(*OBJECTS, state=second.states[-1], full_pass=True)
    warehouse.load(third)
    for stream in OBJECTS:
        assert_same_objects(warehouse, account, stream)
    assert third.bookmarks["contacts"] == second.bookmarks["contacts"]
    statuses = warehouse.rows("SELECT DISTINCT status FROM orchestration.sync_history")
    assert statuses == [{"status": "success"}]


def test_a_delta_alone_marks_what_was_archived_or_merged(
    open_account: Callable[..., Account], warehouse: Warehouse
) -> None:
    account = open_account(200)
    first = account.read("contacts", "deals")
    warehouse.load(first)
    account.a_day_passes()
    second = account.read("contacts", "deals", state=first.states[-1])
    warehouse.load(second)
    for stream in ("contacts", "deals"):
        happened = account.crm.last_day[stream]
        stored = warehouse.table(stream)
        for key in happened["archived"]:
            assert stored[key]["_sdc_deleted_at"] == stored[key]["archived_at"] is not None
            assert (stored[key]["archived"], stored[key]["removal_reason"]) == (True, "archived")
            # What the row held stays.
            assert stored[key]["created_at"] is not None
        (merged,) = happened["merged"]
        kind = account.crm.kinds[stream]
        survivor = kind.id_of(kind.records.survivor(t.cast("int", kind.index_of(merged))))
        assert (stored[merged]["merged_into"], stored[merged]["removal_reason"]) == (survivor, "merged")
        assert stored[merged]["_sdc_deleted_at"] is not None
        (erased,) = happened["erased"]
        assert stored[erased]["_sdc_deleted_at"] is None
    third = account.read("contacts", "deals", state=second.states[-1], deletions="sweep")
    warehouse.load(third)
    for stream in ("contacts", "deals"):
        (erased,) = account.crm.last_day[stream]["erased"]
        assert warehouse.table(stream)[erased]["_sdc_deleted_at"] is not None
        assert {k for k, row in warehouse.table(stream).items() if row["_sdc_deleted_at"] is None} == account.live(
            stream
        )


def test_a_cleared_property_becomes_null(open_account: Callable[..., Account], warehouse: Warehouse) -> None:
    account = open_account(40)
    one = account.change("contacts", 3, city="Springfield", price="12.50")
    first = account.read("contacts")
    warehouse.load(first)
    assert warehouse.table("contacts")[one]["city"] == "Springfield"
    account.crm.world.days += 1
    account.change("contacts", 3, city="", price=None)
    warehouse.load(account.read("contacts", state=first.states[-1]))
    assert [warehouse.table("contacts")[one][name] for name in ("city", "price")] == [None, None]


@pytest.mark.parametrize("most", [400, 150])
def test_a_wide_portal_fits_into_postgres(
    open_account: Callable[..., Account], warehouse: Warehouse, most: int
) -> None:
    account = open_account(sizes={"contacts": 60}, width=900)
    run = account.read("contacts", max_columns=most)
    assert run.exit_code == 0
    columns = run.schema("contacts")["schema"]["properties"]
    catalogued = sum(name in columns for name in ("lead_id", "hs_v2_date_entered_lead", "comments"))
    assert catalogued == 3
    assert len(columns) <= max(most, 170)
    warehouse.load(run)
    assert warehouse.rows("SELECT count(*) AS rejects FROM orchestration.sync_reject WHERE category = 'record'") == [
        {"rejects": 0}
    ]
    kind = account.crm.kinds["contacts"]
    stored = warehouse.table("contacts")
    assert len(stored) == 60
    for index in kind.records.live():
        row, texts = stored[kind.id_of(index)], kind.texts(index)
        beside = {n: v for n, v in texts.items() if n not in columns and v and not kind.properties[n].archived}
        assert row["properties"] == beside
        assert len(beside) > 200


def test_a_row_of_full_short_values_fits(open_account: Callable[..., Account], warehouse: Warehouse) -> None:
    # Values of up to some 24 bytes cannot be stored beside the row: they are what fills its 8 KB.
    account = open_account(sizes={"contacts": 3}, width=900)
    kind = account.crm.kinds["contacts"]
    texts = {name: "x" * 20 for name, one in kind.properties.items() if one.type in ("string", "enumeration")}
    one = account.change(
        "contacts", 1, **texts, **{n: "1" * 10 for n, p in kind.properties.items() if p.type == "number"}
    )
    warehouse.load(account.read("contacts"))
    row = warehouse.table("contacts")[one]
    assert row["comments"] == "x" * 20
    assert len(row["properties"]) > 200
