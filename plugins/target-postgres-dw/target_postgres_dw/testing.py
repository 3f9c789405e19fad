"""Speaks to the loader as a tap would, for tests of the loader and of what builds on it."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_postgres_dw.run import explain
from target_postgres_dw.target import TargetPostgresDw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Message = dict[str, Any]

INTEGER = {"type": "integer"}
TEXT = {"type": ["string", "null"]}
NUMBER = {"type": ["number", "null"]}
DATE_TIME = {"type": ["string", "null"], "format": "date-time"}


def header(*streams: str, crm_source: str = "genius", bookmarks: Mapping[str, Any] | None = None) -> Message:
    """The first message of a tap of this suite."""
    run = {"crm_source": crm_source, "started_at": "2026-03-01T00:00:00.000000+00:00", "streams": list(streams)}
    return state(bookmarks or {}, run={**run, "configuration": {"page_size": 500}})


def schema(
    stream: str,
    properties: Mapping[str, Any],
    key: Sequence[str] = ("id",),
    replication_key: str | None = None,
    **extra: Any,  # noqa: ANN401 -- any keyword of JSON Schema
) -> Message:
    """A SCHEMA message."""
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": dict(properties), **extra},
        "key_properties": list(key),
        "bookmark_properties": [replication_key] if replication_key else [],
    }


def records(stream: str, *rows: Mapping[str, Any], **extra: Any) -> list[Message]:  # noqa: ANN401 -- as ``schema``
    """RECORD messages."""
    return [
        {
            "type": "RECORD",
            "stream": stream,
            "record": dict(row),
            "time_extracted": "2026-03-01T00:00:01+00:00",
            **extra,
        }
        for row in rows
    ]


def state(bookmarks: Mapping[str, Any], *, run: Mapping[str, Any] | None = None, **reports: Any) -> Message:  # noqa: ANN401 -- stream=report
    """A STATE message with a sync report; ``stream="success"`` reports no more than a status."""
    streams = {name: {"status": report} if isinstance(report, str) else report for name, report in reports.items()}
    report: dict[str, Any] = {"streams": streams}
    if run is not None:
        report["run"] = dict(run)
    return {"type": "STATE", "value": {"bookmarks": dict(bookmarks), "sync_report": report}}


def bookmark(value: str, **extra: Any) -> dict[str, Any]:  # noqa: ANN401 -- resume
    """A bookmark on ``updated_at``."""
    return {"replication_key": "updated_at", "replication_key_value": value, **extra}


def to_lines(*messages: Message | Sequence[Message]) -> str:
    """Write messages, or lists of them, as a tap prints them."""
    flat: list[Message] = []
    for item in messages:
        if isinstance(item, dict):
            flat.append(item)
        else:
            flat.extend(item)
    return "".join(_line(message) + "\n" for message in flat)


def _line(message: Message) -> str:
    """Write one message in UTF-8; half a surrogate pair can only be written as an escape."""
    text = json.dumps(message, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(message)
    return text


@dataclass(frozen=True)
class Result:
    """What a run of the loader gave: its exit code, the STATEs it printed, and its error sentence."""

    exit_code: int
    states: list[dict[str, Any]]
    error: str | None


def load(url: str, *messages: Message | Sequence[Message], **config: Any) -> Result:  # noqa: ANN401 -- settings
    """Load messages in this process."""
    target = TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0, **config})
    exit_code, sentence = 0, None
    with redirect_stdout(io.StringIO()) as printed:
        try:
            target.listen(io.StringIO(to_lines(*messages)))
        except SystemExit as ended:
            exit_code = int(ended.code or 0)
            sentence = "\n".join(target.run.failures) or None
        except Exception as error:  # noqa: BLE001 -- the test judges it
            exit_code, sentence = 1, explain(error)
    sys.stdout.flush()
    return Result(exit_code, [json.loads(line) for line in printed.getvalue().splitlines()], sentence)


def load_bytes(url: str, data: bytes, **config: Any) -> str | None:  # noqa: ANN401 -- settings
    """Load raw lines in this process, whatever they are; return the sentence of the failure, None without one."""
    target = TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0, **config})
    with redirect_stdout(io.StringIO()):
        try:
            target.listen(io.BytesIO(data))
        except SystemExit:
            return "\n".join(target.run.failures)
        except Exception as error:  # noqa: BLE001 -- the test judges it
            return explain(error)
    return None
