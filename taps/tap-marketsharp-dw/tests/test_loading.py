"""From the simulated MarketSharp into the warehouse: what is there afterwards is what MarketSharp has, row by row."""

from __future__ import annotations

import io
import json
import typing as t
import uuid
from contextlib import redirect_stdout
from datetime import UTC, datetime
from decimal import Decimal
from importlib import resources
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row
from tap_kit.rows import kind_of
from tap_marketsharp_dw.names import GROUPS
from tap_marketsharp_dw.streams import STREAMS
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message, Run

    # The class in conftest.py, which other modules cannot import.
    Company: t.TypeAlias = t.Any
    Row: t.TypeAlias = dict[str, t.Any]

SETS = {stream.name: str(vars(stream)["path"]).strip("/") for stream in STREAMS}
KEYS = {stream.name: str(stream.primary_keys[0]) for stream in STREAMS}
# As the vendor's model spells them, and as the columns are called.
SPELT = {"coounty": "county", "addresslin2": "addressline2"}


def load(url: str, run: Run) -> Message:
    """Load a run, and return the state that the next one starts from."""
    assert run.exit_code == 0
    with redirect_stdout(io.StringIO()) as printed:
        TargetPostgresDw(config={"sqlalchemy_url": url, "lock_wait_seconds": 0}).listen(io.StringIO(run.text))
    state: Message = json.loads(printed.getvalue().splitlines()[-1])
    return state


def stored(url: str, stream: str) -> list[Row]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM marketsharp.{stream}").fetchall()


def columns_of(stream: str) -> dict[str, Row]:
    file = resources.files("tap_marketsharp_dw") / "schemas" / f"{stream}.json"
    columns: dict[str, Row] = json.loads(file.read_text())["properties"]
    return columns


def expected(stream: str, entity: Row, zone: str) -> Row:
    """Return what an entity must be in the warehouse, by rules of this test's own."""
    values = {SPELT.get(name.lower(), name.lower()): value for name, value in entity.items()}
    made: Row = {}
    for name, column in columns_of(stream).items():
        value, kind = values[name.replace("_", "")], kind_of(column)
        if value is None:
            made[name] = None
        elif kind == "date-time":
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            made[name] = moment.replace(tzinfo=UTC if name.endswith("_utc") else ZoneInfo(zone))
        elif kind == "number":
            made[name] = Decimal(value)
        elif column.get("format") == "uuid":
            made[name] = uuid.UUID(value)
        elif kind == "string":
            made[name] = value.isoformat() if isinstance(value, datetime) else str(value)
        else:
            made[name] = value
    return made


def differences(url: str, company: Company, stream: str, zone: str) -> list[t.Any]:
    """Return what differs between the rows of the warehouse that are not deleted and the entities."""
    key = KEYS[stream]
    truth = {row[key]: row for row in (expected(stream, one, zone) for one in company.crm.truth(SETS[stream]))}
    rows = {row[key]: row for row in stored(url, stream) if row["_sdc_deleted_at"] is None}
    found: list[t.Any] = sorted(truth.keys() ^ rows.keys(), key=str)
    for one in truth.keys() & rows.keys():
        found += [(one, name, rows[one][name], value) for name, value in truth[one].items() if rows[one][name] != value]
    return found


@pytest.mark.parametrize(
    ("form", "zone", "groups"),
    [("json", "America/Chicago", list(GROUPS)), ("atom", "UTC", ["contacts", "inquiries", "job_products"])],
)
def test_the_warehouse_holds_what_marketsharp_has_day_after_day(
    open_company: Callable[..., Company], postgres_url: str, form: str, zone: str, groups: list[str]
) -> None:
    names = [name for group in groups for name in GROUPS[group]]
    company = open_company(size=80, page_cap=25, zone=zone)
    settings = {"form": form, "timezone": zone, "page_size": 40, "groups": groups}
    state = load(postgres_url, company.read(**settings))
    for name in names:
        assert stored(postgres_url, name), name
        assert differences(postgres_url, company, name, zone) == [], name

    before = {name: {row[KEYS[name]] for row in stored(postgres_url, name)} for name in names}
    happened = company.a_day_passes()
    assert happened["Contacts"]["archived"] >= 1
    second = company.read(state=state, deletions="sweep", max_deleted_share=1, **settings)
    assert len(second.records("contacts")) < 40
    load(postgres_url, second)
    for name in names:
        assert differences(postgres_url, company, name, zone) == [], name
        there = {expected(name, one, zone)[KEYS[name]] for one in company.crm.truth(SETS[name])}
        gone = {row[KEYS[name]] for row in stored(postgres_url, name) if row["_sdc_deleted_at"] is not None}
        assert gone == before[name] - there, name
    # The prospect that has become a customer is still a contact.
    if "prospects" in names:
        assert any(row["_sdc_deleted_at"] for row in stored(postgres_url, "prospects"))


def test_columns_that_are_uuids_are_uuids(company: Company, postgres_url: str) -> None:
    load(postgres_url, company.read("contacts", "call_leads"))
    with psycopg.connect(postgres_url) as connection:
        types: dict[str, str] = dict(
            connection.execute(
                "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'marketsharp'"
            ).fetchall()
        )
    assert types["contacts.id"] == types["contacts.contact_phone_id"] == "uuid"
    assert types["contacts.last_update"] == "timestamp with time zone"
    assert types["contacts.do_not_mail"] == "boolean"
    assert types["call_leads.id"] == "bigint"


def test_the_history_tells_of_a_run(open_company: Callable[..., Company], postgres_url: str) -> None:
    company = open_company(unlicensed=("Jobs",))
    run = company.read(groups=["company", "contacts", "jobs"])
    assert run.exit_code == 1
    with redirect_stdout(io.StringIO()):
        TargetPostgresDw(config={"sqlalchemy_url": postgres_url}).listen(io.StringIO(run.text))
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT sync_type, status, records_processed FROM orchestration.sync_history "
            "WHERE crm_source = 'marketsharp'"
        ).fetchall()
    told = {name: (status, count) for name, status, count in rows}
    assert told.pop("jobs") == ("failed", 0)
    assert {status for status, _ in told.values()} == {"success"}
    assert told["contacts"][1] == 60
