"""Run a tap in a test and look at what it wrote."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import typing as t
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import import_module
from importlib.metadata import entry_points

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tap_kit.tap import Tap

Message: t.TypeAlias = "dict[str, t.Any]"
UPDATE_VARIABLE = "UPDATE_GOLDEN"


@dataclass
class Run:
    """What a run of a tap gave.

    Attributes:
        messages: Every message, in order; numbers with a point are Decimals.
        exit_code: 0, or the code the tap ended with.
        log: What went to stderr; empty for a run in process.
    """

    messages: list[Message]
    exit_code: int = 0
    log: str = ""
    text: str = field(default="", repr=False)

    def records(self, stream: str) -> list[Message]:
        """Return the records of a stream, in order."""
        return [m["record"] for m in self.messages if m["type"] == "RECORD" and m["stream"] == stream]

    def schema(self, stream: str) -> Message:
        """Return the SCHEMA message of a stream; there must be exactly one."""
        (message,) = [m for m in self.messages if m["type"] == "SCHEMA" and m["stream"] == stream]
        return message

    @property
    def states(self) -> list[Message]:
        """The values of all STATE messages, in order."""
        return [m["value"] for m in self.messages if m["type"] == "STATE"]

    @property
    def bookmarks(self) -> Message:
        """The bookmarks at the end of the run."""
        bookmarks: Message = self.states[-1]["bookmarks"]
        return bookmarks

    def report(self, stream: str) -> Message:
        """Return the last report of a stream."""
        reports = [state["sync_report"]["streams"].get(stream) for state in self.states]
        last: Message = [report for report in reports if report][-1]
        return last


def installed_tap(name: str) -> type[Tap]:
    """Return the class behind the command of a tap that is installed here, by the command's name.

    It stands in the module ``tap`` of the package that the command is of.
    """
    (command,) = entry_points(group="console_scripts", name=name)
    module = import_module(f"{command.module.partition('.')[0]}.tap")
    (found,) = [one for one in vars(module).values() if isinstance(one, type) and vars(one).get("name") == name]
    return found


def parse(text: str) -> list[Message]:
    """Return the messages of a tap's output; a line that is none is an error."""
    # Not splitlines(): it takes characters inside of a text for ends of lines.
    return [json.loads(line, parse_float=Decimal) for line in text.split("\n") if line]


def select(catalog: Message, *streams: str) -> Message:
    """Return a catalog in which only the named streams are selected."""
    chosen: Message = json.loads(json.dumps(catalog))
    for entry in chosen["streams"]:
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = entry["stream"] in streams
    return chosen


def run_tap(
    tap_class: type[Tap],
    config: t.Mapping[str, t.Any],
    *,
    streams: t.Collection[str] = (),
    catalog: Message | None = None,
    state: Message | None = None,
) -> Run:
    """Run a tap in this process.

    Args:
        tap_class: The tap.
        config: Its settings.
        streams: Streams to read; none means all, or what the catalog says.
        catalog: The catalog to give it.
        state: The state to give it.
    """
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    code = 0
    if streams and catalog is None:
        catalog = tap_class(config=dict(config), setup_mapper=False).catalog_dict
    with redirect_stdout(out):
        try:
            tap = tap_class(
                config=dict(config),
                catalog=select(catalog, *streams) if catalog and streams else catalog,
                state=state,
            )
            tap.sync_all()
        except SystemExit as end:
            code = int(end.code or 0)
    out.seek(0)
    text = out.read()
    return Run(parse(text), code, text=text)


def run_command(module: str, *arguments: str, folder: Path, **files: Message) -> Run:
    """Run a tap as a command; each keyword is a file to write and to name: ``config={...}``, ``state={...}``."""
    options = []
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content))
        options += [f"--{name}", str(path)]
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", module, *options, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    is_singer = done.stdout.startswith('{"type":')
    return Run(parse(done.stdout) if is_singer else [], done.returncode, done.stderr, done.stdout)


# The SDK lists the streams while pytest collects, before any fixture could start a server: so its tests run in a
# pytest of their own, which is given a CRM that is there.
_STANDARD = """
import json
from pathlib import Path

from singer_sdk.testing import SuiteConfig, get_tap_test_class
from {module} import {name}

CONFIG = json.loads((Path(__file__).parent / "config.json").read_text())
TestStandard = get_tap_test_class({name}, config=CONFIG, suite_config=SuiteConfig(max_records_limit=10))
"""


def assert_standard(
    tap_class: type[Tap], config: t.Mapping[str, t.Any], folder: Path, *, more_than: int, leave_out: str = ""
) -> None:
    """Let a tap pass the SDK's own tests.

    Args:
        tap_class: The tap.
        config: Its settings; its CRM must be there.
        folder: An empty folder to work in.
        more_than: Fewer tests than would run if a stream were left out.
        leave_out: Tests that do not apply, by a part of their names.
    """
    (folder / "config.json").write_text(json.dumps(dict(config)))
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_suite.py").write_text(_STANDARD.format(module=tap_class.__module__, name=tap_class.__name__))
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *(["-k", f"not {leave_out}"] if leave_out else [])]
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "pytest", *options, "."],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        cwd=folder,
    )
    passed = re.search(r"(\d+) passed", done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]  # noqa: S101 - it is an assertion
    assert passed is not None  # noqa: S101 - as above
    assert int(passed.group(1)) > more_than  # noqa: S101 - as above


def normalise(text: str, replacements: t.Mapping[str, str]) -> str:
    """Return output without what differs from run to run: times of the run, and the given texts."""
    for found, stable in replacements.items():
        text = text.replace(found, stable)
    for name in ("time_extracted", "started_at", "until"):
        text = re.sub(rf'"{name}":"[^"]*"', f'"{name}":"<time>"', text)
    return text


def assert_golden(path: Path, text: str) -> None:
    """Compare output with a stored file; with UPDATE_GOLDEN=1 in the environment the file is written."""
    if os.environ.get(UPDATE_VARIABLE):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; set {UPDATE_VARIABLE}=1 to accept"  # noqa: S101 - it is an assertion


@dataclass
class FakeClock:
    """A clock for budgets and retries: sleeping only moves its hands."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        """Return the seconds, as ``time.monotonic`` does."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.slept.append(seconds)
        self.seconds += seconds


def keys(records: Sequence[Message], *names: str) -> list[tuple[t.Any, ...]]:
    """Return the keys of some records, in order."""
    return [tuple(record[name] for name in names) for record in records]


def assert_resumable(first: Run, again: Callable[[Message], Run], stream: str, *key: str) -> None:
    """Check that a run may be cut off at each of its STATEs without losing a record.

    Args:
        first: A whole run.
        again: Runs the same tap from a state.
        stream: The stream to look at.
        key: Names of its key columns.
    """
    whole = set(keys(first.records(stream), *key))
    written: list[Message] = []
    for message in first.messages:
        if message["type"] == "RECORD" and message["stream"] == stream:
            written.append(message["record"])
        elif message["type"] == "STATE":
            rest = again(message["value"]).records(stream)
            missing = whole - set(keys(written, *key)) - set(keys(rest, *key))
            assert not missing, f"after {message['value']['bookmarks'].get(stream)} these are lost: {missing}"  # noqa: S101 - it is an assertion
