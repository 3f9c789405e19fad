"""Google's credentials: a service account, a user who has consented once, or an access token.

The protocol is that of google-auth, which also signs; the requests are the tap's own, so that they are retried and
counted like all others. Nothing here ever opens a browser.
"""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from google.auth import crypt, jwt
from tap_kit.errors import Stop

if t.TYPE_CHECKING:
    from collections.abc import Mapping

SHEETS_SCOPE: t.Final = "https://www.googleapis.com/auth/spreadsheets.readonly"
DRIVE_SCOPE: t.Final = "https://www.googleapis.com/auth/drive.metadata.readonly"
# Who an assertion is for; the same wherever the request goes.
AUDIENCE: t.Final = "https://oauth2.googleapis.com/token"
JWT_GRANT: t.Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS: t.Final = 3600
USER_FIELDS: t.Final = ("client_id", "client_secret", "refresh_token")


class Login(t.Protocol):
    """What is exchanged for an access token."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""

    @property
    def name(self) -> str:
        """Who must be allowed to read the spreadsheets, as a part of a sentence."""

    def grant(self, scopes: str) -> dict[str, str]:
        """Return the form that the token endpoint takes."""


@dataclass(frozen=True, repr=False)
class ServiceAccount:
    """An account of a program; spreadsheets are shared with its e-mail address."""

    email: str
    key_id: str
    key: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """The private key, also line by line, as a log may break it."""
        lines = [line for line in self.key.splitlines() if line and not line.startswith("-----")]
        return (self.key, self.key_id, *lines)

    @property
    def name(self) -> str:
        """The e-mail address."""
        return f"the service account {self.email}"

    def grant(self, scopes: str) -> dict[str, str]:
        """Return an assertion, signed now."""
        now = int(time.time())
        claims = {"iss": self.email, "scope": scopes, "aud": AUDIENCE, "iat": now, "exp": now + ASSERTION_SECONDS}
        assertion: bytes = jwt.encode(self.signer(), claims)  # type: ignore[no-untyped-call] # google-auth has no types here
        return {"grant_type": JWT_GRANT, "assertion": assertion.decode()}

    def signer(self) -> crypt.RSASigner:
        """Return what signs.

        Raises:
            Stop: If the key is none.
        """
        try:
            signer: crypt.RSASigner = crypt.RSASigner.from_string(  # type: ignore[no-untyped-call] # as above
                self.key, self.key_id
            )
        except (ValueError, TypeError):
            raise Stop(
                "The private key of the service account cannot be read: take the JSON file as Google gave it.",
                category="authentication",
            ) from None
        return signer


@dataclass(frozen=True, repr=False)
class User:
    """A person who has allowed an OAuth client to read for them."""

    client_id: str
    client_secret: str
    refresh_token: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """Secret and refresh token."""
        return (self.client_secret, self.refresh_token)

    @property
    def name(self) -> str:
        """A user has no name here."""
        return "the user of the refresh token"

    def grant(self, scopes: str) -> dict[str, str]:  # noqa: ARG002 - they were fixed when the user consented
        """Return the refresh token."""
        return {"grant_type": "refresh_token", **vars(self)}


def find_login(config: Mapping[str, t.Any]) -> Login | None:
    """Return the login that the settings hold; None for a bare access token.

    Raises:
        Stop: If there is none, or if it cannot be used.
    """
    if config.get("credentials_json"):
        return read_login(str(config["credentials_json"]), "credentials_json")
    if config.get("credentials_path"):
        path = Path(str(config["credentials_path"])).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Stop(
                f"The file {path} of the setting credentials_path cannot be read ({type(error).__name__}).",
                category="authentication",
            ) from None
        return read_login(text, "credentials_path")
    given = [name for name in USER_FIELDS if config.get(name)]
    if len(given) == len(USER_FIELDS):
        return User(*(str(config[name]) for name in USER_FIELDS))
    if given:
        missing = [name for name in USER_FIELDS if name not in given]
        raise Stop(f"The setting {missing[0]} is missing: {', '.join(USER_FIELDS)} belong together.")
    if config.get("access_token"):
        return None
    raise Stop(
        "There are no credentials: set credentials_path or credentials_json (a service account), or client_id, "
        "client_secret and refresh_token."
    )


def read_login(text: str, setting: str) -> Login:
    """Return the login in the JSON that Google gives out: a service account, or an authorised user.

    Raises:
        Stop: If it is something else.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Stop(f"The setting {setting} holds no JSON object.", category="authentication")
    if found.get("client_email") and found.get("private_key"):
        account = ServiceAccount(
            str(found["client_email"]), str(found.get("private_key_id") or ""), str(found["private_key"])
        )
        account.signer()
        return account
    if all(found.get(name) for name in USER_FIELDS):
        return User(*(str(found[name]) for name in USER_FIELDS))
    if "installed" in found or "web" in found:
        raise Stop(
            f"The setting {setting} holds an OAuth client, which is only half of a login. Take the key of a service "
            "account, or get a refresh token once and set client_id, client_secret and refresh_token: the tap opens "
            "no browser.",
            category="authentication",
        )
    raise Stop(
        f"The setting {setting} holds neither the key of a service account (client_email, private_key) nor an "
        "authorised user (client_id, client_secret, refresh_token).",
        category="authentication",
    )
