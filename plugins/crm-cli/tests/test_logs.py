from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from crm_cli import logs

if TYPE_CHECKING:
    from pathlib import Path

MELTANO = "2026-01-05T08:00:00.000001Z [{level:<9}] {producer:<12} {text}"


def line(text: str, producer: str = "meltano", level: str = "info") -> str:
    return MELTANO.format(level=level, producer=producer, text=text)


DISCOVERY = "\n".join(
    [
        line("Running catalog discovery"),
        line("2026-01-05 08:00:00,123 | INFO     | tap-acme | Connecting", "tap-acme"),
        line("Access denied for user 'reader': check TAP_ACME_PASSWORD.", "tap-acme"),
        line("Cannot start plugin tap-acme: Catalog discovery failed: command ['tap-acme'] returned 1", level="error"),
        " 2026-01-05 INFO Connecting",
        "Access denied for user 'reader': check TAP_ACME_PASSWORD.",
        "",
        line("Block run completed", level="error"),
        line("Run completed"),
    ]
)
TRACEBACK = "\n".join(
    [
        line("Traceback (most recent call last):", "tap-acme"),
        line('  File "x.py", line 1, in <module>', "tap-acme"),
        line("tap_kit.errors.ConfigurationError: The setting host is wrong.", "tap-acme"),
        line("2026-01-05 08:00:00,123 | INFO     | tap-acme | bye", "tap-acme"),
        line("Extractor failed", level="error"),
    ]
)
LOGGED = "\n".join(
    [
        line("2026-01-05 08:00:00,123 | ERROR    | tap-acme.users | users: the table is gone.", "tap-acme"),
        line("2026-01-05 08:00:00,124 | INFO     | tap-acme | bye", "tap-acme"),
        line("Extractor failed", level="error"),
    ]
)


def as_json(log: str) -> str:
    """Return a log as Meltano writes it with the format json."""
    entries = [entry for entry in logs.entries(log) if entry.text]
    return "\n".join(
        json.dumps(
            {"event": entry.text, "level": entry.level}
            | ({} if entry.producer == "meltano" else {"name": entry.producer})
        )
        for entry in entries
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(DISCOVERY, "Access denied for user 'reader': check TAP_ACME_PASSWORD.", id="discovery"),
        pytest.param(TRACEBACK, "The setting host is wrong.", id="traceback"),
        pytest.param(LOGGED, "users: the table is gone.", id="logged by the SDK"),
        pytest.param(
            as_json(DISCOVERY), "Access denied for user 'reader': check TAP_ACME_PASSWORD.", id="json, discovery"
        ),
        pytest.param(as_json(TRACEBACK), "The setting host is wrong.", id="json, traceback"),
        pytest.param(as_json(LOGGED), "users: the table is gone.", id="json, logged by the SDK"),
        pytest.param(
            json.dumps({"event": "Run failed", "level": "error", "exception": "Traceback\n  x\nOSError: no disk"}),
            "no disk",
            id="json, meltano's own traceback",
        ),
        pytest.param('{"no": "event"}\n{"torn', None, id="json, but no entry"),
        pytest.param(line("ERROR: no disk", "target-acme"), "no disk", id="level in front"),
        pytest.param(
            line("Extractor 'tap-acme' is unknown", level="error"), "Extractor 'tap-acme' is unknown", id="meltano"
        ),
        pytest.param(line("Environment 'prod' is active"), None, id="nothing wrong"),
        pytest.param("", None, id="empty"),
        pytest.param(
            line("2026-01-05 08:00:00,123 | INFO | tap-acme | hello", "tap-acme")
            + "\n"
            + line("State is locked", level="error"),
            "State is locked",
            id="meltano after a plugin's talk",
        ),
    ],
)
def test_the_log_says_what_failed(text: str, sentence: str | None) -> None:
    assert logs.failure_sentence(text) == sentence


def test_a_log_is_masked_in_place(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("password hunter2 and hunter\n")
    logs.mask_file(log, ["hunter2", "hunter"])
    assert log.read_text() == "password *** and ***\n"
    before = log.stat().st_mtime_ns
    logs.mask_file(log, ["absent"])
    assert log.stat().st_mtime_ns == before


def test_the_newest_logs_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(205):
        (folder / f"{number:03}.log").touch()
    new = logs.new_log(folder, "300")
    new.touch()
    names = sorted(path.name for path in folder.glob("*.log"))
    assert len(names) == 200
    assert names[0] == "006.log"
    assert names[-1] == "300.log"


@pytest.mark.parametrize(
    ("said", "sentence", "category"),
    [
        ("Access denied for user 'x'. [authentication]", "Access denied for user 'x'.", "authentication"),
        ("Something [else] happened.", "Something [else] happened.", None),
        ("No brackets.", "No brackets.", None),
    ],
)
def test_a_category_is_cut_off(said: str, sentence: str, category: str | None) -> None:
    assert logs.split_category(said) == (sentence, category)


def test_a_secret_is_masked_inside_json() -> None:
    secret = 'a"quoted\\word'
    text = json.dumps({"event": f"the password is {secret}"})
    assert logs.mask(text, [secret]) == '{"event": "the password is ***"}'
