"""Each flag of ``crm sync``, on every tap: what it does, and above all what it must not do.

A flag is a setting of the tap or the loader (crm_cli.flags, docs/crm.md); here the tap runs with those settings into
the loader, against the simulated CRM.
"""

from __future__ import annotations

import io
import uuid
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from crm_cli.backfill import Plan, windows_between
from crm_cli.flags import Flags, check, extras_of
from crm_cli.project import variable
from crm_cli.sources import installed_sources
from crm_simulator import genius
from crm_simulator.server import CRMS, make_crms
from psycopg import sql
from sync_history import bookmarks, runs
from tap_kit.bookmarks import format_time, parse_time
from tap_kit.testing import Run, installed_tap, run_tap
from target_postgres_dw.target import TargetPostgresDw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crm_cli.servers.mariadb import Database
    from tap_kit.tap import Tap

SOURCES = [name for name in installed_sources() if name in CRMS or name == "genius"]
# Streams whose every complete read says what is gone; its rows are marked, as in any other run.
FOLLOWED = {"hubspot": {"associations"}, "gsheet": {"marketing_leads", "marketing_spends", "sheet_metadata"}}
# Settings that narrow a run to some of the records, by source.
FILTERS: dict[str, dict[str, Any]] = {
    "arrivy": {"task_status": ("COMPLETE",), "booking_status": ("confirmed",)},
    "callrail": {"company_id": "COMexample0001"},
}


@dataclass
class Synced:
    """A simulated CRM that has been read once, and the warehouse it was read into."""

    source: str
    tap: type[Tap]
    settings: dict[str, Any]
    warehouse: str
    next_day: Callable[[], object]
    now: Callable[[], datetime]
    first: Run = field(init=False)

    def sync(self, flags: Flags, extras: dict[str, str] | None = None) -> Run:
        """Run the tap into the loader with what the flags become."""
        settings = {**self.settings, **_typed(flags.settings()), **_typed(extras or {})}
        stored = {} if flags.reads_all else self.bookmarks()
        run = run_tap(self.tap, settings, state={"bookmarks": stored} if stored else None)
        assert run.exit_code == 0
        self.load(run, force=flags.force, dry_run=flags.dry_run)
        return run

    def load(self, run: Run, **config: Any) -> None:
        """Load what a tap has written."""
        config = {"sqlalchemy_url": self.warehouse, "lock_wait_seconds": 0, "max_deleted_share": 1, **config}
        with redirect_stdout(io.StringIO()):
            TargetPostgresDw(config=config).listen(io.StringIO(run.text))

    def bookmarks(self) -> dict[str, Any]:
        with psycopg.connect(self.warehouse) as conn:
            return dict(bookmarks.current_bookmarks(conn, self.source))

    def rows(self, *, live: bool = False) -> dict[str, int]:
        """Return how many rows each table has."""
        with psycopg.connect(self.warehouse) as conn:
            tables = [
                name
                for (name,) in conn.execute(
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (self.source,)
                )
            ]
            where = " WHERE _sdc_deleted_at IS NULL" if live else ""
            counts = {}
            for name in tables:
                found = conn.execute(f"SELECT count(*) FROM {self.source}.{name}{where}".encode()).fetchone()
                counts[name] = int(found[0]) if found else 0
        return counts

    def last(self) -> dict[str, runs.Run]:
        """Return the history rows of the last run."""
        with psycopg.connect(self.warehouse) as conn:
            newest = runs.find_runs(conn, limit=1)[0]
            return {row.sync_type: row for row in runs.find_runs(conn, run_id=newest.run_id)}


def _typed(settings: dict[str, str]) -> dict[str, Any]:
    """Return settings as Meltano hands them to a tap: numbers as numbers, lists as lists."""
    import json  # noqa: PLC0415 -- used here alone

    return {
        name: json.loads(value) if value[0] == "[" or value.isdigit() else value for name, value in settings.items()
    }


# The first read of each source, which all of its tests begin with: made and loaded once; each test gets a copy of the
# warehouse.
FIRST: dict[str, Run] = {}
START = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def loaded(_postgres_admin_url: str) -> Iterator[dict[str, str]]:
    """The databases with the first read of each source, by source."""
    names: dict[str, str] = {}
    yield names
    with psycopg.connect(_postgres_admin_url, autocommit=True) as conn:
        for name in names.values():
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def warehouse(_postgres_admin_url: str) -> Iterator[Callable[[str | None], str]]:
    """Return a function that makes a database, empty or as a copy, and gives its address."""
    made: list[str] = []

    def make(copied: str | None) -> str:
        name = f"test_{uuid.uuid4().hex}"
        text = "CREATE DATABASE {}" + (" TEMPLATE {}" if copied else "")
        with psycopg.connect(_postgres_admin_url, autocommit=True) as conn:
            conn.execute(sql.SQL(text).format(*(sql.Identifier(one) for one in (name, copied) if one)))
        if copied:
            made.append(name)
        return urlunsplit(urlsplit(_postgres_admin_url)._replace(path=f"/{name}"))

    yield make
    with psycopg.connect(_postgres_admin_url, autocommit=True) as conn:
        for name in made:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=SOURCES)
def synced(
    request: pytest.FixtureRequest,
    loaded: dict[str, str],
    warehouse: Callable[[str | None], str],
    simulate: Callable[..., str],
) -> Synced:
    source: str = request.param
    tap = installed_tap(installed_sources()[source].tap)
    if source == "genius":
        database: Database = request.getfixturevalue("genius_db")
        settings = {name: getattr(database, name) for name in ("host", "port", "user", "password", "database")}

        def next_day() -> object:
            with database.connect(autocommit=True) as connection:
                return genius.pass_a_day(connection)

        found = Synced(source, tap, settings, "", next_day, lambda: datetime.now(UTC))
    else:
        (crm,) = make_crms([source], size=40, start=START)
        crm.lift_limits()
        settings = crm.tap_settings(simulate(crm))
        found = Synced(source, tap, settings, "", crm.next_day, lambda: crm.world.now)
    if source not in loaded:
        FIRST[source] = run_tap(tap, settings)
        assert FIRST[source].exit_code == 0
        found.warehouse = warehouse(None)
        loaded[source] = urlsplit(found.warehouse).path.removeprefix("/")
        found.load(FIRST[source])
    found.first = FIRST[source]
    found.warehouse = warehouse(loaded[source])
    return found


def moments(run: Run) -> list[datetime]:
    """Return the modification times of all records of a run whose stream has one."""
    keys = {
        message["stream"]: message["bookmark_properties"][0]
        for message in run.messages
        if message["type"] == "SCHEMA" and message.get("bookmark_properties")
    }
    return [
        parse_time(value)
        for message in run.messages
        if message["type"] == "RECORD" and (key := keys.get(message["stream"]))
        for value in [message["record"].get(key)]
        if isinstance(value, str) and "-" in value
    ]


def test_a_dry_run_counts_and_changes_nothing(synced: Synced) -> None:
    before, stored = synced.rows(), synced.bookmarks()
    synced.next_day()
    synced.sync(Flags(dry_run=True))
    assert synced.rows() == before
    assert synced.bookmarks() == stored
    counted = synced.last()
    assert all(row.configuration.get("dry_run") for row in counted.values())
    assert sum(row.records_created + row.records_updated for row in counted.values()) > 0
    # The same run in earnest does what was counted.
    synced.sync(Flags())
    done = synced.last()
    assert {name: row.records_created for name, row in done.items()} == {
        name: row.records_created for name, row in counted.items()
    }


def test_a_run_of_some_records_leaves_the_bookmark(synced: Synced) -> None:
    stored = synced.bookmarks()
    synced.next_day()
    run = synced.sync(Flags(max_records=2))
    counts = [row.records_processed for row in synced.last().values()]
    assert counts
    assert max(counts) <= 2
    assert run.exit_code == 0
    assert synced.bookmarks() == stored


def test_a_start_date_reads_from_there_whatever_the_bookmark_says(synced: Synced) -> None:
    stored = synced.bookmarks()
    whole = sorted(moments(synced.first))
    if not whole:
        pytest.skip("no stream of this source has a bookmark that is a time")
    start = whole[len(whole) // 2]
    run = synced.sync(Flags(start=start))
    assert set(moments(run)) >= {moment for moment in whole if moment >= start} or not whole
    assert len(moments(run)) <= len(whole)
    assert synced.bookmarks() == stored


def test_a_backfill_reads_each_window_and_leaves_the_bookmark(synced: Synced) -> None:
    stored = synced.bookmarks()
    whole = sorted(moments(synced.first))
    if not whole:
        pytest.skip("no stream of this source has a bookmark that is a time")
    source, end = installed_sources()[synced.source], whole[-1] + timedelta(seconds=1)
    plan = Plan(source, source.streams[0], windows_between(whole[0], end, (end - whole[0]) / 2), {}, "an id")
    assert len(plan.windows) in (2, 3)
    read: set[datetime] = set()
    for window in plan.windows:
        variables = plan.request(window, log_level="info").variables
        run = synced.sync(Flags(), {name: variables[variable(source.tap, name)] for name in ("since", "end_date")})
        assert [moment for moment in moments(run) if moment >= window.end] == []
        read |= set(moments(run))
        assert synced.bookmarks() == stored
        assert sum(row.records_created + row.records_updated for row in synced.last().values()) == 0
    assert read >= set(whole)


def test_an_end_date_reads_up_to_there_and_leaves_the_bookmark(synced: Synced) -> None:
    stored = synced.bookmarks()
    whole = sorted(moments(synced.first))
    if not whole:
        pytest.skip("no stream of this source has a time of change")
    end = whole[len(whole) // 2]
    run = synced.sync(Flags(start=whole[0] - timedelta(days=1), end=end))
    assert [moment for moment in moments(run) if moment >= end] == []
    assert synced.bookmarks() == stored


def test_a_full_run_deletes_nothing_and_lowers_no_bookmark(synced: Synced) -> None:
    before, stored = synced.rows(), synced.bookmarks()
    synced.next_day()
    synced.sync(Flags(full=True))
    after = synced.rows()
    assert {name: count for name, count in after.items() if count < before.get(name, 0)} == {}
    marked = {row.sync_type for row in synced.last().values() if row.records_deleted}
    assert marked <= FOLLOWED.get(synced.source, set())
    for stream, bookmark in stored.items():
        value = bookmark.get("replication_key_value")
        if value is not None:
            assert synced.bookmarks()[stream]["replication_key_value"] >= value


def test_force7_reads_seven_days_replaces_newer_rows_and_keeps_the_later_bookmark(synced: Synced) -> None:
    stored = synced.bookmarks()
    now = synced.now()
    flags = check(Flags(), "force7", now=now)
    assert flags.start is not None
    recent = [moment for moment in moments(synced.first) if moment >= flags.start]
    run = synced.sync(flags)
    assert len([moment for moment in moments(run) if moment >= flags.start]) >= len(set(recent))
    assert synced.bookmarks() == stored


def test_skipping_validation_loads_the_same_rows(synced: Synced) -> None:
    before = synced.rows()
    synced.sync(Flags(full=True, skip_validation=True))
    assert synced.rows() == before
    assert sum(row.records_created for row in synced.last().values()) == 0


@pytest.mark.parametrize("size", [1, 1000])
def test_any_batch_size_reads_the_same(synced: Synced, size: int) -> None:
    synced.sync(Flags(full=True, batch_size=max(size, 3)))
    assert sum(row.records_created + row.records_updated for row in synced.last().values()) == 0
    assert {row.status for row in synced.last().values()} <= {"success", "partial"}


def test_a_filtered_run_leaves_the_bookmark(synced: Synced) -> None:
    filters = FILTERS.get(synced.source)
    if filters is None:
        pytest.skip("this source has no filters")
    stored = synced.bookmarks()
    synced.next_day()
    synced.sync(Flags(), extras_of(synced.source, filters))
    kept = synced.bookmarks()
    filtered = {"arrivy": {"tasks", "bookings"}, "callrail": {"calls", "form_submissions"}}[synced.source]
    assert {stream: kept.get(stream) for stream in filtered} == {stream: stored.get(stream) for stream in filtered}


def test_the_bookmarks_are_written_in_one_form(synced: Synced) -> None:
    for bookmark in synced.bookmarks().values():
        value = bookmark.get("replication_key_value")
        if value is not None and "T" in value:
            assert value == format_time(parse_time(value))
