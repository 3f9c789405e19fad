"""``crm check``: whether the streams are healthy, for people and for monitoring."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from crm_cli import monitoring, prometheus
from crm_cli.commands.db import demo_option
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.pipeline import FAILED, OK
from crm_cli.project import Project
from crm_cli.sources import find_source, installed_sources
from crm_cli.tables import console, utc
from crm_cli.warehouse import connect_to_history, readable_warehouse

if TYPE_CHECKING:
    from sync_history.compliance import Breach
    from sync_history.health import Finding, Health, StreamHealth

_STANDARD_OUTPUT = "-"
_COLOURS = {"bad": "red", "warning": "yellow"}


@click.command()
@click.argument("source", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")
@click.option(
    "--prometheus",
    "metrics",
    metavar="[FILE]",
    is_flag=False,
    flag_value=_STANDARD_OUTPUT,
    help="Write Prometheus text to FILE in one go, or to standard output.",
)
@click.option("--drift", is_flag=True, help="Also ask each CRM for its columns, and compare them with the tables.")
@click.option("--compliance", is_flag=True, help="Check the rules of names, statuses and counts in place of health.")
@demo_option
def check(source: str | None, *, as_json: bool, metrics: str | None, drift: bool, compliance: bool, demo: bool) -> None:
    """Tell whether all streams are healthy.

    Looks at the runs of the last day, at how fresh each stream is, at rejects and limits, by the rules of health.yml
    (docs/crm.md). Changes nothing.

    \b
    Exit codes:
      0  nothing bad was found; there may be warnings
      1  something is unhealthy, or the warehouse cannot be read
      2  a name or health.yml is wrong

    \b
    Examples:
      crm check
      crm check genius --json
      crm check --prometheus /var/lib/node_exporter/crm.prom
      crm check --compliance
    """  # noqa: D301 -- click's mark for lines that must not be filled
    if as_json and metrics == _STANDARD_OUTPUT:
        raise CrmUsageError("--json and --prometheus both want standard output: give the latter a FILE.")
    if compliance and (source or metrics or drift):
        raise CrmUsageError("--compliance checks the whole history: give neither a SOURCE nor --prometheus or --drift.")
    project = Project.find()
    if compliance:
        _check_compliance(project, as_json=as_json, demo=demo)
    if source is not None:
        find_source(source)
    try:
        health = _assess(project, source, drift=drift, demo=demo)
    except CrmError:
        if metrics is not None:
            _write(metrics, prometheus.rendered(None))
        raise
    if metrics is not None:
        _write(metrics, prometheus.rendered(health))
    if as_json:
        click.echo(json.dumps(health_record(health), indent=2))
    elif metrics != _STANDARD_OUTPUT:
        _show(health)
    sys.exit(OK if health.is_healthy else FAILED)


def _assess(project: Project, source: str | None, *, drift: bool, demo: bool) -> Health:
    rules = monitoring.project_rules(project)
    with connect_to_history(readable_warehouse(project, demo=demo)) as conn:
        health = monitoring.assess(project, conn, rules, source)
        if not drift:
            return health
        findings, unasked = monitoring.drift_of_all(project, conn, rules, source)
    for sentence in unasked:
        click.echo(f"Not asked for its columns: {sentence}", err=True)
    return replace(health, findings=[*health.findings, *findings])


def _check_compliance(project: Project, *, as_json: bool, demo: bool) -> NoReturn:
    """Tell which rules of the history are broken, and end."""
    from sync_history.compliance import check_compliance  # noqa: PLC0415 -- crm check is to be quick

    sources = installed_sources()
    declared = {name: source.streams for name, source in sources.items()}
    open_sources = [name for name, source in sources.items() if source.is_open]
    with connect_to_history(readable_warehouse(project, demo=demo)) as conn:
        breaches = check_compliance(conn, declared, open_sources=open_sources)
    if as_json:
        told = {"compliant": not breaches, "breaches": [breach_record(one) for one in breaches]}
        click.echo(json.dumps(told, indent=2))
    elif breaches:
        for one in breaches:
            click.echo(f"{one.rule}: {one.sentence}")
    else:
        click.echo("Every row of the history, and every name that a tap declares, obeys the rules.")
    sys.exit(FAILED if breaches else OK)


def breach_record(one: Breach) -> dict[str, Any]:
    """Return a broken rule as it stands in ``--json`` output."""
    return {"rule": one.rule, "where": one.where, "count": one.count, "sentence": one.sentence}


def _write(target: str, text: str) -> None:
    if target == _STANDARD_OUTPUT:
        click.echo(text, nl=False)
        return
    try:
        prometheus.write(Path(target), text)
    except OSError as error:
        raise CrmError(f"{target} cannot be written: {error.strerror}.") from error


def _show(health: Health) -> None:
    found = health.all_findings
    if found:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1))
        for name in ("source", "stream", "level", "rule", "what"):
            table.add_column(name, overflow="fold")
        for one in found:
            level = Text(one.level, style=_COLOURS[one.level])
            table.add_row(one.crm_source, one.sync_type, level, one.rule, one.sentence)
        out = console()
        out.print(table)
    streams = [one for one in health.streams if not one.ignored]
    bad = sum(one.level == "bad" for one in found)
    runs = {status: sum(getattr(one, status) for one in streams) for status in ("success", "partial", "failed")}
    click.echo(
        f"{len(streams)} streams at {utc(health.at)} UTC: {sum(one.is_healthy for one in streams)} healthy, "
        f"{bad} findings, {len(found) - bad} warnings. Finished runs of the window: "
        + ", ".join(f"{count} {status}" for status, count in runs.items())
        + "."
    )
    if bad:
        click.echo("What to do: docs/runbook.md; what happened: `crm history`.", err=True)


def health_record(health: Health) -> dict[str, Any]:
    """Return what ``--json`` prints. These names are stable: fields may only be added."""
    return {
        "healthy": health.is_healthy,
        "checked_at": f"{health.at:%Y-%m-%dT%H:%M:%SZ}",
        "findings": [finding_record(one) for one in health.all_findings],
        "streams": [stream_record(one) for one in health.streams],
    }


def finding_record(one: Finding) -> dict[str, Any]:
    """Return one finding as it stands in ``--json`` output and in alerts."""
    return {
        "source": one.crm_source,
        "stream": one.sync_type or None,
        "rule": one.rule,
        "level": one.level,
        "sentence": one.sentence,
        "value": one.value,
        "threshold": one.threshold,
    }


def stream_record(one: StreamHealth) -> dict[str, Any]:
    """Return how one stream does as it stands in ``--json`` output."""
    return {
        "source": one.crm_source,
        "stream": one.sync_type,
        "healthy": one.is_healthy,
        "ignored": one.ignored,
        "success": one.success,
        "partial": one.partial,
        "failed": one.failed,
        "running": one.running,
        "success_rate": one.success_rate,
        "consecutive_failures": one.consecutive_failures,
        "last_status": one.last_status,
        "last_error_category": one.last_category,
        "last_good_at": None if one.last_good is None else f"{one.last_good:%Y-%m-%dT%H:%M:%SZ}",
        "fresh_within_hours": one.fresh_within_hours,
        "open_rejects": one.open_rejects,
    }
