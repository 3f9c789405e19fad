"""The generated files of transform/ say what the taps' schemas say."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
import yaml
from crm_cli import transform_models
from crm_cli.sources import installed_sources
from crm_cli.transform_models import Column, Stream, all_files, legacy_files, postgres_type, streams_of

ROOT = Path(__file__).parents[3]


def test_the_files_are_those_that_would_be_made_now() -> None:
    made = all_files(ROOT)
    folders = (transform_models.FOLDER, transform_models.TEST_FOLDER, transform_models.LEGACY_FOLDER)
    there = {file.relative_to(ROOT) for folder in folders for file in (ROOT / folder).rglob("*.*")}
    assert there == set(made), "run `make models`"
    assert [path for path, text in made.items() if (ROOT / path).read_text(encoding="utf-8") != text] == []


def test_every_stream_has_a_model() -> None:
    for source in installed_sources().values():
        modelled = {stream.name for stream in streams_of(source)}
        missing = {name for name in source.streams if (source.name, name) not in transform_models._NO_MODEL} - modelled
        assert missing == set(), source.name


def test_descriptions_come_from_the_schemas() -> None:
    schema = json.loads(resources.files("tap_callrail_dw").joinpath("schemas/calls.json").read_text(encoding="utf-8"))
    text = (ROOT / transform_models.FOLDER / "callrail" / "_callrail.yml").read_text(encoding="utf-8")
    [model] = [model for model in yaml.safe_load(text)["models"] if model["name"] == "stg_callrail__calls"]
    told = {column["name"]: column["description"] for column in model["columns"]}
    for name, column in schema["properties"].items():
        assert told[name] == column["description"]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"]}, "text"),
        ({"type": ["string", "null"], "format": "date-time"}, "timestamptz"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": ["integer", "null"]}, "bigint"),
        ({"type": ["number", "integer", "null"]}, "numeric"),
        ({"type": ["boolean", "null"]}, "boolean"),
        ({"type": ["array", "null"]}, "jsonb"),
        ({"type": ["object", "string"]}, "jsonb"),
        ({}, "text"),
    ],
    ids=str,
)
def test_types(schema: dict[str, object], expected: str) -> None:
    assert postgres_type(schema) == expected


def test_forms_are_found_by_names() -> None:
    names = ("phone", "phone1", "phone_type", "contract_number", "email", "email_sent", "state", "zip", "fax")
    stream = Stream("acme", "leads", ("id",), tuple(Column(name, "text", "") for name in names), "")
    assert stream.forms() == {
        "phones": ["phone", "phone1", "fax"],
        "emails": ["email"],
        "states": ["state"],
        "zips": ["zip"],
    }


def test_a_table_of_the_old_system_may_have_other_names_and_types() -> None:
    columns = (Column("id", "text", ""), Column("created", "timestamptz", ""))
    stream = Stream("acme", "leads", ("id",), columns, "")
    table = {
        "source": "acme",
        "stream": "leads",
        "columns": {
            "id": "bigint",
            "made": {"type": "timestamptz", "from": "created"},
            "token": {"type": "text", "empty": "secret"},
        },
    }
    made = legacy_files({"acme_lead": table}, [stream])
    text = made[Path("legacy_acme_lead.sql")]
    assert '"created" as "made"' in text
    assert """case when "id" ~ '^-?\\d{1,18}$' then "id"::bigint end as "id\"""" in text
    assert 'null::text as "token"' in text
    assert "always NULL" in made[Path("_legacy.yml")]
