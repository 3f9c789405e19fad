"""Alerts, delivered to a mail server and a web server of this test's own."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner, Result
from crm_cli import alerts
from crm_cli.errors import CrmUsageError
from crm_cli.main import crm
from standardwebhooks import Webhook
from sync_history import runs, schema
from sync_history.alerts import Change

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crm_cli.project import Project

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0LCAzMiBieXRlcyE="
# What no message may hold.
ERROR = "The token hunter2 of ann@example.com, phone 555-0134, was refused."
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


# -- servers -----------------------------------------------------------------------------------------------------------


@dataclass
class Web:
    """A web server that keeps what it is sent."""

    url: str
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            kept.headers.append({name.lower(): value for name, value in self.headers.items()})
            status = kept.answers.pop(0) if kept.answers else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{kept.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Web(f"http://127.0.0.1:{server.server_port}/hooks/T0P-S3CRET")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


class Mailbox:
    """Takes mails, except for refused@example.com."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.encrypted: list[bool] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if address.startswith("refused"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


class MailServer(Controller):
    """Listens on a free port, and knows which."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mail_server(mailbox: Mailbox, **options: Any) -> Iterator[dict[str, str]]:
    controller = MailServer(mailbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield {
            "CRM_ALERT_SMTP_HOST": "localhost",
            "CRM_ALERT_SMTP_PORT": str(controller.port),
            "CRM_ALERT_EMAIL_TO": "ops@example.com, boss@example.com",
        }
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


# -- the command -------------------------------------------------------------------------------------------------------


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(crm, ["alerts", *arguments], env=variables)


@pytest.fixture
def failing(seed: Any) -> Any:
    """Three failures in a row, in the last hour."""
    seed.started = datetime.now(UTC) - timedelta(hours=1)
    for _ in range(3):
        seed.run("users", error=ERROR)
    return seed


def later(conn: psycopg.Connection, hours: float) -> None:
    """Let so much time pass for the memory of the alerts."""
    conn.execute(
        "UPDATE orchestration.sync_alert SET last_alarm_at = last_alarm_at - %s, since = since - %s",
        (timedelta(hours=hours), timedelta(hours=hours)),
    )


@pytest.mark.usefixtures("warehouse_url")
def test_slack_is_told_of_what_is_new_still_there_and_over(failing: Any, web: Web) -> None:
    told = {"CRM_ALERT_SLACK_URL": web.url, "CRM_ALERT_NAME": "Acme <prod>\nBcc: x"}
    result = run("run", **told)
    assert result.exit_code == 0, result.output
    assert "Sent to slack: Acme <prod> Bcc: x: 2 new" in result.stdout
    text = json.loads(web.bodies[0])["text"]
    assert text.splitlines()[0] == "Acme &lt;prod&gt; Bcc: x: 2 new"
    assert "NEW (bad) acme users, failures: The last 3 runs failed (source)." in text
    assert run("run", **told).stdout == ""
    assert len(web.bodies) == 1
    later(failing.conn, 5)
    assert "2 still" in run("run", **told).stdout
    assert " Since 20" in json.loads(web.bodies[1])["text"]
    failing.started = datetime.now(UTC) - timedelta(minutes=30)
    for _ in range(20):
        failing.run("users", counts=runs.Counts(created=1))
    assert "2 recovered" in run("run", **told).stdout
    assert "RECOVERED acme users, failures: This is over. Since " in json.loads(web.bodies[2])["text"]
    assert run("run", **told).stdout == ""


@pytest.mark.usefixtures("warehouse_url")
def test_no_message_holds_a_secret_or_the_text_of_an_error(failing: Any, web: Web) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as mail:
        result = run(
            "run",
            CRM_ALERT_SLACK_URL=web.url,
            CRM_ALERT_WEBHOOK_URL=web.url,
            CRM_ALERT_WEBHOOK_SECRET=SECRET,
            CRM_ALERT_SMTP_SECURITY="none",
            **mail,
        )
    assert result.exit_code == 0, result.output
    assert len(web.bodies) == 2
    everything = result.output + str(web.bodies) + str(web.headers) + mailbox.mails[0].as_string()
    memory = failing.conn.execute("SELECT string_agg(row_to_json(a)::text, '') FROM orchestration.sync_alert a")
    everything += memory.fetchone()[0]
    for secret in ("hunter2", "ann@example.com", "555-0134", SECRET, "T0P-S3CRET"):
        assert secret not in everything


@pytest.mark.usefixtures("warehouse_url", "failing")
def test_a_webhook_is_signed(web: Web) -> None:
    result = run("run", CRM_ALERT_WEBHOOK_URL=web.url, CRM_ALERT_WEBHOOK_SECRET=SECRET)
    assert result.exit_code == 0, result.output
    payload = Webhook(SECRET).verify(web.bodies[0], web.headers[0])
    assert payload["type"] == "crm.health"
    assert {(one["kind"], one["rule"]) for one in payload["data"]["changes"]} == {
        ("new", "failures"),
        ("new", "success_rate"),
    }
    assert run("test", CRM_ALERT_WEBHOOK_URL=web.url, CRM_ALERT_WEBHOOK_SECRET=SECRET).exit_code == 0
    again = Webhook(SECRET).verify(web.bodies[1], web.headers[1])
    assert again["data"] == {"name": "CRM warehouse", "test": True, "changes": []}
    assert web.headers[0]["webhook-id"] != web.headers[1]["webhook-id"]


@pytest.mark.usefixtures("warehouse_url", "failing")
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mail_arrives(security: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    mailbox, options = Mailbox(), {}
    context = server_context(certificate)
    if security == "starttls":
        options = {"tls_context": context, "require_starttls": True}
    elif security == "tls":
        options = {"ssl_context": context}
    with mail_server(mailbox, **options) as mail:
        result = run("run", CRM_ALERT_SMTP_SECURITY=security, CRM_ALERT_EMAIL_FROM="crm@example.com", **mail)
    assert result.exit_code == 0, result.output
    [sent] = mailbox.mails
    # With "tls" the server speaks nothing else; aiosmtpd notes only what STARTTLS has begun.
    assert mailbox.encrypted == [security == "starttls"]
    assert sent["Subject"] == "CRM warehouse: 2 new"
    assert (sent["From"], sent["To"]) == ("crm@example.com", "ops@example.com, boss@example.com")
    assert "acme users, failures: The last 3 runs failed" in sent.get_content()


@pytest.mark.usefixtures("warehouse_url", "failing")
def test_a_mail_server_may_want_a_login(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    mailbox = Mailbox()

    def authenticate(*arguments: Any) -> AuthResult:
        return AuthResult(success=arguments[-1].password == b"right horse", handled=False)

    options = {"tls_context": server_context(certificate), "authenticator": authenticate, "auth_required": True}
    with mail_server(mailbox, **options) as mail:
        wrong = run("run", CRM_ALERT_SMTP_USER="crm", CRM_ALERT_SMTP_PASSWORD="wrong horse", **mail)
        assert wrong.exit_code == 1
        assert "email: the mail server refused the login: check CRM_ALERT_SMTP_USER" in wrong.stderr
        assert "horse" not in wrong.output
        right = run("run", CRM_ALERT_SMTP_USER="crm", CRM_ALERT_SMTP_PASSWORD="right horse", **mail)
        assert right.exit_code == 0, right.output
    assert len(mailbox.mails) == 1


@pytest.mark.usefixtures("warehouse_url", "failing")
def test_a_certificate_that_is_not_trusted_is_refused(certificate: tuple[Path, Path]) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox, tls_context=server_context(certificate)) as mail:
        result = run("run", **mail)
    assert result.exit_code == 1
    assert "SSLCertVerificationError" in result.stderr
    assert mailbox.mails == []


@pytest.mark.usefixtures("warehouse_url", "failing")
def test_refused_recipients_are_told(web: Web) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as mail:
        mail |= {"CRM_ALERT_SMTP_SECURITY": "none", "CRM_ALERT_EMAIL_TO": "refused@example.com"}
        assert "refused every recipient" in run("test", **mail).stderr
        mail["CRM_ALERT_EMAIL_TO"] = "refused@example.com,ops@example.com"
        assert "refused 1 of 2 recipients" in run("test", **mail).stderr
    assert len(mailbox.mails) == 1
    mail["CRM_ALERT_SMTP_PORT"] = "1"
    assert "could not be used (ConnectionRefusedError)" in run("test", **mail).stderr
    assert web.bodies == []


@pytest.mark.usefixtures("warehouse_url", "failing")
@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_was_not_delivered_is_sent_again_and_the_other_channel_only_once(web: Web, status: int) -> None:
    told = {
        "CRM_ALERT_SLACK_URL": web.url,
        "CRM_ALERT_WEBHOOK_URL": web.url,
        "CRM_ALERT_WEBHOOK_SECRET": SECRET,
    }
    web.answers = [status]
    result = run("run", **told)
    assert result.exit_code == 1
    assert f"slack: the address of CRM_ALERT_SLACK_URL answered {status}: check it." in result.stderr
    assert "T0P-S3CRET" not in result.output
    assert "Sent to webhook" in result.stdout
    result = run("run", **told)
    assert result.exit_code == 0
    assert "Sent to slack: CRM warehouse: 2 new" in result.stdout
    assert "webhook" not in result.stdout


@pytest.mark.usefixtures("warehouse_url", "failing")
def test_a_dry_run_prints_and_remembers_nothing(web: Web) -> None:
    result = run("run", "--dry-run", CRM_ALERT_SLACK_URL=web.url)
    assert "To slack: CRM warehouse: 2 new" in result.stdout
    assert web.bodies == []
    assert "2 new" in run("run", CRM_ALERT_SLACK_URL=web.url).stdout


def test_a_healthy_or_empty_warehouse_sends_nothing(warehouse_url: str, web: Web, seed: Any) -> None:
    assert run("run", CRM_ALERT_SLACK_URL=web.url).output == ""
    seed.started = datetime.now(UTC) - timedelta(hours=1)
    seed.run("users")
    assert run("run", CRM_ALERT_SLACK_URL=web.url).output == ""
    assert web.bodies == []
    with psycopg.connect(warehouse_url) as conn:
        assert schema.is_migrated(conn)


def test_a_second_one_at_once_leaves_it_to_the_first(failing: Any, warehouse_url: str, web: Web) -> None:
    with psycopg.connect(warehouse_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(7221140515)")
        result = run("run", CRM_ALERT_SLACK_URL=web.url)
    assert (result.exit_code, web.bodies) == (0, [])
    assert "Another `crm alerts run` is at work." in result.stderr
    assert failing


def test_a_warehouse_that_is_away_is_told_once_and_when_it_is_back(
    project: Project, web: Web, seed: Any, postgres_url: str
) -> None:
    away = {"CRM_ALERT_SLACK_URL": web.url, "WAREHOUSE_URL": "postgresql://crm:hunter2@127.0.0.1:1/none"}
    result = run("run", **away)
    assert result.exit_code == 1
    assert "hunter2" not in result.output + str(web.bodies)
    assert "NEW (bad) warehouse, unreachable: The warehouse cannot be read" in json.loads(web.bodies[0])["text"]
    assert run("run", **away).exit_code == 1
    assert len(web.bodies) == 1
    assert list((project.root / ".crm" / "alerts").iterdir())
    back = run("run", CRM_ALERT_SLACK_URL=web.url, WAREHOUSE_URL=postgres_url)
    assert "1 recovered" in back.stdout
    assert run("run", CRM_ALERT_SLACK_URL=web.url, WAREHOUSE_URL=postgres_url).output == ""
    assert seed


def test_a_warehouse_that_stays_away_is_told_again_after_the_cool_down(tmp_path: Path) -> None:
    rules = alerts_rules()
    lost = alerts.LostWarehouse(tmp_path / "alerts")
    first = lost.change("slack", rules, NOW, is_lost=True)
    assert first is not None
    lost.record("slack", first, NOW)
    again = alerts.LostWarehouse(tmp_path / "alerts")
    assert again.change("slack", rules, NOW + timedelta(minutes=59), is_lost=True) is None
    still = again.change("slack", rules, NOW + timedelta(minutes=60), is_lost=True)
    assert still is not None
    assert (still.kind, still.since) == ("still", NOW)
    assert again.change("email", rules, NOW, is_lost=False) is None


def alerts_rules() -> Any:
    from sync_history.health_rules import AlertRules  # noqa: PLC0415 -- for one test

    return AlertRules(60, warnings=True, cooldowns={})


# -- messages and settings ---------------------------------------------------------------------------------------------


def test_the_same_of_many_streams_is_one_line() -> None:
    changes = [Change("new", "acme", f"s{n}", "failures", "It failed.", NOW, "bad") for n in range(7)]
    changes += [Change("new", "acme", "", "quota", "Nearly used.", NOW, "warning")]
    message = alerts.Message("Acme", changes)
    assert message.subject == "Acme: 8 new"
    assert message.lines == [
        "NEW (bad) acme 7 streams (s0, s1, s2, s3, s4 and 2 more), failures: It failed.",
        "NEW (warning) acme, quota: Nearly used.",
    ]
    assert len(alerts.Message("Acme", changes[:3]).lines) == 3


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "Nobody is to be told"),
        ({"CRM_ALERT_SLACK_URL": "ftp://h/S3CRET"}, "CRM_ALERT_SLACK_URL is no web address"),
        ({"CRM_ALERT_WEBHOOK_URL": "https://h/x"}, "needs CRM_ALERT_WEBHOOK_SECRET"),
        ({"CRM_ALERT_WEBHOOK_URL": "https://h/x", "CRM_ALERT_WEBHOOK_SECRET": "S3CRET!"}, "needs CRM_ALERT_WEBHOOK"),
        ({"CRM_ALERT_EMAIL_TO": "a@example.com"}, "set CRM_ALERT_SMTP_HOST"),
        (
            {"CRM_ALERT_EMAIL_TO": "a@b", "CRM_ALERT_SMTP_HOST": "h", "CRM_ALERT_SMTP_SECURITY": "ssl"},
            "must be starttls",
        ),
        ({"CRM_ALERT_EMAIL_TO": "a@b", "CRM_ALERT_SMTP_HOST": "h", "CRM_ALERT_SMTP_PORT": "x"}, "a whole number"),
        (
            {
                "CRM_ALERT_EMAIL_TO": "a@b",
                "CRM_ALERT_SMTP_HOST": "h",
                "CRM_ALERT_SMTP_USER": "u",
                "CRM_ALERT_SMTP_SECURITY": "none",
            },
            "in the clear",
        ),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_channel_that_is_set_up_by_halves_is_refused(variables: dict[str, str], told: str) -> None:
    for command in ("run", "test"):
        result = run(command, **variables)
        assert result.exit_code == 2
        assert told in result.stderr
        assert "S3CRET" not in result.output


def test_every_variable_is_read() -> None:
    given = dict.fromkeys(alerts.VARIABLES, "x")
    with pytest.raises(CrmUsageError):
        alerts.channels(given)
    given |= {"CRM_ALERT_SLACK_URL": "https://h/x", "CRM_ALERT_WEBHOOK_URL": "https://h/y"}
    given |= {"CRM_ALERT_WEBHOOK_SECRET": SECRET, "CRM_ALERT_SMTP_SECURITY": "tls", "CRM_ALERT_SMTP_PORT": ""}
    slack, email, webhook = alerts.channels(given)
    assert (slack.name, email.name, webhook.name) == ("slack", "email", "webhook")
    assert isinstance(email, alerts.EmailChannel)
    assert (email.port, email.sender, email.recipients) == (465, "x", ("x",))
