"""The search of records: filters, sorts, the cap of 10,000, and an index that lags behind."""

from __future__ import annotations

import heapq
import itertools
import json
import re
import typing as t
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from crm_simulator.hubspot.answers import invalid

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from crm_simulator.hubspot.kinds import Kind, Row, Texts

CAP, LARGEST_PAGE, DEFAULT_PAGE = 10_000, 200, 10
MOST_GROUPS, MOST_FILTERS, MOST_TOGETHER, LONGEST_QUERY = 6, 6, 18, 3000
MILLISECOND = timedelta(milliseconds=1)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
WITHOUT_VALUE = ("HAS_PROPERTY", "NOT_HAS_PROPERTY")
SEVERAL = ("IN", "NOT_IN")
COMPARED = ("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN")
TOKENS = ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN")


class Search:
    """One search.

    Args:
        kind: The kind of records.
        body: The request; nothing in it is required.
        now: The present.
        lag: How far the index is behind: later changes are found under the time before them, new records not at all.
        id_order: ``number`` or ``text``: how ids are compared and sorted.
    """

    def __init__(self, kind: Kind, body: Row, *, now: datetime, lag: timedelta, id_order: str = "number") -> None:
        self._kind = kind
        self._records = kind.records
        self._horizon = now - lag if lag else None
        self._id_order = id_order
        self._body = body
        self.limit = _limit(body.get("limit", DEFAULT_PAGE))
        self.after = _after(body.get("after"))
        self._groups = _groups(body, kind)
        self._query = str(body.get("query", "")).lower()
        if len(self._query) > LONGEST_QUERY:
            raise invalid(f"query may have {LONGEST_QUERY} characters at most")
        properties = body.get("properties")
        self._properties = None if properties is None else set(properties)

    def page(self) -> Row:
        """Return the answer: the total of all pages, and one page."""
        total, indexes = self._found()
        start, end = self.after, min(self.after + self.limit, CAP)
        results = [self._kind.wire(index, self._properties) for index in itertools.islice(indexes, start, end)]
        answer: Row = {"total": total, "results": results}
        if end < total:
            answer["paging"] = {"next": {"after": str(end), "link": f"?after={end}"}}
        return answer

    def _found(self) -> tuple[int, Iterator[int]]:
        kind = self._kind
        low, high, others = self._bounds()
        name, descending = _sort(self._body)
        if not others and not self._query and self._horizon is None and (name, descending) == (kind.modified, False):
            return self._records.count_between(low, high), self._records.between(low, high)
        found = [index for index in self._between(low, high) if self._matches(index, others)]
        if name != kind.modified:
            found.sort(key=lambda index: self._sort_key(index, name))
        return len(found), iter(found[::-1] if descending else found)

    def _bounds(self) -> tuple[datetime, datetime, list[list[Row]]]:
        """Return the half-open range of modification times that one group asks for, and all other filters."""
        low, high = EARLIEST, LATEST
        if len(self._groups) != 1:
            return low, high, self._groups
        others = []
        for one in self._groups[0]:
            operator = one["operator"]
            if one["propertyName"] != self._kind.modified or operator not in COMPARED or operator == "NEQ":
                others.append(one)
                continue
            moment = _moment(one["value"])
            last = _moment(one["highValue"]) if operator == "BETWEEN" else moment
            if operator in ("GTE", "EQ", "BETWEEN"):
                low = max(low, moment)
            if operator == "GT":
                low = max(low, moment + MILLISECOND)
            if operator in ("LTE", "EQ", "BETWEEN"):
                high = min(high, last + MILLISECOND)
            if operator == "LT":
                high = min(high, moment)
        return low, max(low, high), [others] if others else []

    def _between(self, low: datetime, high: datetime) -> Iterable[int]:
        """Return the records of a range, as the index knows them, by time."""
        found = self._records.between(low, high)
        horizon = self._horizon
        if horizon is None:
            return found
        records = self._records
        known = ((records.modified_at(index), index) for index in found if records.modified_at(index) <= horizon)
        late = sorted(
            (before, index)
            for index, before in records.before.items()
            if records.modified_at(index) > horizon and low <= before < high and index not in records.archived
        )
        return [index for _, index in heapq.merge(known, late)]

    def _matches(self, index: int, groups: list[list[Row]]) -> bool:
        names = None if self._query else {one["propertyName"] for group in groups for one in group}
        # Crowds are drained by id, page by page: that must not cost the other values of ten thousand records.
        texts: Texts = {"hs_object_id": self._kind.id_of(index)}
        if names != {"hs_object_id"}:
            texts = self._kind.texts(index, names)
        if self._query and not any(self._query in (text or "").lower() for text in texts.values()):
            return False
        return not groups or any(all(self._holds(texts, one) for one in group) for group in groups)

    def _holds(self, texts: Texts, one: Row) -> bool:
        operator, text = one["operator"], texts.get(one["propertyName"]) or ""
        if operator in WITHOUT_VALUE:
            return bool(text) is (operator == "HAS_PROPERTY")
        if operator in SEVERAL:
            return (text.lower() in [str(value).lower() for value in one["values"]]) is (operator == "IN")
        if operator in TOKENS:
            wanted = re.escape(str(one["value"]).lower()).replace(r"\*", ".*")
            found = re.search(rf"(?<!\w){wanted}(?!\w)", text.lower()) is not None
            return found is (operator == "CONTAINS_TOKEN")
        return self._compares(text, one)

    def _compares(self, text: str, one: Row) -> bool:
        name, operator = one["propertyName"], one["operator"]
        value, wanted = self._comparable(name, text), self._comparable(name, str(one["value"]))
        if not text or type(value) is not type(wanted):
            return bool(operator == "NEQ")
        holds: dict[str, Callable[[], bool]] = {
            "EQ": lambda: value == wanted,
            "NEQ": lambda: value != wanted,
            "LT": lambda: value < wanted,
            "LTE": lambda: value <= wanted,
            "GT": lambda: value > wanted,
            "GTE": lambda: value >= wanted,
            "BETWEEN": lambda: wanted <= value <= self._comparable(name, str(one["highValue"])),
        }
        return bool(holds[operator]())

    def _comparable(self, name: str, text: str) -> t.Any:  # noqa: ANN401 - whatever the property holds
        one = self._kind.properties.get(name)
        if one is None or (name == "hs_object_id" and self._id_order == "text"):
            return text
        try:
            if one.type in ("datetime", "date"):
                return _milliseconds(text)
            if one.type == "number":
                return int(text) if name == "hs_object_id" else Decimal(text)
        except (ValueError, InvalidOperation):
            return text
        return text.lower()

    def _sort_key(self, index: int, name: str) -> tuple[t.Any, ...]:
        if name == "hs_object_id":
            record_id = self._kind.id_of(index)
            return (record_id,) if self._id_order == "text" else (int(record_id),)
        text = self._kind.texts(index, {name}).get(name)
        value = self._comparable(name, text) if text else None
        return (value is None, isinstance(value, str), value, index)


def _limit(value: t.Any) -> int:  # noqa: ANN401 - any JSON
    if not str(value).isdigit() or not 0 < int(value) <= LARGEST_PAGE:
        raise invalid(f"The value {value} for limit is invalid: it must be between 1 and {LARGEST_PAGE}.")
    return int(value)


def _after(value: t.Any) -> int:  # noqa: ANN401 - any JSON
    text = str(value or 0)
    if not text.isdigit():
        raise invalid(f"Invalid after value {text}.")
    if int(text) >= CAP:
        raise invalid(f"Paging through more than {CAP} results is not possible: after was {text}.")
    return int(text)


def _groups(body: Row, kind: Kind) -> list[list[Row]]:
    groups = body.get("filterGroups") or []
    if not isinstance(groups, list) or not all(isinstance(one, dict) for one in groups):
        raise invalid("filterGroups must be a list of objects.")
    found = [list(one.get("filters") or []) for one in groups]
    if (
        len(found) > MOST_GROUPS
        or sum(map(len, found)) > MOST_TOGETHER
        or any(len(one) > MOST_FILTERS for one in found)
    ):
        raise invalid(f"A maximum of {MOST_GROUPS} filterGroups, {MOST_FILTERS} filters each, is allowed.")
    for one in itertools.chain(*found):
        _check(one, kind)
    return found


def _check(one: Row, kind: Kind) -> None:
    name, operator = one.get("propertyName"), one.get("operator")
    # Both names exist for every kind; the wrong one holds nothing, so that a comparison with it finds nothing.
    if name not in kind.properties and name not in ("lastmodifieddate", "hs_lastmodifieddate"):
        raise invalid(f"There was a problem with the request: property {name} does not exist.")
    if operator not in (*COMPARED, *SEVERAL, *TOKENS, *WITHOUT_VALUE):
        raise invalid(f"Invalid operator {operator}.")
    needed = {"values"} if operator in SEVERAL else {"value"} if operator not in WITHOUT_VALUE else set()
    needed |= {"highValue"} if operator == "BETWEEN" else set()
    if lacking := sorted(needed - one.keys()):
        raise invalid(f"A filter with {operator} on {name} needs {', '.join(lacking)}.")
    if name == kind.modified and operator in COMPARED:
        for key in needed:
            _moment(one[key])


def _sort(body: Row) -> tuple[str, bool]:
    """Return the property and the direction of the first sort; records come by id without one."""
    sorts = body.get("sorts") or ["hs_object_id"]
    if not isinstance(sorts, list):
        raise invalid("sorts must be a list.")
    first = sorts[0]
    if isinstance(first, str):
        return first.removeprefix("-"), first.startswith("-")
    if not isinstance(first, dict) or "propertyName" not in first:
        raise invalid(f"Invalid sort {json.dumps(first)}.")
    return first["propertyName"], first.get("direction") == "DESCENDING"


def _milliseconds(text: str) -> int:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    moment = datetime.fromisoformat(text.upper())
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - EARLIEST) // MILLISECOND


def _moment(value: t.Any) -> datetime:  # noqa: ANN401 - any JSON
    try:
        return EARLIEST + _milliseconds(str(value)) * MILLISECOND
    except (ValueError, OverflowError):
        raise invalid(f"{value} is not a date-time: send milliseconds or ISO 8601.") from None
