"""Sends rejected records through the loader again, as a run of their own that moves no bookmark."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from crm_cli.discovery import discover, invoke
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.pipeline import LOADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sync_history.rejects import StoredReject

    from crm_cli.project import Project
    from crm_cli.sources import Source
    from crm_cli.warehouse import Warehouse

# All records in one transaction with the answers to their rejects, also those of streams without a key.
ONE_FLUSH: Final = {"TARGET_POSTGRES_DW_BATCH_SIZE_ROWS": "100000000", "TARGET_POSTGRES_DW_FLUSH_SECONDS": "86400"}


@dataclass(frozen=True)
class Correction:
    """What is right instead: fields of the one record that is replayed, or whole records."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    records: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def parse(cls, changes: Iterable[str], file: Path | None) -> Correction:
        """Read ``FIELD=VALUE`` and a file of JSON lines.

        Raises:
            CrmUsageError: If one of them is neither; says which.
        """
        fields = {}
        for change in changes:
            name, found, text = change.partition("=")
            if not found or not name:
                raise CrmUsageError(f"--set {change}: write FIELD=VALUE.")
            fields[name] = _value(text)
        records = []
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines() if file else (), start=1):
            if line.strip():
                try:
                    record = json.loads(line)
                except ValueError:
                    record = None
                if not isinstance(record, dict):
                    raise CrmUsageError(f"{file}, line {number}: there is no JSON object.")
                records.append(record)
        return cls(fields, records)

    def of(self, reject: StoredReject) -> Mapping[str, Any]:
        """Return the record to send for a reject."""
        key = reject.record_key
        for record in self.records:
            if key is not None and all(record.get(name) == value for name, value in key.items()):
                return record
        return {**(reject.record or {}), **self.fields}


def replay_rejects(
    project: Project,
    warehouse: Warehouse,
    source: Source,
    stream: str,
    waiting: Sequence[StoredReject],
    correction: Correction,
    *,
    dry_run: bool,
) -> str:
    """Send the records of some rejects of one stream through the loader; return the id of the run.

    Raises:
        CrmUsageError: if the tap lacks settings, or the stream is gone from the source.
        CrmError: if the tap cannot discover, or the loader fails.
    """
    entry = next((one for one in discover(project, source) if one["tap_stream_id"] == stream), None)
    if entry is None:
        raise CrmUsageError(f"The source has no stream {stream} any more, so nothing says how its records look.")
    run_id = str(uuid.uuid4())
    lines = messages(source.name, entry, waiting, correction)
    variables = {"WAREHOUSE_URL": warehouse.url, "MELTANO_RUN_ID": run_id, **ONE_FLUSH}
    if dry_run:
        variables["TARGET_POSTGRES_DW_DRY_RUN"] = "true"
    if correction.fields or correction.records:
        # A corrected record is no newer than the one it corrects.
        variables["TARGET_POSTGRES_DW_FORCE"] = "true"
    try:
        invoke(project, LOADER, failure="The loader failed.", text=lines, variables=variables)
    except CrmError as error:
        raise CrmError(f"The replay failed, and nothing was changed: {error.message}") from error
    return run_id


def messages(crm_source: str, entry: Mapping[str, Any], waiting: Sequence[StoredReject], correction: Correction) -> str:
    """Return the Singer messages of a replay, a line each."""
    stream, started = entry["tap_stream_id"], f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+00:00}"
    bookmark = [entry["replication_key"]] if entry.get("replication_key") else []
    run = {
        "crm_source": crm_source,
        "started_at": started,
        "streams": [stream],
        "configuration": {"replay": len(waiting)},
        "replays": {stream: [reject.id for reject in waiting]},
    }
    ended = {"status": "success", "endpoint": "orchestration.sync_reject"}
    lines: list[dict[str, Any]] = [
        {"type": "STATE", "value": {"bookmarks": {}, "sync_report": {"run": run, "streams": {}}}},
        {
            "type": "SCHEMA",
            "stream": stream,
            "schema": entry["schema"],
            "key_properties": entry.get("key_properties") or [],
            "bookmark_properties": bookmark,
        },
        *(
            {"type": "RECORD", "stream": stream, "record": correction.of(reject), "time_extracted": started}
            for reject in waiting
        ),
        {"type": "STATE", "value": {"bookmarks": {}, "sync_report": {"streams": {stream: ended}}}},
    ]
    return "".join(json.dumps(line, default=str) + "\n" for line in lines)


def _value(text: str) -> Any:  # noqa: ANN401 -- any JSON value
    try:
        return json.loads(text)
    except ValueError:
        return text
