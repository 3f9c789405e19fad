"""Builds the models of ``transform/`` through ``meltano run dbt:build``, and reads what became of each."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from crm_cli import logs, pipeline
from crm_cli.dbt_program import ARGUMENTS_VARIABLE, FOLDER_VARIABLE, output_folder
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.pipeline import FAILED, OK, PARTIAL, meltano_environment
from crm_cli.rundir import run_folder
from crm_cli.warehouse import connect, password_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crm_cli.project import Project
    from crm_cli.warehouse import Warehouse

# Held while models are built: two builds at once would swap each other's tables away.
_LOCK = 7_221_140_515
# What dbt says of a node, as a word of ours.
_WORDS = {"success": "ok", "pass": "ok", "warn": "warning", "skipped": "skipped"}
WORDS = ("ok", "warning", "failed", "skipped")
_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "red"}
_KINDS = {"model": "models", "snapshot": "snapshots", "seed": "seeds", "test": "tests", "unit_test": "unit tests"}
_PLURAL = {"tests", "unit tests"}


@dataclass(frozen=True, slots=True)
class Node:
    """What became of a model or a test."""

    name: str
    kind: str
    status: str
    seconds: float
    message: str = ""
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Transformed:
    """What came of a build. ``sentence`` says why it failed, if it did."""

    nodes: list[Node]
    exit_code: int
    seconds: float
    log: Path
    sentence: str | None = None

    def with_status(self, *statuses: str) -> list[Node]:
        """Return the nodes that ended so."""
        return [node for node in self.nodes if node.status in statuses]


@dataclass(frozen=True, slots=True)
class Build:
    """What to build, and how.

    Attributes:
        select: dbt's selectors; none means everything.
        full: Build every model from nothing.
        threads: How many models at once.
        variables: Variables of the models, such as ``business_time_zone``.
    """

    select: tuple[str, ...] = ()
    full: bool = False
    threads: int = 2
    variables: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """Return them as dbt's arguments."""
        return [
            *(["--select", *self.select] if self.select else []),
            *(["--full-refresh"] if self.full else []),
            *(["--vars", json.dumps(self.variables)] if self.variables else []),
        ]


def transform_folder(project: Project) -> Path:
    """Return the folder of the models.

    Raises:
        CrmUsageError: if there is none.
    """
    folder = Path(project.environment.get(FOLDER_VARIABLE) or project.root / "transform")
    if not (folder / "dbt_project.yml").is_file():
        raise CrmUsageError(f"There are no models in {folder}: it has no dbt_project.yml.")
    return folder


@contextmanager
def parsing(project: Project, warehouse: Warehouse, folder: Path) -> Iterator[None]:
    """Let dbt read the models while something else is at work, so that a first build begins at once.

    What dbt reads is kept beside its other files of this warehouse; a build reads only what has changed since.
    """
    output = output_folder(project.state_folder, warehouse.url)
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    process = subprocess.Popen(  # noqa: S603 -- our own program and arguments
        [str(Path(pipeline.bin_folder()) / "crm-dbt"), "parse", "--quiet"],
        cwd=project.root,
        env=os.environ | _variables(warehouse, folder, output),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        umask=0o077,
    )
    try:
        yield
        # A build beside it would read everything, too.
        process.wait()
    finally:
        process.kill()
        process.wait()


def _variables(warehouse: Warehouse, folder: Path, output: Path, threads: int = 2) -> dict[str, str]:
    return {
        "WAREHOUSE_URL": warehouse.url,
        FOLDER_VARIABLE: str(folder),
        "DBT_TARGET_PATH": str(output),
        "DBT_LOG_PATH": str(output / "logs"),
        "DBT_USE_COLORS": "false",
        # What dbt has parsed counts only with the same settings.
        "CRM_DBT_THREADS": str(threads),
    }


def run_build(project: Project, warehouse: Warehouse, build: Build, *, folder: Path | None = None) -> Transformed:
    """Build the models and run their tests.

    Args:
        project: The Meltano project.
        warehouse: Where the loaded tables are.
        build: What to build.
        folder: The models, if they are not the project's own.

    Raises:
        CrmError: if another build is at work, or Meltano is not installed.
    """
    folder = folder or transform_folder(project)
    started = time.monotonic()
    output = output_folder(project.state_folder, warehouse.url)
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = logs.new_log(project.state_folder / "logs", f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-transform")
    log.touch(mode=0o600)
    results = output / "run_results.json"
    with connect(warehouse) as conn, run_folder(project.state_folder / "runs", str(uuid.uuid4())) as (system, _):
        row = conn.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        if row is None or not row[0]:
            raise CrmError("Another `crm transform` is at work in this warehouse: wait for its end.")
        results.unlink(missing_ok=True)
        environment = meltano_environment(project, system) | {
            **_variables(warehouse, folder, output, build.threads),
            ARGUMENTS_VARIABLE: shlex.join(build.arguments()),
            "MELTANO_CLI_LOG_LEVEL": "info",
        }
        code = _meltano(project, environment, log)
    secrets = [secret for secret in [password_of(warehouse.url)] if secret]
    logs.mask_file(log, secrets)
    nodes = read_results(results) if results.is_file() else []
    exit_code = exit_code_of(nodes, code)
    sentence = None
    if exit_code == FAILED:
        broken = [node for node in nodes if node.status == "failed" and node.kind != "tests"]
        sentence = f"{broken[0].name}: {broken[0].message}" if broken else _last_words(log)
    return Transformed(nodes, exit_code, time.monotonic() - started, log, sentence)


def _meltano(project: Project, environment: dict[str, str], log: Path) -> int:
    program = Path(pipeline.bin_folder()) / "meltano"
    if not program.exists():
        raise CrmError(f"Meltano is not installed beside this command ({program} is missing): run `make setup`.")
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 -- our own program and arguments
            [str(program), "run", "--force", "dbt:build"],
            cwd=project.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    try:
        return process.wait()
    except BaseException:
        # Ctrl-C: dbt cancels what is running in the warehouse.
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        raise


def read_results(file: Path) -> list[Node]:
    """Return what became of each node, as dbt wrote it down."""
    nodes = []
    for result in json.loads(file.read_text(encoding="utf-8"))["results"]:
        kind, _, rest = result["unique_id"].partition(".")
        if kind not in _KINDS:
            continue
        nodes.append(
            Node(
                name=_short(kind, rest),
                kind=_KINDS[kind],
                status=_WORDS.get(result["status"], "failed"),
                seconds=round(result["execution_time"], 3),
                message=" ".join((result.get("message") or "").split()),
                rows=result.get("failures"),
            )
        )
    return nodes


def _short(kind: str, rest: str) -> str:
    """Return the name of a node without its project, and of a test without its hash."""
    parts = rest.split(".")
    return ".".join(parts[1:]) if kind == "unit_test" else parts[1]


def exit_code_of(nodes: Sequence[Node], dbt_code: int) -> int:
    """Return 1 if something could not be built, 3 if all was built but a test failed, else 0."""
    failed = [node for node in nodes if node.status in ("failed", "skipped")]
    if not nodes or any(node.kind not in _PLURAL or node.status == "skipped" for node in failed):
        return FAILED
    if failed:
        return PARTIAL
    return OK if dbt_code == 0 else FAILED


def _last_words(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    return logs.failure_sentence(text) or "dbt ended without a word."


def summary_table(result: Transformed) -> Table:
    """Return a line per kind of node: how many ended how, and how long they took."""
    table = Table(box=SIMPLE_HEAD, show_footer=True, pad_edge=False, collapse_padding=True)
    table.add_column("", footer="total")
    counts = Counter((node.kind, node.status) for node in result.nodes)
    for word in WORDS:
        total = sum(count for (_, status), count in counts.items() if status == word)
        table.add_column(word, footer=f"{total:,}", justify="right")
    table.add_column("seconds", footer=f"{result.seconds:.1f}", justify="right")
    for kind in _KINDS.values():
        nodes = [node for node in result.nodes if node.kind == kind]
        if nodes:
            cells = [
                Text(f"{counts[kind, word]:,}", style=_COLOURS[word] if counts[kind, word] else "dim") for word in WORDS
            ]
            table.add_row(kind, *cells, f"{sum(node.seconds for node in nodes):.1f}")
    return table


def record(result: Transformed) -> dict[str, Any]:
    """Return the result as it stands in ``--json`` output. These names are stable: fields may only be added."""
    return {
        "exit_code": result.exit_code,
        "seconds": round(result.seconds, 3),
        "error": result.sentence,
        "log": str(result.log),
        "nodes": [
            {
                "name": node.name,
                "kind": node.kind,
                "status": node.status,
                "seconds": node.seconds,
                "rows": node.rows,
                "message": node.message,
            }
            for node in result.nodes
        ],
    }
