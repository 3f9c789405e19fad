"""Credentials, faults, odd answers, odd records."""

from __future__ import annotations

import itertools
import typing as t
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest
import requests
from crm_simulator.faults import Fault
from crm_simulator.limiting import Rule
from crm_simulator.marketsharp import SECRET_KEY, USER_KEY
from starlette.responses import JSONResponse, Response
from tap_kit.errors import SkipStream
from tap_kit.http import HttpClient
from tap_kit.testing import keys
from tap_marketsharp_dw import odata
from tap_marketsharp_dw.tap import TapMarketSharp

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Company: t.TypeAlias = t.Any

UUID = "11111111-1111-4111-8111-111111111111"


def ids(run: Run, stream: str) -> list[str]:
    return [key for (key,) in keys(run.records(stream), "id")]


def truth(company: Company, entity_set: str) -> list[t.Any]:
    return [row["id"] for row in company.crm.truth(entity_set)]


# Credentials


@pytest.mark.parametrize(
    ("setting", "value"),
    [("company_id", "4321"), ("user_key", "a-wrong-user"), ("secret_key", "YS13cm9uZy1zZWNyZXQ=")],
)
def test_wrong_credentials_end_the_run_and_are_not_shown(
    company: Company, setting: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = company.read("contacts", "jobs", **{setting: value})
    assert run.exit_code == 1
    assert {run.report(name)["error_category"] for name in ("contacts", "jobs")} == {"authentication"}
    assert "The company, the user key or the secret key is wrong" in run.report("contacts")["error"]
    # The clock of the simulation is another one, so it was tried once more with that.
    assert company.crm.requests == {"GET /$metadata": 2}
    if setting != "company_id":
        assert value not in run.text + caplog.text


def test_secrets_are_in_no_output(open_company: Callable[..., Company], caplog: pytest.LogCaptureFixture) -> None:
    company = open_company(unlicensed=("Jobs",))
    company.crm.faults.append(Fault("error", path="/Contacts", times=1, status=503, retry_after="0"))
    user = "5e7b1c1e-0000-4000-8000-000000000000"
    company.crm.authenticate = lambda request: None if request.headers["Authorization"].startswith("1234:5e7b") else 1
    with caplog.at_level("DEBUG"):
        run = company.read("contacts", "jobs", user_key=user)
    assert run.exit_code == 1
    assert run.records("contacts")
    for secret in (user, SECRET_KEY, "secret-key-for-tests", "Authorization"):
        assert secret not in run.text
        assert secret not in "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("tap"))


def test_each_attempt_is_signed_anew(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    prepare = HttpClient.prepare

    def noting(self: HttpClient, request: HTTPRequest, **options: t.Any) -> requests.PreparedRequest:
        prepared = prepare(self, request, **options)
        sent.append(str(prepared.headers["Authorization"]))
        return prepared

    seconds = itertools.count(1_736_000_000)
    monkeypatch.setattr(HttpClient, "prepare", noting)
    monkeypatch.setattr(TapMarketSharp, "vendor_time", lambda _: datetime.fromtimestamp(next(seconds), UTC))
    company.crm.faults.append(Fault("error", path="/Jobs", times=2, status=503, retry_after="0.01"))
    assert company.read("jobs").exit_code == 0
    assert len(sent) == len(set(sent)) == 4
    assert {one.split(":")[1] for one in sent} == {USER_KEY}


@pytest.mark.parametrize("offset", [timedelta(days=-400), timedelta(days=90)])
def test_a_machine_with_a_wrong_clock_signs_with_the_time_of_the_service(
    open_company: Callable[..., Company], offset: timedelta
) -> None:
    company = open_company(tolerance=300)
    company.crm.world.start = datetime.now(UTC).replace(microsecond=0) + offset
    run = company.read("companies", "contacts")
    assert run.exit_code == 0
    assert company.crm.statuses[401] == 1


def test_credentials_that_are_taken_away_end_the_run(company: Company) -> None:
    company.crm.faults.append(Fault("expired_token", path="/Contacts", after=2))
    run = company.read("contacts", "jobs", page_size=10)
    assert run.report("contacts")["error_category"] == "authentication"
    assert run.report("jobs")["status"] == "failed"
    assert run.bookmarks["contacts"]["replication_key_value"] > "2025-06-02"
    assert run.exit_code == 1


# Sets that may not be read


def test_a_forbidden_stream_does_not_stop_the_others(company: Company) -> None:
    company.crm.faults.append(Fault("forbidden", path="/Appointments"))
    run = company.read(groups=["appointments", "jobs"])
    assert run.exit_code == 1
    assert run.report("appointments")["error_category"] == "permission"
    assert "it needs a licence that includes it" in run.report("appointments")["error"]
    assert {run.report(name)["status"] for name in ("appointment_results", "jobs")} == {"success"}


@pytest.mark.parametrize("form", ["json", "atom"])
def test_a_set_that_the_licence_leaves_out_says_what_to_do(open_company: Callable[..., Company], form: str) -> None:
    company = open_company(unlicensed=("LeadPaints", "C800ResponseLead"))
    run = company.read(groups=["lead_paint", "calls"], form=form)
    assert run.exit_code == 1
    told = run.report("lead_paints")["error"]
    assert "answered 404: Resource not found for the segment 'LeadPaints'." in told
    assert "leave lead_paint out of the setting groups" in told
    assert run.report("lead_paint_workers")["status"] == "success"
    # What cannot pass by itself is not tried again.
    assert company.crm.requests["GET /LeadPaints"] == company.crm.requests["GET /C800ResponseLead"] == 1


# Passing trouble


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("storm", times=3),
        Fault("storm", times=1, retry_after="1"),
        Fault("error", times=4, status=503),
        Fault("error", times=1, status=503, retry_after="1"),
        Fault("error", times=2, status=500),
        Fault("error", after=2, times=2, status=504),
        Fault("cut", after=1),
        Fault("not_json", after=1),
        Fault("wrong_type", after=2),
    ],
    ids=lambda fault: f"{fault.kind}{fault.status}",
)
@pytest.mark.parametrize("form", ["json", "atom"])
def test_passing_trouble_loses_nothing(open_company: Callable[..., Company], fault: Fault, form: str) -> None:
    company = open_company(page_cap=10)
    company.crm.faults.append(Fault(**{**vars(fault), "seen": 0, "path": "/Contacts"}))
    run = company.read("contacts", form=form, page_size=30)
    assert run.exit_code == 0
    assert ids(run, "contacts") == truth(company, "Contacts")
    assert run.report("contacts")["retries"] >= fault.times


def test_a_refusal_that_lasts_longer_than_the_budget_ends_the_run(company: Company) -> None:
    company.crm.faults.append(Fault("storm", path="/Contacts", times=0, retry_after="3600"))
    run = company.read("contacts", retry_seconds=5)
    assert run.report("contacts")["error_category"] == "rate_limit"
    assert "wait of 3600 s is longer" in run.report("contacts")["error"]


@pytest.mark.usefixtures("quick_retries")
def test_an_outage_fails_the_stream_and_keeps_what_was_read(open_company: Callable[..., Company]) -> None:
    company = open_company(page_cap=None)
    company.crm.faults.append(Fault("error", path="/Contacts", after=2, times=0, status=502))
    run = company.read("contacts", "jobs", page_size=20, retry_seconds=1)
    assert run.report("contacts")["error_category"] == "source"
    assert run.bookmarks["contacts"]["replication_key_value"] > "2025-06-02"
    assert run.report("jobs")["status"] == "success"


def test_the_rate_is_kept(company: Company) -> None:
    company.crm.limiter.rules = {"default": [Rule(12, 60)]}
    run = company.read("contacts", requests_per_minute=12, page_size=10, retry_seconds=5)
    assert company.crm.limiter.violations == 0
    assert run.exit_code == 0
    more = company.read("contacts", requests_per_minute=3, page_size=10, retry_seconds=5)
    assert more.report("contacts")["error_category"] == "rate_limit"


def test_the_agent_is_named(company: Company) -> None:
    seen: set[str] = set()
    authenticate = company.crm.authenticate

    def noting(request: t.Any) -> t.Any:
        seen.add(request.headers["User-Agent"])
        return authenticate(request)

    company.crm.authenticate = noting
    company.read("jobs", user_agent="warehouse of a test")
    assert seen == {"warehouse of a test"}


# Links


def test_a_link_to_another_host_is_not_followed(open_company: Callable[..., Company]) -> None:
    company = open_company(page_cap=10, link_base="https://elsewhere.example.com/WcfDataService.svc")
    run = company.read("contacts", "jobs")
    assert run.report("contacts")["status"] == "failed"
    assert "leads to elsewhere.example.com instead of 127.0.0.1" in run.report("contacts")["error"]


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("http://api4.example.com/W.svc/Jobs?$skiptoken=1", "https://api4.example.com/W.svc/Jobs?$skiptoken=1"),
        ("https://api4.example.com:443/W.svc/Jobs?a=1", "https://api4.example.com/W.svc/Jobs?a=1"),
        ("Jobs?$skiptoken=guid'1'", "https://api4.example.com/W.svc/Jobs?$skiptoken=guid'1'"),
    ],
)
def test_links_are_followed_on_our_scheme_and_host(company: Company, link: str, address: str) -> None:
    settings = {**company.settings, "base_url": "https://api4.example.com/W.svc"}
    stream: t.Any = TapMarketSharp(config=settings, setup_mapper=False).rest_stream("jobs")
    response = requests.Response()
    response.url = "https://api4.example.com/W.svc/Jobs?$top=10"
    assert stream._checked_link(link, response) == address
    with pytest.raises(SkipStream, match=r"leads to api4\.example\.com\.evil\.example instead of"):
        stream._checked_link("https://api4.example.com.evil.example/W.svc/Jobs", response)


def test_links_that_run_in_a_circle_are_an_error(open_company: Callable[..., Company]) -> None:
    company = open_company(page_cap=10, link_keeps_top=False)
    make = company.crm._next_link
    company.crm._next_link = lambda *asked: make(*asked).partition("$skiptoken=")[0] + "$skiptoken='null',29"
    run = company.read("addresses", page_size=100)
    assert "runs in a circle" in run.report("addresses")["error"]
    assert company.crm.requests["GET /Addresses"] == 2


def test_links_without_new_entries_are_an_error(open_company: Callable[..., Company]) -> None:
    company = open_company(page_cap=10)
    number = itertools.count()
    make = company.crm._next_link
    company.crm._next_link = lambda *asked: f"{make(*asked).partition('$skiptoken=')[0]}x={next(number)}"
    run = company.read("addresses", page_size=100)
    assert "holds only records that were read before" in run.report("addresses")["error"]


@pytest.mark.parametrize("name", ["addresses", "contacts"])
def test_a_service_that_ignores_the_position_is_an_error(open_company: Callable[..., Company], name: str) -> None:
    company = open_company(page_cap=None, crowd=range(60))
    query_of = company.crm._query_of

    def without_position(request: t.Any, entity_set: t.Any) -> t.Any:
        query = query_of(request, entity_set)
        query.skip = 0
        return query

    company.crm._query_of = without_position
    run = company.read(name, page_size=10)
    assert run.exit_code == 1
    assert "does not get past its entry" in run.report(name)["error"]


def test_an_answer_that_is_not_sorted_is_an_error(open_company: Callable[..., Company]) -> None:
    company = open_company(ordered=False)
    company.crm.collections["Contacts"].change(3, company.crm.world.now)
    run = company.read("contacts")
    assert "is not sorted by last_update" in run.report("contacts")["error"]
    assert not run.bookmarks.get("contacts")
    again = company.read("contacts", unfiltered=["contacts"])
    assert set(ids(again, "contacts")) == set(truth(company, "Contacts"))


def test_entries_without_a_moment_at_the_end_are_no_order(company: Company) -> None:
    by_time = company.crm._by_time
    company.crm.undated["Contacts"] = {4}

    def last(*asked: t.Any) -> t.Any:
        found = list(by_time(*asked))
        return iter([n for n in found if n != 4] + [n for n in found if n == 4])

    company.crm._by_time = last
    assert "is not sorted by last_update" in company.read("contacts").report("contacts")["error"]


# Answers


@pytest.mark.usefixtures("quick_retries")
def test_an_answer_that_declares_entities_fails_the_stream_at_once(company: Company) -> None:
    atom = company.crm.atom

    def evil(*asked: t.Any) -> Response:
        body = atom(*asked).body.decode().partition("?>")[2]
        return Response('<!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + body)

    company.crm.atom = evil
    run = company.read("contacts", "jobs", form="atom")
    assert run.report("contacts")["error"].startswith(
        "The answer to GET /marketsharp/Contacts declares a document type"
    )
    assert company.crm.requests["GET /Contacts"] == 1
    assert not run.records("contacts")


def test_metadata_that_declares_entities_is_not_read() -> None:
    text = (resources.files("crm_simulator") / "marketsharp.edmx").read_text(encoding="utf-8").partition("?>")[2]
    assert len(odata.parse_metadata(text.encode())) == 50
    assert odata.parse_metadata(b'<!DOCTYPE x [<!ENTITY a "b">]>' + text.encode()) == {}


def test_an_answer_without_a_list_fails_the_stream(company: Company) -> None:
    company.crm.json = lambda *_: JSONResponse({"d": {"EntitySets": ["Contacts"]}})
    run = company.read("contacts")
    assert run.report("contacts")["error"] == "The answer to GET /marketsharp/Contacts holds no list of entries."


# Records


@pytest.mark.parametrize("form", ["json", "atom"])
def test_bad_records_are_rejects(company: Company, form: str) -> None:
    contacts, addresses = company.crm.collections["Contacts"], company.crm.collections["Addresses"]
    moment = contacts.modified_at

    def change(index: int, **values: t.Any) -> None:
        contacts.change(index, moment(index), **values)

    change(2, id=None)
    change(3, id="not-a-key")
    change(4, contactPhoneId="7", primaryAddressId="")
    change(5, companyId="twelve", creationDate="soon", qbSyncDate="")
    change(6, isActive="perhaps")
    addresses.change(7, moment(7), latitude="north", longitude="-89.6")
    run = company.read("contacts", "addresses", form=form)
    assert run.exit_code == 0
    found = {(reject["stream"], reject["field"], reject["reason"]) for reject in run.records("sync_rejects")}
    assert found == {
        ("contacts", "id", "the key is empty"),
        ("contacts", "id", "not a UUID"),
        ("contacts", "contact_phone_id", "not a UUID"),
        ("contacts", "company_id", "not a number"),
        ("contacts", "creation_date", "not a date of the calendar"),
        ("contacts", "is_active", "neither true nor false"),
        ("addresses", "latitude", "not a number"),
    }
    assert run.report("contacts")["rejects"] == {"record": 2, "value": 4}
    assert len(run.records("contacts")) == 58
    by_id = {one["id"]: one for one in run.records("contacts")}
    assert by_id[company.crm.key("Contacts", 4)]["primary_address_id"] is None
    strict = company.read("contacts", form=form, validation="strict")
    assert strict.report("contacts")["rejects"] == {"record": 5, "value": 0}
    swept = company.read("contacts", form=form, deletions="sweep")
    assert len(swept.records("contacts_keys")) == 58


@pytest.mark.parametrize("page_size", [4, 30])
def test_one_bad_record_does_not_end_the_read(open_company: Callable[..., Company], page_size: int) -> None:
    # The old system stopped at a page with fewer valid records than it had asked for.
    company = open_company(page_cap=None)
    contacts = company.crm.collections["Contacts"]
    for index in range(0, 60, 3):
        contacts.change(index, contacts.modified_at(index), id=None)
    run = company.read("contacts", page_size=page_size)
    assert run.report("contacts")["rejects"]["record"] == 20
    assert len(set(ids(run, "contacts"))) == len(ids(run, "contacts")) == 40


def test_a_moment_of_change_that_is_none_does_not_stop_the_read(open_company: Callable[..., Company]) -> None:
    company = open_company(page_cap=None)
    contacts = company.crm.collections["Contacts"]
    for index in (9, 19, 20, 59):
        contacts.change(index, contacts.modified_at(index), lastUpdate="soon")
    run = company.read("contacts", page_size=10)
    assert run.exit_code == 0
    assert ids(run, "contacts") == truth(company, "Contacts")
    assert run.report("contacts")["rejects"] == {"record": 0, "value": 4}


def test_of_two_spellings_of_a_name_the_catalogued_one_counts(company: Company) -> None:
    def twice(*_: t.Any) -> JSONResponse:
        entry = {"FIRSTNAME": "no", "firstName": "yes", "lastName": "yes", "LastName": "no", "id": UUID}
        return JSONResponse({"d": [entry, entry | {"id": UUID.replace("1", "2"), "Coounty": "x"}]})

    company.crm.json = twice
    found = company.read("contacts").records("contacts")
    assert [(one["first_name"], one["last_name"]) for one in found] == [("yes", "yes")] * 2


def test_a_query_that_a_full_set_does_not_understand_has_no_hint(company: Company) -> None:
    company.crm.faults.append(Fault("error", path="/Addresses", times=0, status=400))
    assert company.read("addresses").report("addresses")["error"].endswith("answered 400: simulated 400.")
