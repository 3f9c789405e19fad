"""The ``crm`` command. Its subcommands are imported when they are called, so that help and status are quick."""

from __future__ import annotations

from importlib import import_module

import click

from crm_cli.errors import CrmError
from crm_cli.servers.errors import ServerError

# Name, module and attribute, one line of help. A test compares the last with the commands' own.
COMMANDS = {
    "demo": ("crm_cli.commands.demo:demo", "See the whole pipeline at work, on made-up data."),
    "sync": ("crm_cli.commands.sync:sync", "Bring a CRM's new and changed rows into the warehouse."),
    "schedule": ("crm_cli.commands.schedule:schedule", "Show the timetable of meltano.yml, and run one of its lines."),
    "cron": ("crm_cli.commands.cron:cron", "Let cron run the timetable of meltano.yml."),
    "sources": ("crm_cli.commands.sources:sources", "Show which CRMs there are, or the streams of one."),
    "status": ("crm_cli.commands.status:status", "Show where each stream stands."),
    "history": ("crm_cli.commands.history:history", "Show past runs, newest first."),
    "check": ("crm_cli.commands.check:check", "Tell whether all streams are healthy."),
    "alerts": ("crm_cli.commands.alerts:alerts", "Tell people and machines when health changes."),
    "state": ("crm_cli.commands.state:state", "Show where the next run of a stream begins, or move it."),
    "backfill": ("crm_cli.commands.backfill:backfill", "Read a stretch of time again, in windows."),
    "reconcile": ("crm_cli.commands.reconcile:reconcile", "Compare a CRM with the warehouse, key by key."),
    "rejects": (
        "crm_cli.commands.rejects:rejects",
        "See the records that could not be loaded; correct, replay or discard them.",
    ),
    "doctor": ("crm_cli.commands.doctor:doctor", "Tell whether everything that a run needs is there."),
    "import-history": (
        "crm_cli.commands.import_history:import_history",
        "Take over the run history of the system before this one.",
    ),
    "transform": ("crm_cli.commands.transform:transform", "Build the warehouse that people query, and test it."),
    "report": ("crm_cli.commands.report:report", "Print or export a report; without NAME, list them."),
    "psql": ("crm_cli.commands.db:psql", "Open psql on the warehouse."),
    "simulator": ("crm_cli.commands.simulator:simulator", "Play CRMs on this machine, to try things out on."),
    "new-tap": (
        "crm_cli.commands.new_tap:new_tap",
        "Begin the tap of another CRM: a package that works, with its tests.",
    ),
    "db": ("crm_cli.commands.db:db", "Start, stop and address the embedded Postgres."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the names in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; an unknown one is a usage error that names the nearest."""
        if cmd_name not in COMMANDS:
            from crm_cli.sources import unknown  # noqa: PLC0415 -- only when somebody mistypes

            raise click.UsageError(unknown("command", cmd_name, COMMANDS), ctx)
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what a local server has to say is a sentence and exit code 1 like any other."""
        try:
            return super().invoke(ctx)
        except ServerError as error:
            raise CrmError(str(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's signature
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="crm-cli", prog_name="crm")
def crm() -> None:
    """Run and watch the CRM warehouse.

    Works in the folder of the project (the one with meltano.yml) and below. The warehouse is the Postgres of
    WAREHOUSE_URL, from the environment or .env; without it, the embedded Postgres.

    \b
    Examples:
      crm demo
      crm sync genius
      crm status
    """  # noqa: D301 -- click's mark for lines that must not be filled
