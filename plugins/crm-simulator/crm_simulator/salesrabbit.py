"""SalesRabbit, as public clients of its API know it: there is no public reference.

Options, for what those clients tell differently: ``token``; ``users_paging`` (``pages`` or ``repeats``: the whole list
on every page); ``tells_more``, whether answers hold ``meta.morePages``; ``bare``, whether they are bare arrays;
``nested``, whether addresses are; ``deletes`` (``marked`` with ``deletedAt``, or ``gone``); ``page_cap``, a smaller
largest page; ``statuses_path``; ``since_headers``, those that the lists of statuses know.
"""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta
from itertools import islice

from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

from crm_simulator.application import Crm
from crm_simulator.limiting import Rule
from crm_simulator.world import Collection

if t.TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from starlette.requests import Request

    Row: t.TypeAlias = dict[str, t.Any]

TOKEN: t.Final = "example-token"  # noqa: S105 - made up
FIRST_LEAD, FIRST_USER = 900_001, 501
LARGEST_PAGE: t.Final = 2000
LARGEST_PAGE_OF_ACTIVITIES: t.Final = 500
DEFAULT_PAGES: t.Final = {"/leadStatusHistories": 2000, "/leadStatusActivities": 100}
STEP: t.Final = timedelta(hours=3)
# A lead gets two statuses when it is made: the list of activities can so be computed from any place on.
FIRST_STATUSES: t.Final = 2
OFFLINE: t.Final = timedelta(days=12)
STATUSES: t.Final = (("Not Home", "NH"), ("Appointment Set", "AS"), ("Go Back", "GB"), ("¿Sold?", "SO"))
FIRST_NAMES, LAST_NAMES = ("Sam", "Pat", "Alex", "Kim"), ("Sample", "Example", "Muster")
ADDRESS: t.Final = ("street1", "street2", "city", "state", "zip", "country")


class Event(t.NamedTuple):
    """A status that a lead was given.

    Attributes:
        number: Its place, counted within the lead.
        status: Place in ``STATUSES``.
        moment: When SalesRabbit heard of it.
        on_device: When it was made, by the clock of the device.
    """

    number: int
    status: int
    moment: datetime
    on_device: datetime


def written(moment: datetime) -> str:
    """Write a moment as SalesRabbit does: whole seconds, with +00:00."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


class SalesRabbit(Crm):
    """The simulated SalesRabbit."""

    name = "salesrabbit"
    rules: t.ClassVar = {"default": [Rule(50, 60)]}
    default_size = 500

    @override
    def populate(self, size: int) -> None:
        self.token: str = self.options.get("token", TOKEN)
        self.leads = Collection(self.world, "leads", size, self._lead, step=STEP)
        # The same leads again, by the last change of their status.
        self.visits = Collection(self.world, "visits", size, lambda *_: {}, step=STEP)
        self.users = Collection(self.world, "users", size // 20, self._user, step=STEP * 10)
        self.first_size = size
        self.later: dict[int, list[Event]] = {}
        self.later_activities: list[tuple[int, int]] = []
        self.made: dict[int, datetime] = {}

    @override
    def routes(self) -> list[Route]:
        return [
            Route("/leads", self.list_leads),
            Route("/leads/{lead:int}", self.one_lead),
            Route("/users", self.list_users),
            Route("/leadStatusHistories", self.list_histories),
            Route("/leadStatusActivities", self.list_activities),
            Route(self.options.get("statuses_path", "/leadStatuses"), self.list_statuses),
            Route("/{rest:path}", self.nothing_here),
        ]

    # Credentials and refusals; the shape of error bodies is not known

    @override
    def authenticate(self, request: Request) -> Response | None:
        return None if request.headers.get("Authorization") == f"Bearer {self.token}" else self.refuse(401)

    @override
    def refuse(self, status: int) -> Response:
        return JSONResponse({"error": {"message": f"simulated {status}"}}, status)

    @override
    def too_many(self, rule: Rule, seconds: float) -> Response:
        answer = self.refuse(429)
        answer.headers["Retry-After"] = str(int(seconds) + 1)
        return answer

    @override
    def rate_headers(self, name: str) -> dict[str, str]:
        if not self.limiter.rules.get(name):
            return {}
        rule = self.limiter.rules[name][0]
        left = max(0, rule.requests - self.limiter.used(name, rule))
        return {
            "X-RateLimit-Limit": str(rule.requests),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(self.world.now.timestamp() + rule.seconds)),
        }

    # A day

    @override
    def tap_settings(self, url: str) -> dict[str, t.Any]:
        rates = {} if self.limiter.rules else {"requests_per_minute": 1_000_000}
        return {"base_url": url, "api_token": self.options.get("token", TOKEN), **rates}

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        """Let a day happen: leads are made, changed, visited and deleted; a device that was offline reports."""
        if not self.leads.size:
            return {"leads": {"new": 0, "changed": 0, "visited": 0, "deleted": 0}}
        rng = self.world.rng("day", self.world.days)
        morning = self.world.now - timedelta(days=1)

        def moment() -> datetime:
            return morning + timedelta(seconds=rng.randrange(82_800))

        count = max(2, self.leads.size // 50)
        picked = rng.sample(range(self.leads.size), min(self.leads.size, 3 * count))
        picked = [index for index in picked if self.is_live(index)]
        deleted, changed, visited = picked[:1], picked[1 : count + 1], picked[count + 1 :]
        for index in deleted:
            self.delete(index, moment())
        for index in changed:
            self.leads.change(index, moment(), notes=f"note {rng.randrange(1000)}")
        for number, index in enumerate(visited):
            when = moment()
            self.visit(index, when, rng.randrange(len(STATUSES)), when - OFFLINE if number == 0 else when)
        for _ in range(count):
            self.make_lead(moment())
        happened = {"new": count, "changed": len(changed), "visited": len(visited), "deleted": len(deleted)}
        return {"leads": happened, "users": self._day_of_users(rng, moment())}

    def _day_of_users(self, rng: random.Random, moment: datetime) -> dict[str, int]:
        live = list(self.users.live())
        for index in rng.sample(live, min(len(live), 2))[:1]:
            self.users.change(index, moment, active=False)
        self.users.add(1, moment)
        return {"new": 1, "changed": min(1, len(live))}

    def make_lead(self, moment: datetime) -> int:
        """Add a lead, with its first statuses; returns its index."""
        (index,) = self.leads.add(1, moment)
        self.visits.add(1, moment)
        self.made[index] = moment
        self.later_activities += [(index, number) for number in range(1, FIRST_STATUSES + 1)]
        return index

    def visit(self, index: int, moment: datetime, status: int, on_device: datetime | None = None) -> None:
        """Give a lead another status."""
        number = len(self.events(index)) + 1
        self.later.setdefault(index, []).append(Event(number, status, moment, on_device or moment))
        self.later_activities.append((index, number))
        self.visits.change(index, moment)
        self.leads.change(index, moment)

    def delete(self, index: int, moment: datetime) -> None:
        """Delete a lead."""
        if self.options.get("deletes", "marked") == "gone":
            self.leads.archive(index, moment)
            self.visits.archive(index, moment)
        else:
            self.leads.change(index, moment, deletedAt=written(moment))

    def is_live(self, index: int) -> bool:
        """Tell whether a lead is neither gone nor marked as deleted."""
        return index not in self.leads.archived and not self.leads.record(index)["deletedAt"]

    # Answers

    async def list_leads(self, request: Request) -> Response:
        """Answer with a page of the leads that were modified since a moment, or of all."""
        since = _since(request, "If-Modified-Since")
        indexes: Iterable[int] = self.leads.live() if since is None else sorted(self._modified(self.leads, since))
        if request.query_params.get("sortBy") == "dateModified":
            indexes = sorted(indexes, key=self.leads.modified_at)
        if request.query_params.get("order") == "desc":
            indexes = sorted(indexes, reverse=True)
        return self.page(request, indexes, self.lead, since)

    async def one_lead(self, request: Request) -> Response:
        """Answer with one lead."""
        index = request.path_params["lead"] - FIRST_LEAD
        if not 0 <= index < self.leads.size or index in self.leads.archived:
            return self.refuse(404)
        return JSONResponse({"data": self.lead(index)})

    async def list_users(self, request: Request) -> Response:
        """Answer with the users of a role, or all; with the option ``repeats`` whatever page is asked for."""
        since = _since(request, "If-Modified-Since")
        role = request.query_params.get("role")
        indexes = list(self.users.live() if since is None else sorted(self._modified(self.users, since)))
        if role:
            indexes = [index for index in indexes if self.user(index)["role"] == role]
        if self.options.get("users_paging") == "repeats":
            rows = [self.user(index) for index in indexes]
            return self.answer(request, rows, since=since, more=len(rows) > self._size(request) * _page(request))
        return self.page(request, indexes, self.user, since)

    async def list_histories(self, request: Request) -> Response:
        """Answer with the whole history of each lead whose status was changed since a moment; an object by lead."""
        since = _since(request, *self.options.get("since_headers", ("If-Status-Modified-Since", "If-Modified-Since")))
        live: Iterable[int] = self.visits.live() if since is None else sorted(self._modified(self.visits, since))
        size, number = self._size(request), _page(request)
        found = list(islice(live, (number - 1) * size, number * size + 1))
        histories = {str(FIRST_LEAD + index): self.history(index) for index in found[:size]}
        # What PHP makes of a map without entries.
        return self.answer(request, histories or [], since=since, more=len(found) > size)

    async def list_activities(self, request: Request) -> Response:
        """Answer with a page of the dispositions since a moment, or of all."""
        since = _since(request, *self.options.get("since_headers", ("If-Status-Modified-Since",)))
        size, number = self._size(request), _page(request)
        start = (number - 1) * size
        if since is None:
            found = [self._activity_at(place) for place in range(start, min(start + size + 1, self.count_activities()))]
        else:
            since_then = [
                (index, event.number)
                for index in sorted(self._modified(self.visits, since, gone=True))
                for event in self.events(index)
                if written(event.moment) >= written(since)
            ]
            found = since_then[start : start + size + 1]
        rows = [self.activity(index, event) for index, event in found[:size]]
        return self.answer(request, rows, since=since, more=len(found) > size)

    async def list_statuses(self, request: Request) -> Response:
        """Answer with the vocabulary of the account, without pages."""
        return self.answer(request, self.vocabulary(), since=None, more=None)

    async def nothing_here(self, _: Request) -> Response:
        """Answer for a path that does not exist."""
        return self.refuse(404)

    def page(
        self, request: Request, indexes: Iterable[int], row: t.Callable[[int], Row], since: datetime | None
    ) -> Response:
        """Answer with one page of the records of some indexes."""
        size, number = self._size(request), _page(request)
        found = list(islice(indexes, (number - 1) * size, number * size + 1))
        return self.answer(request, [row(index) for index in found[:size]], since=since, more=len(found) > size)

    def answer(
        self, request: Request, data: Sequence[Row] | dict[str, list[Row]], *, since: datetime | None, more: bool | None
    ) -> Response:
        """Answer 304 without a body if nothing was modified since a moment, else with the envelope."""
        if since is not None and not data and _page(request) == 1:
            return Response(status_code=304)
        if self.options.get("bare") and isinstance(data, list):
            return JSONResponse(data)
        told = more is not None and self.options.get("tells_more", True)
        return JSONResponse({"data": data, "meta": {"morePages": more}} if told else {"data": data})

    def _size(self, request: Request) -> int:
        # The parameter is perPage; limit, which an old client sends, is not known.
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        largest = LARGEST_PAGE_OF_ACTIVITIES if path == "/leadStatusActivities" else LARGEST_PAGE
        asked = _number(request.query_params.get("perPage"), DEFAULT_PAGES.get(path, 1000))
        cap: int = self.options.get("page_cap", largest)
        return min(asked, cap)

    def _modified(self, records: Collection, since: datetime, *, gone: bool = False) -> Iterable[int]:
        # Moments are compared as they are written: in whole seconds.
        end = self.world.now + timedelta(days=36_500)
        found = records.between(since.replace(microsecond=0), end)
        lost = (index for index in records.archived if gone and records.modified_at(index) >= since)
        return [*found, *lost]

    # What there is

    def truth(self, stream: str) -> list[Row]:
        """Return every record that the API would give, with ``leadId`` in those of the histories."""
        if stream == "leads":
            return [self.lead(index) for index in self.leads.live()]
        if stream == "users":
            return [self.user(index) for index in self.users.live()]
        if stream == "lead_statuses":
            return self.vocabulary()
        if stream == "lead_status_activities":
            return [self.activity(*self._activity_at(place)) for place in range(self.count_activities())]
        return [row | {"leadId": FIRST_LEAD + index} for index in self.visits.live() for row in self.history(index)]

    def vocabulary(self) -> list[Row]:
        """Return the statuses of the account."""
        known = STATUSES if self.first_size else ()
        return [{"id": 11 + number, "name": name, "abbreviation": short} for number, (name, short) in enumerate(known)]

    def events(self, index: int) -> list[Event]:
        """Return the statuses of a lead, oldest first."""
        rng = self.world.rng("events", index)
        last = self._made_at(index)
        first = [
            Event(number, rng.randrange(len(STATUSES)), last - timedelta(minutes=30 * (FIRST_STATUSES - number)), last)
            for number in range(1, FIRST_STATUSES + 1)
        ]
        first = [event._replace(on_device=event.moment - timedelta(seconds=5)) for event in first]
        return first + self.later.get(index, [])

    def history(self, index: int) -> list[Row]:
        """Return the history of a lead, as the API gives it: newest first, and ``id`` is that of the status."""
        events = self.events(index)
        return [
            {
                "id": 11 + event.status,
                "name": STATUSES[event.status][0],
                "abbreviation": STATUSES[event.status][1],
                "active": event is events[-1],
                "changedByUserId": str(self._user_of(index)),
                "statusUpdated": written(event.moment),
                "leadCreated": written(self._created(index)),
                "leadModified": written(self.leads.modified_at(index)),
            }
            for event in reversed(events)
        ]

    def count_activities(self) -> int:
        """Return how many dispositions there are."""
        return FIRST_STATUSES * self.first_size + len(self.later_activities)

    def _activity_at(self, place: int) -> tuple[int, int]:
        """Return lead and number of the disposition at a place of the list."""
        first = FIRST_STATUSES * self.first_size
        if place >= first:
            return self.later_activities[place - first]
        return place // FIRST_STATUSES, place % FIRST_STATUSES + 1

    def activity(self, index: int, number: int) -> Row:
        """Return a disposition, as the API gives it."""
        event, lead = self.events(index)[number - 1], self.lead(index)
        at = (lead.get("coordinates") or lead)["latitude"], (lead.get("coordinates") or lead)["longitude"]
        name, short = STATUSES[event.status]
        return {
            "dispositionID": 1000 * (index + 1) + number,
            "dispositionLeadID": lead["id"],
            "dispositionLeadStageID": None,
            "dispositionLeadStatusAbbreviation": short,
            "dispositionLeadStatusID": 11 + event.status,
            "dispositionLeadStatusName": name,
            "dispositionTimestamp": written(event.moment),
            "dispositionType": "User",
            "dispositionerID": str(self._user_of(index)),
            "dispositionerProximityInFeet": 12.5 * (index % 9),
            "dispositionerProximityLatitude": at[0],
            "dispositionerProximityLongitude": at[1],
            "dispositionerProximityStatus": "near",
            "currentLeadCreated": lead["dateCreated"],
            "currentLeadModified": lead["dateModified"],
            "currentLeadFirstName": lead["firstName"],
            "currentLeadLastName": lead["lastName"],
            "currentLeadIsActive": self.is_live(index),
            "currentLeadLatitude": at[0],
            "currentLeadLongitude": at[1],
            "currentLeadOwnerEmail": f"user{self._user_of(index)}@example.com",
            "currentLeadOwnerID": self._user_of(index),
            "currentLeadCustomFields": lead["customFields"],
            # The device's clock, which is UTC and does not say so.
            "currentOnDeviceStatusCreated": written(event.on_device)[:19],
            "currentOnDeviceStatusModified": written(event.on_device)[:19],
        }

    def lead(self, index: int) -> Row:
        """Return a lead, as the API gives it."""
        last = self.events(index)[-1]
        row = self.leads.record(index)
        row = {
            "id": FIRST_LEAD + index,
            **row,
            "status": STATUSES[last.status][0],
            "statusModified": written(last.moment),
            "ownerModified": written(self._created(index)),
            "dateCreated": written(self._created(index)),
            "dateModified": written(self.leads.modified_at(index)),
        } | ({"id": row["id"]} if "id" in row else {})
        if not self.options.get("nested"):
            return row
        address = {name: row.pop(name) for name in ADDRESS}
        return row | {
            "address": address,
            "coordinates": {"latitude": row.pop("latitude"), "longitude": row.pop("longitude")},
        }

    def user(self, index: int) -> Row:
        """Return a user, as the API gives it."""
        return {
            "id": FIRST_USER + index,
            "dateCreated": written(self.world.start - timedelta(days=500)),
            "dateModified": written(self.users.modified_at(index)),
        } | self.users.record(index)

    def _made_at(self, index: int) -> datetime:
        """Return when a lead got its last status of the beginning."""
        if index < self.first_size:
            return self.world.start - STEP * (self.first_size - index) - timedelta(hours=1)
        return self.made[index]

    def _created(self, index: int) -> datetime:
        return self._made_at(index) - timedelta(hours=1)

    def _user_of(self, index: int) -> int:
        return FIRST_USER + index % max(1, self.first_size // 20)

    # Records

    def _lead(self, rng: random.Random, index: int) -> Row:
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        return {
            "userId": self._user_of(index) if index % 6 else "",
            "userName": "Pat Example",
            "firstName": first,
            "lastName": last,
            "businessName": "",
            "phonePrimary": f"555010{rng.randrange(1000, 9999)}",
            "phoneAlternate": "",
            "email": f"{first.lower()}{index}@example.com" if index % 4 else "",
            "street1": f"{rng.randrange(1, 999)} Main St",
            "street2": "",
            "city": "Springfield",
            "state": rng.choice(("IL", "il", "Illinois")),
            "zip": rng.choice(("62701", "62701-1234", "A1A 1A1")),
            "country": "US",
            "latitude": round(39.8 + index % 50 / 1000, 3),
            "longitude": -89.6,
            "notes": "",
            "customFields": {"windowCount": str(rng.randrange(9))} if index % 5 else [],
            "appointment": "",
            "integrationData": {},
            "files": [],
            "campaignId": None,
            "dateOfBirth": None,
            "deletedAt": None,
        }

    def _user(self, rng: random.Random, index: int) -> Row:
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        return {
            "firstName": first,
            "lastName": last,
            "email": f"user{FIRST_USER + index}@example.com",
            "phone": f"555010{rng.randrange(1000, 9999)}",
            "active": True,
            "hireDate": "2024-03-01",
            "department": "Sales",
            "role": "Manager" if index % 5 == 0 else "Rep",
            "office": "North",
            "team": "Blue",
            "region": "Midwest",
            "orgId": 77,
            "supervisorId": FIRST_USER if index else None,
            "recruiterId": None,
            "cmsId": "",
            "leadRepCmsId": None,
            "photo_url": None,
            "externalIds": [],
        }


def _since(request: Request, *names: str) -> datetime | None:
    """Return the moment of the first of some headers; only ISO 8601 with an offset is known to be understood."""
    for name in names:
        text = request.headers.get(name, "")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        if moment.tzinfo is not None:
            return moment
    return None


def _page(request: Request) -> int:
    # Whether there is a page 0 is told differently; here it is the first one, as page 1 is.
    return _number(request.query_params.get("page"), 1)


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdigit() and int(text) else default
