"""Asks a tap for its streams, through Meltano, which knows the settings of its files as well as those of ``.env``."""

from __future__ import annotations

import json
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_cli import logs
from crm_cli.errors import CrmError
from crm_cli.pipeline import Request, bin_folder, check_settings, meltano_environment
from crm_cli.project import variable
from crm_cli.rundir import run_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
            _command(plugin, *arguments),
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


def messages(project: Project, source: Source, streams: Sequence[str], variables: Mapping[str, str]) -> Iterator[bytes]:
    """Run a tap with its settings but no state, and yield its messages, line by line.

    What each stream came to stands in the tap's own reports.

    Raises:
        CrmError: if the tap ends before its first message; with its own sentence, secrets masked.
    """
    chosen = {variable(source.tap, "_select_filter"): json.dumps(list(streams))}
    with (
        run_folder(project.state_folder / "runs", str(uuid.uuid4())) as (folder, _),
        tempfile.TemporaryFile() as log,
        subprocess.Popen(  # noqa: S603 -- our own program and arguments
            _command(source.tap),
            env=meltano_environment(project, folder) | chosen | dict(variables),
            cwd=project.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            umask=0o077,
        ) as tap,
    ):
        assert tap.stdout is not None  # noqa: S101 -- it was asked for
        started = False
        try:
            for line in tap.stdout:
                started = True
                yield line
        except BaseException:
            tap.terminate()
            raise
        if tap.wait() and not started:
            log.seek(0)
            said = logs.failure_sentence(logs.mask(log.read().decode("utf-8", "replace"), project.secrets(source.tap)))
            raise CrmError(logs.split_category(said)[0] if said else f"{source.tap} ended without a word.")


def _command(plugin: str, *arguments: str) -> list[str]:
    return [str(Path(bin_folder()) / "meltano"), "--log-level=error", "invoke", plugin, *arguments]
