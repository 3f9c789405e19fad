"""Health as Prometheus text, for node_exporter's textfile collector or any scraper of files."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync_history.health import Health, StreamHealth

# Every metric, all gauges, with its help; docs/crm.md lists them.
METRICS: Final[Mapping[str, str]] = {
    "crm_warehouse_up": "Whether the history in the warehouse could be read.",
    "crm_check_timestamp_seconds": "When the health was looked at.",
    "crm_healthy": "Whether nothing bad was found at all.",
    "crm_stream_healthy": "Whether nothing bad was found about the stream.",
    "crm_stream_last_good_timestamp_seconds": "End of the last complete run of the stream.",
    "crm_stream_fresh_within_seconds": "How old the last complete run may be.",
    "crm_stream_runs": "Runs of the window, by status.",
    "crm_stream_success_ratio": "Share of the finished runs of the window that ended well.",
    "crm_stream_consecutive_failures": "Failed runs since the last one that ended well.",
    "crm_stream_open_rejects": "Rejects that wait for an answer.",
    "crm_findings": "Findings, by rule and level; stream is empty for a whole CRM.",
}


def rendered(health: Health | None) -> str:
    """Return the metrics; without a health only that the warehouse could not be read."""
    samples = [_Sample("crm_warehouse_up", {}, 0 if health is None else 1)]
    if health is not None:
        samples += [
            _Sample("crm_check_timestamp_seconds", {}, health.at.timestamp()),
            _Sample("crm_healthy", {}, int(health.is_healthy)),
        ]
        for stream in health.streams:
            samples += _samples_of(stream)
        found = Counter((one.crm_source, one.sync_type, one.rule, one.level) for one in health.all_findings)
        for (source, name, rule, level), count in found.items():
            labels = {"source": source, "stream": name, "rule": rule, "level": level}
            samples.append(_Sample("crm_findings", labels, count))
    lines = []
    for metric, text in METRICS.items():
        own = [f"{metric}{_labels(one.labels)} {_number(one.value)}" for one in samples if one.metric == metric]
        if own:
            lines += [f"# HELP {metric} {text}", f"# TYPE {metric} gauge", *own]
    return "\n".join(lines) + "\n"


class _Sample(NamedTuple):
    metric: str
    labels: Mapping[str, str]
    value: float


def _samples_of(stream: StreamHealth) -> list[_Sample]:
    labels = {"source": stream.crm_source, "stream": stream.sync_type}
    values = {
        "healthy": int(stream.is_healthy),
        "last_good_timestamp_seconds": None if stream.last_good is None else stream.last_good.timestamp(),
        "fresh_within_seconds": None if stream.fresh_within_hours is None else stream.fresh_within_hours * 3600,
        "success_ratio": stream.success_rate,
        "consecutive_failures": stream.consecutive_failures,
        "open_rejects": stream.open_rejects,
    }
    return [
        *(_Sample(f"crm_stream_{name}", labels, value) for name, value in values.items() if value is not None),
        *(
            _Sample("crm_stream_runs", {**labels, "status": status}, getattr(stream, status))
            for status in ("success", "partial", "failed", "running")
        ),
    ]


def write(file: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    Its temporary name does not end in .prom, so that the collector leaves it alone.
    """
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            # The collector runs under another account.
            os.fchmod(stream.fileno(), 0o644)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    parts = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(parts) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
