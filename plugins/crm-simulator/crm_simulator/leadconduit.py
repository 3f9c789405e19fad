"""LeadConduit: events in the order of their ids, for three months; flows and destinations as whole lists.

The newest event comes first unless ``sort`` says otherwise. Where the documents are silent, the simulator does what
makes a tap careful: ``type`` is ignored, ``start`` and ``end`` mean the beginning of an event and not its id, and count
only without ``after_id``, a page never holds more than ``page_cap`` events, an unknown ``after_id`` is no error, and
what is older than ``retention_days`` is gone without a word.

An event never changes. Its id is a BSON ObjectId: seconds, machine, counter. ``start_timestamp`` is not in the order of
the ids: the events of a lead overlap.

Options: ``key``; ``step``, the time between two leads; ``page_cap`` (1000); ``retention_days`` (90); ``filters_type``
(whether ``type`` counts); ``late`` (how many of the newest events are not shown before the next day, as if another
machine were still writing them).
"""

from __future__ import annotations

import base64
import binascii
import bisect
import re
import typing as t
from datetime import UTC, datetime, timedelta

from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

from crm_simulator.application import Crm
from crm_simulator.limiting import Rule

if t.TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from starlette.requests import Request

    Row: t.TypeAlias = dict[str, t.Any]

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000
EVENTS_OF_A_LEAD = 4
OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MACHINES = ("a1b2c3d4e5", "0f1e2d3c4b")
# Milliseconds after the second of the id: the source event of a lead ends last and says so.
STARTS = (900, 600, 350, 350)
LAST = ("recipient", "retry", "feedback-sent", "ping")
FIRST_NAMES, LAST_NAMES = ("Sam", "Pat", "Alex", "Kim", "Zoë"), ("Sample", "Example", "Muster")
STATES = (("IL", "Illinois", "Springfield", "62701"), ("MA", "Massachusetts", "Boston", "02134"))
OUTCOMES = ("success", "success", "success", "failure", "error")
SECRET = "not-a-real-secret"  # noqa: S105 - it is none


class LeadConduit(Crm):
    """The simulated LeadConduit."""

    name = "leadconduit"
    rules: t.ClassVar = {"default": [Rule(100, 60)]}
    default_size = 800

    @override
    def populate(self, size: int) -> None:
        self.key: str = self.options.get("key", "example-key")
        self.step: timedelta = self.options.get("step", timedelta(minutes=10))
        self.page_cap: int = self.options.get("page_cap", LARGEST_PAGE)
        self.retention = timedelta(days=self.options.get("retention_days", 90))
        self.filters_type: bool = self.options.get("filters_type", False)
        self.original = size
        leads = -(-size // EVENTS_OF_A_LEAD)
        self.first = self.world.start - timedelta(hours=1) - self.step * max(leads - 1, 0)
        self.later: list[tuple[datetime, int, str]] = []
        # Where the source event of a lead is that came later.
        self.sources: dict[int, int] = {}
        self.hidden: set[int] = set(range(size - self.options.get("late", 0), size))
        self.odd: dict[int, Row] = {}
        self.flows = [self._flow(number) for number in range(3 if size else 0)]
        self.destinations = [self._destination(number) for number in range(4 if size else 0)]

    @override
    def routes(self) -> list[Route]:
        return [
            Route("/events", self.list_events),
            Route("/flows", self.list_flows),
            Route("/destinations", self.list_destinations),
            Route("/{rest:path}", self.nothing_here),
        ]

    # Credentials and refusals

    @override
    def authenticate(self, request: Request) -> Response | None:
        if "application/json" not in request.headers.get("Accept", ""):
            return JSONResponse({"error": "misconfigured csrf: check Accept header is set properly"}, 403)
        kind, _, coded = request.headers.get("Authorization", "").partition(" ")
        try:
            password = base64.b64decode(coded, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            password = ""
        if kind == "Basic" and password == self.key:
            return None
        return JSONResponse({"error": "authentication failed"}, 401)

    @override
    def refuse(self, status: int) -> Response:
        return JSONResponse({"error": f"simulated {status}"}, status)

    @override
    def too_many(self, rule: Rule, seconds: float) -> Response:
        answer = JSONResponse({"error": "rate limit exceeded"}, 429)
        answer.headers["Retry-After"] = str(int(seconds) + 1)
        return answer

    @override
    def rate_headers(self, name: str) -> dict[str, str]:
        rules = self.limiter.rules.get(name, ())
        return {
            header: str(value)
            for rule in rules
            for header, value in (
                ("X-RateLimit-Limit", rule.requests),
                ("X-RateLimit-Remaining", max(0, rule.requests - self.limiter.used(name, rule))),
                ("X-RateLimit-Reset", int(self.world.now.timestamp() + rule.seconds)),
            )
        }

    async def nothing_here(self, _: Request) -> Response:
        """Answer for every other path."""
        return self.refuse(404)

    # Answers

    async def list_events(self, request: Request) -> Response:
        """Answer with a page of events, newest first unless ``sort`` is ``asc``."""
        asked = request.query_params
        limit, after = asked.get("limit", str(DEFAULT_PAGE)), asked.get("after_id", "").lower()
        bounds = {name: asked[name] for name in ("start", "end") if name in asked}
        if not limit.isdigit() or int(limit) < 1 or asked.get("sort", "desc") not in ("asc", "desc"):
            return self.refuse(400)
        if (after and not OBJECT_ID.fullmatch(after)) or not all(map(MOMENT.fullmatch, bounds.values())):
            return self.refuse(400)
        ascending = asked.get("sort") == "asc"
        if after:
            bounds = {}
        indexes = self._walk(bounds, after, ascending=ascending)
        wanted = asked.get("type") if self.filters_type else None
        rows: list[Row] = []
        for index in indexes:
            row = self.event(index)
            if (wanted is None or row["type"] == wanted) and _lies_within(row["start_timestamp"], bounds):
                rows.append(row)
            if len(rows) == min(int(limit), self.page_cap, LARGEST_PAGE):
                break
        return JSONResponse(rows)

    async def list_flows(self, _: Request) -> Response:
        """Answer with every flow."""
        return JSONResponse(self.flows)

    async def list_destinations(self, request: Request) -> Response:
        """Answer with every destination; where it is used only if that is asked for."""
        whole = request.query_params.get("include") == "flow_usages"
        return JSONResponse([row if whole else _without(row, "flow_usages") for row in self.destinations])

    @override
    def tap_settings(self, url: str) -> dict[str, t.Any]:
        rates = {} if self.limiter.rules else {"requests_per_minute": 1_000_000}
        return {"base_url": url, "api_key": self.key, **rates}

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        """Let a day happen: events are added, the oldest ones disappear, late ones are shown."""
        morning = self.world.now - timedelta(days=1)
        expired, before = -self._oldest(morning), self.size - len(self.hidden)
        self.hidden.clear()
        happened: dict[str, dict[str, int]] = {}
        if self.original:
            leads = self.count_leads()
            rng = self.world.rng("day", self.world.days)
            added = [
                (lead, kind)
                for lead in range(leads, leads + max(1, leads // 100))
                for kind in ("source", "filter", "recipient", LAST[lead % 4])
            ]
            # What the buyers report later comes as new events; the old ones stay as they are.
            added += [(rng.randrange(leads), "feedback-received") for _ in range(max(1, leads // 200))]
            self.sources |= {lead: self.size + n for n, (lead, kind) in enumerate(added) if kind == "source"}
            pause = timedelta(hours=22) / (len(added) + 1)
            self.later += [(morning + pause * (place + 1), lead, kind) for place, (lead, kind) in enumerate(added)]
            self.flows[0] |= {"name": f"Sample Flow of day {self.world.days}", "updated_at": _iso(morning)}
            gone = self.destinations[-1:] if len(self.destinations) > 1 else []
            del self.destinations[len(self.destinations) - len(gone) :]
            happened = {
                "flows": {"changed": 1},
                "destinations": {"removed": len(gone)},
                "leads": {"new": sum(kind == "source" for _, kind in added)},
            }
        expired += self._oldest(self.world.now)
        return {"events": {"new": self.size - before, "expired": expired}, **happened}

    def truth(self, stream: str) -> list[Row]:
        """Return every row that the API would give for a stream; for leads their events."""
        if stream == "flows":
            return self.flows
        if stream == "destinations":
            return self.destinations
        rows = [self.event(index) for index in self._walk({}, "", ascending=True)]
        return rows if stream == "events" else [r for r in rows if r["type"] == "source" and r["vars"].get("lead")]

    # Places

    @property
    def size(self) -> int:
        """How many events there were so far."""
        return self.original + len(self.later)

    def count_leads(self) -> int:
        """Return how many leads there were so far."""
        return -(-self.original // EVENTS_OF_A_LEAD) + sum(kind == "source" for _, _, kind in self.later)

    def moment_of(self, index: int) -> datetime:
        """Return the second in the id of an event."""
        if index >= self.original:
            moment, _, _ = self.later[index - self.original]
        else:
            moment = self.first + self.step * (index // EVENTS_OF_A_LEAD)
        return moment.replace(microsecond=0)

    def id_of(self, index: int) -> str:
        """Return the id of an event; ids grow with the index."""
        lead, _ = self._part(index)
        return f"{int(self.moment_of(index).timestamp()):08x}{MACHINES[lead % 2]}{index % 0x1000000:06x}"

    def _part(self, index: int) -> tuple[int, str]:
        """Return the lead that an event is about, and its type."""
        if index >= self.original:
            _, lead, kind = self.later[index - self.original]
            return lead, kind
        lead, place = divmod(index, EVENTS_OF_A_LEAD)
        return lead, ("source", "filter", "recipient", LAST[lead % 4])[place]

    def _oldest(self, now: datetime) -> int:
        return bisect.bisect_left(range(self.size), now - self.retention, key=self.moment_of)

    def _walk(self, bounds: Row, after: str, *, ascending: bool) -> Iterator[int]:
        low, high = self._oldest(self.world.now), self.size
        if "start" in bounds:
            # The beginning of an event lies within the second of its id.
            moment = _moment(bounds["start"]) - timedelta(seconds=2)
            low = max(low, bisect.bisect_left(range(high), moment, key=self.moment_of))
        if after and ascending:
            low = max(low, bisect.bisect_right(range(high), after, key=self.id_of))
        elif after:
            high = bisect.bisect_left(range(high), after, key=self.id_of)
        indexes = range(low, high) if ascending else range(high - 1, low - 1, -1)
        return (index for index in indexes if index not in self.hidden)

    # Records

    def event(self, index: int) -> Row:
        """Return an event."""
        lead, kind = self._part(index)
        rng = self.world.rng("events", index)
        place = index % EVENTS_OF_A_LEAD
        started = int(self.moment_of(index).timestamp()) * 1000 + STARTS[place]
        lasted = rng.randrange(5, 90)
        outcome = OUTCOMES[rng.randrange(len(OUTCOMES))]
        row: Row = {
            "id": self.id_of(index),
            "type": kind,
            "outcome": outcome,
            "reason": None if outcome == "success" else rng.choice(["No buyer", "Duplicate — seen before"]),
            "vars": self._vars(lead),
            "host": f"app{lead % 2}.example.com",
            "start_timestamp": started,
            "end_timestamp": started + lasted,
            "ms": lasted,
            "wait_ms": lasted // 2,
            "overhead_ms": 3,
            "lag_ms": 0,
            "total_ms": lasted + 3,
            "handler_version": "4.120.0",
            "version": "2.34.1",
            "module_id": f"leadconduit-sample.{kind}",
            "package_version": "1.2.3",
            "firehose": {"enabled": False},
            "expires_at": _iso(self.moment_of(index) + timedelta(days=90)),
        }
        return row | self._details(kind, lead, index, rng) | self.odd.get(index, {})

    def _details(self, kind: str, lead: int, index: int, rng: random.Random) -> Row:
        """Return what only events of a type have; steps leave what they found under names of their own."""
        if kind == "source":
            return {
                "cap_reached": False,
                "step_count": 3,
                "disabled_step_count": 0,
                "ping_limit_reached": False,
                "acceptance_criteria": {"outcome": "success"},
                "flow_caps": {},
                "request": {"method": "POST", "headers": {"Authorization": f"Bearer {SECRET}"}, "body": "..."},
            }
        if kind == "filter":
            return {
                "step_id": f"{lead % 7:08x}5e9",
                "rule_set": {"op": "and", "rules": []},
                "suppressionlist": {"query_item": {"found": rng.random() < 0.2}},  # noqa: PLR2004 - one in five
                "trustedform": {"outcome": "success", "age": rng.randrange(90)},
                "appended": {"credit_band": rng.choice("ABC")},
            }
        if kind in ("recipient", "retry"):
            return {
                "step_id": f"{lead % 7:08x}5ea",
                "request": {"method": "POST", "uri": "https://buyer.example.com/", "headers": {"X-Key": SECRET}},
                "response": {"status": 200, "body": "{}"},
                "credential": {"type": "token", "token": SECRET},
                "transactions": [{"request": {"headers": {"X-Key": SECRET}}}],
                "mappings": [{"property": "email", "value": "{{lead.email}}"}],
                "caps": [],
                "caps_reached": False,
                "cost": 0.1 + lead % 9,
                "purchase_price": 12.5,
                "sale_price": None if lead % 2 else 19.99,
                "revenue": 7.49,
                "retry_status": "scheduled" if kind == "retry" else None,
                "recipient_event_id": self.id_of(index - 1) if kind == "retry" else None,
            }
        if kind.startswith("feedback"):
            return {"feedback": {"type": "conversion", "reason": None}, "description": "Feedback"}
        return {"source_ping_limits": {"limit": 100}, "flow_ping_limits": {"limit": 1000}}

    def _vars(self, lead: int) -> Row:
        number = lead % 3
        return {
            "lead": self._lead(lead),
            "flow": {"id": f"5f00000000000000000{number:02}f01", "name": f"Sample Flow {number}"},
            "source": {"id": f"5f00000000000000000{number:02}501", "name": f"Sample Source {number}"},
            "account": {"name": "Sample Account"},
        }

    def _lead(self, lead: int) -> Row:
        """Return the fields of a lead: rich values where LeadConduit could parse them, else plain text."""
        rng = self.world.rng("leads", lead)
        if lead % 50 == 49:  # noqa: PLR2004 - one that came without any field
            return {}
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        number, line = rng.randrange(1, 900), rng.randrange(100, 200)
        state, state_name, city, zip_code = rng.choice(STATES)
        phone: t.Any = {
            "normal": f"555010{line:04}" if lead % 11 else f"555***{line:04}",
            "raw": f"(555) 010-{line:04}",
            "area": "555",
            "exchange": "010",
            "line": f"{line:04}",
            "number": f"010{line:04}",
            "extension": None,
            "country_code": "US",
            "is_tollfree": False,
            "valid": False,
        }
        email: t.Any = {
            "normal": f"{first.lower()}{lead}@example.com".replace("ë", "e"),
            "raw": f" {first}{lead}@Example.com ".replace("ë", "e"),
            "user": f"{first}{lead}",
            "domain": "example.com",
            "host": "example",
            "tld": "com",
            "is_free": False,
            "valid": True,
        }
        street: t.Any = {
            "normal": f"{number} Main St",
            "raw": f"{number}  main st",
            "number": str(number),
            "name": "Main St",
            "valid": True,
        }
        if lead % 3 == 2:  # noqa: PLR2004 - every third could not be parsed
            phone, email, street = f"call {line}", "none given", f"{number} Main St"
        fields: Row = {
            "id": self.id_of(self.sources.get(lead, lead * EVENTS_OF_A_LEAD)),
            "first_name": first,
            "last_name": last,
            "email": email,
            ("phone_2" if lead % 10 == 4 else "phone_1"): phone,  # noqa: PLR2004 - some give the second one only
            "address_1": street,
            "city": city,
            "state": {"normal": state, "raw": state.lower(), "name": state_name, "valid": True},
            "postal_code": {"normal": zip_code, "raw": zip_code, "country_code": "US", "zip": zip_code, "valid": True},
            "trustedform_cert_url": f"https://cert.example.com/{lead:040x}",
        }
        if lead % 2:
            fields |= {
                "country": {"normal": "US", "raw": "usa", "valid": True},
                "note_hge": "Call after 5 pm\nplease",
                "owner_hge": "Pat Example",
                "owneremail_hge": {"normal": "owner@example.com", "raw": "Owner@example.com", "valid": True},
                "ownerid_hge": 4200 + lead,
                "salesrabbit_lead_id_hge": str(900_000 + lead),
            }
        return fields

    def _flow(self, number: int) -> Row:
        return {
            "id": f"5f00000000000000000{number:02}f01",
            "name": f"Sample Flow {number}",
            "enabled": number != 1,
            "fields": ["first_name", "email", "phone_1"],
            "sources": [{"id": f"5f00000000000000000{number:02}501", "name": f"Sample Source {number}"}],
            "steps": [{"type": "filter"}, {"type": "recipient"}],
            "destinations": [],
            "caps": {},
            "acceptance_criteria": {"enabled": False},
            "pricing": {"enabled": False},
            "ping_enabled": False,
            "created_at": "2024-01-01T00:00:00.000Z",
            "updated_at": "2025-01-01T00:00:00.000Z",
        }

    def _destination(self, number: int) -> Row:
        return {
            "instance_id": f"I{number + 1}",
            "name": f"Sample destination {number + 1}",
            "integration_name": "Webhook",
            "integration_icon_url": "https://cdn.example.com/icon.png",
            "actions": [{"name": "Deliver"}],
            "flow_usages": {"count": number},
        }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _lies_within(begun: object, bounds: Row) -> bool:
    """Tell whether an event began within the bounds; one whose beginning a test made odd lies in all of them."""
    if not isinstance(begun, int):
        return True
    if "start" in bounds and begun < _moment(bounds["start"]).timestamp() * 1000:
        return False
    return "end" not in bounds or begun <= _moment(bounds["end"]).timestamp() * 1000


def _without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}
