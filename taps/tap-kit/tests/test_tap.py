"""The base tap, with a source that is a list."""

from __future__ import annotations

import logging
import signal
import sys
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from singer_sdk import typing as th
from tap_kit import KitStream, Tap
from tap_kit.errors import SkipStream, Stop
from tap_kit.settings import with_universal_settings
from tap_kit.testing import Run, assert_golden, normalise, run_tap
from tap_kit.values import Odd, Unstorable

if t.TYPE_CHECKING:
    from pathlib import Path

PERSON = "Ann Example"
NOW = datetime(2025, 6, 1, tzinfo=UTC)
Records: t.TypeAlias = "list[dict[str, t.Any]]"


class ListStream(KitStream):
    """Records of a list; an exception in the list is raised when it is reached."""

    def source_clock(self) -> datetime:
        return NOW

    def get_records(self, context: t.Any) -> t.Iterator[dict[str, t.Any]]:  # noqa: ARG002
        for item in t.cast("ListTap", self.kit).source[self.name]:
            if isinstance(item, BaseException):
                raise item
            after = self.span.last_key or (0,)
            if item["id"] > after[0]:
                yield dict(item)


class ListTap(Tap):
    """A tap of lists."""

    name = "tap-list"
    crm_source = "lists"
    source: t.ClassVar[dict[str, t.Any]] = {}
    stream_order = ("second", "first")
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_universal_settings(
        th.PropertiesList(
            th.Property("token", th.StringType, secret=True),
        )
    )

    def discover_streams(self) -> list[ListStream]:
        schema = {
            "type": "object",
            "properties": {"id": {"type": "integer"}, "at": {"type": ["string", "null"], "format": "date-time"}},
        }
        streams = []
        for name in self.source:
            stream = ListStream(self, name=name, schema=schema)
            stream.primary_keys = ["id"]
            stream.replication_key = "at"
            streams.append(stream)
        return streams


def row(number: int, at: t.Any = "2025-01-01T00:00:00+00:00") -> dict[str, t.Any]:
    return {"id": number, "at": at}


def reading(source: dict[str, t.Any], base: type[ListTap] = ListTap) -> type[ListTap]:
    """Return the tap of a source."""

    class Reading(base):  # type: ignore[valid-type, misc]
        """The tap of one source."""

    Reading.source = source
    return Reading


def run(source: dict[str, t.Any], state: dict[str, t.Any] | None = None, **config: t.Any) -> Run:
    return run_tap(reading(source), config, state=state)


def test_the_header_comes_first_and_shows_no_secret() -> None:
    stored = {"first": {"replication_key_value": "2025-01-01", "strange": [1]}}
    done = run({"first": [row(1)]}, {"bookmarks": stored}, token="hush-hush", stream_map_config={"salt": "se-salt"})
    header = done.messages[0]["value"]
    assert header["bookmarks"] == stored, "verbatim"
    assert header["sync_report"]["run"]["crm_source"] == "lists"
    assert header["sync_report"]["streams"] == {}
    assert "hush-hush" not in done.text
    assert "se-salt" not in done.text
    assert "token" not in header["sync_report"]["run"]["configuration"]


def test_streams_are_read_in_the_declared_order() -> None:
    done = run({"first": [row(1)], "second": [row(1)], "another": [row(1)]})
    assert [m["stream"] for m in done.messages if m["type"] == "RECORD"] == ["second", "first", "another"]
    assert done.messages[1]["bookmark_properties"] == ["at"]


def test_a_state_follows_every_few_records() -> None:
    done = run({"first": [row(n) for n in range(1, 8)]}, page_size=3)
    kinds = "".join(m["type"][0:2] for m in done.messages)
    assert kinds == "STSC" + "RERERE" + "ST" + "RERERE" + "ST" + "RE" + "ST"
    assert [s["sync_report"]["streams"]["first"]["status"] for s in done.states[1:]] == ["running"] * 2 + ["success"]


def test_a_page_size_above_what_the_source_gives_is_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ListTap, "largest_page", 250)
    assert ListTap(config={"page_size": 1000}).config["page_size"] == 250
    assert ListTap(config={"page_size": 100}).config["page_size"] == 100
    assert "page_size" not in ListTap(config={}).config


def test_a_state_follows_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_kit.stream.STATE_SECONDS", -1.0)
    done = run({"first": [row(n) for n in range(1, 130)]})
    assert len(done.states) == 1 + 2 + 1


def test_a_failing_stream_keeps_its_position_and_the_others_go_on() -> None:
    source = {
        "first": [row(1), row(2), SkipStream("No right to read it: token hush-hush.", category="permission")],
        "second": [row(1)],
    }
    done = run(source, token="hush-hush")
    assert done.exit_code == 1
    report = done.report("first")
    assert (report["status"], report["error_category"]) == ("failed", "permission")
    assert report["error"] == "No right to read it: token ***."
    assert done.report("second")["status"] == "success"
    assert "replication_key_value" not in done.bookmarks["first"]


def test_an_error_that_meets_every_stream_ends_the_run() -> None:
    done = run({"second": [Stop("The password has expired.", category="authentication")], "first": [row(1)]})
    assert done.exit_code == 1
    assert done.report("first")["error"] == "The password has expired."
    assert done.records("first") == []


def test_an_unexpected_error_is_internal() -> None:
    done = run({"first": [row(1), {"id": object(), "at": None}], "second": [row(1)]})
    assert done.report("first")["error_category"] == "internal"
    assert done.report("second")["status"] == "success"


def test_an_interruption_is_reported_for_every_unfinished_stream() -> None:
    source = {"second": [row(1)], "first": [row(n) for n in range(1, 5)], "third": [row(1)]}

    class Signalled(ListTap):
        def discover_streams(self) -> list[ListStream]:
            streams = super().discover_streams()
            original = streams[1].get_records

            def records(context: t.Any) -> t.Iterator[dict[str, t.Any]]:
                for record in original(context):
                    if record["id"] == 4:
                        self._handle_termination(signal.SIGTERM, None)
                    yield record

            streams[1].get_records = records  # type: ignore[method-assign]
            return streams

    done = run_tap(reading(source, Signalled), {"page_size": 2})
    assert done.exit_code == 128 + signal.SIGTERM
    assert done.report("second")["status"] == "success"
    for name in ("first", "third"):
        assert (done.report(name)["status"], done.report(name)["error_category"]) == ("failed", "interrupted")
    assert done.bookmarks["first"]["resume"]["last_key"] == [3]
    rest = run(source, {"bookmarks": done.bookmarks})
    assert [r["id"] for r in rest.records("first")] == [4]
    assert rest.report("first")["resumed"] is True


def test_a_reader_that_has_gone_ends_the_run_quietly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(ListTap, "write_state", gone)
    done = run({"first": [row(1)], "second": [row(1)]})
    assert done.exit_code == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR" and record.exc_info]


def test_findings_in_key_and_values() -> None:
    source = {"first": [{"id": 1, "at": Unstorable("never", "no time")}, {"id": 2, "at": Odd("2025-01-01", "odd")}]}
    done = run(source)
    assert done.records("first") == [{"id": 1, "at": None}, {"id": 2, "at": "2025-01-01"}]
    assert done.report("first")["rejects"] == {"record": 0, "value": 1}
    strict = run(source, validation="strict")
    assert strict.records("first") == []
    assert [r["category"] for r in strict.records("sync_rejects")] == ["record", "record"]


def test_an_odd_value_may_be_null() -> None:
    source = {"first": [{"id": 1, "at": Odd(None, "an error of the source")}]}
    done = run(source)
    assert done.records("first") == [{"id": 1, "at": None}]
    assert done.report("first")["rejects"] == {"record": 0, "value": 0}
    assert run(source, validation="strict").report("first")["rejects"] == {"record": 1, "value": 0}


def test_keys_without_an_answer_are_an_error() -> None:
    tap = reading({"first": []})(config={})
    stream = tap.streams["first"]
    assert isinstance(stream, ListStream)
    with pytest.raises(SkipStream, match="has no key sets"):
        stream.read_keys()


def test_a_missing_stream_of_the_catalog_is_told() -> None:
    catalog = reading({"first": [], "gone": []})(config={}, setup_mapper=False).catalog_dict
    done = run_tap(reading({"first": [row(1)]}), {}, catalog=catalog)
    assert done.exit_code == 1
    assert done.report("gone")["error"] == "The stream gone does not exist in the source."
    assert done.report("first")["status"] == "success"


@pytest.mark.parametrize("value", [0.5, "0.5", "1", 0])
def test_the_share_may_be_text(value: object) -> None:
    assert ListTap(config={"max_deleted_share": value}).config["max_deleted_share"] == value


def test_golden_files_can_be_written_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = normalise('{"started_at":"now","x":"secret"}', {"secret": "<x>"})
    assert text == '{"started_at":"<time>","x":"<x>"}'
    monkeypatch.setenv("UPDATE_GOLDEN", "1")
    assert_golden(tmp_path / "golden", text)
    monkeypatch.delenv("UPDATE_GOLDEN")
    assert_golden(tmp_path / "golden", text)
    with pytest.raises(AssertionError, match="UPDATE_GOLDEN=1"):
        assert_golden(tmp_path / "golden", text + "!")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"state": [1]}, "The state is none"),
        ({"state": {"bookmarks": [1]}}, "The state is none"),
        ({"state": {"bookmarks": {"first": 5}}}, "no JSON object: first"),
        ({"catalog": []}, "The catalog is none"),
        ({"catalog": {}}, "The catalog is none"),
    ],
)
def test_files_of_the_wrong_shape_are_told(files: dict[str, t.Any], words: str) -> None:
    with pytest.raises(Stop, match=words):
        reading({"first": []})(config={}, **files)


@pytest.mark.parametrize(
    ("text", "words"), [("[1]", "must hold a JSON object"), ('"x"', "must hold a JSON object"), ("{x", "is not JSON")]
)
def test_a_config_file_of_the_wrong_shape_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, words: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(SystemExit):
        reading({"first": []}).cli(["--config", str(path)])
    assert words in caplog.text
    assert "Traceback" not in caplog.text


def test_an_empty_selection_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert run_tap(reading({"first": [row(1)]}), {}, catalog={"streams": []}).exit_code == 0
    assert "No stream is selected" in caplog.text


def test_a_mapped_stream_is_not_swept(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(ListStream, "sweeps", True)
    monkeypatch.setattr(ListStream, "read_keys", lambda _: [(1,)])
    done = run({"first": [row(1)], "second": [row(1)]}, stream_maps={"first": {"id": "id + 1000"}})
    assert done.records("first")[0]["id"] == 1001
    assert done.records("first_keys") == []
    assert done.records("second_keys") == [{"id": 1}]
    assert "first: no sweep" in caplog.text


def test_the_log_has_the_standard_lines_and_no_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    rows = [
        {"id": 1, "at": Unstorable("ann@example.com", "not a date of the calendar")},
        {"id": 2, "at": Unstorable("555-0134", "not a date of the calendar")},
        {"id": 3, "at": Odd("ann@example.com", "an odd date")},
    ]
    run({"first": rows})
    lines = [record.getMessage() for record in caplog.records]
    assert "Starting lists first sync with an unknown number of records" in lines
    assert "Validation warning for field 'at' with value '***' (Record: id=***, 1 of first): an odd date" in lines
    assert (
        "Failed to parse date-time value: '***' in field 'at' for lists *** (2 of first): not a date of the calendar"
        in lines
    )
    assert "example.com" not in caplog.text
    assert "555-0134" not in caplog.text


@pytest.mark.parametrize(("seconds", "told"), [(-90, "90 s behind"), (90, "90 s ahead of"), (30, None)])
def test_a_clock_that_is_far_off_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, seconds: int, told: str | None
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(
        ListStream, "source_clock", lambda _: datetime.now(UTC) + timedelta(seconds=seconds, milliseconds=9)
    )
    run({"first": [row(1)], "second": [row(1)]})
    found = [record.getMessage() for record in caplog.records if "clock" in record.getMessage()]
    assert found == ([f"The clock of the source is {told} this machine's."] if told else [])


def test_an_unforeseen_error_is_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    error = LookupError(PERSON)
    error.__cause__ = KeyError("ann@example.com")
    done = run({"first": [row(1), error]})
    assert done.report("first")["error"] == "An error of the tap itself (LookupError); its log says where."
    assert "in get_records" in caplog.text
    assert "LookupError\nbecause of:\nKeyError" in caplog.text
    assert PERSON not in caplog.text
    assert "ann@" not in caplog.text


def test_an_unforeseen_error_at_the_start_is_told_without_its_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")

    class Broken(ListTap):
        """A tap that cannot discover."""

        def discover_streams(self) -> list[ListStream]:
            raise LookupError(PERSON)

    before = sys.excepthook
    try:
        with pytest.raises(LookupError) as caught:
            Broken.cli(["--config", str(path)])
        sys.excepthook(caught.type, caught.value, caught.tb)
    finally:
        sys.excepthook = before
        logging.captureWarnings(capture=False)
    assert "in discover_streams" in caplog.text
    assert "An error of the tap itself (LookupError). [internal]" in caplog.text
    assert PERSON not in caplog.text
