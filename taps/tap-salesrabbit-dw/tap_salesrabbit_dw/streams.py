"""The streams, as declarations. What is odd about them is in BEHAVIOR.md."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from tap_kit.rest import Pass
from typing_extensions import override

from tap_salesrabbit_dw import values
from tap_salesrabbit_dw.client import MODIFIED, SalesRabbitStream

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.rest import Ask, Row

    from tap_salesrabbit_dw.client import Data
    from tap_salesrabbit_dw.tap import TapSalesRabbit


class Users(SalesRabbitStream):
    """Everybody who works with SalesRabbit.

    Source: GET /users. Bookmark: dateModified, compared here: whether the endpoint knows If-Modified-Since is not
    confirmed (``users_modified_since``), and the list is short. It may come whole on every page.
    """

    name = "users"
    path = "/users"
    replication_key = "date_modified"
    compared = ("dateModified",)
    gives_whole_list = True

    def __init__(self, tap: TapSalesRabbit) -> None:
        self.role = tap.config["user_role"]
        super().__init__(tap)

    @property
    @override
    def since_header(self) -> str | None:
        return MODIFIED if self.config["users_modified_since"] else None

    @override
    def remarks(self, record: Row) -> Iterable[tuple[str, str]]:
        return values.remarks_on_user(record, self.span.until[:10])


class LeadStatuses(SalesRabbitStream):
    """The account's own words for the status of a lead.

    Source: GET /leadStatuses, or /lead-statuses; one public client tries both, nothing confirms them. Read in full.
    """

    name = "lead_statuses"
    path = "/leadStatuses"
    other_paths = ("/lead-statuses",)
    paged = False


class Leads(SalesRabbitStream):
    """Leads: the doors that were knocked at.

    Source: GET /leads, with If-Modified-Since in a delta. Bookmark: dateModified, compared here as well. A delta sees
    deleted leads if SalesRabbit marks them (``deletedAt``); those that vanish are found by a sweep only.
    """

    name = "leads"
    path = "/leads"
    replication_key = "date_modified"
    passes = (Pass(deleted_at="deletedAt", tombstones=True),)
    compared = ("dateModified", "statusModified", "ownerModified", "deletedAt")
    since_header = MODIFIED

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if self.config["sorted_leads"]:
            # In the order of their creation, so that an edit moves no lead from page to page.
            request.params |= {"sortBy": "dateCreated", "order": "asc"}
        return request

    @override
    def prepare(self, row: Row) -> Row:
        return values.flat(super().prepare(row))


class StatusStream(SalesRabbitStream):
    """What both lists of statuses share: a header of their own, and devices that report late.

    A list of events is not swept: what it does not hold any more has happened all the same.
    """

    can_sweep = False

    @property
    @override
    def since_header(self) -> str | None:
        return str(self.config["status_since_header"])

    @override
    def look_back(self) -> timedelta:
        return timedelta(days=self.config["status_lookback_days"])


class LeadStatusHistories(StatusStream):
    """Every status that a lead was given.

    Source: GET /leadStatusHistories, with If-Status-Modified-Since in a delta. Its data is an object of lists by the
    id of the lead, or an empty array; ``id`` is that of the status, so the time belongs to the key. Bookmark:
    statusUpdated. A lead answers with its whole history when any of it changed, and all of it is written: what was
    the present status until then is no longer ``active``.
    """

    name = "lead_status_histories"
    path = "/leadStatusHistories"
    primary_keys = ("lead_id", "id", "status_updated")
    replication_key = "status_updated"
    default_page = 2000
    compared = ("statusUpdated",)

    @override
    def rows_in(self, data: Data | None) -> list[Row] | None:
        return values.events_by_lead(data)

    @override
    def wanted(self, rows: Sequence[Row]) -> list[Row]:
        changed = {row["lead_id"] for row in rows if self.lies_between(row, self.span.lower, None)}
        return [r for r in rows if r["lead_id"] in changed and self.lies_between(r, self.floor, self.span.upper)]


class LeadStatusActivities(StatusStream):
    """Dispositions: who gave which status to which lead, and how far from the door.

    Source: GET /leadStatusActivities, with If-Status-Modified-Since in a delta. Bookmark:
    currentOnDeviceStatusModified, the device's clock. A device that was offline reports old times, so all that
    SalesRabbit gives is written, and only the header leaves something out.
    """

    name = "lead_status_activities"
    path = "/leadStatusActivities"
    primary_keys = ("disposition_id",)
    replication_key = "current_on_device_status_modified"
    default_page = 100
    largest_page = 500
    compared = ("currentOnDeviceStatusModified",)
    trusts_server = True


# In the order in which they are read; the names are also in names.py.
STREAMS: tuple[type[SalesRabbitStream], ...] = (
    Users,
    LeadStatuses,
    Leads,
    LeadStatusHistories,
    LeadStatusActivities,
)
