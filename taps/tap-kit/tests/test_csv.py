"""Streams that read CSV files."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import tracemalloc
import typing as t
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from example_files.tap import TapFiles
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.csv import Broken, Format, Times, boolean_of, json_of, read_cells, text_of
from tap_kit.errors import SkipStream, Stop
from tap_kit.testing import Run, assert_resumable, keys, run_tap
from tap_kit.values import Odd, Unstorable

if t.TYPE_CHECKING:
    from pathlib import Path

HEADER = 'objectId,username,email,isActive,visits,amount,born_on,"Seen, last",offices\n'


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def read(location: Path | str, *, stream: str = "people", state: t.Any = None, **settings: t.Any) -> Run:
    return run_tap(TapFiles, {"files": {stream: str(location)}, **settings}, state=state)


def ids(run: Run) -> list[str]:
    return [key for (key,) in keys(run.records("people"), "id")]


def rows(count: int, start: int = 0) -> str:
    return "".join(f"{number},n{number},,true,1,2.50,,,\n" for number in range(start, start + count))


# Cells


def cells(data: bytes, **written: str) -> list[tuple[int, list[str] | Broken]]:
    return list(read_cells(t.cast("t.BinaryIO", io.BytesIO(data)), Format(**written)))


@pytest.mark.parametrize(
    ("data", "written"),
    [
        ("a,é\n1,2\n".encode(), {}),
        (codecs.BOM_UTF8 + "a,é\r\n1,2\r\n".encode(), {}),
        (codecs.BOM_UTF8 + "a,é\n1,2".encode(), {"encoding": "cp1252"}),
        ("a,é\n1,2\n".encode("utf-16"), {}),
        ("a;é\n1;2\n".encode("cp1252"), {"encoding": "cp1252", "delimiter": ";"}),
        ('"a"\té\n\n1\t2\n\n'.encode(), {"delimiter": "\t"}),
        (gzip.compress("a,é\n1,2\n".encode(), mtime=0), {}),
        (gzip.compress(codecs.BOM_UTF8 + "a,é\n1,2\n".encode(), mtime=0), {}),
    ],
)
def test_encodings_delimiters_and_line_ends(data: bytes, written: dict[str, str]) -> None:
    assert [row for _, row in cells(data, **written)] == [["a", "é"], ["1", "2"]]


def test_a_row_is_known_by_the_line_it_begins_in() -> None:
    found = cells(b'a,b\n1,"two\nlines"\n\n2,x\n3,"y"z\n4,w\n')
    assert [line for line, _ in found] == [1, 2, 5, 6, 7]
    assert found[1][1] == ["1", "two\nlines"]
    broken = found[3][1]
    assert isinstance(broken, Broken)
    assert broken.text == '3,"y"z\n'
    assert "do not match" in broken.reason


def test_a_quote_that_is_never_closed_does_not_swallow_the_file() -> None:
    found = cells(b'a,b\n1,"open\n' + b"2,x\n" * 400_000)
    broken = [row for _, row in found if isinstance(row, Broken)]
    assert len(broken[0].text) < 1_200_000
    assert sum(row == ["2", "x"] for _, row in found) > 100_000


def test_damaged_content_is_told() -> None:
    with pytest.raises(SkipStream, match="is damaged"):
        cells(gzip.compress(b"a,b\n" + bytes(range(256)) * 1000)[:-50])
    with pytest.raises(SkipStream, match="correct the setting file_encoding"):
        cells(b"a,b\n", encoding="utf-16")


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\ufffd")), min_size=2), max_size=5))
def test_whatever_is_written_is_read(table: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(table)
    assert [row for _, row in cells(text.getvalue().encode())] == table


# Values

TIMES = Times(("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p"))


@pytest.mark.parametrize(
    ("cell", "day", "moment"),
    [
        ("2019-11-1", "2019-11-01", "2019-11-01T00:00:00+00:00"),
        ("2025-2-5 10:51:29", "2025-02-05", "2025-02-05T10:51:29+00:00"),
        ("2025-02-05 10:51:29.5", "2025-02-05", "2025-02-05T10:51:29.500000+00:00"),
        ("0000-0-0", None, None),
        ("0000-0-0 00:00:00", None, None),
        ("0000-00-00", None, None),
        (" ", None, None),
        ("12/31/2024", "2024-12-31", "2024-12-31T00:00:00+00:00"),
        ("1/2/2024 12:05:00 AM", "2024-01-02", "2024-01-02T00:05:00+00:00"),
        ("1/2/2024 12:05:00 PM", "2024-01-02", "2024-01-02T12:05:00+00:00"),
    ],
)
def test_dates(cell: str, day: str | None, moment: str | None) -> None:
    assert TIMES.date_of(cell) == day
    assert TIMES.datetime_of(cell) == moment


@pytest.mark.parametrize("cell", ["13/1/2024", "2024-02-30", "soon", "1/2/2024 13:05:00 PM", "2024-1-1 25:00:00"])
def test_what_is_no_date_is_told(cell: str) -> None:
    assert isinstance(TIMES.date_of(cell), Unstorable)
    assert isinstance(TIMES.datetime_of(cell), Unstorable)


def test_iso_needs_no_format_and_a_zone_counts() -> None:
    assert Times().datetime_of("2025-06-06T00:16:45.538Z") == "2025-06-06T00:16:45.538000+00:00"
    local = Times(("%m/%d/%Y %H:%M",), ZoneInfo("America/New_York"))
    assert local.datetime_of("06/01/2025 08:00") == "2025-06-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("cell", "time"),
    [("01:30:00 PM", "13:30:00"), ("12:00:00 AM", "00:00:00"), ("9:05:00 am", "09:05:00"), (" ", None)],
)
def test_times_of_day(cell: str, time: str | None) -> None:
    assert Times(("%I:%M:%S %p",)).time_of(cell) == time


def test_what_is_no_time_is_told() -> None:
    assert isinstance(Times(("%I:%M:%S %p",)).time_of("13:00:00 PM"), Unstorable)
    assert isinstance(Times(("%I:%M:%S %p",)).time_of("noon"), Unstorable)


@given(st.text())
def test_no_cell_breaks_a_conversion(cell: str) -> None:
    for convert in (TIMES.date_of, TIMES.datetime_of, TIMES.time_of, boolean_of, json_of, text_of):
        convert(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("TRUE", True),
        ("Yes", True),
        ("y", True),
        ("1", True),
        ("false", False),
        ("N", False),
        ("0", False),
        (" ", None),
    ],
)
def test_booleans(cell: str, value: bool | None) -> None:  # noqa: FBT001 - a case
    assert boolean_of(cell) is value


def test_text_that_is_no_word_is_no_boolean() -> None:
    assert isinstance(boolean_of("maybe"), Unstorable)


def test_json_or_text() -> None:
    assert json_of('[{"a": 1.50}]') == [{"a": Decimal("1.50")}]
    assert json_of("[broken") == "[broken"
    assert isinstance(text_of("a\ufffd"), Odd)


# Streams


def test_a_row_becomes_a_record(people: Path) -> None:
    people.write_bytes(
        codecs.BOM_UTF8
        + b' objectId ,username,E-Mail,isActive,visits,amount,born_on,"Seen, last",offices,Group,Empty\r\n'
        b' A1 ,sam@example.com,,TRUE,3,"$1,234.50",2019-11-1,6/1/2025 8:00:00 AM,"[{""id"": 1}]",North,\r\n'
        b'A2,pat,pat@example.org,,,,0000-0-0,,"two\r\nlines",,\r\n'
    )
    run = read(people)
    assert run.exit_code == 0
    first, second = run.records("people")
    assert first == {
        "id": "A1",
        "username": "sam@example.com",
        "email": "sam@example.com",
        "is_active": True,
        "visits": 3,
        "amount": Decimal("1234.50"),
        "born_on": "2019-11-01",
        "seen_at": "2025-06-01T12:00:00+00:00",
        "offices": [{"id": 1}],
        "others": {"Group": "North"},
    }
    assert second == {
        "id": "A2",
        "username": "pat",
        "email": "pat@example.org",
        "is_active": False,
        "visits": None,
        "amount": None,
        "born_on": None,
        "seen_at": None,
        "offices": "two\r\nlines",
        "others": None,
    }
    assert run.schema("people")["key_properties"] == ["id"]
    assert "x-source" not in json.dumps(run.schema("people"))


def test_a_missing_column_is_null_and_told(people: Path, caplog: pytest.LogCaptureFixture) -> None:
    people.write_text("objectId,visits\n1,2\n")
    run = read(people)
    (record,) = run.records("people")
    # Not false: a column that the file does not have is not known.
    assert record["is_active"] is None
    assert "has no column for username, email, is_active" in caplog.text


def test_columns_that_nobody_reads_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "places.csv").write_text("code,street,town,map\nA,High Street,B,x\n")
    run = read(tmp_path / "places.csv", stream="places")
    assert run.records("places") == [{"code": "A", "street": "High Street", "town": "B"}]
    assert "has columns that are not read: map" in caplog.text


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("id,username", "has no column objectId, the key of people"),
        ("", "has no column objectId"),
        ("objectId,visits,visits", "has the column visits twice"),
    ],
)
def test_a_file_that_is_another_one_is_an_error(people: Path, header: str, told: str) -> None:
    people.write_text(f"{header}\nsam@example.com,1,2\n")
    run = read(people)
    assert run.exit_code == 1
    assert told in run.report("people")["error"]
    assert run.report("people")["error_category"] == "data"
    assert "sam@example.com" not in run.report("people")["error"]
    assert not run.bookmarks.get("people")


def test_an_empty_file_with_a_header_is_no_error(people: Path) -> None:
    people.write_text(HEADER)
    run = read(people)
    assert (run.exit_code, run.records("people")) == (0, [])


def test_other_headers_can_be_set(people: Path) -> None:
    people.write_text("User Object ID;Mail\n1;sam@example.com\n")
    headers = {"people": {"id": "User Object ID", "email": "Mail"}}
    run = read(people, file_headers=headers, file_delimiter=";")
    assert [(row["id"], row["email"]) for row in run.records("people")] == [("1", "sam@example.com")]


def test_bad_rows_are_rejects_with_their_line(people: Path) -> None:
    people.write_text(
        HEADER
        + '1,"two\nlines",,,x,2.00,,,\n,nobody,,,,,,,\n3,a,b,c,1,2.00,,,,too,many\n4,"a"b,,,,,,,\n,,,,,,,,\n5,short\n'
        "6,,,perhaps,1.5,lots,2024-02-30,soon,\n"
    )
    run = read(people)
    assert run.exit_code == 0
    assert ids(run) == ["1", "5", "6"]
    found = {(reject["field"], reject["reason"]) for reject in run.records("sync_rejects")}
    assert found == {
        ("visits", "not a number (line 2 of people.csv)"),
        ("id", "the key is empty (line 4 of people.csv)"),
        (None, "more cells than the header has (line 5 of people.csv)"),
        (None, "the quotes do not match (',' expected after '\"') (line 6 of people.csv)"),
        ("visits", "not a whole number (line 9 of people.csv)"),
        ("amount", "not a number (line 9 of people.csv)"),
        ("is_active", "neither true nor false (line 9 of people.csv)"),
        ("born_on", "not a date of the calendar (line 9 of people.csv)"),
        ("seen_at", "not a date of the calendar (line 9 of people.csv)"),
    }
    assert run.report("people")["rejects"] == {"record": 3, "value": 6}
    strict = read(people, validation="strict")
    assert ids(strict) == ["5"]


def test_bytes_that_are_no_text_are_replaced_and_counted(people: Path, caplog: pytest.LogCaptureFixture) -> None:
    people.write_bytes(HEADER.encode() + b"1,caf\xe9,,,,,,,\n")
    assert read(people).records("people")[0]["username"] == "caf\ufffd"
    assert "bytes that the encoding does not know, replaced" in caplog.text
    assert read(people, file_encoding="latin-1").records("people")[0]["username"] == "café"


# What the next run reads


def test_an_unchanged_file_is_not_read_again(people: Path) -> None:
    people.write_text(HEADER + rows(5))
    first = read(people)
    assert len(ids(first)) == 5
    again = read(people, state=first.states[-1])
    assert (again.exit_code, ids(again)) == (0, [])
    assert again.bookmarks == first.bookmarks
    people.write_text(HEADER + rows(5).replace("2.50", "2.51"))
    assert len(ids(read(people, state=again.states[-1]))) == 5


def test_a_touched_file_is_the_same_file(people: Path) -> None:
    people.write_text(HEADER + rows(2))
    first = read(people)
    people.write_text(HEADER + rows(2))
    assert ids(read(people, state=first.states[-1])) == []


def test_new_files_of_a_glob_are_read(tmp_path: Path) -> None:
    pattern = f"{tmp_path}/people-*.csv"
    for number in (1, 2):
        (tmp_path / f"people-{number}.csv").write_text(HEADER + rows(2, number * 10))
    first = read(pattern)
    assert ids(first) == ["10", "11", "20", "21"]
    (tmp_path / "people-3.csv").write_text(HEADER + rows(1, 30))
    second = read(pattern, state=first.states[-1])
    assert ids(second) == ["30"]
    # A changed file in the middle: what comes behind it has to win.
    (tmp_path / "people-2.csv").write_text(HEADER + rows(3, 20))
    third = read(pattern, state=second.states[-1])
    assert ids(third) == ["20", "21", "22", "30"]
    assert len(third.bookmarks["people"]["files"]) == 3
    (tmp_path / "people-1.csv").unlink()
    fourth = read(pattern, state=third.states[-1])
    assert (ids(fourth), len(fourth.bookmarks["people"]["files"])) == ([], 2)


def test_a_file_that_is_gone_keeps_the_bookmark(people: Path) -> None:
    people.write_text(HEADER + rows(2))
    first = read(people)
    people.unlink()
    run = read(people, state=first.states[-1])
    assert run.exit_code == 1
    assert "There is no file" in run.report("people")["error"]
    assert run.bookmarks == first.bookmarks


def test_a_run_may_be_cut_off_at_every_state(tmp_path: Path) -> None:
    pattern = f"{tmp_path}/people-*.csv"
    for number in (1, 2, 3):
        (tmp_path / f"people-{number}.csv").write_text(HEADER + rows(25, number * 100) + ",,,,9,,,,\n")
    run = read(pattern, page_size=10)
    assert len(ids(run)) == 75
    assert len(run.states) > 8
    assert_resumable(run, lambda state: read(pattern, state=state), "people", "id")


def test_an_interrupted_read_goes_on_in_the_file_it_was_in(tmp_path: Path) -> None:
    pattern = f"{tmp_path}/people-*.csv"
    for number in (1, 2):
        (tmp_path / f"people-{number}.csv").write_text(HEADER + rows(25, number * 100))
    run = read(pattern, page_size=10)
    (state,) = [
        s for s in run.states if s["bookmarks"].get("people", {}).get("resume", {}).get("last_key", [0, 0, 0])[2] == 15
    ]
    assert len(state["bookmarks"]["people"]["files"]) == 1
    rest = read(pattern, state=state)
    assert ids(rest) == [str(number) for number in range(215, 225)]
    # Another content under the same name: from its beginning.
    (tmp_path / "people-2.csv").write_text(HEADER + rows(25, 300))
    assert len(ids(read(pattern, state=state))) == 25


def test_narrowed_runs_leave_the_bookmark(people: Path) -> None:
    people.write_text(HEADER + rows(9))
    first = read(people)
    narrowed = read(people, state=first.states[-1], max_records=4)
    assert len(ids(narrowed)) == 4
    assert narrowed.bookmarks == first.bookmarks
    assert len(ids(read(people, state=first.states[-1], since="2025-01-01"))) == 9


def test_a_sweep_sends_the_keys_of_all_files(tmp_path: Path) -> None:
    pattern = f"{tmp_path}/people-*.csv"
    for number in (1, 2):
        (tmp_path / f"people-{number}.csv").write_text(HEADER + rows(2, number * 10) + ",,,,,,,,\n")
    first = read(pattern)
    (tmp_path / "people-2.csv").write_text(HEADER + rows(1, 20))
    run = read(pattern, state=first.states[-1], deletions="sweep")
    assert [key for (key,) in keys(run.records("people_keys"), "id")] == ["10", "11", "20"]
    assert run.schema("people_keys")["schema"]["x-sweep-of"] == "people"


def test_rows_that_hide_their_keys_stop_the_sweep(people: Path, caplog: pytest.LogCaptureFixture) -> None:
    people.write_text(HEADER + rows(3) + '3,"n"x,,true,1,2.50,,,\n')
    run = read(people, deletions="sweep")
    assert run.exit_code == 0
    assert run.records("people_keys") == []
    assert "no sweep, because 1 rows cannot be read" in caplog.text


def test_a_row_with_too_many_cells_keeps_its_key_in_the_sweep(people: Path) -> None:
    people.write_text(HEADER + rows(2) + "2,n,,true,1,2.50,,,,more\n")
    run = read(people, deletions="sweep")
    assert len(ids(run)) == 2
    assert sorted(key for (key,) in keys(run.records("people_keys"), "id")) == ["0", "1", "2"]


def test_a_changed_file_sends_the_files_behind_it_from_their_beginning(tmp_path: Path) -> None:
    for name, start in (("a", 0), ("b", 10)):
        (tmp_path / f"{name}.csv").write_text(HEADER + rows(10, start))
    whole = read(tmp_path / "*.csv", page_size=3)
    middle = next(
        state
        for state in whole.states
        if (state["bookmarks"].get("people", {}).get("resume") or {}).get("last_key", [""])[0].endswith("b.csv")
    )
    (tmp_path / "a.csv").write_text(HEADER + rows(11))
    assert set(ids(read(tmp_path / "*.csv", state=middle))) == {str(number) for number in range(20)} | {"10"}


def test_deselected_columns_are_not_sent(people: Path) -> None:
    people.write_text(HEADER + rows(1))
    config = {"files": {"people": str(people)}}
    catalog = TapFiles(config=config, setup_mapper=False).catalog_dict
    for item in catalog["streams"][0]["metadata"]:
        if item["breadcrumb"] and item["breadcrumb"][1] not in ("id", "visits"):
            item["metadata"]["selected"] = False
    run = run_tap(TapFiles, config, catalog=catalog)
    assert run.records("people") == [{"id": "0", "visits": 1}]


def test_a_big_file_takes_little_memory(people: Path) -> None:
    with people.open("w") as file:
        file.write(HEADER)
        for start in range(0, 60_000, 1000):
            file.write(rows(1000, start))
    tap = TapFiles(config={"files": {"people": str(people)}}, setup_mapper=False)
    stream = t.cast("t.Any", tap.streams["people"])
    tap.prepare([stream])
    stream.span = tap.bookmarks["people"].begin(stream.source_clock())
    tracemalloc.start()
    assert sum(1 for _ in stream.get_records(None)) == 60_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < people.stat().st_size / 2


# Settings


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"files": {"persons": "x"}}, "The setting files names persons; the CSV streams are: people, places."),
        ({"file_headers": {"x": {}}}, "The setting file_headers names x"),
        ({"file_headers": {"people": {"age": "Age"}}}, "names age, which people does not have"),
        ({"file_delimiter": "||"}, "must be one character"),
        ({"file_encoding": "utf-9"}, "must be an encoding like utf-8"),
    ],
)
def test_settings_that_make_no_sense_stop_the_tap(settings: dict[str, t.Any], told: str) -> None:
    with pytest.raises(Stop, match=told):
        TapFiles(config=settings, setup_mapper=False)


def test_without_a_file_there_is_no_stream() -> None:
    tap = TapFiles(config={}, setup_mapper=False)
    assert not tap.streams
    assert "the setting files does not say" in tap.explain_missing("people")


def test_headers_for_http_are_secret(people: Path) -> None:
    people.write_text(HEADER + rows(1))
    run = read(people, file_http_headers={"Authorization": "Bearer made-up-secret"})
    assert run.exit_code == 0
    assert "made-up-secret" not in run.text
