"""The errors of the command: each is a sentence for the user and an exit code."""

from __future__ import annotations

import click


class CrmError(click.ClickException):
    """Something outside the command line is wrong (exit code 1): a server, a run, the source."""

    exit_code = 1


class CrmUsageError(click.ClickException):
    """The command line or the settings are wrong (exit code 2); nothing has been started."""

    exit_code = 2
