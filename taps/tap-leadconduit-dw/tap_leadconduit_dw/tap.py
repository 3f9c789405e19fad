"""The tap: its settings and its streams."""

from __future__ import annotations

import base64
import re
import typing as t

from singer_sdk import typing as th
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.auth import Headers
from tap_kit.errors import Stop
from tap_kit.limits import Limit
from tap_kit.rest import RestTap
from tap_kit.settings import with_rest_settings
from typing_extensions import override

from tap_leadconduit_dw.client import JSON, LARGEST_PAGE, NEWEST
from tap_leadconduit_dw.names import STREAMS as NAMES
from tap_leadconduit_dw.streams import STREAMS, fixed_columns

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_kit.auth import Credentials
    from tap_kit.rest import RestStream

FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Those of the account that the old system read.
LEAD_FIELDS = ["note_hge", "owner_hge", "owneremail_hge", "ownerid_hge", "salesrabbit_lead_id_hge"]
OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType,
        required=True,
        secret=True,
        title="API key",
        description="Key of a LeadConduit user; sent as the password of HTTP Basic.",
    ),
    th.Property(
        "username",
        th.StringType,
        default="x",
        title="User name",
        description="Sent with the key. LeadConduit takes any.",
    ),
    th.Property(
        "base_url",
        th.StringType,
        default="https://app.leadconduit.com",
        title="Address of the API",
        description="Where LeadConduit answers.",
    ),
    th.Property(
        "lookback_minutes",
        th.IntegerType(minimum=0),
        default=60,
        title="Minutes read again",
        description="How long before the event of its bookmark a delta begins, because an event may be shown later "
        "than one with a greater id. 0: go on exactly after that event.",
    ),
    th.Property(
        "retention_days",
        th.IntegerType(minimum=1),
        default=90,
        title="Retention",
        description="How long LeadConduit keeps events: three months, unless the account has agreed on another time. "
        "A bookmark that is older, and whose event is gone, makes the stream fail once, after everything that is left "
        "was read.",
    ),
    th.Property(
        "lead_fields",
        th.ArrayType(th.StringType),
        default=LEAD_FIELDS,
        title="Lead fields",
        description="Fields of this account's leads that get a column of their own; all fields are in lead_data.",
    ),
    th.Property(
        "filter_type",
        th.BooleanType,
        default=False,
        title="Let LeadConduit filter leads",
        description="Whether leads are asked for with type=source, which no document confirms: fewer requests. They "
        "are filtered here as well.",
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["off", "sweep"],
        default="off",
        title="Deletions",
        description="sweep: after flows and destinations send all their keys, so that rows that are gone are marked. "
        "It reads these two lists twice. Events and leads are never swept.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1),
        default=100,
        title="Requests per minute",
        description="LeadConduit documents no limit. The old system used 100; its notes say 60.",
    ),
    th.Property(
        "rate_limit_wait_seconds",
        th.IntegerType(minimum=0),
        default=60,
        title="Pause after a refusal",
        description="How long nothing is sent after a 429 that does not say how long, in seconds. 0: a short pause "
        "that grows.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1),
        default=500,
        title="Page size",
        description="Events asked for at a time; LeadConduit gives 1000 at most. An event holds a copy of the whole "
        "lead, and up to nine pages may wait in memory.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1),
        default=1,
        title="Concurrency",
        description="Without effect beyond one page that is read ahead: each page of events needs the one before.",
    ),
)


class TapLeadConduit(RestTap):
    """Reads LeadConduit (ActiveProspect): events, the leads in them, flows and destinations."""

    name = "tap-leadconduit-dw"
    package_name = "tap-leadconduit-dw"
    crm_source = "leadconduit"
    largest_page = LARGEST_PAGE
    stream_order = NAMES
    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = STREAMS
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(OWN_SETTINGS)

    @override
    def check_settings(self) -> None:
        super().check_settings()
        if ":" in self.config["username"]:
            raise Stop("The setting username holds a colon, which HTTP Basic does not allow in a user name.")
        fixed = fixed_columns()
        for name in self.config["lead_fields"]:
            if not FIELD_NAME.fullmatch(name):
                raise Stop(
                    f"The setting lead_fields names {name!r}; a field is written in small letters, digits and _, as in "
                    "owner_hge."
                )
            if name in fixed:
                raise Stop(f"The setting lead_fields names {name!r}, which is a column of leads already; leave it out.")

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["base_url"])

    @override
    def make_credentials(self) -> Credentials:
        pair = f"{self.config['username']}:{self.config['api_key']}".encode()
        return Headers({"Authorization": f"Basic {base64.b64encode(pair).decode()}"})

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        return {"default": Limit(self.config["requests_per_minute"], 60, burst=True)}

    @override
    def make_probe(self) -> HTTPRequest:
        return HTTPRequest(url=f"{self.url_base.rstrip('/')}/events", headers=dict(JSON), params=dict(NEWEST))
