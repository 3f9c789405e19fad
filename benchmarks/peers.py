"""Other tools that read MySQL and write Postgres, each in an environment of its own that is thrown away."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import wide_table

if t.TYPE_CHECKING:
    from pipes import Command

    from crm_cli.servers.mariadb import Database

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Peer:
    """A tool, the packages of each of its environments, and the pipe that loads the table.

    Attributes:
        name: With its version, for the table of results.
        packages: What to install, one tuple per environment.
        most_rows: It is not measured with more: it would take too long.
        commands: Makes its pipe of the folders of its environments, a folder for its files, source and warehouse.
    """

    name: str
    packages: tuple[tuple[str, ...], ...]
    most_rows: int
    commands: t.Callable[[list[Path], Path, Database, str], list[Command]]


def _ingestr(places: list[Path], folder: Path, source: Database, url: str) -> list[Command]:
    del folder
    address = f"mysql+pymysql://{source.user}:{source.password}@{source.host}:{source.port}/{source.database}"
    return [
        [
            places[0] / "bin/ingestr",
            "ingest",
            "--yes",
            f"--source-uri={address}",
            f"--source-table={source.database}.{wide_table.TABLE}",
            f"--dest-uri={url}",
            "--dest-table=ingestr.quote",
            "--primary-key=id",
            "--incremental-strategy=merge",
        ]
    ]


_DLT = """
import sys
import dlt
from dlt.sources.sql_database import sql_table

source, warehouse = sys.argv[1:]
table = sql_table(source, table="quote", backend="connectorx", reflection_level="full_with_precision",
                  backend_kwargs={"conn": source.replace("mysql+pymysql", "mysql"), "return_type": "arrow"})
table.apply_hints(primary_key="id", write_disposition={"disposition": "merge", "strategy": "upsert"})
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(warehouse), dataset_name="dlt_bench")
pipeline.run(table, loader_file_format="csv")
"""


def _dlt(places: list[Path], folder: Path, source: Database, url: str) -> list[Command]:
    script = folder / "dlt_bench.py"
    script.write_text(_DLT, encoding="utf-8")
    address = f"mysql+pymysql://{source.user}:{source.password}@{source.host}:{source.port}/{source.database}"
    return [[places[0] / "bin/python", script, address, url]]


def _pipelinewise(places: list[Path], folder: Path, source: Database, url: str) -> list[Command]:
    import psycopg  # noqa: PLC0415 - only this peer takes an address apart

    names = ("host", "port", "user", "password", "dbname")
    address = psycopg.conninfo.conninfo_to_dict(url)
    tap = {name: str(getattr(source, name)) for name in ("host", "port", "user", "password", "database")}
    target = {name: str(address[name]) for name in names} | {"default_target_schema": "pipelinewise"}
    stream = f"{source.database}-{wide_table.TABLE}"
    for name, content in (("pw_tap", tap), ("pw_target", target)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    discovered = subprocess.run(
        [places[0] / "bin/tap-mysql", f"--config={folder}/pw_tap.json", "--discover"],
        capture_output=True,
        text=True,
        check=True,
    )
    catalog = json.loads(discovered.stdout)
    for entry in catalog["streams"]:
        whole = [item for item in entry["metadata"] if not item["breadcrumb"]]
        whole[0]["metadata"] |= {
            "selected": entry["tap_stream_id"] == stream,
            "replication-method": "FULL_TABLE",
            "table-key-properties": ["id"],
        }
    (folder / "pw_catalog.json").write_text(json.dumps(catalog))
    return [
        [places[0] / "bin/tap-mysql", f"--config={folder}/pw_tap.json", f"--properties={folder}/pw_catalog.json"],
        [places[1] / "bin/target-postgres", f"--config={folder}/pw_target.json"],
    ]


PEERS = (
    Peer("ingestr 0.15.9", (("ingestr==0.15.9",),), 3_000_000, _ingestr),
    Peer(
        "dlt 1.31.0, connectorx",
        (("dlt[postgres,sql-database]==1.31.0", "connectorx", "pyarrow", "pymysql"),),
        1_000_000,
        _dlt,
    ),
    Peer(
        "pipelinewise tap-mysql 1.6.0, target-postgres 2.1.2",
        (
            ("pipelinewise-tap-mysql==1.6.0", "setuptools<81"),
            ("pipelinewise-target-postgres==2.1.2", "setuptools<81"),
        ),
        100_000,
        _pipelinewise,
    ),
)


def install(peer: Peer, folder: Path) -> list[Path] | None:
    """Make the environments of a peer; None if they cannot be had, for whatever reason."""
    uv = subprocess.run([ROOT / "scripts/uv-path", sys.executable], capture_output=True, text=True, check=True)
    places = []
    for number, packages in enumerate(peer.packages):
        place = folder / f"{peer.name.split()[0]}-{number}"
        commands: list[list[str | Path]] = [
            ["venv", "--quiet", "--python", sys.executable, place],
            ["pip", "install", "--quiet", "--python", place / "bin/python", *packages],
        ]
        for command in commands:
            done = subprocess.run([uv.stdout.strip(), *command], capture_output=True, text=True, check=False)
            if done.returncode:
                shutil.rmtree(place, ignore_errors=True)
                print(f"{peer.name} is left out: it could not be installed ({done.stderr.strip()[-200:]}).")
                return None
        places.append(place)
    return places
