"""What a day brings to the records of a portal, and to their associations."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from crm_simulator.hubspot.links import RANK

if t.TYPE_CHECKING:
    import random
    from collections.abc import Iterable
    from datetime import datetime

    from crm_simulator.hubspot.kinds import Kind
    from crm_simulator.hubspot.links import Links
    from crm_simulator.world import World

    Happened: t.TypeAlias = dict[str, list[str]]

# Shares of the live records; at least one of each.
CHANGED, CLEARED, CALCULATED, ARCHIVED = 0.02, 0.01, 0.02, 0.005
# Large portals are not walked through: a day picks among so many of their records.
MOST_PICKED, LINKS_PICKED = 20_000, 200
# A property of text that may be edited, and one that is calculated.
EDITED: t.Final = {
    "contacts": "comments",
    "companies": "name",
    "deals": "description",
    "tickets": "content",
    "appointments": "notes",
    "divisions": "manager_name",
    "genius_users": "job_title",
}
CALCULATIONS: t.Final = {
    "contacts": "num_notes",
    "companies": "num_associated_contacts",
    "deals": "days_to_close",
    "tickets": "time_to_close",
    "appointments": "hs_duration",
}
PAIRS: t.Final = (("contacts", "appointments"), ("contacts", "deals"), ("divisions", "contacts"))


def pass_a_day(kinds: dict[str, Kind], links: Links, world: World) -> dict[str, Happened]:
    """Let a day happen to the main kinds and to some associations; returns the ids to which something did."""
    happened: dict[str, Happened] = {
        name: _day_of(kinds[name], links, world, world.rng(name, "day", world.days))
        for name in RANK
        if name in kinds and kinds[name].records.size
    }
    for start, end in PAIRS:
        if start in happened and end in happened:
            rng = world.rng(start, end, "day", world.days)
            happened[f"associations:{start}:{end}"] = _day_of_links(kinds[start], kinds[end], links, rng)
    return happened


def merge(kind: Kind, links: Links, index: int, into: int, moment: datetime) -> None:
    """Merge a record into another one, which is changed by that and takes the associations."""
    links.move(kind, index, into)
    kind.records.archive(index, moment, into=into)
    known = kind.records.edits(into).get("hs_merged_object_ids")
    ids = ";".join(filter(None, (known, kind.id_of(index))))
    kind.records.change(into, moment, hs_merged_object_ids=ids)


def _day_of(kind: Kind, links: Links, world: World, rng: random.Random) -> Happened:
    records, morning = kind.records, world.now - timedelta(days=1)
    picked = rng.sample(range(records.size), min(records.size, MOST_PICKED))
    left = [index for index in picked if index not in records.archived]
    live = len(left)

    def take(share: float) -> list[int]:
        # Some stay as they are, so that even the smallest portal keeps some.
        return [left.pop() for _ in range(min(max(1, round(live * share)), max(0, len(left) - 2)))]

    def moment() -> datetime:
        return morning + timedelta(milliseconds=rng.randrange(82_800_000))

    changed, cleared, archived, erased, merged = (take(share) for share in (CHANGED, CLEARED, ARCHIVED, 0, 0))
    calculated = take(CALCULATED) if kind.name in CALCULATIONS else []
    for index in changed:
        records.change(index, moment(), **{EDITED[kind.name]: f"edit {rng.randrange(1000)}"})
    for index in cleared:
        records.change(index, moment(), **dict.fromkeys(_clearable(kind, index), ""))
    for index in calculated:
        records.set_silently(index, **{CALCULATIONS[kind.name]: str(6000 + rng.randrange(1000))})
    for index in (*archived, *erased):
        records.archive(index, moment())
    records.erased.update(erased)
    for index in merged:
        merge(kind, links, index, left[0], moment())
    new = records.add(max(1, records.first_size // 100), moment())
    indexes: dict[str, Iterable[int]] = {
        "new": new,
        "changed": changed,
        "cleared": cleared,
        "calculated": calculated,
        "archived": archived,
        "erased": erased,
        "merged": merged,
    }
    return {what: [kind.id_of(index) for index in found] for what, found in indexes.items()}


def _clearable(kind: Kind, index: int) -> list[str]:
    """Return the first two properties of a record that have a value that a person could clear."""
    texts = kind.texts(index)
    names = [one.name for one in kind.properties.values() if not one.calculated and not one.name.startswith("hs_")]
    return [name for name in names if texts.get(name) and name not in kind.always][:2]


def _day_of_links(start: Kind, end: Kind, links: Links, rng: random.Random) -> Happened:
    """Add, remove and relabel two associations each; no record is changed by that."""
    happened: Happened = {"added": [], "removed": [], "relabelled": []}
    others = [index for index in range(min(start.records.size, LINKS_PICKED)) if index not in start.records.archived]
    linked = [
        (index, found)
        for index in rng.sample(range(end.records.size), min(end.records.size, LINKS_PICKED))
        if (found := links.of(end, index, start))
    ]
    for (index, found), what in zip(linked, ("added", "removed", "relabelled") * 2, strict=False):
        other = next(iter(found))
        if what == "added":
            other = next((one for one in rng.sample(others, len(others)) if one not in found), other)
            types = found.get(other, frozenset()) | {0}
        else:
            types = frozenset() if what == "removed" else found[other] ^ {1}
        links.set(end, index, start, other, types)
        happened[what].append(f"{start.id_of(other)}-{end.id_of(index)}")
    return happened
