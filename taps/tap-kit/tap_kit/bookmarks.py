"""Where a stream was left and where it goes on; plain values in, plain dictionaries out.

A bookmark is ``{"replication_key": k, "replication_key_value": v}`` and, in the middle of a read,
``"resume": {"from", "until", "last_key", "seen"}``. Its rules:

* the value is never lowered and never passes ``until``, the source's clock when the first attempt of
  this read began: a row changed behind the reading position while we read is stamped later than that;
* a read in the middle keeps the old value; only a complete read sets the new one, or a read in order of
  time that has left nothing unread before a moment (``settle``);
* a narrowed run leaves the bookmark exactly as it came in;
* every time is written as ``YYYY-MM-DDTHH:MM:SS.ffffff+00:00``, so that text order is time order.

A replication key need not be a time: ``IdBookmark`` is for ids that grow with time and hold one.
"""

from __future__ import annotations

import abc
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Key: t.TypeAlias = "Sequence[int | str]"


def format_time(moment: datetime) -> str:
    """Write a moment in the one format that bookmarks use; a naive one is taken as UTC."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


def parse_time(text: str) -> datetime:
    """Read an ISO date or date-time; without an offset it is UTC, a bare date is its midnight.

    Raises:
        ValueError: If the text is no ISO date or date-time, or lies outside of the years 1 to 9999 in UTC.
    """
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True)
class Narrowing:
    """What makes a run read less than a stream's normal share, from the settings of the run."""

    since: str | None = None
    end_date: str | None = None
    max_records: int = 0
    # About keys, or some keys: the stored bookmark does not say where such a read begins.
    by_key: bool = False

    def __bool__(self) -> bool:
        """Tell whether anything is narrowed at all."""
        return bool(self.since or self.end_date or self.max_records or self.by_key)


@dataclass(frozen=True)
class Span:
    """What one read covers.

    Attributes:
        lower: Inclusive lower bound of the modification time; None reads everything.
        upper: Exclusive upper bound of a narrowed run; None, the normal case, for no bound.
        until: The source's clock at the start of the first attempt.
        last_key: Key after which to go on; None starts at the beginning.
    """

    lower: str | None
    upper: str | None
    until: str
    last_key: tuple[int | str, ...] | None

    @property
    def resumed(self) -> bool:
        """Whether an earlier, interrupted read is continued."""
        return self.last_key is not None


class Bookmark:
    """The bookmark of one stream during one run.

    Attributes:
        kind: What a value of the replication key is, for messages.

    Args:
        incoming: The stored bookmark, or an empty mapping. It is never changed; one of another replication key
            says nothing about this one, so that the stream is read anew.
        replication_key: Column of the modification time; None for a stream that is always read in full.
        key_length: Number of key columns; a stored position of another length is ignored.
        reread: How far before the stored value a delta starts.
        start_date: Lower bound of a first run.
        narrowing: Limits of this run.

    Raises:
        ValueError: If the stored value is no value of the replication key.
    """

    kind: t.ClassVar[str] = "a time"

    def __init__(
        self,
        incoming: Mapping[str, t.Any],
        *,
        replication_key: str | None,
        key_length: int = 1,
        reread: timedelta = timedelta(0),
        start_date: str | None = None,
        narrowing: Narrowing | None = None,
    ) -> None:
        self._incoming = dict(incoming)
        self._replication_key = replication_key
        self._key_length = key_length
        self._reread = reread
        self._start_date = start_date
        self._narrowing = narrowing or Narrowing()
        self._foreign = incoming.get("replication_key", replication_key) != replication_key
        value = incoming.get("replication_key_value") if replication_key and not self._foreign else None
        self._stored = None if value is None else self.normal(str(value))
        self._span: Span | None = None
        self._from: str | None = None
        self._settled: str | None = None
        self._reached: str | None = None
        self._last_key: list[int | str] | None = None
        self._seen: str | None = None
        self._complete = False

    # What depends on the kind of the replication key; here it is a time.

    def normal(self, value: str) -> str:
        """Return a value in the one form whose text order is the order of the values.

        Raises:
            ValueError: If it is none.
        """
        return format_time(parse_time(value))

    def moment_of(self, value: str) -> datetime:
        """Return when a record with this value, in its normal form, was made or changed."""
        return parse_time(value)

    # A read

    @property
    def stored(self) -> str | None:
        """The value that came in, in its normal form."""
        return self._stored

    def begin(self, now: datetime) -> Span:
        """Fix what this read covers; ``now`` is the source's clock."""
        resume = None if self._narrowing else self._usable_resume()
        if resume is not None:
            self._last_key = list(resume["last_key"])
            self._seen = resume.get("seen")
            span = Span(resume.get("from"), None, resume["until"], tuple(resume["last_key"]))
        else:
            span = Span(self._lower_bound(), self._upper_bound(), format_time(now), None)
        self._span = span
        self._from = span.lower
        return span

    def advance(self, last_key: Key, seen: str | None) -> None:
        """Note the last key written and the greatest modification time written so far."""
        self._last_key = list(last_key)
        self.observe(seen)

    def observe(self, seen: str | None) -> None:
        """Note the greatest modification time written so far, in a read that has no position to go on from."""
        if seen is not None:
            value = self.normal(seen)
            self._seen = value if self._seen is None else max(self._seen, value)

    def settle(self, moment: datetime) -> None:
        """Note that every record of this read before ``moment`` was written: the value may rise up to there.

        Only for reads in order of the replication key, without gaps. A position within the part that is
        settled is forgotten.
        """
        if self._replication_key is None or self._span is None:
            return
        self._settled = self._from = format_time(moment)
        self._last_key = None

    def reach(self, value: str) -> None:
        """Note that every record of this read up to a value was written: the bookmark rises to it at once.

        Only for reads in the order of the replication key, without gaps. A value of a moment after ``until`` does not
        count: on another machine of the source an earlier one may still be on its way.
        """
        if self._replication_key is None or self._span is None:
            return
        value = self.normal(value)
        if self.moment_of(value) <= parse_time(self._span.until):
            self._reached = value if self._reached is None else max(self._reached, value)

    def complete(self) -> None:
        """Note that the read has reached its end."""
        self._complete = True

    @property
    def is_complete(self) -> bool:
        """Whether the read has reached its end and counts for the next one."""
        return self._complete and not self._narrowing

    def value(self) -> dict[str, t.Any]:
        """Return the bookmark to write now."""
        if self._narrowing or self._span is None:
            return dict(self._incoming)
        if not self._complete and (self._last_key, self._settled, self._reached) == (None, None, None):
            return dict(self._incoming)
        # Up to where nothing is left unread: as far as the source's clock had come, or the last settled moment.
        reached = self._span.until if self._complete else self._settled
        capped = None if self._seen is None or reached is None else min(self._seen, reached, self._span.until)
        known = [value for value in (self._stored, self._reached, capped) if value is not None]
        stored = self._with_value(max(known)) if known else {}
        if self._complete or self._last_key is None:
            return stored
        return stored | {
            "resume": {
                "from": self._from,
                "until": self._span.until,
                "last_key": self._last_key,
                "seen": self._seen,
            }
        }

    def _with_value(self, value: str | None) -> dict[str, t.Any]:
        if self._replication_key is None or value is None:
            return {}
        return {"replication_key": self._replication_key, "replication_key_value": value}

    def _lower_bound(self) -> str | None:
        if self._replication_key is None:
            return None
        if self._narrowing.since:
            return format_time(parse_time(self._narrowing.since))
        if self._stored is not None and not self._narrowing.by_key:
            stored = self.moment_of(self._stored)
            floor = datetime.min.replace(tzinfo=UTC)
            return format_time(stored - self._reread if stored - floor > self._reread else floor)
        return format_time(parse_time(self._start_date)) if self._start_date else None

    def _upper_bound(self) -> str | None:
        if self._replication_key is None or not self._narrowing.end_date:
            return None
        return format_time(parse_time(self._narrowing.end_date))

    def _usable_resume(self) -> dict[str, t.Any] | None:
        """Return the stored position if this stream can go on from it.

        A position is dropped when the key or the replication key of the stream has changed since, or when its
        bounds are no times.
        """
        resume = self._incoming.get("resume")
        if self._foreign or not isinstance(resume, dict):
            return None
        last_key, until = resume.get("last_key"), resume.get("until")
        if not isinstance(last_key, list) or len(last_key) != self._key_length or not isinstance(until, str):
            return None
        if resume.get("from") is not None and self._replication_key is None:
            return None
        bounds = {name: resume.get(name) for name in ("from", "until", "seen")}
        try:
            times = {
                name: None if text is None else format_time(parse_time(str(text))) for name, text in bounds.items()
            }
        except ValueError:
            return None
        return {"last_key": last_key, **times}


class IdBookmark(Bookmark, abc.ABC):
    """The bookmark of a stream that is read in the order of an id which grows with time and holds one.

    The id itself is kept, because it is where the source goes on; the moment in it is what ``reread`` and ``until``
    are compared with. Only ``reach`` moves the value, so there is no position to resume from: an interrupted read
    goes on from its value, like any other.
    """

    @abc.abstractmethod
    @override
    def normal(self, value: str) -> str: ...

    @abc.abstractmethod
    @override
    def moment_of(self, value: str) -> datetime: ...

    @override
    def observe(self, seen: str | None) -> None:
        """Do nothing: the greatest id written may be one of a moment after ``until``."""
