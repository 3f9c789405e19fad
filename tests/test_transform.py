"""The models of transform/ on loaded rows: every test of theirs holds, and it does not matter how they were built.

One test with one warehouse: dbt takes seconds to start, and half a minute to build everything.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from crm_cli.reports import REPORTS, as_html, read_report
from crm_simulator import genius
from loaded_warehouse import genius_settings, played, sync

if TYPE_CHECKING:
    from crm_cli.servers.mariadb import Database

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LOADED = ("genius", "hubspot", "gsheet")
QUESTIONS = ROOT / "docs" / "questions.md"
# These tell how long ago something was.
BY_THE_CLOCK = {"reports.operations", "reports.freshness"}


def dbt(warehouse: str, target: Path, *arguments: str) -> dict[str, str]:
    """Run dbt; return what became of each node, by its name."""
    done = subprocess.run(
        [BIN / "crm-dbt", *arguments, "--threads", "2", "--quiet"],
        cwd=ROOT,
        env={**os.environ, "WAREHOUSE_URL": warehouse, "DBT_TARGET_PATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    results = json.loads((target / "run_results.json").read_text())["results"]
    bad = [result["unique_id"] for result in results if result["status"] not in ("success", "pass", "warn")]
    assert bad == [], done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    return {result["unique_id"]: result["status"] for result in results}


def contents(conn: psycopg.Connection) -> dict[str, tuple[int, str]]:
    """Return the number of rows and a checksum of every table of the models."""
    tables = conn.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('staging', 'core', 'reports')"
    ).fetchall()
    found = {}
    for schema, table in tables:
        if f"{schema}.{table}" not in BY_THE_CLOCK:
            hashes = f"SELECT md5(t::text) AS h FROM {schema}.{table} AS t"
            query = f"SELECT count(*), md5(string_agg(h, '' ORDER BY h)) FROM ({hashes}) AS x"
            rows, checksum = conn.execute(query.encode()).fetchone() or (0, "")
            found[f"{schema}.{table}"] = (rows, checksum)
    return found


def number(conn: psycopg.Connection, query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.timeout(600)
def test_an_incremental_build_gives_what_a_full_one_gives(
    postgres_url: str, genius_db: Database, tmp_path: Path
) -> None:
    others = sorted({folder.name for folder in (ROOT / "transform/models/staging").iterdir()} - set(LOADED))
    exclude = ["--exclude", "path:models/legacy", *(f"path:models/staging/{name}" for name in others)]
    with played(set(LOADED) - {"genius"}, size=60) as crms, psycopg.connect(postgres_url, autocommit=True) as conn:
        settings: dict[str, dict[str, Any]] = {name: values for name, (_, values) in crms.items()}
        settings["genius"] = genius_settings(genius_db)
        first = {name: sync(postgres_url, name, settings[name]) for name in LOADED}

        # Everything, with all tests and unit tests.
        became = dbt(postgres_url, tmp_path, "build")
        assert sum(name.startswith("unit_test.") for name in became) >= 17
        check_views(conn)
        before = contents(conn)
        assert before["core.people"][0] > 0
        assert before["core.funnel"][0] > 0

        # A day passes: new, changed and removed records. One row is gone for good, one is back.
        for crm, _ in crms.values():
            crm.next_day()
        with genius_db.connect(autocommit=True) as connection:
            genius.pass_a_day(connection)
        for name in LOADED:
            sweep = {} if name == "gsheet" else {"deletions": "sweep", "max_deleted_share": "1"}
            sync(postgres_url, name, settings[name] | sweep, first[name].states[-1])
        # As the loader marks what is gone; a day in a small Genius may take no prospect away.
        conn.execute(
            "UPDATE genius.prospects SET _sdc_deleted_at = now(), _sdc_batched_at = now() "
            "WHERE id = (SELECT min(id) FROM genius.prospects)"
        )
        gone = "SELECT count(*) FROM hubspot.contacts WHERE _sdc_deleted_at IS NOT NULL"
        assert number(conn, gone) > 0
        conn.execute("DELETE FROM hubspot.contacts WHERE id = (SELECT min(id) FROM hubspot.contacts)")

        dbt(postgres_url, tmp_path, "run", *exclude)
        incremental = contents(conn)
        assert incremental != before
        live = "SELECT count(*) FROM genius.prospects WHERE _sdc_deleted_at IS NULL"
        assert incremental["staging.stg_genius__prospects"][0] == number(conn, live)
        assert incremental["staging.stg_hubspot__contacts"][0] == number(
            conn, "SELECT count(*) FROM hubspot.contacts WHERE _sdc_deleted_at IS NULL"
        )

        dbt(postgres_url, tmp_path, "run", "--full-refresh", *exclude)
        full = contents(conn)
        assert {name for name in full if full[name] != incremental[name]} == set()

        check_reports(conn)
        check_questions(conn)


def check_views(conn: psycopg.Connection) -> None:
    """Each table of the old system can be read, and holds what its model holds."""
    views = conn.execute("SELECT viewname FROM pg_views WHERE schemaname = 'legacy'").fetchall()
    assert len(views) > 80
    for (view,) in views:
        conn.execute(f'SELECT * FROM legacy."{view}" LIMIT 1'.encode())
    old, new = (number(conn, f"SELECT count(*) FROM {name}") for name in ("legacy.genius_lead", "genius.leads"))
    assert old == new
    marked = "SELECT col_description('legacy.hubspot_contact'::regclass, n) FROM generate_series(1, 250) AS n"
    assert any("always NULL" in (text or "") for (text,) in conn.execute(marked))


def check_reports(conn: psycopg.Connection) -> None:
    """Each report can be read and drawn, and its history is kept."""
    for report in REPORTS.values():
        page = as_html(read_report(conn, report))
        assert report.title in page
        assert not re.search(r"(?:src|href)=|@import|url\(", page)
    kept = number(conn, "SELECT count(*) FROM report_history.schema_analysis_history WHERE dbt_valid_to IS NULL")
    assert kept > 0


def check_questions(conn: psycopg.Connection) -> None:
    """The five questions of the page are answered by the queries that stand there."""
    queries = re.findall(r"^```sql\n(.*?)^```$", QUESTIONS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(queries) == 5
    for query in queries:
        assert conn.execute(query.encode()).fetchall(), query
