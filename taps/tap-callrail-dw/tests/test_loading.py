"""From CallRail into Postgres: what is there afterwards is what CallRail has."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from datetime import datetime
from decimal import Decimal
from importlib import resources

import psycopg
import pytest
from psycopg.rows import dict_row
from tap_callrail_dw.names import STREAM_NAMES
from tap_kit.rows import dig, kind_of
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from crm_simulator.callrail import CallRail
    from tap_kit.testing import Run

    Row: t.TypeAlias = dict[str, t.Any]

LISTED = tuple(name for name in STREAM_NAMES if name != "text_messages")


def load(url: str, run: Run) -> None:
    with redirect_stdout(io.StringIO()):
        TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0}).listen(io.StringIO(run.text))


def columns_of(stream: str) -> dict[str, Row]:
    file = resources.files("tap_callrail_dw") / "schemas" / f"{stream}.json"
    columns: dict[str, Row] = json.loads(file.read_text())["properties"]
    return columns


def stored(url: str, stream: str) -> dict[t.Any, Row]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(f"SELECT * FROM callrail.{stream}").fetchall()
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row for row in rows}


def expected(stream: str, row: Row) -> Row:
    """Return what a row of the API must be in the warehouse, by rules of this test's own."""
    made: Row = {}
    for name, column in columns_of(stream).items():
        value = row.get(name) if name == "account_id" else dig(row, tuple(column.get("x-source", name).split(".")))
        kind = kind_of(column)
        if value is None:
            made[name] = None
        elif kind == "date-time":
            made[name] = datetime.fromisoformat(value.replace(" -", "-"))
        elif kind == "number":
            made[name] = Decimal(str(value).replace("$", "").replace(",", ""))
        elif kind in ("integer", "string"):
            made[name] = {"integer": int, "string": str}[kind](value)
        else:
            made[name] = value
    return made


def assert_same(url: str, crm: CallRail, stream: str, *, left_over: t.Collection[t.Any] = ()) -> None:
    truth = {row["id"]: row for row in crm.truth(stream)}
    rows = stored(url, stream)
    assert rows.keys() - truth.keys() == set(left_over)
    for key, row in truth.items():
        wanted = expected(stream, row)
        assert {name: rows[key][name] for name in wanted} == wanted


def assert_same_messages(url: str, crm: CallRail, threads: Callable[[int], list[Row]]) -> None:
    truth = {
        (f"k{index:04}", datetime.fromisoformat(message["created_at"]), message["direction"], message["content"])
        for index in crm.conversations.live()
        for message in threads(index)
    }
    rows = stored(url, "text_messages").values()
    found = {(row["conversation_id"], row["sent_at"], row["direction"], row["message"]) for row in rows}
    assert found == truth
    assert len(rows) == len(truth)


def test_the_warehouse_holds_what_callrail_has_and_follows_it(callrail: t.Any, postgres_url: str) -> None:
    reader = callrail(300)
    crm = reader.crm
    first = reader.read(deletions="sweep", text_threads="full")
    assert first.exit_code == 0
    load(postgres_url, first)
    for stream in LISTED:
        assert_same(postgres_url, crm, stream)
    assert_same_messages(postgres_url, crm, crm.thread)

    gone = {stream: {row["id"] for row in crm.truth(stream)} for stream in LISTED}
    happened = reader.a_day_passes()
    gone = {stream: ids - {row["id"] for row in crm.truth(stream)} for stream, ids in gone.items()}
    assert happened["calls"]["changed"] > 0 < happened["form_submissions"]["changed"]
    second = reader.read(state=first.states[-1], deletions="sweep", text_threads="full")
    assert second.exit_code == 0
    assert len(second.records("calls")) < len(first.records("calls"))
    assert second.report("calls")["requests"] < first.report("calls")["requests"]
    load(postgres_url, second)
    for stream in LISTED:
        assert_same(postgres_url, crm, stream, left_over=gone[stream])
    assert_same_messages(postgres_url, crm, crm.thread)
    for stream in ("users", "tags", "calls", "form_submissions"):
        marked = {key for key, row in stored(postgres_url, stream).items() if row["_sdc_deleted_at"] is not None}
        assert marked == gone[stream] != set()
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute("SELECT DISTINCT status FROM orchestration.sync_history").fetchall()
    assert rows == [("success",)]


@pytest.mark.parametrize("accounts", [2])
def test_several_accounts_lie_in_the_same_tables(callrail: t.Any, postgres_url: str, accounts: int) -> None:
    reader = callrail(120, accounts=accounts)
    load(postgres_url, reader.read())
    for stream in LISTED:
        assert_same(postgres_url, reader.crm, stream)
    assert_same_messages(postgres_url, reader.crm, lambda index: reader.crm.thread(index)[:3])
