"""The tap: its settings and its streams."""

from __future__ import annotations

import base64
import typing as t
from contextlib import ExitStack
from functools import cached_property
from urllib.parse import urlsplit

from singer_sdk import typing as th
from tap_kit.auth import Headers
from tap_kit.errors import SkipStream, Stop
from tap_kit.http import Meter
from tap_kit.limits import Limit
from tap_kit.report import StreamReport
from tap_kit.rest import RestStream, RestTap, load_schema
from tap_kit.settings import check_names, with_rest_settings
from tap_kit.zones import zone_of_setting
from typing_extensions import override

from tap_five9_dw.client import MOST_RECORDS, MOST_ROWS, ContactStream, ReportStream
from tap_five9_dw.fields import ContactField, contact_fields
from tap_five9_dw.names import STREAMS as NAMES
from tap_five9_dw.soap import Caller, Service, cache_folder
from tap_five9_dw.streams import STREAMS, Contacts

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from tap_kit.auth import Credentials

# Host and time zone of each region; that of India's domains is in no public document.
REGIONS: t.Final[Mapping[str, tuple[str, str | None]]] = {
    "US": ("api.five9.com", "America/Los_Angeles"),
    "CA": ("api.five9.ca", "America/Vancouver"),
    "EU": ("api.five9.eu", "Europe/London"),
    "FRK": ("api.eu.five9.com", "Europe/Berlin"),
    "IN": ("api.in.five9.com", None),
}
HERE: t.Final = ("127.0.0.1", "localhost", "::1")
DAY_SECONDS: t.Final = 86_400

OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "username",
        th.StringType,
        required=True,
        title="User name",
        description="A Five9 user with the administrator role, best one of the tap's own: Five9 serves a user one "
        "request at a time.",
    ),
    th.Property(
        "password",
        th.StringType,
        required=True,
        secret=True,
        title="Password",
        description="Its password. It expires like that of any user.",
    ),
    th.Property(
        "region",
        th.StringType,
        allowed_values=list(REGIONS),
        default="US",
        title="Region",
        description="Where the domain lives: United States, Canada, Europe (London), Frankfurt, India.",
    ),
    th.Property(
        "api_version",
        th.StringType,
        default="v13",
        title="Version",
        description="Version of the configuration web service; the old system used v9_5.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        title="Address",
        description="Another address than the region's, up to the version: https://api.five9.com/wsadmin. It must be "
        "https, because the password travels with each request.",
    ),
    th.Property(
        "timezone",
        th.StringType,
        title="Time zone",
        description="IANA name of the domain's time zone, which date-times come in; without it that of the region. "
        "India has none to fall back on.",
    ),
    th.Property(
        "list_names",
        th.ArrayType(th.StringType),
        default=[],
        title="Lists",
        description="Read only the contacts of these lists, and leave the bookmark as it is.",
    ),
    th.Property(
        "max_records_per_list",
        th.IntegerType(minimum=0),
        default=0,
        title="Most contacts of a list",
        description="End each list after this many contacts, and leave the bookmark as it is; 0 for no limit.",
    ),
    th.Property(
        "list_field",
        th.StringType,
        title="Field of the list",
        description="Contact field that holds the list a contact was last dialled from; without it the one that is "
        "mapped to LastList.",
    ),
    th.Property(
        "contact_delta",
        th.StringType,
        allowed_values=["changed", "all"],
        default="changed",
        title="Delta of contacts",
        description="changed: write the contacts whose times say that they changed. all: write all contacts, for "
        "changes that move no time. Both read all of them.",
    ),
    th.Property(
        "lookback_hours",
        th.IntegerType(minimum=0),
        default=24,
        title="Hours read again",
        description="How far before its bookmark a delta of contacts or of a report begins.",
    ),
    th.Property(
        "reports",
        th.ObjectType(additional_properties=th.StringType),
        default={},
        title="Reports",
        description="Other reports for the streams that are read from one, as folder/report, for example "
        '{"call_log": "Shared Reports/Call Log"}.',
    ),
    th.Property(
        "report_history_days",
        th.IntegerType(minimum=1),
        default=30,
        title="History of reports",
        description="How many days back the first run reads reports, if there is no start_date.",
    ),
    th.Property(
        "report_window_days",
        th.IntegerType(minimum=1),
        default=1,
        title="Days of a report",
        description="For how many days a report is run at once.",
    ),
    th.Property(
        "report_rows",
        th.IntegerType(minimum=1, maximum=MOST_ROWS),
        default=MOST_ROWS,
        title="Most rows of a report",
        description="A report with so many rows is taken for cut, and run again in parts. Five9 gives 50000.",
    ),
    th.Property(
        "report_poll_seconds",
        th.IntegerType(minimum=0),
        default=5,
        title="Pause between questions",
        description="How long to wait before asking again whether a report is ready; each question counts.",
    ),
    th.Property(
        "report_timeout_seconds",
        th.IntegerType(minimum=1),
        default=600,
        title="Longest report",
        description="How long a report may run.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1),
        default=200,
        title="Requests per minute",
        description="Requests are spread evenly. Five9's limits differ from account to account; its samples wait 0.3 "
        "seconds between two calls.",
    ),
    th.Property(
        "rate_limit_wait_seconds",
        th.IntegerType(minimum=0),
        default=60,
        title="Pause after a refusal",
        description="How long nothing is sent after the limit of operations was exceeded, in seconds. 0: a short "
        "pause that grows.",
    ),
    th.Property(
        "session_wait_seconds",
        th.IntegerType(minimum=0),
        default=30,
        title="Pause for another session",
        description="How long to wait while another session of the same user is open, in seconds. 0: a short pause "
        "that grows.",
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["off", "sweep"],
        default="off",
        title="Deletions",
        description="sweep: after contacts, fields, lists, campaigns and dispositions send all their keys, so that "
        "rows that are gone are marked.",
    ),
    th.Property(
        "wsdl_cache",
        th.StringType,
        title="Folder of the WSDL",
        description="Where a copy of the WSDL is kept; without it the user's cache folder.",
    ),
    th.Property(
        "wsdl_cache_days",
        th.IntegerType(minimum=0),
        default=30,
        title="Age of the WSDL",
        description="How many days the copy is used; 0 fetches the WSDL in each run.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1),
        default=MOST_RECORDS,
        title="Page size",
        description="An answer with so many contacts is taken for cut, and asked for again in parts. Five9 gives 1000.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1, maximum=1),
        default=1,
        title="Concurrency",
        description="Always 1: Five9 serves a user one request at a time.",
    ),
)


class TapFive9(RestTap):
    """Reads the contact centre of Five9: contacts, lists, campaigns, dispositions, calls and agents."""

    name = "tap-five9-dw"
    package_name = "tap-five9-dw"
    crm_source = "five9"
    largest_page = MOST_RECORDS
    stream_order = NAMES
    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = STREAMS
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(OWN_SETTINGS)

    @override
    def check_settings(self) -> None:
        super().check_settings()
        _ = self.zone
        address = urlsplit(self.url_base)
        if address.scheme != "https" and not (address.scheme == "http" and address.hostname in HERE):
            raise Stop(
                f"The setting api_url is {self.url_base}; it must begin with https://, because the password travels "
                "with each request."
            )
        known = [stream.name for stream in STREAMS if issubclass(stream, ReportStream)]
        check_names("reports", self.config["reports"], "reports", known)
        wrong = sorted(name for name, place in self.config["reports"].items() if not all(place.rpartition("/")[::2]))
        if wrong:
            raise Stop(f"The setting reports must name folder and report, like Folder/Report, for {', '.join(wrong)}.")
        # What travels is the password in another form.
        self.redactor.add(self._basic)

    @cached_property
    def zone(self) -> tzinfo:
        """The time zone of the domain.

        Raises:
            Stop: If there is no such zone, or none is known.
        """
        name = self.config.get("timezone") or REGIONS[self.config["region"]][1]
        if name is None:
            raise Stop(
                f"The time zone of the region {self.config['region']} is not known: name it in the setting timezone."
            )
        return zone_of_setting(name)

    @property
    @override
    def url_base(self) -> str:
        return str(self.config.get("api_url") or f"https://{REGIONS[self.config['region']][0]}/wsadmin").rstrip("/")

    @property
    def _basic(self) -> str:
        return base64.b64encode(f"{self.config['username']}:{self.config['password']}".encode()).decode()

    @override
    def make_credentials(self) -> Credentials:
        return Headers({"Authorization": f"Basic {self._basic}"})

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        # One request in its share of a minute: there is no burst, and nothing to catch up.
        return {"default": Limit(1, 60 / self.config["requests_per_minute"])}

    @cached_property
    def open_files(self) -> ExitStack:
        """Files that are closed when the run ends."""
        return ExitStack()

    @cached_property
    def service(self) -> Service:
        """The web service."""
        return Service(
            self.client,
            endpoint=f"{self.url_base}/{self.config['api_version']}/AdminWebService",
            username=self.config["username"],
            folder=cache_folder(self.config.get("wsdl_cache")),
            keep_seconds=self.config["wsdl_cache_days"] * DAY_SECONDS,
            rate_limit_seconds=self.config["rate_limit_wait_seconds"],
            session_seconds=self.config["session_wait_seconds"],
        )

    @override
    def discover_streams(self) -> Sequence[RestStream]:
        streams = [stream(self) for stream in STREAMS if not issubclass(stream, ContactStream)]
        streams.append(self._discover_contacts())
        return streams

    def _discover_contacts(self) -> Contacts:
        """Return the stream of contacts with the fields of the account.

        Where these cannot be had the stream fails when it is read, and leaves the others alone.
        """
        caller = Caller("contacts", Meter(StreamReport()))
        try:
            rows = self.service.call("getContactFields", caller).value or []
        except SkipStream as error:
            names = [name for name in load_schema(Contacts, "contacts")["properties"] if name not in Contacts.OWN]
            fields = [ContactField(name, name, "STRING", "None", ()) for name in names]
            return Contacts(self, fields, error)
        finally:
            self.service.close()
        return Contacts(self, contact_fields(rows, Contacts.OWN))

    @override
    def close(self) -> None:
        # Before the connections are given back: the session ends with a request of its own.
        if "service" in self.__dict__:
            self.__dict__.pop("service").close()
        self.open_files.close()
        super().close()
