"""What `crm check` and the alerts look at: the rules of the project, its timetable, and the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from cronsim import CronSim
from sync_history import health
from sync_history.health_rules import FILE_NAME, HealthFileError, HealthRules, load_rules

from crm_cli.discovery import discover
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.schedules import NEVER, declared
from crm_cli.sources import installed_sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg
    from sync_history.health import Finding, Health, StreamName

    from crm_cli.project import Project
    from crm_cli.schedules import Schedule
    from crm_cli.sources import Source

# One run may be missed before a stream counts as stale.
MISSED_RUNS = 2
# A year of a weekly schedule, some hours of one that runs each minute: enough to meet its longest pause.
_OCCURRENCES = 400
# Postgres cuts a name there; the loader then gives it a suffix of its own.
_LONGEST_NAME = 63


def project_rules(project: Project) -> HealthRules:
    """Return the rules of the project: the suite's own, changed by its ``health.yml``.

    Raises:
        CrmUsageError: If that file cannot be used.
    """
    try:
        return load_rules(project.root / FILE_NAME)
    except HealthFileError as error:
        raise CrmUsageError(str(error)) from error


def assess(project: Project, conn: psycopg.Connection, rules: HealthRules, source: str | None = None) -> Health:
    """Judge the streams of the project, or those of one source."""
    timetable = declared(project)
    set_up = [one for one in installed_sources().values() if not project.missing_settings(one.tap)]
    scheduled = {one.source.name for one in timetable if one.interval != NEVER}
    return health.assess(
        conn,
        rules,
        crm_source=source,
        due_within=due_within(timetable, datetime.now(UTC)),
        expected=[one.name for one in set_up if one.name in scheduled],
    )


def due_within(timetable: Iterable[Schedule], now: datetime) -> dict[StreamName, timedelta]:
    """Return how old the last complete run of each scheduled stream may be.

    That is twice the longest pause of its most frequent schedule: a schedule of office hours pauses for a weekend.
    """
    found: dict[StreamName, timedelta] = {}
    for schedule in timetable:
        if schedule.interval == NEVER or schedule.next_run(now) is None:
            continue
        allowed = MISSED_RUNS * _longest_pause(schedule.interval, now)
        for stream in schedule.request().expected:
            name = (schedule.source.name, stream)
            found[name] = min(allowed, found.get(name, allowed))
    return found


def _longest_pause(interval: str, now: datetime) -> timedelta:
    occurrences = [moment for moment, _ in zip(CronSim(interval, now), range(_OCCURRENCES), strict=False)]
    return max((after - before for before, after in pairwise(occurrences)), default=timedelta(days=366))


def drift(project: Project, conn: psycopg.Connection, source: Source) -> list[Finding]:
    """Compare the columns that the tap finds in the CRM now with those of the tables.

    Raises:
        CrmUsageError: If a setting of the tap is missing.
        CrmError: If the tap cannot ask the CRM.
    """
    rows = conn.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s", (source.name,)
    ).fetchall()
    tables: dict[str, set[str]] = {}
    for table, column in rows:
        tables.setdefault(table, set()).add(column)
    findings = []
    for stream in discover(project, source):
        name = stream["tap_stream_id"]
        # A stream that has never been loaded has no table to differ from.
        stored = {column for column in tables.get(name, ()) if not column.startswith("_sdc_")}
        found = {column for column in stream["schema"]["properties"] if len(column.encode()) <= _LONGEST_NAME}
        if not stored:
            continue
        gone = {column for column in stored - found if len(column.encode()) < _LONGEST_NAME}
        parts = [
            f"{what}: {', '.join(sorted(columns))}"
            for what, columns in (("new in the CRM", found - stored), ("gone from the CRM", gone))
            if columns
        ]
        if parts:
            sentence = f"The columns have changed ({'; '.join(parts)})."
            count = len(found - stored) + len(gone)
            findings.append(health.Finding(source.name, name, "schema_drift", "warning", sentence, count, 0))
    return findings


def drift_of_all(
    project: Project, conn: psycopg.Connection, rules: HealthRules, name: str | None
) -> tuple[list[Finding], list[str]]:
    """Compare the columns of every CRM that is set up, or of one; return findings, and why some were not asked."""
    findings, told = [], []
    for source in installed_sources().values():
        if name not in (None, source.name) or project.missing_settings(source.tap):
            continue
        try:
            found = drift(project, conn, source)
        except (CrmError, CrmUsageError) as error:
            told.append(f"{source.name}: {error.message}")
        else:
            findings += [one for one in found if not rules.of(source.name, one.sync_type).ignore]
    return findings, told
