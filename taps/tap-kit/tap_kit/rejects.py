"""What could not be delivered as it was: counted, and sent as RECORDs of the stream ``sync_rejects``."""

from __future__ import annotations

import typing as t
from collections import Counter

from tap_kit.messages import encode
from tap_kit.values import describe

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_kit.messages import MessageWriter

STREAM = "sync_rejects"
Category: t.TypeAlias = t.Literal["record", "value"]

SCHEMA: t.Final[dict[str, t.Any]] = {
    "type": "object",
    "properties": {
        "stream": {"type": "string", "description": "Stream of the record."},
        "key": {"type": ["object", "null"], "description": "Key of the record, if it has one."},
        "field": {"type": ["string", "null"], "description": "Field that is at fault, if it is one."},
        "reason": {"type": "string", "description": "What is wrong, as a phrase."},
        "category": {
            "type": "string",
            "description": "record: the record was not sent; value: it was sent with null in the field.",
        },
        "record": {"type": ["object", "null"], "description": "The record as the source gave it."},
    },
}


class Rejects:
    """Sends rejects and counts them per stream; the SCHEMA goes out before the first one."""

    def __init__(self, writer: MessageWriter) -> None:
        self._writer = writer
        self._announced = False
        self.counts: dict[str, Counter[Category]] = {}

    def add(
        self,
        stream: str,
        record: Mapping[str, t.Any],
        *,
        key: t.Iterable[str],
        reason: str,
        category: Category,
        field: str | None = None,
    ) -> None:
        """Send one reject; ``record`` may still hold findings of ``tap_kit.values``."""
        if not self._announced:
            self._announced = True
            message = {"type": "SCHEMA", "stream": STREAM, "schema": SCHEMA, "key_properties": []}
            self._writer.write_line(encode(message) + b"\n")
        whole = {name: describe(value) for name, value in record.items()}
        reject = {
            "stream": stream,
            "key": {name: whole.get(name) for name in key} or None,
            "field": field,
            "reason": reason,
            "category": category,
            "record": whole,
        }
        self._writer.write_line(encode({"type": "RECORD", "stream": STREAM, "record": reject}) + b"\n")
        self.counts.setdefault(stream, Counter())[category] += 1

    def of(self, stream: str) -> dict[str, int]:
        """Return the counts of one stream."""
        counts = self.counts.get(stream, Counter())
        return {"record": counts["record"], "value": counts["value"]}
