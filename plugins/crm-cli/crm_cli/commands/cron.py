"""``crm cron``: the timetable as lines of this account's crontab."""

from __future__ import annotations

import shutil
import subprocess
import time

import click
from crontab import CronTab

from crm_cli.alerts import channels
from crm_cli.errors import CrmError
from crm_cli.project import Project
from crm_cli.schedules import alerts_line, crontab_lines, listed, mark

dry_run_option = click.option("--dry-run", is_flag=True, help="Print the whole crontab instead of installing it.")


@click.group()
def cron() -> None:
    """Let cron run the timetable of meltano.yml.

    Only lines of this project are written or removed; all others of the crontab stay as they are.

    \b
    Example:
      crm cron install
    """  # noqa: D301 -- click's mark for lines that must not be filled


@cron.command()
@dry_run_option
def install(*, dry_run: bool) -> None:
    """Write a line for each schedule into the crontab, in place of earlier ones.

    And one for crm alerts run, every ten minutes, if anybody is to be told.

    \b
    Examples:
      crm cron install --dry-run
      crm cron install
    """  # noqa: D301
    project = Project.find()
    lines = crontab_lines(project, listed(project))
    if channels(project.environment):
        lines.append(alerts_line(project))
    tab = _without_ours(project, _read())
    for interval, command, comment in lines:
        tab.new(command=command, comment=comment).setall(interval)
    if time.localtime().tm_gmtoff:
        click.echo(
            f"cron goes by the machine's time zone ({time.tzname[0]}), the timetable is meant in UTC: set the machine "
            "to UTC, or mind the difference.",
            err=True,
        )
    _write(tab, f"{len(lines)} lines installed; `crm cron show` shows them.", dry_run=dry_run)


@cron.command()
def show() -> None:
    """Show the lines of this project in the crontab.

    \b
    Example:
      crm cron show
    """  # noqa: D301
    ours = [str(job) for job in _ours(Project.find(), _read())]
    click.echo("\n".join(ours) if ours else "The crontab has no line of this project: `crm cron install` writes them.")


@cron.command()
@dry_run_option
def remove(*, dry_run: bool) -> None:
    """Remove the lines of this project from the crontab.

    \b
    Example:
      crm cron remove
    """  # noqa: D301
    project, tab = Project.find(), _read()
    count = len(_ours(project, tab))
    _write(_without_ours(project, tab), f"{count} lines removed.", dry_run=dry_run)


@cron.command()
def run() -> None:
    """Keep the timetable in the foreground, without cron: for containers.

    Starts each schedule when it is due (UTC), and crm alerts run every ten minutes if anybody is to be told. A schedule
    whose last run is still at work is left out. SIGTERM or Ctrl-C ends the runs at work in good order.

    \b
    Example:
      crm cron run
    """  # noqa: D301
    from crm_cli.timetable import serve  # noqa: PLC0415 -- the other commands do without

    serve(Project.find())


def installed_lines(project: Project) -> int:
    """Return how many lines of this project the crontab has.

    Raises:
        CrmError: If there is no cron.
    """
    return len(_ours(project, _read()))


def _ours(project: Project, tab: CronTab) -> list[object]:
    return [job for job in tab if job.comment.startswith(mark(project))]


def _without_ours(project: Project, tab: CronTab) -> CronTab:
    for job in _ours(project, tab):
        tab.remove(job)
    return tab


def _read() -> CronTab:
    """Return the crontab of this account; an account without one has an empty one.

    Raises:
        CrmError: If there is no cron.
    """
    return CronTab(tab=_crontab("-l"))


def _write(tab: CronTab, told: str, *, dry_run: bool) -> None:
    text = tab.render()
    if dry_run:
        click.echo(text)
        return
    _crontab("-", text)
    click.echo(told)


def _crontab(argument: str, text: str | None = None) -> str:
    program = shutil.which("crontab")
    if program is None:
        raise CrmError("There is no `crontab` here: install cron (Debian, Ubuntu: apt-get install cron).")
    done = subprocess.run(  # noqa: S603 -- the system's own program
        [program, argument], input=text, capture_output=True, text=True, check=False
    )
    # `crontab -l` fails for an account that has none.
    if done.returncode and argument != "-l":
        raise CrmError(f"crontab refused the lines: {done.stderr.strip() or done.returncode}")
    return done.stdout if done.returncode == 0 else ""
