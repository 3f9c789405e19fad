"""The streams, as declarations. What is odd about them is in BEHAVIOR.md."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from tap_kit.bookmarks import parse_time
from tap_kit.rest import Pass
from tap_kit.settings import narrowing
from typing_extensions import override

from tap_arrivy_dw import values
from tap_arrivy_dw.client import ArrivyStream

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.rest import Ask, Row


def request_time(text: str, days: int) -> str:
    """Return a moment some days later as Arrivy wants it: whole seconds, with an offset."""
    return (parse_time(text) + timedelta(days=days)).isoformat(timespec="seconds")


class Groups(ArrivyStream):
    """Groups: divisions, teams, departments.

    Source: GET /groups (developer reference, "Groups"). Read in full, compared by ``updated`` on our side.
    """

    name = "groups"
    path = "/groups"
    replication_key = "updated"
    prepare = values.group


class Entities(ArrivyStream):
    """Everybody and everything that tasks are assigned to.

    Source: GET /entities (developer reference, "Entities"). Read in full, compared by ``updated`` on our side.
    """

    name = "entities"
    path = "/entities"
    replication_key = "updated"
    prepare = values.entity


class Crews(ArrivyStream):
    """Crews, which the old system called divisions.

    Source: GET /crews, known from the old system only. Read in full: a crew has no time of change.
    """

    name = "crews"
    path = "/crews"
    default_page = 200
    unconfirmed = True


class CrewMembers(Crews):
    """Who belongs to which crew; somebody may belong to several.

    Source: the members embedded in GET /crews. Read in full.
    """

    name = "crew_members"
    primary_keys = ("division_id", "id")
    prepare = values.entity

    @override
    def expand(self, rows: list[Row]) -> list[Row]:
        return [
            {**member, "division_id": crew.get("id"), "division_name": crew.get("name")}
            for crew in rows
            for member in crew.get("entities_data") or ()
            if isinstance(member, dict)
        ]


class Statuses(ArrivyStream):
    """The account's definitions of statuses.

    Source: GET /statuses, known from the old system only. One answer holds everything.
    """

    name = "statuses"
    path = "/statuses"
    paged = False
    unconfirmed = True
    prepare = values.status


class Resources(ArrivyStream):
    """Vehicles and tools.

    Source: GET /express/resources (developer reference, "Express"). Read in full: no time of change.
    """

    name = "resources"
    path = "/express/resources"


class Customers(ArrivyStream):
    """Customers.

    Source: GET /customers (developer reference, "Customers"). Read in full: no time of change.
    """

    name = "customers"
    path = "/customers"


class Tasks(ArrivyStream):
    """Tasks: scheduled ones, unscheduled ones, and those without any date, in one pass each.

    Source: GET /tasks (developer reference, "Tasks"). ``from`` and ``to`` bound the schedule, not the change: a delta
    reads a window of the schedule around the present and compares ``updated`` on our side. A full read has no bounds.
    """

    name = "tasks"
    path = "/tasks"
    replication_key = "updated"
    filtered_by = "task_status"
    words = values.TASK_WORDS
    prepare = values.task
    scheduled = Pass("scheduled", params={"unscheduled": "false"})
    unscheduled = Pass("unscheduled", params={"unscheduled": "true"})
    undated = Pass("undated", params={"tasks_with_no_datetime": "true"})
    passes: Sequence[Pass] = (scheduled, unscheduled, undated)

    @override
    def whole_passes(self) -> Sequence[Pass]:
        wanted = {"unscheduled": self.config["unscheduled_tasks"], "undated": self.config["undated_tasks"]}
        return [part for part in self.passes if wanted.get(part.name, True)]

    @override
    def choose_passes(self) -> Sequence[Pass]:
        first, *others = self.whole_passes()
        return [self._near_the_present(first) if self._is_delta() else first, *others]

    def _is_delta(self) -> bool:
        # A first run from start_date, and one with ``since`` or about keys, have nothing behind that read the rest.
        incoming = self.kit.incoming.get(self.name, {})
        known = incoming.get("replication_key_value") if incoming.get("replication_key") == "updated" else None
        limits = narrowing(self.config)
        return bool(known) and self.config["task_delta"] == "window" and not (limits.since or limits.by_key)

    def _near_the_present(self, part: Pass) -> Pass:
        bounds = {
            "from": request_time(self.span.until, -self.config["task_lookback_days"]),
            "to": request_time(self.span.until, self.config["task_lookahead_days"]),
        }
        return Pass(part.name, params={**part.params, **bounds})


class TaskDetails(ArrivyStream):
    """What has to be asked for task by task, for the tasks of this run; see the setting ``task_details``."""

    parent = "tasks"
    parent_context: t.ClassVar = {"task_id": "id"}
    follows = True
    compares_here = False
    missing = "empty"

    @override
    def context_of(self, row: Row) -> Mapping[str, t.Any] | None:
        parent = t.cast("ArrivyStream", self.kit.rest_stream("tasks"))
        return super().context_of(row) if parent.is_wanted(row) else None


class TaskStatuses(TaskDetails):
    """Every status that a task was given.

    Source: GET /tasks/{id}/status (developer reference, "Task Status"). One request or more for each task.
    """

    name = "task_statuses"
    path = "/tasks/{task_id}/status"


class TaskRatings(TaskDetails):
    """The ratings that customers gave.

    Source: GET /tasks/{id}/rating (developer reference, "Task Rating"). One request for each task.
    """

    name = "task_ratings"
    path = "/tasks/{task_id}/rating"
    paged = False


class Bookings(ArrivyStream):
    """Bookings.

    Source: GET /bookings, known from the old system only. Read in full, compared by ``updated`` on our side; with
    the setting ``bookings_updated_after`` Arrivy is asked to do so as well.
    """

    name = "bookings"
    path = "/bookings"
    replication_key = "updated"
    unconfirmed = True
    filtered_by = "booking_status"
    prepare = values.booking

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if self.config["bookings_updated_after"] and "span" in self.__dict__ and self.span.lower is not None:
            request.params["updated_after"] = request_time(self.span.lower, 0).replace("+00:00", "Z")
        return request


STREAMS: t.Final[Sequence[type[ArrivyStream]]] = (
    Groups,
    Entities,
    Crews,
    CrewMembers,
    Statuses,
    Resources,
    Customers,
    Tasks,
    TaskStatuses,
    TaskRatings,
    Bookings,
)
