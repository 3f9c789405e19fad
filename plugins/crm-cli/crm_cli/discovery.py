"""Asks a tap for its streams, through Meltano, which knows the settings of its files as well as those of ``.env``."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_cli import logs
from crm_cli.errors import CrmError
from crm_cli.pipeline import Request, bin_folder, check_settings, meltano_environment
from crm_cli.rundir import run_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_cli.project import Project
    from crm_cli.sources import Source


def discover(project: Project, source: Source) -> list[dict[str, Any]]:
    """Return the catalog entries of a source's streams; it takes seconds, and may connect to the CRM.

    Raises:
        CrmUsageError: if a setting is missing.
        CrmError: if the tap cannot discover; with its own sentence.
    """
    check_settings(project, Request(source))
    printed = invoke(project, source.tap, "--discover", failure=f"{source.tap} could not discover its streams.")
    streams: list[dict[str, Any]] = json.loads(printed)["streams"]
    return streams


def invoke(
    project: Project,
    plugin: str,
    *arguments: str,
    failure: str,
    text: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a plugin with its settings, and return what it prints.

    Args:
        project: The project that declares it.
        plugin: Its name.
        arguments: Its own arguments.
        failure: Said when it fails without a sentence of its own.
        text: Its standard input.
        variables: Variables of this run.

    Raises:
        CrmError: if it fails; with its own sentence, secrets masked.
    """
    with run_folder(project.state_folder / "runs", str(uuid.uuid4())) as (folder, _):
        done = subprocess.run(  # noqa: S603 -- our own program and arguments
            [Path(bin_folder()) / "meltano", "--log-level=error", "invoke", plugin, *arguments],
            env=meltano_environment(project, folder) | dict(variables or {}),
            cwd=project.root,
            input="" if text is None else text,
            capture_output=True,
            text=True,
            umask=0o077,
            check=False,
        )
    if done.returncode:
        said = logs.failure_sentence(logs.mask(done.stderr, project.secrets(plugin)))
        raise CrmError(logs.split_category(said)[0] if said else failure)
    return done.stdout
