"""The loader's own settings, beside those of target-postgres, which keep their names."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_REJECTS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*")
# A share of few records says nothing: it is taken of at least so many.
_SHARE_OF_AT_LEAST = 1000

DEFAULT_MAX_REJECTS = "1000"
DEFAULT_MAX_DELETED_SHARE = 0.2
DEFAULT_FLUSH_SECONDS = 5
DEFAULT_BATCH_SIZE_ROWS = 50_000
DEFAULT_BATCH_SIZE_BYTES = 64 * 1024 * 1024
DEFAULT_LOCK_WAIT_SECONDS = 5
DEFAULT_LOAD_CONNECTIONS = 2
DEFAULT_LOCK_TIMEOUT_SECONDS = 300
DEFAULT_STATEMENT_TIMEOUT_SECONDS = 3600

OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "force",
        th.BooleanType,
        title="Force",
        default=False,
        description="Overwrite stored rows even if they are newer than the incoming ones.",
    ),
    th.Property(
        "dry_run",
        th.BooleanType,
        title="Dry Run",
        default=False,
        description="Load into temporary twins of the tables: true counts, nothing written, no bookmark moved.",
    ),
    th.Property(
        "max_rejects",
        th.StringType,
        title="Maximum Rejects",
        default=DEFAULT_MAX_REJECTS,
        description=(
            "Stop the run when a stream has more rejected records than this: a number, or a share of the records "
            "such as 5%."
        ),
    ),
    th.Property(
        "max_deleted_share",
        th.CustomType({"type": ["number", "string"]}),  # Meltano 4.4 has no kind for fractions: it sends text
        title="Maximum Deleted Share",
        default=DEFAULT_MAX_DELETED_SHARE,
        description=(
            "Refuse a sweep or an ACTIVATE_VERSION that would delete more than this share of a table, unless the "
            "tap states its own limit."
        ),
    ),
    th.Property(
        "flush_seconds",
        th.IntegerType,
        title="Flush Seconds",
        default=DEFAULT_FLUSH_SECONDS,
        description="Commit what has arrived, and beat the heart of the run, at least this often.",
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType,
        title="Batch Size Rows",
        default=DEFAULT_BATCH_SIZE_ROWS,
        description="Commit when so many records wait.",
    ),
    th.Property(
        "batch_size_bytes",
        th.IntegerType,
        title="Batch Size Bytes",
        default=DEFAULT_BATCH_SIZE_BYTES,
        description="Commit when the rows that wait take more memory than this.",
    ),
    th.Property(
        "lock_wait_seconds",
        th.IntegerType,
        title="Lock Wait Seconds",
        default=DEFAULT_LOCK_WAIT_SECONDS,
        description=(
            "How long to wait for a stream that another run holds before this run is refused. A killed run lets go "
            "of its streams within two seconds."
        ),
    ),
    th.Property(
        "load_connections",
        th.IntegerType(minimum=1, maximum=2),
        title="Load Connections",
        default=DEFAULT_LOAD_CONNECTIONS,
        description="Connections that load the batches of a full read: 2 use two cores of the warehouse.",
    ),
    th.Property(
        "lock_timeout_seconds",
        th.IntegerType(minimum=0),
        title="Lock Timeout Seconds",
        default=DEFAULT_LOCK_TIMEOUT_SECONDS,
        description="How long a statement may wait for a lock that another session holds; 0 for ever.",
    ),
    th.Property(
        "statement_timeout_seconds",
        th.IntegerType(minimum=0),
        title="Statement Timeout Seconds",
        default=DEFAULT_STATEMENT_TIMEOUT_SECONDS,
        description="How long one statement may take; 0 for ever.",
    ),
)

# Settings of target-postgres that hold secrets; it does not mark them.
SECRET = ("sqlalchemy_url", "password", "ssl_client_private_key")
SECRET_OF_THE_TUNNEL = ("private_key", "private_key_password")

# Settings of target-postgres and the SDK that this loader has no use for, and why.
WITHOUT_EFFECT = {
    "use_copy": "rows are always loaded with COPY",
    "sanitize_null_text_characters": "NUL always becomes U+FFFD",
    "load_method": "streams with a key are merged, others appended",
}


def settings_schema(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of all settings: those of target-postgres, its secrets marked as such, and our own."""
    schema: dict[str, Any] = copy.deepcopy(dict(base))
    properties = schema["properties"]
    for settings, names in ((properties, SECRET), (properties["ssh_tunnel"]["properties"], SECRET_OF_THE_TUNNEL)):
        for name in names:
            settings[name] |= {"secret": True, "writeOnly": True}
    return {**schema, "properties": {**properties, **OWN_SETTINGS.to_dict()["properties"]}}


@dataclass(frozen=True, slots=True)
class MaxRejects:
    """How many rejects a stream may have: a number, or a share of its records."""

    count: int | None
    share: float | None

    @classmethod
    def parse(cls, text: str) -> MaxRejects:
        """Read ``1000`` or ``5%``.

        Raises:
            ValueError: if it is neither.
        """
        match = _MAX_REJECTS.fullmatch(str(text))
        if match is None or (not match[2] and "." in match[1]):
            raise ValueError(f"max_rejects is {text!r}; write a whole number (1000) or a share of the records (5%)")
        return cls(None, float(match[1]) / 100) if match[2] else cls(int(match[1]), None)

    def allowed(self, processed: int) -> int:
        """Return how many of so many processed records may be rejected."""
        if self.count is not None:
            return self.count
        return int((self.share or 0.0) * max(processed, _SHARE_OF_AT_LEAST))


def parse_share(value: float | str) -> float:
    """Read a share from 0 to 1.

    Raises:
        ValueError: if it is none.
    """
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"max_deleted_share is {value!r}; write a share from 0 to 1, such as 0.2")
    return share


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What a run needs to know of the configuration."""

    default_schema: str
    force: bool
    dry_run: bool
    hard_delete: bool
    metadata: bool
    activate_version: bool
    validate: bool
    max_rejects: MaxRejects
    max_deleted_share: float
    flush_seconds: float
    batch_size_rows: int
    batch_size_bytes: int
    lock_wait_seconds: float
    load_connections: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LoadSettings:
        """Read the settings, with their defaults.

        Raises:
            ValueError: if ``max_rejects`` or ``max_deleted_share`` make no sense.
        """
        return cls(
            default_schema=config.get("default_target_schema") or "melty",
            force=bool(config.get("force", False)),
            dry_run=bool(config.get("dry_run", False)),
            hard_delete=bool(config.get("hard_delete", False)),
            metadata=bool(config.get("add_record_metadata", True)),
            activate_version=bool(
                config.get("activate_version", True) and config.get("process_activate_version_messages", True)
            ),
            validate=bool(config.get("validate_records", True)),
            max_rejects=MaxRejects.parse(config.get("max_rejects", DEFAULT_MAX_REJECTS)),
            max_deleted_share=parse_share(config.get("max_deleted_share", DEFAULT_MAX_DELETED_SHARE)),
            flush_seconds=float(config.get("flush_seconds", DEFAULT_FLUSH_SECONDS)),
            batch_size_rows=int(config.get("batch_size_rows") or DEFAULT_BATCH_SIZE_ROWS),
            batch_size_bytes=int(config.get("batch_size_bytes", DEFAULT_BATCH_SIZE_BYTES)),
            lock_wait_seconds=float(config.get("lock_wait_seconds", DEFAULT_LOCK_WAIT_SECONDS)),
            load_connections=int(config.get("load_connections", DEFAULT_LOAD_CONNECTIONS)),
        )
