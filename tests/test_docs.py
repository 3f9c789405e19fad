"""What is written is what is there: settings, streams, exit codes, tables, links, commands, queries and examples.

The command's own page, docs/crm.md, is checked by crm-cli; the tables of the tap's README by tap-genius.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import typing as t
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import click
import psycopg
import pytest
from crm_cli import pipeline
from crm_cli.commands.sync import sync
from crm_cli.definitions import plugin_packages
from crm_cli.main import crm
from crm_cli.project import Project
from sync_history import runs
from sync_history import schema as history_schema
from tap_genius import client
from tap_genius.tables import TABLES
from tap_kit import errors
from tap_kit.errors import Retry
from tap_kit.settings import UNIVERSAL
from tap_kit.testing import run_tap
from target_postgres_dw.settings import WITHOUT_EFFECT
from target_postgres_dw.target import TargetPostgresDw
from target_postgres_dw.testing import INTEGER, TEXT, header, load, records, schema, state

ROOT = Path(__file__).parents[1]
LOADER = ROOT / "plugins" / "target-postgres-dw"
PACKAGES = sorted(file.parent for folder in ("taps", "plugins") for file in (ROOT / folder).glob("*/pyproject.toml"))
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("**/*.md"),
        *(page for package in PACKAGES for page in package.glob("*.md")),
    }
)

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def read(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """Return what stands under a heading, down to the next one of its rank or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert found is not None, title
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str, columns: int) -> list[list[str]]:
    """Return the body rows of all tables with so many columns."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        if line.startswith("|") and len(cells) == columns:
            found.append(cells)
    return [cells for cells, after in zip(found, [*found[1:], None], strict=True) if not _is_head(cells, after)]


def _is_head(cells: list[str], after: list[str] | None) -> bool:
    return any(row is not None and all(set(cell) <= set("-: ") for cell in row) for row in (cells, after))


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, without the indentation that a list gives them."""
    return [
        "\n".join(line.removeprefix(indent) for line in body.splitlines())
        for indent, found, body in FENCE.findall(text)
        if found == language
    ]


# -- settings, streams, exit codes ------------------------------------------------------------------------------------


def loader_settings() -> dict[str, dict[str, t.Any]]:
    settings = json.loads(json.dumps(TargetPostgresDw.config_jsonschema))
    TargetPostgresDw.append_builtin_config(settings)
    known: dict[str, dict[str, t.Any]] = settings["properties"]
    tunnel = known.pop("ssh_tunnel")["properties"]
    return known | {f"ssh_tunnel.{name}": described for name, described in tunnel.items()}


def test_the_loaders_readme_lists_exactly_its_settings_and_their_defaults() -> None:
    told = rows(section(read("plugins", "target-postgres-dw", "README.md"), "Settings"), 3)
    defaults = {name: described.get("default") for name, described in loader_settings().items()}
    expected = {name: "" if value is None else f"`{json.dumps(value)}`" for name, value in defaults.items()}
    assert sorted(names(cells[0])[0] for cells in told) == sorted(expected)
    assert {names(cells[0])[0]: cells[1] for cells in told} == expected
    assert [cells for cells in told if not cells[2]] == []


def test_settings_said_to_have_no_effect_are_those_that_the_loader_refuses() -> None:
    told = rows(section(read("plugins", "target-postgres-dw", "README.md"), "Settings"), 3)
    assert {names(cells[0])[0] for cells in told if cells[2].startswith("Has no effect")} == set(WITHOUT_EFFECT)


def test_the_universal_settings_are_named_where_a_new_tap_is_described() -> None:
    text = read("taps", "tap-kit", "README.md")
    assert [name for name in UNIVERSAL.wrapped if f"`{name}`" not in text] == []


def test_the_page_of_genius_tells_every_stream() -> None:
    told = {names(key)[0]: (names(columns), how) for key, columns, how in streams_told()}
    assert list(told) == [table.name for table in TABLES]
    for table in TABLES:
        columns, how = told[table.name]
        assert columns == list(table.key)
        read_by = [column for column in (table.changed, table.fallback) if column is not None]
        assert names(how) == read_by
        assert (how == "whole table") is (not read_by)


def streams_told() -> list[list[str]]:
    return rows(section(read("docs", "genius.md"), "The streams"), 3)


def test_the_page_of_genius_tells_what_is_not_read() -> None:
    told = {
        names(stream)[0]: (names(secret), names(optional))
        for stream, secret, optional in rows(section(read("docs", "genius.md"), "What is not read"), 3)
    }
    assert told == {
        table.name: (sorted(table.secret), sorted(table.optional)) for table in TABLES if table.secret or table.optional
    }


def test_the_page_of_genius_tells_every_error_that_ends_something() -> None:
    told = {
        int(number): names(category)[0]
        for error, category, _ in rows(section(read("docs", "genius.md"), "When something fails"), 3)
        for number in re.findall(r"\d+", error)
    }
    passing = set(client.PASSING)
    assert told == {
        number: category
        for number, (kind, category, _) in client.MEANINGS.items()
        if kind is not Retry or number not in passing
    }


def test_the_exit_codes_are_told() -> None:
    codes = {str(code) for code in (pipeline.OK, pipeline.FAILED, pipeline.USAGE, pipeline.PARTIAL)}
    assert {cells[0] for cells in rows(section(read("docs", "crm.md"), "Exit codes"), 2)} == codes
    told = re.search(r"^Exit codes: (.*?)\.", read("README.md"), re.MULTILINE | re.DOTALL)
    assert told is not None
    assert set(re.findall(r"\d+", told[1])) == codes
    assert set(re.findall(r"^ +(\d)  ", sync.help or "", re.MULTILINE)) == codes


def test_every_variable_named_belongs_to_a_setting() -> None:
    project = Project(ROOT)
    plugins = [package.name for package in plugin_packages(ROOT)]
    known = {setting.env for plugin in plugins for setting in project.settings(plugin)}
    pattern = re.compile(r"\b(?:TAP_[A-Z]+|TARGET_POSTGRES_DW)_[A-Z](?:_?[A-Z0-9])*\b(?!_)")
    for page in [*PAGES, ROOT / ".env.example"]:
        found = set(pattern.findall(page.read_text(encoding="utf-8")))
        assert found - known == set(), page


# -- tables of the history --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def migrations() -> str:
    return "\n".join(sql for _, sql in history_schema.migrations())


@pytest.mark.parametrize(
    ("table", "title"), [("sync_history", "Runs"), ("sync_reject", "Rejects"), ("sync_alert", "Alerts")]
)
def test_every_column_of_the_history_is_told(table: str, title: str, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        history_schema.migrate(conn)
        found = conn.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'orchestration'"
            " AND table_name = %s",
            (table,),
        ).fetchall()
    told = rows(section(read("docs", "warehouse.md"), title), 2)
    columns = [name for cells in told for name in names(cells[0])]
    expected = {name for (name,) in found}
    assert expected
    assert expected - set(columns) == set()


def test_every_status_and_category_is_told(migrations: str) -> None:
    told = {names(cells[0])[0] for cells in rows(section(read("docs", "warehouse.md"), "Runs"), 2)}
    statuses = re.search(r"status_is_known CHECK \(status IN \((.*?)\)\)", migrations)
    assert statuses is not None
    assert set(re.findall(r"'(\w+)'", statuses[1])) - told == set()
    assert set(t.get_args(errors.Category)) - told == set()


def test_the_queries_run(postgres_url: str) -> None:
    load(
        postgres_url,
        header("prospects"),
        schema("prospects", {"id": INTEGER, "first_name": TEXT}),
        records("prospects", {"id": 1, "first_name": "Ann"}, {"id": 2, "first_name": 5}),
        state({"prospects": {}}, prospects="success"),
    )
    queries = blocks(read("docs", "warehouse.md"), "sql")
    assert len(queries) == 6
    with psycopg.connect(postgres_url) as conn:
        runs.record_failure(
            conn,
            run_id="made-up",
            crm_source="genius",
            streams=["leads"],
            error_message="Made up.",
            error_category="connection",
            started_at=datetime.now(UTC),
        )
        results = [conn.execute(query.encode()) for query in queries]
        assert [bool(result.rowcount) for result in results] == [True] * 5 + [
            False
        ]  # the last one updates what is not there


# -- operations -------------------------------------------------------------------------------------------------------


def categories() -> set[str]:
    """Return every category that the code gives an error: those of taps, of the loader, and of crm itself."""
    found = {*t.get_args(errors.Category)}
    for folder in ("plugins/*/[a-z]*_*", "taps/*/tap_*"):
        for file in ROOT.glob(f"{folder}/**/*.py"):
            text = file.read_text(encoding="utf-8")
            found |= set(re.findall(r'(?<![.\w])(?:error_)?category(?:: [\w.]+)? ?= ?["\'](\w+)["\']', text))
    # Those of a reject are another thing.
    return found - {"record", "value"}


def test_the_runbook_says_what_to_do_for_every_category() -> None:
    text = section(read("docs", "runbook.md"), "By category")
    told = re.findall(r"^### (\w+)$", text, re.MULTILINE)
    assert len(categories()) > 10
    assert sorted(told) == sorted(categories())
    listed = {names(cells[0])[0] for cells in rows(section(read("docs", "warehouse.md"), "Runs"), 2)}
    assert categories() - listed == set()
    for name in told:
        steps = re.findall(r"^\d+\. ", section(text, name), re.MULTILINE)
        assert len(steps) >= 2, f"{name}: what to do?"


def test_the_comparisons_of_old_and_new_run(postgres_url: str) -> None:
    load(
        postgres_url,
        header("prospects"),
        schema("prospects", {"id": INTEGER, "first_name": TEXT, "last_name": TEXT, "updated_at": TEXT}),
        records(
            "prospects",
            *({"id": number, "first_name": "Ann", "last_name": "Example", "updated_at": "x"} for number in (1, 2, 3)),
        ),
        state({"prospects": {}}, prospects="success"),
    )
    counts, changes = blocks(read("docs", "go-live.md"), "sql")
    with psycopg.connect(postgres_url) as conn:
        conn.execute("CREATE SCHEMA ingestion")
        conn.execute(
            "CREATE TABLE ingestion.genius_prospect AS SELECT * FROM (VALUES"
            " (2, 'Ann', 'Example', 'x'), (3, 'Anne', 'Example', 'x'), (4, 'Ann', 'Example', 'x'))"
            " AS t (id, first_name, last_name, updated_at)"
        )
        assert conn.execute(counts.encode()).fetchall() == [("only in the new one", 1), ("only in the old one", 1)]
        assert [row[0] for row in conn.execute(changes.encode())] == [3]


# -- links, commands, tests -------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = SPAN.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def code_of(page: Path) -> str:
    """Return all code of a page: blocks and spans, a line each."""
    text = page.read_text(encoding="utf-8")
    fenced = [body for _, language, body in FENCE.findall(text) if language in {"", "console", "sh"}]
    return "\n".join([*fenced, *SPAN.findall(FENCE.sub("", text))])


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_make_targets_exist(page: Path) -> None:
    phony = re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)
    assert phony is not None
    assert set(re.findall(r"^ *(?:\$ )?make ([a-z-]+)", code_of(page), re.MULTILINE)) - set(phony[1].split()) == set()


def commands(group: click.Group, name: str = "crm") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {name: group}
    context = click.Context(group)
    for child in group.list_commands(context):
        command = group.get_command(context, child)
        assert command is not None
        found |= (
            commands(command, f"{name} {child}") if isinstance(command, click.Group) else {f"{name} {child}": command}
        )
    return found


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_and_their_options_exist(page: Path) -> None:
    known = commands(crm)
    for line in re.findall(r"(?:^|[\s/(;])(crm(?: [^\n|#&;)>]*)?)", code_of(page), re.MULTILINE):
        words = line.split()
        if len(words) == 1 or not re.fullmatch(r"[a-z]+", words[1]):
            continue
        command = known.get(" ".join(words[:2]))
        assert command is not None, line
        if isinstance(command, click.Group) and len(words) > 2:
            # Some groups have a command that is meant when none is named.
            default = known.get(f"crm {words[1]} list") if words[2] not in command.commands else None
            command = known.get(" ".join(words[:3]), default)
            assert command is not None, line
        if command.name != "psql":  # what follows there is psql's own
            options = {"-h", "--help", *(name for option in command.params for name in option.opts)}
            assert {word for word in words if word.startswith("-")} - options == set(), line


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_programs_exist(page: Path) -> None:
    ours = {point.name for point in entry_points(group="console_scripts")}
    used = set(re.findall(r"\.venv/bin/([\w-]+)", code_of(page)))
    assert {program for program in used if program != "python"} - ours == set()
    assert [program for program in used if not (Path(sys.executable).parent / program).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_tests_that_are_named_exist(page: Path) -> None:
    for path, name in re.findall(r"`([\w/.-]+\.py)::(\w+)`", page.read_text(encoding="utf-8")):
        assert f"def {name}(" in read(path), f"{path}::{name}"


def test_the_promises_are_proved() -> None:
    promises = rows(section(read("README.md"), "What it promises"), 2)
    assert len(promises) >= 10
    assert [promise for promise, proof in promises if "::test_" not in proof] == []


def test_every_package_is_in_the_readme() -> None:
    told = section(read("README.md"), "What is where")
    assert [page_id(package) for package in PACKAGES if f"[{page_id(package)}]" not in told] == []


# -- decisions, versions, examples ------------------------------------------------------------------------------------


def test_each_decision_says_what_and_why_and_what_was_rejected() -> None:
    text = read("docs", "decisions.md").split("## Libraries")[0]
    entries = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 30
    told = {entry.splitlines()[0]: re.findall(r"^- \*\*(\w+):\*\*", entry, re.MULTILINE) for entry in entries}
    assert {title: parts for title, parts in told.items() if parts != ["What", "Why", "Rejected"]} == {}


def test_each_oddity_of_the_loader_says_why_it_matters() -> None:
    text = read("plugins", "target-postgres-dw", "BEHAVIOR.md")
    paragraphs = [part for part in text.split("\n\n") if part.startswith("**")]
    assert len(paragraphs) > 20
    assert [part for part in paragraphs if "*Why this matters:*" not in " ".join(part.split())] == []


def requirement_names(lines: t.Iterable[str]) -> set[str]:
    found = set()
    for line in lines:
        match = re.match(r"[A-Za-z0-9._-]+", line)
        assert match is not None
        found.add(match[0])
    return found


def test_every_direct_dependency_has_a_reason() -> None:
    ours = {package.name for package in PACKAGES}
    wanted = requirement_names(tomllib.loads(read("pyproject.toml"))["dependency-groups"]["dev"])
    for package in PACKAGES:
        described = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))
        wanted |= requirement_names(described["project"]["dependencies"])
        wanted |= requirement_names(described["build-system"]["requires"])
    told = rows(section(read("docs", "decisions.md"), "Libraries"), 4)
    listed = [names(cells[0])[0] for cells in told]
    assert sorted(listed) == sorted(wanted - ours)
    assert [cells for cells in told if not all(cells)] == []


def test_the_changelog_has_the_version() -> None:
    versions = {tomllib.loads((package / "pyproject.toml").read_text())["project"]["version"] for package in PACKAGES}
    assert len(versions) == 1
    assert f"## [{versions.pop()}]" in read("CHANGELOG.md")


def test_the_example_of_a_tap_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example, use = blocks(read("taps", "tap-kit", "README.md"), "python")
    module = tmp_path / "tap_lines"
    module.mkdir()
    (module / "__init__.py").write_text("")
    (module / "tap.py").write_text(example)
    folder = tmp_path / "files"
    folder.mkdir()
    january, june = "2025-01-01T00:00:00+00:00", "2025-06-01T00:00:00+00:00"
    people = [(1, january), (2, None), (0, june), (3, june)]
    lines = [json.dumps({"id": number, "name": "Ann", "updated_at": changed}) for number, changed in people]
    (folder / "people.jsonl").write_text("\n".join(sorted(lines)))
    (folder / "orders.jsonl").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, t.Any] = {}
    exec(compile(use, "README.md", "exec"), namespace)  # noqa: S102 -- our own example

    def ids(run: t.Any) -> list[int]:
        return [record["id"] for record in run.records("people")]

    assert ids(namespace["run"]) == [1, 2, 3]
    assert [reject["key"] for reject in namespace["run"].records("sync_rejects")] == [{"id": 0}]
    assert ids(namespace["again"]) == [2, 3]
    tap = namespace["TapLines"]
    narrow = run_tap(tap, {"folder": "files", "since": january, "end_date": june}, streams=["people"])
    assert ids(narrow) == [1, 2]
    swept = run_tap(tap, {"folder": "files", "sweep": True}, streams=["people"])
    assert [key["id"] for key in swept.records("people_keys")] == [0, 1, 2, 3]
    sys.modules.pop("tap_lines.tap")
    sys.modules.pop("tap_lines")


def test_the_example_of_the_history_is_python() -> None:
    for example in blocks(read("plugins", "sync-history", "README.md"), "python"):
        compile(example, "README.md", "exec")
