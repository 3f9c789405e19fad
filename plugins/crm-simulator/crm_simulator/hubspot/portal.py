"""What a portal has besides records: owners, pipelines, schemas of custom objects; and the file of ZIP codes."""

from __future__ import annotations

import csv
import io
import typing as t
from datetime import timedelta

from crm_simulator.hubspot.kinds import FIRST_OWNER, PORTAL, STAGES, text_of

if t.TYPE_CHECKING:
    from crm_simulator.hubspot.kinds import Kind, Row
    from crm_simulator.world import World

EPOCH = "1970-01-01T00:00:00.000Z"
PIPELINES: t.Final = {
    "deals": ("pipeline", "dealstage"),
    "tickets": ("hs_pipeline", "hs_pipeline_stage"),
    "appointments": ("hs_pipeline", "hs_pipeline_stage"),
    "divisions": ("hs_pipeline", "hs_pipeline_stage"),
}


def owner(world: World, number: int) -> Row:
    """Return an owner; every tenth is archived, and has no user then."""
    archived = number % 10 == 9  # noqa: PLR2004 - every tenth
    row = {
        "id": str(FIRST_OWNER + number),
        "email": f"owner{number}@example.com",
        "type": "QUEUE" if number % 10 == 3 else "PERSON",  # noqa: PLR2004 - some
        "firstName": "Pat" if number % 4 else "",
        "lastName": f"Owner {number}",
        "userId": None if archived else 7000 + number,
        "userIdIncludingInactive": 7000 + number,
        "createdAt": text_of(world.start - timedelta(days=500 + number)),
        "updatedAt": text_of(world.start - timedelta(days=100)),
        "archived": archived,
    }
    # Owners without a team have no such key.
    return row | ({"teams": [{"id": "901", "name": "Sales", "primary": True}]} if number % 2 else {})


def pipelines(kind: Kind) -> list[Row]:
    """Return the pipelines of a kind, none for most of them."""
    if kind.name not in PIPELINES:
        return []
    of_pipeline, of_stage = PIPELINES[kind.name]
    return [
        {
            "id": name,
            "label": f"Pipeline {place}",
            "displayOrder": place,
            # The one that every portal has says that it was made at the epoch.
            "createdAt": EPOCH if place == 0 else "2025-02-03T04:05:06.789Z",
            "updatedAt": EPOCH if place == 0 else "2025-03-03T04:05:06.789Z",
            "archived": False,
            "stages": [
                {
                    "id": stage,
                    "label": stage.title(),
                    "displayOrder": number,
                    "metadata": {"isClosed": "true" if "closed" in stage else "false", "probability": f"0.{number}"},
                    "createdAt": EPOCH,
                    "updatedAt": EPOCH,
                    "archived": False,
                    "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                }
                for number, stage in enumerate(STAGES[of_stage])
            ],
        }
        for place, name in enumerate(STAGES[of_pipeline])
    ]


def schema(kind: Kind, *, properties: bool, associations: bool) -> Row:
    """Return the schema of a custom object."""
    first = next(iter(kind.properties))
    row: Row = {
        "id": kind.type_id.removeprefix("2-"),
        "objectTypeId": kind.type_id,
        "name": kind.name,
        "fullyQualifiedName": f"p{PORTAL}_{kind.name}",
        "labels": {"singular": kind.name.removesuffix("s"), "plural": kind.name},
        "description": f"Made-up {kind.name}",
        "primaryDisplayProperty": first,
        "secondaryDisplayProperties": [],
        "requiredProperties": [first],
        "searchableProperties": [first],
        "archived": False,
        "createdAt": "2025-02-03T04:05:06.789Z",
        "updatedAt": "2025-03-03T04:05:06.789Z",
    }
    if properties:
        row["properties"] = [one.definition() for one in kind.properties.values() if not one.archived]
    if associations:
        to = {"fromObjectTypeId": "0-1", "toObjectTypeId": kind.type_id}
        row["associations"] = [{"id": "35", "name": f"contact_to_{kind.name}", **to}]
    return row


def zip_rows(count: int) -> list[dict[str, str]]:
    """Return the lines of the file of ZIP codes: leading zeros, blank cells, and some codes that are too short."""
    return [
        {
            "zip": str(1000 + number) if number % 10 == 9 else f"{501 + number:05}",  # noqa: PLR2004 - every tenth
            "city": f"Sample City {number}, North" if number % 3 else "Springfield",
            "county": "" if number % 4 == 0 else "Example",
            "state": ("MA", "NY")[number % 2],
            "division": f"Division {number % 5}",
        }
        for number in range(count)
    ]


def zip_file(rows: list[dict[str, str]], header: str) -> str:
    """Return the file, as spreadsheets write it."""
    text = io.StringIO()
    names = [header, "city", "county", "state", "division"]
    writer = csv.writer(text)
    writer.writerows([names, *([row["zip" if name == header else name] for name in names] for row in rows)])
    return text.getvalue()
