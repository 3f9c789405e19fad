"""The loader as a process: a silent tap, signals, bad input, bad settings."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from singer_sdk.plugin_base import _ConfigInput
from sync_history import runs
from target_postgres_dw.rows import RowEncoder
from target_postgres_dw.target import TargetPostgresDw
from target_postgres_dw.testing import INTEGER, bookmark, header, records, schema, state, to_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = Path(sys.executable).parent / "target-postgres-dw"
TEXTS = ("Ann Example", "ann@example.com")
JAN = "2026-01-01T00:00:00.000000+00:00"


class Loader:
    """The loader with an open standard input."""

    def __init__(self, url: str, folder: Path, **config: Any) -> None:
        config_file = folder / "config.json"
        config_file.write_text(json.dumps({"sqlalchemy_url": url, **config}))
        self.log = folder / "log"
        self.states = folder / "states"
        with self.states.open("wb") as states, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [COMMAND, f"--config={config_file}"], stdin=subprocess.PIPE, stdout=states, stderr=log
            )

    def send(self, *messages: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(to_lines(*messages).encode())
        self.process.stdin.flush()

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(60)


@pytest.fixture
def loader(postgres_url: str, tmp_path: Path) -> Iterator[Loader]:
    running = Loader(postgres_url, tmp_path, flush_seconds=1)
    yield running
    running.process.kill()
    running.process.wait(60)
    assert running.process.stdin is not None
    running.process.stdin.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def newest(url: str) -> runs.Run | None:
    with psycopg.connect(url) as conn:
        if conn.execute("SELECT to_regclass('orchestration.sync_history')").fetchone() == (None,):
            return None
        found = runs.find_runs(conn, limit=1)
    return found[0] if found else None


def processed(url: str) -> int:
    if newest(url) is None:
        return 0
    with psycopg.connect(url) as conn:
        return sum(run.records_processed for run in runs.find_runs(conn))


def test_a_silent_tap_is_flushed_and_beats(loader: Loader, postgres_url: str) -> None:
    loader.send(
        header("people"),
        schema("people", {"id": INTEGER}),
        records("people", {"id": 1}),
        state({"people": bookmark(JAN)}, people="running"),
        records("people", {"id": 2}),
    )
    wait_until(lambda: processed(postgres_url) == 2)
    run = newest(postgres_url)
    assert run is not None
    assert (run.status, run.bookmark) == ("running", bookmark(JAN))
    first_beat = run.heartbeat_at
    assert first_beat is not None

    def has_beaten_again() -> bool:
        now = newest(postgres_url)
        return now is not None and now.heartbeat_at is not None and now.heartbeat_at > first_beat

    wait_until(has_beaten_again)
    assert json.loads(loader.states.read_text().splitlines()[0])["bookmarks"] == {"people": bookmark(JAN)}
    loader.send(state({"people": bookmark(JAN)}, people="success"))
    assert loader.end() == 0


def test_the_log_ends_with_one_summary(loader: Loader) -> None:
    loader.send(
        header("people", "pets"),
        schema("people", {"id": INTEGER}),
        records("people", {"id": 1}, {"id": TEXTS[0]}),
        state({}, people="success"),
    )
    assert loader.end() == 1
    log = loader.log.read_text()
    assert "Completed genius people sync: 1 created, 0 updated, 1 failed (partial; 0 unchanged, 0 deleted)" in log
    found = re.findall(r"Finished (.+) run (\S+): (.+) in [\d.]+ s", log)
    assert [(source, told) for source, _, told in found] == [
        ("genius", "1 partial, 1 failed; 1 created, 0 updated, 0 unchanged, 1 failed, 0 deleted")
    ]
    assert TEXTS[0] not in log


def test_an_unforeseen_error_is_told_without_its_text(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(_self: object, message: object) -> None:
        error = LookupError(*TEXTS)
        error.__cause__ = KeyError(message)
        raise error

    monkeypatch.setattr(RowEncoder, "decode_many", break_down)
    lines = to_lines(header("people"), schema("people", {"id": INTEGER}), records("people", {"id": 1}))
    with pytest.raises(SystemExit):
        TargetPostgresDw.invoke(
            config=_ConfigInput(config={"sqlalchemy_url": postgres_url}, parse_env=False),
            file_input=io.BytesIO(lines.encode()),
        )
    log = caplog.text
    assert "in break_down" in log
    assert "LookupError\nbecause of:\nKeyError" in log
    assert "An error of the loader itself (LookupError): its log says where." in log
    assert [text for text in TEXTS if text in log] == []
    run = newest(postgres_url)
    assert run is not None
    assert (run.status, run.error_category) == ("failed", "internal")


def test_sigterm_commits_what_has_come_and_says_interrupted(loader: Loader, postgres_url: str) -> None:
    loader.send(
        header("people", "pets"),
        schema("people", {"id": INTEGER}),
        records("people", {"id": 1}),
        state({"people": bookmark(JAN)}, people="running"),
    )
    wait_until(lambda: processed(postgres_url) == 1)
    loader.process.send_signal(signal.SIGTERM)

    assert loader.process.wait(60) == 128 + signal.SIGTERM
    with psycopg.connect(postgres_url) as conn:
        found = {run.sync_type: run for run in runs.find_runs(conn)}
    for stream in ("people", "pets"):
        assert (found[stream].status, found[stream].error_category) == ("failed", "interrupted")
        assert "SIGTERM" in (found[stream].error_message or "")
    assert (found["people"].records_created, found["people"].bookmark) == (1, bookmark(JAN))


def test_a_line_that_is_no_message_is_named(loader: Loader, postgres_url: str) -> None:
    loader.send(header("people"), schema("people", {"id": INTEGER}))
    assert loader.process.stdin is not None
    loader.process.stdin.write(b"\nStarting up, password=hunter2...\n")
    loader.process.stdin.flush()

    assert loader.process.wait(60) == 1
    log = loader.log.read_text()
    assert "Line 4 of the input is no Singer message" in log
    assert "Traceback" not in log
    assert "hunter2" not in log
    run = newest(postgres_url)
    assert run is not None
    assert (run.status, run.error_category) == ("failed", "data")


def test_a_line_that_breaks_off_tells_of_a_killed_tap(loader: Loader, postgres_url: str) -> None:
    loader.send(header("people"), schema("people", {"id": INTEGER}))
    assert loader.process.stdin is not None
    loader.process.stdin.write(b'{"type":"RECORD","stream":"people","record":{"id":1,"name":"hunt')

    assert loader.end() == 1
    log = loader.log.read_text()
    assert "Line 3 of the input (stream people) breaks off in the middle" in log
    assert "Traceback" not in log
    run = newest(postgres_url)
    assert run is not None
    assert (run.status, run.error_category) == ("failed", "interrupted")


def test_a_last_line_without_a_line_end_counts(loader: Loader, postgres_url: str) -> None:
    loader.send(header("people"), schema("people", {"id": INTEGER}), records("people", {"id": 1}))
    assert loader.process.stdin is not None
    loader.process.stdin.write(to_lines(state({"people": bookmark(JAN)}, people="success")).rstrip("\n").encode())

    assert loader.end() == 0
    run = newest(postgres_url)
    assert run is not None
    assert (run.status, run.records_created) == ("success", 1)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b'{"type":"RECORD","stream":"pets","record":{"id":1}}', "A record of stream pets came before its SCHEMA"),
        (b'{"type":"RECORD","stream":"people","record":{}}', "A record of stream people has no id"),
        (b'{"type":"RECORD","stream":"people"}', "A RECORD of stream people lacks its stream or its record"),
        (b'{"type":"SCHEMA","stream":"pets","schema":{}}', "The SCHEMA of stream pets has no properties"),
        (b'{"type":"BATCH","stream":"people"}', "a BATCH without a readable encoding"),
        (b'{"type":"ACTIVATE_VERSION","stream":"pets","version":1}', "came before its SCHEMA"),
        (b'{"type":"NOISE"}', "is no Singer message"),
        (
            b'{"type":"RECORD","stream":"sync_rejects","record":{"stream":"pets"}}',
            "A reject names stream pets, which this run does not load",
        ),
        (b'{"type":"RECORD","stream":"people","record":null}', "A record of stream people is no JSON object"),
        (b'{"type":"STATE","value":[1]}', "A STATE holds no JSON object"),
        (b'{"type":"SCHEMA","stream":"pets","schema":null}', "A SCHEMA of stream pets holds no JSON object"),
        (
            b'{"type":"RECORD","stream":"people","record":{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
            "is no Singer message",
        ),
    ],
    ids=[
        "no schema",
        "no key",
        "no record",
        "no properties",
        "batch",
        "version",
        "unknown",
        "reject of a stranger",
        "null record",
        "array state",
        "null schema",
        "too deep",
    ],
)
def test_an_error_of_the_tap_is_one_sentence(loader: Loader, message: bytes, sentence: str) -> None:
    loader.send(header("people"), schema("people", {"id": INTEGER}))
    assert loader.process.stdin is not None
    loader.process.stdin.write(message + b"\n")
    loader.process.stdin.flush()

    assert loader.process.wait(60) == 1
    log = loader.log.read_text()
    assert sentence in log
    assert "Traceback" not in log


def test_a_reader_of_states_that_is_gone_ends_the_run(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"sqlalchemy_url": postgres_url, "batch_size_rows": 1}))
    reader, writer = os.pipe()
    os.close(reader)
    lines = to_lines(
        header("people"),
        schema("people", {"id": INTEGER}),
        records("people", {"id": 1}),
        state({"people": bookmark(JAN)}, people="running"),
        records("people", {"id": 2}),
    )
    process = subprocess.run(
        [COMMAND, f"--config={tmp_path}/config.json"],
        input=lines.encode(),
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert process.returncode == 1
    assert b"Nobody reads the loader's output" in process.stderr
    assert b"Traceback" not in process.stderr
    assert b"Exception ignored" not in process.stderr
    run = newest(postgres_url)
    assert run is not None
    assert (run.status, run.error_category, run.records_created) == ("failed", "interrupted", 1)


def run_with(config: dict[str, Any], folder: Path) -> tuple[int, str]:
    (folder / "config.json").write_text(json.dumps(config))
    process = subprocess.run(
        [COMMAND, f"--config={folder}/config.json"],
        input=to_lines(header("people")).encode(),
        capture_output=True,
        check=False,
    )
    return process.returncode, process.stderr.decode()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Set sqlalchemy_url"),
        ({"host": "db", "port": 5432, "user": "me"}, "Missing: password, database"),
        ({"sqlalchemy_url": "postgresql://u:hunter2@127.0.0.1:1/x"}, "Postgres cannot be reached"),
        ({"sqlalchemy_url": "postgresql://u@127.0.0.1:1/x", "max_rejects": "lots"}, "max_rejects is 'lots'"),
        (
            {"sqlalchemy_url": "postgresql://u@127.0.0.1:1/x", "load_method": "overwrite"},
            "load_method has no effect here",
        ),
        ({"sqlalchemy_url": "postgresql://u@127.0.0.1:1/x", "default_target_schema": "___"}, "no letter or digit"),
        ({"sqlalchemy_url": "postgresql://u:hunter2@127.0.0.1:none/x"}, "sqlalchemy_url cannot be read"),
        ({"sqlalchemy_url": "postgresql://u@127.0.0.1:1/x", "max_deleted_share": "20%"}, "max_deleted_share is '20%'"),
        (
            {"sqlalchemy_url": "postgresql://u@127.0.0.1:1/x", "flush_seconds": "soon"},
            "'soon' is not of type 'integer'",
        ),
        (
            {"sqlalchemy_url": "postgresql://u@127.0.0.1:1/x", "add_record_metadata": False},
            "Set the `activate_version` configuration to False",
        ),
        (
            {
                **dict.fromkeys(["host", "user", "password", "database"], "x"),
                "port": 1,
                "ssl_enable": True,
                "ssl_mode": "maybe",
            },
            "invalid values are provided for ssl_mode",
        ),
    ],
    ids=[
        "nothing",
        "half",
        "unreachable",
        "max_rejects",
        "overwrite",
        "schema",
        "port",
        "share",
        "wrong type",
        "metadata",
        "ssl",
    ],
)
def test_wrong_settings_are_one_sentence(config: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    code, log = run_with(config, tmp_path)
    assert code == 1
    assert sentence in log
    assert "Traceback" not in log
    assert "hunter2" not in log


def test_a_user_who_may_not_create_is_told_so(postgres_url: str, tmp_path: Path) -> None:
    user = f"reader_{tmp_path.name.replace('-', '_')}"[:60]
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'made-up'".encode())
        info = conn.info
        url = f"postgresql://{user}:made-up@{info.host}:{info.port}/{info.dbname}"
        try:
            code, log = run_with({"sqlalchemy_url": url}, tmp_path)
        finally:
            conn.execute(f"DROP ROLE {user}".encode())
    assert code == 1
    assert "permission denied" in log
    assert "Traceback" not in log
