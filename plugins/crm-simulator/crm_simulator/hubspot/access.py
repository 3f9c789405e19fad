"""Who may ask: private-app tokens, OAuth with refresh tokens, and scopes."""

from __future__ import annotations

import itertools
import typing as t
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from crm_simulator.hubspot.answers import correlation, error

if t.TYPE_CHECKING:
    from datetime import datetime, timedelta

    from crm_simulator.world import World

ACCESS_TOKEN = "pat-na1-example-token"  # noqa: S105 - made up
CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "example-client-id", "example-client-secret", "example-refresh-token-0"


class Access:
    """The tokens of a portal.

    Args:
        world: The clock by which tokens expire.
        lifetime: How long an OAuth token lasts.
        rotates: Whether each refresh replaces the refresh token; the old one is worth nothing then.
    """

    def __init__(self, world: World, lifetime: timedelta, *, rotates: bool) -> None:
        self._world = world
        self.lifetime = lifetime
        self.rotates = rotates
        self.refresh_token = REFRESH_TOKEN
        self.tokens: dict[str, datetime] = {}
        self._numbers = itertools.count(1)

    def refuse(self, header: str) -> Response | None:
        """Return the answer to wrong credentials, None if they are right."""
        scheme, _, token = header.partition(" ")
        if scheme == "Bearer" and token == ACCESS_TOKEN:
            return None
        if scheme != "Bearer" or token not in self.tokens:
            return error(401, "Authentication credentials not found.", "INVALID_AUTHENTICATION")
        return None if self.tokens[token] > self._world.now else error(401)

    def is_oauth(self, header: str) -> bool:
        """Tell whether a caller uses OAuth."""
        return header.removeprefix("Bearer ") in self.tokens

    def exchange(self, body: bytes, content_type: str, scopes: list[str]) -> Response:
        """Answer at the token address; it reads nothing but a form in the body."""
        if not content_type.startswith("application/x-www-form-urlencoded"):
            return _no("BAD_REQUEST", "missing or invalid content type")
        form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "refresh_token":
            return _no("BAD_GRANT_TYPE", "missing or unknown grant type")
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return _no("BAD_CLIENT_SECRET", "missing or invalid client id or client secret")
        if form.get("refresh_token") != self.refresh_token:
            return _no("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        number = next(self._numbers)
        token = f"example-access-token-{number}"
        self.tokens[token] = self._world.now + self.lifetime
        if self.rotates:
            self.refresh_token = f"example-refresh-token-{number}"
        return JSONResponse(
            {
                "access_token": token,
                "refresh_token": self.refresh_token,
                "expires_in": int(self.lifetime.total_seconds()),
                "token_type": "bearer",
                "token_use": "access_token",
                "hub_id": 1_000_001,
                "user_id": 77,
                "scopes": scopes,
            }
        )


def _no(status: str, message: str) -> Response:
    return JSONResponse({"status": status, "message": message, "correlationId": correlation()}, 400)
