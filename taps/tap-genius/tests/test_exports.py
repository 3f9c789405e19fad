"""Exports of tables, from CSV files."""

from __future__ import annotations

import typing as t

import pytest
from tap_genius.tap import TapGenius
from tap_kit.errors import Stop
from tap_kit.testing import Run, run_tap

if t.TYPE_CHECKING:
    from pathlib import Path

Config: t.TypeAlias = "dict[str, t.Any]"
USERS = (
    "user_id,first_name,first_name_alt,last_name,email,personal_email,birth_date,gender_id,marital_status_id,"
    "time_zone_name,title_id,manager_user_id,hired_on,start_date,add_user_id,add_datetime,division_id"
)
APPOINTMENTS = (
    "id,prospect_id,user_id,type_id,date,time,duration,address1,address2,city,state,zip,email,notes,add_user_id,add_date,"
    "assign_date,confirm_user_id,confirm_date,confirm_with,spouses_present,is_complete,complete_outcome_id,"
    "complete_user_id,complete_date"
)
SOURCES = (
    "id,type_id,division_id,label,description,start_date,end_date,add_user_id,add_date,is_active,"
    "is_allow_lead_modification"
)


def write(path: Path, header: str, *rows: dict[str, str]) -> None:
    names = header.split(",")
    lines = [names, *([row.get(name, "") for name in names] for row in rows)]
    path.write_text("".join(",".join(f'"{cell}"' for cell in line) + "\n" for line in lines))


def read(config: Config, stream: str, path: Path, **more: t.Any) -> Run:
    return run_tap(TapGenius, {**config, "files": {stream: str(path)}}, streams=[stream], **more)


def test_users(empty_tables: Config, tmp_path: Path) -> None:
    row = {
        "user_id": "12",
        "first_name": "Jos\u00e9",
        "birth_date": "1980-2-5",
        "hired_on": "2019-11-1",
        "start_date": "2025-2-5 10:51:29",
        "add_datetime": "0000-0-0 00:00:00",
        "gender_id": "2",
    }
    write(tmp_path / "users.csv", USERS, row, {"first_name": "Nobody"}, {"user_id": "13", "birth_date": "2201-1-1"})
    run = read(empty_tables, "csv_users", tmp_path / "users.csv")
    assert run.exit_code == 0
    first, second = run.records("csv_users")
    assert first["id"] == 12
    assert first["first_name"] == "Jos\u00e9"
    assert first["birth_date"] == "1980-02-05"
    # The parser before this one had no format with a time, and lost all three.
    assert first["hired_on"] == "2019-11-01T00:00:00+00:00"
    assert first["start_date"] == "2025-02-05T10:51:29+00:00"
    assert first["add_datetime"] is None
    assert second["birth_date"] == "2201-01-01"
    (reject,) = run.records("sync_rejects")
    assert reject["reason"] == "the key is empty (line 3 of users.csv)"


def test_times_are_of_the_zone_of_genius(empty_tables: Config, tmp_path: Path) -> None:
    write(tmp_path / "users.csv", USERS, {"user_id": "1", "hired_on": "2025-6-1 08:00:00"})
    run = read({**empty_tables, "timezone": "America/New_York"}, "csv_users", tmp_path / "users.csv")
    assert run.records("csv_users")[0]["hired_on"] == "2025-06-01T12:00:00+00:00"


def test_appointments(empty_tables: Config, tmp_path: Path) -> None:
    row = {"id": "7", "date": "2025-2-5", "time": "10:30:00", "duration": "01:30:00", "spouses_present": "1"}
    write(tmp_path / "a.csv", APPOINTMENTS, row | {"user_id": "x", "notes": "two\nlines"})
    run = read(empty_tables, "csv_appointments", tmp_path / "a.csv")
    (record,) = run.records("csv_appointments")
    assert (record["date"], record["time"], record["duration"]) == ("2025-02-05", "10:30:00", "01:30:00")
    assert (record["spouses_present"], record["is_complete"], record["notes"]) == (True, False, "two\nlines")
    assert record["user_id"] is None
    assert run.records("sync_rejects")[0]["reason"] == "not a number (line 2 of a.csv)"


def test_marketing_sources_and_their_types(empty_tables: Config, tmp_path: Path) -> None:
    row = {"id": "1", "label": "Radio", "end_date": "0000-0-0", "is_active": "1"}
    write(tmp_path / "s.csv", SOURCES, row, {"id": "2", "end_date": "2999-12-31", "is_active": "0"})
    first, second = read(empty_tables, "csv_marketing_sources", tmp_path / "s.csv").records("csv_marketing_sources")
    assert (first["end_date"], first["is_active"]) == (None, True)
    # Without add_user_id it was rejected before.
    assert (second["end_date"], second["is_active"], second["add_user_id"]) == ("2999-12-31", False, None)
    write(
        tmp_path / "t.csv", "id,label,description,is_active,list_order", {"id": "3", "label": "Web", "list_order": "9"}
    )
    (record,) = read(empty_tables, "csv_marketing_source_types", tmp_path / "t.csv").records(
        "csv_marketing_source_types"
    )
    assert record == {"id": 3, "label": "Web", "description": None, "is_active": False, "list_order": 9}


def test_an_unchanged_export_is_not_read_again(empty_tables: Config, tmp_path: Path) -> None:
    write(tmp_path / "users.csv", USERS, {"user_id": "1"})
    first = read(empty_tables, "csv_users", tmp_path / "users.csv")
    again = read(empty_tables, "csv_users", tmp_path / "users.csv", state=first.states[-1])
    assert again.exit_code == 0
    assert again.records("csv_users") == []
    # A file that is no longer named is no failure.
    without = run_tap(TapGenius, empty_tables, state=first.states[-1])
    assert without.exit_code == 0


def test_a_name_that_is_none_is_an_error(empty_tables: Config) -> None:
    with pytest.raises(Stop, match="the CSV streams are: csv_users, csv_appointments"):
        run_tap(TapGenius, {**empty_tables, "files": {"users": "x.csv"}})


@pytest.fixture
def empty_tables(genius_config: Config) -> Config:
    """Return the settings of a Genius; exports are read besides its tables."""
    return genius_config
