"""Trying again what is no HTTP request of ours: calls through a vendor's own library, files that are fetched.

It follows the table of ``tap_kit.http``, where the requests that the kit sends itself are tried again. A library
that tries again by itself has to be told not to: two places would multiply their attempts.
"""

from __future__ import annotations

import logging
import time
import typing as t

from tap_kit import http
from tap_kit.errors import RefreshCredentials, Retry, SkipStream, Stop, Wait
from tap_kit.http import Unreachable

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.errors import TapError
    from tap_kit.http import Meter

T = t.TypeVar("T")

logger = logging.getLogger("tap-kit.retry")


class Patience:
    """Runs an attempt until it succeeds, fails for good, or its time is used up.

    Args:
        seconds: Time budget of all attempts of one thing.
        renew: Gets new credentials; says whether there are any.
        monotonic: Seconds on a clock that never goes back.
        pause: Sleeps.
    """

    def __init__(
        self,
        seconds: float,
        *,
        renew: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._renew = renew
        self._monotonic = monotonic
        self._pause = pause

    def run(self, attempt: Callable[[], T], meter: Meter | None = None) -> T:
        """Return what an attempt gives.

        Args:
            attempt: Must be safe to repeat; raises one of ``tap_kit.errors``.
            meter: Counts the attempts.

        Raises:
            SkipStream: If it keeps failing.
            Stop: If nobody can be reached, or the credentials are refused.
        """
        deadline = self._monotonic() + self.seconds
        pauses = http.growing_pauses()
        renewed, attempts, waited = False, 0, 0.0
        while True:
            attempts += 1
            if meter is not None:
                meter.count_request(waited)
            waited = 0.0
            try:
                return attempt()
            except RefreshCredentials as error:
                if renewed or not self._renew():
                    raise Stop(str(error), category=error.category) from None
                renewed, seconds = True, 0.0
            except (Wait, Retry) as error:
                seconds = (error.seconds if isinstance(error, Wait) else 0.0) or next(pauses)
                if self._monotonic() + seconds > deadline:
                    raise _giving_up(error, attempts) from None
                waited = seconds if isinstance(error, Wait) else 0.0
                logger.warning("%s Trying again in %.1f s.", error, seconds)
            if meter is not None:
                meter.count_retry()
            if seconds:
                self._pause(seconds)


def _giving_up(error: TapError, attempts: int) -> TapError:
    times = "once" if attempts == 1 else f"{attempts} times"
    kind = Stop if isinstance(error, Unreachable | Wait) else SkipStream
    return kind(f"{error} It was tried {times}.", category=error.category)
