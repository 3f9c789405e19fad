"""``crm transform``: build the warehouse that people query."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from crm_cli.commands.db import demo_option
from crm_cli.pipeline import FAILED
from crm_cli.project import Project
from crm_cli.tables import console
from crm_cli.transform import Build, record, run_build, summary_table
from crm_cli.warehouse import connect_to_history, readable_warehouse

if TYPE_CHECKING:
    from crm_cli.transform import Node, Transformed

_SHOWN = 10


@click.command()
@click.option("--select", multiple=True, help="Build only these models (dbt's selectors), such as +funnel.")
@click.option("--full", is_flag=True, help="Build every model from nothing, also those that keep what has not changed.")
@click.option("--threads", type=click.IntRange(1, 16), default=2, show_default=True, help="How many models at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON (fields: docs/crm.md).")
@demo_option
def transform(*, select: tuple[str, ...], full: bool, threads: int, as_json: bool, demo: bool) -> None:
    """Build the warehouse that people query, and test it.

    Runs dbt through Meltano (`meltano run dbt:build`) on the tables that were loaded: the schemas staging, core,
    reports and legacy. Only what has changed is read again, unless --full is given. A CRM that was never synced is no
    error: its models are empty.

    \b
    Exit codes:
      0  everything was built, and no test failed; warnings are shown
      1  a model could not be built, or dbt could not start
      2  a setting is wrong or missing; nothing was started
      3  everything was built, but a test failed

    \b
    Examples:
      crm transform
      crm transform --select +funnel
      crm transform --full
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project = Project.find()
    warehouse = readable_warehouse(project, demo=demo)
    with connect_to_history(warehouse):
        pass  # something was synced there
    result = run_build(project, warehouse, Build(select=select, full=full, threads=threads))
    if as_json:
        click.echo(json.dumps(record(result), indent=2))
    else:
        console().print(summary_table(result))
    tell(result)
    sys.exit(result.exit_code)


def tell(result: Transformed) -> None:
    """Say on standard error what went wrong and what was found; nothing if all is well."""
    if result.exit_code == FAILED:
        click.secho(f"Failed: {result.sentence}", fg="red", err=True)
    _list("Failed tests", [node for node in result.with_status("failed") if "tests" in node.kind], "red")
    _list("Warnings", result.with_status("warning"), "yellow")
    if result.exit_code:
        click.echo(f"Log: {result.log}", err=True)


def _list(title: str, nodes: list[Node], colour: str) -> None:
    if nodes:
        click.secho(f"{title}:", fg=colour, err=True)
        for node in sorted(nodes, key=lambda node: -(node.rows or 0))[:_SHOWN]:
            click.echo(f"  {node.name}" + (f": {node.rows:,} rows" if node.rows else ""), err=True)
        if len(nodes) > _SHOWN:
            click.echo(f"  and {len(nodes) - _SHOWN} more (crm transform --json)", err=True)
