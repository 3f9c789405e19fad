"""The kinds of records of a made-up portal: their properties, their records, and what they hold."""

from __future__ import annotations

import csv
import functools
import re
import typing as t
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from importlib import resources

from typing_extensions import override

from crm_simulator.world import Collection, World

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    Row: t.TypeAlias = dict[str, t.Any]
    Texts: t.TypeAlias = dict[str, str | None]

PORTAL = 1_000_001
# Far above 32 bits. Numbers that name things, in properties, lie above 53 bits.
FIRST_ID, FIRST_NUMBER, FIRST_OWNER = 900_000_000_001, 9_007_199_254_740_993, 80_000_001
# Ids do not follow the modification times: each block of eight is numbered backwards.
BACKWARDS = 7
POOL = 53
RECYCLE_BIN = timedelta(days=90)
WIDE_TYPES: t.Final = (("string", "text"), ("number", "number"), ("datetime", "date"), ("bool", "booleancheckbox"))
LONG_NAME = "wide_property_whose_name_is_longer_than_what_a_column_may_be_called_in_postgres_"
DECIMALS = ("price", "lead_cost", "amount", "hs_analytics_revenue", "hs_analytics_average_page_views")
STAGES: t.Final = {
    "pipeline": ["default", "900101"],
    "hs_pipeline": ["0", "900101"],
    "dealstage": ["appointmentscheduled", "closedwon", "closedlost", "900111"],
    "hs_pipeline_stage": ["1", "2", "4", "900111"],
}
TEXTS: t.Final = {
    "firstname": ["Sam", "Pat", "Kim", "Álex", "Jo"],
    "lastname": ["Sample", "Example", "O'Test", "Modèle", "李"],
    "zip": ["02134", "62701", "00501-1234"],
    "email": ["sam@example.com", "PAT@EXAMPLE.ORG", "null", "not an address"],
    "time": ["09:30", "14:00:00", "2026-03-05T14:00:00Z"],
    "duration": ["01:30:00", "5400", "5400000"],
    "date": ["2026-03-05", "2026-03-05T00:00:00Z", "1969-12-31"],
    "arrivy_appt_date": ["2026-03-05T14:00:00.000Z", "3/5/26 9:30 AM EST", "7/5/26 9:30 PM EDT"],
    "salespro_last_price_offered": ["$12,500.00", "12500", "call me"],
    "salespro_deadline": ["end of May", "2026-05-01"],
    "comments": ["first line\nsecond line", "emoji 🏠", 'quotes " and \\', "tab\tinside", " blanks around "],
    "hs_latest_source_data_1": ["x" * 3000],
}
# Values that the type of their property does not allow; each of these kinds was seen in old data.
MISFITS: t.Final = {"price": "$1,250.50", "lead_cost": "n/a"}


@dataclass(frozen=True)
class Property:
    """The definition of a property."""

    name: str
    type: str
    field_type: str
    calculated: bool = False
    archived: bool = False

    @property
    def options(self) -> list[str]:
        """The internal values of an enumeration."""
        if self.type == "bool":
            return ["true", "false"]
        if self.type != "enumeration":
            return []
        if self.name == "hubspot_owner_id":
            return [str(FIRST_OWNER + number) for number in range(5)]
        return STAGES.get(self.name) or [f"{self.name}_{letter}" for letter in "abc"]

    def definition(self) -> Row:
        """Return what the API says of the property."""
        standard = self.name.startswith("hs_") or self.name in TEXTS
        shown = [
            {"label": value.title(), "value": value, "displayOrder": place, "hidden": False, "description": ""}
            for place, value in enumerate(self.options)
        ]
        times = {"createdAt": "2024-01-02T03:04:05.000Z", "updatedAt": "2025-01-02T03:04:05.678Z"}
        archived = {"archivedAt": "2025-03-02T03:04:05.000Z"} if self.archived else {}
        return {
            "name": self.name,
            "label": self.name.replace("_", " ").capitalize(),
            "type": self.type,
            "fieldType": self.field_type,
            "groupName": "lead_information" if self.name.startswith("lead_") else "information",
            "description": "",
            # The choices of an owner are external: they are not listed.
            "options": [] if self.name == "hubspot_owner_id" else shown,
            "displayOrder": -1,
            "calculated": self.calculated,
            "externalOptions": self.name == "hubspot_owner_id",
            "hasUniqueValue": False,
            "hidden": False,
            "hubspotDefined": standard,
            "formField": not standard,
            "archived": self.archived,
            "dataSensitivity": "non_sensitive",
            "modificationMetadata": {
                "archivable": not standard,
                "readOnlyDefinition": standard,
                "readOnlyValue": False,
            },
        } | (archived if standard else times | archived | {"createdUserId": "77", "updatedUserId": "77"})

    def pool(self, rng: random.Random, start: datetime) -> list[str | None]:
        """Return the values that records have; two in five have none."""
        if self.name == "hs_merged_object_ids":
            return [None] * POOL
        values: list[str | None] = [self._value(rng, start) if rng.random() < 0.6 else None for _ in range(POOL)]  # noqa: PLR2004 - three in five
        values[: len(TEXTS.get(self.name, ()))] = TEXTS.get(self.name, [])
        if self.name in MISFITS:
            values[0] = MISFITS[self.name]
        if self.type == "datetime":
            values[0] = str(values[0] or "2026-01-06T10:11:12.345Z").lower().replace("t", "T")
        return values

    def _value(self, rng: random.Random, start: datetime) -> str:
        moment, number = start - timedelta(milliseconds=rng.randrange(60_000_000_000)), rng.randrange(5000)
        values: dict[str, Callable[[], str]] = {
            "datetime": lambda: text_of(moment),
            "date": lambda: moment.date().isoformat(),
            "number": lambda: str(FIRST_NUMBER + number if self.name.endswith("_id") else number),
            "phone_number": lambda: f"+1 555-01{number % 100:02}",
            "bool": lambda: ("false", "true")[number % 2],
            "string": lambda: rng.choice(TEXTS.get(self.name) or [f"{self.name} {number % 1000}"]),
            "enumeration": lambda: ";".join(
                rng.sample(self.options, 1 + number % len(self.options) if self.field_type == "checkbox" else 1)
            ),
        }
        return f"{number}.{number % 100:02}" if self.name in DECIMALS else values[self.type]()

    def typed(self, text: str | None) -> t.Any:  # noqa: ANN401 - any JSON
        """Return what the text means by the definition; None if it is unset or means nothing."""
        if not text or self.name == "hs_object_id":
            return text or None
        meanings: dict[str, Callable[[str], t.Any]] = {
            "number": Decimal,
            "datetime": lambda text: datetime.fromisoformat(text.upper()),
            "date": lambda text: date.fromisoformat(text[:10]),
            "bool": lambda text: text == "true",
        }
        try:
            return meanings.get(self.type, str)(text)
        except (ValueError, InvalidOperation):
            return None


class Records(Collection):
    """The records of a kind: a collection that knows what the search index knew before, and when a record was made."""

    def __init__(self, world: World, name: str, size: int, step: timedelta, crowd: range) -> None:
        super().__init__(world, name, size, lambda _, __: {}, step=step, crowd=crowd)
        self.first_size = size
        self.before: dict[int, datetime] = {}
        self.born: dict[int, datetime] = {}
        self.erased: set[int] = set()

    @override
    def change(self, index: int, moment: datetime, **values: t.Any) -> None:
        self.before[index] = self.modified_at(index)
        super().change(index, moment, **values)

    @override
    def add(self, count: int, moment: datetime) -> range:
        added = super().add(count, moment)
        for index in added:
            del self.before[index]
            self.born[index] = self.modified_at(index)
        return added

    def set_silently(self, index: int, **values: str) -> None:
        """Give a record values without touching its modification time, as the calculation of a property does."""
        self._changes[index] = self._changes.get(index, {}) | values

    def edits(self, index: int) -> Texts:
        """Return what was changed in a record since it was made."""
        return self._changes.get(index, {})

    def created_at(self, index: int) -> datetime:
        """Return when a record was made."""
        return self.born.get(index) or self._original(index) - timedelta(days=1 + index % 50, seconds=index % 7)

    def survivor(self, index: int) -> int:
        """Return the record into which one was merged, at the end of the chain; itself, if it was not."""
        while index in self.merged:
            index = self.merged[index]
        return index

    def in_the_bin(self, index: int) -> bool:
        """Tell whether the list of archived records shows one: neither merged, erased nor older than 90 days."""
        moment = self.archived.get(index)
        gone = moment is None or index in self.merged or index in self.erased
        return not gone and moment is not None and moment > self.world.now - RECYCLE_BIN


@dataclass
class Kind:
    """One kind of records of the portal, as ``contacts``.

    Attributes:
        name: Its name in paths.
        type_id: Its type id in paths.
        modified: The property by which the search can filter; the other name finds nothing.
        created: The property that holds when a record was made.
        scope: Scope that reading records needs.
        schema_scope: Scope that also suffices for the definitions of properties.
        records: Its records.
        width: How many properties it has at least.
    """

    name: str
    type_id: str
    scope: str
    schema_scope: str
    records: Records
    first_id: int = FIRST_ID
    width: int = 0
    modified: str = "hs_lastmodifieddate"
    created: str = "hs_createdate"

    @property
    def names(self) -> tuple[str, ...]:
        """What a path may call it."""
        return (self.name, self.type_id, f"p{PORTAL}_{self.name}" if self.is_custom else self.name)

    @property
    def is_custom(self) -> bool:
        """Whether the portal made it up."""
        return self.type_id.startswith("2-")

    @property
    def singular(self) -> str:
        """Its name in messages."""
        return self.name.upper().removesuffix("S")

    @functools.cached_property
    def properties(self) -> dict[str, Property]:
        """All properties, by name."""
        found = _catalog().get(self.name) or _catalog()["*"]
        found = found | {"old_notes": Property("old_notes", "string", "text", archived=True)}
        while len(found) <= self.width:
            number = len(found)
            name = f"{LONG_NAME if number % 50 == 0 else 'wide_'}{number:04}"
            found[name] = Property(name, *WIDE_TYPES[number % len(WIDE_TYPES)])
        return found

    @functools.cached_property
    def _pools(self) -> dict[str, tuple[list[str | None], int]]:
        """The values of each property, and how far one property is shifted against the others."""
        world = self.records.world
        made = [one for one in self.properties.values() if not one.archived]
        return {
            one.name: (one.pool(world.rng(self.name, "property", one.name), world.start), place * 7)
            for place, one in enumerate(made)
        }

    @property
    def always(self) -> tuple[str, ...]:
        """Properties that are answered whatever is asked for."""
        return (self.created, "hs_object_id", self.modified)

    def id_of(self, index: int) -> str:
        """Return the id of a record."""
        return str(self.first_id + (index ^ BACKWARDS))

    def index_of(self, record_id: str) -> int | None:
        """Return the index of an id; None if there never was such a record."""
        if not re.fullmatch(r"[1-9]\d{0,18}", record_id):
            return None
        index = (int(record_id) - self.first_id) ^ BACKWARDS
        return index if 0 <= index < self.records.size else None

    def by_id(self, start: int = 0) -> Iterator[int]:
        """Yield the indexes of all records, live or not, by rising id; from one id on."""
        offsets = range(max(0, start - self.first_id), (self.records.size | BACKWARDS) + 1)
        return (offset ^ BACKWARDS for offset in offsets if offset ^ BACKWARDS < self.records.size)

    def texts(self, index: int, names: AbstractSet[str] | None = None) -> Texts:
        """Return all values of a record, or some of them; None is unset and empty was cleared."""
        mixed, pools = (index * 2_654_435_761 + 12_345) >> 7, self._pools
        chosen = pools.keys() if names is None else sorted(names & pools.keys())
        values = {name: pools[name][0][(mixed + pools[name][1]) % POOL] for name in chosen}
        values |= {name: text for name, text in self.records.edits(index).items() if names is None or name in names}
        if names is None or "hs_object_id" in names:
            values["hs_object_id"] = self.id_of(index)
        if names is None or self.created in names:
            values[self.created] = text_of(self.records.created_at(index))
        if names is None or self.modified in names:
            values[self.modified] = text_of(self.records.modified_at(index))
        return values

    def wire(self, index: int, asked: AbstractSet[str] | None = None) -> Row:
        """Return a record as the API does; unset values are null in one record and left out in the next."""
        texts = self.texts(index, {*self.always, *(asked or ())})
        shown = {name: text for name, text in texts.items() if text is not None or index % 2}
        row = {
            "id": self.id_of(index),
            "properties": shown,
            "createdAt": text_of(self.records.created_at(index)),
            "updatedAt": text_of(self.records.modified_at(index)),
            "archived": index in self.records.archived,
        }
        if index in self.records.archived:
            row["archivedAt"] = text_of(self.records.archived[index])
        return row

    def row(self, index: int) -> Row:
        """Return a record as a warehouse should hold it: values typed by the definitions, unset ones as None."""
        texts = self.texts(index)
        return {
            "id": self.id_of(index),
            "created_at": self.records.created_at(index),
            "updated_at": self.records.modified_at(index),
            "archived": index in self.records.archived,
            "archived_at": self.records.archived.get(index),
            **{name: one.typed(texts.get(name)) for name, one in self.properties.items() if not one.archived},
        }


def text_of(moment: datetime) -> str:
    """Write a moment as HubSpot does."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@functools.cache
def _catalog() -> dict[str, dict[str, Property]]:
    found: dict[str, dict[str, Property]] = {}
    text = resources.files(__package__).joinpath("properties.csv").read_text("utf-8")
    for line in csv.DictReader(text.splitlines()):
        one = Property(line["name"], line["type"], line["field_type"], calculated=line["calculated"] == "yes")
        found.setdefault(line["object"], {})[one.name] = one
    return found
