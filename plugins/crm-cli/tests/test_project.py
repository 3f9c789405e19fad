from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from crm_cli.errors import CrmUsageError
from crm_cli.project import Project, Setting, lock_file

if TYPE_CHECKING:
    from pathlib import Path


def test_finds_the_project_from_a_folder_below(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root / "taps" / "tap-acme" / "..")
    assert Project.find().root == project.root


def test_a_tap_folder_with_a_definition_of_its_own_is_not_the_project(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root / "taps" / "tap-acme")
    assert Project.find().root == project.root


def test_meltano_project_root_wins(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "meltano.yml").write_text("project_id: x\n")
    monkeypatch.setenv("MELTANO_PROJECT_ROOT", str(other))
    assert Project.find().root == other
    assert project.root != other


def test_outside_of_a_project_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CrmUsageError, match=r"There is no meltano\.yml in .* or above"):
        Project.find()
    monkeypatch.setenv("MELTANO_PROJECT_ROOT", str(tmp_path))
    with pytest.raises(CrmUsageError, match=r"There is no meltano\.yml in \S+: go"):
        Project.find()


def test_the_environment_beats_dotenv(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / ".env").write_text("TAP_ACME_HOST=from-file\nTAP_ACME_USER='two words'\nEMPTY\n")
    monkeypatch.setenv("TAP_ACME_HOST", "from-process")
    assert project.environment["TAP_ACME_HOST"] == "from-process"
    assert project.environment["TAP_ACME_USER"] == "two words"
    assert "EMPTY" not in project.environment


def test_settings_come_from_included_files(project: Project) -> None:
    assert project.settings("tap-acme") == [
        Setting("host", "TAP_ACME_HOST", sensitive=False),
        Setting("port", "TAP_ACME_PORT", sensitive=False),
        Setting("user", "TAP_ACME_USER", sensitive=False),
        Setting("password", "ACME_SECRET", sensitive=True),
    ]


def test_missing_settings_leave_out_what_has_a_value(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [setting.name for setting in project.missing_settings("tap-acme")] == ["host", "user", "password"]
    monkeypatch.setenv("TAP_ACME_HOST", "db.example.com")
    (project.root / ".env").write_text("TAP_ACME_USER=reader\nACME_SECRET=\n")
    assert [setting.env for setting in Project(project.root).missing_settings("tap-acme")] == ["ACME_SECRET"]


def test_a_value_in_the_active_environment_counts(project: Project) -> None:
    text = (project.root / "meltano.yml").read_text()
    config = (
        "- name: prod\n  config:\n    plugins:\n      extractors:\n"
        "      - {name: tap-other, config: {host: no}}\n"
        "      - {name: tap-acme, config: {host: a, user: b, password: c}}\n- name: dev\n"
    )
    (project.root / "meltano.yml").write_text(text.replace("- name: prod\n", config))
    assert Project(project.root).missing_settings("tap-acme") == []


def test_one_whole_group_is_enough(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    file = project.root / "taps" / "tap-acme" / "meltano.yml"
    file.write_text(file.read_text() + "    - [user]\n")
    monkeypatch.setenv("TAP_ACME_USER", "reader")
    assert project.missing_settings("tap-acme") == []


def test_secrets_are_the_values_of_sensitive_settings(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_SECRET", "hunter2")
    monkeypatch.setenv("TAP_ACME_USER", "reader")
    assert project.secrets("tap-acme", "target-postgres-dw") == ["hunter2"]


def test_broken_yaml_is_a_usage_error(project: Project) -> None:
    (project.root / "meltano.yml").write_text("a: [")
    with pytest.raises(CrmUsageError, match="is no valid YAML"):
        project.settings("tap-acme")


def test_an_empty_file_declares_nothing(project: Project) -> None:
    (project.root / "meltano.yml").write_text("")
    assert project.settings("tap-acme") == []


def test_what_one_run_sets_may_make_another_group_whole(project: Project) -> None:
    file = project.root / "taps" / "tap-acme" / "meltano.yml"
    file.write_text(file.read_text().replace("- [host, port, user, password]", "- [host]\n    - [user, password]"))
    fresh = Project(project.root)
    assert [setting.name for setting in fresh.missing_settings("tap-acme")] == ["host"]
    assert fresh.missing_settings("tap-acme", {"TAP_ACME_USER": "u", "ACME_SECRET": "s"}) == []


def test_a_plugin_may_be_defined_by_its_lock_file(project: Project) -> None:
    (project.root / "meltano.yml").write_text(
        "plugins:\n  extractors:\n"
        "  - {name: tap-locked, variant: ours, config: {host: h}}\n"
        "  - {name: tap-bare, variant: x}\n"
    )
    definition = {
        "name": "tap-locked",
        "settings": [{"name": "host", "kind": "string"}, {"name": "key", "kind": "string", "sensitive": True}],
        "settings_group_validation": [["host", "key"]],
    }
    lock = project.root / "plugins" / "extractors" / "tap-locked--ours.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps(definition))
    fresh = Project(project.root)
    assert lock in fresh.files
    assert [setting.env for setting in fresh.settings("tap-locked")] == ["TAP_LOCKED_HOST", "TAP_LOCKED_KEY"]
    assert [setting.name for setting in fresh.missing_settings("tap-locked")] == ["key"]
    assert fresh.settings("tap-bare") == []


@pytest.mark.parametrize("text", ["{", "\xff"])
def test_a_broken_lock_file_is_a_usage_error(project: Project, text: str) -> None:
    (project.root / "meltano.yml").write_text("plugins:\n  extractors:\n  - {name: tap-locked, variant: ours}\n")
    lock = lock_file(project.root, "extractors", "tap-locked", "ours")
    lock.parent.mkdir(parents=True)
    lock.write_bytes(text.encode("latin-1"))
    with pytest.raises(CrmUsageError, match=r"is no valid JSON: .* `make definitions` writes it anew"):
        Project(project.root).settings("tap-locked")
