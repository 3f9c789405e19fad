"""The CRMs that can be synced, as the installed taps declare them.

A tap package declares itself by an entry point in the group ``crm.sources``. Its name is the crm_source, the
distribution that holds it is the tap's plugin name, and its object lists the streams: names, or declarations with
a ``name``. The module it points at must be light (declarations only, no singer_sdk), because every command that
checks a name imports it::

    [project.entry-points."crm.sources"]
    genius = "tap_genius.tables:TABLES"

A module whose settings or whose CRM may add further streams says ``OPEN = True``; any name is taken then, and the tap
refuses the wrong ones.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from crm_cli.errors import CrmUsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sync_history.runs import Run

GROUP = "crm.sources"
_STREAM = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Source:
    """One CRM: its name in the history, its tap's plugin name, its streams in reading order.

    ``is_open`` says that settings, or the CRM itself, may add further streams.
    """

    name: str
    tap: str
    streams: tuple[str, ...]
    is_open: bool = False


def installed_sources() -> dict[str, Source]:
    """Return the sources of all installed taps by name, in alphabetical order."""
    sources = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        tap = point.dist.name if point.dist is not None else f"tap-{point.name}"
        streams = tuple(str(getattr(stream, "name", stream)) for stream in point.load())
        is_open = bool(getattr(sys.modules.get(getattr(point, "module", "")), "OPEN", False))
        sources[point.name] = Source(point.name, tap, streams, is_open)
    return sources


def find_source(name: str) -> Source:
    """Return the source of that name.

    Raises:
        CrmUsageError: if there is none; names the nearest one and lists all.
    """
    sources = installed_sources()
    if name not in sources:
        raise CrmUsageError(unknown("source", name, sources))
    return sources[name]


def check_streams(source: Source, names: Iterable[str]) -> tuple[str, ...]:
    """Return the given stream names without repeats, in the source's reading order.

    Raises:
        CrmUsageError: if one is unknown; names the nearest one and lists all.
    """
    wanted = set(names)
    others = sorted(wanted - set(source.streams))
    for name in others:
        if not source.is_open or not _STREAM.fullmatch(name):
            raise CrmUsageError(unknown(f"stream of {source.name}", name, source.streams))
    return (*(stream for stream in source.streams if stream in wanted), *others)


def check_known(source: str | None, rows: Sequence[Run], stream: str | None = None) -> None:
    """Tell a name without history rows from a wrong name. What is in the history is known, installed or not.

    Raises:
        CrmUsageError: if there is no row and no such source or stream.
    """
    if source is not None and not rows:
        found = find_source(source)
        if stream is not None:
            check_streams(found, [stream])


def unknown(kind: str, name: str, valid: Iterable[str]) -> str:
    """Say that a name is unknown, which one may be meant, and which there are."""
    names = list(valid)
    nearest = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    listed = f"There are: {', '.join(names)}." if names else "There are none: run `make setup`."
    return f"{name} is no {kind}.{hint} {listed}"
