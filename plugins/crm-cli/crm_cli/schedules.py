"""The timetable: the schedules of the Meltano project, when each is due, and its lines in a crontab."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cronsim import CronSim, CronSimError

from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.pipeline import SCHEDULE_VARIABLE, TIMEOUT_VARIABLE, Request, bin_folder, meltano_environment
from crm_cli.project import variable
from crm_cli.rundir import run_folder
from crm_cli.sources import installed_sources, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crm_cli.project import Project
    from crm_cli.sources import Source

# Meltano's words for intervals, as cron writes them.
_WORDS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
NEVER: Final = "@once"
ALERTS_INTERVAL: Final = "*/10 * * * *"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One line of the timetable.

    Attributes:
        name: Its name.
        source: The CRM that its job syncs.
        interval: Cron expression, UTC; ``@once`` for one that is only run by hand.
        variables: Settings of its runs, as environment variables.
    """

    name: str
    source: Source
    interval: str
    variables: Mapping[str, str] = field(default_factory=dict)

    def next_run(self, now: datetime) -> datetime | None:
        """Return when it is due next, in UTC; None if cron never runs it.

        Raises:
            CrmUsageError: If the interval is no cron expression.
        """
        if self.interval == NEVER:
            return None
        try:
            return next(CronSim(self.interval, now.astimezone(UTC)))
        except (CronSimError, StopIteration):
            raise CrmUsageError(
                f"The schedule {self.name} has the interval {self.interval!r}, which is no cron expression that comes "
                "true: correct it in meltano.yml."
            ) from None

    def request(self) -> Request:
        """Return what a run of it does."""
        chosen = self.variables.get(variable(self.source.tap, "_select_filter"))
        streams = tuple(json.loads(chosen)) if chosen else ()
        return Request(
            self.source,
            streams=tuple(stream for stream in self.source.streams if stream in streams),
            variables={**self.variables, SCHEDULE_VARIABLE: self.name},
        )


def declared(project: Project) -> list[Schedule]:
    """Return the schedules as the Meltano files declare them, without asking Meltano.

    Raises:
        CrmUsageError: If one names a job that does not exist, or one that syncs no CRM.
    """
    jobs = {job["name"]: job for job in project.entries("jobs")}
    found = []
    for entry in project.entries("schedules"):
        job = jobs.get(entry.get("job", ""))
        if job is None:
            raise CrmUsageError(
                f"The schedule {entry['name']} names the job {entry.get('job')!r}, which does not exist."
            )
        found.append(_schedule(entry["name"], entry["interval"], job["tasks"], entry.get("env") or {}))
    return found


def listed(project: Project) -> list[Schedule]:
    """Return the schedules as Meltano lists them; it takes seconds.

    Raises:
        CrmError: If Meltano fails.
    """
    with run_folder(project.state_folder / "runs", f"schedules-{id(project):x}") as (folder, _):
        done = subprocess.run(  # noqa: S603 -- our own program and arguments
            [Path(bin_folder()) / "meltano", "--log-level=error", "schedule", "list", "--format=json"],
            env=meltano_environment(project, folder),
            cwd=project.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            umask=0o077,
            check=False,
        )
    if done.returncode:
        raise CrmError(
            f"Meltano could not list its schedules: {done.stderr.strip().splitlines()[-1:] or done.returncode}"
        )
    entries = json.loads(done.stdout)["schedules"]["job"]
    return [
        _schedule(entry["name"], entry["cron_interval"] or NEVER, entry["job"]["tasks"], entry.get("env") or {})
        for entry in entries
    ]


def find(schedules: Iterable[Schedule], name: str) -> Schedule:
    """Return the schedule of a name.

    Raises:
        CrmUsageError: If there is none; names the nearest.
    """
    known = {schedule.name: schedule for schedule in schedules}
    if name not in known:
        raise CrmUsageError(unknown("schedule", name, known))
    return known[name]


def crontab_lines(project: Project, schedules: Iterable[Schedule]) -> list[tuple[str, str, str]]:
    """Return interval, command and mark of the crontab line of each schedule that cron is to run."""
    crm, log = Path(bin_folder()) / "crm", project.state_folder / "logs" / "cron.log"
    lines = []
    for schedule in schedules:
        if schedule.interval == NEVER:
            continue
        words = [shlex.quote(str(word)) for word in (project.root, crm, schedule.name, log)]
        command = "cd {} && {} schedule run {} --quiet >> {} 2>&1".format(*words)
        # In a crontab a bare percent sign begins the command's input.
        lines.append((schedule.interval, command.replace("%", "\\%"), mark(project, schedule.name)))
    return lines


def alerts_line(project: Project) -> tuple[str, str, str]:
    """Return interval, command and mark of the crontab line that tells of changes in health."""
    crm, log = Path(bin_folder()) / "crm", project.state_folder / "logs" / "cron.log"
    words = [shlex.quote(str(word)) for word in (project.root, crm, log)]
    command = "cd {} && {} alerts run >> {} 2>&1".format(*words)
    # No schedule can have a name in brackets of this kind by accident.
    return (ALERTS_INTERVAL, command.replace("%", "\\%"), mark(project, "(alerts)"))


def mark(project: Project, name: str = "") -> str:
    """Return the comment that tells our lines of a crontab from foreign ones, and from those of another project."""
    return f"crm {project.root}: {name}".rstrip()


def _schedule(name: str, interval: str, tasks: Any, env: Mapping[str, Any]) -> Schedule:  # noqa: ANN401 -- as in YAML
    words = _first_task(tasks)
    source = next((one for one in installed_sources().values() if words and one.tap == words[0]), None)
    if source is None:
        raise CrmUsageError(f"The schedule {name} has a job that syncs no CRM of this project: {' '.join(words)}.")
    return Schedule(name, source, _WORDS.get(interval, interval), {key: str(value) for key, value in env.items()})


def _first_task(tasks: Any) -> list[str]:  # noqa: ANN401 -- as in YAML
    first = tasks if isinstance(tasks, str) else tasks[0] if tasks else ""
    return first.split() if isinstance(first, str) else " ".join(first).split()


__all__ = [
    "ALERTS_INTERVAL",
    "NEVER",
    "TIMEOUT_VARIABLE",
    "Schedule",
    "alerts_line",
    "crontab_lines",
    "declared",
    "find",
    "listed",
    "mark",
]
