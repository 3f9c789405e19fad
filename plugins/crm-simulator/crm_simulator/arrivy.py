"""Arrivy: field-service scheduling behind two static headers, bare arrays in numbered pages.

Where the documents are silent, the simulator does what makes a tap careful: pages are capped at ``page_cap`` records
whatever was asked for, ``statuses`` ignores pages, ``from`` and ``to`` bound the schedule and never the change,
identifiers pass 53 bits, times come without an offset, and parameters that do not exist (``page_size``) are ignored.

Options: ``page_cap`` (500), ``shape`` (``array``, ``results`` or ``other``: the bodies that the old system met),
``ignores_page`` (endpoints that give their first page for every page), ``clamps`` (pages behind the last one are the
last one again), ``updated_after`` (whether bookings know the parameter).
"""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime, timedelta

from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

from crm_simulator.application import Crm
from crm_simulator.limiting import Rule
from crm_simulator.world import Collection

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    Row: t.TypeAlias = dict[str, t.Any]

AUTH_KEY, AUTH_TOKEN = "demo-key", "demo-token"
# Beyond 2^53, where a float would lose the last digits.
FIRST_ID = 9_007_199_254_740_993
OWNER = 5_629_499_534_213_001
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
TASK_STATUSES = ("NOTSTARTED", "CONFIRMED", "ENROUTE", "STARTED", "COMPLETE", "CANCELLED", "CUSTOM")
BOOKING_STATUSES = ("PENDING", "CONFIRMED", "IN_PROGRESS", "COMPLETED", "CANCELLED")
FIRST_NAMES, LAST_NAMES = ("Sam", "Pat", "Alex", "Kim"), ("Sample", "Example", "Muster")
DEFAULT_PAGES = {"groups": 100, "task_statuses": 100, "customers": 100, "resources": 100, "crews": 200}


def naive(moment: datetime) -> str:
    """Write a moment as Arrivy does: in UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


class Arrivy(Crm):
    """The simulated Arrivy."""

    name = "arrivy"
    rules: t.ClassVar = {"default": [Rule(120, 60)]}
    default_size = 600

    @override
    def populate(self, size: int) -> None:
        self.page_cap: int = self.options.get("page_cap", 500)
        self.shape: str = self.options.get("shape", "array")
        self.ignores_page: Sequence[str] = self.options.get("ignores_page", ("statuses",))
        self.clamps: bool = self.options.get("clamps", False)
        sizes = {
            "groups": size // 50,
            "entities": size // 10,
            "crews": size // 30,
            "resources": size // 30,
            "customers": size // 2,
            "tasks": size,
            "bookings": size // 2,
        }
        step = timedelta(minutes=10)
        self.collections = {
            name: Collection(self.world, name, count, getattr(self, f"_{name}"), step=step)
            for name, count in sizes.items()
        }
        self.definitions = [
            {
                "id": 101 + number,
                "title": code.capitalize(),
                "type": code,
                "type_id": number,
                "color": "00AA55",
                "order": number,
                "visible_to_customer": True,
                "require_signature": False,
                "require_rating": False,
            }
            for number, code in enumerate(TASK_STATUSES if size else ())
        ]

    @override
    def routes(self) -> list[Route]:
        return [
            Route("/users/profile", self.profile),
            Route("/groups", self.lister("groups")),
            Route("/entities", self.lister("entities")),
            Route("/crews", self.lister("crews")),
            Route("/express/resources", self.lister("resources")),
            Route("/customers", self.lister("customers")),
            Route("/statuses", self.list_statuses),
            Route("/tasks", self.list_tasks),
            Route("/tasks/{task:int}/status", self.task_statuses),
            Route("/tasks/{task:int}/rating", self.task_ratings),
            Route("/bookings", self.list_bookings),
        ]

    @override
    def tap_settings(self, url: str) -> dict[str, t.Any]:
        rates = {} if self.limiter.rules else {"requests_per_minute": 1_000_000}
        return {"base_url": url, "auth_key": AUTH_KEY, "auth_token": AUTH_TOKEN, **rates}

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        edits: dict[str, Callable[[random.Random, int], Row]] = {
            "tasks": lambda rng, _: {"status": "COMPLETE", "rating": rng.randrange(1, 6)},
            "bookings": lambda rng, _: {"status": rng.choice(BOOKING_STATUSES), "details": "moved"},
        }
        return {
            name: collection.pass_a_day(edits.get(name, lambda rng, _: {"details": f"note {rng.randrange(1000)}"}))
            for name, collection in self.collections.items()
            if collection.size
        }

    # Credentials and refusals

    @override
    def credentials_of(self, request: Request) -> str:
        return f"{request.headers.get('X-Auth-Key', '')}:{request.headers.get('X-Auth-Token', '')}"

    @override
    def authenticate(self, request: Request) -> Response | None:
        return None if self.credentials_of(request) == f"{AUTH_KEY}:{AUTH_TOKEN}" else self.refuse(401)

    @override
    def refuse(self, status: int) -> Response:
        names = {400: "INVALID_INPUT_JSON", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND"}
        return JSONResponse({"message": names.get(status, "ERROR"), "description": f"simulated {status}"}, status)

    @override
    def too_many(self, rule: Rule, seconds: float) -> Response:
        answer = JSONResponse({"message": "too many requests"}, 429)
        answer.headers["Retry-After"] = str(int(seconds) + 1)
        return answer

    # Answers

    async def profile(self, _: Request) -> Response:
        """Answer the connection test of the published Zapier app."""
        return JSONResponse({"id": OWNER, "email": "owner@example.com"})

    def lister(self, name: str) -> Callable[[Request], t.Awaitable[Response]]:
        """Return the endpoint of a list without filters."""

        async def answer(request: Request) -> Response:
            return self.page(request, name, self.live(name))

        return answer

    async def list_statuses(self, request: Request) -> Response:
        """Answer with all definitions, whatever page is asked for."""
        return self.page(request, "statuses", self.definitions)

    async def list_tasks(self, request: Request) -> Response:
        """Answer with one of three disjoint sets of tasks; ``from`` and ``to`` bound the schedule."""
        asked = request.query_params
        rows = self.live("tasks")
        if asked.get("tasks_with_no_datetime") == "true":
            return self.page(request, "tasks", [row for row in rows if kind_of(row) == "undated"])
        kind = "unscheduled" if asked.get("unscheduled") == "true" else "scheduled"
        rows = [row for row in rows if kind_of(row) == kind]
        bounds = {name: asked[name] for name in ("from", "to") if name in asked}
        # A + that was encoded twice arrives as %2B, one that was not encoded as a space.
        if not all(MOMENT.fullmatch(text) for text in bounds.values()):
            return self.refuse(400)
        if "from" in bounds:
            start = naive(datetime.fromisoformat(bounds["from"]))
            rows = [row for row in rows if (row["start_datetime"] or "9999") >= start]
        if "to" in bounds:
            end = naive(datetime.fromisoformat(bounds["to"]))
            rows = [row for row in rows if (row["start_datetime"] or "0000") < end]
        return self.page(request, "tasks", rows)

    async def list_bookings(self, request: Request) -> Response:
        """Answer with the bookings; ``updated_after`` counts only if the option says so."""
        rows = self.live("bookings")
        after = request.query_params.get("updated_after")
        if after is not None and self.options.get("updated_after"):
            rows = [row for row in rows if row["updated"] >= after]
        return self.page(request, "bookings", rows)

    async def task_statuses(self, request: Request) -> Response:
        """Answer with the statuses that a task was given."""
        index = request.path_params["task"] - FIRST_ID
        if not self.is_live_task(index):
            return self.refuse(404)
        moment = self.collections["tasks"].modified_at(index)
        rows = [
            {
                "id": FIRST_ID + 10 * index + number,
                "type": TASK_STATUSES[number],
                "time": (moment - timedelta(minutes=5 - number)).isoformat().replace("+00:00", "-00:00"),
                "reporter_id": OWNER,
                "reporter_name": "Pat Example",
                "source": "app",
            }
            for number in range(1 + index % 4)
        ]
        return self.page(request, "task_statuses", rows)

    async def task_ratings(self, request: Request) -> Response:
        """Answer with the ratings of a task; every third one has some."""
        index = request.path_params["task"] - FIRST_ID
        if not self.is_live_task(index):
            return self.refuse(404)
        rating = {"id": FIRST_ID + index, "rating": 4.5, "text": "Fine", "time": naive(self.world.now)}
        return JSONResponse([] if index % 3 else [rating])

    def is_live_task(self, index: int) -> bool:
        """Tell whether there is a task of that index."""
        tasks = self.collections["tasks"]
        return 0 <= index < tasks.size and index not in tasks.archived

    def live(self, name: str) -> list[Row]:
        """Return all records of a kind; what Arrivy deletes is simply gone."""
        collection = self.collections[name]
        return [self.row(name, index) for index in collection.live()]

    def row(self, name: str, index: int) -> Row:
        """Return a record with its identifier and its times."""
        collection = self.collections[name]
        row = {"id": FIRST_ID + index, "owner": OWNER} | collection.record(index)
        if name in ("tasks", "bookings", "entities", "groups"):
            row = {"created": naive(self.world.start - timedelta(days=400))} | row
            row["updated"] = naive(collection.modified_at(index))
        if name == "bookings":
            row["created"], row["updated"] = row["created"] + "Z", row["updated"] + "Z"
        return row

    def page(self, request: Request, name: str, rows: Sequence[Row]) -> Response:
        """Answer with one page of some rows."""
        asked = request.query_params
        size = min(_number(asked.get("items_per_page"), DEFAULT_PAGES.get(name, 500)), self.page_cap)
        number = 1 if name in self.ignores_page else max(1, _number(asked.get("page"), 1))
        if name == "statuses":
            size = len(rows)
        if self.clamps:
            number = min(number, max(1, -(-len(rows) // size)))
        found = list(rows[(number - 1) * size : number * size])
        if self.shape == "results":
            following = number * size < len(rows)
            return JSONResponse({"results": found, "has_next": following, "total_count": len(rows)})
        return JSONResponse({"status": "ok", "data": found} if self.shape == "other" else found)

    # Records

    def _groups(self, rng: random.Random, index: int) -> Row:
        return {
            "name": None if index == 1 else f"Group {index}",
            "description": "Partner",
            "email": "office@example.com",
            "mobile_number": f"+1555010{rng.randrange(1000, 9999)}",
            "extra_fields": None,
            "city": "Springfield",
            "is_disabled": False,
        }

    def _entities(self, rng: random.Random, index: int) -> Row:
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        named = (
            {"first_name": first, "last_name": last, "name": None} if index % 7 == 1 else {"name": f"{first} {last}"}
        )
        return named | {
            "type": "Driver",
            "email": f"{first.lower()}{index}@example.com",
            "phone": None,
            "extra_fields": {"shirt": rng.choice("SML")},
            "image_id": 12345,
            "color": "A4G311",
            "external_id": f"E-{index}",
            "is_disabled": False,
        }

    def _crews(self, rng: random.Random, index: int) -> Row:
        many = self.collections["entities"].size if hasattr(self, "collections") else 0
        members = sorted(rng.sample(range(many), min(many, index % 4)))
        return {
            "name": f"Crew {index}",
            "entity_ids": [FIRST_ID + member for member in members],
            "entities_data": [self.row("entities", member) for member in members],
        }

    def _resources(self, rng: random.Random, index: int) -> Row:
        return {"type": "Truck", "name": f"Truck {index}", "details": None, "external_id": f"R{rng.randrange(100)}"}

    def _customers(self, rng: random.Random, index: int) -> Row:
        return {
            "first_name": rng.choice(FIRST_NAMES),
            "last_name": rng.choice(LAST_NAMES),
            "email": f"customer{index}@example.com",
            "mobile_number": f"+1555010{rng.randrange(1000, 9999)}",
            "extra_fields": None,
            "city": "Springfield",
            "exact_location": {"lat": 39.8, "lng": -89.6},
        }

    def _tasks(self, rng: random.Random, index: int) -> Row:
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        # From 200 days back to 20 days ahead.
        start = self.world.start.replace(minute=0, second=0) - timedelta(hours=rng.randrange(-480, 4800))
        kind = {0: "unscheduled", 1: "undated"}.get(index % 10, "scheduled")
        dates: Row = {"start_datetime": None, "end_datetime": None, "due_datetime": naive(start)}
        if kind == "scheduled":
            dates = {
                "start_datetime": naive(start),
                "start_datetime_original_iso_str": (start - timedelta(hours=8)).isoformat()[:-6] + "-08:00",
                "end_datetime": naive(start + timedelta(hours=1)),
            }
        elif kind == "undated":
            dates["due_datetime"] = None
        return dates | {
            "url_safe_id": f"t{index}",
            "title": f"Visit {index}" if index % 5 else None,
            "status": rng.choice(TASK_STATUSES),
            "unscheduled": kind == "unscheduled",
            "duration": 60,
            "customer_first_name": first,
            "customer_last_name": last,
            "customer_email": f"{first.lower()}@example.com",
            "customer_exact_location": {"lat": 39.8, "lng": -89.6},
            "entity_ids": [FIRST_ID + index % 7],
            "extra_fields": {},
            "notifications": {"sms": True, "email": False},
            "mileage": [],
        }

    def _bookings(self, rng: random.Random, index: int) -> Row:
        start = self.world.start.replace(minute=0, second=0) + timedelta(hours=rng.randrange(1, 500))
        return {
            "id": 7001 + index,
            "title": f"Booking {index}",
            "status": rng.choice(BOOKING_STATUSES),
            "start_datetime": naive(start) + "Z",
            "end_datetime": naive(start + timedelta(hours=1)) + "Z",
            "customer_name": f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}",
            "exact_location": {"lat": 39.8, "lng": -89.6},
            "mileage": 12.5,
        }


def kind_of(task: Row) -> str:
    """Tell which of the three lists a task is in."""
    if task["unscheduled"]:
        return "unscheduled"
    return "scheduled" if task["start_datetime"] else "undated"


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdigit() and int(text) else default
