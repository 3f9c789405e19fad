"""From the simulated account into the warehouse: what is there afterwards is what SalesPro has, row by row."""

from __future__ import annotations

import csv
import io
import json
import re
import typing as t
from contextlib import redirect_stdout
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
from psycopg.rows import dict_row
from tap_salespro_dw.names import STREAMS
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message, Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Row: t.TypeAlias = dict[str, t.Any]

TABLES = {
    "customers": ("customer", "customer_id"),
    "credit_applications": ("credit_applications", "leap_credit_app_id"),
    "estimates": ("estimate", "estimate_id"),
    "lead_results": ("lead_results", "estimate_id"),
}
AMOUNTS = ("sale_amount", "finance_amount", "down_payment", "credit_app_amount")


def load(url: str, run: Run) -> Message:
    """Load a run, and return the state that the next one starts from."""
    assert run.exit_code == 0
    with redirect_stdout(io.StringIO()) as printed:
        TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0}).listen(io.StringIO(run.text))
    state: Message = json.loads(printed.getvalue().splitlines()[-1])
    return state


def stored(url: str, stream: str) -> list[Row]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM salespro.{stream}").fetchall()


def living(url: str, stream: str) -> list[Row]:
    return [row for row in stored(url, stream) if row["_sdc_deleted_at"] is None]


def expected(row: Row) -> Row:
    """Return what a row of a table must be in the warehouse, by rules of this test's own."""
    made: Row = {}
    for name, value in row.items():
        if value is None:
            made[name] = None
        elif name.endswith("_at"):
            made[name] = datetime.fromisoformat(value).replace(tzinfo=UTC)
        elif name in AMOUNTS:
            made[name] = Decimal(value)
        elif name in ("is_sale", "has_credit_app"):
            made[name] = value == "true"
        else:
            made[name] = value
    if "lead_results" in made:
        made["lead_results_raw"] = made.pop("lead_results")
    return made


def differences(url: str, account: Account, stream: str) -> list[t.Any]:
    """Return what differs between the rows of the warehouse that are not deleted and the simulator's."""
    table, key = TABLES[stream]
    truth = {found: expected(row) for (found,), row in account.truth(table, key).items()}
    rows = {row[key]: row for row in living(url, stream)}
    found: list[t.Any] = sorted(truth.keys() ^ rows.keys())
    for one in truth.keys() & rows.keys():
        found += [(one, name, rows[one][name], value) for name, value in truth[one].items() if rows[one][name] != value]
    return found


def items_of(account: Account) -> set[tuple[str, int, str, Decimal]]:
    """Return the items that the forms hold, by rules of this test's own."""
    items = set()
    for (key,), row in account.truth("lead_results", "estimate_id").items():
        text = row["lead_results"]
        if not text or not text.startswith("["):
            continue
        answers = {answer["title"]: answer["value"] for answer in json.loads(text)}
        numbers = [number for number in range(1, 7) if f"Job Type {number} Amount" in answers]
        for number in numbers:
            amount = Decimal(answers[f"Job Type {number} Amount"].replace("$", "").replace(",", ""))
            items.add((key, number, answers[f"Job Type {number}"], amount))
        if "Job Type" in answers:
            items.add((key, 1, "Roof", Decimal(9999)))
    return items


def stored_items(url: str) -> set[tuple[str, int, str, Decimal]]:
    return {
        (row["estimate_id"], row["job_type_number"], row["job_type"], row["job_type_amount"])
        for row in living(url, "lead_result_line_items")
    }


def test_the_warehouse_holds_what_salespro_has_day_after_day(
    open_account: Callable[..., Account], postgres_url: str
) -> None:
    account = open_account(size=300)
    state = load(postgres_url, account.read())
    for name in TABLES:
        assert differences(postgres_url, account, name) == [], name
    assert stored_items(postgres_url) == items_of(account)

    account.crm.world.days += 1
    happened = account.crm.pass_a_day()
    state = load(postgres_url, account.read(state=state))
    # A delta sees what is new and what has changed, not what is gone.
    gone = {name: set(account.truth(*TABLES[name])) for name in TABLES}
    for name, (_, key) in TABLES.items():
        assert [d for d in differences(postgres_url, account, name) if isinstance(d, tuple)] == [], name
        assert {(row[key],) for row in living(postgres_url, name)} >= gone[name]
    assert stored_items(postgres_url) >= items_of(account)
    assert happened["estimate"]["archived"] >= 1

    state = load(postgres_url, account.read(state=state, deletions="sweep", max_deleted_share=1))
    for name in TABLES:
        assert differences(postgres_url, account, name) == [], name
    assert stored_items(postgres_url) == items_of(account)

    before = {name: stored(postgres_url, name) for name in (*TABLES, "lead_result_line_items")}
    load(postgres_url, account.read(state=state))
    for name, rows in before.items():
        assert sorted(map(str, stored(postgres_url, name))) == sorted(map(str, rows)), name


def test_the_exports_become_tables(open_account: Callable[..., Account], postgres_url: str) -> None:
    account = open_account(keyless_user=True)
    load(postgres_url, account.read("offices", "users", "appointments"))
    content = account.crm.objects["exports/users.csv"].decode("utf-8-sig")
    truth = {row["objectId"]: row for row in csv.DictReader(io.StringIO(content)) if row["objectId"]}
    rows = {row["user_object_id"]: row for row in stored(postgres_url, "users")}
    assert rows.keys() == truth.keys()
    for key, row in truth.items():
        assert rows[key]["is_active"] is (row["isActive"] == "TRUE")
        assert rows[key]["first_name"] == row["nameFirst"]
        name = row["username"] if "@" in row["username"] else None
        assert rows[key]["email"] == (row["email"] or name)
        assert rows[key]["created_at"] == datetime(2024, 1, 6, 0, 16, 45, 538_000, UTC)
        assert (rows[key]["deactivated_date"] is None) is (not row["deactivatedDate"])
        assert rows[key]["allowed_offices"] in ([{"objectId": "x1"}], "all, of them")
    assert {row["can_search_all_estimates"] for row in stored(postgres_url, "offices")} == {True, False}
    assert {row["sale_amount"] for row in stored(postgres_url, "appointments")} > {None, Decimal("100.50")}
    with psycopg.connect(postgres_url) as connection:
        (reject,) = connection.execute("SELECT reason FROM orchestration.sync_reject").fetchall()
    assert re.fullmatch(r"the key is empty \(line 15 of users\.csv\)", reject[0])


def test_the_history_tells_of_a_run(account: Account, postgres_url: str) -> None:
    load(postgres_url, account.read())
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT sync_type, status, records_processed, performance_metrics ->> 'bytes_scanned'"
            " FROM orchestration.sync_history WHERE crm_source = 'salespro'"
        ).fetchall()
    assert {row[0] for row in rows} == set(STREAMS)
    assert {row[1] for row in rows} <= {"success", "partial"}
    found = {row[0]: row for row in rows}
    assert found["estimates"][2] == 120
    assert int(found["estimates"][3]) == 120 * 26 * 10
    assert found["users"][3] is None
