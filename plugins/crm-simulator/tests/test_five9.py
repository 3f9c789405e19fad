"""The simulated Five9 answers as the public WSDL, samples and clients show."""

from __future__ import annotations

import csv
import io
import typing as t
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
import requests
from crm_simulator.faults import Fault
from crm_simulator.five9 import FIELDS, LISTS, NAMESPACE, OPERATIONS, PASSWORD, USER, Five9, Trouble
from crm_simulator.limiting import Rule
from crm_simulator.server import make_crms

if t.TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2025, 6, 2, 20, tzinfo=UTC)
PATH = "/wsadmin/v13/AdminWebService"
ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:s="http://service.admin.ws.five9.com/">'
    "<e:Header/><e:Body><s:{0}>{1}</s:{0}></e:Body></e:Envelope>"
)
LOOK_UP = "<lookupCriteria>{}</lookupCriteria>"
CRITERION = "<criteria><field>{}</field><value>{}</value></criteria>"
TIME = "<criteria><time><end>{1}</end><start>{0}</start></time></criteria>"


@pytest.fixture
def crm() -> Five9:
    made = Five9(size=100, start=START)
    made.limiter.rules = {}
    return made


@pytest.fixture
def url(crm: Five9, simulate: Callable[..., str]) -> str:
    return simulate(crm) + PATH


@pytest.fixture
def post(url: str) -> Callable[..., requests.Response]:
    def send(operation: str, content: str = "", auth: tuple[str, str] = (USER, PASSWORD)) -> requests.Response:
        return requests.post(url, data=ENVELOPE.format(operation, content), auth=auth, timeout=10)

    return send


@pytest.fixture
def call(post: Callable[..., requests.Response]) -> Callable[..., list[ET.Element]]:
    def send(operation: str, content: str = "") -> list[ET.Element]:
        answer = post(operation, content)
        assert answer.status_code == 200, answer.text
        (found,) = parse(answer).iter(f"{{{NAMESPACE}}}{operation}Response")
        return found.findall("return")

    return send


def parse(answer: requests.Response) -> ET.Element:
    return ET.fromstring(answer.content)  # noqa: S314 - what our own server sends


def criteria(**values: str) -> str:
    return LOOK_UP.format("".join(CRITERION.format(*pair) for pair in values.items()))


def fault_of(answer: requests.Response) -> str:
    assert answer.status_code == 500
    (detail,) = parse(answer).iter("detail")
    return detail[0].tag.removeprefix(f"{{{NAMESPACE}}}")


def rows_of(result: ET.Element) -> list[dict[str, str | None]]:
    names = [field.text or "" for field in result.findall("fields")]
    return [
        dict(zip(names, (cell.text for cell in record.findall("values/data")), strict=False))
        for record in result.findall("records")
    ]


def test_it_is_among_the_crms() -> None:
    (made,) = make_crms(["five9"], size=10)
    assert isinstance(made, Five9)


def test_wrong_credentials_are_refused(post: Callable[..., requests.Response], url: str) -> None:
    assert post("getListsInfo", auth=(USER, "wrong")).status_code == 401
    assert requests.get(url, params={"wsdl": "", "user": USER}, timeout=10).status_code == 401
    other = url.replace("v13", "v2")
    assert requests.get(other, auth=(USER, PASSWORD), timeout=10).status_code == 404


def test_the_wsdl_tells_every_operation_and_a_wrong_address(url: str) -> None:
    answer = requests.get(f"{url}?wsdl&user={USER.replace('@', '%40')}", auth=(USER, PASSWORD), timeout=10)
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert {name for name in OPERATIONS if f'name="{name}Response"' in answer.text} == set(OPERATIONS)
    assert 'location="http://api.five9.com/wsadmin/v13/%20AdminWebService"' in answer.text
    assert "swaref.xsd" in answer.text
    assert requests.get(f"{url}?wsdl&user={USER}", auth=(USER, PASSWORD), timeout=10).status_code == 500
    assert requests.get(f"{url}?wsdl&user=nobody", auth=(USER, PASSWORD), timeout=10).status_code == 500


def test_a_wsdl_as_long_as_the_real_one() -> None:
    assert 900_000 < len(Five9(size=0, padding=500).wsdl()) < 1_100_000


def test_contacts_are_looked_up_by_values(call: Callable[..., list[ET.Element]], crm: Five9) -> None:
    (found,) = call("getContactRecords", criteria(last_list="Sample List"))
    rows = rows_of(found)
    assert {row["last_list"] for row in rows} == {"Sample List"}
    assert {row["number1"] for row in rows} == {n for n, name in crm.found_by_list() if name == "Sample List"}
    (part,) = call("getContactRecords", criteria(last_list="Sample List", number1="2%"))
    assert 0 < len(rows_of(part)) == sum(str(row["number1"]).startswith("2") for row in rows) < len(rows)
    (one,) = call("getContactRecords", criteria(number1=rows[0]["number1"] or ""))
    assert len(rows_of(one)) == 1
    (none,) = call("getContactRecords", criteria(last_list="Nowhere"))
    assert none.find("records") is None
    assert len(none.findall("fields")) == len(FIELDS)


def test_a_percent_sign_in_a_name_is_a_pattern(call: Callable[..., list[ET.Element]]) -> None:
    (found,) = call("getContactRecords", criteria(last_list="50% Off"))
    assert {row["last_list"] for row in rows_of(found)} == {"50% Off", "50 Days Off"}


def test_an_answer_ends_at_the_ceiling_without_a_word(call: Callable[..., list[ET.Element]], crm: Five9) -> None:
    crm.ceiling = 7
    (found,) = call("getContactRecords", criteria(last_list="Sample List"))
    assert len(found.findall("records")) == 7
    sizes = {entry.findtext("name"): int(entry.findtext("size") or 0) for entry in call("getListsInfo")}
    assert list(sizes) == list(LISTS)
    assert sizes["Sample List"] > 7


def test_rows_are_short_empty_and_nil(post: Callable[..., requests.Response], call: t.Any) -> None:
    text = post("getContactRecords", criteria(last_list="%")).text
    assert 'xsi:nil="true"' in text
    assert "<data></data>" in text
    assert "Alex &amp; Kim" in text
    (found,) = call("getContactRecords", criteria(last_list="%"))
    assert len({len(record.findall("values/data")) for record in found.findall("records")}) > 1


@pytest.mark.parametrize(
    ("operation", "content", "name"),
    [
        ("getContactRecords", criteria(nothing="x"), "CrmFieldNotFoundFault"),
        ("getContactRecords", "", "MissedArgumentFault"),
        ("getContactRecords", "<s:lookupCriteria/>", "MissedArgumentFault"),
        ("getListsInfo", "<listNamePattern>(</listNamePattern>", "InvalidRegexpPatternFault"),
        ("runReport", "<folderName>a</folderName><reportName>b</reportName>", "ReportNotFoundFault"),
        ("getReportResultCsv", "<identifier>no</identifier>", "UnknownIdentifierFault"),
        ("makeCoffee", "", "ServerFault"),
    ],
)
def test_faults(post: Callable[..., requests.Response], operation: str, content: str, name: str) -> None:
    assert fault_of(post(operation, content)) == name


def test_the_lists_of_the_configuration(call: Callable[..., list[ET.Element]]) -> None:
    fields = {field.findtext("name"): field for field in call("getContactFields")}
    assert fields["New Contact Field"].findtext("mapTo") == "LastModifiedDateTime"
    assert [r.findtext("type") for r in fields["New Contact Field"].findall("restrictions")] == [
        "DateFormat",
        "TimeFormat",
    ]
    assert call("getContactFields", "<namePattern>number.</namePattern>")[2].findtext("name") == "number3"
    assert len(call("getCampaigns")) == 4
    assert call("getDispositions")[0].findtext("typeParameters/timer/minutes") == "30"
    assert call("getListsInfo", "<listNamePattern>Web.*</listNamePattern>")[0].findtext("name") == "Web Leads"


def test_a_report_is_run_and_polled_and_fetched(
    call: Callable[..., list[ET.Element]], post: Callable[..., requests.Response], crm: Five9
) -> None:
    span = TIME.format("2025-06-01T00:00:00.000Z", "2025-06-02T00:00:00.000Z")
    report = "<folderName>Call Log Reports</folderName><reportName>Call Log</reportName>"
    identifier = f"<identifier>{call('runReport', report + span)[0].text}</identifier>"
    assert fault_of(post("getReportResultCsv", identifier)) == "ResultIsNotReadyFault"
    assert [call("isReportRunning", identifier)[0].text for _ in range(2)] == ["true", "false"]
    rows = list(csv.DictReader(io.StringIO(call("getReportResultCsv", identifier)[0].text)))
    wanted = list(crm.calls.between(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 6, 2, tzinfo=UTC)))
    assert [row["CALL ID"] for row in rows] == [str(3_000_000_000_000 + index) for index in wanted]
    assert rows[0]["TIMESTAMP"].startswith("Sun, 01 Jun 2025 12:4")
    crm.row_limit = 5
    assert len((call("getReportResultCsv", identifier)[0].text or "").splitlines()) == 6


def test_reports_sum_up_what_they_are_asked_for(crm: Five9) -> None:
    morning = datetime(2025, 6, 2, 15, tzinfo=UTC)
    (whole, *_), (part, *_) = list(crm.occupancy(morning.replace(hour=7), START)), list(crm.occupancy(morning, START))
    assert (whole[3], whole[4]) == ("Mon, 02 Jun 2025 00:00:00", "05:00:00")
    assert part[3] == whole[3]
    assert next(crm.occupancy(morning.replace(hour=19), START))[4] == "01:00:00"
    assert len(list(crm.logins(morning, START))) == crm.agents == len(list(crm.agent_rows(morning, START)))


def test_a_day_brings_new_changed_and_removed_records(crm: Five9) -> None:
    before = crm.found_by_list()
    calls = crm.calls.size
    crm.world.days += 1
    happened = crm.pass_a_day()
    after = crm.found_by_list()
    assert before != after
    assert happened["contacts"]["new"] == 1
    assert crm.calls.size == calls + happened["calls"]["new"]
    assert {row["number1"] for row in after.values()} != {row["number1"] for row in before.values()}


def test_too_many_calls_of_a_kind(
    call: Callable[..., list[ET.Element]], post: Callable[..., requests.Response], crm: Five9
) -> None:
    crm.limiter.rules = {"Query": [Rule(2, 60)]}
    call("getCampaigns")
    counters = call("getCallCountersState")
    assert counters[0].findtext("callCounterStates/operationType") == "Query"
    answer = post("getCampaigns")
    assert fault_of(answer) == "OperationsLimitExceededFault"
    assert "<limit>2</limit><operationType>Query</operationType>" in answer.text
    crm.limiter.rules = {}
    crm.faults.append(Fault("storm"))
    assert fault_of(post("getCampaigns")) == "OperationsLimitExceededFault"
    crm.troubles.append(Trouble("getCampaigns", "ServerFault", after=1))
    assert post("getCampaigns").status_code == 200
    assert fault_of(post("getCampaigns")) == "ServerFault"


def test_a_session_is_open_until_it_is_closed(call: Callable[..., list[ET.Element]], crm: Five9) -> None:
    call("getCampaigns")
    assert crm.session
    assert call("closeSession") == []
    assert not crm.session


def test_many_contacts_take_no_time() -> None:
    crm = Five9(size=1_000_000, start=START)
    assert crm.number(999_999) != crm.number(999_999 - 80_000)
    assert len({crm.number(index) for index in range(100_000)}) == 100_000
    assert crm.contact(999_999)["number1"] == crm.number(999_999)
