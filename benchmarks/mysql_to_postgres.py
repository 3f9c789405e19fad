"""How fast a big Genius table gets into Postgres, against the raw pipe and against other tools.

    make bench                                                          all, 100,000 to 3,000,000 rows; RESULTS.md
    .venv/bin/python benchmarks/mysql_to_postgres.py --rows 100000 --no-peers

Servers, tap and loader share this machine. The jobs:

    A   a full load into an empty table
    B   the whole table again, nothing changed
    C   10,000 changed rows, found by their modification time
    D   the whole table again, every row changed

The raw pipe, ``mariadb --quick --batch | psql``, does the same jobs in the same run (COPY; COPY to a temporary table
and INSERT ON CONFLICT DO UPDATE WHERE it differs), so that the ratios hold on a machine that does other things as well.
After each job every value of every row must be the same, whatever the way.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import typing as t
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from pipes import Command, Measurement, PipeFailedError, best, measure

import psycopg
import wide_table
from crm_cli.project import Project
from crm_cli.servers import debian
from crm_cli.servers.errors import ServerError
from crm_cli.servers.mariadb import Database, PrivateMariaDB, default_tools
from crm_cli.servers.postgres import EmbeddedPostgres
from crm_simulator import genius
from peers import PEERS, install
from sync_history import runs
from sync_history.bookmarks import current_bookmarks

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
CHANGED = 10_000
LIBRARIES = ("meltano", "singer-sdk", "meltanolabs-target-postgres", "pymysql", "msgspec", "psycopg")
BATCH = {"encoding": {"format": "copy-text"}}
JOBS = ("A", "B", "C", "D")
# Generated prospects are stamped by their number, a minute each: these lie in the past.
FIRST_ID = 1_000_000
_UPSERT = (
    f"INSERT INTO raw.quote AS t SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET "
    f"({', '.join(wide_table.NAMES[1:])}) = ROW({', '.join(f'excluded.{name}' for name in wide_table.NAMES[1:])}) "
    f"WHERE ROW({', '.join(f't.{name}' for name in wide_table.NAMES[1:])}) IS DISTINCT FROM "
    f"ROW({', '.join(f'excluded.{name}' for name in wide_table.NAMES[1:])})"
)

MILLION = 1_000_000
# Fewer rows than this only show that the benchmark works.
SMALL = 50_000
# As on a server in production, the source has its tables in memory.
SOURCE_MEMORY = 2 << 30
MELTANO = "BATCH, meltano run"
# The smallest job takes less than a second, in which the noise of the machine weighs more.
TIMES = {"C": 5}


def _database_of(way: str) -> str:
    return way.replace(",", "").replace(" ", "_").lower()


class Bench:
    """One size of the table: source, warehouse and a folder for files."""

    def __init__(
        self, folder: Path, source: Database, url: str, rows: int, client: Path | None, options: argparse.Namespace
    ) -> None:
        self.folder = folder
        self.source = source
        self.url = url
        self.rows = rows
        self.times = options.times if SMALL <= rows <= MILLION else 1  # the largest takes long
        self._with_meltano = not options.no_meltano
        self._client = client
        self.found: dict[tuple[str, str], Measurement] = {}

    def run(self) -> None:
        """Measure every job of the raw pipe and of both paths; a job of each in turn, so that they share the noise."""
        ways: dict[str, t.Callable[[str], list[Command]]] = {"BATCH": self._batch, "RECORD": self._record}
        if self._client is not None:
            ways = {"raw pipe": self._raw, **ways}
        for job in JOBS:
            for _ in range(TIMES.get(job, self.times) if self.times > 1 else 1):
                if job in {"D", "C"}:
                    self._change(None if job == "D" else CHANGED)
                for way, commands in ways.items():
                    self.keep(way, job, self._measure(way, job, commands))
                if job == "A" and self._with_meltano:
                    self.keep(MELTANO, job, self._measure(MELTANO, job, self._meltano))
            found = {way: self._fingerprint(way) for way, of_job in self.found if of_job == job}
            assert len(set(found.values())) == 1, f"the tables differ after job {job}: {found}"

    def keep(self, way: str, job: str, measured: Measurement) -> None:
        """Print a measurement, and note it if it is the best."""
        known = self.found.get((way, job))
        self.found[way, job] = measured if known is None or measured.seconds < known.seconds else known
        rows = CHANGED if job == "C" else self.rows
        print(
            f"{self.rows:>9,} {job} {way:<12} {measured.seconds:7.2f} s {rows / measured.seconds:10,.0f} rows/s "
            f"{measured.cpu_seconds:6.2f} CPU s  {' + '.join(f'{peak:.0f}' for peak in measured.megabytes)} MB",
            flush=True,
        )

    def _measure(self, way: str, job: str, commands: t.Callable[[str], list[Command]]) -> Measurement:
        url = self._warehouse(_database_of(way), fresh=job == "A")
        project, environment = self._meltano_project if way == MELTANO else (self.folder, {"PGTZ": "UTC"})
        measured = measure(*commands(job), folder=project, environment=environment)
        with psycopg.connect(url, autocommit=True) as connection:
            # Or the server would do so some time later, while another way is measured; and so with the disk.
            connection.execute("VACUUM (ANALYZE)")
        os.sync()
        if way != "raw pipe":
            with psycopg.connect(url) as connection:
                (last,) = runs.find_runs(connection, sync_type=wide_table.STREAM, limit=1)
            assert last.status == "success", last.error_message
            assert last.records_processed >= (CHANGED if job == "C" else self.rows)
            assert last.records_created == (self.rows if job == "A" else 0)
            assert last.records_updated >= {"D": self.rows, "C": CHANGED}.get(job, 0)
        return measured

    def _fingerprint(self, way: str) -> tuple[int, int]:
        """Return the number of rows that a way has loaded, and a sum over every value of them."""
        url = self._warehouse(_database_of(way), fresh=False)
        table = "raw.quote" if way == "raw pipe" else f"genius.{wide_table.STREAM}"
        row = f"ROW({', '.join(wide_table.NAMES)})"
        with psycopg.connect(url) as connection:
            found = connection.execute(
                f"SELECT count(*), coalesce(sum(hash_record_extended({row}, 0)::numeric), 0) FROM {table}".encode()
            ).fetchone()
        assert found is not None
        return int(found[0]), int(found[1])

    def _warehouse(self, name: str, *, fresh: bool) -> str:
        address = psycopg.conninfo.make_conninfo(self.url, dbname=name)
        with psycopg.connect(self.url, autocommit=True) as connection:
            if fresh:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
                connection.execute(f"CREATE DATABASE {name}".encode())
        return address

    def _sqlalchemy_url(self, name: str) -> str:
        return self.url.rpartition("/")[0] + f"/{name}"

    def _raw(self, job: str) -> list[Command]:
        assert self._client is not None
        where = f" WHERE updated_at >= '{self._changed_at}'" if job == "C" else ""
        reader: Command = [
            self._client,
            "--quick",
            "--batch",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
            f"--host={self.source.host}",
            f"--port={self.source.port}",
            f"--user={self.source.user}",
            f"--password={self.source.password}",
            f"--execute=SELECT * FROM quote{where}",
            self.source.database,
        ]
        copy = "copy {} from pstdin with (null 'NULL')"
        steps = (
            [
                "CREATE SCHEMA raw",
                f"CREATE TABLE raw.quote ({wide_table.POSTGRES_COLUMNS})",
                "\\" + copy.format("raw.quote"),
            ]
            if job == "A"
            else ["CREATE TEMP TABLE stage (LIKE raw.quote)", "\\" + copy.format("stage"), _UPSERT]
        )
        address = psycopg.conninfo.make_conninfo(self.url, dbname="raw_pipe")
        return [
            reader,
            ["psql", "--no-psqlrc", "--quiet", f"--dbname={address}", *(f"--command={step}" for step in steps)],
        ]

    def _batch(self, job: str) -> list[Command]:
        return self._pipe(job, "batch", {"batch_config": BATCH})

    def _record(self, job: str) -> list[Command]:
        return self._pipe(job, "record", {})

    def _pipe(self, job: str, database: str, settings: dict[str, t.Any]) -> list[Command]:
        tap: list[str | Path] = [
            BIN / "tap-genius",
            f"--config={write(self.folder, 'tap.json', {**self.access, **settings})}",
        ]
        if job == "C":
            with psycopg.connect(psycopg.conninfo.make_conninfo(self.url, dbname=database)) as connection:
                bookmarks = current_bookmarks(connection, "genius")
            bookmarks[wide_table.STREAM]["replication_key_value"] = f"{self._changed_at.replace(' ', 'T')}+00:00"
            tap.append(f"--state={write(self.folder, 'state.json', {'bookmarks': bookmarks})}")
        target = write(self.folder, "target.json", {"sqlalchemy_url": self._sqlalchemy_url(database)})
        return [tap, [BIN / "target-postgres-dw", f"--config={target}"]]

    @property
    def access(self) -> dict[str, t.Any]:
        """The tap's settings for the source."""
        names = ("host", "port", "user", "password", "database")
        return {**{name: getattr(self.source, name) for name in names}, "reread_seconds": 0}

    def _change(self, rows: int | None) -> None:
        with contextlib.closing(self.source.connect()) as connection:
            wide_table.change(connection, rows)
            with connection.cursor() as cursor:
                cursor.execute("SELECT CAST(MAX(updated_at) AS CHAR) FROM quote")
                ((self._changed_at,),) = cursor.fetchall()

    def run_peers(self, folder: Path) -> None:
        """Measure the jobs A and B of the other tools."""
        for peer in PEERS:
            if self.rows > peer.most_rows:
                continue
            places = install(peer, folder)
            if places is None:
                continue
            url = self._warehouse("peers", fresh=True)
            del url
            try:
                pipe = peer.commands(places, self.folder, self.source, self._sqlalchemy_url("peers"))
                for job in ("A", "B"):
                    environment = {"HOME": str(self.folder), "DLT_DATA_DIR": str(self.folder / "dlt")}
                    self.keep(peer.name, job, measure(*pipe, folder=self.folder, environment=environment))
            except (PipeFailedError, subprocess.CalledProcessError, OSError) as error:
                print(f"{peer.name} is left out: {str(error)[-300:]}")
            finally:
                for place in places:
                    shutil.rmtree(place, ignore_errors=True)

    @cached_property
    def _meltano_project(self) -> tuple[Path, dict[str, str]]:
        """The folder and the environment of ``meltano run``, the same for all its runs."""
        project, environment = meltano_project(self.folder, self.source, self._sqlalchemy_url(_database_of(MELTANO)))
        return project, {**environment, "TAP_GENIUS_BATCH_CONFIG": json.dumps(BATCH)}

    def _meltano(self, _job: str) -> list[Command]:
        return [[BIN / "meltano", "run", "--force", "tap-genius", "target-postgres-dw"]]


def meltano_project(folder: Path, source: Database, url: str) -> tuple[Path, dict[str, str]]:
    """Copy the project's Meltano files; return their folder and the environment of a run."""
    project = Path(tempfile.mkdtemp(prefix="meltano-", dir=folder))
    for file in Project(ROOT).files:
        copy = project / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    access = {name: str(getattr(source, name)) for name in ("host", "port", "user", "password", "database")}
    return project, {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "WAREHOUSE_URL": url,
        **{f"TAP_GENIUS_{name.upper()}": value for name, value in access.items()},
    }


def write(folder: Path, name: str, content: object) -> str:
    """Write a JSON file and return its path."""
    path = folder / name
    path.write_text(json.dumps(content))
    return str(path)


def measure_delta_of_all(folder: Path, mariadb: PrivateMariaDB, url: str, scale: float) -> Measurement:
    """Measure one ``meltano run`` over all 30 tables with 10,000 changes, after a full one."""
    with contextlib.closing(mariadb.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE all_tables")
    source = mariadb.database("all_tables")
    with psycopg.connect(url, autocommit=True) as warehouse:
        warehouse.execute("CREATE DATABASE all_tables")
    with contextlib.closing(source.connect(autocommit=True)) as connection:
        genius.create_schema(connection)
        genius.seed(connection, scale=scale)
        genius.generate_prospects(connection, CHANGED * 3, first_id=FIRST_ID)
        project, environment = meltano_project(folder, source, url.rpartition("/")[0] + "/all_tables")
        command: Command = [BIN / "meltano", "run", "--force", "tap-genius", "target-postgres-dw"]
        measure(command, folder=project, environment=environment)

        def changed() -> Measurement:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE prospect SET year_built = year_built + 1, updated_at = UTC_TIMESTAMP() "
                    f"WHERE id >= {FIRST_ID} ORDER BY id LIMIT {CHANGED}"
                )
            measured = measure(command, folder=project, environment=environment)
            with psycopg.connect(environment["WAREHOUSE_URL"]) as warehouse:
                (last,) = runs.find_runs(warehouse, sync_type="prospects", limit=1)
            assert last.records_updated == CHANGED, last
            return measured

        return best(changed, 2)


def measure_starts(folder: Path, times: int) -> dict[str, Measurement]:
    """Measure how long the commands take that do next to nothing."""
    commands: dict[str, list[str | Path]] = {
        "tap-genius --help": [BIN / "tap-genius", "--help"],
        "tap-genius --about": [BIN / "tap-genius", "--about"],
        "target-postgres-dw --help": [BIN / "target-postgres-dw", "--help"],
        "crm --help": [BIN / "crm", "--help"],
    }
    return {name: best(lambda: measure(command, folder=folder), times) for name, command in commands.items()}  # noqa: B023


def raw_client() -> Path | None:
    """Return a program that starts MariaDB's command-line client, from PATH or from Debian's package."""
    for name in ("mariadb", "mysql"):
        if found := shutil.which(name):
            return Path(found)
    tree = default_tools() / "mariadb-client"
    try:
        debian.unpack("mariadb-client-core", tree, program="usr/bin/mariadb")
    except ServerError as error:
        print(f"There is no raw pipe to compare with: {error}")
        return None
    starter = tree / "start"
    starter.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={debian.library_path(tree)} exec {tree}/usr/bin/mariadb "$@"\n')
    starter.chmod(0o755)
    return starter


def table(benches: t.Sequence[Bench]) -> list[str]:
    """Return the results as a Markdown table; ratios are to the raw pipe of the same job and size."""
    lines = [
        "| rows | job | way | seconds | rows/s | x raw pipe | CPU s of the clients | MB |",
        "|--:|---|---|--:|--:|--:|--:|--:|",
    ]
    for bench in benches:
        for (way, job), measured in sorted(bench.found.items(), key=lambda item: JOBS.index(item[0][1])):
            raw = bench.found.get(("raw pipe", job))
            rows = CHANGED if job == "C" else bench.rows
            ratio = f"{raw.seconds / measured.seconds:.2f}" if raw else ""
            memory = " + ".join(f"{peak:.0f}" for peak in measured.megabytes)
            lines.append(
                f"| {bench.rows:,} | {job} | {way} | {measured.seconds:.2f} | {rows / measured.seconds:,.0f} | {ratio} "
                f"| {measured.cpu_seconds:.1f} | {memory} |"
            )
    return lines


def machine(servers: str) -> list[str]:
    """Describe the machine and the versions."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    memory = Path("/proc/meminfo").read_text().split()[1]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        (
            f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} x {names[0] if names else platform.machine()}, "
            f"{int(memory) / 2**20:.0f} GB, {platform.system()} {platform.release()}, "
            f"Python {platform.python_version()}. "
            f"Load of the machine by everything at the end (1, 5, 15 minutes): {load}."
        ),
        "",
        f"{servers}; {', '.join(f'{name} {version(name)}' for name in LIBRARIES)}.",
    ]


def main(arguments: t.Sequence[str] | None = None) -> None:
    """Start private servers, measure, and remove them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 3_000_000])
    parser.add_argument("--times", type=int, default=3, help="take the best of so many runs of a job")
    parser.add_argument("--no-raw-pipe", action="store_true", help="leave out what the ratios are to")
    parser.add_argument("--no-peers", action="store_true", help="leave the other tools out")
    parser.add_argument("--no-meltano", action="store_true", help="leave out what runs under Meltano")
    parser.add_argument("--write", type=Path, help="write the results to this file, as Markdown")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        folder = Path(name)
        postgres, mariadb = EmbeddedPostgres(folder / "postgres"), PrivateMariaDB(folder / "mariadb")
        try:
            url = postgres.up()
            mariadb.up()
            if max(options.rows) >= SMALL:
                with contextlib.closing(mariadb.connect()) as connection, connection.cursor() as cursor:
                    cursor.execute(f"SET GLOBAL innodb_buffer_pool_size = {SOURCE_MEMORY:d}")
            client = None if options.no_raw_pipe else raw_client()
            benches = [bench_of(folder, mariadb, url, rows, client, options) for rows in options.rows]
            lines = [*machine(server_versions(mariadb, url)), "", *table(benches), ""]
            if not options.no_meltano:
                delta = measure_delta_of_all(folder, mariadb, url, scale=1.0)
                lines += [f"Delta of all 30 tables, one `meltano run`, 10,000 changes: {delta.seconds:.2f} s.", ""]
            lines += ["| command | seconds |", "|---|--:|"]
            starts = measure_starts(folder, 5 if max(options.rows) >= SMALL else 1)
            lines += [f"| `{name}` | {found.seconds:.2f} |" for name, found in starts.items()]
        finally:
            mariadb.destroy()
            postgres.destroy()
    print("\n".join(lines))
    if options.write:
        given = " ".join(sys.argv[1:] if arguments is None else arguments)
        head = f"Of `benchmarks/mysql_to_postgres.py {given}`, {lines[0]}"
        options.write.write_text("\n".join(["# Results", "", head, *lines[1:]]) + "\n")


def server_versions(mariadb: PrivateMariaDB, url: str) -> str:
    """Name the servers and their versions."""
    with contextlib.closing(mariadb.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        ((source,),) = cursor.fetchall()
    with psycopg.connect(url) as warehouse:
        (target,) = warehouse.execute("SHOW server_version").fetchone() or ("?",)
    return f"MariaDB {source}, Postgres {target}"


def bench_of(
    folder: Path, mariadb: PrivateMariaDB, url: str, rows: int, client: Path | None, options: argparse.Namespace
) -> Bench:
    """Measure one size of the table."""
    database = f"bench_{rows}"
    with contextlib.closing(mariadb.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {database}")
    source = mariadb.database(database)
    with contextlib.closing(source.connect()) as connection:
        wide_table.fill(connection, rows)
    bench = Bench(folder, source, url, rows, client, options)
    bench.run()
    if not options.no_peers:
        bench.run_peers(folder)
    with contextlib.closing(mariadb.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {database}")
    return bench


if __name__ == "__main__":
    main()
