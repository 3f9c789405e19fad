"""The tap of the example CRM: what tap.py, client.py and streams.py of a real one hold."""

from __future__ import annotations

import typing as t
from datetime import timedelta
from zoneinfo import ZoneInfo

from requests import Response
from singer_sdk import typing as th
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.auth import BearerToken, Headers
from tap_kit.http import Meter
from tap_kit.limits import Limit
from tap_kit.paging import JSONPathPaginator, LinkPaginator, Numbered
from tap_kit.report import StreamReport
from tap_kit.rest import Pass, RestStream, RestTap
from tap_kit.settings import with_rest_settings
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.pagination import BaseAPIPaginator
    from tap_kit.auth import Credentials
    from tap_kit.rest import Ask


class ExampleStream(RestStream):
    """What all streams of this CRM share."""

    kit: TapExample
    primary_keys = ("id",)

    @property
    def page_size(self) -> int:
        return int(self.config.get("page_size") or 20)


class Items(ExampleStream):
    """Things for sale, in numbered pages."""

    name = "items"
    path = "/items"
    records_jsonpath = "$.items[*]"

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        return Numbered(page_size=self.page_size, pages_path="$.total_pages")

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        request.params |= {"page": ask.token, "per_page": self.page_size}
        return request


class Events(ExampleStream):
    """Events: a list by cursor in full, a search in windows for a delta, a list of what is archived."""

    name = "events"
    path = "/events"
    records_jsonpath = "$.results[*]"
    replication_key = "modified"
    reread = timedelta(minutes=5)
    permission = "the scope events.read"
    listing = Pass("list", stable_cursor=True)
    search = Pass("search", windowed=True, result_cap=100, total_path="$.total", limit="search")
    archive = Pass("archived", params={"archived": "true"}, deleted_at="archivedAt")
    passes: Sequence[Pass] = (listing, search, archive)

    @override
    def choose_passes(self) -> Sequence[Pass]:
        by_list = self.span.lower is None or self.config["full_by_list"]
        return (self.listing if by_list else self.search, self.archive)

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        return JSONPathPaginator("$.paging.next.after")

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if ask.window is None:
            request.params |= {"limit": self.page_size, "after": ask.token}
            return request
        request.url += "/search"
        request.method = "POST"
        request.data = {"from": ask.window.start.isoformat(), "to": ask.window.end.isoformat(), "limit": self.page_size}
        if ask.token is not None:
            request.data["after"] = ask.token
        if ask.by_key:
            request.data["beyond"] = "-1" if ask.beyond is None else ask.beyond
        return request


class Notes(ExampleStream):
    """Notes on events: asked for in batches, for the events of this run."""

    name = "notes"
    path = "/events/notes"
    http_method = "POST"
    records_jsonpath = "$.notes[*]"
    parent = "events"
    parent_context: t.ClassVar = {"id": "id"}
    follows = True
    batch_size = 7

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        request.data = {"ids": [one["id"] for one in ask.context["batch"]]}
        return request


class Accounts(ExampleStream):
    """Accounts: one bare array."""

    name = "accounts"
    path = "/accounts"
    remembered = True


class Members(ExampleStream):
    """Members of the accounts: links to the next page, local times."""

    name = "members"
    path = "/accounts/{account_id}/members"
    records_jsonpath = "$.members[*]"
    parent = "accounts"
    parent_context: t.ClassVar = {"account_id": "id"}
    zone = ZoneInfo("America/New_York")

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        return LinkPaginator(self.url_base, "$.next_page")


class TapExample(RestTap):
    """Reads a CRM that does not exist."""

    name = "tap-example"
    package_name = "tap-kit"
    crm_source = "example"
    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = (Items, Events, Notes, Accounts, Members)
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(
        th.PropertiesList(
            th.Property("api_url", th.StringType, required=True, title="Address", description="Address of the CRM."),
            th.Property("token", th.StringType, secret=True, title="Token", description="A token that never expires."),
            th.Property(
                "full_by_list", th.BooleanType, default=False, title="By list", description="Never use the search."
            ),
            th.Property("rate", th.IntegerType, default=10_000, title="Rate", description="Requests per second."),
        )
    )

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @override
    def make_credentials(self) -> Credentials:
        if self.config.get("token"):
            return Headers({"Authorization": f"Bearer {self.config['token']}"})
        return BearerToken(self.fetch_token)

    def fetch_token(self) -> tuple[str, float]:
        request = HTTPRequest(url=f"{self.url_base}/token", method="POST", data={"grant_type": "refresh_token"})
        client, meter = self.client, Meter(StreamReport())
        response = client.send(
            request, limit="default", judge=Response.raise_for_status, meter=meter, json=False, sign=False
        )
        answer = response.json()
        self.redactor.add(answer["access_token"])
        return answer["access_token"], answer["expires_in"]

    @override
    def make_probe(self) -> HTTPRequest:
        return HTTPRequest(url=f"{self.url_base}/accounts")

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        return {"default": Limit(self.config["rate"], 1), "search": Limit(10_000, 1)}
