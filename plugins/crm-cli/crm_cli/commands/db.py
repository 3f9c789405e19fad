"""``crm db``: the embedded Postgres and the way into the warehouse."""

from __future__ import annotations

import os

import click

from crm_cli.errors import CrmError
from crm_cli.project import Project
from crm_cli.warehouse import (
    embedded_postgres,
    find_warehouse,
    masked,
    password_of,
    readable_warehouse,
    without_password,
)

demo_option = click.option("--demo", is_flag=True, help="The demo's warehouse (database crm_demo).")


@click.group()
def db() -> None:
    """Start, stop and address the embedded Postgres.

    It is the warehouse as long as WAREHOUSE_URL is not set; its data stay when it is stopped.

    \b
    Example:
      crm db up
    """  # noqa: D301 -- click's mark for lines that must not be filled


@db.command()
def up() -> None:
    """Start the embedded Postgres; do nothing if it is running.

    \b
    Example:
      crm db up
    """  # noqa: D301
    project = Project.find()
    click.echo(f"Postgres is running: {masked(embedded_postgres(project).up())}")
    if project.environment.get("WAREHOUSE_URL"):
        click.echo("WAREHOUSE_URL is set, so this is not the warehouse of the project.", err=True)


@db.command()
def down() -> None:
    """Stop the embedded Postgres; do nothing if it is not running.

    \b
    Example:
      crm db down
    """  # noqa: D301
    server = embedded_postgres(Project.find())
    if server.url() is None:
        click.echo("Postgres is not running.")
        return
    server.down()
    click.echo("Postgres is stopped; its data are kept.")


@db.command()
@demo_option
def url(*, demo: bool) -> None:
    """Print the warehouse's URL, password included, for use in scripts.

    \b
    Example:
      export WAREHOUSE_URL="$(crm db url)"
    """  # noqa: D301
    click.echo(find_warehouse(Project.find(), demo=demo).url)


@db.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@demo_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(*, demo: bool, arguments: tuple[str, ...]) -> None:
    """Open psql on the warehouse.

    ARGUMENTS are psql's own. A project that has never synced shows the demo's warehouse, if there is one.

    \b
    Examples:
      crm psql
      crm psql -c "SELECT * FROM genius.prospects LIMIT 5"
    """  # noqa: D301
    project = Project.find()
    warehouse = readable_warehouse(project, demo=demo)
    program = str(embedded_postgres(project).binary("psql"))
    password = password_of(warehouse.url)
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    try:
        # psql takes the place of this process, and with it the terminal and Ctrl-C.
        os.execve(program, ["psql", without_password(warehouse.url), *arguments], environment)  # noqa: S606
    except OSError as error:
        raise CrmError(f"psql cannot be started ({program}): {error.strerror}.") from error
