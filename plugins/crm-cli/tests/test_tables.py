from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from crm_cli.progress import LiveProgress, LogProgress, Rates, describe
from crm_cli.tables import ago, bookmark_text, console, history_table, run_record, run_table, status_table, utc
from rich.console import Console
from sync_history.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
DONE = Run(
    id=1,
    run_id="r",
    crm_source="acme",
    sync_type="users",
    endpoint="user_data",
    status="success",
    start_time=START,
    end_time=START + timedelta(seconds=2.5),
    heartbeat_at=START,
    records_processed=1234,
    records_created=1000,
    records_updated=200,
    records_unchanged=34,
    records_failed=0,
    records_deleted=7,
    error_message=None,
    error_category=None,
    performance_metrics={},
    configuration={},
    bookmark={"replication_key": "updated_at", "replication_key_value": "2026-01-05T07:00:00.000000+00:00"},
    bookmark_before=None,
)
RUNNING = replace(
    DONE, id=2, sync_type="deals", status="running", end_time=None, performance_metrics={"records_total": 4000}
)


def shown(renderable: object) -> list[str]:
    out = Console(file=StringIO(), width=160)
    out.print(renderable)
    assert isinstance(out.file, StringIO)
    return [" ".join(line.split()) for line in out.file.getvalue().splitlines() if line.strip()]


def test_a_runs_table_has_every_count_and_their_totals() -> None:
    failed = replace(DONE, sync_type="calls", status="failed", records_processed=1, records_failed=1, records_created=0)
    lines = shown(run_table([DONE, failed], 12.34))
    assert lines[0] == "stream status processed created updated unchanged deleted failed seconds"
    assert "users success 1,234 1,000 200 34 7 0 2.5" in lines
    assert "calls failed 1 0 200 34 7 1 2.5" in lines
    assert lines[-2:] == ["total 1,235 1,000 400 68 14 1 12.3", "1 success, 1 failed"]


def test_a_running_stream_has_no_seconds_yet() -> None:
    assert shown(run_table([RUNNING]))[2] == "deals running 1,234 1,000 200 34 7 0"


def test_a_dry_run_says_so() -> None:
    assert "success (dry run)" in "\n".join(shown(run_table([replace(DONE, configuration={"dry_run": True})])))


def test_the_json_record_has_stable_fields() -> None:
    assert run_record(DONE) == {
        "run_id": "r",
        "source": "acme",
        "stream": "users",
        "status": "success",
        "started_at": "2026-01-05T08:00:00.000000Z",
        "ended_at": "2026-01-05T08:00:02.500000Z",
        "seconds": 2.5,
        "processed": 1234,
        "created": 1000,
        "updated": 200,
        "unchanged": 34,
        "deleted": 7,
        "failed": 0,
        "bookmark": {"replication_key": "updated_at", "replication_key_value": "2026-01-05T07:00:00.000000+00:00"},
        "error": None,
        "error_category": None,
        "dry_run": False,
    }
    assert run_record(RUNNING)["ended_at"] is None
    assert run_record(RUNNING)["seconds"] is None


@pytest.mark.parametrize(
    ("bookmark", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"replication_key_value": "2026-01-05T07:00:00.500000+02:00"}, "2026-01-05 05:00:00"),
        ({"replication_key_value": "a-17"}, "a-17"),
        ({"replication_key_value": "202501012101010061674780"}, "202501012101010061674780"),
        ({"replication_key_value": 17, "resume": {"last_key": [3]}}, "17 (to be resumed)"),
        ({"resume": {"last_key": [3]}}, "(to be resumed)"),
    ],
)
def test_bookmarks_are_shown_in_utc(bookmark: dict[str, object] | None, text: str) -> None:
    assert bookmark_text(bookmark) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7199, "1 h ago"), (172_800, "2 d ago")],
)
def test_ago_uses_the_greatest_unit(seconds: int, text: str) -> None:
    assert ago(START, START + timedelta(seconds=seconds)) == text


def test_times_are_shown_in_utc() -> None:
    assert utc(datetime(2026, 1, 5, 2, 0, tzinfo=timezone(timedelta(hours=-6)))) == "2026-01-05 08:00:00"


def test_a_file_is_wide_enough_for_every_column(monkeypatch: pytest.MonkeyPatch) -> None:
    assert console().width == 160
    monkeypatch.setenv("COLUMNS", "80")
    assert console().width == 160
    monkeypatch.setenv("COLUMNS", "200")
    assert console().width == 200


def test_a_terminal_of_80_columns_cuts_no_number() -> None:
    long = replace(DONE, sync_type="marketsharp_marketing_source_maps", records_processed=1_234_567)
    out = Console(file=StringIO(), width=80)
    out.print(run_table([long, DONE], 12.0, 80))
    out.print(status_table([long], {}, START, 80))
    out.print(history_table([long], 80))
    assert isinstance(out.file, StringIO)
    text = out.file.getvalue()
    assert "…" not in text
    assert text.count("1,234,567") == 3
    assert "2026-01-05 08:00:00" in text
    assert {"processed", "unchanged", "seconds", "rejects"} <= set(text.split())


@pytest.fixture
def clock() -> Callable[[float], Callable[[], float]]:
    """A clock that stands at 100 s and is moved by calling it with seconds."""
    now = [100.0]

    def move(seconds: float) -> Callable[[], float]:
        now[0] += seconds
        return lambda: now[0]

    return move


def test_rates_are_measured_from_the_first_rows(clock: Callable[[float], Callable[[], float]]) -> None:
    rates = Rates(clock(0))
    assert rates.see(replace(RUNNING, records_processed=0)) is None
    clock(60)
    assert rates.see(replace(RUNNING, records_processed=500)) is None
    clock(2)
    assert rates.see(replace(RUNNING, records_processed=2500)) == 1000.0


@pytest.mark.parametrize(
    ("metrics", "rate", "text"),
    [
        ({"records_total": 4000}, 250.4, "1,234 rows, 30 % of 4,000, 250 rows/s"),
        ({"records_total": None}, None, "1,234 rows"),
        ({"records_total": 0}, 3.0, "1,234 rows, 3 rows/s"),
        ({"records_total": 1000}, None, "1,234 rows, 100 % of 1,000"),
    ],
)
def test_a_running_stream_is_described(metrics: dict[str, object], rate: float | None, text: str) -> None:
    assert describe(replace(RUNNING, performance_metrics=metrics), rate) == text


def test_the_plain_log_has_a_line_per_change_and_every_ten_seconds(
    clock: Callable[[float], Callable[[], float]], capsys: pytest.CaptureFixture[str]
) -> None:
    silent = replace(RUNNING, records_processed=0)
    with LogProgress(clock(0)) as progress:
        progress.update([silent])
        progress.update([RUNNING])
        clock(5)
        progress.update([RUNNING])
        clock(5)
        progress.update([replace(RUNNING, records_processed=2234)])
        failed = replace(RUNNING, status="failed", error_message="The table is gone.", end_time=START)
        progress.update([failed])
        progress.update([failed])
    lines = [line.split("Z ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "acme deals running: 1,234 rows, 30 % of 4,000",
        "acme deals running: 2,234 rows, 55 % of 4,000, 100 rows/s",
        "acme deals failed: 1,234 rows, 30 % of 4,000, 0 rows/s: The table is gone.",
    ]


def test_the_terminal_shows_what_is_at_work(clock: Callable[[float], Callable[[], float]]) -> None:
    out = Console(file=StringIO(), force_terminal=True, width=100)
    with LiveProgress(out, "acme to the warehouse", clock(0)) as progress:
        assert shown(progress._render()) == ["acme to the warehouse starting, 0 s"]
        clock(3)
        progress.update([RUNNING, DONE])
        assert shown(progress._render()) == [
            "acme to the warehouse 1 of 2 streams, 2,468 rows, 3 s",
            "acme deals 1,234 rows, 30 % of 4,000",
        ]
