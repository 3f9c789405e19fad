"""Runs about keys: the keys of a stream in place of its records, and the records of some keys."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime

import pytest
from singer_sdk import typing as th
from tap_kit import KitStream, Tap
from tap_kit.errors import SkipStream, Stop
from tap_kit.key_file import KeyFile, text_of
from tap_kit.settings import with_universal_settings
from tap_kit.testing import Run, run_tap
from tap_kit.values import Odd

if t.TYPE_CHECKING:
    from pathlib import Path

Row: t.TypeAlias = "dict[str, t.Any]"


def row(number: int, at: str | None = "2025-01-01T00:00:00+00:00") -> Row:
    return {"id": number, "at": at, "made": "2024-12-31T00:00:00+00:00", "name": "Ann"}


STORED = {"replication_key": "at", "replication_key_value": "2025-01-03T00:00:00.000000+00:00"}
ROWS = [row(1), row(2, "2025-01-02T00:00:00+00:00"), row(3, None)]


def key_file(folder: Path, *lines: t.Any) -> str:
    path = folder / "keys.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(path)


class ListStream(KitStream):
    """Records of a list; an exception in the list is raised when it is reached."""

    def source_clock(self) -> datetime:
        return datetime(2025, 6, 1, tzinfo=UTC)

    def get_records(self, context: t.Any) -> t.Iterator[Row]:  # noqa: ARG002
        names = self.selected_schema["properties"]
        for item in t.cast("ListTap", self.kit).source:
            if isinstance(item, BaseException):
                raise item
            yield {name: item[name] for name in names}


class ListTap(Tap):
    """A tap of one list."""

    name = "tap-list"
    crm_source = "lists"
    source: t.ClassVar[t.Sequence[t.Any]] = ()
    stream_attributes: t.ClassVar[Row] = {}
    config_jsonschema: t.ClassVar[Row] = with_universal_settings(th.PropertiesList())

    def discover_streams(self) -> list[ListStream]:
        columns: Row = {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}}
        for name in ("at", "made"):
            columns[name] = {"type": ["string", "null"], "format": "date-time"}
        stream = ListStream(self, name="first", schema={"type": "object", "properties": columns})
        stream.primary_keys, stream.replication_key = ["id"], "at"
        for name, value in self.stream_attributes.items():
            setattr(stream, name, value)
        return [stream]


def run(rows: t.Sequence[t.Any] = ROWS, attributes: Row | None = None, **config: t.Any) -> Run:
    class Reading(ListTap):
        """The tap of these rows."""

        source = rows
        stream_attributes = attributes or {}

    return run_tap(Reading, config, state={"bookmarks": {"first": STORED}})


def sent(done: Run, stream: str = "first") -> list[t.Any]:
    return [record["id"] for record in done.records(stream)]


def test_keys_are_sent_in_place_of_records_whatever_the_bookmark_says() -> None:
    done = run(keys_only=True)
    assert done.exit_code == 0
    assert done.records("first") == []
    assert sent(done, "first_keys") == [1, 2, 3]
    assert done.bookmarks == {"first": STORED}
    message = done.schema("first_keys")
    assert message["key_properties"] == ["id"]
    assert message["schema"]["x-sweep-of"] == "first"
    assert message["schema"]["x-changed"] == ["at"]
    assert message["schema"]["x-all-keys"] is True
    assert "x-sweep-within" not in message["schema"]


def test_only_the_key_and_the_times_of_change_are_read() -> None:
    done = run([row(1, None)], {"fallback": "made", "can_sweep": False}, keys_only=True)
    assert done.records("first_keys") == [{"id": 1, "at": None, "made": "2024-12-31T00:00:00+00:00"}]
    schema = done.schema("first_keys")["schema"]
    assert set(schema["properties"]) == {"id", "at", "made"}
    assert schema["x-changed"] == ["at", "made"]
    assert schema["x-all-keys"] is False


def test_keys_of_a_stretch_say_so() -> None:
    done = run(keys_only=True, since="2025-01-02")
    within = done.schema("first_keys")["schema"]["x-sweep-within"]
    assert within["column"] == "at"
    assert within["start"] == "2025-01-02T00:00:00.000000+00:00"
    assert within["end"].startswith("9999")


def test_no_key_set_follows_keys() -> None:
    done = run(attributes={"sweeps": True}, keys_only=True)
    assert done.exit_code == 0
    assert sent(done, "first_keys") == [1, 2, 3]


def test_keys_that_a_stream_map_may_change_are_refused() -> None:
    done = run(keys_only=True, stream_maps={"first": {"id": "id + 1"}})
    assert done.exit_code == 1
    assert "a stream map may change them" in done.report("first")["error"]
    assert done.records("first_keys") == []


def test_only_the_records_of_some_keys_are_read(tmp_path: Path) -> None:
    keys = [{"stream": "first", "key": {"id": number}} for number in (3, 1, 99)]
    file = key_file(tmp_path, *keys, {"stream": "other", "key": {"id": 2}})
    done = run(only_keys=file)
    assert done.exit_code == 0
    assert sent(done) == [1, 3]
    assert done.bookmarks == {"first": STORED}


def test_a_read_ends_with_the_last_key_that_was_asked_for(tmp_path: Path) -> None:
    rows = [row(1), row(2), AssertionError("too far")]
    assert sent(run(rows, only_keys=key_file(tmp_path, {"stream": "first", "key": {"id": 2}}))) == [2]


def test_a_stream_without_a_key_to_read_asks_for_nothing(tmp_path: Path) -> None:
    file = key_file(tmp_path, {"stream": "other", "key": {"id": 2}})
    done = run([AssertionError("it was asked for")], only_keys=file)
    assert done.exit_code == 0
    assert done.report("first")["status"] == "success"


def test_a_key_of_other_columns_fails_its_stream(tmp_path: Path) -> None:
    done = run(only_keys=key_file(tmp_path, {"stream": "first", "key": {"name": "Ann"}}))
    assert done.exit_code == 1
    assert done.report("first")["error"] == "The file of only_keys has a key of first whose columns are not id."


@pytest.mark.parametrize(
    "line", ["no json", "[]", '{"stream": "first"}', '{"stream": 1, "key": {}}', '{"stream": "a", "key": {"id": [1]}}']
)
def test_a_line_that_is_no_key_is_told(tmp_path: Path, line: str) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_text('{"stream": "first", "key": {"id": 1}}\n\n' + line)
    with pytest.raises(Stop, match="has no key in line 3"):
        KeyFile.read(path)


def test_a_file_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="cannot be read: No such file"):
        run(only_keys=str(tmp_path / "none.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b"\xe4")
    with pytest.raises(Stop, match="it is no UTF-8"):
        KeyFile.read(tmp_path / "latin.jsonl")


def test_the_two_settings_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="exclude each other"):
        run(keys_only=True, only_keys=key_file(tmp_path))


def test_parts_of_a_key_come_in_the_order_of_the_stream() -> None:
    file = KeyFile({"pairs": [{"b": 2, "a": "1"}]})
    assert file.of("pairs", ["a", "b"]) == [("1", 2)]
    assert file.of("others", ["a"]) == []
    with pytest.raises(SkipStream):
        file.of("pairs", ["a"])
    assert text_of([1, "x", Odd("y", "odd")]) == ("1", "x", "y")
