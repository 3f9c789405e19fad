"""The streams of LeadConduit. What is odd about them is in BEHAVIOR.md."""

from __future__ import annotations

import typing as t
from functools import cached_property

from tap_kit.rest import load_schema
from typing_extensions import override

from tap_leadconduit_dw import values
from tap_leadconduit_dw.client import EventStream, LeadConduitStream

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.rest import Ask, RestStream, Row

    from tap_leadconduit_dw.tap import TapLeadConduit


class Flows(LeadConduitStream):
    """Flows: from which sources leads come, what is done with them, where they go.

    Source: GET /flows. One answer holds everything; read in full. A flow that is deleted is only missed by a sweep.
    """

    name = "flows"
    path = "/flows"
    listed = True


class Destinations(LeadConduitStream):
    """Destinations that the account has set up.

    Source: GET /destinations. One answer holds everything; read in full: there is no time of change. Where one is
    used is only told on request, and asked for if the column is selected.
    """

    name = "destinations"
    path = "/destinations"
    primary_keys = ("instance_id",)
    listed = True

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if "flow_usages" in self.selected_schema["properties"]:
            request.params["include"] = "flow_usages"
        return request


class Events(EventStream):
    """Everything that happened to leads: they came in, were filtered, delivered, tried again, reported on.

    Source: GET /events. Bookmark: the id. Each run reads ``lookback_minutes`` before it again. A delta sees all new
    events, which includes all that happens to old leads; LeadConduit itself forgets an event after three months.
    """

    name = "events"
    replication_key = "id"

    @override
    def chosen(self, rows: list[Row]) -> list[Row]:
        return [values.folded(row, self.schema["properties"].keys()) for row in rows]


class Leads(EventStream):
    """Leads as they came in: one row for each event of the type source that has lead fields.

    Source: GET /events, read apart from ``events``. Bookmark: the id of the last event that was looked at. What becomes
    of a lead later is no change of it but an event, see ``events``.
    """

    name = "leads"
    primary_keys = ("lead_id",)
    replication_key = "event_id"
    event_type = "source"

    def __init__(self, tap: TapLeadConduit) -> None:
        super().__init__(tap, schema=with_lead_fields(load_schema(type(self), self.name), tap.config["lead_fields"]))

    @override
    def chosen(self, rows: list[Row]) -> list[Row]:
        return [values.lead(row) for row in rows if values.is_lead(row)]

    @cached_property
    @override
    def convert(self) -> dict[str, Callable[[t.Any], t.Any]]:
        return super().convert | {"string": values.plain_text}


def with_lead_fields(schema: dict[str, t.Any], names: Sequence[str]) -> dict[str, t.Any]:
    """Return the schema of leads with a column for each field of this account; those of others are left out."""
    columns = {
        name: {mark: value for mark, value in column.items() if mark != "x-lead-field"}
        for name, column in schema["properties"].items()
        if name in names or "x-lead-field" not in column
    }
    for name in names:
        columns.setdefault(
            name,
            {
                "type": ["string", "null"],
                "description": "A lead field of this account, as the setting lead_fields names it.",
                "x-source": f"vars.lead.{name}",
                "x-sensitivity": "pii",
            },
        )
    return {**schema, "properties": columns}


def fixed_columns() -> set[str]:
    """Return the columns of leads that are there whatever the settings say."""
    columns = load_schema(Leads, Leads.name)["properties"]
    return {name for name, column in columns.items() if "x-lead-field" not in column}


STREAMS: t.Final[tuple[type[RestStream], ...]] = (Flows, Destinations, Events, Leads)
