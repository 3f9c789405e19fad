"""One HTTP client a tap: a pooled session, time-outs, request budgets, and the only place that tries again.

What an answer means is decided by a *judge*, a function that raises one of ``tap_kit.errors``; what to do
about it is decided here, by the class of the error:

| error              | what happens                                                                       |
|--------------------|------------------------------------------------------------------------------------|
| Retry              | again, after a growing pause with jitter                                             |
| Wait               | again, after the seconds it names (0: a growing pause); the whole class slows down   |
| RefreshCredentials | new credentials, then again, once                                                    |
| anything else      | raised                                                                               |

All attempts of one request share one time budget. A wait that does not fit into it ends the run at once, with
its bookmarks written, instead of sleeping through it.
"""

from __future__ import annotations

import email.utils
import logging
import threading
import time
import typing as t
from datetime import UTC, datetime, timedelta
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import backoff
import requests
from requests.adapters import HTTPAdapter

from tap_kit.errors import RefreshCredentials, Retry, SkipStream, Stop, TapError, Wait
from tap_kit.limits import Budgets

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from singer_sdk.streams.rest import HTTPRequest

    from tap_kit.auth import Credentials
    from tap_kit.limits import Limit
    from tap_kit.report import StreamReport

    Judge: t.TypeAlias = Callable[[requests.Response], None]

logger = logging.getLogger("tap-kit.http")

LONGEST_PAUSE_SECONDS = 60.0


class Unreachable(Retry):
    """No answer came at all: the connection was refused, reset or timed out."""


class ClientClosedError(Exception):
    """The run has ended while a thread was still waiting for its turn."""


class Meter:
    """Counts what one stream costs, from several threads, into its report."""

    def __init__(self, report: StreamReport) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._limited = 0.0

    def count_request(self, waited_seconds: float) -> None:
        """Note a request, and how long it waited for its turn."""
        with self._lock:
            self._report.requests += 1
            self._limited += waited_seconds
            # The report knows no fractions, see StreamReport.
            self._report.rate_limited_seconds = round(self._limited)

    def count_retry(self) -> None:
        """Note that a request has to be sent again."""
        with self._lock:
            self._report.retries += 1


def retry_after(response: requests.Response, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for; it may be a number or an HTTP date."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    moment = http_date(text)
    return None if moment is None else max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def http_date(text: str) -> datetime | None:
    """Return the moment of an HTTP date, None if it is none."""
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class HttpClient:
    """Sends the requests of a tap.

    Args:
        credentials: Signs each attempt of a request.
        limits: What the vendor allows, by limit class.
        connections: Size of the connection pool.
        connect_timeout_seconds: How long a connection may take.
        read_timeout_seconds: How long the server may be silent.
        retry_seconds: Time budget of all attempts of one request.
        headers: Sent with every request.
        monotonic: Seconds on a clock that never goes back.
        pause: Sleeps; without one a sleep that ``close`` ends.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        limits: Mapping[str, Limit],
        connections: int = 1,
        connect_timeout_seconds: float = 10,
        read_timeout_seconds: float = 60,
        retry_seconds: float = 600,
        headers: Mapping[str, str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        self.credentials = credentials
        self.budgets = Budgets(limits, pause=pause or self._sleep, monotonic=monotonic)
        self.retry_seconds = retry_seconds
        self.session = requests.Session()
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections + 1)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)
        self.session.headers.update(headers or {})
        # Requests would otherwise take credentials from a .netrc file, in place of ours.
        self.session.auth = _unchanged
        # No vendor needs cookies, and the cookie jar is the one part of a session that threads must not share.
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._timeout = (connect_timeout_seconds, read_timeout_seconds)
        self._monotonic = monotonic
        self._pause = pause or self._sleep
        self._closed = threading.Event()
        self._skew = timedelta(0)

    def clock(self) -> datetime:
        """Return the present time by the vendor's clock, as its last Date header gave it; never ahead of it."""
        return datetime.now(UTC) + self._skew

    def close(self) -> None:
        """End all pauses and give back the connections."""
        self._closed.set()
        self.session.close()

    def send(
        self, request: HTTPRequest, *, limit: str, judge: Judge, meter: Meter, json: bool = True, sign: bool = True
    ) -> requests.Response:
        """Send a request until it is answered.

        Args:
            request: What to ask. It is only read, and must be safe to repeat.
            limit: Its limit class.
            judge: Raises if the answer is none.
            meter: Counts the attempts.
            json: Whether its data is sent as JSON; else as a form.
            sign: Whether it carries our credentials; the request for a new token does not.

        Raises:
            SkipStream: If the vendor keeps answering with an error.
            Stop: If the vendor cannot be reached, refuses our credentials, or allows no more requests.
        """
        budget = self.budgets.of(limit)
        deadline = self._monotonic() + self.retry_seconds
        pauses = growing_pauses()
        renewed, attempts = False, 0
        while True:
            meter.count_request(budget.acquire(self.retry_seconds))
            attempts += 1
            prepared = self.prepare(request, json=json, sign=sign)
            try:
                response = self._send_once(prepared)
                judge(response)
            except RefreshCredentials as error:
                if renewed or not sign or not self.credentials.renew(prepared):
                    raise Stop(str(error), category=error.category) from None
                renewed, seconds = True, 0.0
            except Wait as error:
                seconds = error.seconds or next(pauses)
                self._give_up_if_late(error, seconds, deadline, attempts)
                budget.refused(seconds)
                logger.warning("%s The next request is sent in %.1f s.", error, seconds)
                # The wait itself happens in ``acquire``, for every thread of the class.
                seconds = 0.0
            except Retry as error:
                seconds = next(pauses)
                self._give_up_if_late(error, seconds, deadline, attempts)
                logger.warning("%s Trying again in %.1f s.", error, seconds)
            else:
                budget.succeeded()
                return response
            meter.count_retry()
            if seconds:
                self._pause(seconds)

    def prepare(self, request: HTTPRequest, *, json: bool = True, sign: bool = True) -> requests.PreparedRequest:
        """Return the request ready to be sent."""
        prepared = self.session.prepare_request(
            requests.Request(
                request.method,
                request.url,
                headers=request.headers,
                params=request.encode_params() or None,
                **{"json" if json else "data": request.data},
            )
        )
        return self.credentials(prepared) if sign else prepared

    def _send_once(self, prepared: requests.PreparedRequest) -> requests.Response:
        place = f"{prepared.method} {urlsplit(prepared.url or '').path}"
        try:
            settings = self.session.merge_environment_settings(prepared.url or "", {}, None, None, None)
            # A redirect is an answer to be judged: followed, it would carry our headers to another place.
            response = self.session.send(prepared, timeout=self._timeout, allow_redirects=False, **settings)
        except requests.exceptions.SSLError as error:
            raise Stop(f"{place}: the TLS connection failed: {_reason(error)}.", category="connection") from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            raise Retry(f"{place}: the answer was cut off in the middle.") from None
        except requests.exceptions.Timeout as error:
            raise Unreachable(f"{place}: no answer in time ({type(error).__name__}).") from None
        except requests.exceptions.ConnectionError as error:
            raise Unreachable(f"{place}: the connection failed: {_reason(error)}.") from None
        except (requests.exceptions.RequestException, ValueError) as error:
            raise Stop(f"{place} cannot be requested: {_reason(error)}.") from None
        moment = http_date(response.headers.get("Date", ""))
        if moment is not None:
            self._skew = moment - datetime.now(UTC)
        return response

    def _give_up_if_late(self, error: TapError, seconds: float, deadline: float, attempts: int) -> None:
        """Raise what ends the waiting if the next attempt would come after the deadline."""
        if self._monotonic() + seconds <= deadline:
            return
        times = "once" if attempts == 1 else f"{attempts} times"
        if isinstance(error, Wait):
            raise Stop(
                f"{error} The wait of {seconds:.0f} s is longer than this run may wait ({self.retry_seconds:.0f} s "
                "for a request); start again later, the bookmark is kept.",
                category=error.category,
            ) from None
        kind = Stop if isinstance(error, Unreachable) else SkipStream
        raise kind(f"{error} It was tried {times}.", category=error.category) from None

    def _sleep(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise ClientClosedError


def growing_pauses() -> Iterator[float]:
    """Yield 1, 2, 4... seconds, at most a minute, each with jitter: between half of it and the whole."""
    waits = backoff.expo(factor=1, max_value=LONGEST_PAUSE_SECONDS)
    next(waits)  # the generator of the library starts when it is asked for the first time
    for wait in waits:
        yield wait / 2 + backoff.full_jitter(wait / 2)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _reason(error: Exception) -> str:
    """Return the innermost reason of an error of requests, without addresses and their parameters."""
    reason: t.Any = error.args[0] if error.args else error
    reason = getattr(reason, "reason", reason)
    return f"{type(reason).__name__}" if isinstance(reason, BaseException) else str(reason).split("?", maxsplit=1)[0]
