"""What a run reads, and what the next one reads."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from crm_simulator.faults import Fault
from tap_kit.errors import Stop
from tap_kit.http import HttpClient
from tap_kit.testing import assert_golden, assert_resumable, keys, normalise
from tap_marketsharp_dw.names import DEFAULT_GROUPS, GROUPS
from tap_marketsharp_dw.streams import STREAMS
from tap_marketsharp_dw.tap import TapMarketSharp

if t.TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Company: t.TypeAlias = t.Any

SETS = {stream.name: str(vars(stream)["path"]).strip("/") for stream in STREAMS}
KEYS = {stream.name: str(stream.primary_keys[0]) for stream in STREAMS}
BY_TIME = [stream.name for stream in STREAMS if stream.replication_key is not None]
START = datetime(2025, 6, 2, 12, tzinfo=UTC)
CASES = [("json", 7, 5), ("json", 7, 1000), ("atom", 7, 20), ("json", None, 20), ("atom", 500, 1000)]


def ids(run: Run, stream: str) -> list[t.Any]:
    return [key for (key,) in keys(run.records(stream), KEYS.get(stream, KEYS.get(stream.removesuffix("_keys"), "")))]


def truth(company: Company, stream: str) -> list[t.Any]:
    entity_set = company.crm.sets[SETS[stream]]
    return [row[entity_set.key] for row in company.crm.truth(entity_set.name)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[requests.PreparedRequest]:
    """Return the requests of the test, as they are sent."""
    sent: list[requests.PreparedRequest] = []
    prepare = HttpClient.prepare

    def noting(self: HttpClient, request: HTTPRequest, **options: t.Any) -> requests.PreparedRequest:
        prepared = prepare(self, request, **options)
        sent.append(prepared)
        return prepared

    monkeypatch.setattr(HttpClient, "prepare", noting)
    return sent


def queries(asked: list[requests.PreparedRequest], entity_set: str) -> list[dict[str, str]]:
    """Return the parameters of the requests for a set, in their order; not decoded from + to blank."""
    found = []
    for request in asked:
        parts = urlsplit(request.url or "")
        if parts.path.endswith(f"/{entity_set}"):
            pairs = (part.partition("=") for part in parts.query.split("&"))
            found.append({name: unquote(value) for name, _, value in pairs})
    return found


# What is written


@pytest.mark.parametrize(("form", "page_cap", "page_size"), CASES)
def test_a_full_read_is_every_entry_once(
    open_company: Callable[..., Company], form: str, page_cap: int | None, page_size: int
) -> None:
    company = open_company(page_cap=page_cap)
    run = company.read(form=form, page_size=page_size)
    assert run.exit_code == 0
    for name in SETS:
        assert len(ids(run, name)) == len(set(ids(run, name))), name
        assert set(ids(run, name)) == set(truth(company, name)), name
        assert ids(run, name), name
    assert not run.records("sync_rejects")


def test_the_forms_give_the_same_records(open_company: Callable[..., Company]) -> None:
    runs = [
        open_company(page_cap=10, zone="America/Chicago").read(form=form, timezone="America/Chicago")
        for form in ("json", "atom")
    ]
    for name in SETS:
        assert runs[0].records(name) == runs[1].records(name), name


def test_the_output_does_not_depend_on_the_concurrency(open_company: Callable[..., Company]) -> None:
    company = open_company(page_cap=7)
    lines = []
    for concurrency in (1, 4):
        run = company.read("contacts", "addresses", concurrency=concurrency, page_size=20)
        text = normalise(run.text, {f'"concurrency":{concurrency}': ""})
        lines.append([line for line in text.splitlines() if '"STATE"' not in line])
    assert lines[0] == lines[1]


def test_golden_output(open_company: Callable[..., Company]) -> None:
    company = open_company(size=2)
    run = company.read(groups=["company", "contacts", "inquiries", "calls"])
    text = normalise(run.text, {company.url: "<url>"})
    assert_golden(Path(__file__).with_name("golden.jsonl"), text)


def test_an_empty_account_is_no_error(open_company: Callable[..., Company]) -> None:
    run = open_company(size=0).read()
    assert run.exit_code == 0
    assert not [message for message in run.messages if message["type"] == "RECORD"]


def test_the_array_of_the_first_dialect_is_read(open_company: Callable[..., Company]) -> None:
    company = open_company(json_form="array", page_cap=None)
    run = company.read("contacts", "addresses", page_size=9)
    for name in ("contacts", "addresses"):
        assert ids(run, name) == truth(company, name)


@pytest.mark.parametrize("json", ["ignored", "refused"])
def test_atom_is_read_where_json_is_not_served(
    open_company: Callable[..., Company], asked: list[requests.PreparedRequest], json: str
) -> None:
    company = open_company(json=json, page_cap=10)
    run = company.read("contacts", "jobs")
    assert run.exit_code == 0
    assert ids(run, "contacts") == truth(company, "contacts")
    refused = [request for request in asked if "json" in request.headers["Accept"]]
    # Where it is refused, it is asked for once a run.
    assert len(refused) == 1 if json == "refused" else len(refused) > 5
    assert company.crm.statuses[415] == (json == "refused")


def test_values_are_of_their_columns(company: Company) -> None:
    contacts, addresses, jobs = (company.crm.collections[name] for name in ("Contacts", "Addresses", "Jobs"))
    moment = contacts.modified_at(0)
    contacts.change(
        0,
        moment,
        hasDNCPhone=True,
        hasDNEEmail=False,
        reference=None,
        email1="",
        creationDate=datetime(2025, 1, 5, 9, 30, 0, 123000),  # noqa: DTZ001 - as the service gives it
    )
    addresses.change(0, moment, coounty="Sangamon", latitude="39.8", longitude="")
    jobs.change(0, moment, addressLin2="Unit 7", isActive=None)
    company.crm.collections["ProductInterests"].change(0, moment, priceQuoted="1234.50")
    for form in ("json", "atom"):
        run = company.read("contacts", "addresses", "jobs", "product_interests", "job_products", form=form)
        contact = next(one for one in run.records("contacts") if one["id"] == company.crm.key("Contacts", 0))
        assert (contact["has_dnc_phone"], contact["has_dne_email"]) == (True, False)
        assert (contact["reference"], contact["email1"]) == (None, "")
        assert contact["creation_date"].startswith("2025-01-05T09:30:00.123")
        assert contact["company_id"] == 1
        assert contact["last_update"] == moment.isoformat()
        address = run.records("addresses")[0]
        assert (address["county"], float(address["latitude"]), address["longitude"]) == ("Sangamon", 39.8, None)
        job = next(one for one in run.records("jobs") if one["id"] == company.crm.key("Jobs", 0))
        # What is missing is null, also where the old system stored a default.
        assert (job["address_line2"], job["is_active"]) == ("Unit 7", None)
        assert {float(one["price_quoted"] or 0) for one in run.records("product_interests")} > {1234.5}
    assert any(one["salesperson1id"] for one in run.records("job_products"))


@pytest.mark.parametrize("form", ["json", "atom"])
def test_names_count_without_regard_to_case(open_company: Callable[..., Company], form: str) -> None:
    sets = ("Contacts", "Surveys", "Addresses", "ContactPhones")
    company = open_company(pascal=sets, page_cap=9)
    run = company.read("contacts", "surveys", "addresses", "contact_phones", form=form, page_size=20)
    assert run.exit_code == 0
    plain = open_company().read("contacts", "surveys", "addresses", "contact_phones")
    for name in ("contacts", "surveys", "addresses", "contact_phones"):
        assert [set(one.items()) for one in run.records(name)] == [set(one.items()) for one in plain.records(name)]


def test_without_metadata_the_names_of_the_tap_are_asked_for(open_company: Callable[..., Company]) -> None:
    company = open_company(pascal=("Contacts",))
    run = company.read("contacts", "jobs", metadata=False)
    assert company.crm.requests["GET /$metadata"] == 0
    assert "No property 'lastUpdate' exists" in run.report("contacts")["error"]
    assert run.report("jobs")["status"] == "success"


@pytest.mark.parametrize("options", [{"metadata": False}, {"unlicensed": ("Companies",)}])
@pytest.mark.parametrize("metadata", [True, False])
def test_a_probe_that_is_refused_does_not_matter(
    open_company: Callable[..., Company], options: dict[str, t.Any], *, metadata: bool
) -> None:
    company = open_company(**options)
    run = company.read("contacts", metadata=metadata)
    assert run.exit_code == 0
    assert ids(run, "contacts") == truth(company, "contacts")


def test_links_to_other_entities_are_not_followed(company: Company) -> None:
    company.read("contacts", "inquiries", "job_products")
    assert set(company.crm.requests) == {"GET /$metadata", "GET /Contacts", "GET /Inquiries", "GET /JobProducts"}
    assert sum(company.crm.requests.values()) == 4


def test_properties_without_a_column_are_told_once(company: Company, caplog: pytest.LogCaptureFixture) -> None:
    company.read("contacts", "jobs")
    assert "MarketSharp has more" not in caplog.text
    tap = TapMarketSharp(config=company.settings, setup_mapper=False)
    from tap_marketsharp_dw.odata import EntityType  # noqa: PLC0415 - for this one

    tap.entity_types = {"contacts": EntityType("/Contacts", {"id": "id", "shoesize": "shoeSize"})}
    t.cast("t.Any", tap.rest_stream("contacts")).warn_of_unknown_properties()
    assert "contacts: MarketSharp has more than the tap reads: shoeSize." in caplog.text


# Groups


def test_the_default_groups_do_not_repeat_the_contacts(company: Company) -> None:
    del company.settings["groups"]
    run = company.read()
    assert set(run.bookmarks) | {name for name in SETS if run.records(name)} == {
        name for group in DEFAULT_GROUPS for name in GROUPS[group]
    }
    assert not {"customers", "leads", "prospects"} & set(run.bookmarks)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_its_streams(company: Company, group: str) -> None:
    tap = TapMarketSharp(config={**company.settings, "groups": [group]}, setup_mapper=False)
    assert set(tap.streams) == set(GROUPS[group])
    other = next(name for name in SETS if name not in GROUPS[group])
    assert "is not in the setting groups" in tap.explain_missing(other)
    assert "does not exist" in tap.explain_missing("nothing")


def test_a_path_may_be_another_one(company: Company) -> None:
    run = company.read("customers", paths={"customers": "/Leads"})
    assert ids(run, "customers") == truth(company, "leads")


# Queries


def test_queries_are_those_that_the_service_understands(
    company: Company, asked: list[requests.PreparedRequest]
) -> None:
    run = company.read("contacts", "addresses", "contact_phones", "inquiry_statuses", start_date="2025-06-01T10:00:00Z")
    assert run.exit_code == 0
    (first, undated) = queries(asked, "Contacts")
    assert first == {
        "$filter": "lastUpdate ge datetime'2025-06-01T10:00:00'",
        "$orderby": "lastUpdate,id",
        "$top": "1000",
    }
    assert undated == {"$filter": "lastUpdate eq null", "$orderby": "id", "$top": "1000"}
    assert queries(asked, "Addresses") == [{"$orderby": "id", "$top": "1000"}]
    assert queries(asked, "ContactPhones") == [{"$orderby": "contactId", "$top": "1000"}]
    assert queries(asked, "InquiryStatuses")[0]["$filter"].startswith("lastUpdateUtc ge ")
    for request in asked:
        address = str(request.url)
        # Neither + for a blank nor %24 for the $.
        assert "+" not in address
        assert "%24" not in address
        assert "ge%20datetime'" in address or "ge" not in urlsplit(address).query


def test_a_full_read_has_no_predicate_and_goes_on_by_moment(
    open_company: Callable[..., Company], asked: list[requests.PreparedRequest]
) -> None:
    company = open_company(page_cap=None)
    company.read("contacts", page_size=25)
    first, *others = queries(asked, "Contacts")
    assert first == {"$orderby": "lastUpdate,id", "$top": "25"}
    assert len(others) == 2
    assert all(one["$filter"].startswith("lastUpdate ge datetime'2025-06-") and "$skip" not in one for one in others)


def test_a_list_without_a_moment_goes_on_by_number(
    open_company: Callable[..., Company], asked: list[requests.PreparedRequest]
) -> None:
    company = open_company(page_cap=None)
    company.read("addresses", page_size=25)
    assert [one.get("$skip") for one in queries(asked, "Addresses")] == [None, "24", "48"]


@pytest.mark.parametrize("keeps_top", [True, False])
def test_next_links_are_followed_and_counted_over_all_parts(
    open_company: Callable[..., Company], asked: list[requests.PreparedRequest], *, keeps_top: bool
) -> None:
    company = open_company(page_cap=10, link_keeps_top=keeps_top)
    run = company.read("contacts", page_size=30)
    assert ids(run, "contacts") == truth(company, "contacts")
    assert sum("$skiptoken" in one for one in queries(asked, "Contacts")) >= 4


@pytest.mark.parametrize("page_size", [3, 10, 19])
@pytest.mark.parametrize("name", ["contacts", "addresses"])
def test_many_entries_of_one_moment_are_read(open_company: Callable[..., Company], name: str, page_size: int) -> None:
    company = open_company(crowd=range(5, 45), page_cap=None)
    run = company.read(name, page_size=page_size)
    assert ids(run, name) == truth(company, name)


@pytest.mark.parametrize("page_size", [2, 5, 1000])
def test_entries_without_a_moment_are_read_in_full_and_by_deltas(
    open_company: Callable[..., Company], page_size: int
) -> None:
    company = open_company(page_cap=None)
    company.crm.undated["Contacts"] = set(range(3, 16))
    first = company.read("contacts", page_size=page_size)
    assert sorted(ids(first, "contacts")) == sorted(truth(company, "contacts"))
    assert sum(one["last_update"] is None for one in first.records("contacts")) == 13
    again = company.read("contacts", page_size=page_size, state=first.states[-1])
    assert sum(one["last_update"] is None for one in again.records("contacts")) == 13
    assert len(again.records("contacts")) < 30


def test_a_service_that_cannot_compare_with_null_has_nothing_undated(company: Company) -> None:
    clause = company.crm._clause

    def refusing(entity_set: t.Any, name: str, operator: str, literal: str) -> t.Any:
        from crm_simulator.marketsharp import BadQueryError  # noqa: PLC0415 - for this one

        if literal == "null":
            raise BadQueryError("Operator 'eq' incompatible with operand types.")
        return clause(entity_set, name, operator, literal)

    company.crm._clause = refusing
    run = company.read("contacts", start_date="2025-06-02T08:00:00Z")
    assert run.exit_code == 0
    assert run.records("contacts")
    assert company.crm.statuses[400] == 1


# Deltas


def test_a_delta_is_what_changed_since_and_the_hours_read_again(company: Company) -> None:
    first = company.read()
    happened = company.a_day_passes()
    second = company.read(state=first.states[-1])
    assert second.exit_code == 0
    before = {name: {one[KEYS[name]]: one for one in first.records(name)} for name in SETS}
    for name in BY_TIME:
        entity_set = company.crm.sets[SETS[name]]
        now = {row[entity_set.key] for row in company.crm.truth(entity_set.name)}
        changed = {one[KEYS[name]] for one in second.records(name) if before[name].get(one[KEYS[name]]) != one}
        assert now - before[name].keys() <= changed, name
        assert set(ids(second, name)) <= now, name
        assert second.bookmarks[name]["replication_key_value"] >= first.bookmarks[name]["replication_key_value"], name
    assert happened["Contacts"]["changed"] >= 1
    assert len(second.records("contacts")) < 30 < len(first.records("contacts"))
    # Sets without a moment of change are read in full.
    assert set(ids(second, "addresses")) == set(truth(company, "addresses"))


@pytest.mark.parametrize(("minutes", "count"), [(0, 1), (30, 4), (120, 13)])
def test_the_last_minutes_are_read_again(company: Company, minutes: int, count: int) -> None:
    first = company.read("contacts")
    again = company.read("contacts", state=first.states[-1], lookback_minutes=minutes)
    # With 0 minutes it is still what shares the last moment: ge, not gt.
    assert len(again.records("contacts")) == count


@pytest.mark.parametrize("zone", ["America/Chicago", "UTC", "Pacific/Kiritimati"])
def test_moments_are_of_the_zone_of_the_company(
    open_company: Callable[..., Company], asked: list[requests.PreparedRequest], zone: str
) -> None:
    company = open_company(zone=zone)
    first = company.read("contacts", "inquiry_statuses", "call_leads", timezone=zone)
    moments = [company.crm.collections["Contacts"].modified_at(index).isoformat() for index in range(60)]
    assert [one["last_update"] for one in first.records("contacts")] == moments
    statuses = company.crm.collections["InquiryStatuses"]
    told = [statuses.modified_at(index).isoformat() for index in range(12)]
    assert [one["last_update_utc"] for one in first.records("inquiry_statuses")] == told
    asked.clear()
    second = company.read("contacts", "inquiry_statuses", timezone=zone, state=first.states[-1], lookback_minutes=0)
    assert len(second.records("contacts")) == len(second.records("inquiry_statuses")) == 1
    # The filter of contacts is in the time of the company, that of the statuses in UTC.
    wanted = company.crm.naive(company.crm.collections["Contacts"].modified_at(59), "lastUpdate").isoformat()
    assert queries(asked, "Contacts")[0]["$filter"] == f"lastUpdate ge datetime'{wanted}'"
    wanted = statuses.modified_at(11).astimezone(UTC).replace(tzinfo=None).isoformat()
    assert queries(asked, "InquiryStatuses")[0]["$filter"] == f"lastUpdateUtc ge datetime'{wanted}'"


def test_the_hour_that_comes_twice_is_read_again(open_company: Callable[..., Company]) -> None:
    zone = "America/Chicago"
    # The second of November 2025: from 2:00 back to 1:00, at 07:00 UTC.
    company = open_company(zone=zone)
    contacts = company.crm.collections["Contacts"]
    company.crm.world.start = datetime(2025, 11, 2, 6, 59, tzinfo=UTC)
    contacts.change(0, datetime(2025, 11, 2, 6, 58, tzinfo=UTC), firstName="before")
    first = company.read("contacts", timezone=zone)
    assert first.bookmarks["contacts"]["replication_key_value"] == "2025-11-02T06:58:00.000000+00:00"
    contacts.change(1, datetime(2025, 11, 2, 7, 10, tzinfo=UTC), firstName="in the second hour")
    second = company.read("contacts", timezone=zone, state=first.states[-1])
    assert "in the second hour" in {one["first_name"] for one in second.records("contacts")}


def test_the_bookmark_does_not_pass_the_clock_of_the_service(company: Company) -> None:
    company.crm.collections["Contacts"].change(0, company.crm.world.now + timedelta(days=300))
    run = company.read("contacts")
    assert run.bookmarks["contacts"]["replication_key_value"][:16] == "2025-06-02T12:00"


def test_a_window_of_time_leaves_the_bookmark(company: Company) -> None:
    first = company.read("contacts")
    run = company.read(
        "contacts", state=first.states[-1], since="2025-06-02T08:00:00Z", end_date="2025-06-02T09:00:00Z"
    )
    assert {one["last_update"][:13] for one in run.records("contacts")} == {"2025-06-02T08"}
    assert len(run.records("contacts")) == 6
    assert run.bookmarks == first.bookmarks
    half = company.read("contacts", end_date="2025-06-02T09:00:00.5Z", page_size=5)
    assert max(one["last_update"] for one in half.records("contacts")) == "2025-06-02T09:00:00+00:00"
    assert half.bookmarks == {} or "contacts" not in half.bookmarks or not half.bookmarks["contacts"]


def test_max_records_ends_a_stream_and_leaves_the_bookmark(company: Company) -> None:
    run = company.read("contacts", max_records=7)
    assert len(run.records("contacts")) == 7
    assert not run.bookmarks.get("contacts")


@pytest.mark.parametrize("name", ["inquiry_statuses", "contacts"])
def test_an_unfiltered_stream_is_read_in_full_and_compared_here(
    open_company: Callable[..., Company], asked: list[requests.PreparedRequest], name: str
) -> None:
    company = open_company(unfilterable=(SETS[name],), page_cap=9)
    refused = company.read(name, start_date="2025-06-01T00:00:00Z")
    assert f"add {name} to the setting unfiltered" in refused.report(name)["error"]
    first = company.read(name, unfiltered=[name], page_size=20)
    assert set(ids(first, name)) == set(truth(company, name))
    company.a_day_passes()
    asked.clear()
    second = company.read(name, unfiltered=[name], state=first.states[-1])
    assert {"$filter", "$skip"}.isdisjoint(queries(asked, SETS[name])[0])
    assert 0 < len(second.records(name)) < len(first.records(name)) + 5
    assert second.bookmarks[name]["replication_key_value"] > first.bookmarks[name]["replication_key_value"]


def test_a_sweep_sends_the_keys_of_everything_there_is(open_company: Callable[..., Company]) -> None:
    company = open_company(page_cap=10)
    first = company.read()
    company.crm.collections["Contacts"].archive(7, company.crm.world.now)
    company.crm.collections["Addresses"].archive(0, company.crm.world.now)
    run = company.read(state=first.states[-1], deletions="sweep", page_size=25)
    for name in SETS:
        assert set(ids(run, f"{name}_keys")) == set(truth(company, name)), name
        assert run.schema(f"{name}_keys")["schema"]["x-sweep-of"] == name
    assert len(ids(run, "contacts_keys")) == 59


# Interruptions


@pytest.mark.parametrize("name", ["contacts", "addresses", "inquiry_statuses"])
@pytest.mark.parametrize("unfiltered", [[], ["contacts", "inquiry_statuses"]])
def test_a_run_may_be_cut_off_at_every_state(
    open_company: Callable[..., Company], name: str, unfiltered: list[str]
) -> None:
    company = open_company(page_cap=7, crowd=range(10, 20))
    settings = {"page_size": 10, "unfiltered": unfiltered}
    run = company.read(name, **settings)
    assert len(run.states) > 2
    assert_resumable(run, lambda state: company.read(name, state=state, **settings), name, "id")


def test_a_delta_may_be_cut_off_at_every_state(open_company: Callable[..., Company]) -> None:
    company = open_company(size=200)
    company.crm.undated["Contacts"] = {5, 6, 7, 8, 9}
    first = company.read("contacts")
    company.a_day_passes()
    run = company.read("contacts", page_size=2, state=first.states[-1])
    assert len(run.states) > 5
    assert_resumable(run, lambda state: company.read("contacts", state=state), "contacts", "id")


def test_a_broken_off_read_goes_on_where_it_was(open_company: Callable[..., Company]) -> None:
    company = open_company(page_cap=10)
    company.crm.faults.append(Fault("error", path="/Contacts", after=4, times=0, status=400))
    run = company.read("contacts", page_size=20, lookback_minutes=0)
    assert run.exit_code == 1
    assert len(run.records("contacts")) >= 30
    # The next entry comes ten minutes after the last one: it has not been read, and the bookmark says so.
    assert run.bookmarks["contacts"]["replication_key_value"] == max(
        f"{one['last_update'][:19]}.000000+00:00" for one in run.records("contacts")
    )
    company.crm.faults.clear()
    rest = company.read("contacts", state=run.states[-1], lookback_minutes=0)
    assert len(rest.records("contacts")) <= 31
    assert set(ids(run, "contacts")) | set(ids(rest, "contacts")) == set(truth(company, "contacts"))


# What moves while it is read


def changing(company: Company, entity_set: str, change: Callable[[int], object]) -> None:
    """Let something happen after each answer of a set."""
    find, calls = company.crm.find, {"count": 0}

    def found(one: t.Any, query: t.Any) -> t.Any:
        if one.name == entity_set:
            calls["count"] += 1
            if calls["count"] > 1:
                change(calls["count"] - 1)
        return find(one, query)

    company.crm.find = found


@pytest.mark.parametrize("page_size", [10, 20])
def test_an_entry_that_is_changed_during_the_read_costs_no_other_one(
    open_company: Callable[..., Company], page_size: int
) -> None:
    company = open_company(page_cap=None)
    contacts = company.crm.collections["Contacts"]
    # Entries that were read already move to the end, as a walk by number would not survive.
    changing(company, "Contacts", lambda call: contacts.change(call, company.crm.world.now, firstName="late"))
    run = company.read("contacts", page_size=page_size)
    assert run.exit_code == 0
    assert set(ids(run, "contacts")) == set(truth(company, "contacts"))


@pytest.mark.parametrize("name", ["addresses", "contacts"])
@pytest.mark.parametrize("removed", [1, 3, 12])
def test_entries_that_vanish_during_the_read_hide_no_other_one(
    open_company: Callable[..., Company], name: str, removed: int
) -> None:
    company = open_company(page_cap=None, crowd=range(60))
    collection = company.crm.collections[SETS[name]]

    def remove(call: int) -> None:
        if call <= 2:
            for index in range(removed * (call - 1), removed * call):
                collection.archive(index, company.crm.world.now)

    changing(company, SETS[name], remove)
    run = company.read(name, page_size=10)
    assert run.exit_code == 0
    assert set(ids(run, name)) >= set(truth(company, name))


def test_a_list_that_leads_nowhere_is_an_error(company: Company) -> None:
    find = company.crm.find
    company.crm.find = lambda one, query: iter(()) if query.skip else find(one, query)
    run = company.read("addresses", page_size=10)
    assert "does not get past its entry 0 from the beginning on" in run.report("addresses")["error"]
    assert company.crm.requests["GET /Addresses"] == 3


def test_a_list_that_never_holds_still_is_an_error(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_marketsharp_dw.client.MOST_STEPS_BACK", 3)
    company.crm.page_cap = None
    addresses = company.crm.collections["Addresses"]
    # Before each further page, as many entries are gone as the page before had.
    changing(company, "Addresses", lambda call: [addresses.archive(n, START) for n in range(10 * call)])
    run = company.read("addresses", page_size=10)
    assert "changes faster than it can be read" in run.report("addresses")["error"]


# Settings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"groups": ["jobs", "toys"]}, "The setting groups names toys; the groups are: company, "),
        ({"paths": {"toys": "/Toys"}}, "The setting paths names toys; the streams are: companies, "),
        (
            {"unfiltered": ["addresses"]},
            "The setting unfiltered names addresses; the streams that are read by a moment",
        ),
        ({"timezone": "America"}, "The setting timezone is 'America'; it must be an IANA name"),
        ({"secret_key": "not base64!"}, "The setting secret_key is no Base64"),
    ],
)
def test_settings_that_make_no_sense(company: Company, settings: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(Stop, match=sentence) as caught:
        company.read(**settings)
    assert "not base64!" not in str(caught.value)
