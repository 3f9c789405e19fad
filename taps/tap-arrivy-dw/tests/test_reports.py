"""The report of tasks, from a CSV file."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from tap_arrivy_dw.reports import in_utc
from tap_arrivy_dw.tap import TapArrivy

if t.TYPE_CHECKING:
    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

COLUMNS = json.loads((Path(__file__).parents[1] / "tap_arrivy_dw" / "schemas" / "csv_tasks.json").read_text())[
    "properties"
]


def header_of(name: str) -> str:
    return str(COLUMNS[name].get("x-source", name))


def write(path: Path, *rows: dict[str, str], more: tuple[str, ...] = ()) -> None:
    headers = [*(header_of(name) for name in COLUMNS if name != "other_fields"), *more]
    lines = [headers, *([row.get(header, "") for header in headers] for row in rows)]
    path.write_text("".join(",".join(f'"{cell}"' for cell in line) + "\r\n" for line in lines))


def read(account: Account, path: Path, **settings: t.Any) -> Run:
    run: Run = account.read("csv_tasks", files={"csv_tasks": str(path)}, **settings)
    return run


def test_a_row_of_the_report(account: Account, tmp_path: Path) -> None:
    row = {
        "Task ID": "9007199254740993",
        "Task Title": "Booking - 7",
        "Timezone": "America/New_York",
        "Created on": "06/01/2025 08:00:00 AM",
        "Actual Start Time": "06/02/2025 01:30:00 PM",
        "Start Timezone": "America/Chicago",
        "Actual End Time": "06/02/2025 02:30:00 PM",
        "Start Date": "6/2/2025",
        "Start Time": "01:00:00 PM",
        "Rescheduled (count)": "",
        "Mileage (in miles)": "12.5",
        "Unscheduled": "False",
        "Complete": "TRUE",
        "Zipcode": "02134",
        "Rained out": "true",
    }
    write(tmp_path / "tasks.csv", row, more=("Rained out", "Never"))
    run = read(account, tmp_path / "tasks.csv")
    assert run.exit_code == 0
    (record,) = run.records("csv_tasks")
    assert record["task_id"] == "9007199254740993"
    assert record["created_on"] == "2025-06-01T12:00:00+00:00"
    assert record["actual_start_time"] == "2025-06-02T18:30:00+00:00"
    assert record["actual_end_time"] == "2025-06-02T18:30:00+00:00"
    assert (record["start_date"], record["start_time"]) == ("2025-06-02", "13:00:00")
    # An empty count is null and no reason to lose the row.
    assert record["rescheduled_count"] is None
    assert str(record["mileage"]) == "12.5"
    assert (record["unscheduled"], record["complete"], record["cancel"]) == (False, True, False)
    assert record["zipcode"] == "02134"
    # What the account has set up itself.
    assert record["other_fields"] == {"Rained out": "true"}
    assert not run.records("sync_rejects")


def test_a_change_of_a_task_arrives(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    write(path, {"Task ID": "1", "Status": "NOTSTARTED"}, {"Task ID": "", "Status": "LOST"})
    first = read(account, path)
    assert first.report("csv_tasks")["rejects"] == {"record": 1, "value": 0}
    assert "(line 3 of tasks.csv)" in first.records("sync_rejects")[0]["reason"]
    write(path, {"Task ID": "1", "Status": "COMPLETE"})
    second = read(account, path, state=first.states[-1])
    assert [row["status"] for row in second.records("csv_tasks")] == ["COMPLETE"]
    assert read(account, path, state=second.states[-1]).records("csv_tasks") == []


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("America/New_York", "2025-06-01T12:00:00+00:00"),
        ("", "2025-06-01T08:00:00+00:00"),
        ("Nowhere/Else", "2025-06-01T08:00:00+00:00"),
        ("../etc", "2025-06-01T08:00:00+00:00"),
    ],
)
def test_zones(zone: str, moment: str) -> None:
    cells = {"created_on": "06/01/2025 08:00:00 AM", "timezone": zone, "start_time": "noon"}
    assert in_utc(cells)["created_on"] == moment
    assert in_utc(cells)["start_time"] == "noon"


def test_without_a_file_there_is_no_stream() -> None:
    tap = TapArrivy(config={"auth_key": "k", "auth_token": "t"}, setup_mapper=False)
    assert "csv_tasks" not in tap.streams
    assert "the setting files does not say" in tap.explain_missing("csv_tasks")
