"""What goes wrong on demand: faults that a test or a person switches on at the control endpoint."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, fields

KINDS: t.Final = ("latency", "storm", "error", "cut", "not_json", "wrong_type", "expired_token", "forbidden")


@dataclass
class Fault:
    """One fault.

    Attributes:
        kind: ``latency``: answers take ``seconds``. ``storm``: 429. ``error``: ``status``. ``cut``: the body ends in
            the middle. ``not_json``: a body that is no JSON. ``wrong_type``: a good page of HTML. ``expired_token``:
            401, until a new token is used. ``forbidden``: 403.
        path: Only requests whose path contains this text.
        times: How often; 0 for ever.
        after: How many matching requests pass first: 2 means "on the third request".
        page: Only this page, as the CRM counts its pages.
        status: Status of an ``error``.
        retry_after: Value of a Retry-After header.
        seconds: Delay of ``latency``.
    """

    kind: str
    path: str = ""
    times: int = 1
    after: int = 0
    page: int | None = None
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.0
    seen: int = 0

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist."""
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault {self.kind!r}; there are {', '.join(KINDS)}")

    @classmethod
    def from_json(cls, values: dict[str, t.Any]) -> Fault:
        """Make a fault from what a control request says.

        Raises:
            ValueError: If it names what no fault has.
        """
        names = {field.name for field in fields(cls)} - {"seen"}
        unknown = sorted(values.keys() - names)
        if unknown or "kind" not in values:
            raise ValueError(
                f"a fault has {', '.join(sorted(names))}; unknown: {', '.join(unknown) or 'no kind given'}"
            )
        if values["kind"] in ("latency", "forbidden"):
            values = {"times": 0} | values
        return cls(**values)

    def strikes(self, path: str, page: int | None) -> bool:
        """Tell whether a request is struck, and count it."""
        if self.path not in path or (self.page is not None and page != self.page):
            return False
        self.seen += 1
        return self.seen > self.after and (self.times == 0 or self.seen <= self.after + self.times)
