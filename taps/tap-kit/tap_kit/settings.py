"""The settings that every tap has, with the same names and the same meaning."""

from __future__ import annotations

import typing as t

from singer_sdk import typing as th

from tap_kit.bookmarks import Narrowing, parse_time
from tap_kit.errors import Stop
from tap_kit.keysets import DEFAULT_MAX_DELETED_SHARE

# Meltano has no kind for decimals that works, so the share may come as text.
SHARE = th.CustomType({"type": ["number", "string"], "minimum": 0, "maximum": 1, "pattern": r"^(0(\.\d+)?|1(\.0+)?)$"})

UNIVERSAL = th.PropertiesList(
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Read nothing older than this on the first run; later runs start from their bookmark.",
    ),
    th.Property(
        "since",
        th.DateTimeType,
        title="Since",
        description="Read from this moment on in this run, whatever the bookmark says, and leave the bookmark "
        "as it is.",
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description="Read only what changed before this moment, and leave the bookmark as it is.",
    ),
    th.Property(
        "max_records",
        th.IntegerType(minimum=0),
        default=0,
        title="Most records of a stream",
        description="End each stream after this many records, and leave the bookmark as it is; 0 for no limit.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1),
        title="Page size",
        description="Records asked for at a time; without it the tap takes what suits the source.",
    ),
    th.Property(
        "validation",
        th.StringType,
        allowed_values=["lenient", "strict", "off"],
        default="lenient",
        title="Validation",
        description="lenient: a value that its column cannot hold becomes null and is kept as a reject. strict: "
        "the whole record is kept as a reject. off: types are kept right, odd values are not reported.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1),
        default=1,
        title="Concurrency",
        description="Pages of an HTTP API read at once; a database is read over one connection.",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        title="User agent",
        description="Name the tap gives itself, for the logs of the source.",
    ),
    th.Property(
        "max_deleted_share",
        SHARE,
        default=DEFAULT_MAX_DELETED_SHARE,
        title="Largest share of deleted rows",
        description="A sweep that would mark more than this share of a table as deleted stops with an error.",
    ),
    th.Property(
        "keys_only",
        th.BooleanType,
        title="Keys only",
        description="Send the key and the modification time of every record, as a stream like contacts_keys, in place "
        "of the records, and leave the bookmarks as they are. It is for comparing: our loader refuses it.",
    ),
    th.Property(
        "only_keys",
        th.StringType,
        title="Only these keys",
        description='File with a line like {"stream": "contacts", "key": {"id": 17}} for each record to read: '
        "nothing else is read, and the bookmarks stay as they are.",
    ),
)


def with_universal_settings(own: th.PropertiesList) -> dict[str, t.Any]:
    """Return the settings schema of a tap: its own settings first, then the universal ones.

    A setting of its own replaces the universal one of the same name, for example to give another default.
    """
    universal = [setting for name, setting in UNIVERSAL.wrapped.items() if name not in own.wrapped]
    return th.PropertiesList(*own.wrapped.values(), *universal).to_dict()


REST = th.PropertiesList(
    th.Property(
        "connect_timeout_seconds",
        th.IntegerType(minimum=1),
        default=10,
        title="Connect time-out",
        description="How long a connection may take, in seconds.",
    ),
    th.Property(
        "read_timeout_seconds",
        th.IntegerType(minimum=1),
        default=60,
        title="Read time-out",
        description="How long the server may be silent, in seconds.",
    ),
    th.Property(
        "retry_seconds",
        th.IntegerType(minimum=0),
        default=600,
        title="Time for all attempts",
        description="How long one request may be tried again and again, waits for the rate limit included, in "
        "seconds. When the vendor asks for a longer wait the run ends, and the next one goes on from its bookmark.",
    ),
)


def with_rest_settings(own: th.PropertiesList) -> dict[str, t.Any]:
    """Return the settings schema of an HTTP tap: its own, those of all HTTP taps, the universal ones."""
    shared = [setting for name, setting in REST.wrapped.items() if name not in own.wrapped]
    return with_universal_settings(th.PropertiesList(*own.wrapped.values(), *shared))


FILES = th.PropertiesList(
    th.Property(
        "files",
        th.ObjectType(additional_properties=th.StringType),
        default={},
        title="Files",
        description="Where the CSV files are, by stream: a path, a glob, an s3:// or an https:// address, for example "
        '{"users": "/exports/users-*.csv"}. Without one the stream does not exist.',
    ),
    th.Property(
        "file_headers",
        th.ObjectType(additional_properties=th.ObjectType(additional_properties=th.StringType)),
        default={},
        title="Headers of the files",
        description="Headers that differ from the usual ones, by stream and column, for example "
        '{"users": {"email": "E-Mail"}}.',
    ),
    th.Property(
        "file_encoding",
        th.StringType,
        default="utf-8",
        title="Encoding of the files",
        description="Encoding of files that have no byte order mark, for example cp1252.",
    ),
    th.Property(
        "file_delimiter",
        th.StringType,
        default=",",
        title="Delimiter of the files",
        description="The character between two cells; the word tab for a tabulator.",
    ),
    th.Property(
        "file_http_headers",
        th.ObjectType(additional_properties=th.StringType),
        secret=True,
        title="HTTP headers for files",
        description='Headers for https:// addresses, for example {"Authorization": "Bearer ..."}. They are not sent '
        "on to another host.",
    ),
)


def with_file_settings(own: th.PropertiesList) -> th.PropertiesList:
    """Return the settings of a tap that has CSV streams: its own, and those of all such taps."""
    shared = [setting for name, setting in FILES.wrapped.items() if name not in own.wrapped]
    return th.PropertiesList(*own.wrapped.values(), *shared)


def check_names(setting: str, names: t.Iterable[str], what: str, known: t.Sequence[str]) -> None:
    """Raise Stop if a setting names what does not exist.

    Args:
        setting: The setting.
        names: What it names.
        what: What these are, in the plural: streams, groups.
        known: What there is.
    """
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise Stop(f"The setting {setting} names {', '.join(unknown)}; the {what} are: {', '.join(known)}.")


def check_times(config: t.Mapping[str, t.Any]) -> None:
    """Raise Stop if a date setting is no date, or if the window they make is empty."""
    for name in ("start_date", "since", "end_date"):
        if config.get(name):
            try:
                parse_time(config[name])
            except ValueError:
                raise Stop(
                    f"The setting {name} is {config[name]!r}; it must be a date or a date-time like 2025-01-31 "
                    "or 2025-01-31T08:00:00+00:00."
                ) from None
    lower, upper = config.get("since") or config.get("start_date"), config.get("end_date")
    if lower and upper and parse_time(lower) >= parse_time(upper):
        raise Stop(f"Nothing lies between {lower} and end_date {upper}: end_date must be later.")


def check_keys(config: t.Mapping[str, t.Any]) -> None:
    """Raise Stop if both settings about keys are set: they contradict each other."""
    if config.get("keys_only") and config.get("only_keys"):
        raise Stop("The settings keys_only and only_keys exclude each other: unset one of them.")


def narrowing(config: t.Mapping[str, t.Any]) -> Narrowing:
    """Return the limits of this run."""
    by_key = bool(config.get("keys_only") or config.get("only_keys"))
    return Narrowing(config.get("since"), config.get("end_date"), config.get("max_records") or 0, by_key)
