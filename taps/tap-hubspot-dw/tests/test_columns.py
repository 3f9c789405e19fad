"""Columns: types from the portal's definitions, selection, wide portals, and what values mean."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_hubspot_dw import values
from tap_hubspot_dw.definitions import Definition, choose_columns, column_name, column_of, matches, order_by_age
from tap_kit.messages import encode
from tap_kit.values import Odd, Unstorable, describe

if t.TYPE_CHECKING:
    from collections.abc import Callable

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

TEXT = {"type": ["string", "null"], "description": "A text."}
WHOLE = {"type": ["integer", "null"], "description": "A number."}


@pytest.mark.parametrize(
    ("definition", "catalogued", "expected"),
    [
        (Definition("a", "bool"), None, ("boolean", None)),
        (Definition("a", "date"), None, ("string", "date")),
        (Definition("a", "datetime"), None, ("string", "date-time")),
        (Definition("a", "number"), None, ("number", None)),
        (Definition("a", "number"), WHOLE, ("number", None)),
        (Definition("a", "string"), WHOLE, ("string", None)),
        (Definition("a", "json"), None, ("string", None)),
        (Definition("a", "something new"), None, ("string", None)),
        (Definition("a", "enumeration", options=frozenset({"x", "y"})), None, ("string", None)),
        (Definition("a", "enumeration", options=frozenset({"true", "false"})), None, ("boolean", None)),
        (Definition("a", "enumeration", options=frozenset({"true", "false"})), TEXT, ("string", None)),
        # Numbers that name something pass 53 bits.
        (Definition("hs_user_id", "number"), None, ("string", None)),
        (Definition("id", "number"), None, ("string", None)),
        (Definition("paid", "number"), None, ("number", None)),
        (Definition("lead_agent_id", "number"), WHOLE, ("number", None)),
        (Definition("appointment_id", "number"), TEXT, ("string", None)),
        (Definition("a", "datetime"), TEXT, ("string", "date-time")),
    ],
)
def test_the_portal_decides_the_type(
    definition: Definition, catalogued: dict[str, t.Any] | None, expected: tuple[str, str | None]
) -> None:
    column = column_of(definition, catalogued)
    assert (column["type"][0], column.get("format")) == expected
    assert column["description"] == (catalogued or {}).get("description", definition.name)


def test_a_column_tells_what_the_portal_says() -> None:
    column = column_of(Definition("a", label="Lead cost", description="What it cost."))
    assert column["description"] == "Lead cost: What it cost."


def test_a_pattern_may_name_a_stream() -> None:
    assert matches("hs_x", "contacts", ["hs_*"])
    assert matches("hs_x", "contacts", ["contacts.hs_*"])
    assert not matches("hs_x", "deals", ["contacts.hs_*"])


def test_a_new_property_never_takes_the_place_of_an_older_one() -> None:
    old = [Definition(f"p{n}", created_at=f"2024-01-{n:02}") for n in range(1, 9)]
    before = choose_columns(order_by_age(old), first=("c",), stream="contacts", preferred=(), most=5)
    new = [Definition("a_new_one", created_at="2025-01-01"), *old]
    assert choose_columns(order_by_age(new), first=("c",), stream="contacts", preferred=(), most=5) == before


def test_the_catalogue_comes_first_then_the_patterns() -> None:
    names = ["a", "b", "wanted_1", "c", "wanted_2"]
    assert choose_columns(names, first=("c",), stream="x", preferred=("wanted_*",), most=3) == [
        "c",
        "wanted_1",
        "wanted_2",
    ]
    assert choose_columns(names, first=("a", "b", "c"), stream="x", preferred=(), most=1) == ["a", "b", "c"]


def test_a_property_named_like_a_column_of_ours() -> None:
    assert column_name("archived", ("archived",)) == "property_archived"
    assert column_name("city", ("archived",)) == "city"


@pytest.mark.parametrize(
    ("name", "kind", "text", "expected"),
    [
        ("d", "date", "2026-03-05", "2026-03-05"),
        ("d", "date", "2026-03-05T00:00:00Z", "2026-03-05"),
        ("d", "date", "1772668800000", "2026-03-05"),
        ("d", "date", "2026-03-05T14:00:00Z", Odd("2026-03-05", "")),
        ("d", "date", "soon", Unstorable("soon", "")),
        ("d", "date", " ", None),
        ("m", "date-time", "2026-01-06t10:11:12.345z", "2026-01-06T10:11:12.345000+00:00"),
        ("m", "date-time", "1767694272345", "2026-01-06T10:11:12.345000+00:00"),
        ("n", "number", "$1,250.50", Decimal("1250.50")),
        ("n", "number", "0", Decimal(0)),
        ("n", "number", "n/a", Unstorable("n/a", "")),
        ("b", "boolean", "true", True),
        ("email", "string", "null", None),
        ("manager_email", "string", "NULL", None),
        ("email", "string", "sam@example.com", "sam@example.com"),
        ("email", "string", "sam", Odd("sam", "")),
        ("comments", "string", "null", "null"),
        ("phone", "string", "555-0100", "555-0100"),
        ("phone", "string", "n/a", Odd("n/a", "")),
        ("time", "string", "2026-03-05T14:00:00Z", "2026-03-05T14:00:00Z"),
        ("arrivy_appt_date", "string", "3/5/26 9:30 AM EST", "3/5/26 9:30 AM EST"),
    ],
)
def test_what_a_value_means(name: str, kind: str, text: str, expected: t.Any) -> None:
    found = values.converter_of(name, kind, {})(text)
    assert type(found) is type(expected)
    assert describe(found) == describe(expected)


@given(st.text(), st.sampled_from(["string", "number", "boolean", "date", "date-time", "integer"]))
def test_no_text_breaks_a_conversion(text: str, kind: str) -> None:
    for name in ("email", "phone", "comments"):
        encode(describe(values.converter_of(name, kind, {})(text)))


def test_the_ids_of_merged_records() -> None:
    assert values.merged_ids("5; 7;;x;7") == ["5", "7"]
    assert values.merged_ids(None) == []


# With a portal


def columns(account: Account, stream: str = "contacts", **settings: t.Any) -> dict[str, dict[str, t.Any]]:
    found: dict[str, dict[str, t.Any]] = account.read(stream, **settings).schema(stream)["schema"]["properties"]
    return found


def test_every_property_is_read_unless_a_pattern_says_otherwise(open_account: Callable[..., Account]) -> None:
    account = open_account(sizes={"contacts": 3}, width=230)
    everything = columns(account)
    assert "wide_0229" in everything
    assert "old_notes" not in everything  # archived in the portal
    some = columns(account, include_properties=["contacts.wide_022*"], exclude_properties=["lead_*"])
    assert {"wide_0220", "wide_0229", "comments"} <= some.keys()
    assert not {"wide_0210", "lead_id"} & some.keys()
    assert "lastmodifieddate" in columns(account, exclude_properties=["*"])


def test_a_catalogued_column_is_there_though_the_portal_has_no_such_property(
    open_account: Callable[..., Account],
) -> None:
    account = open_account(sizes={"contacts": 3})
    del account.crm.kinds["contacts"].properties["lead_cost"]
    run = account.read("contacts")
    assert "lead_cost" in run.schema("contacts")["schema"]["properties"]
    assert {row["lead_cost"] for row in run.records("contacts")} == {None}


def test_a_deselected_column_is_not_asked_for(open_account: Callable[..., Account]) -> None:
    from tap_hubspot_dw.tap import TapHubSpot  # noqa: PLC0415 - of this test only
    from tap_kit.testing import run_tap, select  # noqa: PLC0415

    account = open_account(sizes={"contacts": 3})
    catalog = select(TapHubSpot(config=account.config).catalog_dict, "contacts")
    (entry,) = [entry for entry in catalog["streams"] if entry["stream"] == "contacts"]
    for item in entry["metadata"]:
        if item["breadcrumb"] == ["properties", "email"]:
            item["metadata"]["selected"] = False
    run = run_tap(TapHubSpot, account.config, catalog=catalog)
    assert "email" not in run.schema("contacts")["schema"]["properties"]
    assert all("email" not in row for row in run.records("contacts"))
    # Definitions are asked for what is selected only.
    account.crm.requests.clear()
    run_tap(TapHubSpot, account.config, catalog=catalog)
    assert account.asked("/crm/properties/2026-03/") == 1


def test_patterns_and_fill_choose_the_columns_of_a_wide_portal(open_account: Callable[..., Account]) -> None:
    account = open_account(sizes={"contacts": 30}, width=500)
    by_age = columns(account, max_columns=300)
    assert len(by_age) <= 300
    assert "wide_0499" not in by_age
    assert "wide_0499" in columns(account, max_columns=300, column_properties=["wide_04*"])
    for index in range(30):
        account.change("contacts", index, **{f"wide_{number:04}": None for number in range(200, 450)})
    by_fill = columns(account, max_columns=230, columns_by="fill")
    assert "wide_0499" in by_fill
    assert "wide_0201" not in by_fill


def test_what_has_no_column_is_kept_as_json(open_account: Callable[..., Account]) -> None:
    account = open_account(sizes={"contacts": 4}, width=500)
    one = account.change("contacts", 2, wide_0499="as it is", wide_0498="")
    run = account.read("contacts", max_columns=220)
    (row,) = [row for row in run.records("contacts") if row["id"] == one]
    assert row["properties"]["wide_0499"] == "as it is"
    assert "wide_0498" not in row["properties"]
    assert "city" not in row["properties"]


def test_a_further_object_has_the_columns_of_its_portal(open_account: Callable[..., Account]) -> None:
    account = open_account(100)
    run = account.read(
        "products", "projects", objects=["products", "projects=2-1000102"], genius_users_object_type="2-1"
    )
    assert len(run.records("products")) == len(account.live("products"))
    assert {row["id"] for row in run.records("projects")} == account.live("genius_users")
    assert "arrivy_user_id" in run.schema("projects")["schema"]["properties"]
    assert run.bookmarks["products"]["replication_key"] == "hs_lastmodifieddate"


def test_an_object_may_be_named_by_its_type_id(open_account: Callable[..., Account]) -> None:
    account = open_account(100)
    run = account.read("courses", objects=["0-410"])
    assert len(run.records("courses")) == len(account.live("courses")) > 0


def test_an_empty_object_is_chosen_by_age(open_account: Callable[..., Account]) -> None:
    account = open_account(sizes={"contacts": 0, "companies": 1}, width=500)
    assert len(columns(account, max_columns=200, columns_by="fill")) <= 200


def test_all_custom_objects_have_a_stream(open_account: Callable[..., Account]) -> None:
    from tap_hubspot_dw.tap import TapHubSpot  # noqa: PLC0415 - of this test only

    account = open_account(20)
    account.crm.kinds["genius_users"].name = "projects"
    tap = TapHubSpot(config=account.config | {"custom_objects": True, "objects": ["line_items"]})
    assert {"divisions", "custom_projects", "line_items"} <= tap.streams.keys()
    assert "genius_users" not in tap.streams
    named = TapHubSpot(config=account.config | {"objects": ["projects"]})
    assert "custom_projects" in named.streams
    assert named.explain_missing("nothing").startswith("The stream nothing does not exist")


def test_custom_objects_are_found_by_name_or_by_setting(open_account: Callable[..., Account]) -> None:
    from tap_hubspot_dw.tap import TapHubSpot  # noqa: PLC0415 - of this test only

    account = open_account(20)
    found = TapHubSpot(config=account.config).streams
    assert t.cast("t.Any", found["divisions"]).object_type == "2-1000101"
    set_types = {"divisions_object_type": "2-1000102", "genius_users_object_type": "2-1000101"}
    account.crm.requests.clear()
    swapped = TapHubSpot(config=account.config | set_types).streams
    assert t.cast("t.Any", swapped["divisions"]).object_type == "2-1000102"
    assert account.asked("schemas") == 0


def test_sensitive_properties_are_asked_for_by_setting(open_account: Callable[..., Account]) -> None:
    account = open_account(3)
    account.read("contacts", "properties", data_sensitivity=["non_sensitive", "sensitive"])
    assert account.asked("/crm/properties/2026-03/contacts") == 2 * 2 + 2
