"""How MarketSharp is asked: signatures, the way through an entity set, filters, JSON or Atom, errors.

Sources of the facts: the vendor's sample client in Java with its generated model classes, three further public
clients, and what the old system did. No document describes the service, so what these leave open is a setting, or is
read in every form that the dialect (OData V1 and V2, WCF Data Services) allows.

An entity set is read in *legs*. A leg is one request of ours, for ``page_size`` entries at most, and the parts behind
its next links: the service may cut an answer short and give a link. A full leg is followed by another one, which
starts at the moment of the last entry (``lastUpdate ge``), not at a number of entries: what is changed meanwhile moves
to the end and is met there. Entries of the same moment, and sets without such a field, are counted with ``$skip``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import typing as t
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from tap_kit.ahead import in_order
from tap_kit.bookmarks import parse_time
from tap_kit.errors import Retry, SkipStream, Wait
from tap_kit.paging import PageGuard
from tap_kit.rest import Ask, Page, Pass, RestStream, error_of, place_of
from tap_kit.rows import kind_of, missing_in
from tap_kit.values import Unstorable, datetime_from_json
from typing_extensions import override

from tap_marketsharp_dw import odata
from tap_marketsharp_dw.names import group_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import requests
    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.http import Meter
    from tap_kit.rest import Row

    from tap_marketsharp_dw.tap import TapMarketSharp

logger = logging.getLogger("tap-marketsharp-dw")

UNDATED: t.Final = "undated"
ATOM: t.Final = "application/atom+xml;q=0.9,application/xml;q=0.8"
JSON_OR_ATOM: t.Final = f"application/json;odata=verbose,{ATOM}"
# One entry of the leg before is asked for again: if it is not the first of the next one, entries have slipped.
OVERLAP: t.Final = 1
MOST_STEPS_BACK: t.Final = 1000
# Clocks that differ by less than this are not the reason for a refusal.
CLOCK_SECONDS: t.Final = 5
# Spellings of the vendor's own model, and what the column is called.
MISSPELT: t.Final[Mapping[str, str]] = {"coounty": "county", "addresslin2": "addressline2"}
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# What may stand in a query as it is, besides letters and digits.
_UNQUOTED: t.Final = "',:()"
_HAS_OFFSET = re.compile(r"(Z|[+-]\d\d:\d\d)$")


class NoJson(SkipStream):
    """The service does not serve JSON."""


class BadQuery(SkipStream):
    """The service does not understand a query."""


class Signature:
    """Signs requests: company, user and time, with HMAC-SHA256 under the secret key.

    Args:
        company_id: Id of the company.
        user_key: Key of the API user.
        secret: The secret key, decoded.
        clock: The present time by the vendor's clock, as far as it is known.
    """

    def __init__(self, company_id: str, user_key: str, secret: bytes, clock: Callable[[], datetime]) -> None:
        self._company_id = company_id
        self._user_key = user_key
        self._secret = secret
        self._clock = clock

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request; each attempt is signed anew."""
        epoch = int(self._clock().timestamp())
        message = f"{self._company_id}{self._user_key}{epoch}".encode()
        signature = base64.b64encode(hmac.new(self._secret, message, hashlib.sha256).digest()).decode()
        # No scheme word in front.
        request.headers["Authorization"] = f"{self._company_id}:{self._user_key}:{epoch}:{signature}"
        return request

    def renew(self, refused: requests.PreparedRequest) -> bool:
        """Say whether the time of a refused request was wrong: the answer has told the vendor's time by then."""
        signed = int(str(refused.headers["Authorization"]).rsplit(":", 2)[1])
        return abs(self._clock().timestamp() - signed) > CLOCK_SECONDS


@dataclass(frozen=True)
class Position:
    """Where a leg begins.

    Attributes:
        bound: Least moment of a change, as the service compares it; None for no bound.
        skip: How many entries are skipped from there.
    """

    bound: datetime | None = None
    skip: int = 0

    @property
    def token(self) -> str:
        """The position as the token of a request."""
        return f"{self.bound.isoformat() if self.bound else ''}|{self.skip}"

    @classmethod
    def of(cls, token: str) -> Position:
        """Return the position of a token."""
        bound, _, skip = token.partition("|")
        return cls(datetime.fromisoformat(bound) if bound else None, int(skip))

    def after(self, times: Sequence[datetime | None]) -> Position:
        """Return where the leg after this one begins.

        Args:
            times: When the entries of this leg were changed, in their order; nothing for entries in order of the key.
        """
        last = next((time for time in reversed(times) if time is not None), None)
        if last is None or last == self.bound:
            return Position(self.bound, self.skip + len(times) - OVERLAP)
        return Position(last, len(times) - times.index(last) - OVERLAP)


class MarketSharpStream(RestStream):
    """One entity set.

    Attributes:
        filtered: Whether the service is asked for what was changed; else the set is read in full, and compared here
            if it has a moment of change.
        uuids: Columns that hold a UUID.
    """

    kit: TapMarketSharp
    primary_keys: Sequence[str] = ("id",)
    replication_key: str | None = None
    permission = "a licence that includes it"

    def __init__(self, tap: TapMarketSharp) -> None:
        self.path = tap.config["paths"].get(self.name, self.path)
        super().__init__(tap)
        self.zone = tap.zone
        self.sweeps = tap.config["deletions"] == "sweep"
        self.filtered = self.replication_key is not None and self.name not in tap.config["unfiltered"]
        self.compares_here = self.replication_key is not None and not self.filtered
        self.reread = timedelta(minutes=tap.config["lookback_minutes"])
        columns: Mapping[str, t.Any] = self.schema["properties"]
        self.wire_names = {name: self.sources.get(name, name) for name in columns}
        self.sources = {name: wire.lower() for name, wire in self.wire_names.items()}
        self.uuids = tuple(name for name, column in columns.items() if column.get("format") == "uuid")
        # By lower-case name on the wire: whether the moment is in UTC.
        self._moments = {
            self.sources[name]: name.endswith("_utc")
            for name, column in columns.items()
            if kind_of(column) == "date-time"
        }

    # Names

    @cached_property
    def entity_type(self) -> odata.EntityType:
        """The exact names that ``$metadata`` gives, or nothing."""
        path = str(self.path)
        return self.kit.entity_types.get(path.strip("/").lower()) or odata.EntityType(path)

    def wire(self, column: str) -> str:
        """Return the name of a property in a query, where it is case-sensitive."""
        name = self.wire_names[column]
        return self.entity_type.properties.get(name.lower(), name)

    def warn_of_unknown_properties(self) -> None:
        """Warn of properties that the service has and the tap has no column for."""
        known = set(self.sources.values()) | MISSPELT.keys()
        unknown = [name for lower, name in self.entity_type.properties.items() if lower not in known]
        if unknown:
            logger.warning("%s: MarketSharp has more than the tap reads: %s.", self.name, ", ".join(unknown))

    # Requests

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Accept": JSON_OR_ATOM if self.kit.takes_json else ATOM}

    @override
    def choose_passes(self) -> Sequence[Pass]:
        self.warn_of_unknown_properties()
        limits = (("ge", self.span.lower), ("lt", self.span.upper))
        bounds = {operator: self._literal(moment) for operator, moment in limits if moment is not None}
        if not self.filtered or not bounds:
            return self.passes
        # What has no moment of change is in no range, and is always read.
        whole = self.passes[0]
        return replace(whole, params=bounds), replace(whole, name=UNDATED, params={"eq": "null"})

    def _literal(self, moment: str) -> str:
        """Return a moment of our own in the zone of the replication key, as a literal of a filter."""
        zone = UTC if self._moments[self.sources[str(self.replication_key)]] else self.zone
        return odata.datetime_literal(parse_time(moment).astimezone(zone).replace(tzinfo=None))

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        """Make the request of a leg; the parameters of a pass are what its moment of change is compared with."""
        request = super().build_request(ask)
        token = str(ask.token or Position().token)
        if token.startswith(("https://", "http://")):
            return request
        position, comparisons = Position.of(token), dict(ask.part.params)
        order = [self.wire(name) for name in self.primary_keys]
        if self._is_by_time(ask):
            order.insert(0, self.wire(str(self.replication_key)))
        if position.bound is not None:
            comparisons = {**comparisons, "ge": odata.datetime_literal(position.bound)}
        query = {
            "$filter": " and ".join(
                f"{self.wire(str(self.replication_key))} {operator} {literal}"
                for operator, literal in comparisons.items()
            ),
            "$orderby": ",".join(order),
            "$top": str(self.page_size),
            "$skip": str(position.skip or ""),
        }
        # By hand: a blank as + and a $ as %24 are not understood everywhere.
        told = "&".join(f"{name}={quote(value, safe=_UNQUOTED)}" for name, value in query.items() if value)
        request.params = {}
        request.url = f"{self.url_base.rstrip('/')}{self.entity_type.path}?{told}"
        return request

    @property
    def page_size(self) -> int:
        """Entries asked for at a time."""
        return int(self.config["page_size"])

    def _is_by_time(self, ask: Ask) -> bool:
        return self.filtered and ask.part.name != UNDATED

    # Answers

    @override
    def judge(self, response: requests.Response) -> None:
        status = response.status_code
        if status in self.accepted:
            try:
                feed_of(response)
            except (Retry, SkipStream) as error:
                raise type(error)(f"The answer to {place_of(response)} {error}.", category="source") from None
            return
        message = odata.message_of(response.content) or ""
        failure = error_of(response, stream=self.name, permission=self.permission, message=message)
        if status in (406, 415) and "json" in str(response.request.headers.get("Accept")):
            raise NoJson(str(failure))
        if status == 503 and not isinstance(failure, Wait):  # noqa: PLR2004 - an HTTP status
            # Seen under load: everything slows down.
            raise Wait(str(failure), seconds=0, category="source")
        if status == 400:  # noqa: PLR2004
            raise BadQuery(f"{failure}{self._hint_of_a_bad_query()}")
        if status == 404:  # noqa: PLR2004
            raise SkipStream(
                f"{failure} The licence may not include {self.name}: deselect it or leave {group_of(self.name)} out "
                "of the setting groups; if the entity set has another name, give it in the setting paths."
            )
        raise failure

    def _hint_of_a_bad_query(self) -> str:
        if not self.filtered:
            return ""
        return f" If MarketSharp does not filter by {self.replication_key}, add {self.name} to the setting unfiltered."

    @override
    def parse_rows(self, document: t.Any, ask: Ask) -> list[Row]:
        feed = t.cast("odata.Feed", document)
        return [self._prepare(row) for row in feed.rows]

    def _prepare(self, row: Row) -> Row:
        """Return a row by lower-case names, with date-times that say where they have an offset."""
        made: Row = {}
        exact = self._exact_names
        for name, value in row.items():
            lower = name.lower()
            lower = MISSPELT.get(lower, lower) if lower not in exact else lower
            if lower in made and name not in exact.values():
                continue
            if lower in self._moments and isinstance(value, str):
                made[lower] = _with_offset(odata.datetime_text(value), is_utc=self._moments[lower])
            else:
                made[lower] = value
        return made

    @cached_property
    def _exact_names(self) -> dict[str, str]:
        return {wire.lower(): wire for wire in self.wire_names.values()}

    # Reading

    @override
    def read_pages(self, asks: Iterator[Ask], meter: Meter, *, token: int | str | None = None) -> Iterator[Page]:
        """Yield the pages of all asks, in order; every read begins at the beginning, see ``finish_page``."""
        return in_order(self.kit.workers, (self._walk(ask, meter) for ask in asks))

    def _walk(self, ask: Ask, meter: Meter) -> Iterator[Page]:
        """Read one list to its end, leg by leg.

        Raises:
            SkipStream: If it leads nowhere, is not sorted, or shifts faster than it can be read.
        """
        position, known, steps_back = Position(), frozenset[t.Any](), 0
        while steps_back < MOST_STEPS_BACK:
            rows, times, has_slipped = 0, list[datetime | None](), False
            keys: set[t.Any] = set()
            for page in self._linked_pages(replace(ask, token=position.token), meter):
                found = [self._key_of(row) for row in page.rows]
                if not rows and position.skip and known.isdisjoint(found):
                    has_slipped = True
                    break
                times += self._times_of(page, times)
                rows += len(found)
                keys.update(found)
                yield replace(page, rows=[row for row, key in zip(page.rows, found, strict=True) if key not in known])
            if has_slipped:
                # Entries before the position are gone: what lies between has to be looked at again.
                position = Position(position.bound, max(0, position.skip - self.page_size))
                steps_back += 1
                continue
            if rows < self.page_size:
                return
            if keys <= known:
                raise SkipStream(
                    f"The stream {self.name} does not get past its entry {position.skip} from "
                    f"{position.bound or 'the beginning'} on: what follows was read before."
                )
            position, known = position.after(times), frozenset(keys)
        raise SkipStream(f"The stream {self.name} changes faster than it can be read; read it at a quieter time.")

    @override
    def _key_of(self, row: Row) -> tuple[t.Any, ...]:
        """Return what an entry is known again by: its key, or all of it if it has none."""
        key = self._key_columns.apply(row)
        if missing_in(key, self.primary_keys) is None:
            return tuple(str(value) for value in key.values())
        return ("", repr(sorted(row.items())))

    def _linked_pages(self, ask: Ask, meter: Meter) -> Iterator[Page]:
        """Yield the answer to a request of ours, and what its next links lead to."""
        guard = PageGuard(self.name, self._key_of)
        while True:
            guard.check_token(ask.token)
            try:
                page, link = self._fetch_part(ask, meter)
            except BadQuery as error:
                if ask.part.name != UNDATED:
                    raise
                # A property that cannot be null cannot be compared with null, and then nothing is undated.
                logger.info("%s: entries without a moment of change are not asked for: %s", self.name, error)
                return
            guard.check_rows(ask.token, page.rows)
            yield page
            if link is None:
                return
            ask = replace(ask, token=link)

    def _fetch_part(self, ask: Ask, meter: Meter) -> tuple[Page, str | None]:
        send = self.kit.client.send
        try:
            response = send(self.build_request(ask), limit=self.limit, judge=self.judge, meter=meter)
        except NoJson as error:
            logger.info("%s Atom is read from now on.", error)
            self.kit.takes_json = False
            response = send(self.build_request(ask), limit=self.limit, judge=self.judge, meter=meter)
        feed = feed_of(response)
        link = None if feed.link is None else self._checked_link(feed.link, response)
        return Page(ask, self.parse_rows(feed, ask), response), link

    def _checked_link(self, link: str, response: requests.Response) -> str:
        """Return the absolute address of a next link, on our host and by our scheme.

        A service behind a proxy that ends TLS writes links with http; requested so, they would show the signature.

        Raises:
            SkipStream: If it leads to another host, because the signature would be sent there.
        """
        base, found = urlsplit(self.url_base), urlsplit(urljoin(response.url, link))
        if found.hostname != base.hostname:
            raise SkipStream(
                f"The link to the next page of {self.name} leads to {found.hostname} instead of {base.hostname}; it is "
                "not followed, because the signature would be sent there."
            )
        return urlunsplit(found._replace(scheme=base.scheme, netloc=base.netloc))

    def _times_of(self, page: Page, before: Sequence[datetime | None]) -> list[datetime | None]:
        """Return when the entries of a page were changed, as the service compares it; nothing where it does not count.

        Raises:
            SkipStream: If they are not in that order: the position in the list would then mean nothing.
        """
        if not self._is_by_time(page.ask):
            return [None] * len(page.rows)
        source = self.sources[str(self.replication_key)]
        latest = next((time for time in reversed(before) if time is not None), None)
        times: list[datetime | None] = []
        for row in page.rows:
            time = odata.naive_time(row.get(source))
            if latest is not None and (row.get(source) is None or (time is not None and time < latest)):
                raise SkipStream(
                    f"The stream {self.name} is not sorted by {self.replication_key}, although that was asked for: add "
                    "it to the setting unfiltered."
                )
            latest = time or latest
            times.append(time)
        return times

    @override
    def finish_page(self, page: Page) -> Iterator[Row]:
        """Yield the records of a page; once they are written, the bookmark may rise to the last one.

        So a read that breaks off is gone on with where it was, whatever has become of its links and positions.
        """
        for record in super().finish_page(page):
            for name in self._selected_uuids:
                record[name] = judge_uuid(record[name])
            yield record
        if not self._is_by_time(page.ask):
            return
        source = self.sources[str(self.replication_key)]
        for row in reversed(page.rows):
            moment = datetime_from_json(row.get(source) or "", self.zone)
            if isinstance(moment, str):
                self.kit.bookmarks[self.name].settle(parse_time(moment))
                return

    @cached_property
    def _selected_uuids(self) -> tuple[str, ...]:
        return tuple(name for name in self.uuids if name in self.selected_schema["properties"])

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        held = [number for number, name in enumerate(self.primary_keys) if name in self.uuids]
        for key in super().read_keys():
            # Those that were rejected as records are in no table.
            if not any(isinstance(judge_uuid(key[number]), Unstorable) for number in held):
                yield key


def feed_of(response: requests.Response) -> odata.Feed:
    """Return what an answer holds; parsed once, however many ask.

    Raises:
        Retry: If the body is cut off, or no answer of the service.
        SkipStream: If the body is refused.
    """
    cached = response.__dict__
    if "marketsharp_feed" not in cached:
        cached["marketsharp_feed"] = odata.parse_feed(response.content)
    return t.cast("odata.Feed", cached["marketsharp_feed"])


def judge_uuid(value: t.Any) -> t.Any:  # noqa: ANN401 - any value of a record
    """Return a UUID as it came, None for an empty text, and a finding for what is no UUID."""
    if not isinstance(value, str) or _UUID.fullmatch(value):
        return value
    return Unstorable(value, "not a UUID") if value.strip() else None


def _with_offset(value: t.Any, *, is_utc: bool) -> t.Any:  # noqa: ANN401 - any JSON
    return f"{value}+00:00" if is_utc and value and not _HAS_OFFSET.search(value) else value
