"""How long the models take on a warehouse with a million prospects and a million leads, and in how much memory.

    .venv/bin/python benchmarks/transform_million.py            1,000,000 of each
    .venv/bin/python benchmarks/transform_million.py 100000

Fills the tables of Genius in a Postgres of its own, as the loader would; the other CRMs are empty. Prints a line for a
build from nothing, one for a build after a thousand changes: seconds on the wall, processor time, the greatest memory
of dbt and of all processes of Postgres together (shared memory counted once); and the slowest models.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import psycopg
from crm_cli.dbt_program import output_folder
from crm_cli.servers.postgres import EmbeddedPostgres
from sync_history import schema

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LOADED = (
    ", now() AS _sdc_extracted_at, now() - n % 36000 * interval '1 second' AS _sdc_batched_at, "
    "NULL::timestamptz AS _sdc_deleted_at"
)
# A name of some thousand first and ten thousand last ones; the frequent ones are frequent, as among people.
FIRST = "initcap(translate(to_char((1000 * power(random(), 2))::int, 'FM0000'), '0123456789', 'aelornistd'))"
LAST = "initcap(translate(to_char((12000 * power(random(), 2))::int, 'FM00000'), '0123456789', 'nosbelirta'))"
TABLES = {
    # Each twelfth prospect is an earlier one once more.
    "people": f"""
        SELECT n AS id, {FIRST} AS first_name, {LAST} AS last_name, '555' || to_char(n, 'FM0000000') AS phone1,
            CASE WHEN n % 3 > 0 THEN 'person' || n || '@example.com' END AS email,
            n % 9000 || ' Elm Street' AS address1, to_char(10000 + n % 20000, 'FM00000') AS zip
        FROM generate_series(1, %(rows)s::int) AS n""",
    "prospects": """
        SELECT n::bigint AS id, (n % 20)::bigint AS division_id, (n % 300)::bigint AS user_id,
            p.first_name, p.last_name, p.address1, 'Springfield'::text AS city, 'WA'::text AS state, p.zip, p.phone1,
            p.email, timestamptz '2022-01-01' + n * interval '2 minutes' AS add_date,
            timestamptz '2022-01-01' + n * interval '2 minutes' AS updated_at"""
    + LOADED
    + """
        FROM generate_series(1, %(rows)s::int) AS n
        JOIN bench.people AS p ON p.id = CASE WHEN n % 12 = 0 THEN n / 2 ELSE n END""",
    # Four of five leads name their prospect, the others have its number.
    "leads": """
        SELECT n::bigint AS lead_id, CASE WHEN n % 5 > 0 THEN n::bigint END AS prospect_id, p.first_name, p.last_name,
            p.address1, 'WA'::text AS state, p.zip, p.phone1, p.email, (n % 40)::bigint AS marketing_source,
            (n % 20)::bigint AS division_id, 0::bigint AS is_dummy, 12.5::numeric AS lead_cost,
            timestamptz '2022-01-01' + n * interval '2 minutes' AS added_on,
            timestamptz '2022-01-01' + n * interval '2 minutes' AS updated_at"""
    + LOADED
    + """
        FROM generate_series(1, %(rows)s::int) AS n
        JOIN bench.people AS p ON p.id = n""",
    "appointments": """
        SELECT n::bigint AS id, (n * 4)::bigint AS prospect_id, (n % 300)::bigint AS user_id, 1::bigint AS is_complete,
            date '2022-01-02' + (n * 4 / 720) AS date, '17:30:00'::text AS time,
            timestamptz '2022-01-01' + n * 4 * interval '2 minutes' + interval '1 hour' AS add_date,
            timestamptz '2022-01-02' AS updated_at"""
    + LOADED
    + """
        FROM generate_series(1, %(rows)s::int / 4) AS n""",
    "quotes": """
        SELECT n::bigint AS id, (n * 8)::bigint AS prospect_id, (n * 2)::bigint AS appointment_id,
            CASE WHEN n % 2 = 0 THEN n::bigint END AS job_id, 9000::numeric AS amount,
            timestamptz '2022-01-01' + n * 8 * interval '2 minutes' + interval '1 day' AS add_date,
            timestamptz '2022-01-02' AS updated_at"""
    + LOADED
    + """
        FROM generate_series(1, %(rows)s::int / 8) AS n""",
    "jobs": """
        SELECT (n * 2)::bigint AS id, (n * 16)::bigint AS prospect_id, 9000::numeric AS contract_amount,
            date '2022-01-05' + (n * 16 / 720) AS sold_date,
            timestamptz '2022-01-01' + n * 16 * interval '2 minutes' + interval '2 days' AS add_date,
            timestamptz '2022-01-02' AS updated_at"""
    + LOADED
    + """
        FROM generate_series(1, %(rows)s::int / 16) AS n""",
    "marketing_sources": """
        SELECT n::bigint AS id, 'Source ' || n AS label, timestamptz '2022-01-01' AS updated_at"""
    + LOADED
    + """
        FROM generate_series(0, 39) AS n""",
}
KEYS = {"leads": "lead_id"}


def fill(url: str, rows: int) -> None:
    """Make the tables."""
    with psycopg.connect(url, autocommit=True) as conn:
        schema.migrate(conn)
        conn.execute("CREATE SCHEMA genius; CREATE SCHEMA bench; SELECT setseed(0.5)")
        for name, query in TABLES.items():
            home = "bench" if name == "people" else "genius"
            text = query.replace("%(rows)s", str(rows))
            conn.execute(f"CREATE TABLE {home}.{name} AS {text}".encode())
            conn.execute(f"ALTER TABLE {home}.{name} ADD PRIMARY KEY ({KEYS.get(name, 'id')})".encode())
        conn.execute("DROP SCHEMA bench CASCADE")
        conn.execute("VACUUM ANALYZE")


def change(url: str) -> None:
    """Let a thousand prospects change and ten go."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "UPDATE genius.prospects SET city = 'Shelbyville', updated_at = now(), _sdc_batched_at = now() "
            "WHERE id % 900 = 1; UPDATE genius.prospects SET _sdc_deleted_at = now(), _sdc_batched_at = now() "
            "WHERE id <= 10"
        )


def parent(status: Path) -> int:
    """Return the parent of a process, from its file below /proc."""
    return int(status.read_text().rsplit(")", 1)[1].split()[1])


class Watch:
    """The processor time and the greatest memory of the processes of a server; shared memory counts once."""

    def __init__(self, url: str) -> None:
        self.peak = 0
        self.seconds = 0.0
        with psycopg.connect(url) as conn:
            self._server = parent(Path("/proc", str(conn.info.backend_pid), "stat"))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._before = self._processor_time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()
        # Processes that have ended count; those of a build have, once it has.
        time.sleep(1)
        self.seconds = self._processor_time() - self._before

    def _processor_time(self) -> float:
        fields = Path("/proc", str(self._server), "stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            self.peak = max(self.peak, self._now())

    def _now(self) -> int:
        total = 0
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                if parent(status) != self._server:
                    continue
                for line in (status.parent / "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
            except (OSError, ValueError):
                continue
        return total


def build(url: str, title: str) -> None:
    """Build the models and print what it took."""
    started = time.perf_counter()
    with Watch(url) as memory:
        command: list[str | Path] = [
            BIN / "crm-dbt",
            "build",
            "--threads",
            "2",
            "--exclude-resource-type",
            "unit_test",
            "--quiet",
        ]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "WAREHOUSE_URL": url})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    print(
        f"{title}: {time.perf_counter() - started:.0f} s; processor time: dbt {usage.ru_utime + usage.ru_stime:.0f} s, "
        f"Postgres {memory.seconds:.0f} s; memory: dbt {usage.ru_maxrss / 1024:.0f} MB, "
        f"Postgres {memory.peak / 2**20:.0f} MB; exit code {process.returncode}"
    )
    results = json.loads((output_folder(ROOT / ".crm", url) / "run_results.json").read_text())["results"]
    for result in sorted(results, key=lambda result: -result["execution_time"])[:12]:
        print(f"  {result['execution_time']:7.1f} s  {result['unique_id']}")
    sys.stdout.flush()


def main() -> None:
    """Measure both."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        server = EmbeddedPostgres(Path(name, "postgres"))
        try:
            url = server.up()
            started = time.perf_counter()
            fill(url, rows)
            print(f"{rows:,} prospects and leads written in {time.perf_counter() - started:.0f} s", flush=True)
            build(url, "from nothing")
            change(url)
            build(url, "after a thousand changes")
            with psycopg.connect(url) as conn:
                for table in ("core.people", "core.funnel", "reports.duplicate_prospects"):
                    row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
                    print(f"{table}: {row[0] if row else 0:,} rows")
        finally:
            server.destroy()


if __name__ == "__main__":
    main()
