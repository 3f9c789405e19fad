"""What a run tells about each stream while it goes on and at its end; counts only, no personal data."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from tap_kit.errors import Category

Status: t.TypeAlias = t.Literal["running", "success", "failed"]


@dataclass
class StreamReport:
    """The report of one stream; field names are those of the STATE message.

    ``started_at`` is when this stream's own reading began, None while it waits for its turn.
    No field is a fraction: the stock targets read a JSON fraction as Decimal and cannot write it back.
    """

    endpoint: str = ""
    started_at: str | None = None
    status: Status = "running"
    error: str | None = None
    error_category: Category | None = None
    requests: int = 0
    retries: int = 0
    rate_limited_seconds: int = 0
    records_total: int | None = None
    resumed: bool = False

    @property
    def finished(self) -> bool:
        """Whether the stream has come to its end, good or bad."""
        return self.status != "running"

    def fail(self, error: str, category: Category) -> None:
        """Note why the stream did not reach its end."""
        self.status, self.error, self.error_category = "failed", error, category
