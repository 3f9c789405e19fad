"""CallRail: API v3, as its reference and what was seen of it describe it.

Options: ``key``; ``accounts``, how many; ``zone``, that of the accounts; ``step``, the time between two calls;
``counts_pages``, whether tags, trackers and users tell how many pages there are (they were seen without).
"""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

from crm_simulator.application import Crm
from crm_simulator.limiting import Rule
from crm_simulator.world import Collection

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

    from starlette.requests import Request

    Row: t.TypeAlias = dict[str, t.Any]

DEFAULT_PAGE, LARGEST_PAGE = 100, 250
RETENTION_MONTHS = 25
RECENT_MESSAGES = 3
ZONES = ("America/New_York", "America/Chicago", "America/Los_Angeles")
NAMES = ("Sam Sample", "Pat Example", "Kim Test", "Alex Model", "Jo Pattern")
SOURCES = ("Google Organic", "Google Ads", "Direct", "Bing Organic")
# Answered without being asked for; everything else of a record needs ``fields``.
DEFAULT_FIELDS: t.Final = {
    "calls": [
        "answered",
        "business_phone_number",
        "customer_city",
        "customer_country",
        "customer_name",
        "customer_phone_number",
        "customer_state",
        "direction",
        "duration",
        "id",
        "recording",
        "recording_duration",
        "recording_player",
        "start_time",
        "tracking_phone_number",
        "voicemail",
        "agent_email",
    ],
    "form_submissions": [
        "id",
        "company_id",
        "person_id",
        "form_data",
        "form_url",
        "landing_page_url",
        "referrer",
        "referring_url",
        "submitted_at",
        "first_form",
        "customer_phone_number",
        "customer_name",
        "customer_email",
        "formatted_customer_phone_number",
        "formatted_customer_name",
        "source",
        "keywords",
        "campaign",
        "medium",
    ],
}
ON_REQUEST: t.Final = {"companies": {"verified_caller_ids"}, "conversations": {"lead_status", "source"}}


class CallRail(Crm):
    """A simulated CallRail."""

    name = "callrail"
    rules: t.ClassVar = {"default": [Rule(1000, 3600, "hour"), Rule(10_000, 86_400, "day")]}

    @override
    def populate(self, size: int) -> None:
        self.key: str = self.options.get("key", "example-key")
        self.zone = ZoneInfo(self.options.get("zone", "America/New_York"))
        self.counts_pages: bool = self.options.get("counts_pages", False)
        count: int = self.options.get("accounts", 1)
        step: timedelta = self.options.get("step", timedelta(hours=3))
        self.account_ids = [f"ACCexample{number:04}" for number in range(1, count + 1)] if size else []
        self.calls = Collection(self.world, "calls", size, self._call, step=step)
        self.forms = Collection(self.world, "forms", size // 2, self._form, step=step * 2)
        self.conversations = Collection(self.world, "conversations", size // 4, self._conversation, step=step * 4)
        self.messages: dict[int, list[datetime]] = {}
        many = min(size, 300)
        self.lists: dict[str, list[Row]] = {
            "companies": [self._company(number) for number in range(3 * count if size else 0)],
            "users": [self._user(number) for number in range(many // 20)],
            "trackers": [self._tracker(number) for number in range(many // 5)],
            "tags": [self._tag(number) for number in range(many // 10)],
        }

    @override
    def routes(self) -> list[Route]:
        account = "/a/{account}"
        return [
            Route("/a.json", self.list_accounts),
            *(
                Route(f"{account}/{name}.json", self._lister(name))
                for name in ("companies", "users", "trackers", "tags")
            ),
            Route(f"{account}/calls.json", self.list_calls),
            Route(f"{account}/form_submissions.json", self.list_forms),
            Route(f"{account}/text-messages.json", self.list_conversations),
            Route(f"{account}/text-messages/{{conversation}}.json", self.one_conversation),
            Route("/{rest:path}", self.nothing_here),
        ]

    @override
    def authenticate(self, request: Request) -> Response | None:
        sent = request.headers.get("Authorization", "")
        return None if sent in (f'Token token="{self.key}"', f"Token token={self.key}") else self.refuse(401)

    @override
    def too_many(self, rule: Rule, seconds: float) -> Response:
        return self.refuse(429)

    @override
    def refuse(self, status: int) -> Response:
        return JSONResponse({"error": f"simulated {status}"}, status)

    @override
    def tap_settings(self, url: str) -> dict[str, t.Any]:
        return {"api_url": url, "api_key": self.key}

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        """Let a day happen; edits leave the moment of a call or a form as it is, and spam vanishes."""
        happened = {
            "calls": self._day_of(self.calls, lambda rng: {"note": "late note", "value": f"{rng.randrange(900)}.50"}),
            "form_submissions": self._day_of(self.forms, lambda _: {"lead_status": "good_lead"}),
        }
        rng = self.world.rng("texts", self.world.days)
        morning = self.world.now - timedelta(days=1)
        answered = rng.sample(range(self.conversations.size), min(3, self.conversations.size))
        for index in answered:
            moment = morning + timedelta(milliseconds=rng.randrange(82_800_000))
            self.messages.setdefault(index, [self.conversations.modified_at(index)]).append(moment)
            self.conversations.change(index, moment)
        begun = self.conversations.add(1, morning + timedelta(hours=5))
        happened["text_message_conversations"] = {"new": len(begun), "changed": len(answered)}
        if self.lists["companies"]:
            self.lists["companies"][-1] |= {"status": "disabled", "disabled_at": self._local(morning, 0)}
            self.lists["trackers"][:1] = [row | {"whisper_message": "changed"} for row in self.lists["trackers"][:1]]
            del self.lists["users"][-1:]
            del self.lists["tags"][-1:]
            happened |= {"companies": {"changed": 1}, "users": {"removed": 1}, "tags": {"removed": 1}}
        return happened

    def _day_of(self, records: Collection, edit: Callable[[random.Random], Row]) -> dict[str, int]:
        if not records.size:
            return {"new": 0, "changed": 0, "vanished": 0}
        rng = self.world.rng(records.name, "day", self.world.days)
        # Only the last weeks are edited: who corrects a call of last year?
        recent = list(records.between(self.world.now - timedelta(days=21), self.world.now))
        picked = rng.sample(recent, min(len(recent), 6))
        for index in picked[1:]:
            records.change(index, records.modified_at(index), **edit(rng))
        for index in picked[:1]:
            records.archive(index, self.world.now)
        added = records.add(max(1, records.size // 100), self.world.now - timedelta(hours=rng.randrange(2, 23)))
        return {"new": len(added), "changed": len(picked[1:]), "vanished": len(picked[:1])}

    def truth(self, stream: str) -> list[Row]:
        """Return every record that the API would give, with every field, and with its account."""
        if stream == "accounts":
            return self._accounts()
        if stream in self.lists:
            return [row | {"account_id": account} for account in self.account_ids for row in self._of(stream, account)]
        records, make = {
            "calls": (self.calls, self.call),
            "form_submissions": (self.forms, self.form),
            "text_message_conversations": (self.conversations, self.conversation),
        }[stream]
        return [make(index) | {"account_id": self._account_of(index)} for index in records.live()]

    # Records

    def _accounts(self) -> list[Row]:
        return [
            {
                "id": account,
                "name": f"Sample Agency {number}",
                "outbound_recording_enabled": True,
                "hipaa_account": False,
                "numeric_id": 100_000_000 + number,
                "created_at": "2025-01-05 03:43:50 -0500",
            }
            for number, account in enumerate(self.account_ids, 1)
        ]

    def _account_of(self, index: int) -> str:
        return self.account_ids[index % len(self.account_ids)]

    def _company_of(self, index: int) -> int:
        """Return the number of the company of a record; it is one of the record's account."""
        count = len(self.account_ids)
        return index % count + count * (index // count % 3)

    def _of(self, name: str, account: str) -> list[Row]:
        return [row for number, row in enumerate(self.lists[name]) if self._account_of(number) == account]

    def _local(self, moment: datetime, company: int) -> str:
        """Write a moment as CallRail does: in the zone of the company, with its offset."""
        zone = ZoneInfo(ZONES[company % len(ZONES)])
        return moment.astimezone(zone).isoformat(timespec="milliseconds")

    def _company(self, number: int) -> Row:
        return {
            "id": f"COMexample{number:04}",
            "name": f"Sample Windows {number}",
            "status": "active",
            "time_zone": ZONES[number % len(ZONES)],
            "created_at": self._local(self.world.start - timedelta(days=700), number),
            "disabled_at": None,
            "dni_active": True,
            "script_url": "//cdn.example.com/x.js",
            "callscore_enabled": False,
            "lead_scoring_enabled": True,
            "callscribe_enabled": False,
            "keyword_spotting_enabled": False,
            "form_capture": True,
            "swap_exclude_jquery": None,
            "swap_ppc_override": None,
            "swap_landing_override": None,
            "swap_cookie_duration": 12,
            "swap_cookie_duration_unit": "months",
            "verified_caller_ids": [],
        }

    def _user(self, number: int) -> Row:
        pending = number % 4 == 3  # noqa: PLR2004 - every fourth
        first, last = (None, None) if pending else NAMES[number % len(NAMES)].split()
        return {
            "id": f"USRexample{number:04}",
            "email": f"user{number}@example.com",
            "first_name": first,
            "last_name": last,
            "name": None if pending else f"{first} {last}",
            "role": ("admin", "manager", "reporting")[number % 3],
            "accepted": not pending,
            "created_at": self._local(self.world.start - timedelta(days=300 + number), 0),
            "companies": [{"id": "COMexample0000", "name": "Sample Windows 0"}],
        }

    def _tracker(self, number: int) -> Row:
        company = self._company_of(number)
        return {
            "id": f"TRKexample{number:04}",
            "name": f"Tracker {number}",
            "type": ("source", "session")[number % 2],
            "status": "active",
            "destination_number": "+15550100001",
            "tracking_numbers": [f"+1555010{1000 + number}"],
            "whisper_message": "Call from website",
            "sms_supported": True,
            "sms_enabled": number % 2 == 0,
            "company": {"id": f"COMexample{company:04}", "name": f"Sample Windows {company}"},
            "call_flow": {"type": "basic", "recording_enabled": True, "destination_number": "+15550100001"},
            "source": {"type": "all"},
            "created_at": self._local(self.world.start - timedelta(days=200), company),
            "disabled_at": None,
        }

    def _tag(self, number: int) -> Row:
        company = f"COMexample{self._company_of(number):04}" if number % 2 else None
        return {
            "id": 700_001 + number,
            "name": f"Tag {number}",
            "tag_level": "company" if company else "account",
            "color": "blue1",
            "background_color": "blue1",
            "company_id": company,
            "status": "enabled",
            "created_at": self._local(self.world.start - timedelta(days=100), 0),
        }

    def _call(self, rng: random.Random, index: int) -> Row:
        company, name, seconds = self._company_of(index), rng.choice(NAMES), rng.randrange(600)
        account, call = self._account_of(index), f"CALexample{index:06}"
        withheld = rng.random() < 0.1  # noqa: PLR2004 - one call in ten
        return {
            "id": call,
            "answered": seconds > 20,  # noqa: PLR2004 - seconds
            "business_phone_number": "+15550100001",
            "customer_city": "Springfield",
            "customer_country": "US",
            "customer_name": name.upper(),
            "customer_phone_number": "anonymous" if withheld else f"+1555{rng.randrange(10**6, 10**7)}",
            "customer_state": "IL",
            "direction": rng.choice(["inbound", "outbound"]),
            "duration": seconds,
            "recording": f"https://api.example.com/v3/a/{account}/calls/{call}/recording.json",
            # Text for some, a number for others: both were seen.
            "recording_duration": str(seconds) if index % 2 else seconds,
            "recording_player": f"https://app.example.com/calls/{call}/recording?access_key=EXAMPLE{index}",
            "tracking_phone_number": "+15550100003",
            "voicemail": False,
            "agent_email": "agent@example.com",
            "company_id": f"COMexample{company:04}",
            "company_name": f"Sample Windows {company}",
            "company_time_zone": ZONES[company % len(ZONES)],
            "lead_status": rng.choice(["good_lead", "not_a_lead", None]),
            "value": rng.choice([None, "$1,200.00", "35.50"]),
            "note": None,
            "tags": [{"id": 700_001, "name": "Tag 0"}] if index % 3 else ["Tag 0"],
            "tracker_id": f"TRKexample{index % 7:04}",
            "source": rng.choice(SOURCES),
            "first_call": rng.random() < 0.5,  # noqa: PLR2004 - half of them
            "prior_calls": rng.randrange(4),
            "total_calls": rng.randrange(1, 5),
            "good_lead_call_id": index if index % 2 else None,
            "person_id": f"PERexample{index % 50:04}",
            "zip_code": "02134",
            "gclid": None,
            "utm_source": "google",
            "keywords_spotted": [],
            "speaker_percent": {"agent": 40, "customer": 60},
            "milestones": {"first_touch": {"source": "Google Organic", "medium": "organic"}},
            "transcription": None,
            "sentiment": None,
            "formatted_duration": f"{seconds // 60}m {seconds % 60}s",
        }

    def _form(self, rng: random.Random, index: int) -> Row:
        company, name = self._company_of(index), rng.choice(NAMES)
        return {
            "id": f"FORexample{index:06}",
            "company_id": f"COMexample{company:04}",
            "person_id": f"PERexample{index % 50:04}",
            "form_data": {"name": name, "email": "sam@example.com", "message": "please call", "rooms": ["hall"]},
            "form_url": "https://www.example.com/contact?" + "x" * rng.randrange(300),
            "landing_page_url": "https://www.example.com/",
            "referrer": "google_organic",
            "referring_url": "https://www.google.com/",
            "first_form": rng.random() < 0.5,  # noqa: PLR2004 - half of them
            "customer_phone_number": f"+1555{rng.randrange(10**6, 10**7)}",
            "customer_name": name,
            "customer_email": "sam@example.com",
            "formatted_customer_phone_number": "555-010-0002",
            "formatted_customer_name": name,
            "source": rng.choice(SOURCES),
            "keywords": None,
            "campaign": None,
            "medium": "organic",
            "company_name": f"Sample Windows {company}",
            "form_name": "contact",
            "lead_status": None,
            "value": rng.choice([None, "12.00"]),
            "note": None,
            "tags": [],
            "utm_source": None,
        }

    def _conversation(self, rng: random.Random, index: int) -> Row:
        company, name = self._company_of(index), rng.choice(NAMES)
        return {
            "id": f"k{index:04}",
            "company_id": f"COMexample{company:04}",
            "initial_tracker_id": "TRKexample0001",
            "current_tracker_id": "TRKexample0001",
            "customer_name": name.upper(),
            "customer_phone_number": f"+1555{rng.randrange(10**6, 10**7)}",
            "initial_tracking_number": "+15550100003",
            "current_tracking_number": "+15550100003",
            "state": "active",
            "company_time_zone": ZONES[company % len(ZONES)],
            "formatted_customer_phone_number": "555-010-0002",
            "formatted_initial_tracking_number": "555-010-0003",
            "formatted_current_tracking_number": "555-010-0003",
            "formatted_customer_name": name,
            "lead_status": None,
            "source": rng.choice(SOURCES),
        }

    def call(self, index: int) -> Row:
        """Return a call with its times."""
        moment = self._local(self.calls.modified_at(index), self._company_of(index))
        return {"start_time": moment, "created_at": moment} | self.calls.record(index)

    def form(self, index: int) -> Row:
        """Return a form with its time."""
        moment = self._local(self.forms.modified_at(index), self._company_of(index))
        return {"submitted_at": moment} | self.forms.record(index)

    def conversation(self, index: int) -> Row:
        """Return a conversation, with its latest messages."""
        moment = self._local(self.conversations.modified_at(index), self._company_of(index))
        times = {"last_message_at": moment, "recent_messages": self.thread(index)[:RECENT_MESSAGES]}
        return times | self.conversations.record(index)

    def thread(self, index: int) -> list[Row]:
        """Return all messages of a conversation, newest first."""
        begun, *late = self.messages.get(index) or [self.conversations.modified_at(index)]
        moments = [begun - timedelta(minutes=7 * back) for back in reversed(range(2 + index % 4))]
        company = self._company_of(index)
        return [
            {
                "direction": ("incoming", "outgoing")[place % 2],
                "content": f"Message of {moment:%H:%M:%S}",
                "created_at": self._local(moment, company),
                "type": "sms",
                "media_urls": [],
                "sms_thread": {"id": f"SMTexample{index:04}"},
            }
            for place, moment in enumerate([*moments, *sorted(late)])
        ][::-1]

    # Endpoints

    async def nothing_here(self, _: Request) -> Response:
        """Answer a path that does not exist."""
        return self.refuse(404)

    async def list_accounts(self, request: Request) -> Response:
        """GET /a.json."""
        return self._page(request, "accounts", self._accounts())

    def _lister(self, name: str) -> Callable[[Request], t.Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            account, asked = request.path_params["account"], request.query_params
            if account not in self.account_ids:
                return self.refuse(404)
            rows = self._of(name, account)
            if "status" in asked:
                rows = [row for row in rows if row.get("status") == asked["status"]]
            if "company_id" in asked and name in ("trackers", "tags"):
                rows = [row for row in rows if _company_id(row) == asked["company_id"]]
            wanted = asked.get("fields", "").split(",")
            left_out = ON_REQUEST.get(name, set()) - set(wanted)
            rows = [{key: value for key, value in row.items() if key not in left_out} for row in rows]
            counted = self.counts_pages or name == "companies"
            return self._page(request, name, rows, counted=counted)

        return answer

    async def list_calls(self, request: Request) -> Response:
        """GET /a/{account}/calls.json, by page or by relative address."""
        rows = self._dated(request, self.calls, self.call)
        if isinstance(rows, Response):
            return rows
        rows = _sorted(request, rows, ("start_time", "duration", "id"), "start_time")
        rows = _trimmed(request, rows, "calls")
        if request.query_params.get("relative_pagination") != "true":
            return self._page(request, "calls", rows)
        offset, size = _number(request, "offset", 0), _size(request)
        more = len(rows) > (offset + 1) * size
        following = str(request.url.include_query_params(offset=offset + 1)) if more else None
        return JSONResponse(
            {
                "per_page": size,
                "has_next_page": more,
                "next_page": following,
                "calls": rows[offset * size : (offset + 1) * size],
            }
        )

    async def list_forms(self, request: Request) -> Response:
        """GET /a/{account}/form_submissions.json."""
        rows = self._dated(request, self.forms, self.form)
        if isinstance(rows, Response):
            return rows
        rows = _sorted(request, rows, ("submitted_at", "form_url"), "submitted_at")
        return self._page(request, "form_submissions", _trimmed(request, rows, "form_submissions"))

    async def list_conversations(self, request: Request) -> Response:
        """GET /a/{account}/text-messages.json: newest first, whatever is asked for."""
        rows = self._dated(request, self.conversations, self.conversation)
        if isinstance(rows, Response):
            return rows
        left_out = ON_REQUEST["conversations"] - set(request.query_params.get("fields", "").split(","))
        rows = [{key: value for key, value in row.items() if key not in left_out} for row in reversed(rows)]
        return self._page(request, "conversations", rows)

    async def one_conversation(self, request: Request) -> Response:
        """GET /a/{account}/text-messages/{conversation}.json: the whole thread."""
        account, name = request.path_params["account"], request.path_params["conversation"]
        for index in self.conversations.live():
            if f"k{index:04}" == name and self._account_of(index) == account:
                return JSONResponse(self.conversation(index) | {"messages": self.thread(index)})
        return self.refuse(404)

    def _dated(self, request: Request, records: Collection, make: Callable[[int], Row]) -> list[Row] | Response:
        """Return the records between the dates asked for, oldest first."""
        account, asked = request.path_params["account"], request.query_params
        if account not in self.account_ids:
            return self.refuse(404)
        now = self.world.now
        try:
            start = self._bound(asked.get("start_date") or (now - timedelta(days=7)).date().isoformat(), time.min)
            end = self._bound(asked.get("end_date") or now.date().isoformat(), time.max)
        except ValueError:
            return JSONResponse({"error": "Invalid date"}, 400)
        if start < _months_before(now, RETENTION_MONTHS):
            return JSONResponse({"error": "Date range reaches further back than the retention of 25 months"}, 400)
        indexes: Iterable[int] = records.between(start, end + timedelta(milliseconds=1))
        rows = [make(index) for index in indexes if self._account_of(index) == account]
        company = asked.get("company_id")
        return [row for row in rows if company in (None, row["company_id"])]

    def _bound(self, text: str, clock: time) -> datetime:
        """Read a date of the account's zone, or a date-time; both ends are inclusive."""
        if "T" not in text:
            return datetime.combine(datetime.fromisoformat(text), clock, self.zone).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)

    @staticmethod
    def _page(request: Request, name: str, rows: Sequence[Row], *, counted: bool = True) -> Response:
        page, size = max(1, _number(request, "page", 1)), _size(request)
        counts = {"total_pages": -(-len(rows) // size), "total_records": len(rows)} if counted else {}
        found = list(rows[(page - 1) * size : page * size])
        return JSONResponse({"page": page, "per_page": size} | counts | {name: found})


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isdigit() else default


def _size(request: Request) -> int:
    return min(LARGEST_PAGE, max(1, _number(request, "per_page", DEFAULT_PAGE)))


def _company_id(row: Row) -> str | None:
    return row["company"]["id"] if "company" in row else row.get("company_id")


def _sorted(request: Request, rows: list[Row], fields: Sequence[str], default: str) -> list[Row]:
    """Sort as asked for; newest first without a sort, and an order without a sort is ignored."""
    field = request.query_params.get("sort")
    if field is None or field not in fields:
        return list(reversed(rows))
    newest_first = request.query_params.get("order", "asc") == "desc"
    if field == default:
        return list(reversed(rows)) if newest_first else rows
    return sorted(rows, key=lambda row: str(row[field]), reverse=newest_first)


def _trimmed(request: Request, rows: list[Row], name: str) -> list[Row]:
    """Leave the default fields, and those asked for; unknown ones are ignored."""
    kept = {*DEFAULT_FIELDS[name], *request.query_params.get("fields", "").split(",")}
    return [{key: value for key, value in row.items() if key in kept} for row in rows]


def _months_before(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=years, month=month + 1, day=min(moment.day, 28))
