"""Five9: a contact centre behind the SOAP configuration service, with Basic authentication.

What the public WSDL, samples and clients show is what happens here. Contacts are looked up by values, in which ``%``
stands for anything; criteria are joined with AND; an answer has 1,000 records at most and says nothing of the others.
``last_list`` is the list that a contact was last dialled from, not the lists it is in: the ``size`` of a list counts
members, among them contacts that were dialled from another list, or never. Values are text and positional; null is an
empty element, a nil one, or the end of a short row. Date-times are the wall clock of the domain. A fault is HTTP 500
with a body. Reports are run, polled and fetched as CSV, which ends at 50,000 rows.

Options: ``ceiling`` (1,000), ``rows`` (50,000), ``polls`` (how often a report is still running), ``membership``
(look-ups of ``last_list`` find all lists of a contact; no document rules it out), ``seconds`` (how long a call takes),
``padding`` (operations that nobody calls, for a WSDL as long as the real one), ``fields`` (further contact fields).
"""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import re
import typing as t
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import override

from crm_simulator.application import Crm
from crm_simulator.limiting import Rule
from crm_simulator.world import Collection

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from starlette.requests import Request

    Row: t.TypeAlias = dict[str, str | None]

USER, PASSWORD = "api.user@example.com", "not-a-real-secret-five9"
VERSIONS = ("v9_5", "v11", "v12", "v13")
ZONE = ZoneInfo("America/Los_Angeles")
NAMESPACE = "http://service.admin.ws.five9.com/"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
FIRST_NAMES, LAST_NAMES = ("Sam", "Pat", "Alex & Kim", "Jo"), ("Sample", "Example", "Muster", "O'Test <jr>")
# The first one is a pattern that the second one matches as well.
LISTS = ("50% Off", "50 Days Off", "Sample List", "Web Leads", "Never Dialled")
DISPOSITIONS = ("Sold", "No Answer", "Call Back", "Wrong Number", "Do Not Call", "Busy")
DAY = timedelta(days=1)

# Name, type, what it is mapped to, whether it is a system field.
FIELDS: tuple[tuple[str, str, str, bool], ...] = (
    *((name, "PHONE", "None", True) for name in ("number1", "number2", "number3")),
    *(
        (name, "STRING", "None", True)
        for name in ("first_name", "last_name", "company", "street", "city", "state", "zip")
    ),
    ("email", "EMAIL", "None", False),
    ("contactID", "STRING", "None", False),
    ("sys_created_date", "DATE_TIME", "CreatedDateTime", False),
    ("sys_last_agent", "STRING", "LastAgent", False),
    ("sys_last_disposition", "STRING", "LastDisposition", False),
    ("sys_last_disposition_time", "DATE_TIME", "LastDispositionDateTime", False),
    ("last_campaign", "STRING", "LastCampaign", False),
    ("attempts", "STRING", "AttemptsForLastCampaign", False),
    ("last_list", "STRING", "LastList", False),
    ("New Contact Field", "DATE_TIME", "LastModifiedDateTime", False),
    ("lead_source", "STRING", "None", False),
    ("DialAttempts", "NUMBER", "AttemptsForLastCampaign", False),
    ("XCounter", "STRING", "None", False),
    ("F9_list", "STRING", "None", False),
    ("DoNotDial", "BOOLEAN", "None", False),
    ("ggg", "STRING", "None", False),
    ("lead_prioritization", "NUMBER", "None", False),
    ("metal_count", "NUMBER", "None", False),
    ("Last Agent Disposition", "STRING", "LastAgentDisposition", False),
    ("Last Agent Disposition Date-Time", "DATE_TIME", "LastAgentDispositionDateTime", False),
    ("Market", "STRING", "None", False),
    ("Secondary Lead Source", "STRING", "None", False),
    ("HubSpot_ContactID", "STRING", "None", False),
    ("Result", "STRING", "None", False),
    ("Product", "STRING", "None", False),
    ("Appointment Date and Time", "DATE_TIME", "None", False),
    ("Carrier", "STRING", "None", False),
    ("TFUID", "STRING", "None", False),
    ("Lead Status", "STRING", "None", False),
    ("PC Work Finished", "DATE", "None", False),
    ("Total Job Amount", "NUMBER", "None", False),
    ("Position", "STRING", "None", False),
    ("Appointment Date", "DATE", "None", False),
)

# Parameters and result of each operation; * marks what may come many times.
OPERATIONS: dict[str, tuple[dict[str, str], str]] = {
    "closeSession": ({}, ""),
    "getCallCountersState": ({}, "tns:limitTimeoutState*"),
    "getCampaigns": ({"campaignNamePattern": "xs:string", "campaignType": "tns:campaignType"}, "tns:campaign*"),
    "getContactFields": ({"namePattern": "xs:string"}, "tns:contactField*"),
    "getContactRecords": ({"lookupCriteria": "tns:crmLookupCriteria"}, "tns:contactsLookupResult"),
    "getDispositions": ({"dispositionNamePattern": "xs:string"}, "tns:disposition*"),
    "getListsInfo": ({"listNamePattern": "xs:string"}, "tns:listInfo*"),
    "getReportResultCsv": ({"identifier": "xs:string"}, "xs:string"),
    "isReportRunning": ({"identifier": "xs:string", "timeout": "xs:long"}, "xs:boolean"),
    "runReport": (
        {"folderName": "xs:string", "reportName": "xs:string", "criteria": "tns:customReportCriteria"},
        "xs:string",
    ),
    # Nothing here calls it; its type lies in a schema of another site.
    "getAttachment": ({"name": "xs:string"}, "swaRef:swaRef"),
}
TYPES: dict[str, dict[str, str]] = {
    "limitTimeoutState": {"callCounterStates": "tns:callCounterState*", "timeout": "xs:int"},
    "callCounterState": {"limit": "xs:int", "operationType": "xs:string", "value": "xs:int"},
    "basicCampaign": {"description": "xs:string", "name": "xs:string"},
    "campaign": {
        ":base": "tns:basicCampaign",
        "mode": "tns:campaignMode",
        "profileName": "xs:string",
        "state": "tns:campaignState",
        "trainingMode": "xs:boolean",
        "type": "tns:campaignType",
    },
    "contactField": {
        "displayAs": "xs:string",
        "mapTo": "xs:string",
        "name": "xs:string",
        "restrictions": "tns:contactFieldRestriction*",
        "system": "xs:boolean",
        "type": "xs:string",
    },
    "contactFieldRestriction": {"type": "xs:string", "value": "xs:string"},
    "crmLookupCriteria": {"criteria": "tns:crmFieldCriterion*"},
    "crmFieldCriterion": {"field": "xs:string", "value": "xs:string"},
    "contactsLookupResult": {"fields": "xs:string*", "records": "tns:record*"},
    "record": {"values": "tns:data"},
    "data": {"data": "xs:string*"},
    "disposition": {
        "agentMustCompleteWorksheet": "xs:boolean",
        "agentMustConfirm": "xs:boolean",
        "description": "xs:string",
        "name": "xs:string",
        "resetAttemptsCounter": "xs:boolean",
        "sendEmailNotification": "xs:boolean",
        "sendIMNotification": "xs:boolean",
        "trackAsFirstCallResolution": "xs:boolean",
        "type": "xs:string",
        "typeParameters": "tns:dispositionTypeParams",
    },
    "dispositionTypeParams": {
        "allowChangeTimer": "xs:boolean",
        "attempts": "xs:int",
        "timer": "tns:timer",
        "useTimer": "xs:boolean",
    },
    "timer": {"days": "xs:int", "hours": "xs:int", "minutes": "xs:int", "seconds": "xs:int"},
    "listInfo": {"name": "xs:string", "size": "xs:int"},
    "customReportCriteria": {"reportObjects": "tns:reportObjectList*", "time": "tns:reportTimeCriteria"},
    "reportObjectList": {"objectNames": "xs:string*", "objectType": "xs:string"},
    "reportTimeCriteria": {"end": "xs:dateTime", "start": "xs:dateTime"},
}
ENUMERATIONS: dict[str, tuple[str, ...]] = {
    "campaignType": ("OUTBOUND", "AUTODIAL", "INBOUND"),
    "campaignMode": ("BASIC", "ADVANCED"),
    "campaignState": ("NOT_RUNNING", "STARTING", "RUNNING", "STOPPING", "RESETTING"),
}
# Limit class of each operation.
CLASSES = {"runReport": "ReportRequest", "getReportResultCsv": "RetrieveReport"}

CALL_LOG = (
    "CALL ID",
    "TIMESTAMP",
    "CAMPAIGN",
    "CALL TYPE",
    "AGENT",
    "AGENT NAME",
    "DISPOSITION",
    "ANI",
    "CUSTOMER NAME",
    "DNIS",
    "CALL TIME",
    "BILL TIME (ROUNDED)",
    "COST",
    "IVR TIME",
    "QUEUE WAIT TIME",
    "RING TIME",
    "TALK TIME",
    "HOLD TIME",
    "PARK TIME",
    "AFTER CALL WORK TIME",
    "TRANSFERS",
    "CONFERENCES",
    "HOLDS",
    "ABANDONED",
    "RECORDINGS",
)
LOGINS = (
    "AGENT",
    "DATE",
    "AGENT FIRST NAME",
    "AGENT LAST NAME",
    "LOGIN TIMESTAMP",
    "LOGOUT TIMESTAMP",
    "LOGIN TIME",
)
OCCUPANCY = (
    "AGENT",
    "AGENT FIRST NAME",
    "AGENT LAST NAME",
    "DATE",
    "LOGIN TIME",
    "NOT READY TIME",
    "WAIT TIME",
    "RINGING TIME",
    "ON CALL TIME",
    "ON VOICEMAIL TIME",
    "ON ACW TIME",
    "AVAILABLE TIME (LOGIN LESS NOT READY)",
    "OCCUPANCY (LOGIN LESS WAIT)",
    "UTILIZATION (LOGIN LESS WAIT AND NOT READY)",
)
AGENTS = (
    "AGENT ID",
    "AGENT",
    "AGENT FIRST NAME",
    "AGENT LAST NAME",
    "AGENT NAME",
    "EXTENSION",
    "AGENT EMAIL",
    "AGENT START MONTH",
    "AGENT START YEAR",
    "ENABLED FOR VIDEO",
)


def on_the_wall(moment: datetime) -> str:
    """Write a moment as contacts have it: the wall clock of the domain, with milliseconds."""
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03}"


def in_a_report(moment: datetime) -> str:
    """Write a moment as reports have it."""
    return moment.astimezone(ZONE).strftime("%a, %d %b %Y %H:%M:%S")


def clock(seconds: float) -> str:
    """Write a duration."""
    return f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"


@dataclass
class Trouble:
    """A fault that one operation answers with.

    Attributes:
        operation: Name of the operation.
        fault: Name of the fault, like ServerFault.
        times: How often; 0 for ever.
        after: How many calls pass first.
    """

    operation: str
    fault: str
    times: int = 1
    after: int = 0
    seen: int = 0

    def strikes(self, operation: str) -> bool:
        """Tell whether a call is struck, and count it."""
        if operation != self.operation:
            return False
        self.seen += 1
        return self.seen > self.after and (self.times == 0 or self.seen <= self.after + self.times)


class SoapFaultError(Exception):
    """An answer that is a fault.

    Attributes:
        name: Its name, like ServerFault.
        details: Elements of its detail.
    """

    def __init__(self, name: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.name = name
        self.details = details


@dataclass
class Report:
    """A report that was asked for."""

    header: Sequence[str]
    rows: list[list[str]]
    polls: int


class Five9(Crm):
    """The simulated Five9."""

    name = "five9"
    # Real limits differ from account to account.
    rules: t.ClassVar = {
        "Query": [Rule(400, 60)],
        "ReportRequest": [Rule(60, 60)],
        "RetrieveReport": [Rule(60, 60)],
    }
    default_size = 600

    @override
    def populate(self, size: int) -> None:
        self.ceiling: int = self.options.get("ceiling", 1_000)
        self.row_limit: int = self.options.get("rows", 50_000)
        self.fields = [*FIELDS, *self.options.get("fields", ())]
        self.lists = list(LISTS) if size else []
        self._edited: dict[int, dict[str, t.Any]] = {}
        self.contacts = Collection(self.world, "contacts", size, self._contact, step=timedelta(minutes=10))
        self.calls = Collection(self.world, "calls", size * 2, self._call, step=timedelta(minutes=7))
        self.campaigns = Collection(self.world, "campaigns", min(size, 4), self._campaign)
        self.dispositions = Collection(self.world, "dispositions", min(size, 6), self._disposition)
        self.agents = min(size, 3 + size // 400)
        self.reports: dict[str, Report] = {}
        self.asked_reports: list[tuple[str, datetime, datetime]] = []
        self.troubles: list[Trouble] = []
        self.operations: Counter[str] = Counter()
        self.lookups: list[dict[str, str]] = []
        self.session = False
        self.closed_sessions = self.overlaps = self.in_flight = 0
        self._index: dict[str, list[tuple[str, int]]] | None = None
        self._sizes: Counter[str] | None = None

    @override
    def routes(self) -> list[Route]:
        return [Route("/wsadmin/{version}/AdminWebService", self.serve, methods=["GET", "POST"])]

    @override
    def tap_settings(self, url: str) -> dict[str, t.Any]:
        settings = {"api_url": f"{url}/wsadmin", "username": USER, "password": PASSWORD, "report_history_days": 3}
        # What is quick to answer need not be waited for.
        quick = {"requests_per_minute": 60_000, "report_poll_seconds": 0}
        return settings if self.limiter.rules else settings | quick

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        self._index = self._sizes = None
        called = self.world.now

        def edit(rng: random.Random, index: int) -> dict[str, t.Any]:
            if index % 2:
                # Edited by hand: no call, so no disposition.
                return {"company": f"Company {rng.randrange(1000)}"}
            values = {"last_list": rng.choice(LISTS[:4]), "dialled": called - timedelta(hours=rng.randrange(1, 20))}
            self._edited.setdefault(index, {}).update(values)
            return values

        collections: dict[str, tuple[Collection, Callable[[random.Random, int], dict[str, t.Any]]]] = {
            "contacts": (self.contacts, edit),
            "campaigns": (self.campaigns, lambda rng, _: {"state": rng.choice(("RUNNING", "STOPPING"))}),
            "dispositions": (self.dispositions, lambda rng, _: {"description": f"note {rng.randrange(1000)}"}),
        }
        happened = {name: kind.pass_a_day(change) for name, (kind, change) in collections.items() if kind.size}
        if self.calls.size:
            new = max(1, self.calls.size // 100)
            for place, index in enumerate(range(self.calls.size, self.calls.size + new)):
                self.calls.add(1, self.world.now - timedelta(minutes=40 + place))
                self.calls.change(index, self.world.now - timedelta(minutes=40 + place))
            happened["calls"] = {"new": new, "changed": 0, "archived": 0}
        return happened

    # Credentials and refusals

    @override
    def authenticate(self, request: Request) -> Response | None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return None if self.credentials_of(request) == expected else self.refuse(401)

    @override
    def refuse(self, status: int) -> Response:
        return Response(f"<html><body>Error {status}</body></html>", status, media_type="text/html")

    @override
    def too_many(self, rule: Rule, seconds: float) -> Response:
        return self.fault(SoapFaultError("OperationsLimitExceededFault", "limit reached", limit=str(rule.requests)))

    def fault(self, error: SoapFaultError) -> Response:
        """Return the answer for a fault."""
        details = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in error.details.items())
        text = escape(str(error))
        return self.answer(
            f"<soap:Fault><faultcode>soap:Server</faultcode><faultstring>{text}</faultstring><detail>"
            f'<ns2:{error.name} xmlns:ns2="{NAMESPACE}">{details}<message>{text}</message></ns2:{error.name}></detail>'
            "</soap:Fault>",
            status=500,
        )

    def answer(self, body: str, *, status: int = 200) -> Response:
        """Return an envelope."""
        return Response(
            f'<soap:Envelope xmlns:soap="{ENVELOPE}"><soap:Body>{body}</soap:Body></soap:Envelope>',
            status,
            media_type="text/xml",
        )

    # Calls

    async def serve(self, request: Request) -> Response:
        """Answer one request: for the WSDL, or a call."""
        if request.path_params["version"] not in VERSIONS:
            return self.refuse(404)
        if request.method == "GET":
            asked = request.query_params
            # A bare @ is not understood.
            good = "wsdl" in asked and asked.get("user") == USER and "@" not in request.url.query
            return Response(self.wsdl(), media_type="text/xml") if good else self.refuse(500)
        body = await request.body()
        self.in_flight += 1
        try:
            await asyncio.sleep(self.options.get("seconds", 0))
            return self.call(body)
        except SoapFaultError as error:
            return self.fault(error)
        finally:
            self.in_flight -= 1

    def call(self, body: bytes) -> Response:
        """Answer a call.

        Raises:
            SoapFaultError: If the answer is a fault.
        """
        if self.in_flight > 1:
            self.overlaps += 1
            raise SoapFaultError("UserAlreadyLoggedInFault", "another request of the user is being served")
        if b"<!DOCTYPE" in body:
            raise SoapFaultError("ServerFault", "no document types")
        found = ET.fromstring(body).find(f"{{{ENVELOPE}}}Body/*")  # noqa: S314 - what a test sends
        operation = "" if found is None else found.tag.removeprefix(f"{{{NAMESPACE}}}")
        if found is None or operation not in OPERATIONS:
            raise SoapFaultError("ServerFault", "unknown operation")
        self.operations[operation] += 1
        for trouble in self.troubles:
            if trouble.strikes(operation):
                raise SoapFaultError(trouble.fault, f"simulated {trouble.fault}", operationType="Query", limit="1")
        limit = CLASSES.get(operation, "Query")
        broken = self.limiter.admit(limit)
        if broken is not None:
            count = str(broken[0].requests)
            raise SoapFaultError("OperationsLimitExceededFault", "limit reached", limit=count, operationType=limit)
        self.session = operation != "closeSession"
        # Children are unqualified: others are not seen.
        result: str = getattr(self, f"_{operation}")(found)
        return self.answer(f'<ns2:{operation}Response xmlns:ns2="{NAMESPACE}">{result}</ns2:{operation}Response>')

    def _closeSession(self, _: ET.Element) -> str:  # noqa: N802 - the name of the operation
        self.closed_sessions += 1
        return ""

    def _getCallCountersState(self, _: ET.Element) -> str:  # noqa: N802
        return "".join(
            f"<return><callCounterStates><limit>{rule.requests}</limit><operationType>{name}</operationType>"
            f"<value>{self.limiter.used(name, rule)}</value></callCounterStates>"
            f"<timeout>{int(rule.seconds)}</timeout></return>"
            for name, rules in self.limiter.rules.items()
            for rule in rules
        )

    def _getListsInfo(self, asked: ET.Element) -> str:  # noqa: N802
        return elements({"name": name, "size": str(self.size_of(name))} for name in self.lists if matches(asked, name))

    def _getContactFields(self, asked: ET.Element) -> str:  # noqa: N802
        return "".join(
            f"<return><displayAs>Long</displayAs><mapTo>{map_to}</mapTo><name>{escape(name)}</name>"
            + "".join(
                f"<restrictions><type>{kind_}</type><value>{value}</value></restrictions>"
                for kind_, value in restrictions_of(name, kind)
            )
            + f"<system>{str(system).lower()}</system><type>{kind}</type></return>"
            for name, kind, map_to, system in self.fields
            if matches(asked, name)
        )

    def _getCampaigns(self, asked: ET.Element) -> str:  # noqa: N802
        return elements(row for row in self.live("campaigns") if matches(asked, str(row["name"])))

    def _getDispositions(self, asked: ET.Element) -> str:  # noqa: N802
        return elements(row for row in self.live("dispositions") if matches(asked, str(row["name"])))

    def _getContactRecords(self, asked: ET.Element) -> str:  # noqa: N802
        names = [name for name, *_ in self.fields]
        criteria = {
            criterion.findtext("field") or "": criterion.findtext("value") or ""
            for criterion in asked.iterfind("lookupCriteria/criteria")
        }
        self.lookups.append(criteria)
        if not criteria:
            raise SoapFaultError("MissedArgumentFault", "lookupCriteria is missed")
        for name in criteria:
            if name not in names:
                raise SoapFaultError("CrmFieldNotFoundFault", f"there is no field {name}")
        records = []
        for index in self.find(criteria):
            row = self.contact(index)
            values = [row.get(name) for name in names]
            while index % 5 == 0 and values and not values[-1]:
                values.pop()
            nil = '<data xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
            data = (
                f"<data>{escape(value)}</data>" if value else (nil if index % 2 else "<data></data>")
                for value in values
            )
            records.append(f"<records><values>{''.join(data)}</values></records>")
            if len(records) >= self.ceiling:
                break
        fields = "".join(f"<fields>{escape(name)}</fields>" for name in names)
        return f"<return>{fields}{''.join(records)}</return>"

    def _runReport(self, asked: ET.Element) -> str:  # noqa: N802
        report = f"{asked.findtext('folderName')}/{asked.findtext('reportName')}"
        makers = {
            "Call Log Reports/Call Log": (CALL_LOG, self.call_log),
            "Agent Reports/Agent Login-Logout": (LOGINS, self.logins),
            "Agent Reports/Agent Occupancy": (OCCUPANCY, self.occupancy),
            "Agent Reports/Agents Information": (AGENTS, self.agent_rows),
        }
        if report not in makers:
            raise SoapFaultError("ReportNotFoundFault", f"there is no report {report}")
        bounds = [asked.findtext(f"criteria/time/{name}") for name in ("start", "end")]
        if None in bounds:
            raise SoapFaultError("MissedArgumentFault", "criteria.time is missed")
        start, end = (datetime.fromisoformat(t.cast("str", bound)) for bound in bounds)
        header, make = makers[report]
        identifier = f"report-{len(self.reports) + 1}"
        self.asked_reports.append((report, start, end))
        self.reports[identifier] = Report(header, list(make(start, end)), self.options.get("polls", 1))
        return f"<return>{identifier}</return>"

    def _isReportRunning(self, asked: ET.Element) -> str:  # noqa: N802
        report = self._report(asked)
        report.polls -= 1
        return f"<return>{str(report.polls >= 0).lower()}</return>"

    def _getReportResultCsv(self, asked: ET.Element) -> str:  # noqa: N802
        report = self._report(asked)
        if report.polls >= 0:
            raise SoapFaultError("ResultIsNotReadyFault", "the report is running")
        text = io.StringIO()
        csv.writer(text).writerows([report.header, *report.rows[: self.row_limit]])
        return f"<return>{escape(text.getvalue())}</return>"

    def _report(self, asked: ET.Element) -> Report:
        identifier = asked.findtext("identifier") or ""
        if identifier not in self.reports:
            raise SoapFaultError("UnknownIdentifierFault", f"there is no report {identifier}")
        return self.reports[identifier]

    # Contacts

    def number(self, index: int) -> str:
        """Return the number of a contact: unique, and of the block that is kept for stories."""
        extension = "" if index < 80_000 else str(index // 80_000)  # noqa: PLR2004 - 800 area codes, 100 lines
        return f"{200 + index * 7919 % 800}55501{index // 800 % 100:02}{extension}"

    def last_list(self, index: int) -> str:
        """Return the list that a contact was last dialled from."""
        if "last_list" in self._edited.get(index, {}):
            return str(self._edited[index]["last_list"])
        if index % 23 == 0:
            return ""
        return "Gone List" if index % 97 == 1 else LISTS[index % 4]

    def lists_of(self, index: int) -> set[str]:
        """Return the lists that a contact is in."""
        last = self.last_list(index)
        return {last or LISTS[4], *([LISTS[index // 7 % 4]] if index % 7 == 0 else [])}

    def size_of(self, name: str) -> int:
        """Return how many contacts are in a list."""
        if self._sizes is None:
            self._sizes = Counter(name for index in self.contacts.live() for name in self.lists_of(index))
        return self._sizes[name]

    def find(self, criteria: dict[str, str]) -> Iterator[int]:
        """Yield the contacts that meet all criteria."""
        patterns = {name: pattern(value) for name, value in criteria.items()}
        candidates: Iterator[int] = self.contacts.live()
        if "last_list" in patterns:
            is_wanted = patterns.pop("last_list").fullmatch
            found = [pair for name, pairs in self._by_list().items() if is_wanted(name) for pair in pairs]
            number = patterns.pop("number1", None)
            candidates = iter(dict.fromkeys(index for text, index in found if number is None or number.fullmatch(text)))
        for index in candidates:
            row = self.contact(index) if patterns else {}
            if all(wanted.fullmatch(row.get(name) or "") for name, wanted in patterns.items()):
                yield index

    def _by_list(self) -> dict[str, list[tuple[str, int]]]:
        if self._index is None:
            self._index = {}
            for index in self.contacts.live():
                number = str(self._edited.get(index, {}).get("number1", self.number(index)) or "")
                last = self.last_list(index)
                names = {last, *self.lists_of(index)} if self.options.get("membership") else {last}
                for name in names:
                    self._index.setdefault(name, []).append((number, index))
        return self._index

    def change_contact(self, index: int, moment: datetime, **values: t.Any) -> None:  # noqa: ANN401 - any value
        """Change a contact."""
        self.contacts.change(index, moment, **values)
        self._edited.setdefault(index, {}).update(values)
        self._index = self._sizes = None

    def contact(self, index: int) -> Row:
        """Return a contact by the names of its fields, as text."""
        row: dict[str, t.Any] = self.contacts.record(index)
        modified, dialled = self.contacts.modified_at(index), row.pop("dialled", None)
        last = self.last_list(index)
        if dialled is None and last:
            # Dialled long before it was modified last.
            dialled = modified - timedelta(days=30 + index % 5)
        stamps = {
            "New Contact Field": on_the_wall(modified),
            "sys_created_date": on_the_wall(self.world.start - timedelta(days=300)),
            "sys_last_disposition_time": on_the_wall(dialled) if dialled else None,
        }
        if index % 41 == 2:  # noqa: PLR2004 - some contacts have no times at all
            stamps = dict.fromkeys(stamps)
        return {"number1": self.number(index), "last_list": last or None, **stamps} | row

    def found_by_list(self) -> dict[tuple[str, str], Row]:
        """Return what can be had list by list: contacts by number and the list they were last dialled from."""
        rows = (self.contact(index) for index in self.contacts.live())
        return {(str(row["number1"]), str(row["last_list"])): row for row in rows if row["last_list"] in self.lists}

    def live(self, name: str) -> list[dict[str, t.Any]]:
        """Return all rows of campaigns or dispositions."""
        collection: Collection = getattr(self, name)
        return [collection.record(index) for index in collection.live()]

    def _contact(self, rng: random.Random, index: int) -> dict[str, t.Any]:
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        start = self.world.start
        return {
            "number2": None,
            "first_name": first,
            "last_name": last,
            "street": f"{rng.randrange(1, 999)} Main St",
            "city": "Springfield",
            "state": rng.choice(("CA", "TX", "IL")),
            "zip": f"{rng.randrange(10_000, 99_999)}",
            "email": f"contact{index}@example.com" if index % 3 else None,
            "sys_last_agent": f"agent{index % 3}@example.com",
            "sys_last_disposition": rng.choice(DISPOSITIONS),
            "last_campaign": f"Campaign {index % 4}",
            "attempts": str(index % 4),
            "DialAttempts": str(index % 4),
            "DoNotDial": ("0", "1", "false", "yes", None)[index % 5],
            "metal_count": "0",
            "Market": rng.choice(("North", "South")),
            "Appointment Date and Time": (start + timedelta(hours=index % 900)).strftime("%m/%d/%Y %H:%M:%S"),
            "Appointment Date": (start + timedelta(days=index % 30)).strftime("%m/%d/%Y") if index % 5 else None,
            "PC Work Finished": (start - timedelta(days=index % 30)).strftime("%Y-%m-%d") if index % 2 else None,
            "Total Job Amount": f"{rng.randrange(100, 99_999):,}.50" if index % 4 == 0 else None,
            "Position": str(index % 10) if index % 3 == 0 else None,
        }

    def _campaign(self, rng: random.Random, index: int) -> dict[str, t.Any]:
        return {
            "description": f"Leads & more {index}",
            "name": f"Campaign {index}",
            "mode": "BASIC",
            "profileName": None if index % 2 else "Default",
            "state": rng.choice(("RUNNING", "NOT_RUNNING")),
            "trainingMode": "false",
            "type": rng.choice(ENUMERATIONS["campaignType"]),
        }

    def _disposition(self, _: random.Random, index: int) -> dict[str, t.Any]:
        timed = index % 2 == 0
        return {
            "agentMustCompleteWorksheet": "false",
            "agentMustConfirm": str(index == 1).lower(),
            "description": None,
            "name": DISPOSITIONS[index] if index < len(DISPOSITIONS) else f"Disposition {index}",
            "resetAttemptsCounter": "false",
            "sendEmailNotification": "false",
            "sendIMNotification": "false",
            "trackAsFirstCallResolution": "true",
            "type": "RedialNumber" if timed else "FinalDisp",
            "typeParameters": {
                "allowChangeTimer": "false",
                "attempts": "3",
                "timer": {"days": "0", "hours": "1", "minutes": "30", "seconds": "0"},
                "useTimer": "true",
            }
            if timed
            else None,
        }

    # Reports

    def _call(self, rng: random.Random, index: int) -> dict[str, t.Any]:
        talk = rng.randrange(600)
        return {
            "CALL ID": str(3_000_000_000_000 + index),
            "CAMPAIGN": f"Campaign {index % 4}",
            "CALL TYPE": rng.choice(("Outbound", "Inbound")),
            "AGENT": f"agent{index % 3}@example.com",
            "AGENT NAME": f"Agent {index % 3}",
            "DISPOSITION": rng.choice(DISPOSITIONS),
            "ANI": "5550100100",
            "CUSTOMER NAME": rng.choice(FIRST_NAMES),
            "DNIS": self.number(index % 700),
            "CALL TIME": clock(talk + 20),
            "BILL TIME (ROUNDED)": clock(60 * (talk // 60 + 1)),
            "COST": f"{talk / 1000:.4f}",
            "TALK TIME": clock(talk),
            "TRANSFERS": str(index % 2),
            "CONFERENCES": "0",
            "HOLDS": "-" if index % 9 == 0 else "1",
            "ABANDONED": "0",
        }

    def call_log(self, start: datetime, end: datetime) -> Iterator[list[str]]:
        """Yield the calls of a span; both ends belong to it, seconds are the finest."""
        for index in self.calls.between(
            start.replace(microsecond=0), end.replace(microsecond=0) + timedelta(seconds=1)
        ):
            call = self.calls.record(index) | {"TIMESTAMP": in_a_report(self.calls.modified_at(index))}
            yield [call.get(name, "") for name in CALL_LOG]

    def _shifts(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, int, datetime, datetime]]:
        """Yield day, agent and working time, as far as they lie within a span: reports sum up what they were asked."""
        end = min(end, self.world.now)
        day = start.astimezone(ZONE).date()
        while day <= end.astimezone(ZONE).date():
            midnight = datetime.combine(day, time(), ZONE)
            for agent in range(self.agents):
                begin = max(start, midnight.replace(hour=8, minute=agent % 60).astimezone(UTC))
                stop = min(end, midnight.replace(hour=16, minute=agent % 60).astimezone(UTC))
                if begin < stop:
                    yield midnight, agent, begin, stop
            day += DAY

    def logins(self, start: datetime, end: datetime) -> Iterator[list[str]]:
        """Yield the log-ins of a span."""
        for day, agent, begin, stop in self._shifts(start, end):
            worked = clock((stop - begin).total_seconds())
            stamps = [in_a_report(begin), in_a_report(stop)]
            yield [f"agent{agent}@example.com", in_a_report(day), "Agent", str(agent), *stamps, worked]

    def occupancy(self, start: datetime, end: datetime) -> Iterator[list[str]]:
        """Yield what the agents did on the days of a span."""
        for day, agent, begin, stop in self._shifts(start, end):
            times = [clock((stop - begin).total_seconds() * share) for share in (1, 0.1, 0.2, 0.05, 0.6, 0, 0.05)]
            ratios = [clock((stop - begin).total_seconds() * 0.9), "80.00%", "70.00%"]
            yield [f"agent{agent}@example.com", "Agent", str(agent), in_a_report(day), *times, *ratios]

    def agent_rows(self, _start: datetime, _end: datetime) -> Iterator[list[str]]:
        """Yield the agents."""
        for agent in range(self.agents):
            name = f"agent{agent}@example.com"
            person = ["Agent", str(agent), f"Agent {agent}", "", name, "May", "2024", "01-"[agent % 3]]
            yield [str(900 + agent), name, *person]

    # The description of the service

    def wsdl(self) -> str:
        """Return the WSDL, with what is odd about the real one: references to other sites, and a wrong address."""
        unused: dict[str, tuple[dict[str, str], str]] = {
            f"unusedOperation{number}": ({"name": "xs:string"}, f"tns:unusedType{number}*")
            for number in range(self.options.get("padding", 0))
        }
        operations = OPERATIONS | unused
        types = TYPES | {
            f"unusedType{number}": {f"field{place}": "xs:string" for place in range(10)}
            for number in range(len(unused))
        }
        schema = "".join(
            f'<xs:element name="{name}{suffix}" type="tns:{name}{suffix}"/>'
            for name in operations
            for suffix in ("", "Response")
        )
        for name, (parameters, result) in operations.items():
            schema += complex_type(name, parameters) + complex_type(
                f"{name}Response", {"return": result} if result else {}
            )
        schema += "".join(complex_type(name, fields) for name, fields in types.items())
        schema += "".join(
            f'<xs:simpleType name="{name}"><xs:restriction base="xs:string">'
            + "".join(f'<xs:enumeration value="{value}"/>' for value in values)
            + "</xs:restriction></xs:simpleType>"
            for name, values in ENUMERATIONS.items()
        )
        messages = "".join(
            f'<wsdl:message name="{name}{suffix}"><wsdl:part element="tns:{name}{suffix}" name="parameters"/>'
            "</wsdl:message>"
            for name in operations
            for suffix in ("", "Response")
        )
        port = "".join(
            f'<wsdl:operation name="{name}"><wsdl:input message="tns:{name}" name="{name}"/>'
            f'<wsdl:output message="tns:{name}Response" name="{name}Response"/></wsdl:operation>'
            for name in operations
        )
        binding = "".join(
            f'<wsdl:operation name="{name}"><soap:operation soapAction="" style="document"/>'
            f'<wsdl:input name="{name}"><soap:body use="literal"/></wsdl:input>'
            f'<wsdl:output name="{name}Response"><soap:body use="literal"/></wsdl:output></wsdl:operation>'
            for name in operations
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" '
            f'xmlns:tns="{NAMESPACE}" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" name="WsAdminService" '
            f'targetNamespace="{NAMESPACE}"><wsdl:types>'
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" '
            'xmlns:swaRef="http://ws-i.org/profiles/basic/1.1/xsd" attributeFormDefault="unqualified" '
            f'elementFormDefault="unqualified" targetNamespace="{NAMESPACE}">'
            '<xs:import namespace="http://ws-i.org/profiles/basic/1.1/xsd" '
            'schemaLocation="http://ws-i.org/profiles/basic/1.1/swaref.xsd"/>'
            '<xs:import namespace="http://www.w3.org/2005/05/xmlmime"/>'
            f"{schema}</xs:schema></wsdl:types>{messages}"
            f'<wsdl:portType name="WsAdmin">{port}</wsdl:portType>'
            '<wsdl:binding name="WsAdminServiceSoapBinding" type="tns:WsAdmin">'
            '<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
            f"{binding}</wsdl:binding>"
            '<wsdl:service name="WsAdminService"><wsdl:port binding="tns:WsAdminServiceSoapBinding" name="WsAdminPort">'
            '<soap:address location="http://api.five9.com/wsadmin/v13/%20AdminWebService"/>'
            "</wsdl:port></wsdl:service></wsdl:definitions>"
        )


def pattern(value: str) -> re.Pattern[str]:
    """Return what a value of a criterion matches: % is anything, and case does not matter."""
    return re.compile(".*".join(map(re.escape, value.split("%"))), re.IGNORECASE | re.DOTALL)


def matches(asked: ET.Element, name: str) -> bool:
    """Tell whether a name meets the regular expression that an operation was given."""
    wanted = next((child.text for child in asked if child.tag.endswith("Pattern")), None)
    try:
        return not wanted or re.fullmatch(wanted, name) is not None
    except re.error:
        raise SoapFaultError("InvalidRegexpPatternFault", "that is no regular expression") from None


def restrictions_of(name: str, kind: str) -> tuple[tuple[str, str], ...]:
    """Return the restrictions of a field."""
    american = name.startswith("Appointment")
    if kind == "DATE_TIME":
        return ("DateFormat", "MM/dd/yyyy" if american else "yyyy-MM-dd"), (
            "TimeFormat",
            "HH:mm:ss" if american else "HH:mm:ss.SSS",
        )
    if kind == "DATE":
        return (("DateFormat", "MM/dd/yyyy" if american else "yyyy-MM-dd"),)
    return (("Precision", "7"), ("Scale", "2")) if kind == "NUMBER" else ()


def elements(rows: t.Iterable[dict[str, t.Any]]) -> str:
    """Write rows as results."""
    return "".join(f"<return>{inner(row)}</return>" for row in rows)


def inner(row: dict[str, t.Any]) -> str:
    """Write what a row holds; nothing is left out."""
    return "".join(
        f"<{name}>{inner(value) if isinstance(value, dict) else escape(value)}</{name}>"
        for name, value in row.items()
        if value is not None
    )


def complex_type(name: str, fields: dict[str, str]) -> str:
    """Write a type of the schema."""
    base = fields.get(":base")
    parts = "".join(
        f'<xs:element minOccurs="0" name="{field}" type="{kind.removesuffix("*")}"'
        + (' maxOccurs="unbounded" nillable="true"' if kind.endswith("*") else "")
        + "/>"
        for field, kind in fields.items()
        if field != ":base"
    )
    content = f"<xs:sequence>{parts}</xs:sequence>"
    if base is not None:
        content = f'<xs:complexContent><xs:extension base="{base}">{content}</xs:extension></xs:complexContent>'
    return f'<xs:complexType name="{name}">{content}</xs:complexType>'
