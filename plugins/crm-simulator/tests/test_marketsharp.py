"""The simulated MarketSharp answers as the vendor's clients show it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import typing as t
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
import requests
from crm_simulator.marketsharp import COMPANY_ID, SECRET_KEY, USER_KEY, MarketSharp, read_model
from crm_simulator.server import make_crms

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Get: t.TypeAlias = Callable[..., requests.Response]

START = datetime(2025, 6, 2, 12, tzinfo=UTC)
JSON = "application/json;odata=verbose"


def signed(epoch: int, secret: str = SECRET_KEY, company: str = COMPANY_ID, user: str = USER_KEY) -> str:
    digest = hmac.new(base64.b64decode(secret), f"{company}{user}{epoch}".encode(), hashlib.sha256).digest()
    return f"{company}:{user}:{epoch}:{base64.b64encode(digest).decode()}"


@pytest.fixture
def open_crm(simulate: Callable[..., str]) -> Callable[..., tuple[MarketSharp, Get]]:
    """Return a function that plays a MarketSharp; with it comes one that sends a signed request."""

    def start(**options: t.Any) -> tuple[MarketSharp, Get]:
        crm = MarketSharp(**{"size": 60, "start": START, **options})
        url = simulate(crm)

        def get(path: str, *, accept: str = JSON, authorization: str | None = None, **asked: str) -> requests.Response:
            told = "&".join(f"${name}={quote(value)}" for name, value in asked.items())
            headers = {"Authorization": authorization or signed(int(START.timestamp())), "Accept": accept}
            return requests.get(f"{url}{path}{'?' if told else ''}{told}", headers=headers, timeout=10)

        return crm, get

    return start


@pytest.fixture
def get(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> Get:
    return open_crm()[1]


def rows(answer: requests.Response) -> list[dict[str, t.Any]]:
    found: list[dict[str, t.Any]] = answer.json()["d"]["results"]
    return found


def test_it_is_among_the_crms() -> None:
    (made,) = make_crms(["marketsharp"], size=10)
    assert isinstance(made, MarketSharp)
    assert len(read_model()) == 50
    settings = made.tap_settings("http://127.0.0.1:1/marketsharp")
    assert (settings["base_url"], settings["user_key"]) == ("http://127.0.0.1:1/marketsharp", USER_KEY)


# Signatures


@pytest.mark.parametrize(
    "authorization",
    [
        "none",
        "Bearer token",
        signed(1_748_865_600, user="another"),
        signed(1_748_865_600, secret="YW5vdGhlcg=="),
        signed(1_748_865_600)[:-2] + "A=",
        signed(1_748_865_600).replace("1748865600", "1748865601"),
    ],
)
def test_a_signature_is_needed(get: Get, authorization: str) -> None:
    answer = get("/Contacts", authorization=authorization)
    assert answer.status_code == 401
    assert "<error" in answer.text
    assert get("/Contacts").status_code == 200


def test_the_known_vector_is_accepted(get: Get) -> None:
    vector = "1234:00000000-0000-0000-0000-000000000000:1736000000:usA+ZKJnOIkSQacteo8V1OkA/30r2KBLbTx1wJNErMc="
    assert get("/Companies", authorization=vector).status_code == 200


def test_stale_times_may_be_refused(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    _, get = open_crm(tolerance=60)
    now = int(START.timestamp())
    assert [get("/Companies", authorization=signed(now + late)).status_code for late in (-61, -59, 59, 61)] == [
        401,
        200,
        200,
        401,
    ]


# Forms


def test_json_has_deferred_links_and_dates_in_milliseconds(get: Get) -> None:
    answer = get("/Inquiries", top="1")
    (row,) = rows(answer)
    assert row["Contact"]["__deferred"]["uri"].endswith("/Contact")
    assert row["__metadata"]["type"] == "MSharpModel.Inquiry"
    assert row["lastUpdate"].startswith("/Date(17")
    assert answer.headers["Content-Type"].startswith("application/json")


def test_atom_is_what_comes_unless_json_is_asked_for(get: Get) -> None:
    for accept in ("*/*", "application/atom+xml", "application/json;q=0.1,application/atom+xml"):
        answer = get("/Contacts", accept=accept, top="3")
        assert answer.headers["Content-Type"].startswith("application/atom+xml")
        feed = ET.fromstring(answer.content)  # noqa: S314 - our own server
        assert len(feed.findall("{http://www.w3.org/2005/Atom}entry")) == 3
    assert 'm:type="Edm.DateTime"' in get("/Contacts", accept="*/*").text
    assert 'm:null="true"' in get("/Contacts", accept="*/*").text
    assert get("/Contacts", accept="application/json,application/atom+xml;q=0.9").json()


def test_json_may_not_be_served(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    _, get = open_crm(json="ignored")
    assert get("/Contacts").text.startswith("<?xml")
    _, get = open_crm(json="refused")
    assert get("/Contacts").status_code == 415
    assert get("/Contacts", accept="application/atom+xml").status_code == 200


def test_the_first_dialect_has_bare_arrays(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    _, get = open_crm(json_form="array", page_cap=None)
    assert len(get("/Contacts").json()["d"]) == 60


def test_forbidden_characters_are_written_as_references(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    crm, get = open_crm()
    crm.collections["Contacts"].change(0, START, firstName="a\x01b\r\n<c> & d")
    assert "a&#x1;b&#xD;\n&lt;c&gt; &amp; d" in get("/Contacts", accept="*/*", filter="firstName ne null").text


def test_errors_have_the_form_that_was_asked_for(get: Get) -> None:
    answer = get("/Foo")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"]["value"] == "Resource not found for the segment 'Foo'."
    assert "<message" in get("/Foo", accept="*/*").text


def test_the_metadata_tell_sets_and_properties(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    _, get = open_crm(pascal=("Surveys",))
    text = get("/$metadata").text
    assert '<EntitySet Name="EmployeeInfoes" EntityType="MSharpModel.EmployeeInfo"/>' in text
    assert '<Property Name="hasDNCPhone" Type="Edm.Boolean"/>' in text
    assert '<Property Name="OverallSatisfaction" Type="Edm.String"/>' in text
    assert "OverallSatisfaction" in rows(get("/Surveys"))[0]
    assert get("/Surveys", orderby="lastUpdate").status_code == 400
    _, get = open_crm(metadata=False)
    assert get("/$metadata").status_code == 404


# Queries


def test_filters_order_and_pages(get: Get) -> None:
    everything = rows(get("/Contacts", orderby="lastUpdate,id"))
    assert len(everything) == 60
    moment = datetime.fromtimestamp(int(everything[10]["lastUpdate"][6:-2]) / 1000, UTC).replace(tzinfo=None)
    at = f"datetime'{moment.isoformat()}'"
    for asked, found in (
        ({"filter": f"lastUpdate ge {at}"}, everything[10:]),
        ({"filter": f"lastUpdate gt {at}"}, everything[11:]),
        ({"filter": f"lastUpdate lt {at}"}, everything[:10]),
        ({"filter": f"lastUpdate le {at}"}, everything[:11]),
        ({"filter": f"lastUpdate eq {at}"}, everything[10:11]),
        ({"filter": f"lastUpdate ge {at} and lastUpdate lt datetime'2025-06-02T06:00:00'"}, everything[10:30]),
        ({"top": "5", "skip": "7"}, everything[7:12]),
        ({"filter": f"id eq guid'{everything[4]['id']}'"}, [everything[4]]),
        ({"filter": "lastUpdate eq null"}, []),
    ):
        assert rows(get("/Contacts", orderby="lastUpdate,id", **asked)) == found, asked
    # Without that order the same entities come by their key.
    assert rows(get("/Contacts", filter=f"lastUpdate ge {at}")) == everything[10:]
    assert rows(get("/Contacts", orderby="id desc", top="2")) == everything[:-3:-1]
    active = [row for row in everything if row["isActive"] is True and (row["companyId"] or 0) >= 1]
    assert rows(get("/Contacts", filter="isActive eq true and companyId ge 1")) == active


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": "shoeSize eq 1"},
        {"filter": "LastUpdate ge datetime'2025-01-01T00:00:00'"},
        {"filter": "lastUpdate ge datetime'soon'"},
        {"filter": "id gt guid'00000001-0000-4000-8000-000000000000'"},
        {"filter": "firstName eq 'a' or lastName eq 'b'"},
        {"filter": "lastUpdate+ge+datetime'2025-01-01T00:00:00'"},
        {"orderby": "shoeSize"},
        {"top": "-1"},
        {"skip": "x"},
        {"skiptoken": "x"},
        {"page": "2"},
    ],
)
def test_queries_that_the_service_does_not_understand(get: Get, asked: dict[str, str]) -> None:
    assert get("/Contacts", **asked).status_code == 400


def test_a_blank_is_not_written_as_a_plus(get: Get) -> None:
    answer = get("/Contacts")
    address = answer.url + "?$filter=isActive+eq+true"
    headers = {"Authorization": signed(1), "Accept": JSON}
    assert requests.get(address, headers=headers, timeout=10).status_code == 400


def test_entities_without_a_moment_come_first(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    crm, get = open_crm(page_cap=4)
    crm.undated["Contacts"] = {5, 50, 51, 52, 53, 54}
    found, link = [], ""
    answer = get("/Contacts", orderby="lastUpdate,id")
    while True:
        found += rows(answer)
        link = answer.json()["d"].get("__next")
        if not link:
            break
        answer = requests.get(link, headers=dict(answer.request.headers), timeout=10)
    assert [row["lastUpdate"] for row in found[:7]].count(None) == 6
    assert len({row["id"] for row in found}) == len(found) == 60
    assert len(rows(get("/Contacts", filter="lastUpdate eq null", orderby="id"))) == 4
    assert "5" in rows(get("/Contacts", filter="lastUpdate eq null", orderby="id"))[0]["id"]


@pytest.mark.parametrize("order", ["lastUpdate,id", "id", ""])
@pytest.mark.parametrize("zone", ["UTC", "America/Chicago"])
def test_next_links_lead_through_the_whole_list(
    open_crm: Callable[..., tuple[MarketSharp, Get]], order: str, zone: str
) -> None:
    crm, get = open_crm(page_cap=7, crowd=range(10, 30), zone=zone)
    answer = get("/Contacts", top="50", **({"orderby": order} if order else {}))
    found = rows(answer)
    while link := answer.json()["d"].get("__next"):
        answer = requests.get(link, headers=dict(answer.request.headers), timeout=10)
        found += rows(answer)
    # $top counts over all parts.
    assert [row["id"] for row in found] == [row["id"] for row in crm.truth("Contacts")][:50]


def test_views_show_the_contacts_by_type(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    crm, get = open_crm()
    views = {name: {row["id"] for row in rows(get(f"/{name}"))} for name in ("Prospects", "Leads", "Customers")}
    types = {row["contactId"]: row["contactType"] for row in rows(get("/ContactTypes"))}
    assert {types[one] for one in views["Customers"]} == {"3"}
    assert sum(map(len, views.values())) == len(types) == 60
    crm.world.days += 1
    crm.pass_a_day()
    assert len(rows(get("/Prospects"))) < len(views["Prospects"])


def test_a_day_brings_new_changed_and_removed_entities(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    crm, get = open_crm()
    before = {row["id"]: row for row in rows(get("/Jobs"))}
    crm.world.days += 1
    happened = crm.pass_a_day()["Jobs"]
    after = {row["id"]: row for row in rows(get("/Jobs"))}
    assert len(after.keys() - before.keys()) == happened["new"]
    assert len(before.keys() - after.keys()) == happened["archived"]
    assert sum(before[key] != after[key] for key in before.keys() & after.keys()) == happened["changed"]
    assert len(rows(get("/Companies"))) == 1


def test_a_million_contacts_take_no_memory(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    _, get = open_crm(size=1_000_000)
    answer = get("/Contacts", orderby="lastUpdate,id", filter="lastUpdate ge datetime'2025-06-02T10:00:00'")
    assert len(rows(answer)) == 6
    assert len(rows(get("/Addresses", orderby="id", top="3", skip="1000"))) == 3


def test_sets_may_be_left_out_or_refuse_filters(open_crm: Callable[..., tuple[MarketSharp, Get]]) -> None:
    _, get = open_crm(unlicensed=("Jobs",), unfilterable=("Contacts",))
    assert get("/Jobs").status_code == 404
    assert get("/Contacts", filter="lastUpdate ge datetime'2025-01-01T00:00:00'").status_code == 400
