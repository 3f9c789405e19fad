"""What can go wrong in the loader, sorted by what must happen next.

LoaderError
├── InputError          the input is not Singer: stop
│   └── TornInputError  it ends in the middle of a line: stop, the tap is gone
├── RunRefusedError     another run holds a stream, or has moved on one without a key: stop
├── TooManyRejectsError stop; the bookmark stays where the last commit left it
├── WarehouseError      connection, disk, permission: stop
├── OutputClosedError   nobody reads the STATE any more: stop
├── StreamRefusedError  this stream cannot be loaded into its table: fail the stream, go on with the others
└── SweepRefusedError   (key_sets.py) the sweep would delete too much: fail the stream, delete nothing, go on

``category`` is what stands in ``sync_history.error_category``.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sync_history.rejects import Reject

_MOST_CAUSES = 10


class LoaderError(Exception):
    """A sentence for the user: what is wrong, where, and what to do."""

    category = "internal"


class InputError(LoaderError):
    """The input is not Singer."""

    category = "data"


class TornInputError(InputError):
    """The input ends in the middle of a line: the tap is gone."""

    category = "interrupted"


class RunRefusedError(LoaderError):
    """Another run holds a stream of this one, or has loaded rows that this one would append again."""

    category = "overlap"


class TooManyRejectsError(LoaderError):
    """More records of a stream were refused than ``max_rejects`` allows. ``samples`` are the latest of them."""

    category = "data"

    def __init__(self, sentence: str, stream: str, samples: list[Reject]) -> None:
        super().__init__(sentence)
        self.stream = stream
        self.samples = samples


class WarehouseError(LoaderError):
    """Postgres cannot be used: connection, disk, permission."""

    category = "warehouse"


class OutputClosedError(LoaderError):
    """Whoever started the loader has ended, and with it the one who runs the tap."""

    category = "interrupted"


class StreamRefusedError(LoaderError):
    """The stream's schema does not fit its table."""

    category = "warehouse"


def places_of(error: BaseException) -> str:
    """Return where an unforeseen error and its causes came from, without their texts: those may quote a record."""
    parts: list[str] = []
    left: BaseException | None = error
    while left is not None and len(parts) < _MOST_CAUSES:
        parts.append("".join(traceback.format_tb(left.__traceback__)) + type(left).__qualname__)
        left = left.__cause__ or (None if left.__suppress_context__ else left.__context__)
    return "\nbecause of:\n".join(parts)


E = TypeVar("E", bound=Exception)


def located(error: E, line: int) -> E:
    """Return an error about the input, told with its line."""
    return at_line(type(error)(f"Line {line} of the input: {error}"), line)


def at_line(error: E, line: int) -> E:
    """Note which line an error is about whose sentence says so."""
    vars(error)["line"] = line
    return error


def is_located(error: Exception) -> bool:
    """Tell whether the sentence of an error names its line: it may have come from an earlier one than is at hand."""
    return "line" in vars(error)
