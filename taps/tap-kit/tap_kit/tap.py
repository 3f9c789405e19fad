"""The base of every tap: header, state, reports, and what happens when a stream fails.

How a tap reads its source is its own affair. For a database see ``tap_genius.client``; what HTTP taps share
(sessions, retries, rate limits, paging) lives next to this module, in ``rest.py``.
"""

from __future__ import annotations

import copy
import sys
import typing as t
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import singer_sdk
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import SingerCommand
from singer_sdk.singerlib import StateMessage
from typing_extensions import override

from tap_kit.bookmarks import Bookmark, format_time
from tap_kit.errors import Category, Stop, TapError
from tap_kit.key_file import KeyFile
from tap_kit.messages import Interrupted, MessageWriter, abandon_stdout
from tap_kit.redact import Redactor, install, places_of
from tap_kit.rejects import Rejects
from tap_kit.report import StreamReport
from tap_kit.settings import check_keys, check_times
from tap_kit.stream import KitStream

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Sequence
    from types import FrameType, TracebackType

    import click


# A clock that is further off is worth a word.
CLOCK_SECONDS = 60


class Tap(singer_sdk.Tap):
    """A tap of this suite.

    Attributes:
        crm_source: Name of the source in the warehouse: schema of its tables, key of its history.
        stream_order: Stream names, parents before children; others follow by name.
        largest_page: The greatest page size that the source gives, which is taken for any greater one.
    """

    crm_source: t.ClassVar[str]
    stream_order: t.ClassVar[Sequence[str]] = ()
    largest_page: t.ClassVar[int | None] = None
    dynamic_catalog = True
    message_writer_class = MessageWriter
    message_writer: MessageWriter
    capabilities: t.ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    redactor: Redactor

    @override
    def __init__(self, **kwargs: t.Any) -> None:
        self.incoming: dict[str, dict[str, t.Any]] = {}
        self.bookmarks: dict[str, Bookmark] = {}
        self.reports: dict[str, StreamReport] = {}
        self._clocks_compared = False
        _check_files(kwargs.get("catalog"), kwargs.get("state"))
        super().__init__(**kwargs)
        self.rejects = Rejects(self.message_writer)

    # Settings

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Validate the settings; a message never shows the value of a secret one."""
        self.redactor = Redactor(self._config, self.config_jsonschema)
        install(self.redactor)
        try:
            errors = super()._validate_config(raise_errors=raise_errors)
        except ConfigValidationError as error:
            raise ConfigValidationError(
                self.redactor.clean(str(error)),
                errors=[self.redactor.clean(message) for message in error.errors],
                schema=error.schema,
            ) from None
        if raise_errors:
            self._limit_page_size()
            self.check_settings()
        return [self.redactor.clean(message) for message in errors]

    def _limit_page_size(self) -> None:
        size = self._config.get("page_size")
        if self.largest_page is not None and isinstance(size, int) and size > self.largest_page:
            self.logger.info("page_size %d: %s gives %d at most.", size, self.crm_source, self.largest_page)
            self._config["page_size"] = self.largest_page

    def check_settings(self) -> None:
        """Raise Stop if settings that are right one by one make no sense together."""
        check_times(self.config)
        check_keys(self.config)

    @cached_property
    def only_keys(self) -> KeyFile | None:
        """The keys that this run is about; None if it is about all records.

        Raises:
            Stop: If the file of the setting cannot be read.
        """
        path = self.config.get("only_keys")
        return KeyFile.read(Path(path)) if path else None

    @property
    def has_stream_maps(self) -> bool:
        """Whether the user maps or flattens records, so that they take the slow way of the SDK."""
        return bool(self.config.get("stream_maps") or self.config.get("flattening_enabled"))

    # State

    @override
    def load_state(self, state: dict[str, t.Any]) -> None:
        self.incoming = copy.deepcopy(state.get("bookmarks") or {})
        super().load_state(state)

    def prepare(self, streams: Iterable[KitStream]) -> None:
        """Make the bookmark and the report of each stream.

        Raises:
            Stop: If a stored bookmark cannot be read.
        """
        for stream in streams:
            incoming = self.incoming.get(stream.name, {})
            try:
                self.bookmarks[stream.name] = stream.make_bookmark(incoming)
            except ValueError:
                raise Stop(
                    f"The stored bookmark of {stream.name} is not {stream.bookmark_class.kind}: "
                    f"{incoming.get('replication_key_value')!r}. Correct it or read the stream in full.",
                ) from None
            self.reports[stream.name] = stream.make_report()

    def write_state(self, *names: str) -> None:
        """Send all bookmarks and the reports of the named streams, after everything written before."""
        self._write_state({"streams": {name: self._report(name) for name in names}})

    def _report(self, name: str) -> dict[str, t.Any]:
        report = vars(self.reports[name]).copy()
        report["rejects"] = self.rejects.of(name)
        return report

    def _write_state(self, sync_report: dict[str, t.Any]) -> None:
        bookmarks = copy.deepcopy(self.incoming)
        for name, bookmark in self.bookmarks.items():
            value = bookmark.value()
            if value or name in bookmarks or bookmark.is_complete:
                bookmarks[name] = value
        self.write_message(StateMessage({"bookmarks": bookmarks, "sync_report": sync_report}))

    def _write_header(self, names: Sequence[str]) -> None:
        """Send the incoming bookmarks and what this run is about, so that the loader can take its locks."""
        configuration = self.redactor.public_settings()
        # May hold the salts of stream maps, which the SDK does not mark as secret.
        configuration.pop("stream_map_config", None)
        run = {
            "crm_source": self.crm_source,
            "started_at": format_time(datetime.now(UTC)),
            "streams": list(names),
            "configuration": _without_fractions(configuration),
        }
        value = {"bookmarks": self.incoming, "sync_report": {"run": run, "streams": {}}}
        self.write_message(StateMessage(value))

    # Run

    @property
    def missing_streams(self) -> dict[str, str]:
        """Streams that the source does not show, with the reason as a sentence.

        Those that the catalog selects; and, unless the run is of chosen streams only, those that have been read
        before: discovery leaves them out without a word when a grant is lost.
        """
        missing = [
            entry.tap_stream_id
            for entry in (self.input_catalog.streams if self.input_catalog else [])
            if entry.tap_stream_id not in self.streams and entry.metadata.resolve_selection().get((), False)
        ]
        if all(stream.selected for stream in self.streams.values()):
            missing += [
                name
                for name in self.stream_order
                if self.incoming.get(name) and name not in self.streams and name not in missing
            ]
        return {name: self.explain_missing(name) for name in missing}

    def explain_missing(self, name: str) -> str:
        """Say why a stream of the catalog cannot be read."""
        return f"The stream {name} does not exist in the source."

    def compare_clocks(self, source: datetime) -> None:
        """Say once a run if the clock of the source differs much from this machine's; `crm doctor` looks for it.

        Bookmarks go by the source's clock alone, so nothing is lost; but times in two places will not fit together.
        """
        seconds = (source - datetime.now(UTC)).total_seconds()
        if not self._clocks_compared and abs(seconds) > CLOCK_SECONDS:
            side = "ahead of" if seconds > 0 else "behind"
            self.logger.info("The clock of the source is %.0f s %s this machine's.", abs(seconds), side)
        self._clocks_compared = True

    def close(self) -> None:
        """Give back what the tap holds open."""

    @override  # type: ignore[misc]
    def sync_all(self) -> None:
        """Read all selected streams; one that fails does not stop the others.

        The method is final in the SDK, where the first failing stream ends the run and a header has no place.

        Raises:
            SystemExit: With code 1 if a stream failed or the reader has gone; with the code of the signal if
                the run was interrupted.
        """
        try:
            self._sync_all()
        except BrokenPipeError:
            abandon_stdout()
            self.logger.info("The reader of the messages has gone; nothing more is read.")
            sys.exit(1)
        failed = [name for name, report in self.reports.items() if report.status == "failed"]
        if failed:
            self.logger.error("%d of %d streams failed: %s.", len(failed), len(self.reports), ", ".join(failed))
            sys.exit(1)

    def _sync_all(self) -> None:
        selected = [stream for stream in self._in_order() if stream.selected]
        missing = self.missing_streams
        if not selected and not missing:
            self.logger.warning("No stream is selected: nothing is read.")
        _ = self.only_keys
        self.prepare(selected)
        self._write_header([*(stream.name for stream in selected), *missing])
        for name, sentence in missing.items():
            self.reports[name] = StreamReport()
            self._fail(name, sentence, "source")
        end: Stop | None = None
        try:
            for stream in selected:
                if end is None:
                    end = self._sync_stream(stream)
                else:
                    self._fail(stream.name, str(end), end.category)
        except (Interrupted, KeyboardInterrupt):
            for name in [name for name, report in self.reports.items() if not report.finished]:
                self.reports[name].fail("The run was interrupted before the stream was read to its end.", "interrupted")
                self.write_state(name)
            raise
        finally:
            self.message_writer.flush()
            self.close()

    def _sync_stream(self, stream: KitStream) -> Stop | None:
        """Read one stream; a failure is reported, and returned if it will meet every other stream as well."""
        try:
            stream.sync()
        except BrokenPipeError:
            raise
        except Stop as error:
            self._fail(stream.name, str(error), error.category)
            return error
        except TapError as error:
            self._fail(stream.name, str(error), error.category)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other streams are read
            # Not its text, which may quote a value of a record.
            self.logger.error("Unexpected error in the stream %s:\n%s", stream.name, places_of(error))  # noqa: TRY400
            self._fail(
                stream.name, f"An error of the tap itself ({type(error).__name__}); its log says where.", "internal"
            )
        return None

    def _fail(self, name: str, sentence: str, category: Category) -> None:
        sentence = self.redactor.clean(sentence)
        self.logger.error("%s: %s", name, sentence)
        self.reports[name].fail(sentence, category)
        self.write_state(name)

    def _in_order(self) -> list[KitStream]:
        places = {name: place for place, name in enumerate(self.stream_order)}
        streams = [stream for stream in self.streams.values() if isinstance(stream, KitStream)]
        return sorted(streams, key=lambda stream: (places.get(stream.name, len(places)), stream.name))

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End the run: the stream being read is reported as failed, its position is kept."""
        self.message_writer.interrupt(Interrupted(128 + signum))

    # Command line

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        for option in command.params:
            if option.name == "config" and option.callback is not None:
                option.callback = _settings_only(option.callback)
        return KitCommand(
            name=command.name,
            callback=command.callback,
            context_settings=command.context_settings,
            params=command.params,
            help=command.help,
            logger=cls.logger,
        )


def _without_fractions(value: t.Any) -> t.Any:  # noqa: ANN401 - any JSON
    """Return settings with fractions as text, see ``StreamReport``."""
    if isinstance(value, dict):
        return {name: _without_fractions(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_fractions(inner) for inner in value]
    return str(value) if isinstance(value, float) else value


def _check_files(catalog: t.Any, state: t.Any) -> None:  # noqa: ANN401 - any JSON
    """Raise Stop if a catalog or a state given as JSON has not the shape of one."""
    if isinstance(catalog, list) or (isinstance(catalog, dict) and not isinstance(catalog.get("streams"), list)):
        raise Stop('The catalog is none: it must be a JSON object with a list "streams", as --discover writes it.')
    bookmarks = (state.get("bookmarks") or {}) if isinstance(state, dict) else {}
    if isinstance(state, list) or not isinstance(bookmarks, dict):
        raise Stop('The state is none: it must be a JSON object whose "bookmarks" are an object, as STATE has it.')
    wrong = sorted(name for name, bookmark in bookmarks.items() if not isinstance(bookmark, dict))
    if wrong:
        raise Stop(f"The state has a bookmark that is no JSON object: {', '.join(wrong)}.")


def _settings_only(read: Callable[..., t.Any]) -> Callable[..., t.Any]:
    """Wrap the reading of config files: JSON that is no object is told as such."""

    def checked(*arguments: t.Any) -> t.Any:  # noqa: ANN401 - what click passes on
        try:
            return read(*arguments)
        except (TypeError, ValueError) as error:
            if isinstance(error, UnicodeDecodeError) or not type(error).__name__.endswith("DecodeError"):
                raise Stop("A config file must hold a JSON object: the settings by their names.") from None
            raise

    return checked


class KitCommand(SingerCommand):
    """The command of a tap: what the user can put right is told as one sentence, without a traceback."""

    logger: logging.Logger

    @override
    def excepthook(
        self, exc_type: type[BaseException], exc_value: BaseException, exc_traceback: TracebackType | None
    ) -> None:
        """Say where an unforeseen error came from; not its text, which may quote a record or a setting."""
        if issubclass(exc_type, KeyboardInterrupt):
            sys.__excepthook__(exc_type, exc_value, exc_traceback)
            return
        self.logger.error("%s\nAn error of the tap itself (%s). [internal]", places_of(exc_value), exc_type.__name__)

    @override
    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        """Run the command."""
        try:
            return super().main(*args, **kwargs)
        except TapError as error:
            # The category is for `crm`, which has no other word of a tap that stops before its first message.
            self.logger.error("%s [%s]", error, error.category)  # noqa: TRY400 - one sentence, no traceback
        except ConfigValidationError as error:
            for message in error.errors:
                self.logger.error("%s [configuration]", message)  # noqa: TRY400
        except FileNotFoundError as error:
            self.logger.error("%s", error)  # noqa: TRY400
        except ValueError as error:
            # json and simplejson, which the SDK reads files with, each have a JSONDecodeError of their own.
            if type(error).__name__ != "JSONDecodeError":
                raise
            self.logger.error("A file given to the tap is not JSON: %s.", error)  # noqa: TRY400
        sys.exit(1)
