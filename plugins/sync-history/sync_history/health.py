"""How healthy the streams are: facts from the history, judged by the rules of ``health.yml``.

``assess`` is what `crm check`, the alerts and the dashboard show. A finding holds names, numbers, times and
categories; never the text of an error or a value of a record, because findings are sent to people and machines outside.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from psycopg.rows import class_row, dict_row

from sync_history.runs import COLUMNS, Run

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from sync_history.health_rules import HealthRules, Rule, Thresholds

Level: t.TypeAlias = t.Literal["bad", "warning"]
StreamName: t.TypeAlias = tuple[str, str]

# What says something about a stream: no edit, no dry run, no row of another system, no replay, no refused run.
_COUNTS = (
    "NOT (configuration ?| ARRAY['edited_by', 'dry_run', 'imported', 'replay'])"
    " AND error_category IS DISTINCT FROM 'overlap'"
)
# A run that was limited says nothing of what it did not read.
_WHOLE = (
    "coalesce(configuration ->> 'max_records', '0') = '0'"
    " AND configuration ->> 'since' IS NULL AND configuration ->> 'end_date' IS NULL"
)
# Newest attempts of each stream that are looked at, however old they are.
_NEWEST = 20
_SECONDS_WORTH_TELLING = 600


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        crm_source: The CRM.
        sync_type: The stream; empty for the whole CRM.
        rule: Which rule it breaks.
        level: ``bad`` makes the stream unhealthy, a ``warning`` does not.
        sentence: What is wrong; safe to be sent anywhere.
        value: What was measured.
        threshold: What is allowed.
    """

    crm_source: str
    sync_type: str
    rule: Rule
    level: Level
    sentence: str
    value: float
    threshold: float

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from other findings, from one look to the next."""
        return (self.crm_source, self.sync_type, self.rule)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the history knows of one stream. ``attempts`` are newest first; moments are aware."""

    crm_source: str
    sync_type: str
    attempts: Sequence[Run] = ()
    last_good: datetime | None = None
    last_records: datetime | None = None
    open_rejects: int = 0
    # Open rejects seen within the window, by field.
    refused_fields: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """How one stream does. The counts are of the finished runs of its window."""

    crm_source: str
    sync_type: str
    success: int
    partial: int
    failed: int
    running: int
    consecutive_failures: int
    last_status: str | None
    last_category: str | None
    last_good: datetime | None
    fresh_within_hours: float | None
    open_rejects: int
    ignored: bool
    findings: Sequence[Finding]

    @property
    def success_rate(self) -> float | None:
        """Share of the finished runs that ended well; None if none has finished."""
        finished = self.success + self.partial + self.failed
        return (self.success + self.partial) / finished if finished else None

    @property
    def is_healthy(self) -> bool:
        """Whether nothing bad was found."""
        return all(finding.level != "bad" for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Health:
    """How everything does."""

    at: datetime
    streams: Sequence[StreamHealth]
    # About whole CRMs.
    findings: Sequence[Finding]

    @property
    def all_findings(self) -> list[Finding]:
        """All findings, the bad ones first, then by source and stream."""
        found = [*self.findings, *(finding for stream in self.streams for finding in stream.findings)]
        return sorted(found, key=lambda one: (one.level, *one.key))

    @property
    def is_healthy(self) -> bool:
        """Whether nothing bad was found."""
        return all(finding.level != "bad" for finding in self.all_findings)


def assess(
    conn: Connection[TupleRow],
    rules: HealthRules,
    *,
    crm_source: str | None = None,
    due_within: Mapping[StreamName, timedelta] | None = None,
    expected: Collection[str] = (),
    now: datetime | None = None,
) -> Health:
    """Judge every stream that the history knows, or those of one source. Changes nothing.

    Args:
        conn: To the warehouse.
        rules: The thresholds.
        crm_source: Only this CRM.
        due_within: How old the last complete run of a stream may be where the rules leave it to the timetable.
        expected: Sources that should have runs: one without any is reported.
        now: The present moment, if not that of the clock.
    """
    now = now or datetime.now(UTC)
    due_within = due_within or {}
    facts = collect(conn, crm_source, since=now - timedelta(hours=max(rules.longest_window_hours, 24)))
    streams = []
    for one in facts:
        thresholds = rules.of(one.crm_source, one.sync_type)
        streams.append(judge_stream(one, thresholds, now, due_within.get((one.crm_source, one.sync_type))))
    seen = {one.crm_source for one in facts}
    findings = [
        Finding(source, "", "never_run", "bad", f"No run of {source} has ever been seen, though it is set up.", 0, 1)
        for source in sorted(expected)
        if source not in seen and crm_source in (None, source) and not rules.of(source).ignore
    ]
    for source in sorted(seen):
        thresholds = rules.of(source)
        if not thresholds.ignore:
            findings += judge_source(source, [one for one in facts if one.crm_source == source], thresholds, now)
    return Health(now, streams, findings)


def collect(conn: Connection[TupleRow], crm_source: str | None, *, since: datetime) -> list[Facts]:
    """Return the facts of every stream with an attempt that counts, ordered by source and stream."""
    only = {"source": crm_source, "since": since, "newest": _NEWEST}
    streams = (
        "SELECT DISTINCT crm_source, sync_type FROM orchestration.sync_history"
        " WHERE %(source)s::text IS NULL OR crm_source = %(source)s"
    )
    columns = ", ".join(f"h.{name}" for name in COLUMNS.split(", "))
    with conn.transaction():
        with conn.cursor(row_factory=class_row(Run)) as cursor:
            attempts = cursor.execute(
                f"SELECT {columns} FROM ({streams}) AS s CROSS JOIN LATERAL ("
                f" SELECT * FROM orchestration.sync_history WHERE crm_source = s.crm_source AND sync_type = s.sync_type"
                f" AND {_COUNTS} ORDER BY id DESC LIMIT %(newest)s) AS h"
                f" UNION ALL SELECT {columns} FROM orchestration.sync_history AS h WHERE start_time > %(since)s"
                f" AND (%(source)s::text IS NULL OR crm_source = %(source)s) AND {_COUNTS}",
                only,
            ).fetchall()
        with conn.cursor(row_factory=dict_row) as cursor:
            moments = cursor.execute(
                f"SELECT s.crm_source, s.sync_type,"
                f" (SELECT max(end_time) FROM orchestration.sync_history h WHERE h.crm_source = s.crm_source"
                f"   AND h.sync_type = s.sync_type AND status IN ('success', 'partial') AND {_COUNTS} AND {_WHOLE})"
                f" AS last_good,"
                f" (SELECT max(end_time) FROM orchestration.sync_history h WHERE h.crm_source = s.crm_source"
                f"   AND h.sync_type = s.sync_type AND records_processed > 0 AND {_COUNTS}) AS last_records"
                f" FROM ({streams}) AS s",
                only,
            ).fetchall()
            rejects = cursor.execute(
                "SELECT crm_source, sync_type, field, count(*) AS open,"
                " count(*) FILTER (WHERE last_seen_at > %(since)s) AS recent FROM orchestration.sync_reject"
                " WHERE resolved_at IS NULL AND (%(source)s::text IS NULL OR crm_source = %(source)s)"
                " GROUP BY 1, 2, 3",
                only,
            ).fetchall()
    by_stream: dict[StreamName, dict[int, Run]] = {}
    for run in attempts:
        by_stream.setdefault((run.crm_source, run.sync_type), {})[run.id] = run
    known = {(row["crm_source"], row["sync_type"]): row for row in moments}
    facts = []
    for name in sorted(by_stream):
        waiting = [row for row in rejects if (row["crm_source"], row["sync_type"]) == name]
        facts.append(
            Facts(
                *name,
                attempts=sorted(by_stream[name].values(), key=lambda run: run.id, reverse=True),
                last_good=known[name]["last_good"],
                last_records=known[name]["last_records"],
                open_rejects=sum(row["open"] for row in waiting),
                refused_fields={row["field"]: row["recent"] for row in waiting if row["field"]},
            )
        )
    return facts


def judge_stream(
    facts: Facts, thresholds: Thresholds, now: datetime, due_within: timedelta | None = None
) -> StreamHealth:
    """Judge one stream."""
    start = now - timedelta(hours=thresholds.window_hours)
    window = [run for run in facts.attempts if run.start_time > start]
    finished = [run for run in facts.attempts if run.status != "running"]
    counts = {
        status: sum(run.status == status for run in window) for status in ("success", "partial", "failed", "running")
    }
    failures = next((n for n, run in enumerate(finished) if run.status != "failed"), len(finished))
    last = finished[0] if finished else None
    hours = thresholds.fresh_within_hours
    if hours is None and due_within is not None:
        hours = due_within.total_seconds() / 3600
    judge = _Judge(facts, thresholds, now)
    if not thresholds.ignore:
        judge.failures(failures, last)
        judge.success_rate(counts)
        judge.freshness(hours)
        judge.running_runs()
        judge.records(finished)
        judge.rejects(window)
        judge.drift(last)
    return StreamHealth(
        facts.crm_source,
        facts.sync_type,
        **counts,
        consecutive_failures=failures,
        last_status=facts.attempts[0].status if facts.attempts else None,
        last_category=last.error_category if last else None,
        last_good=facts.last_good,
        fresh_within_hours=hours,
        open_rejects=facts.open_rejects,
        ignored=thresholds.ignore,
        findings=judge.findings,
    )


def judge_source(source: str, facts: Iterable[Facts], thresholds: Thresholds, now: datetime) -> list[Finding]:
    """Judge what the streams of a source share: what the vendor allows."""
    day = [run for one in facts for run in one.attempts if run.start_time > now - timedelta(hours=24)]
    findings = []
    allowed = float(thresholds.daily_requests or 0) or max(
        (_number(run.configuration, "daily_requests") for run in day), default=0.0
    )
    used = sum(_number(run.performance_metrics, "requests") for run in day)
    ended = [run for run in day if run.error_category in {"quota", "rate_limit"}]
    if allowed and used > thresholds.max_quota_share * allowed:
        sentence = (
            f"{used:,.0f} of the {allowed:,.0f} requests that a day allows were made in the last 24 hours"
            f" ({used / allowed:.0%})."
        )
        findings.append(Finding(source, "", "quota", "warning", sentence, used / allowed, thresholds.max_quota_share))
    elif ended:
        sentence = (
            f"{_counted(len(ended), 'run')} of the last 24 hours ended because the source allows no more requests."
        )
        findings.append(Finding(source, "", "quota", "warning", sentence, len(ended), 0))
    waited = sum(_number(run.performance_metrics, "rate_limited_seconds") for run in day)
    worked = sum(((run.end_time or now) - run.start_time).total_seconds() for run in day)
    if waited > _SECONDS_WORTH_TELLING and worked and waited / worked > thresholds.max_waiting_share:
        sentence = f"Its runs spent {waited / worked:.0%} of the last 24 hours' work waiting for rate limits."
        findings.append(
            Finding(source, "", "rate_limits", "warning", sentence, waited / worked, thresholds.max_waiting_share)
        )
    return findings


class _Judge:
    """Applies the rules to the facts of one stream, one method a rule, and keeps what they find."""

    def __init__(self, facts: Facts, thresholds: Thresholds, now: datetime) -> None:
        self.findings: list[Finding] = []
        self._facts = facts
        self._thresholds = thresholds
        self._now = now

    def failures(self, count: int, last: Run | None) -> None:
        """Report failures in a row."""
        limit = self._thresholds.max_consecutive_failures
        if last is not None and 0 < limit <= count:
            category = last.error_category or "unknown"
            many = f"at least {count}" if count >= _NEWEST else str(count)
            self._find("failures", "bad", f"The last {many} runs failed ({category}).", count, limit)

    def success_rate(self, counts: Mapping[str, int]) -> None:
        """Report too many failed runs among the finished ones; without any there is no share."""
        good, failed = counts["success"] + counts["partial"], counts["failed"]
        limit = self._thresholds.min_success_rate
        if good + failed and good / (good + failed) < limit:
            rate = good / (good + failed)
            sentence = (
                f"{good} of {good + failed} runs of the last {self._thresholds.window_hours:g} hours ended well"
                f" ({rate:.0%}, at least {limit:.0%} wanted)."
            )
            self._find("success_rate", "bad", sentence, rate, limit)

    def freshness(self, hours: float | None) -> None:
        """Report that the last complete run is too long ago; a run that lives is waited for."""
        if hours is None or any(self._lives(run) for run in self._facts.attempts):
            return
        last = self._facts.last_good
        if last is None:
            first = min((run.start_time for run in self._facts.attempts), default=self._now)
            if self._now - first > timedelta(hours=hours):
                self._find("freshness", "bad", "It has never been read completely.", self._hours(first), hours)
        elif self._now - last > timedelta(hours=hours):
            sentence = f"The last complete run was {_length(self._now - last)} ago; {hours:g} hours are allowed."
            self._find("freshness", "bad", sentence, self._hours(last), hours)

    def running_runs(self) -> None:
        """Report runs that give no sign of life, and those that take too long."""
        for run in self._facts.attempts:
            if run.status != "running":
                continue
            silent = self._now - (run.heartbeat_at or run.start_time)
            minutes = self._thresholds.stale_minutes
            if silent > timedelta(minutes=minutes):
                sentence = f"A run says it is at work, but has given no sign of life for {_length(silent)}."
                self._find("stale_run", "bad", sentence, silent.total_seconds() / 60, minutes)
                return
            took = self._now - run.start_time
            if took > timedelta(minutes=self._thresholds.max_run_minutes):
                sentence = f"A run has been at work for {_length(took)}."
                self._find("long_run", "bad", sentence, took.total_seconds() / 60, self._thresholds.max_run_minutes)
                return

    def records(self, finished: Sequence[Run]) -> None:
        """Report that nothing comes any more where something should."""
        limit = self._thresholds.max_empty_runs
        complete = [run for run in finished if run.status != "failed"][:limit]
        if (
            limit
            and len(complete) == limit
            and self._facts.last_records is not None
            and all(run.records_processed == 0 and _reads_all(run) for run in complete)
        ):
            sentence = f"It is read whole and used to have records, but the last {limit} complete runs brought none."
            self._find("empty_runs", "bad", sentence, limit, limit)
        hours = self._thresholds.records_within_hours
        if hours is not None:
            last = self._facts.last_records
            first = min((run.start_time for run in self._facts.attempts), default=self._now)
            if self._now - (last or first) > timedelta(hours=hours):
                sentence = (
                    f"No record has come for {_length(self._now - (last or first))}; {hours:g} hours are allowed."
                )
                self._find("no_records", "bad", sentence, self._hours(last or first), hours)

    def rejects(self, window: Iterable[Run]) -> None:
        """Report many open rejects, and a great share of rejected records."""
        count, limit = self._facts.open_rejects, self._thresholds.max_open_rejects
        if count > limit:
            self._find("open_rejects", "bad", f"{count:,} rejects wait for an answer.", count, limit)
        runs = list(window)
        processed, failed = sum(run.records_processed for run in runs), sum(run.records_failed for run in runs)
        if processed >= max(self._thresholds.reject_share_from_records, 1):
            share = failed / processed
            if share > self._thresholds.max_reject_share:
                sentence = f"{failed:,} of {processed:,} records of the window were rejected ({share:.0%})."
                self._find("reject_share", "bad", sentence, share, self._thresholds.max_reject_share)

    def drift(self, last: Run | None) -> None:
        """Report signs that the source has changed its schema."""
        if last is not None and last.status == "failed" and last.error_category in {"data", "warehouse"}:
            sentence = f"The last run failed ({last.error_category}): the stream may not fit its table any more."
            self._find("schema_drift", "warning", sentence, 1, 0)
            return
        limit = self._thresholds.drift_rejects
        fields = sorted(name for name, count in self._facts.refused_fields.items() if 0 < limit <= count)
        if fields:
            most = max(self._facts.refused_fields[name] for name in fields)
            sentence = (
                f"Values of {', '.join(fields)} were refused {most:,} times or less: their type may have changed."
            )
            if len(fields) == 1:
                sentence = f"Values of {fields[0]} were refused {most:,} times: its type may have changed."
            self._find("schema_drift", "warning", sentence, most, limit)

    def _lives(self, run: Run) -> bool:
        """Tell whether a run is at work, gives signs of life, and may still take its time."""
        return (
            run.status == "running"
            and self._now - (run.heartbeat_at or run.start_time) <= timedelta(minutes=self._thresholds.stale_minutes)
            and self._now - run.start_time <= timedelta(minutes=self._thresholds.max_run_minutes)
        )

    def _hours(self, moment: datetime) -> float:
        return (self._now - moment).total_seconds() / 3600

    def _find(self, rule: Rule, level: Level, sentence: str, value: float, threshold: float) -> None:
        names = (self._facts.crm_source, self._facts.sync_type)
        self.findings.append(Finding(*names, rule, level, sentence, round(value, 4), threshold))


def _reads_all(run: Run) -> bool:
    """Tell whether a run had to read everything: its stream has no bookmark with a value."""
    bookmarks = (run.bookmark or {}, run.bookmark_before or {})
    return not any(bookmark.get("replication_key_value") for bookmark in bookmarks)


def _number(values: Mapping[str, t.Any], name: str) -> float:
    value = values.get(name)
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:  # noqa: PLR2004 -- two hours
        return _counted(minutes, "minute")
    if minutes < 2 * 1440:
        return _counted(minutes // 60, "hour")
    return _counted(minutes // 1440, "day")
