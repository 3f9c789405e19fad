"""``crm alerts``: tell people and machines when health changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from sync_history import alerts as told
from sync_history import schema

from crm_cli import monitoring
from crm_cli.alerts import Channel, DeliveryError, LostWarehouse, Message, channels, message_name
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.project import Project
from crm_cli.warehouse import connect, find_warehouse

if TYPE_CHECKING:
    import psycopg
    from sync_history.alerts import Change
    from sync_history.health import Finding
    from sync_history.health_rules import AlertRules


@click.group()
def alerts() -> None:
    """Tell people and machines when health changes.

    By Slack-style webhook, e-mail and signed webhook, whichever the environment or .env sets up (docs/crm.md).

    \b
    Example:
      crm alerts run
    """  # noqa: D301 -- click's mark for lines that must not be filled


@alerts.command()
@click.option("--dry-run", is_flag=True, help="Print what would be sent; send and remember nothing.")
def run(*, dry_run: bool) -> None:
    """Send what has changed since the last time.

    Findings of crm check that are new, still there after the cool-down, or gone. Made for cron: `crm cron install`
    adds it to the crontab, every ten minutes.

    \b
    Examples:
      crm alerts run
      crm alerts run --dry-run
    """  # noqa: D301
    project = Project.find()
    # The rules first: a wrong health.yml must be told even if the warehouse is away.
    sender = _Sender(_channels(project), message_name(project.environment), dry_run=dry_run)
    rules, now = monitoring.project_rules(project), datetime.now(UTC)
    trouble: CrmError | None = None
    try:
        with connect(find_warehouse(project)) as conn:
            schema.migrate(conn)
            if not told.take_lock(conn):
                click.echo("Another `crm alerts run` is at work.", err=True)
                return
            findings = monitoring.assess(project, conn, rules).all_findings
            for channel in sender.channels:
                _tell(sender, channel, conn, findings, rules.alerts, now)
    except CrmError as error:
        trouble = error
    lost = LostWarehouse(project.state_folder / "alerts")
    for channel in sender.channels:
        change = lost.change(channel.name, rules.alerts, now, is_lost=trouble is not None)
        if change is not None and sender.send(channel, [change]):
            lost.record(channel.name, change, now)
    sender.finish(trouble)


def _tell(
    sender: _Sender,
    channel: Channel,
    conn: psycopg.Connection,
    findings: list[Finding],
    rules: AlertRules,
    now: datetime,
) -> None:
    due = told.changes(conn, channel.name, findings, rules, now)
    if due and sender.send(channel, due):
        told.record(conn, channel.name, due, now)


@alerts.command()
def test() -> None:
    """Send a test message to every channel that is set up.

    \b
    Example:
      crm alerts test
    """  # noqa: D301
    project = Project.find()
    sender = _Sender(_channels(project), message_name(project.environment))
    for channel in sender.channels:
        sender.send(channel, [], is_test=True)
    sender.finish(None)


def _channels(project: Project) -> list[Channel]:
    found = channels(project.environment)
    if not found:
        raise CrmUsageError(
            "Nobody is to be told: set CRM_ALERT_SLACK_URL, CRM_ALERT_EMAIL_TO or CRM_ALERT_WEBHOOK_URL in "
            f"{project.root / '.env'} (docs/crm.md)."
        )
    return found


@dataclass(slots=True)
class _Sender:
    """Sends messages, one channel after the other, each whatever becomes of the others."""

    channels: list[Channel]
    name: str
    dry_run: bool = False
    failed: list[str] = field(default_factory=list)

    def send(self, channel: Channel, changes: list[Change], *, is_test: bool = False) -> bool:
        """Deliver, and return whether that is to be remembered."""
        message = Message(self.name, changes, is_test)
        if self.dry_run:
            click.echo(f"To {channel.name}: {message.subject}\n{message.text}\n")
            return False
        try:
            channel.send(message)
        except DeliveryError as error:
            self.failed.append(f"{channel.name}: {error}")
            return False
        click.echo(f"Sent to {channel.name}: {message.subject}")
        return True

    def finish(self, trouble: CrmError | None) -> None:
        """Say what went wrong.

        Raises:
            CrmError: If the warehouse could not be read, or a message not be delivered.
        """
        sentences = [*([trouble.message] if trouble else []), *self.failed]
        if sentences:
            raise CrmError("\n".join(sentences))
