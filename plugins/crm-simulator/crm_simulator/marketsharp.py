"""MarketSharp: its OData service, as the vendor's sample client and three public clients show it.

WCF Data Services in the dialect of OData V1 and V2: signed requests, Atom or verbose JSON, next links. The entity sets
and their properties stand in ``marketsharp.edmx``, which is also what ``$metadata`` answers; names are spelt as in the
vendor's generated classes (``hasDNCPhone``, ``coounty``, ``addressLin2``).

Options: ``page_cap``, entries in an answer at most (500; None for no limit); ``link_keeps_top``, whether a next link
holds what is left of ``$top`` (yes); ``json``: ``served``, ``ignored`` (Atom whatever is asked for) or ``refused``
(415); ``json_form``: ``results`` (V2) or ``array`` (V1, which has no next links); ``zone``, that of the company;
``tolerance``, seconds that the time of a signature may differ; ``metadata``, whether it is served; ``pascal``, entity
sets whose properties begin with a capital; ``unlicensed``, sets that do not exist; ``unfilterable``, sets that refuse
filters on their moment of change; ``ordered``, whether ``$orderby`` counts; ``step``, the time between two changes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.resources
import itertools
import re
import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

from crm_simulator.application import Crm
from crm_simulator.world import Collection

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request

    from crm_simulator.limiting import Rule

    Row: t.TypeAlias = dict[str, t.Any]

# The key pair is made up; the secret reads "secret-key-for-tests".
COMPANY_ID, USER_KEY = "1234", "00000000-0000-0000-0000-000000000000"
SECRET_KEY = "c2VjcmV0LWtleS1mb3ItdGVzdHM="  # noqa: S105 - as above
D = "http://schemas.microsoft.com/ado/2007/08/dataservices"
M = f"{D}/metadata"
ATOM = "http://www.w3.org/2005/Atom"
RELATED = f"{D}/related"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, END = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
FIRST_NAMES, LAST_NAMES = ("Sam", "Pat", "Alex", "Kim"), ("Sample", "Example", "O'Test & Sons")
# Types of a contact, and the set that shows the contacts of each.
VIEWS: t.Final = {"Prospects": 1, "Leads": 2, "Customers": 3}
# Sizes as a share of the contacts; what is not here has a few entities only.
SHARES: t.Final = {
    "Contacts": 1.0,
    "ContactPhones": 1.0,
    "ContactTypes": 1.0,
    "Addresses": 1.0,
    "CustomFields": 0.5,
    "Inquiries": 0.8,
    "Appointments": 0.6,
    "Jobs": 0.3,
    "Activities": 1.5,
    "ProductInterests": 0.8,
    "Notes": 0.5,
    "JobProducts": 0.3,
    "Contracts": 0.3,
}
FEW = 12
# Stands for the moment of change, which follows from the collection.
MOMENT: t.Final = object()
_CLAUSE = re.compile(r"\(?\s*(\w+) (eq|ne|gt|ge|lt|le) (datetime'[^']*'|guid'[^']*'|'(?:[^']|'')*'|[\w.+-]+)\s*\)?")
_KNOWN = {"$filter", "$orderby", "$top", "$skip", "$skiptoken", "$format"}


@dataclass(frozen=True)
class EntitySet:
    """One entity set of the metadata.

    Attributes:
        name: Its name in an address.
        type: Name of its entity type.
        key: Name of the key property.
        properties: Edm types by name, without the ``Edm.``.
        links: Names of the navigation properties.
        changed: Name of the property with the moment of change; None if there is none.
    """

    name: str
    type: str
    key: str
    properties: Mapping[str, str]
    links: tuple[str, ...]

    @property
    def changed(self) -> str | None:
        """The property with the moment of the last change."""
        return next((name for name in self.properties if name.lower() in ("lastupdate", "lastupdateutc")), None)


@dataclass
class Query:
    """What a request asks of an entity set."""

    top: int | None = None
    skip: int = 0
    token: str | None = None
    order: list[tuple[str, bool]] = field(default_factory=list)
    clauses: list[tuple[str, str, t.Any]] = field(default_factory=list)


class BadQueryError(Exception):
    """The service answers 400."""


class MarketSharp(Crm):
    """The simulated MarketSharp."""

    name = "marketsharp"
    default_size = 400

    @override
    def populate(self, size: int) -> None:
        self.zone = self.options.get("zone", UTC)
        self.zone = ZoneInfo(self.zone) if isinstance(self.zone, str) else self.zone
        self.page_cap: int | None = self.options.get("page_cap", 500)
        self.sets = {
            one.name: _in_pascal_case(one) if one.name in self.options.get("pascal", ()) else one
            for one in read_model()
            if one.name not in self.options.get("unlicensed", ())
        }
        self.places = {one.name: place for place, one in enumerate(read_model(), start=1)}
        # At the start: references do not change as the days pass.
        self.sizes = {name: round(size * share) for name, share in SHARES.items()}
        few = min(FEW, size)
        step = self.options.get("step", timedelta(minutes=10))
        self.collections = {
            name: Collection(
                self.world,
                name,
                min(1, size) if name == "Companies" else self.sizes.get(name, few),
                self._maker(one),
                step=step,
                crowd=self.options.get("crowd", range(0)) if name in ("Contacts", "Addresses") else range(0),
            )
            for name, one in self.sets.items()
            if name not in VIEWS
        }
        # Contacts whose type is another one than their index says.
        self.types: dict[int, int] = {}
        # Entities whose moment of change is null, by set.
        self.undated: dict[str, set[int]] = {}

    @override
    def routes(self) -> list[Route]:
        return [
            Route("/$metadata", self.metadata),
            Route("/{entity_set}", self.list_entities),
        ]

    @override
    def tap_settings(self, url: str) -> dict[str, t.Any]:
        keys = {"company_id": COMPANY_ID, "user_key": USER_KEY, "secret_key": SECRET_KEY}
        # No limit of MarketSharp is known, so there is none to be kept here.
        return {"base_url": url, **keys, "requests_per_minute": 60_000}

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        happened = {}
        for name, collection in self.collections.items():
            if name != "Companies" and collection.size:
                happened[name] = collection.pass_a_day(self._editor(self.sets[name]))
        prospect = next((n for n in self.collections["Contacts"].live() if self.type_of(n) == VIEWS["Prospects"]), None)
        if prospect is not None:
            self.types[prospect] = VIEWS["Customers"]
            self.collections["Contacts"].change(prospect, self.world.now - timedelta(hours=2))
        return happened

    # Credentials and refusals

    @override
    def credentials_of(self, request: Request) -> str:
        return ":".join(request.headers.get("Authorization", "").split(":")[:2])

    @override
    def authenticate(self, request: Request) -> Response | None:
        company, _, rest = request.headers.get("Authorization", "").partition(":")
        user, _, rest = rest.partition(":")
        epoch, _, given = rest.partition(":")
        message = f"{company}{user}{epoch}".encode()
        wanted = base64.b64encode(hmac.new(base64.b64decode(SECRET_KEY), message, hashlib.sha256).digest()).decode()
        if (company, user) != (COMPANY_ID, USER_KEY) or not epoch.isdigit() or given != wanted:
            return self.refuse(401)
        tolerance = self.options.get("tolerance")
        if tolerance is not None and abs(int(epoch) - self.world.now.timestamp()) > tolerance:
            return self.refuse(401)
        return None

    @override
    def refuse(self, status: int) -> Response:
        return _error(status, f"simulated {status}", as_json=False)

    @override
    def too_many(self, rule: Rule, seconds: float) -> Response:
        return _error(429, "simulated 429", as_json=False)

    # Answers

    async def metadata(self, _: Request) -> Response:
        """Answer with the metadata document, if the option says so."""
        if not self.options.get("metadata", True):
            return _error(404, "Resource not found for the segment '$metadata'.", as_json=False)
        text = _model_text()
        for name in self.options.get("pascal", ()):
            plain = next(one for one in read_model() if one.name == name)
            begin = text.index(f'<EntityType Name="{plain.type}">')
            end = text.index("</EntityType>", begin)
            part = re.sub(r'(Property(?:Ref)? Name=")(\w)', lambda m: m[1] + m[2].upper(), text[begin:end])
            text = text[:begin] + part + text[end:]
        return Response(text, media_type="application/xml;charset=utf-8")

    async def list_entities(self, request: Request) -> Response:
        """Answer with the entities of a set, as the query says."""
        as_json = self._wants_json(request)
        if as_json and self.options.get("json") == "refused":
            return _error(415, "Unsupported media type requested.", as_json=False)
        name = request.path_params["entity_set"]
        entity_set = self.sets.get(name)
        if entity_set is None:
            return _error(404, f"Resource not found for the segment '{name}'.", as_json=as_json)
        try:
            query = self._query_of(request, entity_set)
            found = self.find(entity_set, query)
            if query.token is None:
                found = itertools.islice(found, query.skip, None)
            most = min((limit for limit in (query.top, self.page_cap) if limit is not None), default=None)
            indexes = list(itertools.islice(found, most))
            cut = most is not None and most != query.top and len(indexes) == most and next(found, None) is not None
        except BadQueryError as error:
            return _error(400, str(error), as_json=as_json)
        link = self._next_link(request, entity_set, query, indexes) if cut else None
        rows = [self.row(name, index) for index in indexes]
        return self.json(entity_set, rows, link) if as_json else self.atom(entity_set, rows, link)

    def _wants_json(self, request: Request) -> bool:
        if self.options.get("json") == "ignored":
            return False
        # The media type with the greatest weight.
        kinds = []
        for part in request.headers.get("Accept", "").split(","):
            weight = re.search(r";\s*q=([\d.]+)", part)
            kinds.append((float(weight[1]) if weight else 1.0, part.split(";")[0].strip()))
        best = max(kinds, key=lambda kind: kind[0])[1]
        return best == "application/json" or parameters(request).get("$format") == "json"

    def _query_of(self, request: Request, entity_set: EntitySet) -> Query:
        asked = parameters(request)
        unknown = [name for name in asked if name.startswith("$") and name not in _KNOWN]
        if unknown:
            raise BadQueryError(f"The query parameter '{unknown[0]}' begins with a system-reserved '$' character.")
        query = Query(token=asked.get("$skiptoken"))
        query.top = _number(asked["$top"]) if "$top" in asked else None
        query.skip = _number(asked.get("$skip", "0"))
        for part in filter(None, asked.get("$orderby", "").split(",")):
            name, _, way = part.strip().partition(" ")
            _check_property(entity_set, name)
            query.order.append((name, way == "desc"))
        rest = asked.get("$filter", "")
        for number, part in enumerate(re.split(r" and ", rest) if rest else []):
            match = _CLAUSE.fullmatch(part)
            if match is None:
                raise BadQueryError(f"Syntax error in the clause {number} of the filter.")
            query.clauses.append(self._clause(entity_set, *match.groups()))
        return query

    def _clause(self, entity_set: EntitySet, name: str, operator: str, literal: str) -> tuple[str, str, t.Any]:
        _check_property(entity_set, name)
        if name == entity_set.changed and entity_set.name in self.options.get("unfilterable", ()):
            raise BadQueryError(f"The property '{name}' cannot be used in a filter.")
        kind = entity_set.properties[name]
        if kind == "Guid" and operator not in ("eq", "ne"):
            raise BadQueryError(f"Operator '{operator}' incompatible with operand types 'Edm.Guid' and 'Edm.Guid'.")
        return name, operator, _literal(kind, literal)

    def find(self, entity_set: EntitySet, query: Query) -> Iterator[int]:
        """Yield the indexes of the entities that a query asks for, in its order, without its skip and top.

        Raises:
            BadQueryError: If a token is none.
        """
        name, changed = entity_set.name, entity_set.changed
        source = "Contacts" if name in VIEWS else name
        collection, undated = self.collections[source], self.undated.get(source, set())
        by_time = [clause for clause in query.clauses if clause[0] == changed]
        others = [clause for clause in query.clauses if clause[0] != changed]
        wanted = self._predicate(name, others)
        order = query.order if self.options.get("ordered", True) else []
        token = _token_of(query.token)
        if changed is not None and order in ([(changed, False), (entity_set.key, False)], [(changed, False)]):
            return filter(wanted, self._by_time(entity_set, by_time, token))
        start, end, shows_null = _range(by_time)
        plain = collection.live(0 if token is None else token[1] + 1)
        if by_time:
            plain = (n for n in plain if (shows_null if n in undated else start <= collection.modified_at(n) < end))
        found = filter(wanted, plain)
        if order in ([], [(entity_set.key, False)]):
            return found
        return self._sorted(name, found, order)

    def _by_time(
        self,
        entity_set: EntitySet,
        clauses: Sequence[tuple[str, str, t.Any]],
        token: tuple[datetime | None, int] | None,
    ) -> Iterator[int]:
        """Yield the indexes of entities by their moment of change, those without one first, from a token on.

        A zone with summer time has them all sorted at once: in autumn the order of its wall-clock is not that of time.
        """
        source = "Contacts" if entity_set.name in VIEWS else entity_set.name
        collection, undated = self.collections[source], self.undated.get(source, set())
        start, end, shows_null = _range(clauses)
        nulls = sorted(undated - collection.archived.keys()) if shows_null else []
        dated: Iterator[int]
        if self._zone_of(str(entity_set.changed)) is UTC:
            if token is not None and token[0] is not None:
                start = max(start, token[0].replace(tzinfo=UTC))
            dated = collection.between(start, end) if start < end else iter(())
        else:
            dated = iter(
                sorted(
                    (n for n in collection.live() if start <= self._comparable(entity_set, n) < end),
                    key=lambda n: (self._comparable(entity_set, n), n),
                )
            )
        dated = (n for n in dated if n not in undated)
        if token is None:
            return itertools.chain(nulls, dated)
        moment, last = token
        if moment is None:
            return itertools.chain((n for n in nulls if n > last), dated)
        reached = (moment.replace(tzinfo=UTC), last)
        return (n for n in dated if (self._comparable(entity_set, n), n) > reached)

    def _comparable(self, entity_set: EntitySet, index: int) -> datetime:
        """Return the moment of change as the service compares it: its wall-clock time, taken for UTC."""
        source = "Contacts" if entity_set.name in VIEWS else entity_set.name
        moment = self.collections[source].modified_at(index)
        return self.naive(moment, str(entity_set.changed)).replace(tzinfo=UTC)

    def _sorted(self, name: str, found: Iterator[int], order: Sequence[tuple[str, bool]]) -> Iterator[int]:
        rows = [(index, self.row(name, index)) for index in found]
        for column, descending in reversed(order):
            rows.sort(key=lambda row: (row[1][column] is not None, row[1][column] or 0), reverse=descending)
        return (index for index, _ in rows)

    def _predicate(self, name: str, clauses: Sequence[tuple[str, str, t.Any]]) -> Callable[[int], bool]:
        """Return whether an entity belongs to a set, and satisfies clauses on other properties."""
        kind = VIEWS.get(name)

        def fits(index: int) -> bool:
            if kind is not None and self.type_of(index) != kind:
                return False
            row = self.row(name, index) if clauses else {}
            return all(_compare(row.get(column), operator, value) for column, operator, value in clauses)

        return fits

    def _next_link(self, request: Request, entity_set: EntitySet, query: Query, indexes: Sequence[int]) -> str:
        asked = parameters(request)
        asked.pop("$skip", None)
        if query.top is not None:
            asked["$top"] = str(query.top - len(indexes))
            if not self.options.get("link_keeps_top", True):
                del asked["$top"]
        last = indexes[-1]
        source = "Contacts" if entity_set.name in VIEWS else entity_set.name
        is_dated = entity_set.changed is not None and last not in self.undated.get(source, set())
        moment = self._comparable(entity_set, last).replace(tzinfo=None) if is_dated else None
        asked["$skiptoken"] = f"'{moment.isoformat() if moment else 'null'}',{last}"
        told = "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.items())
        base = self.options.get("link_base") or str(request.url).partition("?")[0].rpartition("/")[0]
        return f"{base}/{entity_set.name}?{told}"

    # Entities

    def truth(self, name: str) -> list[Row]:
        """Return all entities of a set that are there, as Python values."""
        return [self.row(name, index) for index in self.find(self.sets[name], Query())]

    def type_of(self, index: int) -> int:
        """Return the type of a contact: 1 prospect, 2 lead, 3 customer."""
        return self.types.get(index, index % 3 + 1)

    def row(self, name: str, index: int) -> Row:
        """Return an entity of a set by its index, as Python values; date-times are naive, as the service gives them."""
        entity_set = self.sets[name]
        source = "Contacts" if name in VIEWS else name
        collection = self.collections[source]
        row = collection.record(index)
        if name in VIEWS:
            names = dict(zip(self.sets[source].properties, entity_set.properties, strict=True))
            row = {names[column]: value for column, value in row.items()}
        elif name == "ContactTypes":
            row = row | {"contactType": str(self.type_of(index))}
        changed = entity_set.changed
        if changed is not None and row[changed] is MOMENT:
            moment = None if index in self.undated.get(source, set()) else collection.modified_at(index)
            row = row | {changed: moment and self.naive(moment, changed)}
        return row

    def key(self, name: str, index: int) -> t.Any:  # noqa: ANN401 - a number or a text
        """Return the key of an entity; keys lie in the order of their indexes."""
        name = "Contacts" if name in VIEWS or name == "ContactPhones" else name
        if name not in GUID_SETS:
            return index + 1
        return f"{self.places[name]:08x}-0000-4000-8000-{index:012x}"

    def naive(self, moment: datetime, name: str) -> datetime:
        """Return a moment as a property of that name has it: without an offset."""
        return moment.astimezone(self._zone_of(name)).replace(tzinfo=None)

    def _zone_of(self, name: str) -> t.Any:  # noqa: ANN401 - a zone of either kind
        return UTC if name.lower().endswith("utc") else self.zone

    def _maker(self, entity_set: EntitySet) -> Callable[[random.Random, int], Row]:
        def make(rng: random.Random, index: int) -> Row:
            row = {name: self._value(entity_set, rng, name, kind) for name, kind in entity_set.properties.items()}
            row[entity_set.key] = self.key(entity_set.name, index)
            if entity_set.changed is not None:
                row[entity_set.changed] = MOMENT
            if entity_set.name in ("ContactTypes", "Addresses"):
                row[next(n for n in row if n.lower() == "contactid")] = self.key("Contacts", index)
            if entity_set.name == "Companies":
                row |= {"timeZone": "UTC" if self.zone is UTC else str(self.zone)}
            return row

        return make

    def _editor(self, entity_set: EntitySet) -> Callable[[random.Random, int], Row]:
        """Return what a day changes in an entity: a text, or a switch."""
        texts = [n for n, kind in entity_set.properties.items() if kind == "String" and n.lower() not in _FIXED]
        switches = [name for name, kind in entity_set.properties.items() if kind == "Boolean"]

        def edit(rng: random.Random, _: int) -> Row:
            changed: Row = {name: f"edited {rng.randrange(1000)}" for name in texts[:1]}
            return changed | {name: rng.random() < 0.5 for name in switches[:1]}  # noqa: PLR2004 - one in two

        return edit

    def _value(self, entity_set: EntitySet, rng: random.Random, name: str, kind: str) -> t.Any:  # noqa: ANN401 - any
        lower = name.lower()
        if lower == "companyid":
            return 1 if kind == "Int32" else "1"
        if rng.randrange(8) == 0:
            return None
        made: dict[str, Callable[[], t.Any]] = {
            "Guid": lambda: self._reference(rng, lower),
            "Boolean": lambda: rng.random() < 0.7,  # noqa: PLR2004 - most are
            "Int32": lambda: rng.randrange(1, 6),
            "Decimal": lambda: Decimal(rng.randrange(100_000)) / 100,
            "DateTime": lambda: self.naive(self._some_time_ago(rng), name),
            "String": lambda: _text(rng, lower, entity_set.name),
        }
        return made[kind]()

    def _some_time_ago(self, rng: random.Random) -> datetime:
        return self.world.start.replace(minute=0, second=0, microsecond=0) - timedelta(hours=rng.randrange(9000))

    def _reference(self, rng: random.Random, lower: str) -> str:
        target = _target_of(lower)
        return str(self.key(target, rng.randrange(max(1, self.sizes.get(target, FEW)))))

    # Forms

    def json(self, entity_set: EntitySet, rows: Sequence[Row], link: str | None) -> Response:
        """Return entities as verbose JSON, with the links to others deferred."""
        found = []
        for row in rows:
            uri = f"{self._home()}/{entity_set.name}({_key_literal(row[entity_set.key])})"
            entry: Row = {"__metadata": {"uri": uri, "type": f"MSharpModel.{entity_set.type}"}}
            entry |= {name: _json_value(value) for name, value in row.items()}
            entry |= {name: {"__deferred": {"uri": f"{uri}/{name}"}} for name in entity_set.links}
            found.append(entry)
        if self.options.get("json_form") == "array":
            return JSONResponse({"d": found}, media_type="application/json;charset=utf-8")
        document: Row = {"results": found} | ({"__next": link} if link else {})
        return JSONResponse({"d": document}, media_type="application/json;charset=utf-8")

    def atom(self, entity_set: EntitySet, rows: Sequence[Row], link: str | None) -> Response:
        """Return entities as an Atom feed."""
        home = self._home()
        parts = [
            '<?xml version="1.0" encoding="utf-8" standalone="yes"?>',
            f'<feed xml:base="{home}/" xmlns:d="{D}" xmlns:m="{M}" xmlns="{ATOM}">',
            f'<title type="text">{entity_set.name}</title><id>{home}/{entity_set.name}</id>',
        ]
        for row in rows:
            name = f"{entity_set.name}({_key_literal(row[entity_set.key])})"
            parts.append(f"<entry><id>{escape(home)}/{escape(name)}</id>")
            for related in entity_set.links:
                href = quoteattr(f"{name}/{related}")
                parts.append(f'<link rel="{RELATED}/{related}" title="{related}" href={href}/>')
            parts.append('<content type="application/xml"><m:properties>')
            parts += [_element(column, entity_set.properties[column], value) for column, value in row.items()]
            parts.append("</m:properties></content></entry>")
        if link:
            parts.append(f'<link rel="next" href={quoteattr(link)}/>')
        parts.append("</feed>")
        return Response("".join(parts), media_type="application/atom+xml;charset=utf-8")

    def _home(self) -> str:
        return str(self.options.get("link_base") or "https://api4.example.com/WcfDataService.svc")


@cache
def _model_text() -> str:
    return (importlib.resources.files(__package__ or "") / "marketsharp.edmx").read_text(encoding="utf-8")


@cache
def read_model() -> tuple[EntitySet, ...]:
    """Return the entity sets of the metadata document."""
    root = ET.fromstring(_model_text())  # noqa: S314 - a file of this package
    edm = "{http://schemas.microsoft.com/ado/2007/05/edm}"
    types = {element.get("Name", ""): element for element in root.iter(f"{edm}EntityType")}
    sets = []
    for element in root.iter(f"{edm}EntitySet"):
        name = element.get("EntityType", "").rpartition(".")[2]
        entity = types[name]
        (key,) = (found.get("Name", "") for found in entity.iter(f"{edm}PropertyRef"))
        properties = {
            found.get("Name", ""): found.get("Type", "").removeprefix("Edm.")
            for found in entity.findall(f"{edm}Property")
        }
        links = tuple(found.get("Name", "") for found in entity.findall(f"{edm}NavigationProperty"))
        sets.append(EntitySet(element.get("Name", ""), name, key, properties, links))
    return tuple(sets)


GUID_SETS: t.Final = frozenset(one.name for one in read_model() if one.properties[one.key] == "Guid")
# Sets that references lead to, where their name does not say it.
REFERENCES: t.Final = {
    "primaryaddress": "Addresses",
    "result": "AppointmentResults",
    "firm": "LeadPaintFirms",
    "worker": "LeadPaintWorkers",
    "renovator": "LeadPaintRenovators",
    "jobproductcost": "JobProductCostTypes",
}
# Texts that a day leaves as they are.
_FIXED: t.Final = frozenset({"contacttype", "companyid", "latitude", "longitude", "vendorleadid"})


@cache
def _target_of(lower: str) -> str:
    """Return the entity set that a reference of some name leads to."""
    stem = lower.removesuffix("id")
    named = (one.name for one in read_model() if one.name.lower().startswith(stem[:-1]))
    target = REFERENCES.get(stem) or next(named, "Employees")
    return target if target in GUID_SETS else "Employees"


def _in_pascal_case(one: EntitySet) -> EntitySet:
    properties = {name[:1].upper() + name[1:]: kind for name, kind in one.properties.items()}
    return EntitySet(one.name, one.type, one.key[:1].upper() + one.key[1:], properties, one.links)


def parameters(request: Request) -> dict[str, str]:
    """Return the parameters of a request; a + is a plus, as in the path of an address, not a blank."""
    pairs = (part.partition("=") for part in request.scope["query_string"].decode().split("&") if part)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _number(text: str) -> int:
    if not text.isdigit():
        raise BadQueryError(f"Incorrect format for a number: '{text}'.")
    return int(text)


def _check_property(entity_set: EntitySet, name: str) -> None:
    if name not in entity_set.properties:
        raise BadQueryError(f"No property '{name}' exists in type 'MSharpModel.{entity_set.type}' at position 0.")


def _range(clauses: Sequence[tuple[str, str, t.Any]]) -> tuple[datetime, datetime, bool]:
    """Return the range that clauses on the moment of change leave, and whether entities without one are in it."""
    start, end, shows_null = FIRST, END, not clauses
    for _, operator, value in clauses:
        if value is None:
            start, end, shows_null = (END, FIRST, True) if operator == "eq" else (start, end, False)
            continue
        moment = value.replace(tzinfo=UTC)
        after = moment + timedelta(microseconds=1)
        start = max(start, {"ge": moment, "gt": after, "eq": moment}.get(operator, FIRST))
        end = min(end, {"lt": moment, "le": after, "eq": after}.get(operator, END))
    return start, end, shows_null


def _literal(kind: str, text: str) -> t.Any:  # noqa: ANN401 - the value of a property
    if text == "null":
        return None
    try:
        if kind == "DateTime":
            return datetime.fromisoformat(text.removeprefix("datetime'").removesuffix("'")).replace(tzinfo=None)
        if kind == "Guid":
            return text.removeprefix("guid'").removesuffix("'")
        if kind in ("Int32", "Decimal"):
            return Decimal(text.rstrip("Mm"))
    except (ValueError, ArithmeticError):
        raise BadQueryError(f"The literal {text} is no Edm.{kind}.") from None
    if kind == "Boolean":
        return text == "true"
    return text.strip("'").replace("''", "'")


def _compare(value: t.Any, operator: str, other: t.Any) -> bool:  # noqa: ANN401 - values of a property
    if operator in ("eq", "ne"):
        return (value == other) is (operator == "eq")
    if value is None or other is None:
        return False
    results: dict[str, bool] = {
        "gt": value > other,
        "ge": value >= other,
        "lt": value < other,
        "le": value <= other,
    }
    return results[operator]


def _token_of(text: str | None) -> tuple[datetime | None, int] | None:
    if text is None:
        return None
    moment, _, index = text.rpartition(",")
    moment = moment.strip("'")
    try:
        return (None if moment == "null" else datetime.fromisoformat(moment)), int(index)
    except ValueError:
        raise BadQueryError("The skip token is none.") from None


def _key_literal(value: t.Any) -> str:  # noqa: ANN401 - a number or a text
    return str(value) if isinstance(value, int) else f"guid'{value}'"


def _json_value(value: t.Any) -> t.Any:  # noqa: ANN401 - the value of a property
    """Return a value as the dialect writes it: decimals as text, moments as milliseconds."""
    if isinstance(value, datetime):
        # The time of day counts as if it were UTC.
        return f"/Date({(value.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)})/"
    return str(value) if isinstance(value, Decimal) else value


def _element(name: str, kind: str, value: t.Any) -> str:  # noqa: ANN401 - the value of a property
    mark = "" if kind == "String" else f' m:type="Edm.{kind}"'
    if value is None:
        return f'<d:{name}{mark} m:null="true"/>'
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, datetime):
        text = value.isoformat()
    else:
        # The service writes characters that XML forbids as references, and line breaks as well.
        text = re.sub(r"[\x00-\x08\x0b-\x1f]", lambda found: f"&#x{ord(found[0]):X};", escape(str(value)))
    return f"<d:{name}{mark}>{text}</d:{name}>"


def _error(status: int, message: str, *, as_json: bool) -> Response:
    if as_json:
        body = {"error": {"code": "", "message": {"lang": "en-US", "value": message}}}
        return JSONResponse(body, status, media_type="application/json;charset=utf-8")
    text = (
        f'<?xml version="1.0" encoding="utf-8" standalone="yes"?><error xmlns="{M}"><code></code>'
        f'<message xml:lang="en-US">{escape(message)}</message></error>'
    )
    return Response(text, status, media_type="application/xml;charset=utf-8")


def _text(rng: random.Random, lower: str, entity_set: str) -> str:  # noqa: PLR0911 - one line for each kind of text
    if "email" in lower:
        return f"{rng.choice(FIRST_NAMES).lower()}{rng.randrange(1000)}@example.com"
    if "phone" in lower or "fax" in lower or lower in ("pager", "caller", "dialed", "ringto"):
        return f"(312) 555-01{rng.randrange(100):02}"
    if "firstname" in lower:
        return rng.choice(FIRST_NAMES)
    if "lastname" in lower or lower == "name":
        return f"{rng.choice(LAST_NAMES)} {rng.randrange(100)}"
    if "website" in lower or "link" in lower:
        return f"https://www.example.com/{rng.randrange(1000)}"
    if lower in ("latitude", "longitude"):
        return f"{rng.randrange(-90_000, 90_000) / 1000:.3f}"
    if "note" in lower or lower == "description":
        return rng.choice(("", "Call back\r\nafter 5 pm", "Größe <3 & more", f"{entity_set} note"))
    if lower == "contacttype":
        return str(rng.randrange(1, 4))
    return f"{lower[:12]} {rng.randrange(50)}"
