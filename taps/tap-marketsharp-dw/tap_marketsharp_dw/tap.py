"""The tap: its settings and its streams."""

from __future__ import annotations

import base64
import binascii
import logging
import typing as t
from functools import cached_property

from singer_sdk import typing as th
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.errors import RefreshCredentials, Stop
from tap_kit.http import Meter
from tap_kit.limits import Limit
from tap_kit.rest import RestStream, RestTap, place_of
from tap_kit.settings import check_names, with_rest_settings
from tap_kit.zones import zone_of_setting
from typing_extensions import override

from tap_marketsharp_dw import odata
from tap_marketsharp_dw.client import Signature
from tap_marketsharp_dw.names import DEFAULT_GROUPS, GROUPS, group_of
from tap_marketsharp_dw.names import STREAMS as NAMES
from tap_marketsharp_dw.streams import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, tzinfo

    import requests
    from tap_kit.auth import Credentials

logger = logging.getLogger("tap-marketsharp-dw")

OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "company_id",
        th.StringType,
        required=True,
        title="Company",
        description="Number of the company at MarketSharp.",
    ),
    th.Property(
        "user_key",
        th.StringType,
        required=True,
        secret=True,
        title="User key",
        description="Key of the API user: a GUID.",
    ),
    th.Property(
        "secret_key",
        th.StringType,
        required=True,
        secret=True,
        title="Secret key",
        description="Key that requests are signed with, in Base64 as MarketSharp gives it. It is never sent.",
    ),
    th.Property(
        "groups",
        th.ArrayType(th.StringType),
        default=list(DEFAULT_GROUPS),
        title="Groups of streams",
        description=f"Which entity sets there are for the tap, by group, as the licence allows: {', '.join(GROUPS)}. "
        "contact_views repeats the contacts once more by type.",
    ),
    th.Property(
        "timezone",
        th.StringType,
        default="UTC",
        title="Time zone",
        description="IANA name of the zone of the company: of all date-times whose name does not end in Utc. It "
        "belongs to the connection: after a change read everything anew.",
    ),
    th.Property(
        "lookback_minutes",
        th.IntegerType(minimum=0),
        default=120,
        title="Minutes read again",
        description="How many minutes before the bookmark a delta begins. An hour at least, if the zone has summer "
        "time: MarketSharp's times repeat an hour in autumn.",
    ),
    th.Property(
        "unfiltered",
        th.ArrayType(th.StringType),
        default=[],
        title="Streams without a filter",
        description="Streams whose moment of change MarketSharp does not filter or sort by: they are read in full and "
        "compared here.",
    ),
    th.Property(
        "paths",
        th.ObjectType(additional_properties=th.StringType),
        default={},
        title="Paths",
        description='Other entity sets of streams, by their names, for example {"call_leads": "/C800ResponseLeads"}.',
    ),
    th.Property(
        "form",
        th.StringType,
        allowed_values=["json", "atom"],
        default="json",
        title="Form of the answers",
        description="json: JSON, or Atom if MarketSharp does not serve JSON. atom: Atom (XML) only.",
    ),
    th.Property(
        "metadata",
        th.BooleanType,
        default=True,
        title="Read the metadata",
        description="Whether each run begins with $metadata, for the exact names of sets and properties. Without "
        "it the names of the tap are used, and the run begins with one company.",
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["off", "sweep"],
        default="off",
        title="Deletions",
        description="sweep: after each stream send the keys of all its records, so that rows that are gone are "
        "marked. It reads every set once more; meant for a weekly run.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1),
        default=120,
        title="Requests per minute",
        description="MarketSharp documents no limit; it was seen to answer 503 under load.",
    ),
    th.Property(
        "base_url",
        th.StringType,
        default="https://api4.marketsharpm.com/WcfDataService.svc",
        title="Address of the service",
        description="Address that the names of the entity sets are added to.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=2),
        default=1000,
        title="Page size",
        description="Entries asked for at a time; MarketSharp may answer with less and a link to the rest.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1),
        default=1,
        title="Concurrency",
        description="Of no use for MarketSharp: each page follows from the one before, and is read while that one is "
        "written.",
    ),
)


class TapMarketSharp(RestTap):
    """Reads the OData service of MarketSharp: 50 entity sets, in full or by what changed."""

    name = "tap-marketsharp-dw"
    package_name = "tap-marketsharp-dw"
    crm_source = "marketsharp"
    stream_order = NAMES
    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = STREAMS
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(OWN_SETTINGS)

    @override
    def __init__(self, **kwargs: t.Any) -> None:
        self.entity_types: Mapping[str, odata.EntityType] = {}
        super().__init__(**kwargs)
        self.takes_json = self.config["form"] == "json"

    @override
    def check_settings(self) -> None:
        super().check_settings()
        _ = self.zone, self.secret
        check_names("groups", self.config["groups"], "groups", tuple(GROUPS))
        check_names("paths", self.config["paths"], "streams", NAMES)
        dated = tuple(stream.name for stream in STREAMS if stream.replication_key is not None)
        check_names("unfiltered", self.config["unfiltered"], "streams that are read by a moment of change", dated)

    @cached_property
    def zone(self) -> tzinfo:
        """The zone of date-times that are not in UTC.

        Raises:
            Stop: If there is no such zone.
        """
        return zone_of_setting(self.config["timezone"])

    @cached_property
    def secret(self) -> bytes:
        """The secret key, decoded.

        Raises:
            Stop: If it is no Base64.
        """
        try:
            return base64.b64decode(self.config["secret_key"].strip(), validate=True)
        except (binascii.Error, ValueError):
            raise Stop("The setting secret_key is no Base64: take the secret key as MarketSharp gives it.") from None

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["base_url"])

    @override
    def make_credentials(self) -> Credentials:
        user_key = self.config["user_key"].strip()
        return Signature(self.config["company_id"].strip(), user_key, self.secret, self.vendor_time)

    def vendor_time(self) -> datetime:
        """Return the present time by MarketSharp's clock; by our own before the first answer."""
        return self.client.clock()

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        return {"default": Limit(self.config["requests_per_minute"], 60, burst=True)}

    @override
    def make_probe(self) -> HTTPRequest:
        path, accept = ("/$metadata", "application/xml") if self.config["metadata"] else ("/Companies?$top=1", "*/*")
        return HTTPRequest(url=self.url_base.rstrip("/") + path, headers={"Accept": accept})

    @override
    def probe_once(self, stream: RestStream) -> None:
        if self._probed:
            return
        self._probed = True
        meter = Meter(stream.report)
        response = self.client.send(self.make_probe(), limit=stream.limit, judge=_judge_probe, meter=meter)
        if self.config["metadata"]:
            self.entity_types = odata.parse_metadata(response.content) if response.ok else {}
            if not self.entity_types:
                logger.info("MarketSharp gives no $metadata: the names of the tap are used.")

    @override
    def discover_streams(self) -> Sequence[RestStream]:
        return [stream(self) for stream in STREAMS if group_of(stream.name) in self.config["groups"]]

    @override
    def explain_missing(self, name: str) -> str:
        if name in NAMES:
            return f"The stream {name} is left out: its group {group_of(name)} is not in the setting groups."
        return super().explain_missing(name)


def _judge_probe(response: requests.Response) -> None:
    """Raise if the credentials are wrong; whether the metadata may be seen does not matter."""
    if response.status_code == 401:  # noqa: PLR2004 - an HTTP status
        told = f"{place_of(response)} answered 401. The company, the user key or the secret key is wrong"
        raise RefreshCredentials(f"{told}, or the clock of this machine.")
