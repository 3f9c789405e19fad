"""The tap as a command: what people type, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from tap_genius.tap import TapGenius
from tap_kit.testing import assert_golden, normalise, parse, run_command, run_tap

Config: t.TypeAlias = "dict[str, t.Any]"
SECRET = "a very secret ' password"
FOLDER = Path(__file__).parent


def start(folder: Path, config: Config, *arguments: str) -> subprocess.Popen[bytes]:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    # Without coverage: its own lock would stay taken for ever if a signal's exception met it.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tap_genius", "--config", str(path), *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            env=unmeasured,
        )


def test_discover_then_sync_then_resume(genius_config: Config, tmp_path: Path) -> None:
    discovered = run_command("tap_genius", "--discover", folder=tmp_path, config=genius_config)
    catalog = json.loads(discovered.text)
    first = run_command("tap_genius", folder=tmp_path, config=genius_config, catalog=catalog)
    assert first.exit_code == 0
    assert first.messages[0]["type"] == "STATE"
    second = run_command(
        "tap_genius", folder=tmp_path, config=genius_config, catalog=catalog, state={"bookmarks": first.bookmarks}
    )
    assert second.exit_code == 0
    assert len(second.messages) < len(first.messages)


def test_test_reads_one_record_of_each_stream(genius_config: Config, tmp_path: Path) -> None:
    run = run_command("tap_genius", "--test", folder=tmp_path, config=genius_config)
    assert run.exit_code == 0
    assert len(run.records("jobs")) == 1
    assert run.bookmarks == {}
    assert run_command("tap_genius", "--test=schema", folder=tmp_path, config=genius_config).exit_code == 0


def test_about_tells_every_setting_and_no_value(tmp_path: Path) -> None:
    run = run_command("tap_genius", "--about", "--format=json", folder=tmp_path)
    settings = json.loads(run.text)["settings"]["properties"]
    assert settings["password"]["secret"] is True
    assert "default" not in settings["password"]


@pytest.mark.parametrize("arguments", [[], ["--discover"], ["--test"]])
def test_wrong_credentials_are_one_sentence(genius_config: Config, tmp_path: Path, arguments: list[str]) -> None:
    run = run_command("tap_genius", *arguments, folder=tmp_path, config={**genius_config, "password": SECRET})
    assert run.exit_code == 1
    assert run.text == ""
    assert "refused the user" in run.log
    assert "Traceback" not in run.log
    assert SECRET not in run.log


@pytest.mark.parametrize("arguments", [[], ["--discover"], ["--test"]])
def test_a_missing_setting_is_named(tmp_path: Path, arguments: list[str]) -> None:
    run = run_command("tap_genius", *arguments, folder=tmp_path, config={"host": "h"})
    assert run.exit_code == 1
    assert "'password' is a required property" in run.log
    assert "Traceback" not in run.log


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    missing = run_command("tap_genius", "--config", str(tmp_path / "none.json"), folder=tmp_path)
    assert missing.exit_code == 1
    assert "none.json" in missing.log
    (tmp_path / "broken.json").write_text("{")
    broken = run_command("tap_genius", "--config", str(tmp_path / "broken.json"), folder=tmp_path)
    assert "is not JSON" in broken.log
    assert "Traceback" not in missing.log + broken.log


def test_a_stored_bookmark_that_is_no_time_stops_the_run(genius_config: Config, tmp_path: Path) -> None:
    state = {"bookmarks": {"jobs": {"replication_key": "updated_at", "replication_key_value": "soon"}}}
    run = run_command("tap_genius", folder=tmp_path, config=genius_config, state=state)
    assert run.exit_code == 1
    assert "The stored bookmark of jobs is not a time: 'soon'" in run.log
    assert run.text == ""


def test_no_secret_is_shown_anywhere(genius_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAP_GENIUS_LOGLEVEL", "DEBUG")
    run = run_command("tap_genius", folder=tmp_path, config=genius_config)
    assert run.exit_code == 0
    assert genius_config["password"] not in run.log + run.text
    configuration = run.states[0]["sync_report"]["run"]["configuration"]
    assert configuration["user"] == genius_config["user"]
    assert "password" not in configuration


def make_big(source: t.Any, rows: int) -> None:
    source.run(
        "CREATE TABLE service (id INT PRIMARY KEY, label VARCHAR(250), updated_at DATETIME NULL)",
        f"INSERT INTO service SELECT seq, REPEAT('x', 200), '2025-01-01' FROM seq_1_to_{rows}",
    )


def test_a_reader_that_goes_away_is_no_trouble(source: t.Any, empty_config: Config, tmp_path: Path) -> None:
    make_big(source, 20_000)
    tap = start(tmp_path, empty_config)
    assert tap.stdout is not None
    head = [tap.stdout.readline() for _ in range(3)]
    tap.stdout.close()
    assert tap.wait(60) == 1
    log = (tmp_path / "log").read_text()
    assert [message["type"] for message in parse(b"".join(head).decode())] == ["STATE", "SCHEMA", "RECORD"]
    assert "Traceback" not in log
    assert "BrokenPipe" not in log


def test_sigterm_keeps_the_position(source: t.Any, empty_config: Config, tmp_path: Path) -> None:
    make_big(source, 60_000)
    config = {**empty_config, "page_size": 500}
    tap = start(tmp_path, config)
    assert tap.stdout is not None
    lines = [tap.stdout.readline() for _ in range(2_000)]
    tap.send_signal(signal.SIGTERM)
    rest = tap.stdout.read()
    tap.stdout.close()
    log = (tmp_path / "log").read_text()
    assert tap.wait(60) == 128 + signal.SIGTERM, log
    messages = parse((b"".join(lines) + rest).decode())
    last = messages[-1]["value"]
    report = last["sync_report"]["streams"]["services"]
    assert (report["status"], report["error_category"]) == ("failed", "interrupted")
    done = [m["record"]["id"] for m in messages if m["type"] == "RECORD"]
    assert done == list(range(1, len(done) + 1))
    assert len(done) < 60_000
    position = last["bookmarks"]["services"]["resume"]["last_key"][0]
    assert 0 < position <= len(done)
    rest_of_it = run_tap(TapGenius, empty_config, state={"bookmarks": last["bookmarks"]})
    assert [r["id"] for r in rest_of_it.records("services")] == list(range(position + 1, 60_001))
    assert "Traceback" not in log


def test_golden_output(source: t.Any, empty_config: Config) -> None:
    source.run(
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        "CREATE TABLE third_party_source_type (id INT PRIMARY KEY, label VARCHAR(64))",
        "CREATE TABLE third_party_source (id INT PRIMARY KEY, third_party_id VARCHAR(255),"
        " third_party_source_type_id INT)",
        "CREATE TABLE appointment (id INT PRIMARY KEY, date DATE, duration TIME, notes TEXT, is_complete TINYINT,"
        " third_party_source_id INT, updated_at DATETIME NULL) CHARSET utf8mb4",
        "CREATE TABLE appointment_to_service (appointment_id INT, service_id SMALLINT, updated_at DATETIME NULL,"
        " PRIMARY KEY (appointment_id, service_id))",
        "CREATE TABLE job_status (id INT PRIMARY KEY, label VARCHAR(50))",
        "INSERT INTO third_party_source_type VALUES (1, 'hubspot')",
        "INSERT INTO third_party_source VALUES (5, '9001', 1)",
        "INSERT INTO appointment VALUES (1, '2025-02-03', '01:30:00', 'Größe 🙂', 1, 5, '2025-02-03 04:05:06'),"
        " (2, '0000-00-00', '30:00:00', NULL, 0, NULL, NULL), (3, '2024-02-30', NULL, 'x', 0, NULL, '2025-01-01')",
        "INSERT INTO appointment_to_service VALUES (1, 1, '2025-02-03'), (1, 2, '2025-02-04'), (2, 0, NULL)",
        "INSERT INTO job_status VALUES (1, 'open'), (2, 'done')",
    )
    config = {**empty_config, "deletions": "sweep", "page_size": 2}
    run = run_tap(TapGenius, config)
    stable = {str(config[name]): f"<{name}>" for name in ("database", "port")}
    assert_golden(FOLDER / "golden.jsonl", normalise(run.text, stable))
