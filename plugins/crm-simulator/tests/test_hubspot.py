from __future__ import annotations

import base64
import typing as t
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import requests
from crm_simulator.hubspot import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, ZIP_TOKEN, HubSpot
from crm_simulator.server import Simulator

if t.TYPE_CHECKING:
    from crm_simulator.hubspot.kinds import Kind

    Row: t.TypeAlias = dict[str, t.Any]

START = datetime(2026, 3, 20, 12, tzinfo=UTC)
OBJECTS = "/crm/objects/2026-03"


class Caller:
    """Asks a simulated portal."""

    def __init__(self, crm: HubSpot, url: str) -> None:
        self.crm = crm
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {ACCESS_TOKEN}"

    def get(self, path: str, **params: t.Any) -> requests.Response:
        return self.session.get(f"{self.url}/hubspot{path}", params=params, timeout=10)

    def post(self, path: str, body: t.Any) -> requests.Response:
        return self.session.post(f"{self.url}/hubspot{path}", json=body, timeout=10)

    def control(self, what: str, body: t.Any) -> t.Any:
        return self.session.post(f"{self.url}/control/hubspot/{what}", json=body, timeout=10).json()

    def pages(self, path: str, **params: t.Any) -> list[Row]:
        rows, after = [], None
        while True:
            answer = self.get(path, **params, **({"after": after} if after else {})).json()
            rows += answer["results"]
            if "paging" not in answer:
                return rows
            after = answer["paging"]["next"]["after"]

    def search(self, kind: str, *filters: tuple[str, str, t.Any], **more: t.Any) -> t.Any:
        made = [{"propertyName": name, "operator": operator, "value": value} for name, operator, value in filters]
        return self.post(f"{OBJECTS}/{kind}/search", {"filterGroups": [{"filters": made}]} | more)


@pytest.fixture
def portal() -> t.Iterator[t.Callable[..., Caller]]:
    started: list[Simulator] = []

    def start(**options: t.Any) -> Caller:
        made: Row = {"size": 60, "start": START, "rules": {}} | options
        crm = HubSpot(**made)
        started.append(Simulator(crm).__enter__())
        return Caller(crm, started[-1].url)

    yield start
    for simulator in started:
        simulator.__exit__()


@pytest.fixture(scope="module")
def ask() -> t.Iterator[Caller]:
    """Yield a portal that no test changes."""
    crm = HubSpot(size=60, start=START, rules={})
    with Simulator(crm) as simulator:
        yield Caller(crm, simulator.url)


def contacts(ask: Caller) -> Kind:
    return ask.crm.kinds["contacts"]


def milliseconds(moment: datetime) -> str:
    return str((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))


def ids(rows: t.Iterable[Row]) -> list[str]:
    return [row["id"] for row in rows]


# Who may ask


def test_a_wrong_token_is_not_an_expired_one(portal: t.Any) -> None:
    ask = portal()
    assert ask.get("/account-info/2026-03/details").json()["portalId"] == 1_000_001
    for header in ("", "Bearer other", ACCESS_TOKEN):
        ask.session.headers["Authorization"] = header
        answer = ask.get(f"{OBJECTS}/contacts")
        assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")
        assert answer.json()["correlationId"]


def test_oauth_tokens_expire_and_refresh_tokens_rotate(portal: t.Any) -> None:
    ask = portal(rotates=True, expires_in=1800)
    form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    def token(refresh_token: str, path: str = "/oauth/2026-03/token") -> requests.Response:
        return requests.post(f"{ask.url}/hubspot{path}", data=form | {"refresh_token": refresh_token}, timeout=10)

    first = token(REFRESH_TOKEN).json()
    assert (first["expires_in"], first["token_type"]) == (1800, "bearer")
    assert token(REFRESH_TOKEN).json()["status"] == "BAD_REFRESH_TOKEN"
    ask.session.headers["Authorization"] = f"Bearer {first['access_token']}"
    answer = ask.get(f"{OBJECTS}/contacts")
    assert answer.status_code == 200
    ask.crm.advance(timedelta(minutes=31))
    answer = ask.get(f"{OBJECTS}/contacts")
    assert (answer.status_code, answer.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    second = token(first["refresh_token"], "/oauth/v1/token").json()
    ask.session.headers["Authorization"] = f"Bearer {second['access_token']}"
    assert ask.get(f"{OBJECTS}/contacts").status_code == 200
    ask.control("faults", {"kind": "expired_token"})
    assert [ask.get(f"{OBJECTS}/contacts").status_code for _ in range(2)] == [401, 401]
    third = token(second["refresh_token"]).json()
    ask.session.headers["Authorization"] = f"Bearer {third['access_token']}"
    assert ask.get(f"{OBJECTS}/contacts").status_code == 200


@pytest.mark.parametrize("wrong", ["grant_type", "client_id", "client_secret", "refresh_token"])
def test_the_token_address_reads_the_form_and_nothing_else(ask: Caller, wrong: str) -> None:
    url = f"{ask.url}/hubspot/oauth/2026-03/token"
    form = {
        "grant_type": "refresh_token",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
    }
    assert requests.post(url, data=form, timeout=10).status_code == 200
    assert requests.post(url, params=form, timeout=10).status_code == 400
    assert requests.post(url, json=form, timeout=10).status_code == 400
    assert requests.post(url, data=form | {wrong: "wrong"}, timeout=10).status_code == 400
    assert requests.post(url.replace("2026-03", "2020-01"), data=form, timeout=10).status_code == 404


def test_a_missing_scope_is_named(portal: t.Any) -> None:
    ask = portal(missing_scopes=["tickets", "crm.objects.deals.read", "crm.objects.owners.read"])
    answer = ask.get(f"{OBJECTS}/tickets")
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert answer.json()["context"]["missingScopes"] == ["tickets"]
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["tickets"]
    # The scope of the definitions is enough for them.
    assert ask.get("/crm/properties/2026-03/deals").status_code == 200
    assert ask.get("/crm/properties/2026-03/tickets").status_code == 403
    for path in (
        "/crm/owners/2026-03",
        "/crm/associations/2026-03/contacts/deals/labels",
        "/crm/pipelines/2026-03/deals",
    ):
        assert ask.get(path).status_code == 403
    ask.crm.missing_scopes.clear()
    assert ask.get(f"{OBJECTS}/tickets").status_code == 200


def test_versions_and_kinds_that_do_not_answer(portal: t.Any) -> None:
    ask = portal(versions=("2026-03",), disabled=["appointments"])
    assert ask.get(f"{OBJECTS}/0-1").status_code == 200
    for path in (
        "/crm/v3/objects/contacts",
        "/crm/2026-03/objects/contacts",
        "/crm/objects/2026-09/contacts",
        f"{OBJECTS}/0-421",
        f"{OBJECTS}/2-7",
        "/contacts/v1/lists/all/contacts/all",
    ):
        assert ask.get(path).status_code == 404
    assert "object type" in ask.get(f"{OBJECTS}/0-421").json()["message"]


# Rates


def test_rates_have_names_and_headers(portal: t.Any) -> None:
    ask = portal()
    ask.control("limits", {"general": [[2, 60]]})
    answer = ask.get(f"{OBJECTS}/contacts")
    assert "X-HubSpot-RateLimit-Remaining" not in answer.headers
    ask = portal(rules=HubSpot.rules)
    headers = ask.get(f"{OBJECTS}/contacts").headers
    assert headers["X-HubSpot-RateLimit-Max"] == "190"
    assert headers["X-HubSpot-RateLimit-Remaining"] == "189"
    assert headers["X-HubSpot-RateLimit-Daily-Remaining"] == "624999"
    answers = [ask.search("contacts") for _ in range(6)]
    assert [one.status_code for one in answers] == [200] * 5 + [429]
    assert answers[-1].json()["policyName"] == "SECONDLY"
    assert answers[-1].json()["errorType"] == "RATE_LIMIT"
    assert not [name for name in answers[0].headers if "RateLimit" in name]
    assert "Retry-After" not in answers[-1].headers


def test_the_day_has_an_allowance_that_oauth_does_not_know(portal: t.Any) -> None:
    ask = portal(daily=2)
    assert [ask.get(f"{OBJECTS}/contacts").status_code for _ in range(3)] == [200, 200, 429]
    answer = ask.get(f"{OBJECTS}/contacts")
    assert (answer.status_code, answer.json()["policyName"]) == (429, "DAILY")
    ask.control("day", {})
    usage = ask.get("/account-info/v3/api-usage/daily/private-apps").json()["results"][0]
    assert (usage["usageLimit"], usage["currentUsage"]) == (2, 1)


def test_a_storm_has_the_policy_that_is_asked_for(portal: t.Any) -> None:
    ask = portal(storm_policy="DAILY")
    ask.control("faults", {"kind": "storm", "times": 1, "retry_after": "3"})
    answer = ask.get(f"{OBJECTS}/contacts")
    assert (answer.json()["policyName"], answer.headers["Retry-After"]) == ("DAILY", "3")


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [(502, "text/html", "<html>"), (530, "text/plain", "error code"), (500, "json", "category")],
)
def test_gateways_do_not_speak_json(portal: t.Any, status: int, kind: str, text: str) -> None:
    ask = portal()
    ask.control("faults", {"kind": "error", "status": status})
    answer = ask.get(f"{OBJECTS}/contacts")
    assert answer.status_code == status
    assert kind in answer.headers["Content-Type"]
    assert text in answer.text


# Lists


def test_lists_hold_every_record_once_by_rising_id(portal: t.Any) -> None:
    ask = portal(size=61)
    for version in ("/crm/objects/2026-03/contacts", "/crm/objects/2026-09/0-1", "/crm/v3/objects/contacts"):
        found = ids(ask.pages(version, limit=25))
        assert found == sorted(ids(ask.crm.truth("contacts")))
    assert len(ask.get(f"{OBJECTS}/contacts").json()["results"]) == 10
    assert ask.get(f"{OBJECTS}/contacts", limit=101).json()["category"] == "VALIDATION_ERROR"
    assert ask.get(f"{OBJECTS}/contacts", limit=51, propertiesWithHistory="city").status_code == 400
    assert ask.get(f"{OBJECTS}/contacts", after="soon").status_code == 400
    history = ask.get(f"{OBJECTS}/contacts", limit=1, propertiesWithHistory="city").json()["results"][0]
    assert history["propertiesWithHistory"]["city"][0]["sourceType"] == "CRM_UI"


def test_a_short_page_is_not_the_end(portal: t.Any) -> None:
    ask = portal()
    kind = contacts(ask)
    for index in (*range(3), *range(8, 40)):
        kind.records.archive(index, START)
    answer = ask.get(f"{OBJECTS}/contacts", limit=8).json()
    assert (len(answer["results"]), "paging" in answer) == (5, True)
    assert ids(ask.pages(f"{OBJECTS}/contacts", limit=8)) == sorted(ids(ask.crm.truth("contacts")))
    assert len(ask.pages(f"{OBJECTS}/contacts", limit=8, archived="true")) == 35


def test_records_have_the_properties_asked_for_and_three_others(ask: Caller) -> None:
    for row in ask.pages(f"{OBJECTS}/contacts", properties="city,old_notes,no_such_property", limit=100):
        assert set(row["properties"]) - {"city"} == {"createdate", "lastmodifieddate", "hs_object_id"}
        assert all(isinstance(value, str) or value is None for value in row["properties"].values())
        assert row["properties"]["lastmodifieddate"] == row["updatedAt"]
        assert "archivedAt" not in row
    deals = ask.get(f"{OBJECTS}/deals").json()["results"]
    assert {"createdate", "hs_lastmodifieddate"} < set(deals[0]["properties"])


def test_unset_values_are_null_or_absent(ask: Caller) -> None:
    rows = ask.pages(f"{OBJECTS}/contacts", properties="city", limit=100)
    found = [row["properties"].get("city", "absent") for row in rows]
    assert {None, "absent"} < set(found)


def test_a_long_property_list_breaks_the_address_but_not_the_body(portal: t.Any) -> None:
    ask = portal(width=900)
    names = [one["name"] for one in ask.get("/crm/properties/2026-03/contacts").json()["results"]]
    assert len(names) == 900
    long = [name for name in names if len(name) > 63]
    assert len({name[:63] for name in long}) < len(long)
    answer = ask.get(f"{OBJECTS}/contacts", properties=",".join(names))
    assert (answer.status_code, answer.headers["Content-Type"].startswith("text/html")) == (414, True)
    first = contacts(ask).id_of(1)
    rows = ask.post(f"{OBJECTS}/contacts/batch/read", {"properties": names, "inputs": [{"id": first}]}).json()
    assert len(rows["results"][0]["properties"]) == 900


def test_one_record(ask: Caller) -> None:
    kind = contacts(ask)
    assert ask.get(f"{OBJECTS}/contacts/{kind.id_of(3)}", properties="city").json() == kind.wire(3, {"city"})
    assert ask.get(f"{OBJECTS}/contacts/404").status_code == 404


# Batch reads


def test_batch_read_names_what_is_not_there(ask: Caller) -> None:
    kind = contacts(ask)
    asked = [{"id": kind.id_of(1)}, {"id": "404"}, {"id": kind.id_of(1)}, {"id": "none"}]
    answer = ask.post(f"{OBJECTS}/contacts/batch/read", {"inputs": asked, "properties": ["city"]})
    assert answer.status_code == 207
    body = answer.json()
    assert ids(body["results"]) == [kind.id_of(1)]
    assert body["numErrors"] == 1
    assert body["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert body["errors"][0]["context"]["ids"] == ["404", "none"]
    answer = ask.post(f"{OBJECTS}/contacts/batch/read", {"inputs": asked[:1]})
    assert answer.status_code == 200
    assert "errors" not in answer.json()


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [{"id": "1"}] * 101},
        {"inputs": [{"id": "1"}] * 51, "propertiesWithHistory": ["city"]},
        {"inputs": ["1"]},
        {},
        [],
    ],
)
def test_batch_reads_that_are_refused(ask: Caller, body: t.Any) -> None:
    answer = ask.post(f"{OBJECTS}/contacts/batch/read", body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_archived_merged_and_erased_records(portal: t.Any) -> None:
    ask = portal()
    kind = contacts(ask)
    before = kind.records.modified_at(1)
    kind.records.archive(1, START)
    kind.records.archive(2, START - timedelta(days=91))
    kind.records.archive(3, START)
    kind.records.erased.add(3)
    ask.crm.merge("contacts", 4, 5)
    ask.crm.merge("contacts", 5, 6)
    assert ask.crm.removed("contacts") == {
        kind.id_of(1): "archived",
        kind.id_of(2): "archived",
        kind.id_of(3): "erased",
        kind.id_of(4): "merged",
        kind.id_of(5): "merged",
    }
    assert not {kind.id_of(index) for index in range(1, 6)} & set(ids(ask.pages(f"{OBJECTS}/contacts")))
    (row,) = ask.pages(f"{OBJECTS}/contacts", archived="true")
    assert (row["id"], row["archived"], row["archivedAt"]) == (kind.id_of(1), True, "2026-03-20T12:00:00.000Z")
    assert datetime.fromisoformat(row["updatedAt"]) == before
    path, asked = f"{OBJECTS}/contacts/batch/read", {"inputs": [{"id": kind.id_of(index)} for index in range(1, 7)]}
    body = ask.post(path, asked).json()
    assert ids(body["results"]) == [kind.id_of(6)]
    assert body["errors"][0]["context"]["ids"] == [kind.id_of(index) for index in (1, 2, 3)]
    assert ids(ask.post(f"{path}?archived=true", asked).json()["results"]) == [kind.id_of(1)]
    assert ask.get(f"{OBJECTS}/contacts/{kind.id_of(4)}").json()["id"] == kind.id_of(6)
    assert kind.texts(6)["hs_merged_object_ids"] == kind.id_of(5)
    ask.crm.wrong_archived_at = True
    (row,) = ask.pages(f"{OBJECTS}/contacts", archived="true")
    assert row["archivedAt"] == row["updatedAt"]


# Search


def test_search_compares_milliseconds(portal: t.Any) -> None:
    ask = portal()
    kind = contacts(ask)
    moment = kind.records.modified_at(30)
    at = milliseconds(moment)
    for operator, total in (("GTE", 30), ("GT", 29), ("LTE", 31), ("LT", 30), ("EQ", 1)):
        assert ask.search("contacts", ("lastmodifieddate", operator, at)).json()["total"] == total
    assert ask.search("contacts", ("lastmodifieddate", "GTE", moment.isoformat())).json()["total"] == 30
    assert ask.search("contacts", ("lastmodifieddate", "LT", str(int(at) + 1))).json()["total"] == 31
    kind.records.change(3, moment + timedelta(microseconds=999))
    assert ask.search("contacts", ("lastmodifieddate", "EQ", at)).json()["total"] == 2


def test_pages_of_a_search_hold_every_record_once_by_time(portal: t.Any) -> None:
    ask = portal()
    ask.control("day", {})
    rows: list[Row] = []
    body: Row = {"sorts": [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}], "limit": 7}
    while True:
        answer = ask.search("contacts", ("lastmodifieddate", "GTE", "0"), **body).json()
        rows += answer["results"]
        if "paging" not in answer:
            break
        body["after"] = answer["paging"]["next"]["after"]
    assert sorted(ids(rows)) == sorted(ids(ask.crm.truth("contacts")))
    moments = [row["updatedAt"] for row in rows]
    assert moments == sorted(moments)
    assert ids(rows) != sorted(ids(rows))
    assert answer["total"] == len(rows)


def test_the_wrong_name_of_the_modification_time_finds_nothing(ask: Caller) -> None:
    for kind, right, wrong in (
        ("contacts", "lastmodifieddate", "hs_lastmodifieddate"),
        ("0-421", "hs_lastmodifieddate", "lastmodifieddate"),
    ):
        assert ask.search(kind, (right, "GTE", "0")).json()["total"] == 60
        answer = ask.search(kind, (wrong, "GTE", "0"))
        assert (answer.status_code, answer.json()["total"]) == (200, 0)


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "10000"},
        {"after": "x"},
        {"filterGroups": [{"filters": [{"propertyName": "no_such", "operator": "EQ", "value": "1"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "LIKE", "value": "1"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "IN", "value": "1"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "BETWEEN", "value": "1"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "lastmodifieddate", "operator": "GT", "value": "soon"}]}]},
        {"filterGroups": [{"filters": []}] * 7},
        {"filterGroups": ["x"]},
        {"query": "x" * 3001},
        {"sorts": "city"},
        {"sorts": [{"direction": "ASCENDING"}]},
    ],
)
def test_searches_that_are_refused(ask: Caller, body: Row) -> None:
    answer = ask.post(f"{OBJECTS}/contacts/search", body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_a_search_needs_nothing_in_its_body(ask: Caller) -> None:
    answer = ask.post(f"{OBJECTS}/contacts/search", {}).json()
    assert (answer["total"], len(answer["results"])) == (60, 10)
    assert ids(answer["results"]) == sorted(ids(answer["results"]))
    no_json = ask.session.post(f"{ask.url}/hubspot{OBJECTS}/contacts/search", data="{", timeout=10)
    assert no_json.status_code == 400


def test_operators_and_sorts(portal: t.Any) -> None:
    ask = portal()
    kind = contacts(ask)
    late = START + timedelta(minutes=1)
    for index, city in enumerate(["Alpha Town", "beta", "", "Gamma"]):
        kind.records.change(index, late, city=city, lead_cost=str(90 + 10 * index))

    def found(*filters: Row, **more: t.Any) -> list[str]:
        always = {"propertyName": "lastmodifieddate", "operator": "EQ", "value": milliseconds(late)}
        body = {"filterGroups": [{"filters": [always, *filters]}], "properties": ["city"]} | more
        rows = ask.post(f"{OBJECTS}/contacts/search", body).json()["results"]
        return [row["properties"]["city"] for row in rows]

    def one(name: str, operator: str, value: t.Any = None, **more: t.Any) -> list[str]:
        made = {"propertyName": name, "operator": operator} | ({"value": value} if value is not None else {}) | more
        return sorted(found(made))

    assert one("city", "EQ", "Beta") == ["beta"]
    assert one("city", "NEQ", "Beta") == ["", "Alpha Town", "Gamma"]
    assert one("city", "IN", values=["beta", "gamma"]) == ["Gamma", "beta"]
    assert one("city", "NOT_IN", values=["beta", "gamma"]) == ["", "Alpha Town"]
    assert one("city", "HAS_PROPERTY") == ["Alpha Town", "Gamma", "beta"]
    assert one("city", "NOT_HAS_PROPERTY") == [""]
    assert one("city", "CONTAINS_TOKEN", "town") == ["Alpha Town"]
    assert one("city", "CONTAINS_TOKEN", "gam*") == ["Gamma"]
    assert one("city", "NOT_CONTAINS_TOKEN", "town") == ["", "Gamma", "beta"]
    assert one("lead_cost", "GTE", "100") == ["", "Gamma", "beta"]
    assert one("lead_cost", "LT", "100") == ["Alpha Town"]
    assert one("lead_cost", "BETWEEN", "100", highValue="110") == ["", "beta"]
    assert one("lead_cost", "GT", "no number") == []
    by_cost = {"propertyName": "lead_cost", "direction": "DESCENDING"}
    assert found(sorts=[by_cost]) == ["Gamma", "", "beta", "Alpha Town"]
    assert found(sorts=["lead_cost"]) == found(sorts=[by_cost])[::-1]
    assert found(sorts=["-city"])[0] == ""
    assert found(query="gamma") == ["Gamma"]
    either = [{"filters": [{"propertyName": "city", "operator": "EQ", "value": value}]} for value in ("beta", "gamma")]
    assert len(found(filterGroups=either)) == 2


def test_a_search_ends_at_ten_thousand_and_a_crowd_is_drained_by_id(portal: t.Any) -> None:
    ask = portal(size=14_000, crowd=10_001)
    kind = contacts(ask)
    moment = kind.records.modified_at(4000)
    at = milliseconds(moment)
    assert len({kind.records.modified_at(index) for index in range(3500, 13_501)}) == 1
    sort = [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}]
    answer = ask.search("contacts", ("lastmodifieddate", "EQ", at), sorts=sort, after="9900", limit=200).json()
    assert (answer["total"], len(answer["results"])) == (10_001, 100)
    assert answer["paging"]["next"]["after"] == "10000"
    assert ask.search("contacts", ("lastmodifieddate", "EQ", at), after="10000").status_code == 400
    crowd = sorted(kind.id_of(index) for index in range(3500, 13_501))
    found, last = set(crowd[:9001]), crowd[9000]
    while True:
        filters = ("lastmodifieddate", "EQ", at), ("hs_object_id", "GT", last)
        rows = ask.search("contacts", *filters, sorts=["hs_object_id"], limit=200).json()["results"]
        if not rows:
            break
        found.update(ids(rows))
        last = rows[-1]["id"]
    assert found == set(crowd)


def test_ids_may_be_compared_as_text(portal: t.Any) -> None:
    ask = portal(first_id=90, id_order="text", size=30)
    rows = ask.search("contacts", ("hs_object_id", "GT", "99"), sorts=["hs_object_id"]).json()["results"]
    assert rows == []
    rows = ask.search("contacts", sorts=["hs_object_id"], limit=200).json()["results"]
    assert ids(rows) == sorted(ids(rows), key=str) != sorted(ids(rows), key=int)
    ask.crm.id_order = "number"
    assert ask.search("contacts", ("hs_object_id", "GT", "99")).json()["total"] > 10


def test_the_index_lags_behind(portal: t.Any) -> None:
    ask = portal()
    kind = contacts(ask)
    old = kind.records.modified_at(7)
    now = START - timedelta(minutes=1)
    kind.records.change(7, now, city="moved")
    kind.records.add(1, now)
    recent = ("lastmodifieddate", "GTE", milliseconds(now))
    at_old_place = ("lastmodifieddate", "EQ", milliseconds(old))
    assert ask.search("contacts", recent).json()["total"] == 2
    ask.crm.search_lag = timedelta(minutes=5)
    assert ask.search("contacts", recent).json()["total"] == 0
    (row,) = ask.search("contacts", at_old_place).json()["results"]
    assert (row["id"], datetime.fromisoformat(row["updatedAt"])) == (kind.id_of(7), now)
    assert ask.search("contacts").json()["total"] == 60
    ask.crm.advance(timedelta(minutes=10))
    assert ask.search("contacts", recent).json()["total"] == 2


def test_searches_know_no_archived_records(portal: t.Any) -> None:
    ask = portal()
    contacts(ask).records.archive(1, START)
    assert ask.search("contacts").json()["total"] == 59
    assert ask.search("contacts", ("lastmodifieddate", "GTE", "0")).json()["total"] == 59


# Associations


def read(ask: Caller, pair: str, *inputs: Row, version: str = "/crm/associations/2026-03") -> requests.Response:
    return ask.post(f"{version}/{pair}/batch/read", {"inputs": list(inputs)})


def test_associations_of_all_records_from_both_sides(ask: Caller) -> None:
    truth = ask.crm.truth("associations:contacts:appointments")
    found = []
    for row in read(ask, "contacts/0-421", *({"id": one} for one in ids(ask.crm.truth("contacts")))).json()["results"]:
        found += [
            (row["from"]["id"], to["toObjectId"], kind["typeId"], kind["label"])
            for to in row["to"]
            for kind in to["associationTypes"]
        ]
    columns = ("from_id", "to_id", "association_type_id", "association_label")
    assert found == [tuple(row[name] for name in columns) for row in truth]
    assert len(found) > len({one[:2] for one in found}) == 60
    back = ask.crm.truth("associations:appointments:contacts")
    assert {(row["to_id"], row["from_id"]) for row in back} == {one[:2] for one in found}
    assert not {row["association_type_id"] for row in back} & {one[2] for one in found}
    labels = ask.get("/crm/associations/2026-03/contacts/appointments/labels").json()["results"]
    assert labels == ask.crm.truth("association_labels:contacts:appointments")
    assert {one[2] for one in found} == {label["typeId"] for label in labels}
    assert ask.get("/crm/associations/v4/contacts/appointments/labels").json()["results"] == labels


def test_records_without_associations_are_errors_of_a_207(ask: Caller) -> None:
    kind = contacts(ask)
    answer = read(ask, "contacts/appointments", {"id": kind.id_of(0)}, {"id": kind.id_of(59)}, {"id": "404"})
    assert answer.status_code == 207
    body = answer.json()
    assert [row["from"]["id"] for row in body["results"]] == [kind.id_of(0)]
    assert [one["context"]["fromObjectId"] for one in body["errors"]] == [[kind.id_of(59)], ["404"]]
    assert body["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"


def test_each_record_has_pages_of_its_own(portal: t.Any) -> None:
    ask = portal(association_page=7)
    division = ask.crm.kinds["divisions"]
    path, wanted = f"{division.type_id}/contacts", ask.crm.truth("associations:divisions:contacts")
    waiting: list[Row] = [{"id": division.id_of(0)}]
    found = []
    while waiting:
        (row,) = read(ask, path, *waiting).json()["results"]
        found += [to["toObjectId"] for to in row["to"]]
        assert len(row["to"]) <= 7
        more = row.get("paging")
        waiting = [{"id": row["from"]["id"], "after": more["next"]["after"]}] if more else []
    assert set(found) == {row["to_id"] for row in wanted}
    assert len(found) == len(set(found)) == 60
    one = ask.pages(f"{OBJECTS}/divisions/{division.id_of(0)}/associations/contacts")
    assert [row["toObjectId"] for row in one] == found
    assert ask.get(f"{OBJECTS}/divisions/404/associations/contacts").status_code == 404
    assert ask.get(f"{OBJECTS}/divisions/{division.id_of(0)}/associations/contacts", after="x").status_code == 400


def test_the_older_version_writes_ids_as_numbers(ask: Caller) -> None:
    kind = contacts(ask)
    answer = read(ask, "contacts/deals", {"id": kind.id_of(0)}, version="/crm/v4/associations").json()
    assert isinstance(answer["results"][0]["to"][0]["toObjectId"], int)
    one = ask.get(f"/crm/v4/objects/contacts/{kind.id_of(0)}/associations/deals").json()
    assert one["results"] == answer["results"][0]["to"]


def test_association_reads_that_are_refused(ask: Caller) -> None:
    assert read(ask, "contacts/deals", *[{"id": "1"}] * 1001).status_code == 400
    assert read(ask, "contacts/products", {"id": "1"}).status_code == 404
    assert read(ask, "contacts/contacts", {"id": "1"}).status_code == 404


# What else a portal has


def test_definitions_are_typed(ask: Caller) -> None:
    found = {one["name"]: one for one in ask.get("/crm/properties/2026-03/contacts").json()["results"]}
    assert found == {
        row["name"]: {name: value for name, value in row.items() if name != "object_type"}
        for row in ask.crm.truth("properties")
        if row["object_type"] == "contacts"
    }
    assert found["lead_cost"]["type"] == "number"
    assert found["num_notes"]["calculated"] is True
    assert found["service_of_interest"]["fieldType"] == "checkbox"
    assert len(found["service_of_interest"]["options"]) == 3
    assert found["hubspot_owner_id"]["externalOptions"] is True
    archived = ask.get("/crm/v3/properties/contacts", archived="true").json()["results"]
    assert [one["name"] for one in archived] == ["old_notes"]
    assert ask.get("/crm/v3/properties/contacts", dataSensitivity="sensitive").json()["results"] == []
    assert ask.get("/crm/properties/2026-03/contacts/city").json() == found["city"]
    assert ask.get("/crm/properties/2026-03/contacts/none").status_code == 404
    assert ask.get("/crm/properties/2026-03/products").json()["results"][0]["name"] == "hs_object_id"


def test_owners_are_active_or_archived(portal: t.Any) -> None:
    ask = portal(owners=30)
    active = ask.pages("/crm/owners/2026-03", limit=10)
    archived = ask.pages("/crm/v3/owners", archived="true")
    assert (len(active), len(archived)) == (27, 3)
    assert sorted(ids(active + archived)) == ids(ask.crm.truth("owners"))
    assert {one["userId"] for one in archived} == {None}
    assert {one["type"] for one in active} == {"PERSON", "QUEUE"}
    assert ask.get("/crm/owners/2026-03", limit=501).status_code == 400


def test_pipelines_with_stages(ask: Caller) -> None:
    for kind, path in (("deals", "/crm/pipelines/2026-03/deals"), ("appointments", "/crm/v3/pipelines/0-421")):
        truth = [row for row in ask.crm.truth("pipelines") if row["object_type"] == kind]
        assert ids(ask.get(path).json()["results"]) == ids(truth)
    first = ask.get("/crm/pipelines/2026-03/deals").json()["results"][0]
    assert (first["id"], first["createdAt"][:4], len(first["stages"])) == ("default", "1970", 4)
    assert ask.get("/crm/pipelines/2026-03/contacts").json()["results"] == []


def test_schemas_of_custom_objects(ask: Caller) -> None:
    found = ask.get("/crm-object-schemas/2026-03/schemas").json()["results"]
    assert found == ask.crm.truth("custom_object_schemas")
    assert [one["objectTypeId"] for one in found] == ["2-1000101", "2-1000102"]
    for name in (found[0]["objectTypeId"], found[0]["fullyQualifiedName"]):
        assert len(ask.get(f"{OBJECTS}/{name}").json()["results"]) == 1
    short = ask.get(
        "/crm/v3/schemas", includePropertyDefinitions="false", includeAssociationDefinitions="false"
    ).json()["results"]
    assert not {"properties", "associations"} & short[0].keys()
    assert ask.get("/crm-object-schemas/v3/schemas", archived="true").json()["results"] == []


def test_zip_codes_come_from_another_host(portal: t.Any) -> None:
    ask = portal(zip_header="zipcode")
    path = "/repos/example-owner/example-repo/contents/zips.csv"
    assert ask.get(path).status_code == 401
    ask.session.headers["Authorization"] = f"token {ZIP_TOKEN}"
    coded = ask.get(path, ref="main").json()
    ask.session.headers["Accept"] = "application/vnd.github.v3.raw"
    text = ask.get(path).text
    assert base64.b64decode(coded["content"]).decode() == text
    assert text.startswith("zipcode,city,county,state,division\r\n00501,")
    assert '"Sample City 1, North"' in text
    assert len(ask.crm.truth("zipcodes")) == 36
    assert ask.get(path, ref="other").status_code == 404
    assert ask.get(path.replace("zips", "zaps")).status_code == 404
    ask.session.headers["Authorization"] = "token wrong"
    assert ask.get(path).json() == {"message": "Bad credentials"}


# Values


def test_truth_is_typed_by_the_definitions_and_dirt_is_what_was_seen() -> None:
    crm = HubSpot(size=200, start=START)
    kind = crm.kinds["contacts"]
    texts = [kind.texts(index) for index in range(200)]
    rows = crm.truth("contacts")
    assert {type(row["price"]) for row in rows} == {Decimal, type(None)}
    misfits = [row["price"] for row, text in zip(rows, texts, strict=True) if text["price"] == "$1,250.50"]
    assert set(misfits) == {None}
    assert any((text["lead_dead_on"] or "").endswith("z") for text in texts)
    assert {row["lead_dead_on"].tzinfo for row in rows if row["lead_dead_on"]} == {UTC}
    assert "null" in {text["email"] for text in texts}
    assert {row["hs_is_unworked"] for row in rows} == {True, False, None}
    assert rows[0]["updated_at"] == rows[0]["lastmodifieddate"]
    assert max(row["contact_id"] or 0 for row in rows) > 2**53
    appointments = crm.kinds["appointments"]
    found = [appointments.texts(index) for index in range(200)]
    assert any("EDT" in (text["arrivy_appt_date"] or "") for text in found)
    assert {"01:30:00", "5400", "5400000"} <= {text["duration"] for text in found}
    assert {type(row["date"]).__name__ for row in crm.truth("appointments")} == {"date", "NoneType"}


# Days


def test_a_day_moves_only_what_hubspot_would_move(portal: t.Any) -> None:
    ask = portal(size=300)
    crm, kind = ask.crm, contacts(ask)
    before = {row["id"]: row for row in crm.truth("contacts")}
    linked = crm.truth("associations:contacts:appointments")
    counts = ask.control("day", {})
    happened = crm.last_day["contacts"]
    assert counts["contacts"] == {what: len(found) for what, found in happened.items()}
    after = {row["id"]: row for row in crm.truth("contacts")}
    assert after.keys() - before.keys() == set(happened["new"])
    gone = before.keys() - after.keys()
    assert gone == {*happened["archived"], *happened["erased"], *happened["merged"]} == crm.removed("contacts").keys()
    moved = {key for key in before.keys() & after.keys() if before[key]["updated_at"] != after[key]["updated_at"]}
    survivors = {kind.id_of(index) for index in kind.records.merged.values()}
    assert moved == {*happened["changed"], *happened["cleared"], *survivors}
    for key in happened["calculated"]:
        assert before[key] | {"num_notes": after[key]["num_notes"]} == after[key] != before[key]
    for key in happened["cleared"]:
        lost = [name for name in before[key] if before[key][name] is not None and after[key][name] is None]
        assert lost
    relinked = crm.truth("associations:contacts:appointments")
    assert relinked != linked
    assert counts["associations:contacts:appointments"] == {"added": 2, "removed": 2, "relabelled": 2}
    edited = {pair.split("-")[0] for pair in crm.last_day["associations:contacts:appointments"]["added"]}
    assert edited - moved
    searched = ask.search("contacts", ("lastmodifieddate", "GTE", milliseconds(START)), limit=200).json()
    assert set(ids(searched["results"])) == moved | set(happened["new"])
    archived = ids(ask.pages(f"{OBJECTS}/contacts", archived="true"))
    assert set(archived) == set(happened["archived"])


def test_many_days_are_the_same_for_the_same_seed() -> None:
    def later(seed: int) -> list[Row]:
        crm = HubSpot(size=40, start=START, seed=seed)
        for _ in range(5):
            crm.world.days += 1
            crm.pass_a_day()
        return [row for name in ("contacts", "divisions", "associations:divisions:contacts") for row in crm.truth(name)]

    assert later(1) == later(1) != later(2)


def test_a_merge_moves_the_associations() -> None:
    crm = HubSpot(size=40, start=START)
    kind, appointments = crm.kinds["contacts"], crm.kinds["appointments"]
    old = crm.links.of(kind, 0, appointments)
    assert old
    crm.merge("contacts", 0, 30)
    assert crm.links.of(kind, 0, appointments) == {}
    assert crm.links.of(kind, 30, appointments) == old
    crm.kinds["appointments"].records.archive(next(iter(old)), START)
    assert len(crm.links.of(kind, 30, appointments)) == len(old) - 1


def test_an_empty_portal(portal: t.Any) -> None:
    ask = portal(size=0)
    assert ask.pages(f"{OBJECTS}/contacts") == ask.pages("/crm/owners/2026-03") == []
    assert ask.search("contacts", ("lastmodifieddate", "GTE", "0")).json() == {"total": 0, "results": []}
    assert ask.control("day", {}) == {}
    assert HubSpot(size=100, sizes={"contacts": 0}, start=START).truth("associations:contacts:deals") == []


def test_a_million_contacts_take_no_memory(portal: t.Any) -> None:
    ask = portal(size=1_000_000)
    kind = contacts(ask)
    last = ask.get(f"{OBJECTS}/contacts", after=kind.first_id + 999_950, limit=100).json()
    assert len(last["results"]) == 50
    by_time = {"sorts": ["lastmodifieddate"], "after": "9990"}
    assert ask.search("contacts", ("lastmodifieddate", "GTE", "0"), **by_time).json()["total"] == 1_000_000
    assert ask.control("day", {})["contacts"]["new"] == 10_000
