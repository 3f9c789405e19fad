"""From the simulated account into the warehouse: what is there afterwards is what Five9 has, row by row."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
from crm_simulator.five9 import DISPOSITIONS, FIELDS, LISTS, ZONE
from psycopg.rows import dict_row
from tap_five9_dw.names import STREAMS
from target_postgres_dw.identifiers import identifier
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message, Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Row: t.TypeAlias = dict[str, t.Any]

STAMPS = ("New Contact Field", "sys_last_disposition_time", "sys_created_date")


def load(url: str, run: Run) -> Message:
    """Load a run, and return the state that the next one starts from."""
    assert run.exit_code == 0
    with redirect_stdout(io.StringIO()) as printed:
        TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0}).listen(io.StringIO(run.text))
    state: Message = json.loads(printed.getvalue().splitlines()[-1])
    return state


def stored(url: str, stream: str, *, deleted: bool = False) -> list[Row]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(f"SELECT * FROM five9.{stream}").fetchall()
    return [row for row in rows if (row["_sdc_deleted_at"] is not None) is deleted]


def moment(text: str | None) -> datetime | None:
    if not text:
        return None
    form = "%m/%d/%Y %H:%M:%S" if "/" in text else "%Y-%m-%d %H:%M:%S.%f"
    return datetime.strptime(text, form).replace(tzinfo=ZONE).astimezone(UTC)


def expected(row: Row) -> Row:
    """Return what a contact must be in the warehouse, by rules of this test's own."""
    made: Row = {}
    for name, kind, _, _ in FIELDS:
        text = row.get(name) or None
        value: t.Any = text
        if kind == "DATE_TIME":
            value = moment(text)
        elif kind == "DATE" and text:
            value = datetime.strptime(text, "%m/%d/%Y" if "/" in text else "%Y-%m-%d").replace(tzinfo=UTC).date()
        elif kind == "NUMBER" and text:
            value = Decimal(text.replace(",", ""))
        elif kind == "BOOLEAN" and text:
            value = text in ("1", "true", "yes")
        made[identifier(name.replace(" ", "_").replace("-", "_"))] = value
    stamps = [stamp for name in STAMPS if (stamp := moment(row.get(name)))]
    return made | {
        "list_name": row["last_list"],
        "lists": [row["last_list"]],
        "modified_at": max(stamps) if stamps else None,
    }


def assert_same_contacts(url: str, account: Account) -> None:
    truth = account.crm.found_by_list()
    rows = {(row["number1"], row["list_name"]): row for row in stored(url, "contacts")}
    assert rows.keys() == truth.keys()
    for key, row in truth.items():
        wanted = expected(row)
        assert {name: plain(rows[key][name]) for name in wanted} == {n: plain(v) for n, v in wanted.items()}


def plain(value: t.Any) -> t.Any:
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def assert_same_lists(url: str, account: Account) -> None:
    for stream in ("campaigns", "dispositions"):
        truth = {row["name"]: row["description"] for row in account.crm.live(stream)}
        assert {row["name"]: row["description"] for row in stored(url, stream)} == truth
    sizes = {name: account.crm.size_of(name) for name in LISTS}
    assert {row["name"]: row["size"] for row in stored(url, "contact_lists")} == sizes
    assert {row["name"]: row["map_to"] for row in stored(url, "contact_fields")} == {f[0]: f[2] for f in FIELDS}


def assert_same_calls(url: str, account: Account) -> None:
    crm = account.crm
    indexes = crm.calls.between(datetime(2025, 5, 30, tzinfo=ZONE), crm.world.now)
    truth = {
        str(3_000_000_000_000 + index): (crm.calls.modified_at(index), crm.calls.record(index)) for index in indexes
    }
    rows = {row["call_id"]: row for row in stored(url, "call_log")}
    assert rows.keys() == truth.keys()
    for key, (when, call) in truth.items():
        assert rows[key]["timestamp"] == when
        assert (rows[key]["disposition"], rows[key]["dnis"]) == (call["DISPOSITION"], call["DNIS"])


def test_the_warehouse_holds_what_five9_has_day_after_day(
    open_account: Callable[..., Account], postgres_url: str
) -> None:
    account = open_account(size=400, ceiling=60)
    first = account.read(page_size=60)
    state = load(postgres_url, first)
    for name in STREAMS:
        assert stored(postgres_url, name), name
    assert_same_contacts(postgres_url, account)
    assert_same_lists(postgres_url, account)
    assert_same_calls(postgres_url, account)
    before = account.crm.found_by_list().keys()

    happened = account.a_day_passes()
    gone = before - account.crm.found_by_list().keys()
    assert len(gone) > happened["contacts"]["archived"]
    second = account.read(page_size=60, state=state, deletions="sweep", max_deleted_share=1)
    assert 0 < len(second.records("contacts")) < len(first.records("contacts"))
    state = load(postgres_url, second)
    assert_same_contacts(postgres_url, account)
    assert_same_lists(postgres_url, account)
    assert_same_calls(postgres_url, account)
    # Contacts that are gone, and those that were dialled from another list since.
    assert {(row["number1"], row["list_name"]) for row in stored(postgres_url, "contacts", deleted=True)} == gone
    named = {row["name"] for row in account.crm.live("dispositions")}
    assert {row["name"] for row in stored(postgres_url, "dispositions", deleted=True)} == set(DISPOSITIONS) - named

    account.a_day_passes()
    load(postgres_url, account.read(page_size=60, state=state, deletions="sweep", max_deleted_share=1))
    assert_same_contacts(postgres_url, account)
    assert_same_calls(postgres_url, account)


def test_a_contact_in_two_lists_is_one_row_with_its_lists(
    open_account: Callable[..., Account], postgres_url: str
) -> None:
    account = open_account(membership=True)
    load(postgres_url, account.read("contacts"))
    rows = stored(postgres_url, "contacts")
    assert len({row["number1"] for row in rows}) == len(rows)
    assert sum(len(row["lists"]) > 1 for row in rows) > 10


def test_the_history_tells_of_a_run(account: Account, postgres_url: str) -> None:
    account.crm.change_contact(4, account.crm.world.now, number1="", last_list="Web Leads")
    load(postgres_url, account.read())
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT sync_type, status, records_processed FROM orchestration.sync_history WHERE crm_source = 'five9'"
        ).fetchall()
        rejects = connection.execute("SELECT sync_type, reason FROM orchestration.sync_reject").fetchall()
    assert {row[0] for row in rows} == set(STREAMS)
    assert rejects == [("contacts", "the key is empty")]
    assert {row[0]: row[2] for row in rows}["contact_fields"] == len(FIELDS)
