"""Runs the timetable in the foreground, where there is no cron: in a container, as its only account."""

from __future__ import annotations

import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol

import click
from cronsim import CronSim

from crm_cli.alerts import channels
from crm_cli.errors import CrmUsageError
from crm_cli.pipeline import LOG_FORMAT_VARIABLE, bin_folder, logs_json
from crm_cli.progress import log_line
from crm_cli.schedules import ALERTS_INTERVAL, declared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from crm_cli.project import Project

# How long nothing is looked at, at most: the ends of runs are told, and a clock that was put is noticed.
LONGEST_WAIT: Final = 30.0
ALERTS: Final = "(alerts)"


@dataclass(frozen=True, slots=True)
class Job:
    """What is started when: arguments of ``crm``, and a cron expression in UTC."""

    name: str
    interval: str
    arguments: tuple[str, ...]

    def due_after(self, moment: datetime) -> datetime:
        """Return when it is due next."""
        return next(CronSim(self.interval, moment))


class Process(Protocol):
    """A job at work."""

    def poll(self) -> int | None:
        """Return its exit code, None while it works."""

    def wait(self) -> int:
        """Return its exit code when it has ended."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""


def jobs_of(project: Project) -> list[Job]:
    """Return the schedules that cron would run, and the alerts if anybody is to be told.

    Raises:
        CrmUsageError: If an interval is no cron expression, or there is nothing to run.
    """
    now = datetime.now(UTC)
    found = [
        Job(one.name, one.interval, ("schedule", "run", one.name, "--quiet"))
        for one in declared(project)
        if one.next_run(now) is not None
    ]
    if not found:
        raise CrmUsageError("meltano.yml has no schedule that is ever due: there is nothing to run.")
    if channels(project.environment):
        found.append(Job(ALERTS, ALERTS_INTERVAL, ("alerts", "run")))
    return found


class Stop:
    """What ``threading.Event`` is, for a signal handler to set.

    An Event waits for a lock to be set, which the thread that the handler has interrupted may hold: it would hang.
    ``SimpleQueue.put`` is made to be called from within itself.
    """

    def __init__(self) -> None:
        self._asked = False
        self._wake: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Ask for the end."""
        self._asked = True
        self._wake.put(None)

    def is_set(self) -> bool:
        """Return whether somebody has asked."""
        return self._asked

    def wait(self, seconds: float) -> None:
        """Wait until somebody asks, but no longer than this."""
        with suppress(Empty):
            self._wake.get(timeout=seconds)


@dataclass
class Timetable:
    """Starts each job when it is due, unless it is still at work.

    A machine that slept, or a clock that was put forward, makes one run of those that were missed.
    """

    jobs: Sequence[Job]
    start: Callable[[Job], Process]
    tell: Callable[[str, str, Job], None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    stopped: Stop = field(default_factory=Stop)
    at_work: dict[Job, Process] = field(default_factory=dict)

    def run(self) -> None:
        """Run until somebody sets ``stopped``; then end what is at work, in good order."""
        begin = self.now()
        due = {job: job.due_after(begin) for job in self.jobs}
        while not self.stopped.is_set():
            seconds = (min(due.values()) - self.now()).total_seconds()
            if seconds > 0:
                self.stopped.wait(min(seconds, LONGEST_WAIT))
            self._look()
            moment = self.now()
            for job in [job for job, when in due.items() if when <= moment and not self.stopped.is_set()]:
                due[job] = job.due_after(moment)
                self._begin(job)
        for process in self.at_work.values():
            process.send_signal(signal.SIGTERM)
        for process in self.at_work.values():
            process.wait()
        self._look()

    def _begin(self, job: Job) -> None:
        if job in self.at_work:
            self.tell("warning", f"{job.name} is due, but its last run is still at work: left out", job)
            return
        self.tell("info", f"{job.name} starts", job)
        self.at_work[job] = self.start(job)

    def _look(self) -> None:
        """Tell of the jobs that have ended."""
        for job, process in list(self.at_work.items()):
            code = process.poll()
            if code is not None:
                del self.at_work[job]
                self.tell("error" if code == 1 else "info", f"{job.name} has ended with exit code {code}", job)


def serve(project: Project) -> None:
    """Run the timetable of a project until SIGTERM or Ctrl-C.

    Raises:
        CrmUsageError: If there is nothing to run, or a schedule is wrong.
    """
    as_json = logs_json(project.environment.get(LOG_FORMAT_VARIABLE, ""))

    def start(job: Job) -> Process:
        return subprocess.Popen(  # noqa: S603 -- our own program and arguments
            [Path(bin_folder()) / "crm", *job.arguments],
            cwd=project.root,
            stdin=subprocess.DEVNULL,
            # Ctrl-C reaches only us, and we pass on one signal to each.
            start_new_session=True,
        )

    def tell(level: str, event: str, job: Job) -> None:
        click.echo(log_line(level, event, as_json=as_json, schedule=job.name), err=True)

    timetable = Timetable(jobs_of(project), start, tell)
    with _stopping(timetable.stopped):
        click.echo(log_line("info", f"{len(timetable.jobs)} schedules are kept", as_json=as_json), err=True)
        timetable.run()


@contextmanager
def _stopping(stopped: Stop) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
