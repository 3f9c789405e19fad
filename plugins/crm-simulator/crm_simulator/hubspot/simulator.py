"""The simulated HubSpot: its addresses, and what a day brings."""

from __future__ import annotations

import base64
import json
import typing as t
from datetime import timedelta

from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

from crm_simulator.application import Crm
from crm_simulator.hubspot import answers, days, portal
from crm_simulator.hubspot.access import ACCESS_TOKEN, Access
from crm_simulator.hubspot.answers import Refusal, invalid
from crm_simulator.hubspot.kinds import FIRST_ID, PORTAL, Kind, Records, text_of
from crm_simulator.hubspot.links import Links
from crm_simulator.hubspot.searching import Search
from crm_simulator.limiting import RateLimiter, Rule

if t.TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from crm_simulator.hubspot.kinds import Row

    Handler: t.TypeAlias = Callable[[Request], Awaitable[Response]]

VERSIONS = ("2026-03", "2026-09", "v3")
ZIP_TOKEN = "example-zip-token"  # noqa: S105 - made up
LARGEST_PAGE, DEFAULT_PAGE, LARGEST_OWNER_PAGE = 100, 10, 500
MOST_INPUTS, MOST_WITH_HISTORY, MOST_ASSOCIATIONS = 100, 50, 1000
IDS_APART = 1_000_000_000
# Name, type id, share of the size of the portal, scope of reading, scope of the definitions.
MAIN: t.Final = (
    ("contacts", "0-1", 1.0, "crm.objects.contacts.read", "crm.schemas.contacts.read"),
    ("companies", "0-2", 0.1, "crm.objects.companies.read", "crm.schemas.companies.read"),
    ("deals", "0-3", 0.4, "crm.objects.deals.read", "crm.schemas.deals.read"),
    ("tickets", "0-5", 0.2, "tickets", "tickets"),
    ("appointments", "0-421", 1.0, "crm.objects.appointments.read", "crm.schemas.appointments.read"),
    ("divisions", "2-1000101", 0.02, "crm.objects.custom.read", "crm.schemas.custom.read"),
    ("genius_users", "2-1000102", 0.04, "crm.objects.custom.read", "crm.schemas.custom.read"),
)
GENERIC: t.Final = (
    *("products", "line_items", "quotes", "leads", "calls", "emails", "meetings", "notes", "tasks", "communications"),
    *("postal_mail", "goal_targets", "feedback_submissions", "orders", "carts", "invoices", "services", "courses"),
    *("listings", "users"),
)
GENERIC_TYPES: t.Final = {"courses": "0-410", "listings": "0-420", "services": "0-162"}


class HubSpot(Crm):
    """A simulated HubSpot portal; the package says how to use it."""

    name = "hubspot"
    rules: t.ClassVar = {
        "general": [Rule(190, 10, "TEN_SECONDLY_ROLLING")],
        "oauth": [Rule(110, 10, "TEN_SECONDLY_ROLLING")],
        "search": [Rule(5, 1, "SECONDLY")],
        "associations": [Rule(100, 10, "TEN_SECONDLY_ROLLING")],
    }

    @override
    def populate(self, size: int) -> None:
        option = self.options.get
        if "rules" in self.options:
            self.limiter = RateLimiter(self.options["rules"])
        self.versions: tuple[str, ...] = option("versions", VERSIONS)
        self.missing_scopes: set[str] = set(option("missing_scopes", ()))
        self.search_lag: timedelta = option("search_lag", timedelta(0))
        self.id_order: str = option("id_order", "number")
        self.association_page: int = option("association_page", 500)
        self.url_limit: int = option("url_limit", 8000)
        self.daily: int = option("daily", 625_000)
        self.storm_policy: str = option("storm_policy", "TEN_SECONDLY_ROLLING")
        self.wrong_archived_at: bool = bool(option("wrong_archived_at"))
        self.used_today = 0
        self.access = Access(self.world, timedelta(seconds=option("expires_in", 1800)), rotates=bool(option("rotates")))
        self._size = size
        generic = [
            (name, GENERIC_TYPES.get(name, name), 0.02, f"crm.objects.{name}.read", f"crm.schemas.{name}.read")
            for name in GENERIC
        ]
        made = [self._kind(place, *one) for place, one in enumerate((*MAIN, *generic))]
        self.kinds = {kind.name: kind for kind in made if kind.name not in option("disabled", ())}
        self._by_path = {name: kind for kind in self.kinds.values() for name in kind.names}
        self.links = Links(self.kinds)
        self.owners = [portal.owner(self.world, number) for number in range(option("owners", 24) if size else 0)]
        self.zip_rows = portal.zip_rows(option("zip_codes", 40))
        self.last_day: dict[str, dict[str, list[str]]] = {}

    def _kind(self, place: int, name: str, type_id: str, share: float, scope: str, schema_scope: str) -> Kind:
        count = self.options.get("sizes", {}).get(name, max(1, round(self._size * share)) if self._size else 0)
        # Three hours apart, but never longer ago than some 400 days.
        step = self.options.get("step") or timedelta(milliseconds=min(10_800_000, 34_560_000_000 // max(count, 1)))
        crowd = self.options.get("crowd", 0) if name == "contacts" else 0
        records = Records(self.world, name, count, step, range(count // 4, count // 4 + crowd))
        kind = Kind(
            name=name,
            type_id=type_id,
            scope=scope,
            schema_scope=schema_scope,
            records=records,
            first_id=FIRST_ID + place * IDS_APART,
        )
        if name == "contacts":
            kind.first_id = self.options.get("first_id", FIRST_ID)
            kind.modified, kind.created, kind.width = "lastmodifieddate", "createdate", self.options.get("width", 0)
        elif name in ("companies", "deals", "tickets"):
            kind.created = "createdate"
        return kind

    @override
    def routes(self) -> list[Route]:
        made = [
            _route("/oauth/{version}/token", self.token, "POST"),
            _route("/repos/{owner}/{repo}/contents/{file:path}", self.zip_codes),
        ]
        for version in self.versions:
            dated = version != "v3"
            objects, old = (f"/crm/objects/{version}", "") if dated else ("/crm/v3/objects", "/crm/v4/objects")
            associations = f"/crm/associations/{version}" if dated else "/crm/v4/associations"
            family = f"/crm/{{}}/{version}" if dated else "/crm/v3/{}"
            one = f"{objects}/{{kind}}"
            made += [
                _route(f"{one}/search", self.search, "POST"),
                _route(f"{one}/batch/read", self.batch_read, "POST"),
                _route(f"{one}/{{record:int}}", self.one_record),
                _route(one, self.list_records),
                _route(f"{old or objects}/{{kind}}/{{record}}/associations/{{to}}", self.associations_of),
                _route(f"{associations}/{{kind}}/{{to}}/batch/read", self.read_associations, "POST"),
                _route(f"{associations}/{{kind}}/{{to}}/labels", self.labels),
                _route(f"{family.format('properties')}/{{kind}}", self.list_properties),
                _route(f"{family.format('properties')}/{{kind}}/{{property}}", self.one_property),
                _route(family.format("owners"), self.list_owners),
                _route(f"{family.format('pipelines')}/{{kind}}", self.list_pipelines),
                _route(f"/crm-object-schemas/{version}/schemas", self.list_schemas),
                _route(f"/account-info/{version}/details", self.account),
                _route(f"/account-info/{version}/api-usage/daily/private-apps", self.usage),
            ]
            if not dated:
                made += [
                    _route("/crm/v3/schemas", self.list_schemas),
                    _route("/crm/associations/v4/{kind}/{to}/labels", self.labels),
                ]
        return [*made, _route("/{rest:path}", self.nothing_here)]

    # Who asks, and how often

    @override
    def needs_credentials(self, request: Request) -> bool:
        return not request.url.path.startswith((f"/{self.name}/oauth/", f"/{self.name}/repos/"))

    @override
    def authenticate(self, request: Request) -> Response | None:
        header = self.credentials_of(request)
        if refusal := self.access.refuse(header):
            return refusal
        if not self.access.is_oauth(header):
            if self.used_today >= self.daily:
                return answers.too_many("DAILY")
            self.used_today += 1
        return None

    @override
    def limit_of(self, request: Request) -> str:
        path = request.url.path
        if path.endswith("/search"):
            return "search"
        if "/associations/" in path:
            return "associations"
        return "oauth" if self.access.is_oauth(self.credentials_of(request)) else "general"

    @override
    def rate_headers(self, name: str) -> dict[str, str]:
        """Return the headers of the rates; searches have none, and OAuth knows no day."""
        rules = [rule for rule in self.limiter.rules.get(name, ()) if rule.name == "TEN_SECONDLY_ROLLING"]
        if name == "search" or not rules:
            return {}
        left = max(0, rules[0].requests - self.limiter.used(name, rules[0]))
        daily = {
            "X-HubSpot-RateLimit-Daily": str(self.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, self.daily - self.used_today)),
        }
        return (daily if name == "general" else {}) | {
            "X-HubSpot-RateLimit-Max": str(rules[0].requests),
            "X-HubSpot-RateLimit-Remaining": str(left),
            "X-HubSpot-RateLimit-Secondly": str(rules[0].requests // 10),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(min(left, rules[0].requests // 10)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(rules[0].seconds * 1000)),
        }

    @override
    def too_many(self, rule: Rule, seconds: float) -> Response:
        return answers.too_many(self.storm_policy if rule.name == "storm" else rule.name or "TEN_SECONDLY_ROLLING")

    @override
    def refuse(self, status: int) -> Response:
        return answers.refuse(status)

    def advance(self, by: timedelta) -> None:
        """Put the clock forward: OAuth tokens expire, the search index catches up; nothing happens to records."""
        self.world.start += by

    def _asked(self, request: Request, name: str = "kind") -> Kind:
        """Return the kind that a path names."""
        text = request.path_params[name]
        if text not in self._by_path:
            raise Refusal(answers.error(404, f"Unable to infer object type from: {text}"))
        return self._by_path[text]

    def _need(self, *scopes: str, any_of: bool = False) -> None:
        """Refuse a request for which scopes are missing."""
        lacking = set(scopes) & self.missing_scopes
        if lacking and not (any_of and lacking < set(scopes)):
            raise Refusal(answers.missing_scopes(lacking))

    # Records

    async def list_records(self, request: Request) -> Response:
        """GET a page of records by rising id, live or archived."""
        asked, kind = request.query_params, self._asked(request)
        if len(str(request.url)) > self.url_limit:
            return answers.refuse(414)
        self._need(kind.scope)
        most = MOST_WITH_HISTORY if asked.get("propertiesWithHistory") else LARGEST_PAGE
        limit, start = _limit(asked, DEFAULT_PAGE, most), _after(asked)
        records, ids = kind.records, kind.by_id(start)
        if archived := asked.get("archived") == "true":
            binned = sorted(filter(records.in_the_bin, records.archived), key=lambda index: int(kind.id_of(index)))
            ids = (index for index in binned if int(kind.id_of(index)) >= start)
        page: list[int] = []
        following = ""
        for scanned, index in enumerate(ids):
            if scanned >= limit and page:
                following = kind.id_of(index)
                break
            # Records that are gone leave a page short, though more pages follow; only the last one may be empty.
            if archived or index not in records.archived:
                page.append(index)
        rows = [self._wire(kind, index, _names(asked)) for index in page]
        for row in rows:
            _add_history(row, (asked.get("propertiesWithHistory") or "").split(","))
        return JSONResponse({"results": rows} | self._next(request, following))

    async def one_record(self, request: Request) -> Response:
        """GET one record; a merged one answers as the one that is left."""
        kind, asked = self._asked(request), request.query_params
        self._need(kind.scope)
        index = self._find(kind, str(request.path_params["record"]), archived=asked.get("archived") == "true")
        return answers.error(404) if index is None else JSONResponse(self._wire(kind, index, _names(asked)))

    async def batch_read(self, request: Request) -> Response:
        """POST the ids of up to a hundred records; 207 names those that are not there."""
        kind, body = self._asked(request), await _body(request)
        self._need(kind.scope)
        histories = body.get("propertiesWithHistory") or []
        inputs = _inputs(body, MOST_WITH_HISTORY if histories else MOST_INPUTS)
        archived = request.query_params.get("archived") == "true"
        places = {one: self._find(kind, one, archived=archived) for one in (str(one["id"]) for one in inputs)}
        properties = body.get("properties")
        asked = None if properties is None else {*properties, *histories}
        found = dict.fromkeys(index for index in places.values() if index is not None)
        rows = [self._wire(kind, index, asked) for index in found]
        for row in rows:
            _add_history(row, histories)
        lacking = [one for one, index in places.items() if index is None]
        message = f"Could not get some {kind.singular} objects, they may be deleted or not exist."
        errors = [_trouble(message, {"ids": lacking})] if lacking else []
        return self._batch(rows, errors)

    async def search(self, request: Request) -> Response:
        """POST a search."""
        kind, body = self._asked(request), await _body(request)
        self._need(kind.scope)
        search = Search(kind, body, now=self.world.now, lag=self.search_lag, id_order=self.id_order)
        return JSONResponse(search.page())

    def _wire(self, kind: Kind, index: int, asked: set[str] | None) -> Row:
        row = kind.wire(index, asked)
        if self.wrong_archived_at and "archivedAt" in row:
            row["archivedAt"] = row["updatedAt"]
        return row

    @staticmethod
    def _find(kind: Kind, record_id: str, *, archived: bool) -> int | None:
        index = kind.index_of(record_id)
        if index is None:
            return None
        index = kind.records.survivor(index)
        there = kind.records.in_the_bin(index) if archived else index not in kind.records.archived
        return index if there else None

    # Associations

    async def read_associations(self, request: Request) -> Response:
        """POST the ids of up to a thousand records; each of them has pages of its own."""
        start, end, body = self._asked(request), self._asked(request, "to"), await _body(request)
        self._pair(start, end)
        results, errors = [], []
        for one in _inputs(body, MOST_ASSOCIATIONS):
            record_id = str(one["id"])
            index = start.index_of(record_id)
            if index is not None and self.links.of(start, index, end):
                page = self._page_of_links(request, start, index, end, _after(one))
                results.append({"from": {"id": record_id}} | page)
            else:
                message = f"No {end.name} are associated with {start.name} {record_id}."
                context = {"fromObjectId": [record_id], "toObjectType": [end.type_id]}
                error = _trouble(message, context) | {"subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}
                errors.append(error)
        return self._batch(results, errors)

    async def associations_of(self, request: Request) -> Response:
        """GET the associations of one record."""
        start, end = self._asked(request), self._asked(request, "to")
        self._pair(start, end)
        index = start.index_of(request.path_params["record"])
        if index is None or index in start.records.archived:
            return answers.error(404)
        page = self._page_of_links(request, start, index, end, _after(request.query_params))
        return JSONResponse({"results": page.pop("to")} | page)

    async def labels(self, request: Request) -> Response:
        """GET the association types of a pair."""
        start, end = self._asked(request), self._asked(request, "to")
        self._pair(start, end)
        return JSONResponse({"results": self.links.types(start, end)})

    def _pair(self, start: Kind, end: Kind) -> None:
        self._need(start.scope, end.scope)
        if not self.links.knows(start, end):
            raise Refusal(answers.error(404, f"No association between {start.name} and {end.name}"))

    def _page_of_links(self, request: Request, start: Kind, index: int, end: Kind, after: int) -> Row:
        rows = self.links.to(start, index, end)
        if "/v4/" in request.url.path:
            # The older version writes these ids as numbers.
            rows = [row | {"toObjectId": int(row["toObjectId"])} for row in rows]
        last = after + self.association_page
        more = {"paging": {"next": {"after": str(last), "link": f"?after={last}"}}} if last < len(rows) else {}
        return {"to": rows[after:last]} | more

    # Everything else

    async def list_properties(self, request: Request) -> Response:
        """GET the definitions of the properties of a kind."""
        kind, asked = self._asked(request), request.query_params
        self._need(kind.scope, kind.schema_scope, any_of=True)
        archived = asked.get("archived") == "true"
        found = [one.definition() for one in kind.properties.values() if one.archived is archived]
        sensitive = asked.get("dataSensitivity", "non_sensitive") != "non_sensitive"
        return JSONResponse({"results": [] if sensitive else found})

    async def one_property(self, request: Request) -> Response:
        """GET one definition."""
        kind = self._asked(request)
        self._need(kind.scope, kind.schema_scope, any_of=True)
        found = kind.properties.get(request.path_params["property"])
        return answers.error(404) if found is None else JSONResponse(found.definition())

    async def list_owners(self, request: Request) -> Response:
        """GET the owners, active or archived."""
        self._need("crm.objects.owners.read")
        asked = request.query_params
        limit, start = _limit(asked, LARGEST_PAGE, LARGEST_OWNER_PAGE), _after(asked)
        archived = asked.get("archived") == "true"
        found = [one for one in self.owners if one["archived"] is archived and int(one["id"]) >= start]
        return JSONResponse(
            {"results": found[:limit]} | self._next(request, found[limit]["id"] if len(found) > limit else "")
        )

    async def list_pipelines(self, request: Request) -> Response:
        """GET the pipelines of a kind."""
        kind = self._asked(request)
        self._need(kind.scope)
        return JSONResponse({"results": portal.pipelines(kind)})

    async def list_schemas(self, request: Request) -> Response:
        """GET the schemas of the custom objects."""
        self._need("crm.schemas.custom.read")
        asked = request.query_params
        rows = self._schemas(
            properties=asked.get("includePropertyDefinitions") != "false",
            associations=asked.get("includeAssociationDefinitions") != "false",
        )
        return JSONResponse({"results": [] if asked.get("archived") == "true" else rows})

    def _schemas(self, *, properties: bool = True, associations: bool = True) -> list[Row]:
        custom = [kind for kind in self.kinds.values() if kind.is_custom]
        return [portal.schema(kind, properties=properties, associations=associations) for kind in custom]

    async def account(self, _: Request) -> Response:
        """GET the details of the account."""
        return JSONResponse({"portalId": PORTAL, "accountType": "STANDARD", "timeZone": "US/Eastern"})

    async def usage(self, _: Request) -> Response:
        """GET how much of the day's allowance is used."""
        row = {"name": "private-apps-api-calls-daily", "usageLimit": self.daily, "currentUsage": self.used_today}
        midnight = self.world.now.replace(hour=5, minute=0, second=0) + timedelta(days=1)
        times = {"collectedAt": text_of(self.world.now), "resetsAt": text_of(midnight)}
        return JSONResponse({"results": [row | times | {"fetchStatus": "SUCCESS"}]})

    async def token(self, request: Request) -> Response:
        """POST a refresh token, get an access token."""
        if request.path_params["version"] not in ("v1", *self.versions):
            return answers.error(404)
        scopes = {scope for kind in self.kinds.values() for scope in (kind.scope, kind.schema_scope)}
        body, content_type = await request.body(), request.headers.get("Content-Type", "")
        return self.access.exchange(body, content_type, sorted(scopes - self.missing_scopes))

    async def zip_codes(self, request: Request) -> Response:
        """GET the file of ZIP codes as the contents API of its host gives it: raw if asked for, else in JSON."""
        sent, where = request.headers.get("Authorization", ""), request.path_params
        if sent not in (f"token {ZIP_TOKEN}", f"Bearer {ZIP_TOKEN}"):
            return JSONResponse({"message": "Bad credentials" if sent else "Not Found"}, 401 if sent else 404)
        there = (where["owner"], where["repo"], where["file"]) == ("example-owner", "example-repo", "zips.csv")
        if not there or request.query_params.get("ref", "main") != "main":
            return JSONResponse({"message": "Not Found"}, 404)
        text = portal.zip_file(self.zip_rows, self.options.get("zip_header", "zip"))
        if "raw" in request.headers.get("Accept", ""):
            return Response(text, media_type="application/vnd.github.v3.raw; charset=utf-8")
        content = base64.encodebytes(text.encode()).decode()
        return JSONResponse({"name": "zips.csv", "encoding": "base64", "size": len(text), "content": content})

    async def nothing_here(self, _: Request) -> Response:
        """Answer a path that does not exist."""
        return answers.error(404)

    def _batch(self, results: list[Row], errors: list[Row]) -> Response:
        now = text_of(self.world.now)
        body = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        return JSONResponse(body | {"numErrors": len(errors), "errors": errors}, 207) if errors else JSONResponse(body)

    @staticmethod
    def _next(request: Request, after: str) -> Row:
        link = str(request.url.include_query_params(after=after))
        return {"paging": {"next": {"after": after, "link": link}}} if after else {}

    # What a warehouse should hold

    def truth(self, stream: str) -> list[Row]:
        """Return every record of a stream as a warehouse should hold it; see the package."""
        if stream in self.kinds:
            kind = self.kinds[stream]
            return [kind.row(index) for index in kind.records.live()]
        if stream.startswith("associations:"):
            start, end = (self.kinds[name] for name in stream.removeprefix("associations:").split(":"))
            return list(self.links.rows(start, end))
        if stream.startswith("association_labels:"):
            start, end = (self.kinds[name] for name in stream.removeprefix("association_labels:").split(":"))
            return self.links.types(start, end)
        made: dict[str, Callable[[], list[Row]]] = {
            "owners": lambda: self.owners,
            "custom_object_schemas": self._schemas,
            "zipcodes": lambda: [row for row in self.zip_rows if len(row["zip"]) >= 5],  # noqa: PLR2004 - a code
            "pipelines": lambda: [
                {"object_type": kind.name} | row for kind in self.kinds.values() for row in portal.pipelines(kind)
            ],
            "properties": lambda: [
                {"object_type": kind.name} | one.definition()
                for kind in self.kinds.values()
                for one in kind.properties.values()
                if not one.archived
            ],
        }
        return made[stream]()

    def removed(self, stream: str) -> dict[str, str]:
        """Return the ids of records that are gone, and why: archived, merged or erased."""
        kind = self.kinds[stream]
        records = kind.records
        return {
            kind.id_of(index): "merged"
            if index in records.merged
            else "erased"
            if index in records.erased
            else "archived"
            for index in records.archived
        }

    # What happens

    @override
    def tap_settings(self, url: str) -> dict[str, t.Any]:
        quick = {
            "requests_per_10_seconds": 1_000_000,
            "search_requests_per_second": 100_000,
            "association_requests_per_10_seconds": 1_000_000,
        }
        return {
            "api_url": url,
            "access_token": ACCESS_TOKEN,
            "divisions_object_type": self.kinds["divisions"].type_id,
            "genius_users_object_type": self.kinds["genius_users"].type_id,
            "files": {"zipcodes": f"{url}/repos/example-owner/example-repo/contents/zips.csv"},
            "file_http_headers": {"Authorization": f"token {ZIP_TOKEN}", "Accept": "application/vnd.github.v3.raw"},
            **({} if self.limiter.rules else quick),
        }

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        """Let a day happen to the main kinds; ``last_day`` then tells to which ids."""
        self.used_today = 0
        self.last_day = days.pass_a_day(self.kinds, self.links, self.world)
        return {name: {what: len(ids) for what, ids in one.items()} for name, one in self.last_day.items()}

    def merge(self, stream: str, index: int, into: int) -> None:
        """Merge a record into another one, now."""
        days.merge(self.kinds[stream], self.links, index, into, self.world.now)


def _route(path: str, handler: Handler, method: str = "GET") -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            return refusal.answer

    return Route(path, endpoint, methods=[method])


async def _body(request: Request) -> Row:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise invalid("Invalid input JSON") from None
    if not isinstance(body, dict):
        raise invalid("Invalid input JSON: not an object")
    return body


def _limit(asked: Mapping[str, str], default: int, most: int) -> int:
    text = asked.get("limit") or str(default)
    if not text.isdigit() or not 0 < int(text) <= most:
        raise invalid(f"The value {text} for limit is invalid: it must be between 1 and {most}.")
    return int(text)


def _after(asked: Mapping[str, t.Any]) -> int:
    text = str(asked.get("after") or 0)
    if not text.isdigit():
        raise invalid(f"Invalid after value {text}.")
    return int(text)


def _inputs(body: Row, most: int) -> list[Row]:
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) and "id" in one for one in inputs):
        raise invalid("inputs must be a list of objects with an id.")
    if len(inputs) > most:
        raise invalid(f"inputs may have {most} items at most, but {len(inputs)} were sent.")
    return inputs


def _names(asked: t.Any) -> set[str] | None:  # noqa: ANN401 - the parameters of an address
    """Return the properties that an address names, joined by commas or repeated."""
    found = [one for text in asked.getlist("properties") for one in text.split(",")]
    return set(found) if found else None


def _add_history(row: Row, names: list[str]) -> None:
    if names := [name for name in names if name]:
        row["propertiesWithHistory"] = {
            name: [{"value": row["properties"].get(name), "timestamp": row["updatedAt"], "sourceType": "CRM_UI"}]
            for name in names
        }


def _trouble(message: str, context: Row) -> Row:
    return {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": context}
