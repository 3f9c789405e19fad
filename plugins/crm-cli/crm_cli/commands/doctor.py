"""``crm doctor``: whether everything that a run needs is there."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from crm_cli import doctor as looks
from crm_cli.pipeline import FAILED, OK
from crm_cli.project import Project
from crm_cli.tables import console

if TYPE_CHECKING:
    from crm_cli.doctor import Examined

_COLOURS = {"ok": "green", "warning": "yellow", "bad": "red", "skipped": "dim"}


@click.command()
@click.option("--offline", is_flag=True, help="Do not ask the CRMs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")
def doctor(*, offline: bool, as_json: bool) -> None:
    """Tell whether everything that a run needs is there.

    Python, the environment, files, disk, time zone, the warehouse, the timetable, alerts; and of each CRM that is set
    up, whether a record of each stream can be read. Changes nothing.

    \b
    Exit codes:
      0  runs can work; there may be warnings
      1  something is missing or broken

    \b
    Examples:
      crm doctor
      crm doctor --offline --json
    """  # noqa: D301 -- click's mark for lines that must not be filled
    found = looks.examine(Project.find(), ask_crms=not offline)
    if as_json:
        records = [examined_record(one) for one in found]
        click.echo(json.dumps({"state": looks.worst(found), "examined": records}, indent=2))
    else:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1))
        for name in ("what", "state", "found"):
            table.add_column(name, overflow="fold")
        for one in found:
            table.add_row(one.what, Text(one.state, style=_COLOURS[one.state]), one.sentence)
        console().print(table)
    sys.exit(FAILED if looks.worst(found) == "bad" else OK)


def examined_record(one: Examined) -> dict[str, Any]:
    """Return what was found of one thing as it stands in ``--json`` output."""
    return {"what": one.what, "state": one.state, "sentence": one.sentence}
