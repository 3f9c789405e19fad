"""Health on crafted histories: what is reported, and above all what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sync_history import health, rejects, schema
from sync_history.health_rules import RULES, HealthFileError, HealthRules, load_rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
TWO_HOURS = {("genius", "people"): timedelta(hours=2)}


class History:
    """Writes rows as they would be, so many hours before the present."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn

    def run(  # noqa: PLR0913 -- the columns of a row
        self,
        ago: float,
        status: str = "success",
        *,
        stream: str = "people",
        category: str | None = None,
        minutes: float = 1,
        records: int = 5,
        failed: int = 0,
        bookmark: dict[str, Any] | None = None,
        heartbeat: float | None = None,
        metrics: dict[str, Any] | None = None,
        **configuration: Any,
    ) -> int:
        start = NOW - timedelta(hours=ago)
        end = None if status == "running" else start + timedelta(minutes=minutes)
        beat = end or (NOW - timedelta(minutes=heartbeat or 0))
        row = self.conn.execute(
            "INSERT INTO orchestration.sync_history (run_id, crm_source, sync_type, status, start_time, end_time,"
            " heartbeat_at, records_processed, records_created, records_failed, error_category, performance_metrics,"
            " configuration, bookmark) VALUES ('r', 'genius', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " RETURNING id",
            (
                *(stream, status, start, end, beat, records, records - failed, failed),
                category or ("connection" if status == "failed" else None),
                *(Jsonb(metrics or {}), Jsonb(configuration), Jsonb(bookmark or {"replication_key_value": "x"})),
            ),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def good_day(self, **more: Any) -> None:
        for ago in range(24, 0, -1):
            self.run(ago - 0.5, **more)


@pytest.fixture
def history(postgres_url: str) -> Iterator[History]:
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        schema.migrate(conn)
        yield History(conn)


@pytest.fixture
def rules() -> HealthRules:
    return load_rules()


def changed(tmp_path: Path, text: str) -> HealthRules:
    file = tmp_path / "health.yml"
    file.write_text(text)
    return load_rules(file)


def found(history: History, rules: HealthRules, **more: Any) -> dict[str, str]:
    """Return the rules that are broken, with their levels."""
    result = health.assess(history.conn, rules, due_within=TWO_HOURS, now=NOW, **more)
    return {finding.rule: finding.level for finding in result.all_findings}


def test_a_good_day_finds_nothing(history: History, rules: HealthRules) -> None:
    history.good_day()
    result = health.assess(history.conn, rules, due_within=TWO_HOURS, now=NOW)
    assert result.all_findings == []
    assert result.is_healthy
    [stream] = result.streams
    assert (stream.success, stream.failed, stream.success_rate) == (24, 0, 1.0)
    assert stream.last_good == NOW - timedelta(minutes=29)
    assert stream.fresh_within_hours == 2


def test_an_empty_history_is_healthy(history: History, rules: HealthRules) -> None:
    result = health.assess(history.conn, rules, now=NOW)
    assert (result.is_healthy, result.streams, result.all_findings) == (True, [], [])


def test_a_quiet_day_finds_nothing(history: History, rules: HealthRules) -> None:
    history.run(48)
    history.good_day(records=0)
    assert found(history, rules) == {}


def test_a_project_without_a_timetable_is_not_called_stale(history: History, rules: HealthRules) -> None:
    history.run(900)
    assert health.assess(history.conn, rules, now=NOW).is_healthy


def test_too_few_runs_that_end_well(history: History, rules: HealthRules) -> None:
    for ago in (8, 6, 4, 2):
        history.run(ago)
        history.run(ago - 0.5, "failed")
    history.run(0.5)
    assert found(history, rules) == {"success_rate": "bad"}
    result = health.assess(history.conn, rules, now=NOW)
    [finding] = result.all_findings
    assert finding.sentence == "5 of 9 runs of the last 24 hours ended well (56%, at least 80% wanted)."
    assert not result.streams[0].is_healthy


def test_exactly_the_wanted_share_is_enough(history: History, rules: HealthRules) -> None:
    for ago in (5, 4, 3, 2):
        history.run(ago)
    history.run(1.5, "failed")
    history.run(1, "failed")
    assert found(history, rules) == {"success_rate": "bad"}
    history.run(0.9)
    history.run(0.8)
    history.run(0.7)
    history.run(0.6)
    assert found(history, rules) == {}


@pytest.mark.parametrize(
    "left_out",
    [
        {"status": "failed", "category": "overlap"},
        {"status": "running", "heartbeat": 0},
        {"status": "failed", "dry_run": True},
        {"status": "failed", "edited_by": "Ann"},
        {"status": "failed", "imported": {"id": 1}},
        {"status": "failed", "replay": 3},
    ],
    ids=["overlap", "running", "dry run", "edit", "imported", "replay"],
)
def test_what_says_nothing_of_the_source_is_not_counted(
    history: History, rules: HealthRules, left_out: dict[str, Any]
) -> None:
    history.run(1)
    for ago in (0.9, 0.8, 0.7, 0.6):
        history.run(ago, **left_out)
    assert found(history, rules) == {}
    [stream] = health.assess(history.conn, rules, now=NOW).streams
    assert (stream.success, stream.failed, stream.success_rate, stream.consecutive_failures) == (1, 0, 1.0, 0)


def test_partial_runs_are_told_apart_and_count_as_good(history: History, rules: HealthRules) -> None:
    history.run(2)
    history.run(1, "partial", failed=1)
    assert found(history, rules) == {}
    [stream] = health.assess(history.conn, rules, now=NOW).streams
    assert (stream.success, stream.partial, stream.success_rate) == (1, 1, 1.0)


def test_failures_in_a_row_are_reported_though_the_share_is_good(history: History, rules: HealthRules) -> None:
    for ago in range(24, 4, -1):
        history.run(ago - 0.5)
    history.run(1.6, minutes=1)
    for hours in (1.5, 1.2, 1.0):
        history.run(hours, "failed", category="authentication")
    assert found(history, rules) == {"failures": "bad"}
    [finding] = health.assess(history.conn, rules, due_within=TWO_HOURS, now=NOW).all_findings
    assert finding.sentence == "The last 3 runs failed (authentication)."
    assert finding.value == 3


def test_failures_older_than_the_window_still_count_in_a_row(history: History, rules: HealthRules) -> None:
    for day in (21, 14, 7):
        history.run(24 * day, "failed")
    assert set(found(history, rules)) == {"failures", "freshness"}
    assert health.assess(history.conn, rules, now=NOW).streams[0].success_rate is None


@pytest.mark.parametrize(("ago", "fresh"), [(1.9, True), (2.1, False)])
def test_a_stream_is_stale_after_its_own_time(history: History, rules: HealthRules, ago: float, *, fresh: bool) -> None:
    history.run(ago)
    assert found(history, rules) == ({} if fresh else {"freshness": "bad"})


def test_the_file_names_the_time_of_a_stream(history: History, tmp_path: Path) -> None:
    history.run(30)
    rules = changed(
        tmp_path, "sources: {genius: {fresh_within_hours: 26, streams: {people: {fresh_within_hours: 48}}}}"
    )
    assert found(history, rules) == {}
    assert rules.of("genius", "pets").fresh_within_hours == 26
    assert rules.of("hubspot", "deals").fresh_within_hours is None


@pytest.mark.parametrize("narrow", [{"max_records": 10}, {"since": "2026-03-01"}, {"end_date": "2026-03-02"}])
def test_a_narrowed_run_makes_nothing_fresh(history: History, rules: HealthRules, narrow: dict[str, Any]) -> None:
    history.run(9)
    history.run(0.5, **narrow)
    assert found(history, rules) == {"freshness": "bad"}


def test_an_ordinary_limit_of_none_is_no_narrowing(history: History, rules: HealthRules) -> None:
    history.run(0.5, max_records=0)
    assert found(history, rules) == {}


def test_a_first_load_that_lives_is_waited_for(history: History, rules: HealthRules) -> None:
    history.run(3.5, "running", heartbeat=1)
    assert found(history, rules) == {}
    history.run(5, "running", heartbeat=1)
    assert found(history, rules) == {"long_run": "bad"}


def test_a_stream_that_was_never_read_whole(history: History, rules: HealthRules) -> None:
    history.run(5, "failed")
    assert set(found(history, rules)) == {"freshness", "success_rate"}
    sentences = {
        one.rule: one.sentence for one in health.assess(history.conn, rules, due_within=TWO_HOURS, now=NOW).all_findings
    }
    assert sentences["freshness"] == "It has never been read completely."


def test_a_run_without_a_sign_of_life(history: History, rules: HealthRules) -> None:
    history.run(1.5)
    history.run(1, "running", heartbeat=6)
    assert found(history, rules) == {"stale_run": "bad"}
    assert history.conn.execute(
        "SELECT count(*) FROM orchestration.sync_history WHERE status = 'running'"
    ).fetchone() == (1,)


def test_a_whole_table_that_comes_empty(history: History, rules: HealthRules) -> None:
    whole: dict[str, Any] = {"bookmark": {"replication_key": None}}
    history.run(3, **whole)
    history.run(1.5, records=0, **whole)
    history.run(1, records=0, **whole)
    assert found(history, rules) == {}
    history.run(0.5, records=0, **whole)
    assert found(history, rules) == {"empty_runs": "bad"}


def test_a_table_that_was_always_empty_is_left_in_peace(history: History, rules: HealthRules) -> None:
    history.good_day(records=0, bookmark={"replication_key": None})
    assert found(history, rules) == {}


def test_records_may_be_expected_of_a_stream(history: History, tmp_path: Path) -> None:
    history.run(30)
    history.good_day(records=0)
    assert found(history, load_rules()) == {}
    rules = changed(tmp_path, "sources: {genius: {streams: {people: {records_within_hours: 24}}}}")
    assert found(history, rules) == {"no_records": "bad"}


def test_many_open_rejects(history: History, tmp_path: Path) -> None:
    row = history.run(1)
    rejects.store(
        history.conn,
        history_id=row,
        crm_source="genius",
        rejects=[
            rejects.Reject("people", "odd", "value", {"id": n}, {"mail": "ann@example.com"}, "born") for n in range(3)
        ],
    )
    assert found(history, load_rules()) == {}
    rules = changed(tmp_path, "defaults: {max_open_rejects: 2, drift_rejects: 3}")
    # The rejects were seen by the database's clock.
    history.conn.execute("UPDATE orchestration.sync_reject SET last_seen_at = %s", (NOW,))
    assert found(history, rules) == {"open_rejects": "bad", "schema_drift": "warning"}
    result = health.assess(history.conn, rules, now=NOW)
    assert result.streams[0].open_rejects == 3
    assert "Values of born were refused 3 times" in str([one.sentence for one in result.all_findings])
    assert "example.com" not in str(result)
    rejects.resolve(
        history.conn, [row_id for (row_id,) in history.conn.execute("SELECT id FROM orchestration.sync_reject")], "ok"
    )
    assert found(history, rules) == {}


def test_a_great_share_of_rejected_records(history: History, rules: HealthRules) -> None:
    history.run(1, "partial", records=99, failed=50)
    assert found(history, rules) == {}
    history.run(0.5, "partial", records=99, failed=50)
    assert found(history, rules) == {"reject_share": "bad"}


@pytest.mark.parametrize("category", ["warehouse", "data"])
def test_a_stream_that_its_table_cannot_take(history: History, rules: HealthRules, category: str) -> None:
    for ago in range(10, 1, -1):
        history.run(ago - 0.5)
    history.run(1, "failed", category=category)
    assert found(history, rules) == {"schema_drift": "warning"}
    assert health.assess(history.conn, rules, due_within=TWO_HOURS, now=NOW).is_healthy


def test_a_quota_that_is_nearly_used(history: History, tmp_path: Path) -> None:
    for stream in ("people", "pets"):
        history.run(1, stream=stream, metrics={"requests": 450})
    rules = changed(tmp_path, "sources: {genius: {daily_requests: 1000}}")
    assert found(history, load_rules()) == {}
    assert found(history, rules) == {"quota": "warning"}
    history.run(30, metrics={"requests": 10_000})
    [finding] = health.assess(history.conn, rules, now=NOW).findings
    assert finding.sentence.startswith("900 of the 1,000 requests that a day allows")
    assert (finding.crm_source, finding.sync_type) == ("genius", "")


def test_the_taps_own_setting_says_how_many_requests_a_day_allows(history: History, rules: HealthRules) -> None:
    history.run(1, metrics={"requests": 900}, daily_requests=1000)
    assert found(history, rules) == {"quota": "warning"}


@pytest.mark.parametrize("category", ["quota", "rate_limit"])
def test_a_run_that_ended_at_a_limit(history: History, rules: HealthRules, category: str) -> None:
    for ago in range(10, 1, -1):
        history.run(ago - 0.5)
    history.run(1, "failed", category=category)
    assert found(history, rules) == {"quota": "warning"}


def test_a_source_that_mostly_waits(history: History, rules: HealthRules) -> None:
    history.run(1, minutes=50, metrics={"rate_limited_seconds": 590})
    assert found(history, rules) == {}
    history.run(0.9, minutes=20, metrics={"rate_limited_seconds": 3000})
    assert found(history, rules) == {"rate_limits": "warning"}


def test_a_source_that_is_set_up_and_never_ran(history: History, rules: HealthRules, tmp_path: Path) -> None:
    history.run(1)
    assert found(history, rules, expected=["genius", "hubspot"]) == {"never_run": "bad"}
    assert found(history, rules, expected=["genius", "hubspot"], crm_source="genius") == {}
    assert found(history, changed(tmp_path, "sources: {hubspot: {ignore: true}}"), expected=["hubspot"]) == {}


def test_a_stream_may_be_ignored(history: History, tmp_path: Path) -> None:
    for ago in (3, 2, 1):
        history.run(ago, "failed", category="quota")
    rules = changed(tmp_path, "sources: {genius: {streams: {people: {ignore: true}}}}")
    assert found(history, rules) == {"quota": "warning"}
    assert health.assess(history.conn, rules, now=NOW).streams[0].ignored
    assert found(history, changed(tmp_path, "sources: {genius: {ignore: true}}")) == {}


def test_one_source_alone(history: History, rules: HealthRules) -> None:
    history.run(1)
    assert health.assess(history.conn, rules, crm_source="hubspot", now=NOW).streams == []
    assert len(health.assess(history.conn, rules, crm_source="genius", now=NOW).streams) == 1


# -- the file ----------------------------------------------------------------------------------------------------------


def test_the_shipped_file_sets_everything(rules: HealthRules) -> None:
    assert rules.of("any").min_success_rate == 0.8
    assert rules.longest_window_hours == 24
    assert rules.alerts.cooldown_of("failures") == 240
    assert len(RULES) == 13


def test_the_longest_window_is_that_of_any_stream(tmp_path: Path) -> None:
    rules = changed(
        tmp_path, "sources: {genius: {streams: {people: {window_hours: 72}}}}\nalerts: {cooldowns: {quota: 5}}"
    )
    assert rules.longest_window_hours == 72
    assert rules.alerts.cooldown_of("quota") == 5
    assert rules.alerts.warnings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("defaults: {min_sucess_rate: 1}", r"defaults\.min_sucess_rate is unknown\. Did you mean min_success_rate"),
        ("default: {}", "default is unknown. Did you mean defaults"),
        ("defaults: {min_success_rate: high}", "is 'high'; it must be a number from 0"),
        ("defaults: {max_empty_runs: 1.5}", "is 1.5; it must be a whole number from 0"),
        ("defaults: {ignore: 1}", "is 1; it must be true or false"),
        ("defaults: {window_hours: null}", "is None; it must be a number from 0"),
        ("defaults: {daily_requests: true}", "a whole number from 0 or null"),
        ("sources: {genius: {streams: [people]}}", r"sources\.genius\.streams must hold names and values"),
        ("sources: {genius: {streams: {people: {fresh: 2}}}}", r"sources\.genius\.streams\.people\.fresh is unknown"),
        ("alerts: {cooldowns: {qota: 1}}", r"alerts\.cooldowns\.qota is unknown\. Did you mean quota"),
        ("alerts: {cooldown_minutes: -1}", "is -1; it must be a number from 0"),
        ("[", "cannot be read as YAML"),
        ("- 1", "it must hold names and values"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(HealthFileError, match=told):
        changed(tmp_path, text)


def test_an_empty_file_or_none_changes_nothing(tmp_path: Path) -> None:
    assert changed(tmp_path, "") == load_rules() == load_rules(tmp_path / "missing.yml")
