"""What a run reads, and what the next one reads."""

from __future__ import annotations

import json
import typing as t
from datetime import timedelta
from pathlib import Path

import pytest
from crm_simulator.salespro import object_id
from tap_kit.testing import assert_golden, assert_resumable, keys, normalise, run_tap
from tap_salespro_dw.names import STREAMS
from tap_salespro_dw.tap import TapSalesPro

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

TABLES = {
    "customers": ("customer", "customer_id"),
    "credit_applications": ("credit_applications", "leap_credit_app_id"),
    "estimates": ("estimate", "estimate_id"),
    "lead_results": ("lead_results", "estimate_id"),
}


def ids(run: Run, stream: str) -> list[str]:
    return [key for (key,) in keys(run.records(stream), TABLES[stream][1])]


def wanted(account: Account, stream: str) -> set[str]:
    return {key for (key,) in account.truth(*TABLES[stream])}


@pytest.mark.parametrize("settings", [{}, {"read_results_from": "api"}, {"read_results_from": "api", "page_size": 7}])
def test_a_full_read_is_every_record_once(account: Account, settings: dict[str, t.Any]) -> None:
    run = account.read(**settings)
    assert run.exit_code == 0
    for name in TABLES:
        assert len(ids(run, name)) == len(set(ids(run, name))), name
        assert set(ids(run, name)) == wanted(account, name), name
    assert len(run.records("offices")) == 4
    assert len(run.records("users")) == 30
    assert len(run.records("appointments")) == 12
    assert {message["stream"] for message in run.messages if message["type"] == "SCHEMA"} == set(STREAMS)


def test_golden_output(open_account: Callable[..., Account]) -> None:
    account = open_account(size=12)
    run = account.read()
    assert_golden(Path(__file__).with_name("golden.jsonl"), normalise(run.text, {account.url: "<url>"}))


def test_both_ways_to_a_result_give_the_same(account: Account) -> None:
    lines = []
    for source in ("s3", "api"):
        text = normalise(account.read(read_results_from=source).text, {f'"{source}"': ""})
        lines.append([line for line in text.splitlines() if '"STATE"' not in line])
    assert lines[0] == lines[1]


def test_the_rows_come_in_the_order_of_their_changes(account: Account) -> None:
    moments = [row["updated_at"] for row in account.read("estimates").records("estimates")]
    known = [moment for moment in moments if moment]
    assert known == sorted(known)
    # Rows without a time come last.
    assert moments[len(known) :] == [None] * (len(moments) - len(known))


# The traps


def test_the_text_false_is_false(account: Account) -> None:
    rows = account.read("estimates").records("estimates")
    assert {row["is_sale"] for row in rows} == {True, False}
    assert {row["has_credit_app"] for row in rows} == {True, False, None}


def test_an_empty_amount_is_null_and_its_row_is_there(account: Account) -> None:
    run = account.read("estimates")
    unsold = [row for row in run.records("estimates") if row["sale_amount"] is None]
    assert len(unsold) == 40
    assert {row["document_count"] for row in run.records("estimates")} == {None, 1, 2, 3, 4, 5}
    assert run.report("estimates")["rejects"] == {"record": 0, "value": 0}


def test_null_and_the_empty_text_differ(account: Account) -> None:
    rows = account.read("customers").records("customers")
    assert {row["crm_source"] for row in rows} == {None, "", "hubspot"}
    assert {row["company_name"] for row in rows} == {'Demo "Roofs", Inc.'}
    notes = {row["credit_app_note"] for row in account.read("credit_applications").records("credit_applications")}
    assert notes == {"", "two\nlines, with a comma"}


def test_the_last_row_of_a_lead_result_counts(account: Account) -> None:
    rows = {row["estimate_id"]: row for row in account.read("lead_results").records("lead_results")}
    truth = account.truth("lead_results", "estimate_id")
    for (key,), row in truth.items():
        assert rows[key]["lead_results_raw"] == row["lead_results"]
        assert (rows[key]["updated_at"] or "")[:19] == (row["updated_at"] or "")[:19].replace(" ", "T")


def test_a_customer_with_several_rows_is_the_one_that_changed_last(account: Account) -> None:
    rows = {row["customer_id"]: row for row in account.read("customers").records("customers")}
    assert rows[object_id("customer", 7)]["estimate_id"] == object_id("estimate", 8)


def test_rows_without_a_key_are_left_out_and_others_without_references_are_not(account: Account) -> None:
    assert "" not in ids(account.read("customers"), "customers")
    applications = account.read("credit_applications").records("credit_applications")
    assert {row["customer_id"] for row in applications} > {None}


def test_an_old_row_without_a_time_does_not_replace_a_newer_one(account: Account) -> None:
    crm = account.crm
    first = account.read("customers")
    crm.world.days += 5
    # Row 49 has no time; row 50 becomes another row of its customer, changed within the first run.
    crm.collections["customer"].change(
        50, crm.world.start - timedelta(days=1), customer_id=object_id("customer", 49), customer_last_name="Newer"
    )
    second = account.read("customers", state=first.states[-1], reread_hours=0)
    assert object_id("customer", 49) not in ids(second, "customers")


# The form


def test_answers_become_columns(account: Account) -> None:
    rows = account.read("lead_results").records("lead_results")
    asked = [row for row in rows if row["lead_results_raw"] and row["lead_results_raw"].startswith("[")]
    assert {row["appointment_result"] for row in asked} == {
        "[CC] Credit decline",
        "[DNS] Demo not sold",
        "Undecided",
        None,
    }
    assert {row["status_bucket"] for row in asked} == {"CC", "DNS", None}
    assert {row["both_homeowners_present"] for row in asked} == {True, False, None}
    assert {row["result_reason_no_demo"] for row in asked} == {"Not at home", None}
    assert {str(row["one_year_price"]) for row in asked} == {"12345.60", "None", "900"}
    assert {row["deposit_type"] for row in asked} == {"Check", None}
    assert {row["additional_services_demoed_priced"] for row in asked} == {"Gutters"}
    assert {row["color_selection"] for row in asked} == {"Slate"}
    assert {row["notes"] for row in asked} == {"last"}
    assert all("A question of this office" in row["lead_results_raw"] for row in asked)


def test_a_form_that_is_none_is_kept_as_it_is(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    rows = account.read("lead_results").records("lead_results")
    (row, *_) = [row for row in rows if row["lead_results_raw"] == "no form"]
    assert row["notes"] is None
    assert any(row["lead_results_raw"] is None for row in rows)
    assert "2 of lead_results): no JSON array of titles and values" in caplog.text


def test_items_are_written_before_their_lead_result(account: Account) -> None:
    run = account.read("lead_results", "lead_result_line_items")
    seen: set[str] = set()
    for message in run.messages:
        if message["type"] == "RECORD" and message["stream"] == "lead_results":
            seen.add(message["record"]["estimate_id"])
        elif message["type"] == "RECORD":
            assert message["record"]["estimate_id"] not in seen
    items = run.records("lead_result_line_items")
    assert {item["job_type_number"] for item in items} == {1, 2, 3, 4}
    assert len(run.schema("lead_result_line_items")["key_properties"]) == 2
    # No second query for them.
    assert run.report("lead_result_line_items")["bytes_scanned"] == 0


def test_items_alone_are_those_of_all_lead_results(account: Account) -> None:
    together = account.read("lead_results", "lead_result_line_items").records("lead_result_line_items")
    alone = account.read("lead_result_line_items")
    assert sorted(map(str, alone.records("lead_result_line_items"))) == sorted(map(str, together))
    assert alone.report("lead_result_line_items")["bytes_scanned"] > 0


def test_a_delta_tells_which_items_are_gone(account: Account) -> None:
    crm = account.crm
    first = account.read()
    crm.world.days += 10
    form = [{"title": "Job Type 1", "value": "Windows"}, {"title": "Job Type 1 Amount", "value": "5"}]
    crm.collections["lead_results"].change(5, crm.world.now, lead_results=json.dumps(form))
    second = account.read("lead_results", "lead_result_line_items", state=first.states[-1])
    key = object_id("estimate", 5)
    items = {
        item["job_type_number"]: item for item in second.records("lead_result_line_items") if item["estimate_id"] == key
    }
    assert [number for number, item in items.items() if item["_sdc_deleted_at"] is None] == [1]
    assert {item["_sdc_deleted_at"] for number, item in items.items() if number > 1} == {"2025-06-12T12:00:00+00:00"}
    full = first.records("lead_result_line_items")
    assert {item["_sdc_deleted_at"] for item in full} == {None}


# Deltas


def test_a_delta_brings_what_a_day_changed(account: Account) -> None:
    first = account.read()
    account.crm.world.days += 3
    happened = account.crm.pass_a_day()
    second = account.read(state=first.states[-1], reread_hours=0)
    for name, (table, key) in TABLES.items():
        rows = {row[key]: row["updated_at"] for run in (first, second) for row in run.records(name)}
        for (found,), row in account.truth(table, key).items():
            assert (rows[found] or "")[:19] == (row["updated_at"] or "")[:19].replace(" ", "T"), name
        assert happened[table]["changed"] <= len(second.records(name)) < len(first.records(name)) / 2
    assert (
        second.bookmarks["estimates"]["replication_key_value"] > first.bookmarks["estimates"]["replication_key_value"]
    )
    # The export of users has changed, that of offices has not.
    assert (len(second.records("users")), len(second.records("offices"))) == (33, 0)


def test_a_delta_reads_again_what_may_be_delivered_late(account: Account) -> None:
    first = account.read("estimates")
    few = account.read("estimates", state=first.states[-1], reread_hours=1)
    more = account.read("estimates", state=first.states[-1])
    assert 0 < len(few.records("estimates")) < len(more.records("estimates")) == 120


def test_a_partition_lets_a_delta_scan_less(open_account: Callable[..., Account]) -> None:
    account = open_account(size=600, partitioned=True)
    first = account.read("estimates")
    plain = account.read("estimates", state=first.states[-1], reread_hours=1)
    part = account.read("estimates", state=first.states[-1], reread_hours=1, partitions={"estimates": "dt:%Y-%m-%d"})
    assert part.report("estimates")["bytes_scanned"] < plain.report("estimates")["bytes_scanned"] / 2
    assert {row["estimate_id"] for row in part.records("estimates") if row["updated_at"]} == {
        row["estimate_id"] for row in plain.records("estimates") if row["updated_at"]
    }


def test_a_full_read_has_no_partition(open_account: Callable[..., Account]) -> None:
    account = open_account(partitioned=True)
    run = account.read("customers", partitions={"customers": "dt:%Y-%m-%d"})
    assert set(ids(run, "customers")) == wanted(account, "customers")


def test_deselected_columns_are_not_scanned(account: Account) -> None:
    whole = account.read("estimates")
    catalog = TapSalesPro(config=account.settings, setup_mapper=False).catalog_dict
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = entry["stream"] == "estimates"
            elif item["breadcrumb"][1] not in ("estimate_id", "updated_at", "is_sale"):
                item["metadata"]["selected"] = False
    run = run_tap(TapSalesPro, account.settings, catalog=catalog)
    assert set(run.records("estimates")[0]) == {"estimate_id", "updated_at", "is_sale"}
    assert run.report("estimates")["bytes_scanned"] * 26 == whole.report("estimates")["bytes_scanned"] * 3


def test_the_bounds_of_a_run_count(account: Account) -> None:
    bounds = {"since": "2025-06-02T08:00:00+00:00", "end_date": "2025-06-02T09:00:00+00:00"}
    first = account.read("estimates")
    run = account.read("estimates", state=first.states[-1], **bounds)
    moments = [row["updated_at"] for row in run.records("estimates") if row["updated_at"]]
    assert moments
    assert all("2025-06-02T08" <= moment < "2025-06-02T09" for moment in moments)
    assert run.bookmarks == first.bookmarks
    later = account.read("estimates", start_date="2025-06-02T10:00:00+00:00")
    assert 0 < len(later.records("estimates")) < 20
    assert len(account.read("estimates", max_records=7).records("estimates")) == 7


def test_an_empty_account_is_no_error(open_account: Callable[..., Account]) -> None:
    account = open_account(size=0)
    run = account.read(*STREAMS[:5], deletions="sweep")
    assert run.exit_code == 0
    assert not [message for message in run.messages if message["type"] == "RECORD"]


# Interruptions


@pytest.mark.parametrize("source", ["s3", "api"])
def test_a_run_may_be_cut_off_at_every_state(account: Account, source: str) -> None:
    run = account.read("estimates", page_size=20, read_results_from=source)
    assert len(run.states) > 6
    assert_resumable(
        run, lambda state: account.read("estimates", state=state, read_results_from=source), "estimates", "estimate_id"
    )


def test_a_delta_of_forms_may_be_cut_off_at_every_state(account: Account) -> None:
    first = account.read("lead_results", "lead_result_line_items")
    account.crm.world.days += 1
    account.crm.pass_a_day()
    run = account.read("lead_results", "lead_result_line_items", page_size=10, state=first.states[-1])
    for stream, key in (
        ("lead_results", ["estimate_id"]),
        ("lead_result_line_items", ["estimate_id", "job_type_number"]),
    ):
        assert_resumable(
            run,
            lambda state: account.read("lead_results", "lead_result_line_items", state=state),
            stream,
            *key,
        )


def interrupted(account: Account) -> t.Any:
    run = account.read("estimates", page_size=20)
    marks = [(state, state["bookmarks"].get("estimates", {}).get("resume")) for state in run.states]
    return next(state for state, resume in marks if resume and resume["last_key"][1] == 40)


def test_an_interrupted_read_goes_on_in_the_same_result(account: Account) -> None:
    state = interrupted(account)
    account.crm.requests.clear()
    rest = account.read("estimates", state=state)
    assert account.crm.requests["StartQueryExecution"] == 0
    assert len(rest.records("estimates")) == 80
    assert rest.report("estimates")["bytes_scanned"] == 0
    assert rest.report("estimates")["resumed"]


def test_a_result_that_is_gone_is_asked_for_again_from_there_on(account: Account) -> None:
    state = interrupted(account)
    for execution in account.crm.executions.values():
        execution.content = None
    rest = account.read("estimates", state=state)
    assert account.crm.requests["StartQueryExecution"] == 2
    # From the last row on, and those without a time.
    assert len(rest.records("estimates")) == 81
    account.crm.executions.clear()
    assert len(account.read("estimates", state=state).records("estimates")) == 81


# Deletions


def test_a_sweep_sends_the_keys_of_all_rows(account: Account) -> None:
    first = account.read()
    account.crm.world.days += 1
    account.crm.collections["estimate"].archive(7, account.crm.world.now)
    run = account.read(state=first.states[-1], deletions="sweep")
    for name, (_, key) in TABLES.items():
        sent = {found for (found,) in keys(run.records(f"{name}_keys"), key)}
        assert sent == wanted(account, name), name
        assert run.schema(f"{name}_keys")["schema"]["x-sweep-of"] == name
    items = keys(first.records("lead_result_line_items"), "estimate_id", "job_type_number")
    assert set(keys(run.records("lead_result_line_items_keys"), "estimate_id", "job_type_number")) == set(items)
    assert len(run.records("users_keys")) == 30
