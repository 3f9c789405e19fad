"""``crm sources``: which CRMs there are, and their streams."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from crm_cli.discovery import discover
from crm_cli.flags import MODES
from crm_cli.project import Project
from crm_cli.sources import find_source, installed_sources
from crm_cli.tables import console

if TYPE_CHECKING:
    from crm_cli.sources import Source


@click.command()
@click.argument("source", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")
def sources(source: str | None, *, as_json: bool) -> None:
    """Show which CRMs there are, or the streams of one.

    Without SOURCE: every CRM with a tap here, and whether its settings are there. With SOURCE: asks the tap for its
    streams (it may have to ask the CRM), with their keys and bookmarks.

    \b
    Examples:
      crm sources
      crm sources genius
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project = Project.find()
    records = [_source_record(project, one) for one in installed_sources().values()]
    if source is not None:
        found = find_source(source)
        records = _discovered(project, found)
    if as_json:
        click.echo(json.dumps({"streams" if source else "sources": records, "modes": list(MODES)}, indent=2))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1))
    for name in records[0] if records else ():
        table.add_column(name.replace("_", " "), overflow="fold")
    for record in records:
        table.add_row(*(_cell(value) for value in record.values()))
    console().print(table)
    click.echo(f"Modes of crm sync: {', '.join(MODES)}.")


def _source_record(project: Project, source: Source) -> dict[str, Any]:
    missing = [setting.env for setting in project.missing_settings(source.tap)]
    return {"source": source.name, "tap": source.tap, "streams": len(source.streams), "missing_settings": missing}


def _discovered(project: Project, source: Source) -> list[dict[str, Any]]:
    """Return the streams as the tap finds them."""
    return [
        {
            "stream": stream["tap_stream_id"],
            "key": stream.get("key_properties") or [],
            "bookmark": stream.get("replication_key"),
            "columns": len(stream["schema"]["properties"]),
        }
        for stream in discover(project, source)
    ]


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
