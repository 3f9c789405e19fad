"""docs/crm.md says everything that the command can do; help says it in short, with an example."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from crm_cli import alerts, prometheus, tables
from crm_cli.commands import backfill, check, doctor, history, reconcile, rejects, sources, state, sync
from crm_cli.commands.status import status
from crm_cli.main import crm
from sync_history.health_rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = (Path(__file__).parents[3] / "docs" / "crm.md").read_text(encoding="utf-8")


def every_command(command: click.Command, name: str = "crm") -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from every_command(found, f"{name} {child}")


COMMANDS = dict(every_command(crm))


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", DOCS, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def section_of(name: str) -> str:
    """The section about a command: its own, or that of the group it belongs to."""
    while name != "crm":
        for title, text in sections().items():
            if name in title.split(" and "):
                return text
        name = name.rsplit(" ", 1)[0]
    return DOCS


def test_there_are_commands_to_check() -> None:
    assert {"crm", "crm demo", "crm sync", "crm status", "crm history", "crm psql", "crm db", "crm db url"} <= set(
        COMMANDS
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"`{name}" in DOCS
    assert section_of(name) != ""


@pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name, command in COMMANDS.items() for option in command.params],
    ids=lambda value: value.name if isinstance(value, click.Parameter) else value,
)
def test_every_option_and_argument_is_documented(name: str, option: click.Parameter) -> None:
    text = section_of(name)
    if isinstance(option, click.Option):
        assert option.help
        assert all(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for word in option.opts)
    else:
        assert option.name
        assert option.name.upper().strip("_").rstrip("S") in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    text = COMMANDS[name].help or ""
    assert re.search(r"Examples?:\n +(export .*)?\S*crm", text), text
    first = text.splitlines()[0]
    assert first.endswith(".")
    assert len(first) < 80


@pytest.mark.parametrize(
    "function",
    [
        tables.run_record,
        sync._record,
        sources._source_record,
        sources._discovered,
        rejects.reject_record,
        alerts.change_record,
        doctor.examined_record,
        check.health_record,
        check.breach_record,
        check.finding_record,
        check.stream_record,
        status.callback,
        history.list_runs.callback,
        history.prune.callback,
        state.state_record,
        state.edit_record,
        backfill.backfill_record,
        reconcile.comparison_record,
    ],
)
def test_every_json_field_is_documented(function: object) -> None:
    assert callable(function)
    names = re.findall(r'"([a-z_]+)":', inspect.getsource(function))
    assert names
    assert [name for name in names if f"`{name}`" not in DOCS and f".{name}`" not in DOCS] == []


def test_every_count_is_documented() -> None:
    assert [name for name in tables.COUNTS if f"`{name}`" not in sections()["Run record"]] == []


def test_every_rule_of_health_and_every_metric_is_documented() -> None:
    text = sections()["crm check"]
    assert [name for name in (*RULES, *prometheus.METRICS) if f"`{name}`" not in text] == []


def test_every_variable_of_the_alerts_is_documented() -> None:
    assert [name for name in alerts.VARIABLES if f"`{name}`" not in sections()["crm alerts"]] == []


def test_the_links_lead_somewhere() -> None:
    anchors = {title.lower().replace(" ", "-") for title in sections()}
    assert set(re.findall(r"\(#([a-z-]+)\)", DOCS)) <= anchors
