"""Tells people and machines of changes in health: a Slack-style webhook, e-mail, a signed webhook.

A message holds what findings hold (names, numbers, categories) and nothing else. What was told is kept in the
warehouse; that the warehouse itself cannot be read is kept in a file of the project.
"""

from __future__ import annotations

import base64
import json
import smtplib
import ssl
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, Protocol
from urllib.parse import urlsplit

from sync_history.alerts import Change

from crm_cli.errors import CrmUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sync_history.health_rules import AlertRules

_SECONDS: Final = 20
# More streams of one CRM with the same finding are told in one line.
_STREAMS_APART: Final = 3
_STREAMS_NAMED: Final = 5
_SHORTEST_KEY: Final = 24
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}

# Every variable, with what it means; docs/crm.md and .env.example list them.
VARIABLES: Final[Mapping[str, str]] = {
    "CRM_ALERT_NAME": "Name of this installation in every message; default: CRM warehouse.",
    "CRM_ALERT_SLACK_URL": "Incoming webhook of Slack, or of what understands the same.",
    "CRM_ALERT_EMAIL_TO": "Addresses, separated by commas.",
    "CRM_ALERT_EMAIL_FROM": "Sender; default: the first recipient.",
    "CRM_ALERT_SMTP_HOST": "Mail server.",
    "CRM_ALERT_SMTP_PORT": "Its port; default: 587, with tls 465, with none 25.",
    "CRM_ALERT_SMTP_SECURITY": "starttls (default), tls or none.",
    "CRM_ALERT_SMTP_USER": "Login at the mail server, if it wants one.",
    "CRM_ALERT_SMTP_PASSWORD": "Its password.",
    "CRM_ALERT_WEBHOOK_URL": "Address that gets JSON, signed as standardwebhooks.com has it.",
    "CRM_ALERT_WEBHOOK_SECRET": "The secret of the signature, whsec_...",
}


class DeliveryError(Exception):
    """A message could not be delivered; told without addresses and secrets."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is told at once: the name of the installation, and the changes."""

    name: str
    changes: Sequence[Change]
    is_test: bool = False

    @property
    def subject(self) -> str:
        """One line: how many of each kind."""
        if self.is_test:
            return f"{self.name}: this is a test"
        counts = [
            f"{number} {kind}"
            for kind in ("new", "still", "recovered")
            if (number := sum(one.kind == kind for one in self.changes))
        ]
        return f"{self.name}: {', '.join(counts)}"

    @property
    def lines(self) -> list[str]:
        """A line per change; the same of many streams of one CRM is one line."""
        groups: dict[tuple[str, str, str], list[Change]] = {}
        for one in self.changes:
            groups.setdefault((one.kind, one.crm_source, one.rule), []).append(one)
        found = []
        for members in groups.values():
            if len(members) > _STREAMS_APART:
                names = ", ".join(one.sync_type for one in members[:_STREAMS_NAMED])
                more = len(members) - _STREAMS_NAMED
                names += f" and {more} more" if more > 0 else ""
                found.append(_line(members[0], f"{len(members)} streams ({names})"))
            else:
                found += [_line(one, one.sync_type) for one in members]
        return found

    @property
    def text(self) -> str:
        """The whole message for people."""
        if self.is_test:
            return "Alerts of the CRM warehouse arrive here."
        return "\n".join([*self.lines, "", "More: crm check. What to do: docs/runbook.md."])

    @property
    def data(self) -> dict[str, object]:
        """The whole message for machines."""
        return {
            "name": self.name,
            "test": self.is_test,
            "changes": [change_record(one) for one in self.changes],
        }


def change_record(one: Change) -> dict[str, object]:
    """Return a change as machines get it. These names are stable: fields may only be added."""
    return {
        "kind": one.kind,
        "source": one.crm_source,
        "stream": one.sync_type or None,
        "rule": one.rule,
        "level": one.level,
        "sentence": one.sentence,
        "since": f"{one.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def _line(one: Change, streams: str) -> str:
    level = f" ({one.level})" if one.level else ""
    since = "" if one.kind == "new" else f" Since {one.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    whom = f"{one.crm_source} {streams}".strip()
    return f"{one.kind.upper()}{level} {whom}, {one.rule}: {one.sentence}{since}"


class Channel(Protocol):
    """A way to tell."""

    @property
    def name(self) -> str:
        """Its name, in what is kept and said."""

    def send(self, message: Message) -> None:
        """Deliver a message.

        Raises:
            DeliveryError: If it could not be delivered.
        """


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """An incoming webhook of Slack, or of what understands the same (Mattermost, Rocket.Chat, ...)."""

    url: str
    name: str = "slack"

    def send(self, message: Message) -> None:
        """Post the text."""
        text = f"{message.subject}\n{message.text}"
        for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(character, entity)
        _post(self.url, json.dumps({"text": text}), {}, variable="CRM_ALERT_SLACK_URL")


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Any receiver of JSON; it can tell by the signature that the message is ours."""

    url: str
    secret: str
    name: str = "webhook"

    def send(self, message: Message) -> None:
        """Post the data with the three headers of standardwebhooks.com."""
        from standardwebhooks import Webhook  # noqa: PLC0415 -- for this channel alone

        number, now = f"msg_{uuid.uuid4().hex}", datetime.now(UTC)
        body = json.dumps({"type": "crm.health", "timestamp": now.isoformat(), "data": message.data})
        headers = {
            "webhook-id": number,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(number, now, body),
        }
        _post(self.url, body, headers, variable="CRM_ALERT_WEBHOOK_URL")


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """A mail server."""

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str
    recipients: tuple[str, ...]
    name: str = "email"

    def send(self, message: Message) -> None:
        """Send one mail to all recipients."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self.sender, ", ".join(self.recipients)
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=self.sender.rpartition("@")[2] or None)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text + "\n")
        try:
            with self._connected() as server:
                if self.user:
                    server.login(self.user, self.password)
                refused = server.send_message(mail)
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryError(
                "the mail server refused the login: check CRM_ALERT_SMTP_USER and CRM_ALERT_SMTP_PASSWORD."
            ) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryError("the mail server refused every recipient: check CRM_ALERT_EMAIL_TO.") from error
        except (smtplib.SMTPException, OSError) as error:
            code = getattr(error, "smtp_code", None)
            what = f"{type(error).__name__}{f' {code}' if code else ''}"
            raise DeliveryError(f"the mail server could not be used ({what}): check CRM_ALERT_SMTP_HOST.") from error
        if refused:
            raise DeliveryError(f"the mail server refused {len(refused)} of {len(self.recipients)} recipients.")

    def _connected(self) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_SECONDS, context=ssl.create_default_context())
        server = smtplib.SMTP(self.host, self.port, timeout=_SECONDS)
        if self.security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def channels(environment: Mapping[str, str]) -> list[Channel]:
    """Return the channels that are set up.

    Raises:
        CrmUsageError: If one is set up by halves; names the variable.
    """
    given = {name: environment.get(name, "").strip() for name in VARIABLES}
    found: list[Channel] = []
    if given["CRM_ALERT_SLACK_URL"]:
        found.append(SlackChannel(_address(given, "CRM_ALERT_SLACK_URL")))
    if given["CRM_ALERT_EMAIL_TO"]:
        found.append(_email(given))
    if given["CRM_ALERT_WEBHOOK_URL"]:
        found.append(WebhookChannel(_address(given, "CRM_ALERT_WEBHOOK_URL"), _secret(given)))
    return found


def message_name(environment: Mapping[str, str]) -> str:
    """Return what this installation is called in a message, in one line."""
    return " ".join(environment.get("CRM_ALERT_NAME", "").split()) or "CRM warehouse"


def _email(given: Mapping[str, str]) -> EmailChannel:
    recipients = tuple(filter(None, (part.strip() for part in given["CRM_ALERT_EMAIL_TO"].split(","))))
    host, user = given["CRM_ALERT_SMTP_HOST"], given["CRM_ALERT_SMTP_USER"]
    if not host:
        raise CrmUsageError("CRM_ALERT_EMAIL_TO is set, but no mail server: set CRM_ALERT_SMTP_HOST.")
    security = given["CRM_ALERT_SMTP_SECURITY"] or "starttls"
    if security not in _PORTS:
        raise CrmUsageError(f"CRM_ALERT_SMTP_SECURITY is {security!r}; it must be starttls, tls or none.")
    if user and security == "none":
        raise CrmUsageError("CRM_ALERT_SMTP_USER would send its password in the clear: use starttls or tls.")
    port = given["CRM_ALERT_SMTP_PORT"] or str(_PORTS[security])
    if not port.isdigit():
        raise CrmUsageError(f"CRM_ALERT_SMTP_PORT is {port!r}; it must be a whole number.")
    sender = given["CRM_ALERT_EMAIL_FROM"] or recipients[0]
    return EmailChannel(host, int(port), security, user, given["CRM_ALERT_SMTP_PASSWORD"], sender, recipients)


def _secret(given: Mapping[str, str]) -> str:
    secret = given["CRM_ALERT_WEBHOOK_SECRET"]
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if len(key) < _SHORTEST_KEY:
        raise CrmUsageError(
            f"CRM_ALERT_WEBHOOK_URL needs CRM_ALERT_WEBHOOK_SECRET: whsec_ and {_SHORTEST_KEY} bytes or more in base64."
        )
    return secret


def _address(given: Mapping[str, str], name: str) -> str:
    address = given[name]
    if urlsplit(address).scheme not in {"http", "https"} or not urlsplit(address).hostname:
        # Not shown: whoever knows it may post there.
        raise CrmUsageError(f"{name} is no web address.")
    return address


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body."""

    def redirect_request(self, *_details: object, **_more: object) -> None:
        return None


def _post(address: str, body: str, headers: Mapping[str, str], *, variable: str) -> None:
    """Post JSON; anything but a 2xx is a failure. Neither address nor answer is told: both may hold secrets."""
    request = urllib.request.Request(  # noqa: S310 -- http or https, see _address
        address,
        data=body.encode(),
        headers={"Content-Type": "application/json", "User-Agent": "crm-cli", **headers},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_SECONDS) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        error.close()
        raise DeliveryError(f"the address of {variable} answered {error.code}: check it.") from None
    except (OSError, ValueError) as error:
        raise DeliveryError(
            f"the address of {variable} could not be reached ({type(error).__name__}): check it and the network."
        ) from None
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise DeliveryError(f"the address of {variable} answered {status}: check it.")


class LostWarehouse:
    """Remembers, in a file, which channels were told that the warehouse cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "lost_warehouse.json"
        try:
            self._told: dict[str, dict[str, str]] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._told = {}

    def change(self, channel: str, rules: AlertRules, now: datetime, *, is_lost: bool) -> Change | None:
        """Return what a channel is to be told now, if anything."""
        told = self._told.get(channel)
        if not is_lost:
            if told is None:
                return None
            return self._change("recovered", datetime.fromisoformat(told["since"]), "It can be read again.")
        sentence = "The warehouse cannot be read, so nothing is loaded and nothing else can be checked."
        if told is None:
            return self._change("new", now, sentence)
        if now - datetime.fromisoformat(told["at"]) >= timedelta(minutes=rules.cooldown_minutes):
            return self._change("still", datetime.fromisoformat(told["since"]), sentence)
        return None

    def record(self, channel: str, change: Change, now: datetime) -> None:
        """Note what a channel has been told."""
        if change.kind == "recovered":
            self._told.pop(channel, None)
        else:
            self._told[channel] = {"since": change.since.isoformat(), "at": now.isoformat()}
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._told), encoding="utf-8")

    @staticmethod
    def _change(kind: Literal["new", "still", "recovered"], since: datetime, sentence: str) -> Change:
        return Change(kind, "warehouse", "", "unreachable", sentence, since, None if kind == "recovered" else "bad")
