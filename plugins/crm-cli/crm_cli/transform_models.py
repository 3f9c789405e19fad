"""The staging models and sources of the dbt project, made from the schemas of the taps.

``python -m crm_cli.transform_models`` (``make models``) writes them. A stream is one SQL file of one call,
and its place in its CRM's YAML file: descriptions, tests.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from target_postgres_dw.identifiers import snake_case

from crm_cli.sources import installed_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from crm_cli.sources import Source

HEAD: Final = "Made by `make models` from the tap's schemas; do not edit."
LEGACY_HEAD: Final = "Made by `make models` from transform/legacy_tables.yml; do not edit."
FOLDER: Final = Path("transform", "models", "staging")
TEST_FOLDER: Final = Path("transform", "tests", "keys")
LEGACY_FOLDER: Final = Path("transform", "models", "legacy", "tables")
LEGACY_TABLES: Final = Path("transform", "legacy_tables.yml")
# What holds no rows of a fixed form: one table per sheet that somebody configures.
_NO_MODEL: Final = frozenset({("gsheet", "sheet_rows")})
_FORMATS: Final = {"date-time": "timestamptz", "date": "date"}
_TYPES: Final = {"integer": "bigint", "number": "numeric", "boolean": "boolean", "string": "text"}
# Columns whose values are brought into one form, by their names; only texts.
_FORMS: Final = {
    "phones": re.compile(r"(?:^|_)(?:phone|fax|ani|dnis|number)\d?(?:_number|_primary|_alternate)?$|_(?:phone|fax)\d$"),
    "emails": re.compile(r"(?:^|_)e?mail(?:_address)?\d?$"),
    "states": re.compile(r"(?:^|_)state$"),
    "zips": re.compile(r"(?:^|_)(?:zip|zipcode|zip_code)$"),
}
# Names that look like one of those and are none.
_NOT_A_FORM: Final = re.compile(r"^formatted_|^number$|contract_number|certification_number|loan_number|license_number")
# States that are no US states: of a campaign, of a text thread.
_NOT_STATES: Final = frozenset({("five9", "campaigns"), ("callrail", "text_message_conversations")})
# Names for numbers that the patterns do not know.
_MORE_PHONES: Final = {
    "five9": ("number1", "number2", "number3"),
    "marketsharp": ("home_phone2", "work_phone2", "cell_phone2", "other_phone2"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a loaded table: its name there, its type here, what it is."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A loaded table."""

    source: str
    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    description: str

    @property
    def model(self) -> str:
        """Name of its staging model."""
        return f"stg_{self.source}__{self.name}"

    def forms(self) -> dict[str, list[str]]:
        """Return which columns get a form beside the value, by kind."""
        found: dict[str, list[str]] = {}
        for kind, pattern in _FORMS.items():
            names = [
                column.name
                for column in self.columns
                if column.type == "text"
                and not _NOT_A_FORM.search(column.name)
                and (
                    pattern.search(column.name)
                    or (kind == "phones" and column.name in _MORE_PHONES.get(self.source, ()))
                )
            ]
            if kind == "states" and (self.source, self.name) in _NOT_STATES:
                names = []
            if names:
                found[kind] = names
        return found


def postgres_type(schema: Mapping[str, Any]) -> str:
    """Return the type that a property has in the staging models."""
    declared = schema.get("type", ["string"])
    kinds = [kind for kind in ([declared] if isinstance(declared, str) else declared) if kind != "null"]
    if {"object", "array"} & set(kinds):
        return "jsonb"
    if "string" in kinds or not kinds:
        return _FORMATS.get(schema.get("format", ""), "text")
    return "numeric" if set(kinds) == {"integer", "number"} else _TYPES[kinds[0]]


def streams_of(source: Source) -> Iterator[Stream]:
    """Yield the streams of a source that have a table of a fixed form."""
    if source.name == "genius":
        yield from _genius_streams()
    package = source.tap.replace("-", "_")
    classes = _stream_classes(package)
    folder = resources.files(package) / "schemas"
    for name in source.streams:
        file = folder / f"{name}.json"
        if (source.name, name) in _NO_MODEL or not file.is_file():
            continue
        schema = json.loads(file.read_text(encoding="utf-8"))
        properties: dict[str, Any] = schema["properties"]
        stream = classes.get(name)
        key = tuple(getattr(stream, "primary_keys", None) or ("id",))
        yield Stream(
            source.name,
            name,
            tuple(snake_case(part) for part in key),
            tuple(
                Column(snake_case(column), postgres_type(property_), property_.get("description", ""))
                for column, property_ in properties.items()
            ),
            _first_line(getattr(stream, "__doc__", None)) or f"{name.replace('_', ' ').capitalize()}.",
        )


def _stream_classes(package: str) -> dict[str, type]:
    found: dict[str, type] = {}
    for module_name in ("client", "objects", "associations", "exports", "streams", "tap"):
        try:
            module = import_module(f"{package}.{module_name}")
        except ModuleNotFoundError:
            continue
        for value in vars(module).values():
            name = getattr(value, "name", None)
            if isinstance(value, type) and isinstance(name, str) and isinstance(value.__dict__.get("name"), str):
                found[name] = value
    return found


def _genius_streams() -> Iterator[Stream]:
    """Yield the streams of Genius: their columns come from the database, so from the one that the simulator makes."""
    from tap_genius.columns import LiveColumn, columns_of  # noqa: PLC0415 -- only here
    from tap_genius.tables import TABLES  # noqa: PLC0415

    text = resources.files("crm_simulator").joinpath("genius.sql").read_text(encoding="utf-8")
    live: dict[str, list[LiveColumn]] = {}
    for table, body in re.findall(r"CREATE TABLE `(\w+)` \((.*?)\n\)", text, re.DOTALL):
        live[table] = [
            LiveColumn.of_type(name, kind)
            for name, kind in re.findall(r"^  `(\w+)` (\w+(?:\([\d,]+\))?(?: unsigned)?)", body, re.MULTILINE)
        ]
    for table in TABLES:
        columns = tuple(
            Column(
                column.name,
                postgres_type(column.schema),
                f"Column {column.name} of the query on {table.table}."
                if table.join and column.name == table.join.column
                else f"Column {table.source_column(column.name)} of {table.table}."
                + (f" {column.schema['description']}" if "description" in column.schema else ""),
            )
            for column in columns_of(table, live)
        )
        yield Stream("genius", table.name, table.key, columns, f"Table {table.table} of Genius.")


def _first_line(doc: str | None) -> str:
    return " ".join((doc or "").strip().split("\n\n")[0].split())


def files(streams: Iterable[Stream]) -> dict[Path, str]:
    """Return the content of every generated file of a CRM, by its path below the folder of the staging models."""
    made: dict[Path, str] = {}
    by_source: dict[str, list[Stream]] = {}
    for stream in streams:
        by_source.setdefault(stream.source, []).append(stream)
        made[Path(stream.source, f"{stream.model}.sql")] = _sql(stream)
    for source, found in by_source.items():
        made[Path(source, f"_{source}.yml")] = _yaml(source, found)
    return made


def key_tests(streams: Iterable[Stream]) -> dict[Path, str]:
    """Return a test per CRM of the keys of its staging models; one per model would take most of a build's time."""
    parts: dict[str, list[str]] = {}
    for stream in streams:
        key = ", ".join(f'"{name}"' for name in stream.key)
        missing = " or ".join(f'"{name}" is null' for name in stream.key)
        parts.setdefault(stream.source, []).append(
            f"select '{stream.model}' as model, count(*) as keys from (\n"
            f"    select 1 from {{{{ ref('{stream.model}') }}}} group by {key} having count(*) > 1 or {missing}\n"
            ") as found having count(*) > 0\n"
        )
    return {
        Path(f"keys_of_{source}.sql"): f"-- {HEAD}\n-- Keys that a staging model lacks or has twice.\n"
        + "union all\n".join(found)
        for source, found in parts.items()
    }


def _sql(stream: Stream) -> str:
    key = ", ".join(f"'{name}'" for name in stream.key)
    columns = "\n".join(f"    '{column.name}': '{column.type}'," for column in stream.columns)
    forms = "".join(f",\n    {kind}={json.dumps(names)}" for kind, names in stream.forms().items())
    return (
        f"-- {HEAD}\n"
        f"{{{{ config(unique_key=[{key}]) }}}}\n"
        f"{{{{ staging('{stream.source}', '{stream.name}', {{\n{columns}\n}}{forms}) }}}}\n"
    )


_FORM_TEXTS: Final = {
    "phones": (("_e164", "text", "{} in E.164 (+12065550100)."), ("_national", "text", "{} as (206) 555-0100.")),
    "emails": (("_normal", "text", "{} in small letters; NULL if it is no address."),),
    "states": (("_normal", "text", "{} as the two letters of a US state; NULL if it is none."),),
    "zips": (("_normal", "text", "{} as five digits (or a Canadian code); NULL if it is none."),),
}


def _yaml(source: str, streams: list[Stream]) -> str:
    tables = [{"name": stream.name, "description": stream.description} for stream in streams]
    content = {
        "version": 2,
        "sources": [
            {
                "name": source,
                "description": f"What the loader keeps of {source}.",
                "schema": source,
                "tables": tables,
            }
        ],
        "models": [
            {
                "name": stream.model,
                "description": stream.description,
                "columns": [
                    {"name": column.name, "data_type": column.type, "description": column.description}
                    for column in stream.columns
                ]
                + [
                    {"name": f"{name}{suffix}", "data_type": type_, "description": text.format(name)}
                    for kind, names in stream.forms().items()
                    for name in names
                    for suffix, type_, text in _FORM_TEXTS[kind]
                ],
            }
            for stream in streams
        ],
    }
    return f"# {HEAD}\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


_EMPTY: Final = {
    "never": "Never held data: always NULL.",
    "secret": "A secret of the source that is not read any more: always NULL.",
    "unread": "Not read any more: always NULL.",
}
_MOMENT: Final = r"'^\d{4}-\d\d-\d\d([T ]\d\d:\d\d|$)'"
# How a staging column of one type becomes a legacy column of another: {0} is the column.
_CONVERSIONS: Final = {
    ("text", "bigint"): r"case when {0} ~ '^-?\d{{1,18}}$' then {0}::bigint end",
    ("text", "numeric"): r"case when {0} ~ '^-?\d+(\.\d+)?$' then {0}::numeric end",
    ("text", "uuid"): r"case when {0} ~* '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$' then {0}::uuid end",
    ("text", "timestamptz"): "case when {0} ~ " + _MOMENT.replace("{4}", "{{4}}") + " then {0}::timestamptz end",
    ("text", "date"): "case when {0} ~ " + _MOMENT.replace("{4}", "{{4}}") + " then left({0}, 10)::date end",
    ("text", "time"): r"case when {0} ~ '^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?' then left({0}, 8)::time end",
    ("text", "boolean"): "case when lower({0}) in ('true', 't', '1', 'yes') then true "
    "when lower({0}) in ('false', 'f', '0', 'no') then false end",
    ("text", "jsonb"): "to_jsonb({0})",
    ("numeric", "bigint"): "case when abs({0}) < 9e18 then {0}::bigint end",
    ("bigint", "boolean"): "{0} <> 0",
    ("boolean", "bigint"): "{0}::int::bigint",
    ("timestamptz", "date"): "({0} at time zone 'UTC')::date",
    ("date", "timestamptz"): "{0}::timestamp at time zone 'UTC'",
}


def legacy_files(tables: Mapping[str, Any], streams: Iterable[Stream]) -> dict[Path, str]:
    """Return a view for each table of the old system, and what is known of their columns.

    Raises:
        KeyError: If a table names a stream or a column that there is not.
    """
    by_name = {(stream.source, stream.name): stream for stream in streams}
    made: dict[Path, str] = {}
    models = []
    for name, table in tables.items():
        stream = by_name[table["source"], table["stream"]]
        also = by_name[table["source"], table["also"]] if "also" in table else None
        columns = {
            column: {"type": value} if isinstance(value, str) else value for column, value in table["columns"].items()
        }
        made[Path(f"legacy_{name}.sql")] = _legacy_sql(name, stream, columns, also)
        models.append(
            {
                "name": f"legacy_{name}",
                "description": f"The old system's table {name}, from {stream.model}.",
                "columns": [
                    {"name": column, "description": _EMPTY[value["empty"]], "quote": True}
                    for column, value in columns.items()
                    if "empty" in value
                ],
            }
        )
    text = yaml.safe_dump({"version": 2, "models": models}, sort_keys=False, width=120)
    made[Path("_legacy.yml")] = f"# {LEGACY_HEAD}\n{text}"
    return made


def _legacy_sql(name: str, stream: Stream, columns: Mapping[str, Mapping[str, str]], also: Stream | None) -> str:
    types = {column.name: column.type for column in stream.columns}
    lines = []
    for column, value in columns.items():
        wanted, source = value["type"], value.get("from", column)
        quoted = f'"{source}"'
        if "empty" in value:
            expression = f"null::{wanted}"
        elif types[source] == wanted:
            expression = quoted
        else:
            expression = _CONVERSIONS.get((types[source], wanted), "{0}::" + wanted).format(quoted)
        lines.append(f'    {expression} as "{column}",')
    lines += ["    _sdc_extracted_at as sync_created_at,", "    _sdc_batched_at as sync_updated_at"]
    body = "select\n" + "\n".join(lines) + f"\nfrom {{{{ ref('{stream.model}') }}}}\n"
    if also is not None:
        key = stream.key[0]
        more = body.replace(stream.model, also.model).rstrip("\n")
        more = more.replace("select\n", f'select distinct on ("{key}")\n', 1)
        more += f'\nwhere "{key}" not in (select "{key}" from {{{{ ref(\'{stream.model}\') }}}})\norder by "{key}"'
        body += f"union all\n(\n{more}\n)\n"
    return f"-- {LEGACY_HEAD}\n{{{{ config(alias='{name}') }}}}\n{body}"


def all_files(root: Path) -> dict[Path, str]:
    """Return every file that is made, by its path in the project, for every installed tap."""
    streams = [stream for source in installed_sources().values() for stream in streams_of(source)]
    tables = yaml.safe_load((root / LEGACY_TABLES).read_text(encoding="utf-8"))
    return {
        **{FOLDER / path: text for path, text in files(streams).items()},
        **{TEST_FOLDER / path: text for path, text in key_tests(streams).items()},
        **{LEGACY_FOLDER / path: text for path, text in legacy_files(tables, streams).items()},
    }


def write(root: Path) -> list[Path]:
    """Write all files anew, and remove those of streams that are gone; return their paths."""
    made = all_files(root)
    for folder in (FOLDER, TEST_FOLDER, LEGACY_FOLDER):
        shutil.rmtree(root / folder, ignore_errors=True)
    for path, text in made.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return sorted(made)


if __name__ == "__main__":
    sys.stdout.write(f"{len(write(Path.cwd()))} files below transform\n")
