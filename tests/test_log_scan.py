"""Whatever a CRM answers, neither secrets nor personal data get into logs, errors, the history or alerts.

Every tap reads its simulated CRM, whose answers are spoilt on their way: values that no column holds, refusals that
quote the record and the credentials, pages that are none. All that is told of it, down to the level debug, is searched.
"""

from __future__ import annotations

import io
import itertools
import json
import logging
import re
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from crm_cli.alerts import Message
from crm_cli.sources import installed_sources
from crm_simulator import application, server
from crm_simulator.server import CRMS, make_crms
from psycopg.rows import dict_row
from sync_history import alerts, health, schema
from sync_history.health_rules import load_rules
from tap_kit.errors import TapError
from tap_kit.redact import _secret_values
from tap_kit.testing import Run, installed_tap, run_tap
from target_postgres_dw.target import TargetPostgresDw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crm_cli.servers.mariadb import Database
    from starlette.types import ASGIApp, Receive, Scope, Send
    from starlette.types import Message as Event
    from tap_kit.tap import Tap

SOURCES = [name for name in installed_sources() if name in CRMS or name == "genius"]
PERSON = "Ann Planted ann.planted@example.com +1 555 010 0199"
# No text of these may be told, nor a part of them.
PLANTED = ("Ann Planted", "ann.planted", "555 010 0199", "planted-secret")
PERSONAL = re.compile(r"(e_?mail|phone|mobile|first_?name|last_?name|street|address)", re.IGNORECASE)
SHORTEST = 6
# Moments, and the numbers that stand for some, of records; and the cells of a sheet.
MOMENT = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?|/Date\(\d+\)/")
NUMBER = re.compile(rb"(?<=[:,\[])\d{13}(?=[,}\]])")
CELL = re.compile(rb"(?<=[\[,])\d{2,6}(?:\.\d+)?(?=[,\]])")
# What is no record there: the answers of Athena itself, lists of files.
UNSPOILT = ("/salespro/athena", "/gsheet/drive")
TOKENS = re.compile(rb'"(?:access_token|id_token|refresh_token)"\s*:\s*"([^"]+)"')
# An answer to every request after the first few, by name: status, type, body.
REFUSALS = {
    "400": (400, "application/json", {"message": f"{PERSON} is no valid value", "status": "error"}),
    "401": (401, "application/json", {"error": "invalid_token", "error_description": f"SECRETS of {PERSON}"}),
    "403": (403, "application/json", {"error": {"code": 403, "message": f"{PERSON} may not", "errors": [PERSON]}}),
    "404": (404, "text/plain", f"nobody called {PERSON}"),
    "429": (429, "application/json", {"message": f"too many for {PERSON}", "policyName": PERSON}),
    "500": (500, "text/html", f"<html><body>{PERSON}: SECRETS</body></html>"),
    "no JSON": (200, "application/json", f'{{"results": [{{"name": "{PERSON}"'),
    "another JSON": (200, "application/json", [PERSON, {"name": PERSON, "next": f"http://127.0.0.1/?key={PERSON}"}]),
    "another page": (200, "text/html", f"<html>{PERSON}</html>"),
}


@dataclass
class Spoiling:
    """Stands between a simulated CRM and the tap, and changes what the CRM answers."""

    app: ASGIApp
    # What to do: "" nothing, "values", or the name of a refusal.
    how: str = ""
    after: int = 2
    answered: int = 0
    # What a refusal quotes of the settings.
    secrets: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.answered += 1
        refusal = REFUSALS.get(self.how)
        if refusal is not None and self.answered > self.after:
            status, kind, content = refusal
            text = content if isinstance(content, str) else json.dumps(content)
            body = text.replace("SECRETS", " ".join(self.secrets)).encode()
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]})
            await send({"type": "http.response.body", "body": body})
            return
        events: list[Event] = []

        async def keep(event: Event) -> None:
            events.append(event)

        await self.app(scope, receive, keep)
        start, *parts = events
        body = b"".join(part.get("body", b"") for part in parts)
        self.tokens |= {token.decode() for token in TOKENS.findall(body)}
        spoilt = _spoilt(scope["path"], body) if self.how == "values" else body
        if len(spoilt) != len(body):
            headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            start["headers"] = [*headers, (b"content-length", str(len(spoilt)).encode())]
        await send(start)
        await send({"type": "http.response.body", "body": spoilt})


def _spoilt(path: str, body: bytes) -> bytes:
    """Put a name in the place of every second moment of an answer; the length stays, because files tell theirs."""
    if path.startswith(UNSPOILT):
        return body
    turn = itertools.cycle([True, False])

    def spoil(match: re.Match[bytes]) -> bytes:
        return b"Ann Planted".ljust(len(match[0])) if next(turn) else match[0]

    def quoted(match: re.Match[bytes]) -> bytes:
        return b'"Ann Planted"' if next(turn) else match[0]

    body = NUMBER.sub(quoted, MOMENT.sub(spoil, body))
    return CELL.sub(quoted, body) if "/values" in path else body


@dataclass
class Watched:
    """One tap, its simulated CRM, and everything that was told."""

    source: str
    tap: type[Tap]
    settings: dict[str, Any]
    warehouse: str
    log: Callable[[], str]
    spoiling: Spoiling | None = None
    runs: list[Run] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    chosen: tuple[dict[str, Any] | None, tuple[str, ...]] = (None, ())

    def choose(self, count: int) -> None:
        """Read only so many streams from now on."""
        tap = self.tap(config=self.settings)
        self.chosen = (tap.catalog_dict, tuple(tap.streams)[:count])

    def sync(self, **settings: Any) -> Run:
        catalog, streams = self.chosen
        try:
            run = run_tap(self.tap, {**self.settings, **settings}, catalog=catalog, streams=streams)
        except TapError as error:
            # A tap that stops at its start: `crm sync` writes its sentence into the history.
            self.stops.append(str(error))
            return Run([], 1)
        self.runs.append(run)
        with redirect_stdout(io.StringIO()):
            TargetPostgresDw(
                config={"sqlalchemy_url": self.warehouse, "lock_wait_seconds": 0, "max_rejects": "1000000"}
            ).listen(io.StringIO(run.text))
        return run

    def told(self) -> dict[str, str]:
        """Return all that somebody may get to read, by where it stands."""
        with psycopg.connect(self.warehouse) as conn, conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute("SELECT * FROM orchestration.sync_history ORDER BY id").fetchall()
            reasons = cursor.execute("SELECT reason, field FROM orchestration.sync_reject").fetchall()
            found = health.assess(conn, load_rules())
            changes = alerts.changes(conn, "test", found.all_findings, load_rules().alerts, found.at)
        message = Message("Test", changes)
        reports = [m["value"]["sync_report"] for run in self.runs for m in run.messages if m["type"] == "STATE"]
        return {
            "log": self.log(),
            "history": json.dumps(rows, default=str),
            "reasons of rejects": json.dumps(reasons),
            "health": str(found),
            "alerts": message.text + json.dumps(message.data),
            "reports": json.dumps(reports),
            "stops": json.dumps(self.stops),
        }

    def secrets(self) -> set[str]:
        """Return the secret settings, and the tokens that were got for them."""
        tokens = self.spoiling.tokens if self.spoiling else set()
        return {*_secret_values(self.settings, self.tap.config_jsonschema), *tokens}

    def personal(self) -> set[str]:
        """Return what was read of persons."""
        return {
            value
            for run in self.runs
            for message in run.messages
            if message["type"] == "RECORD" and message["stream"] != "sync_rejects"
            for name, value in message["record"].items()
            if PERSONAL.search(name) and isinstance(value, str) and len(value) >= SHORTEST
        }

    def leaks(self) -> list[tuple[str, str, str]]:
        """Return what of it is told: where, what, and the words around it."""
        sought = {*PLANTED, *self.secrets(), *self.personal()}
        pattern = re.compile("|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in sorted(sought, key=len)))
        found: dict[tuple[str, str], str] = {}
        for where, text in self.told().items():
            for match in pattern.finditer(text):
                found.setdefault((where, match[0]), text[max(0, match.start() - 120) : match.end() + 40])
        return [(*place, words) for place, words in found.items()]


@pytest.fixture
def watch(
    postgres_url: str,
    simulate: Callable[..., str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Callable[[str], Watched]]:
    caplog.set_level(logging.DEBUG)
    with psycopg.connect(postgres_url) as conn:
        schema.migrate(conn)
    parts: list[str] = []

    def log() -> str:
        captured = capfd.readouterr()
        parts.extend([captured.out, captured.err])
        return caplog.text + "".join(parts)

    def start(source: str) -> Watched:
        tap = installed_tap(installed_sources()[source].tap)
        if source == "genius":
            database: Database = request.getfixturevalue("genius_db")
            settings = {name: getattr(database, name) for name in ("host", "port", "user", "password", "database")}
            return Watched(source, tap, settings, postgres_url, log)
        (crm,) = make_crms([source], size=12)
        crm.lift_limits()
        made: list[Spoiling] = []
        original = application.make_application
        monkeypatch.setattr(
            server,
            "make_application",
            lambda crms: made.append(Spoiling(original(crms))) or made[0],  # type: ignore[func-returns-value]
        )
        settings = crm.tap_settings(simulate(crm)) | {"retry_seconds": 0}
        [spoiling] = made
        return Watched(source, tap, settings, postgres_url, log, spoiling)

    yield start
    logging.captureWarnings(capture=False)


def spoil_genius(database: Database) -> None:
    """Write a name into rows with a value that no column holds."""
    with closing(database.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE user_title SET title = 'Ann Planted', is_active = 7")


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("source", SOURCES)
def test_neither_secrets_nor_personal_data_are_told(
    watch: Callable[[str], Watched], source: str, request: pytest.FixtureRequest
) -> None:
    watched = watch(source)
    assert watched.secrets()
    if watched.spoiling:
        watched.spoiling.how = "values"
    else:
        spoil_genius(request.getfixturevalue("genius_db"))
    watched.sync()
    watched.sync(validation="strict")
    assert watched.personal() or source == "gsheet"
    with psycopg.connect(watched.warehouse) as conn:
        rejects = conn.execute("SELECT count(*) FROM orchestration.sync_reject WHERE record::text LIKE '%Ann Planted%'")
        assert rejects.fetchone() != (0,), "nothing was planted"
    assert watched.leaks() == []


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("source", [source for source in SOURCES if source != "genius"])
def test_an_answer_of_the_crm_is_never_quoted(watch: Callable[[str], Watched], source: str) -> None:
    watched = watch(source)
    spoiling = watched.spoiling
    assert spoiling is not None
    spoiling.secrets = watched.secrets()
    watched.choose(2)
    failed = 0
    for number, how in enumerate(REFUSALS):
        # At once, or when the tap has got its credentials, and with luck a record.
        spoiling.how, spoiling.after, spoiling.answered = how, number % 3, 0
        failed += watched.sync().exit_code != 0
    assert failed >= len(REFUSALS) - 2
    assert watched.source in watched.told()["alerts"]
    assert watched.leaks() == []


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("source", SOURCES)
def test_wrong_credentials_are_not_quoted(watch: Callable[[str], Watched], source: str) -> None:
    watched = watch(source)
    properties = watched.tap.config_jsonschema["properties"]
    wrong = {
        name: "planted-secret"
        for name, value in watched.settings.items()
        if properties.get(name, {}).get("secret") and isinstance(value, str)
    }
    assert wrong
    assert watched.sync(**wrong).exit_code == 1
    assert watched.leaks() == []
