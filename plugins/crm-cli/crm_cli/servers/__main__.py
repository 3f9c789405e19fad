"""Chores of `make setup` and `make clean`: ``python -m crm_cli.servers fetch`` or ``destroy FOLDER``."""

from __future__ import annotations

import argparse
import sys
import typing as t
from pathlib import Path

from crm_cli.servers.errors import ServerError
from crm_cli.servers.mariadb import PrivateMariaDB, fetch
from crm_cli.servers.postgres import EmbeddedPostgres


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Do one chore and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m crm_cli.servers", description=__doc__)
    chores = parser.add_subparsers(dest="chore", required=True)
    chores.add_parser("fetch", help="find the MariaDB server or unpack one, so that later starts need no network")
    destroy = chores.add_parser("destroy", help="stop the servers of a folder and delete their data")
    destroy.add_argument("folder", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.chore == "fetch":
            print(f"MariaDB server: {fetch()}")  # noqa: T201 - a chore's report
            return 0
        if (chosen.folder / "postgres").exists():
            EmbeddedPostgres(chosen.folder / "postgres").destroy()
        if (chosen.folder / "mariadb").exists():
            PrivateMariaDB(chosen.folder / "mariadb").destroy()
    except ServerError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a chore's report
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
