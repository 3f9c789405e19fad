"""The Meltano definitions are those that ``--about`` gives, and good enough for a listing on Meltano Hub."""

from __future__ import annotations

import importlib.resources
import json
import re
import typing as t
from functools import cache
from pathlib import Path

import pytest
from crm_cli import definitions
from crm_cli.project import lock_file
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[1]
PACKAGES = definitions.plugin_packages(ROOT)
# meltano/hub, schemas/common and schemas/plugin_definitions: keys that a listing has to have, and may have.
REQUIRED = {"name", "namespace", "variant", "label"}
ALLOWED = REQUIRED | {
    "pip_url",
    "description",
    "executable",
    "settings",
    "docs",
    "repo",
    "logo_url",
    "hidden",
    "settings_group_validation",
    "commands",
    "capabilities",
    "metadata",
    "schema",
    "select",
    "maintenance_status",
    "domain_url",
    "keywords",
    "requires",
    "definition",
    "next_steps",
    "settings_preamble",
    "usage",
    "prereq",
}


@cache
def about(name: str) -> dict[str, t.Any]:
    return definitions.about(name)


def listing(package: Path) -> dict[str, t.Any]:
    return definitions.hub_listing(package, about(package.name))


def test_every_tap_and_the_loader_are_plugins() -> None:
    expected = {file.parent.name for file in ROOT.glob("taps/tap-*/pyproject.toml")} - {"tap-kit"}
    assert {package.name for package in PACKAGES} == expected | {"target-postgres-dw"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_definition_is_the_one_that_the_program_gives(package: Path) -> None:
    kind = definitions.plugin_type(package.name)
    written = lock_file(ROOT, kind, package.name, definitions.VARIANT).read_text(encoding="utf-8")
    assert written == definitions.file_text(package, about(package.name)), "run `make definitions`"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_hub_could_list_it(package: Path) -> None:
    listed = listing(package)
    assert REQUIRED <= set(listed) <= ALLOWED
    assert listed["maintenance_status"] in {"active", "beta", "development", "inactive", "unknown"}
    assert listed["domain_url"].startswith("https://")
    assert listed["description"].endswith(".")
    known = {setting["name"] for setting in listed["settings"]}
    assert all(set(group) <= known for group in listed.get("settings_group_validation", []))
    assert set(listed["capabilities"]) <= set(definitions.CAPABILITIES[definitions.plugin_type(package.name)])
    assert set(listed["capabilities"]) >= {"about", "stream-maps"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_its_settings_satisfy_meltanos_own_schema(package: Path) -> None:
    file = importlib.resources.files("meltano.schemas") / "meltano.schema.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    validator = Draft202012Validator({"$ref": "#/$defs/base_setting", "$defs": schema["$defs"]})
    for setting in listing(package)["settings"]:
        assert [error.message for error in validator.iter_errors(setting)] == [], setting["name"]
        assert setting["kind"] not in {"password", "hidden", "decimal"}
        assert setting["label"] == definitions.title_case(setting["label"])
        assert setting["label"][0].isupper() or not setting["label"][0].isalpha()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_setting_of_ours_is_described(package: Path) -> None:
    assert [setting["name"] for setting in listing(package)["settings"] if not setting["description"]] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_what_sounds_like_a_secret_is_sensitive(package: Path) -> None:
    pattern = re.compile(
        r"password|(?<!include_)secret|token(?!_url|_file)|api_key|auth_key|private_key$|sqlalchemy_url"
    )
    told = {setting["name"]: bool(setting.get("sensitive")) for setting in listing(package)["settings"]}
    assert {name for name, sensitive in told.items() if pattern.search(name) and not sensitive} == set()


@pytest.mark.parametrize(
    ("label", "cased"),
    [("API key", "API Key"), ("Days read again", "Days Read Again"), ("Page size of a list", "Page Size of a List")],
)
def test_labels_in_title_case(label: str, cased: str) -> None:
    assert definitions.title_case(label) == cased
