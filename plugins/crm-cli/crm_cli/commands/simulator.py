"""``crm simulator``: made-up CRMs with the vendors' own APIs, to try things out on."""

from __future__ import annotations

import json

import click

from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.project import variable
from crm_cli.sources import installed_sources


@click.group()
def simulator() -> None:
    """Play CRMs on this machine, to try things out on.

    \b
    Example:
      crm simulator up hubspot
    """  # noqa: D301 -- click's mark for lines that must not be filled


@simulator.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8900, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--seed", default=1, show_default=True, help="Another seed, other made-up records.")
@click.option("--size", type=int, help="Records of each CRM's main collection, up to millions.")
@click.option("--no-limits", is_flag=True, help="Without the vendors' request limits.")
def up(names: tuple[str, ...], *, host: str, port: int, seed: int, size: int | None, no_limits: bool) -> None:
    """Play some CRMs, or all, until Ctrl-C.

    Prints the settings that lead each tap there, ready for .env. Faults, days and limits are switched by requests
    (docs/crm.md).

    \b
    Examples:
      crm simulator up
      crm simulator up hubspot callrail --size 100000
    """  # noqa: D301
    from crm_simulator.server import make_crms, serve  # noqa: PLC0415 -- a web server, only for this command

    try:
        crms = make_crms(names, seed=seed, size=size)
    except ValueError as error:
        raise CrmUsageError(str(error)) from error
    taps = {source.name: source.tap for source in installed_sources().values()}

    def announce(address: str) -> None:
        for crm in crms:
            click.echo(f"# {crm.name}")
            for name, value in crm.tap_settings(f"{address}/{crm.name}").items():
                click.echo(f"{variable(taps.get(crm.name, crm.name), name)}={quoted(value)}")
        click.echo(f"# Until Ctrl-C. A day passes: curl -X POST {address}/control/{crms[0].name}/day", err=True)

    try:
        serve(crms, host=host, port=port, limits=not no_limits, announce=announce)
    except OSError as error:
        raise CrmError(f"{host}:{port} cannot be listened on ({error.strerror}): choose another --port.") from error


def plain(value: object) -> str:
    """Return a value of a setting as an environment variable holds it."""
    return value if isinstance(value, str) else json.dumps(value)


def quoted(value: object) -> str:
    """Return the same for ``.env`` and the shell: in quotes, where they would read it otherwise."""
    text = plain(value)
    return f"'{text}'" if set(text) & set(' #$"\n{[') else text
