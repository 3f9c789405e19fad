"""How HubSpot is asked: limits, errors, cursors.

Facts are from HubSpot's published API descriptions and usage guidelines; what they leave open is a setting, or is
read in every form that public clients have met. See BEHAVIOR.md.
"""

from __future__ import annotations

import logging
import random
import typing as t
from dataclasses import dataclass
from datetime import UTC, tzinfo

from singer_sdk.pagination import BaseAPIPaginator, SinglePagePaginator
from tap_kit.errors import Retry, SkipStream, Stop, Wait
from tap_kit.http import retry_after
from tap_kit.limits import QuotaUsedUp, next_midnight
from tap_kit.rest import Page, RestStream, document_of, error_of, message_of, place_of
from tap_kit.rows import dig
from tap_kit.stream import DELETED_AT
from tap_kit.zones import find_zone
from typing_extensions import override

from tap_hubspot_dw.paths import path_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from requests import Response
    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.http import Meter
    from tap_kit.rest import Ask, Pass

    from tap_hubspot_dw.tap import TapHubSpot

logger = logging.getLogger("tap-hubspot-dw")

GENERAL, SEARCH, ASSOCIATIONS = "general", "search", "associations"
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_MANY, MULTI_STATUS = 400, 401, 403, 404, 429, 207
# Locked, and a gateway's "migration in progress": public clients try these again.
BRIEF: t.Final = (423, 477)
# Waits after a refusal that names no time: a second for a rate per second, part of the window for the other.
SECOND, WINDOW = 1.0, 10.0


@dataclass(frozen=True)
class Plan:
    """What a subscription allows in ten seconds."""

    requests: int


PLANS: t.Final[Mapping[str, Plan]] = {
    "free": Plan(100),
    "starter": Plan(100),
    "professional": Plan(190),
    "enterprise": Plan(190),
    "limit_pack": Plan(250),
    "oauth": Plan(110),
}


class Cursor(BaseAPIPaginator["str | None"]):
    """Follows ``paging.next.after``; that it is absent is the end, a short page is none."""

    def __init__(self) -> None:
        super().__init__(None)

    @override
    def get_next(self, response: Response) -> str | None:
        after = dig(document_of(response), ("paging", "next", "after")) if response.content else None
        return None if after in (None, "") else str(after)


class HubSpotStream(RestStream):
    """What all streams of HubSpot share."""

    kit: TapHubSpot
    limit = GENERAL
    records_jsonpath = "$.results[*]"
    # Name of the endpoint, see tap_hubspot_dw.paths.
    what: str = "objects"

    def __init__(self, tap: TapHubSpot, *, schema: dict[str, t.Any] | None = None) -> None:
        self.path = path_of(self.what, str(tap.config["api_version"]))
        super().__init__(tap, schema=schema)

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {}

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        return Cursor()

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if ask.token is not None:
            request.params["after"] = ask.token
        return request

    @override
    def parse_rows(self, document: t.Any, ask: Ask) -> list[dict[str, t.Any]]:
        # What is no object has no key, and ends as a reject.
        return [row if isinstance(row, dict) else {} for row in super().parse_rows(document, ask)]

    @override
    def judge(self, response: Response) -> None:
        """Raise what an answer means; a 429 says in ``policyName`` which limit was met."""
        status = response.status_code
        if status == TOO_MANY:
            raise refusal(response, zone=self.kit.zone, now=self.kit.client.clock())
        if status == FORBIDDEN:
            raise missing_scope(response, stream=self.name, permission=self.permission)
        if status in BRIEF:
            raise Retry(f"{place_of(response)} answered {status}{message_of(response)}.", category="source")
        super().judge(response)


class WholeList(HubSpotStream):
    """A short list that each run reads in full; its key set is what was read."""

    def __init__(self, tap: TapHubSpot) -> None:
        super().__init__(tap)
        self.sweeps = tap.config["deletions"] == "sweep"
        self._keys: list[list[t.Any]] = []

    @override
    def get_records(self, context: t.Any) -> Iterator[dict[str, t.Any]]:
        self._keys = []
        for record in super().get_records(context):
            if record.get(DELETED_AT) is None:
                self._keys.append([record[name] for name in self.primary_keys])
            yield record

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        return iter(self._keys)


class PerObject(WholeList):
    """A list of each of some objects; one that may not be read fails the stream, after the others."""

    unsupported: tuple[int, ...] = ()

    def __init__(self, tap: TapHubSpot) -> None:
        super().__init__(tap)
        self.refused: list[SkipStream] = []

    def objects(self) -> Iterator[Mapping[str, t.Any]]:
        """Yield the contexts: what stands in the path, and how the warehouse calls it."""
        for one in self.kit.object_streams():
            yield {"object": one.object_type, "object_type": one.name}

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        return SinglePagePaginator()

    @override
    def contexts(self) -> Iterator[Mapping[str, t.Any]]:
        return self.objects()

    @override
    def get_records(self, context: t.Any) -> Iterator[dict[str, t.Any]]:
        self.refused.clear()
        yield from super().get_records(context)
        if self.refused:
            raise self.refused[0]

    @override
    def _fetch(self, ask: Ask, meter: Meter) -> Page:
        try:
            return super()._fetch(ask, meter)
        except SkipStream as error:
            if error.category != "permission":
                raise
            # The other objects are read all the same.
            self.refused.append(error)
            return Page(ask, [], t.cast("Response", None))

    @override
    def judge(self, response: Response) -> None:
        if response.status_code not in self.unsupported:
            super().judge(response)


def scopes_of(response: Response) -> list[str]:
    """Return the scopes that a 403 says are missing, in either of the two places where HubSpot names them."""
    try:
        document = document_of(response)
    except ValueError:
        return []
    found: list[str] = []
    for holder in (document, *(dig(document, ("errors",)) or ())):
        for name in ("missingScopes", "requiredGranularScopes", "requiredScopes"):
            named = dig(holder, ("context", name))
            found += [str(scope) for scope in named] if isinstance(named, list) else []
    return list(dict.fromkeys(found))


def missing_scope(response: Response, *, stream: str, permission: str | None) -> SkipStream:
    """Return what a 403 means: which scope the app has to be given."""
    scopes = scopes_of(response)
    needed = f"the scope {' and '.join(scopes)}" if scopes else permission or "a scope that HubSpot does not name"
    return SkipStream(
        f"The stream {stream} may not be read: the app needs {needed}. {place_of(response)} answered 403"
        f"{message_of(response)}.",
        category="permission",
    )


def refusal(response: Response, *, zone: tzinfo, now: datetime) -> Exception:
    """Return what a 429 means.

    Waiting for the next second or ten is worth while; the limit of the day is lifted at midnight of the account.
    """
    try:
        policy = str(dig(document_of(response), ("policyName",)) or "").upper()
    except ValueError:
        policy = ""
    told = f"{place_of(response)} answered 429{message_of(response)}."
    if policy == "DAILY":
        return QuotaUsedUp(
            f"{told} The requests that HubSpot allows in a day are used up, by all private apps of the account "
            "together. Start again then: the bookmarks are kept.",
            resets_at=next_midnight(now.astimezone(zone)),
        )
    if (seconds := retry_after(response)) is not None:
        return Wait(told, seconds=seconds)
    longest = SECOND if policy == "SECONDLY" else WINDOW
    # Jitter: other apps of the account are refused at the same time.
    return Wait(told, seconds=max(SECOND, random.uniform(longest / 2, longest)))  # noqa: S311 - no secret


def zone_named(name: t.Any) -> tzinfo:  # noqa: ANN401 - any JSON
    """Return the time zone of the account; UTC if HubSpot's name for it is unknown here."""
    return (find_zone(str(name)) if name else None) or UTC


def judge_token(response: Response) -> None:
    """Raise what the answer to a request for a token means, if it is none."""
    if response.status_code in (BAD_REQUEST, UNAUTHORIZED, FORBIDDEN):
        raise Stop(
            f"HubSpot gives no access token{message_of(response)}. Check client_id, client_secret and refresh_token; "
            "a refresh token that was replaced is no longer good (see refresh_token_file).",
            category="authentication",
        )
    if not response.ok:
        raise error_of(response, stream="all streams")


def batches(values: t.Iterable[t.Any], size: int) -> Iterator[list[t.Any]]:
    """Yield the values in lists of at most ``size``."""
    batch: list[t.Any] = []
    for value in values:
        batch.append(value)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
