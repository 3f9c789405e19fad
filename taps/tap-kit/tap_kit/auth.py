"""Credentials of HTTP requests: static headers, or a token that can be had anew.

An object here is called with a prepared request, as ``requests`` and the SDK do it, and says whether it can
renew itself. The request is signed anew for each attempt, never once for all.
"""

from __future__ import annotations

import threading
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests


class Credentials(t.Protocol):
    """What signs requests."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request and return it."""

    def renew(self, refused: requests.PreparedRequest) -> bool:
        """Get new credentials after ``refused`` was answered 401; False if there are none to be had."""


class Headers:
    """Credentials that never change, as headers.

    Args:
        headers: Name and value of each.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the headers."""
        request.headers.update(self._headers)
        return request

    def renew(self, refused: requests.PreparedRequest) -> bool:  # noqa: ARG002 - part of the protocol
        """Say that there is nothing to renew."""
        return False


class BearerToken:
    """An access token that expires; renewed shortly before, or when a request that carried it is refused.

    Safe to be used from several threads: a token is renewed once, however many requests were refused with it.

    Args:
        fetch: Gets a new token; returns it with the seconds it is good for.
        ahead_seconds: How long before its end a token is no longer used.
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        fetch: Callable[[], tuple[str, float]],
        *,
        ahead_seconds: float = 60,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._ahead = ahead_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token, a new one if the old one is about to end."""
        with self._lock:
            if not self._token or self._monotonic() >= self._until:
                self._get()
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def renew(self, refused: requests.PreparedRequest) -> bool:
        """Get a new token, unless another thread did so since the refused request was sent."""
        with self._lock:
            if refused.headers.get("Authorization") == f"Bearer {self._token}":
                self._get()
        return True

    def _get(self) -> None:
        self._token, seconds = self._fetch()
        self._until = self._monotonic() + max(seconds - self._ahead, seconds / 2)
