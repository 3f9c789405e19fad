"""What can go wrong in a tap, sorted by what the caller must do.

TapError
├── Retry               try the same thing again, after a growing pause
├── Wait                try again after ``seconds``: the vendor said when
├── RefreshCredentials  get a new token, then try again once
├── SkipStream          give up this stream, go on with the others
├── RejectRecord        leave out this record, keep it as a reject, go on
└── Stop                nothing will work: end the run

| situation                                       | raise              |
|-------------------------------------------------|--------------------|
| connection lost, time-out, 5xx, a cut body      | Retry              |
| 429 with or without Retry-After                 | Wait               |
| an expired access token                         | RefreshCredentials |
| a missing scope, table or column; a stuck page  | SkipStream         |
| a record whose key is missing                   | RejectRecord       |
| wrong password, unknown host, a wrong setting   | Stop               |
"""

# ruff: noqa: N818 - an error is named after what its receiver must do

from __future__ import annotations

import typing as t

Category: t.TypeAlias = t.Literal[
    "configuration",
    "authentication",
    "permission",
    "connection",
    "rate_limit",
    "quota",
    "data",
    "source",
    "overlap",
    "interrupted",
    "warehouse",
    "sweep",
    "internal",
]


class TapError(Exception):
    """A failure told as one sentence for the person who runs the tap.

    Attributes:
        category: One of the categories that the run history knows.
    """

    category: Category = "source"

    def __init__(self, sentence: str, *, category: Category | None = None) -> None:
        super().__init__(sentence)
        if category is not None:
            self.category = category


class Retry(TapError):
    """The same request may succeed if it is tried again."""

    category: Category = "connection"


class Wait(TapError):
    """The vendor asks for a pause of ``seconds`` before the next request."""

    category: Category = "rate_limit"

    def __init__(self, sentence: str, *, seconds: float, category: Category | None = None) -> None:
        super().__init__(sentence, category=category)
        self.seconds = seconds


class RefreshCredentials(TapError):
    """The token has expired; a new one may be accepted."""

    category: Category = "authentication"


class SkipStream(TapError):
    """This stream cannot be read now; the others can."""


class RejectRecord(TapError):
    """This record cannot be delivered; the rest of the stream can."""

    category: Category = "data"


class Stop(TapError):
    """No stream can be read until somebody changes something."""

    category: Category = "configuration"
