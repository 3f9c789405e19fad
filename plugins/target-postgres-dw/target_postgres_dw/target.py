"""The loader as a Singer target: takes messages, decides when to commit."""

from __future__ import annotations

import os
import sys
import uuid
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import psycopg
import sqlalchemy
from singer_sdk.exceptions import (
    ConfigValidationError,
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
)
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform
from sync_history.names import crm_source_of
from sync_history.rejects import Reject
from sync_history.runs import LostRunError
from sync_history.schema import SchemaTooNewError
from target_postgres.target import TargetPostgres

from target_postgres_dw.batches import batches_of
from target_postgres_dw.connector import WarehouseConnector, WarehouseSink
from target_postgres_dw.errors import InputError, LoaderError, StreamRefusedError, WarehouseError, places_of
from target_postgres_dw.messages import Interrupted, Message, MessageReader, SyncReport
from target_postgres_dw.run import Run, explain
from target_postgres_dw.settings import (
    DEFAULT_MAX_DELETED_SHARE,
    DEFAULT_MAX_REJECTS,
    WITHOUT_EFFECT,
    LoadSettings,
    MaxRejects,
    parse_share,
    settings_schema,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from singer_sdk.plugin_base import _ConfigInput

    from target_postgres_dw.stream import Stream

REJECTS_STREAM = "sync_rejects"
# For records that stream maps change: decimals stay what they are.
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
# A flush waits for the next STATE, so that the bookmark moves with the rows; but not for ever.
_SLACK_WITHOUT_STATE = 2.0


class TargetPostgresDw(TargetPostgres):  # type: ignore[misc]  # target-postgres ships no types
    """Commits rows, counts, rejects, run history and bookmarks in one Postgres transaction.

    The connection, its SSL and SSH settings and the type mapping are target-postgres'. Rows do not pass through
    the SDK's sinks: those commit one by one, and a STATE could not be part of their transaction.
    """

    name = "target-postgres-dw"
    package_name = "target-postgres-dw"
    config_jsonschema: ClassVar[dict[str, Any]] = settings_schema(TargetPostgres.config_jsonschema)
    default_sink_class = WarehouseSink

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 -- as TargetPostgres takes them
        reader = MessageReader()
        self._interrupt, self._wake = reader.interrupt, reader.wake
        try:
            super().__init__(**kwargs)
        except AssertionError as error:  # how target-postgres tells of settings that do not go together
            raise ConfigValidationError(
                "The configuration of target-postgres-dw is contradictory", errors=[str(error)]
            ) from error
        reader.on_idle = self._flush_if_due
        reader.on_records = self._taker_of_records
        self.message_reader = reader
        self._settings = LoadSettings.from_config(self.config)
        self._run: Run | None = None
        self._sweeps: dict[str, str] = {}
        self._maps_records = bool(self.config.get("stream_maps") or self.config.get("flattening_enabled"))

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Add to the schema's checks what target-postgres only asserts.

        Raises:
            ConfigValidationError: with one sentence per wrong setting.
        """
        errors: list[str] = super()._validate_config(raise_errors=raise_errors)
        if not self._config.get("sqlalchemy_url"):
            missing = [name for name in ("host", "port", "user", "password", "database") if not self._config.get(name)]
            if missing:
                errors.append(
                    "Set sqlalchemy_url (TARGET_POSTGRES_DW_SQLALCHEMY_URL, usually from WAREHOUSE_URL), or all of "
                    f"host, port, user, password and database. Missing: {', '.join(missing)}."
                )
        for name, reason in WITHOUT_EFFECT.items():
            if self._config.get(name) not in {None, False, "append-only", "upsert"}:
                errors.append(f"{name} has no effect here: {reason}. Remove it.")
        try:
            MaxRejects.parse(self._config.get("max_rejects", DEFAULT_MAX_REJECTS))
            parse_share(self._config.get("max_deleted_share", DEFAULT_MAX_DELETED_SHARE))
            crm_source_of(self._config.get("default_target_schema") or "melty")
        except ValueError as error:
            errors.append(str(error))
        if errors and raise_errors:
            raise ConfigValidationError("The configuration of target-postgres-dw is incomplete", errors=errors)
        return errors

    @property
    def run(self) -> Run:
        """The run, connected at the first message that needs it."""
        if self._run is None:
            connection = self.connector.open("target-postgres-dw")
            # The SSH tunnel of target-postgres takes the signals for itself; they are ours.
            self._setup_signal_handlers()
            self._run = Run(
                connection,
                self._settings,
                os.environ.get("MELTANO_RUN_ID") or str(uuid.uuid4()),
                open_another=partial(self.connector.open, "target-postgres-dw"),
                wake=self._wake,
            )
        return self._run

    @property
    def connector(self) -> WarehouseConnector:
        """How to reach the warehouse.

        Raises:
            WarehouseError: if the URL makes no sense.
        """
        try:
            connector: WarehouseConnector = self.target_connector
        except (ValueError, sqlalchemy.exc.ArgumentError) as error:
            raise WarehouseError(f"sqlalchemy_url cannot be read: {type(error).__name__}. Check its form.") from error
        return connector

    # -- the ways in ----------------------------------------------------------------------------------------------

    @classmethod
    def invoke(
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: Any = None,  # noqa: ANN401 -- as the SDK has it
    ) -> None:
        """Run the command: 0 if all went well, 1 with one sentence if not, 128 + n if signal n ended it."""
        try:
            super().invoke(about=about, about_format=about_format, config=config, file_input=file_input)
        except _EXPLAINED as error:
            cls.logger.error("%s", explain(error))  # noqa: TRY400 -- a sentence, not a traceback
            sys.exit(1)
        except ConfigValidationError:
            raise
        except Exception as error:  # noqa: BLE001 -- told without its text, which may quote a record
            cls.logger.error("%s\n%s", places_of(error), explain(error))  # noqa: TRY400
            sys.exit(1)

    def process_lines(self, file_input: Any) -> Any:  # noqa: ANN401 -- as the SDK has it
        """Take all messages of the input; if that fails, say so in the history before the error goes on."""
        try:
            return super().process_lines(file_input)
        except Interrupted as interruption:
            self.logger.warning("%s: committing what has come, then ending.", interruption.signal_name)
            self._end(partial(Run.interrupt, signal_name=interruption.signal_name))
            raise
        except Exception as error:
            self._end(partial(Run.fail, error=error))
            raise

    def process_endofpipe(self) -> None:
        """Commit the rest and close the run.

        Raises:
            SystemExit: with 1, if a stream failed here: its tap may be unable to say so.
        """
        self._end(Run.finish)
        if self._run is not None and self._run.failures:
            for sentence in self._run.failures:
                self.logger.error("%s", sentence)
            sys.exit(1)

    def _end(self, end: Callable[[Run], None]) -> None:
        """End the run, if there is one, and give back its connection."""
        if self._run is None:
            return
        try:
            end(self._run)
        except Exception as error:
            self._run.fail(error)
            raise
        finally:
            self._run.summarize()
            self._run.close()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End between two messages; the reader raises Interrupted there."""
        del frame
        self._interrupt(signum)

    # -- messages -------------------------------------------------------------------------------------------------

    def _process_schema_message(self, message: Message) -> None:
        schema = _object(message.schema, f"SCHEMA of stream {message.stream or '?'}")
        if not message.stream or not isinstance(schema.get("properties"), dict):
            raise InputError(f"The SCHEMA of stream {message.stream or '?'} has no properties.")
        if message.stream == REJECTS_STREAM:
            return
        key = message.key_properties or []
        if sweep_of := schema.get("x-sweep-of"):
            if schema.get("x-keys-only"):
                raise InputError(
                    f"The tap sends the keys of {sweep_of} in place of its records, which are for comparing only: "
                    "unset its setting keys_only."
                )
            stream = self.run.stream(sweep_of)
            if stream is None:
                raise InputError(f"The key set {message.stream} is for {sweep_of}, which this run does not load.")
            self._sweeps[message.stream] = sweep_of
            stream.set_keys_schema(schema, key, self.connector.column_type)
            return
        replication_key = next(iter(message.bookmark_properties or []), None)
        if not self._maps_records:
            self._set_schema(message.stream, schema, key, replication_key)
            return
        self.mapper.register_raw_stream_schema(message.stream, schema, key)
        for stream_map in self.mapper.stream_maps[message.stream]:
            if isinstance(stream_map, RemoveRecordTransform):
                continue
            if stream_map.stream_alias != message.stream:
                raise InputError(
                    f"stream_maps gives stream {message.stream} the name {stream_map.stream_alias}, but tables, "
                    "history and bookmarks go by the tap's names. Make a view with the other name instead."
                )
            self._set_schema(
                message.stream,
                stream_map.transformed_schema,
                stream_map.transformed_key_properties or [],
                replication_key,
            )

    def _set_schema(self, name: str, schema: dict[str, Any], key: list[str], replication_key: str | None) -> None:
        self.run.settle()
        stream = self.run.announce(name)
        if not stream.is_new_schema(schema, key, replication_key):
            return
        self.run.check_key(name, key)
        if stream.has_rows:
            self.run.flush(uncovered=True)
        try:
            stream.set_schema(self.run.connection, schema, key, replication_key, self.connector.column_type)
        except StreamRefusedError as error:
            self.logger.error("%s", error)  # noqa: TRY400 -- a sentence; the other streams go on
            self.run.failures.append(str(error))

    def _process_record_message(self, message: Message) -> None:
        name, record = message.stream, message.record
        if name is None or not record:
            raise InputError(f"A RECORD of stream {name or '?'} lacks its stream or its record.")
        if name == REJECTS_STREAM:
            self._take_reject(record)
        elif sweep_of := self._sweeps.get(name):
            stream = self.run.stream(sweep_of)
            assert stream is not None  # noqa: S101 -- the key set's SCHEMA found it
            stream.add_key(record)
        elif self._maps_records and name in self.mapper.stream_maps:
            for stream_map in self.mapper.stream_maps[name]:
                if isinstance(stream_map, SameRecordTransform):
                    self._add(name, record, message)
                elif (mapped := stream_map.transform(_DECODER.decode(record))) is not None:
                    self._add(name, msgspec.Raw(_ENCODER.encode(mapped)), message)
        else:
            self._add(name, record, message)
        self._count(self.run, 1, len(record))

    @staticmethod
    def _count(run: Run, rows: int, size: int) -> None:
        if run.count(rows, size) and run.is_due(_SLACK_WITHOUT_STATE):
            run.flush(uncovered=run.is_full(_SLACK_WITHOUT_STATE))

    def _taker_of_records(self, name: str) -> Callable[[bytes], int] | None:
        """Return what takes many RECORDs of a stream at once; None if they need a closer look."""
        if self._run is None or name == REJECTS_STREAM or name in self._sweeps or self._maps_records:
            return None
        run, stream = self._run, self._run.stream(name)
        if stream is None or not stream.has_schema:
            return None

        def take(lines: bytes) -> int:
            rows = stream.decode_many(lines)
            if rows is None:
                return 0
            if stream.waiting_batches:
                run.flush(uncovered=True)  # what came first is loaded first
            stream.add_many(rows, len(lines))
            self._count(run, len(rows), len(lines))
            return len(rows)

        return take

    def _stream_with_schema(self, name: str) -> Stream:
        stream = self.run.stream(name) if self._run is not None else None
        if stream is None or not stream.has_schema:
            raise RecordsWithoutSchemaException(
                f"A record of stream {name} came before its SCHEMA. This is an error of the tap."
            )
        return stream

    def _add(self, name: str, record: msgspec.Raw, message: Message) -> None:
        stream = self._stream_with_schema(name)
        if stream.waiting_batches:
            self.run.flush(uncovered=True)  # what came first is loaded first
        if message.version is not None:
            stream.see_version(message.version)
        stream.add(record, message.time_extracted, len(record))

    def _take_reject(self, record: msgspec.Raw) -> None:
        fields = _object(record, "reject")
        stream = self.run.stream(str(fields.get("stream")))
        if stream is None:
            raise InputError(f"A reject names stream {fields.get('stream')}, which this run does not load.")
        stream.reject(
            Reject(
                stream.row.sync_type,
                str(fields.get("reason") or "no reason given"),
                "value" if fields.get("category") == "value" else "record",
                fields.get("key"),
                fields.get("record"),
                fields.get("field"),
            )
        )

    def _process_state_message(self, message: Message) -> None:
        if not message.value:
            raise InputError("A STATE lacks its value. This is an error of the tap.")
        value = _object(message.value, "STATE")
        _check_report(value)
        header = (value.get("sync_report") or {}).get("run")
        if header is not None and not self.run.has_header:
            self.run.open(header)
            self.run.keep_edits(value.get("bookmarks") or {})
        run = self.run
        run.take_state(value)
        run.load_batches()
        run.commit_ready()
        if run.is_due():
            run.flush_beside()

    def _process_activate_version_message(self, message: Message) -> None:
        stream = self.run.stream(message.stream or "")
        if stream is None or not stream.has_schema or message.version is None:
            raise InputError(f"ACTIVATE_VERSION of stream {message.stream} came before its SCHEMA.")
        stream.activate(message.version)

    def _process_batch_message(self, message: Message) -> None:
        name = message.stream
        if name is None:
            raise InputError("A BATCH lacks its stream.")
        batches = batches_of(
            name,
            message.encoding,
            message.manifest,
            rows=message.rows,
            extracted_at=message.time_extracted,
            disjoint=message.disjoint,
        )
        if self._maps_records or name in self._sweeps:
            raise InputError(
                f"Stream {name}: BATCH files cannot be mapped or flattened, nor be a key set. Unset batch_config in "
                "the tap, or stream_maps and flattening_enabled here."
            )
        stream = self._stream_with_schema(name)
        for batch in batches:
            self.run.take_batch(stream, batch)

    # -- committing -----------------------------------------------------------------------------------------------

    def _flush_if_due(self) -> None:
        if self._run is None:
            return
        self._run.commit_ready()
        if self._run.is_due():
            self._run.flush()


def _object(text: msgspec.Raw, what: str) -> dict[str, Any]:
    """Decode a part of a message that must be a JSON object."""
    content = msgspec.json.decode(text) if text else {}
    if not isinstance(content, dict):
        raise InputError(f"A {what} holds no JSON object. This is an error of the tap.")
    return content


def _check_report(value: dict[str, Any]) -> None:
    """Check what a tap of this suite says beside its bookmarks; the bookmarks of other taps are their own affair.

    Raises:
        InputError: naming the part that is wrong.
    """
    try:
        msgspec.convert(value.get("sync_report"), SyncReport | None)
    except msgspec.ValidationError as error:
        raise InputError(f"The sync_report of a STATE is malformed: {error}. This is an error of the tap.") from error
    if "run" in (value.get("sync_report") or {}) and not isinstance(value.get("bookmarks") or {}, dict):
        raise InputError("The bookmarks of a header are no JSON object. This is an error of the tap.")


_EXPLAINED = (
    LoaderError,
    LostRunError,
    SchemaTooNewError,
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,  # the server itself is in trouble: its log cannot be written, a file is damaged
    psycopg.errors.InsufficientPrivilege,
)
