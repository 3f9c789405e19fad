"""The flags of ``crm sync``: what each one means for the tap and the loader, in one place.

Every flag is a setting or a variable of the run; docs/crm.md shows both forms. Which flag wins over which:
``--start-date`` over ``--force`` over ``--full`` over the bookmark.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from crm_cli.errors import CrmUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODES: Final = ("delta", "full", "force7")
FORCE7_DAYS: Final = 7
MOST_BATCH_SIZE: Final = 10_000
GREAT_BATCH_SIZE: Final = 1000


@dataclass(frozen=True, slots=True)
class Extra:
    """A flag that only some sources know: the setting that it sets, by source.

    Attributes:
        flag: Its name on the command line.
        settings: Setting of the tap, by source.
        help: One line.
        repeated: Whether it may be given several times; the setting is a list then.
        value: What it sets if it takes no value itself.
        number: Whether its value is a number, 1 at least.
    """

    flag: str
    settings: Mapping[str, str]
    help: str
    repeated: bool = False
    value: str | None = None
    number: bool = False


EXTRAS: Final = (
    Extra(
        "--task-status", {"arrivy": "task_status"}, "Arrivy: only tasks with this status; repeatable.", repeated=True
    ),
    Extra(
        "--booking-status",
        {"arrivy": "booking_status"},
        "Arrivy: only bookings with this status; repeatable.",
        repeated=True,
    ),
    Extra("--company-id", {"callrail": "company_id"}, "CallRail: only this company."),
    Extra("--list-name", {"five9": "list_names"}, "Five9: only this contact list; repeatable.", repeated=True),
    Extra(
        "--max-records-per-list",
        {"five9": "max_records_per_list"},
        "Five9: so many contacts of each list.",
        number=True,
    ),
    Extra(
        "--concurrent-pages",
        dict.fromkeys(
            (
                *("arrivy", "callrail", "five9", "gsheet", "hubspot", "leadconduit", "marketsharp", "salespro"),
                "salesrabbit",
            ),
            "concurrency",
        ),
        "Requests made at once.",
        number=True,
    ),
)
# Streams that a flag leaves out, by flag: the source and the stream.
SKIPS: Final[Mapping[str, tuple[str, str]]] = {
    "--skip-associations": ("hubspot", "associations"),
    "--skip-users": ("salesrabbit", "users"),
    "--skip-leads": ("salesrabbit", "leads"),
    "--skip-marketing-leads": ("gsheet", "marketing_leads"),
    "--skip-marketing-spends": ("gsheet", "marketing_spends"),
}
PAIR_SOURCE: Final = "hubspot"


@dataclass(frozen=True, slots=True)
class Flags:
    """How one run differs from an ordinary one. Moments are in UTC."""

    full: bool = False
    force: bool = False
    dry_run: bool = False
    start: datetime | None = None
    end: datetime | None = None
    max_records: int = 0
    batch_size: int | None = None
    skip_validation: bool = False
    log_level: str = "info"
    # Settings of the tap, by name, from the flags of its source.
    extras: Mapping[str, str] = field(default_factory=dict)

    @property
    def reads_all(self) -> bool:
        """Whether the stored bookmarks are hidden from the tap; with a start date they do not count anyway."""
        return (self.full or self.force) and self.start is None

    def settings(self) -> dict[str, str]:
        """Return the settings of the tap, as the environment holds them."""
        found = dict(self.extras)
        if self.start is not None:
            found["since"] = self.start.isoformat()
        if self.end is not None:
            found["end_date"] = self.end.isoformat()
        if self.max_records:
            found["max_records"] = str(self.max_records)
        if self.batch_size is not None:
            found["page_size"] = str(self.batch_size)
        if self.skip_validation:
            found["validation"] = "off"
        return found


def check(flags: Flags, mode: str, *, now: datetime) -> Flags:
    """Return the flags with the mode worked in.

    Raises:
        CrmUsageError: If some of them make no sense together; says which.
    """
    if mode == "full":
        flags = replace(flags, full=True)
    if mode == "force7":
        if flags.start is not None or flags.full:
            raise CrmUsageError("--mode force7 has a start of its own: leave out --start-date and --full.")
        flags = replace(flags, force=True, start=now - timedelta(days=FORCE7_DAYS))
    if flags.full and flags.start is not None:
        raise CrmUsageError("--full reads everything and --start-date does not: choose one.")
    if flags.start is not None and flags.end is not None and flags.start >= flags.end:
        raise CrmUsageError(
            f"--end-date {flags.end:%Y-%m-%d %H:%M} is not after --start-date {flags.start:%Y-%m-%d %H:%M}."
        )
    if flags.force and flags.dry_run:
        click.echo("--force with --dry-run: nothing is written; the counts are those of a forced run.", err=True)
    if flags.batch_size is not None and flags.batch_size > GREAT_BATCH_SIZE:
        click.echo(f"--batch-size {flags.batch_size}: most sources give less; theirs is taken then.", err=True)
    return flags


def extras_of(source: str, values: Mapping[str, tuple[str, ...] | str | bool | None]) -> dict[str, str]:
    """Return the settings that the given extras set for a source.

    Raises:
        CrmUsageError: If one of them is not a flag of this source; says of which it is.
    """
    found = {}
    for extra in EXTRAS:
        value = values.get(_name(extra.flag))
        if not value:
            continue
        setting = extra.settings.get(source)
        if setting is None:
            raise CrmUsageError(f"{extra.flag} is a flag of {', '.join(extra.settings)}, not of {source}.")
        found[setting] = json.dumps(list(value)) if isinstance(value, tuple) else extra.value or str(value)
    return found | _pair(source, values)


def _pair(source: str, values: Mapping[str, tuple[str, ...] | str | bool | None]) -> dict[str, str]:
    start, end = values.get("from_object"), values.get("to_object")
    if not start and not end:
        return {}
    if source != PAIR_SOURCE:
        raise CrmUsageError(f"--from-object and --to-object are flags of {PAIR_SOURCE}, not of {source}.")
    if not start or not end:
        raise CrmUsageError("--from-object and --to-object go together: name both ends of the pair.")
    return {"only_pairs": json.dumps([f"{start}:{end}"])}


def left_out(source: str, values: Mapping[str, t.Any]) -> list[str]:
    """Return the streams that the flags leave out.

    Raises:
        CrmUsageError: If one of the flags is of another source.
    """
    found = []
    for flag, (owner, stream) in SKIPS.items():
        if not values.get(_name(flag)):
            continue
        if owner != source:
            raise CrmUsageError(f"{flag} is a flag of {owner}, not of {source}.")
        found.append(stream)
    return found


class Moment(click.ParamType[datetime]):
    """A day or a moment; a day is its first moment, and without an offset it is UTC."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no date: write 2025-01-31 or 2025-01-31T08:00:00+00:00.", param, ctx)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class Age(click.ParamType[timedelta]):
    """A length of time: ``30m``, ``12h``, ``7d``."""

    name = "age"
    _units: Final = {"m": "minutes", "h": "hours", "d": "days"}

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length."""
        if isinstance(value, timedelta):
            return value
        text = str(value)
        if not text[:-1].isdigit() or text[-1:] not in self._units:
            self.fail(f"{text!r} is no length of time: write 30m, 12h or 7d.", param, ctx)
        return timedelta(**{self._units[text[-1]]: int(text[:-1])})


def deprecated(flag: str, instead: str) -> Callable[[click.Context, click.Parameter, object], object]:
    """Return what warns when an old flag is used."""

    def warn(_ctx: click.Context, _param: click.Parameter, value: object) -> object:
        if value not in (None, False, ()):
            click.echo(f"{flag} is the old name of {instead}; it will be gone in the next major version.", err=True)
        return value

    return warn


def extra_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the flags of the sources to a command."""
    for flag, (_, stream) in reversed(list(SKIPS.items())):
        command = click.option(flag, is_flag=True, help=f"Leave out the stream {stream}.")(command)
    command = click.option("--to-object", help="HubSpot: the other end of that pair.")(command)
    command = click.option("--from-object", help="HubSpot: read only this pair of associations.")(command)
    for extra in reversed(EXTRAS):
        command = click.option(
            extra.flag,
            help=extra.help,
            multiple=extra.repeated,
            is_flag=extra.value is not None or None,
            type=click.IntRange(min=1) if extra.number else None,
        )(command)
    return command


def _name(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")
