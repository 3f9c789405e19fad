"""``crm demo``: the whole pipeline on made-up data."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click
from crm_simulator import genius
from psycopg import sql

from crm_cli.commands.sync import tell
from crm_cli.demo_project import demo_project
from crm_cli.errors import CrmError
from crm_cli.pipeline import OK, PARTIAL, Request, run_pipeline
from crm_cli.progress import LiveProgress, NoProgress
from crm_cli.project import Project
from crm_cli.servers.mariadb import PrivateMariaDB
from crm_cli.sources import find_source
from crm_cli.tables import console, run_table
from crm_cli.warehouse import DEMO_DATABASE, Warehouse, connect, embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pymysql

SOURCE_DATABASE = "genius_demo"


@click.command()
def demo() -> None:
    """See the whole pipeline at work, on made-up data.

    Starts the embedded Postgres and a private MariaDB that plays Genius CRM with made-up rows, loads all of its
    tables through Meltano, lets a day pass in the CRM (new, changed and removed rows), and loads again: only what
    has changed. Ends with how to look further. Your own warehouse, settings and CRM are not touched.

    The demo's warehouse is the database crm_demo of the embedded Postgres; each demo starts with a new one.

    \b
    Example:
      crm demo
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project, started = Project.find(), time.monotonic()
    with demo_project(project) as workshop:
        _step("Starting Postgres, and MariaDB in the part of Genius CRM")
        warehouse = _new_warehouse(project)
        with _genius(project) as (connection, variables):
            _step("First run: everything")
            _run(workshop, warehouse, variables)
            changes = genius.pass_a_day(connection)
            _step(f"A day passes in the CRM: {_told(changes)}")
            _step("Second run: only what has changed, and a search for removed rows")
            _run(workshop, warehouse, {**variables, "TAP_GENIUS_DELETIONS": "sweep"})
    click.echo(
        f"Done in {time.monotonic() - started:.0f} s. Look further:\n"
        "  crm status --demo                where each stream stands\n"
        "  crm history --demo               every run\n"
        '  crm psql --demo -c "SELECT id, first_name, last_name, city FROM genius.prospects LIMIT 5"\n'
        "As long as this project has not synced anything else, these work without --demo too.\n"
        "Your own Genius: fill in .env (see .env.example), then `crm sync genius`. Stop Postgres: `crm db down`."
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
def _genius(project: Project) -> Iterator[tuple[pymysql.Connection[pymysql.cursors.Cursor], dict[str, str]]]:
    """Run a CRM with new made-up rows; yield a connection and the settings that lead the tap there."""
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
            yield (
                connection,
                {
                    "TAP_GENIUS_HOST": server.host,
                    "TAP_GENIUS_PORT": str(server.port),
                    "TAP_GENIUS_USER": server.user,
                    "TAP_GENIUS_PASSWORD": server.password,
                    "TAP_GENIUS_DATABASE": SOURCE_DATABASE,
                },
            )
    finally:
        server.down()


def _run(workshop: Project, warehouse: Warehouse, variables: Mapping[str, str]) -> None:
    out = console()
    request = Request(find_source("genius"), variables=variables)
    with LiveProgress(out, "genius to the demo's warehouse") if out.is_terminal else NoProgress() as watcher:
        outcome = run_pipeline(workshop, warehouse, request, watcher)
    out.print(run_table(outcome.rows, outcome.seconds, out.width))
    if outcome.exit_code == PARTIAL:
        # As in the real Genius, some rows cannot be loaded; that is part of what there is to see.
        rejected = sum(row.records_failed for row in outcome.rows)
        click.echo(f"{rejected:,} records were rejected; each is kept with its reason in orchestration.sync_reject.")
    elif outcome.exit_code != OK:
        tell(outcome)
        raise CrmError("The demo's run did not end well; see above.")


def _told(changes: Mapping[str, Mapping[str, int]]) -> str:
    """Return the sum of what changed, over all streams."""
    kinds = ("new", "changed", "removed")
    return ", ".join(f"{sum(change.get(kind, 0) for change in changes.values()):,} {kind}" for kind in kinds) + " rows"
