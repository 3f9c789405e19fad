"""How fast a big Genius table gets into Postgres, and in how much memory.

    make bench                                     1,000,000 prospects
    .venv/bin/python benchmarks/genius_to_postgres.py 3000000

Servers, tap and loader share this machine. Prints one line a job: rows a second over the whole pipeline, start-up
included, and the greatest memory that tap and loader took.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from crm_cli.servers.mariadb import Database, PrivateMariaDB
from crm_cli.servers.postgres import EmbeddedPostgres
from crm_simulator import genius
from sync_history import runs
from target_postgres_dw.testing import header, records, schema, state, to_lines

BIN = Path(sys.executable).parent
BATCH = 50_000


@dataclass(frozen=True)
class Measurement:
    """Seconds on the wall, and the peak resident memory of each process in MB."""

    seconds: float
    megabytes: tuple[float, ...]


def measure(*commands: list[str]) -> Measurement:
    """Run commands as a pipe."""
    start = time.perf_counter()
    processes: list[subprocess.Popen[bytes]] = []
    for position, command in enumerate(commands):
        processes.append(
            subprocess.Popen(
                command,
                stdin=processes[-1].stdout if processes else None,
                stdout=subprocess.PIPE if position < len(commands) - 1 else subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
    for process in processes[:-1]:
        assert process.stdout is not None
        process.stdout.close()
    peaks = []
    for process, command in zip(processes, commands, strict=True):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{command[0]} ended with {process.returncode}"
        peaks.append(usage.ru_maxrss / 1024)
    return Measurement(time.perf_counter() - start, tuple(peaks))


def write(folder: Path, name: str, content: object) -> str:
    """Write a JSON file and return its path."""
    path = folder / name
    path.write_text(json.dumps(content))
    return str(path)


def bench_pipeline(folder: Path, source: Database, url: str, rows: int) -> None:
    """Measure a first load, and the same table again with nothing changed."""
    tap = write(
        folder,
        "tap.json",
        {name: getattr(source, name) for name in ("host", "port", "user", "password", "database")},
    )
    target = write(folder, "target.json", {"sqlalchemy_url": url})
    for job in ("full load into an empty table", "the same again, nothing changed"):
        result = measure(
            [str(BIN / "tap-genius"), f"--config={tap}"],
            [str(BIN / "target-postgres-dw"), f"--config={target}"],
        )
        with psycopg.connect(url) as conn:
            run = runs.find_runs(conn, sync_type="prospects", limit=1)[0]
        assert run.records_processed == rows
        print(
            f"{job}: {rows} rows in {result.seconds:.1f} s, {rows / result.seconds:,.0f} rows/s; "
            f"tap {result.megabytes[0]:.0f} MB, loader {result.megabytes[1]:.0f} MB; "
            f"{run.records_created} created, {run.records_unchanged} unchanged"
        )


def bench_bad_row(folder: Path, url: str) -> None:
    """Measure a batch with one bad row against a clean one."""
    target = write(folder, "target.json", {"sqlalchemy_url": url, "batch_size_rows": BATCH})
    for job, bad in (("clean", None), ("one bad row", BATCH // 3), ("clean again", None)):
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("DROP SCHEMA IF EXISTS genius CASCADE")
        rows = [
            {"id": n, "name": f"name {n}", "born": "2001-02-30" if n == bad else "2001-02-28"} for n in range(BATCH)
        ]
        properties = {
            "id": {"type": "integer"},
            "name": {"type": "string"},
            "born": {"type": "string", "format": "date"},
        }
        lines = to_lines(
            header("people"), schema("people", properties), records("people", *rows), state({}, people="success")
        )
        (folder / "input.singer").write_text(lines)
        measured = measure([str(BIN / "target-postgres-dw"), f"--config={target}", f"--input={folder}/input.singer"])
        with psycopg.connect(url) as conn:
            run = runs.find_runs(conn, sync_type="people", limit=1)[0]
        assert run.records_failed == (0 if bad is None else 1)
        print(f"{BATCH} rows, {job}: {measured.seconds:.2f} s with start-up")


def main(rows: int) -> None:
    """Start private servers, measure, and remove them."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        folder = Path(name)
        postgres, mariadb = EmbeddedPostgres(folder / "postgres"), PrivateMariaDB(folder / "mariadb")
        try:
            url = postgres.up()
            mariadb.up()
            with contextlib.closing(mariadb.connect(autocommit=True)) as connection, connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE genius")
            source = mariadb.database("genius")
            with contextlib.closing(source.connect()) as connection:
                genius.create_schema(connection)
                genius.generate_prospects(connection, rows)
            bench_pipeline(folder, source, url, rows)
            bench_bad_row(folder, url)
        finally:
            mariadb.destroy()
            postgres.destroy()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
