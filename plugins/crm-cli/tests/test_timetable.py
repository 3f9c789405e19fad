"""The timetable in the foreground, with a clock of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from crm_cli.errors import CrmUsageError
from crm_cli.timetable import Job, Stop, Timetable, jobs_of

if TYPE_CHECKING:
    from types import FrameType

    from crm_cli.project import Project

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOURLY, MINUTELY = Job("hourly", "8 * * * *", ("a",)), Job("minutely", "* * * * *", ("b",))
SCHEDULES = """
jobs:
- name: acme
  tasks: [tap-acme target-postgres-dw]
schedules:
- {name: acme-hourly, interval: "@hourly", job: acme}
- {name: acme-by-hand, interval: "@once", job: acme}
"""


class Process:
    """A run that ends when it is told to, or was to."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.signals: list[int] = []

    def poll(self) -> int | None:
        return self.code

    def wait(self) -> int:
        return self.code or 0

    def send_signal(self, number: int, /) -> None:
        self.signals.append(number)
        self.code = 1


class Clock(Stop):
    """Goes forward by what is waited, and stops everything at an hour."""

    def __init__(self, end: datetime) -> None:
        super().__init__()
        self.time, self.end = NOON, end
        self.jump = timedelta(0)

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds) + self.jump
        self.jump = timedelta(0)
        if self.time >= self.end:
            self.set()


def keep(jobs: list[Job], clock: Clock, code: int | None = 0) -> tuple[list[str], list[str], list[Process]]:
    """Keep a timetable until the clock ends it; return what was started when, what was told, and the runs."""
    started: list[str] = []
    told: list[str] = []
    processes: list[Process] = []

    def start(job: Job) -> Process:
        started.append(f"{job.name} {clock.time:%H:%M:%S}")
        processes.append(Process())
        processes[-1].code = code
        return processes[-1]

    Timetable(jobs, start, lambda level, event, _job: told.append(f"{level}: {event}"), clock.now, clock).run()
    return started, told, processes


def test_each_job_starts_when_it_is_due() -> None:
    started, told, _ = keep([HOURLY, MINUTELY], Clock(NOON + timedelta(minutes=9, seconds=1)))
    assert started == [
        *(f"minutely 12:0{minute}:00" for minute in range(1, 8)),
        "hourly 12:08:00",
        "minutely 12:08:00",
        "minutely 12:09:00",
    ]
    assert told.count("info: minutely has ended with exit code 0") == 9


def test_what_is_still_at_work_is_left_out_and_ended_at_the_end() -> None:
    started, told, [process] = keep([MINUTELY], Clock(NOON + timedelta(minutes=3, seconds=1)), code=None)
    assert started == ["minutely 12:01:00"]
    left_out = "warning: minutely is due, but its last run is still at work: left out"
    assert told == ["info: minutely starts", left_out, left_out, "error: minutely has ended with exit code 1"]
    assert process.signals == [signal.SIGTERM]


def test_runs_that_were_missed_are_made_up_for_by_one() -> None:
    clock = Clock(NOON + timedelta(hours=5, minutes=9))
    clock.jump = timedelta(hours=4, minutes=30)
    started, _, _ = keep([HOURLY], clock)
    assert started == ["hourly 16:30:30", "hourly 17:08:00"]


def test_the_jobs_are_those_of_the_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CrmUsageError, match="no schedule that is ever due"):
        jobs_of(project)
    with (project.root / "meltano.yml").open("a") as file:
        file.write(SCHEDULES)
    assert jobs_of(type(project)(project.root)) == [
        Job("acme-hourly", "0 * * * *", ("schedule", "run", "acme-hourly", "--quiet"))
    ]
    monkeypatch.setenv("CRM_ALERT_SLACK_URL", "https://hooks.example.com/x")
    assert [job.arguments for job in jobs_of(type(project)(project.root))][1:] == [("alerts", "run")]


def test_it_may_be_stopped_at_any_moment_of_its_wait() -> None:
    """A signal handler runs between any two steps of the thread that waits."""

    def wait() -> None:
        stop = Stop()

        def handle(_frame: FrameType, _event: str, _argument: object) -> Any:
            sys.settrace(None)
            stop.set()
            sys.settrace(handle)
            return handle

        sys.settrace(handle)
        stop.wait(3600)
        sys.settrace(None)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_a_signal_ends_it_and_what_is_at_work(project: Project) -> None:
    """The whole command, in a process: a run that is at work gets the signal, and its end is waited for."""
    folder = project.root / "bin"
    folder.mkdir()
    program = folder / "crm"
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, signal, sys\n"
        # A print may be interrupted by the signal, and cannot be called from within itself.
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'ended in good order\\n'), sys.exit(0)))\n"
        "os.write(1, b'at work\\n')\n"
        "signal.pause()\n"
    )
    program.chmod(0o755)
    with (project.root / "meltano.yml").open("a") as file:
        file.write(SCHEDULES)
    body = f"""
from types import SimpleNamespace
from crm_cli import sources, timetable
from crm_cli.project import Project
point = SimpleNamespace(name="acme", dist=SimpleNamespace(name="tap-acme"), load=lambda: ["users"])
sources.entry_points = lambda group: [point] if group == sources.GROUP else []
timetable.bin_folder = lambda: {str(folder)!r}
timetable.Job.due_after = lambda job, moment: moment
timetable.serve(Project(timetable.Path({str(project.root)!r})))
"""
    process: Any = subprocess.Popen(
        [sys.executable, "-c", body], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "at work\n"
    process.send_signal(signal.SIGTERM)
    out, log = process.communicate(timeout=60)
    assert out == "ended in good order\n"
    assert "1 schedules are kept" in log
    assert "acme-hourly has ended with exit code 0" in log
    assert process.returncode == 0
