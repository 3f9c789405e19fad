"""``crm demo``: the whole pipeline on made-up data."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from crm_simulator import genius
from crm_simulator.server import CRMS, Simulator, make_crms
from psycopg import sql
from rich.box import SIMPLE_HEAD
from rich.table import Table

from crm_cli.commands.simulator import plain
from crm_cli.commands.sync import AT_ONCE, exit_code_of_all, rows_and_seconds, tell
from crm_cli.demo_project import demo_project
from crm_cli.errors import CrmError
from crm_cli.pipeline import FAILED, Outcome, Request, run_pipelines
from crm_cli.progress import LiveProgress, NoProgress
from crm_cli.project import Project, variable
from crm_cli.reports import REPORTS, figure, read_report
from crm_cli.servers.mariadb import PrivateMariaDB
from crm_cli.sources import find_source, installed_sources
from crm_cli.tables import console, sources_table
from crm_cli.transform import Build, parsing, run_build, transform_folder
from crm_cli.warehouse import DEMO_DATABASE, Warehouse, connect, embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Variables = Mapping[str, str]

SOURCE_DATABASE = "genius_demo"
# What is shown of the report on the funnel, and of how many marketing sources.
_FUNNEL = (
    "marketing_source",
    "opportunities",
    "with_appointment",
    "with_quote",
    "sold_jobs",
    "sold_amount",
    "cost",
    "cost_per_sold_job",
)
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Played:
    """A CRM that the demo plays: what leads its tap there, and how a day passes in it."""

    variables: Variables
    pass_a_day: Callable[[], Mapping[str, Mapping[str, int]]]


@click.command()
@click.argument("source", metavar="[SOURCE]...", nargs=-1)
@click.option("--no-transform", is_flag=True, help="End with the loaded tables; do not build what people query.")
def demo(source: tuple[str, ...], *, no_transform: bool) -> None:
    """See the whole pipeline at work, on made-up data.

    Starts the embedded Postgres, a private MariaDB that plays Genius CRM, and a web server that plays the other
    CRMs, all with made-up records. Loads all of them through Meltano, lets a day pass (new, changed and removed
    records), and loads again: only what has changed. Then builds the warehouse that people query (see `crm
    transform`), and shows what came of each marketing source. Ends with how to look further. Your own warehouse,
    settings and CRMs are not touched.

    The demo's warehouse is the database crm_demo of the embedded Postgres; each demo starts with a new one.

    Plays all CRMs, or those named.

    \b
    Examples:
      crm demo
      crm demo genius hubspot
    """  # noqa: D301 -- click's mark for lines that must not be filled
    chosen = [find_source(name).name for name in source] or list(installed_sources())
    project, started = Project.find(), time.monotonic()
    with demo_project(project) as workshop, ExitStack() as servers:
        _step("Starting Postgres, MariaDB in the part of Genius, and the other CRMs")
        warehouse = _new_warehouse(project)
        models = None if no_transform else transform_folder(project)
        if models is not None:
            servers.enter_context(parsing(workshop, warehouse, models))
        played = servers.enter_context(_played(project, chosen))
        _step("First run: everything")
        _run(workshop, warehouse, {name: crm.variables for name, crm in played.items()})
        days = {name: crm.pass_a_day() for name, crm in played.items()}
        _step(f"A day passes in the CRMs: {_told(days)}")
        _step("Second run: only what has changed, and a search for removed records")
        _run(workshop, warehouse, {name: {**crm.variables, **_sweep(workshop, name)} for name, crm in played.items()})
        servers.close()
        if models is not None:
            _step("Building the warehouse that people query")
            _transform(workshop, warehouse, models)
    click.echo(
        f"Done in {time.monotonic() - started:.0f} s. Look further:\n"
        "  crm status --demo                where each stream stands\n"
        "  crm history genius --demo        every run of a CRM, stream by stream\n"
        + (
            ""
            if models is None
            else "  crm report --demo                the reports; `crm report funnel --demo --html` is a page\n"
        )
        + '  crm psql --demo -c "SELECT id, first_name, last_name, city FROM genius.prospects LIMIT 5"\n'
        "As long as this project has not synced anything else, these work without --demo too.\n"
        "Your own CRMs: fill in .env (see .env.example), then `crm sync --all`. Stop Postgres: `crm db down`."
    )


def _step(text: str) -> None:
    click.secho(f"\n{text}", bold=True)


def _new_warehouse(project: Project) -> Warehouse:
    """Return the demo's database, empty."""
    server = Warehouse(embedded_postgres(project).up())
    with connect(server) as conn:
        name = sql.Identifier(DEMO_DATABASE)
        # Somebody may still look at the last demo's rows.
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        conn.execute(sql.SQL("CREATE DATABASE {}").format(name))
    return server.database(DEMO_DATABASE)


@contextmanager
def _played(project: Project, chosen: Sequence[str]) -> Iterator[dict[str, Played]]:
    """Play the CRMs of some sources."""
    sources = installed_sources()
    names = [name for name in chosen if name in CRMS]
    crms = make_crms(names) if names else []
    for crm in crms:
        crm.lift_limits()
    with ExitStack() as servers:
        played = servers.enter_context(_genius(project)) if "genius" in chosen else {}
        simulator = servers.enter_context(Simulator(*crms))
        for crm in crms:
            tap, settings = sources[crm.name].tap, crm.tap_settings(f"{simulator.url}/{crm.name}")
            variables = {variable(tap, name): plain(value) for name, value in settings.items()}
            played[crm.name] = Played(variables, crm.next_day)
        yield {name: played[name] for name in sources if name in played}


@contextmanager
def _genius(project: Project) -> Iterator[dict[str, Played]]:
    """Play Genius: a MariaDB with new made-up rows."""
    server = PrivateMariaDB(project.state_folder / "mariadb")
    server.up()
    try:
        with closing(server.connect(autocommit=True)) as connection:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {SOURCE_DATABASE}")
                cursor.execute(f"CREATE DATABASE {SOURCE_DATABASE} CHARACTER SET utf8mb4")
            connection.select_db(SOURCE_DATABASE)
            genius.create_schema(connection)
            genius.seed(connection)
            variables = {
                "TAP_GENIUS_HOST": server.host,
                "TAP_GENIUS_PORT": str(server.port),
                "TAP_GENIUS_USER": server.user,
                "TAP_GENIUS_PASSWORD": server.password,
                "TAP_GENIUS_DATABASE": SOURCE_DATABASE,
            }
            yield {"genius": Played(variables, lambda: genius.pass_a_day(connection))}
    finally:
        server.down()


def _sweep(project: Project, source: str) -> Variables:
    """Return what makes a tap look for removed records, if it has to be told."""
    tap = installed_sources()[source].tap
    # A list of four loses a quarter of it with one record.
    values = {"deletions": "sweep", "max_deleted_share": "0.5"}
    return {setting.env: values[setting.name] for setting in project.settings(tap) if setting.name in values}


def _run(workshop: Project, warehouse: Warehouse, variables: Mapping[str, Variables]) -> None:
    out, sources, started = console(), installed_sources(), time.monotonic()
    requests = [Request(sources[name], variables=values) for name, values in variables.items()]
    with LiveProgress(out, "to the demo's warehouse") if out.is_terminal else NoProgress() as watcher:
        found = run_pipelines(workshop, warehouse, requests, watcher, at_once=AT_ONCE)
    results = dict(zip(variables, found, strict=True))
    out.print(sources_table(rows_and_seconds(results), time.monotonic() - started, out.width))
    if exit_code_of_all(found) == FAILED:
        for name, result in results.items():
            tell(result, name)
        raise CrmError("The demo's run did not end well; see above.")
    rejected = sum(row.records_failed for result in found if isinstance(result, Outcome) for row in result.rows)
    if rejected:
        # As in the real CRMs, some records cannot be loaded; that is part of what there is to see.
        click.echo(f"{rejected:,} records were rejected; each is kept with its reason in orchestration.sync_reject.")


def _transform(workshop: Project, warehouse: Warehouse, models: Path) -> None:
    """Build the models, and show the best marketing sources."""
    result = run_build(workshop, warehouse, Build(), folder=models)
    if result.exit_code == FAILED:
        raise CrmError(f"The models could not be built: {result.sentence} Log: {result.log}")
    count = Counter(node.kind for node in result.nodes)
    told = f"{count['models']} models and {count['tests']} tests in {result.seconds:.0f} s"
    for status, words in (("failed", "failed"), ("warning", "found something to look at (`crm transform --demo`)")):
        found = len(result.with_status(status))
        told += f"; {found} {'test' if found == 1 else 'tests'} {words}" if found else ""
    click.echo(f"{told}.")
    with connect(warehouse) as conn:
        funnel = read_report(conn, REPORTS["funnel"])
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_footer=True)
    for name in _FUNNEL:
        table.add_column(
            name.replace("_", " "),
            figure(funnel.totals.get(name, "total")),
            justify="left" if name == "marketing_source" else "right",
        )
    for row in funnel.rows[:_SHOWN]:
        values = dict(zip(funnel.columns, row, strict=True))
        table.add_row(*(figure(values[name]) for name in _FUNNEL))
    console().print(table)


def _told(days: Mapping[str, Mapping[str, Mapping[str, int]]]) -> str:
    """Return the sum of what happened, over all streams of all CRMs."""
    happened = Counter[str]()
    for changes in days.values():
        for change in changes.values():
            happened["new"] += change.get("new", 0)
            happened["changed"] += change.get("changed", 0)
            happened["removed"] += change.get("removed", 0) + change.get("archived", 0)
    return ", ".join(f"{count:,} {kind}" for kind, count in happened.items()) + " records"
