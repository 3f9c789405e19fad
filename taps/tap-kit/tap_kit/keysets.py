"""Key sets: all keys a source still has, so that the loader can mark the rows that are gone.

A key set is an ordinary stream ``<stream>_keys``; its SCHEMA says of which stream it is and which share of
the table may disappear at most. ACTIVATE_VERSION cannot do this work: the SDK sends it before the records,
and rows that a delta did not touch keep their old version.

Where a source can only be asked for a stretch of time, its key set is one of that stretch (``Within``): rows outside of
it are not judged.

A run with the setting ``keys_only`` sends nothing but keys, for comparing a source with a warehouse (``keys_message``).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from singer_sdk.singerlib import SchemaMessage

from tap_kit.messages import encode

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tap_kit.messages import MessageWriter

DEFAULT_MAX_DELETED_SHARE = 0.2


@dataclass(frozen=True)
class Within:
    """The stretch that a key set covers.

    Attributes:
        column: A date-time of the stream; rows in which it is null are outside.
        start: Inclusive, UTC.
        end: Exclusive, UTC.
    """

    column: str
    start: str
    end: str


def send_key_set(
    writer: MessageWriter,
    stream: str,
    schema: Mapping[str, t.Any],
    key: Sequence[str],
    rows: Iterable[Sequence[int | str]],
    *,
    max_deleted_share: float,
    within: Within | None = None,
) -> None:
    """Send the key set of a stream, row by row, in constant memory.

    Args:
        writer: Where to write.
        stream: Name of the stream the keys belong to.
        schema: Schema of that stream.
        key: Names of the key columns.
        rows: Values of the key columns, in that order.
        max_deleted_share: Share of the stored rows that may be missing before the loader refuses.
        within: The stretch that the keys are of; None: they are all keys there are.
    """
    name = f"{stream}_keys"
    message = {
        "type": "SCHEMA",
        "stream": name,
        "schema": {
            "type": "object",
            "x-sweep-of": stream,
            "x-max-deleted-share": max_deleted_share,
            **({} if within is None else {"x-sweep-within": vars(within)}),
            "properties": {column: schema["properties"][column] for column in key},
        },
        "key_properties": list(key),
    }
    writer.write_line(encode(message) + b"\n")
    prefix = b'{"type":"RECORD","stream":' + encode(name) + b',"record":'
    for row in rows:
        writer.write_line(prefix + encode(dict(zip(key, row, strict=True))) + b"}\n")


def keys_message(
    stream: str,
    schema: Mapping[str, t.Any],
    key: Sequence[str],
    *,
    changed: Sequence[str],
    within: Within | None,
    are_all: bool,
) -> SchemaMessage:
    """Return the SCHEMA of the keys that a run sends in place of records.

    Args:
        stream: Name of the stream the keys belong to.
        schema: Schema of what is sent: key, modification time, and ``_sdc_deleted_at`` if the source shows deletes.
        key: Names of the key columns.
        changed: Columns with the modification time; where the first one is null the next one counts.
        within: The stretch that the keys are of; None: no stretch.
        are_all: Whether a key that is not among them is gone.
    """
    marks = {
        "x-sweep-of": stream,
        "x-keys-only": True,
        "x-changed": list(changed),
        "x-all-keys": are_all,
        **({} if within is None else {"x-sweep-within": vars(within)}),
    }
    return SchemaMessage(f"{stream}_keys", {**schema, **marks}, list(key))
