"""Owners, pipelines, definitions, labels, schemas, ZIP codes."""

from __future__ import annotations

import typing as t

import pytest
from crm_simulator.faults import Fault
from crm_simulator.hubspot import ZIP_TOKEN
from tap_kit.testing import keys

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    # The classes in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any
    Warehouse: t.TypeAlias = t.Any


def test_owners_are_read_in_two_passes(open_account: Callable[..., Account]) -> None:
    account = open_account(5, owners=250)
    run = account.read("owners")
    truth = {row["id"]: row for row in account.crm.truth("owners")}
    found = {row["id"]: row for row in run.records("owners")}
    assert found.keys() == truth.keys()
    assert {key for key, row in found.items() if row["_sdc_deleted_at"]} == {
        k for k, v in truth.items() if v["archived"]
    }
    assert {key: row["email"] for key, row in found.items()} == {key: row["email"] for key, row in truth.items()}
    # Archived owners have no user any more, but records still name them.
    assert all(row["user_id_including_inactive"] for row in found.values())


def test_pipelines_and_their_stages(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    run = account.read("pipelines", "pipeline_stages")
    truth = account.crm.truth("pipelines")
    assert sorted(keys(run.records("pipelines"), "object_type", "id")) == sorted(keys(truth, "object_type", "id"))
    stages = sorted((row["object_type"], row["id"], stage["id"]) for row in truth for stage in row["stages"])
    rows = run.records("pipeline_stages")
    assert sorted(keys(rows, "object_type", "pipeline_id", "id")) == stages
    assert {row["is_closed"] for row in rows} == {True, False}
    assert all(0 <= row["probability"] < 1 for row in rows)


@pytest.mark.parametrize("status", [400, 404])
def test_an_object_without_pipelines_is_passed_over(open_account: Callable[..., Account], status: int) -> None:
    account = open_account(5)
    account.crm.faults.append(Fault("error", path="pipelines/2026-03/tickets", status=status, times=0))
    run = account.read("pipelines")
    assert run.exit_code == 0
    assert {row["object_type"] for row in run.records("pipelines")} == {"deals", "appointments", "divisions"}


def test_definitions_of_all_objects_that_are_read(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    run = account.read("properties", "contacts", "deals")
    truth = [row for row in account.crm.truth("properties") if row["object_type"] in ("contacts", "deals")]
    assert sorted(keys(run.records("properties"), "object_type", "name")) == sorted(keys(truth, "object_type", "name"))
    alone = account.read("properties")
    assert {row["object_type"] for row in alone.records("properties")} > {"contacts", "tickets", "divisions"}


def test_labels_and_schemas(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    run = account.read("association_labels", "custom_object_schemas")
    assert len(run.records("association_labels")) == 9
    assert {row["label"] for row in run.records("association_labels")} == {None, "Decision maker", "Billing contact"}
    assert keys(run.records("custom_object_schemas"), "object_type_id", "name") == [
        ("2-1000101", "divisions"),
        ("2-1000102", "genius_users"),
    ]


def test_short_lists_are_swept_without_asking_again(open_account: Callable[..., Account], warehouse: Warehouse) -> None:
    account = open_account(5, owners=30)
    first = account.read("owners", "custom_object_schemas", deletions="sweep")
    warehouse.load(first)
    assert account.asked("owners") == 2
    gone = account.crm.owners.pop(4)
    warehouse.load(account.read("owners", deletions="sweep", state=first.states[-1]))
    marked = {key for key, row in warehouse.table("owners").items() if row["_sdc_deleted_at"]}
    assert marked == {gone["id"]} | {row["id"] for row in account.crm.owners if row["archived"]}


# ZIP codes


def zip_files(address: str, token: str = ZIP_TOKEN) -> dict[str, t.Any]:
    """Return the settings that lead to a file of ZIP codes on a host that wants a token."""
    headers = {"Authorization": f"token {token}", "Accept": "application/vnd.github.v3.raw"}
    return {"files": {"zipcodes": address}, "file_http_headers": headers}


def test_zip_codes_come_from_an_address_with_a_token_of_its_own(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    address = f"{account.url}/repos/example-owner/example-repo/contents/zips.csv?ref=main"
    run = account.read("zipcodes", **zip_files(address), deletions="sweep")
    assert run.exit_code == 0
    truth = {row["zip"]: row for row in account.crm.truth("zipcodes")}
    found = {row["zipcode"]: row for row in run.records("zipcodes")}
    assert found.keys() == truth.keys()
    # Leading zeros stay, blank cells are null, codes that are too short are rejects with the number of their line.
    assert all(len(code) >= 5 for code in found)
    assert any(row["county"] is None for row in found.values())
    assert run.report("zipcodes")["rejects"]["record"] == 4
    assert "(line " in run.records("sync_rejects")[0]["reason"]
    assert {code for (code,) in keys(run.records("zipcodes_keys"), "zipcode")} >= found.keys()
    again = account.read("zipcodes", **zip_files(address), state=run.states[-1])
    assert again.records("zipcodes") == []


def test_zip_codes_come_from_a_file(open_account: Callable[..., Account], tmp_path: Path) -> None:
    account = open_account(1)
    file = tmp_path / "zips.csv"
    file.write_bytes("\ufeffZipcode,Division,City\r\n02134,North,Süd\r\n,,\r\n00501,South,\r\n".encode())
    run = account.read("zipcodes", files={"zipcodes": str(file)})
    assert run.records("zipcodes") == [
        {"zipcode": "02134", "division": "North", "city": "Süd", "county": None, "state": None},
        {"zipcode": "00501", "division": "South", "city": None, "county": None, "state": None},
    ]


def test_there_is_no_stream_of_zip_codes_without_the_setting(open_account: Callable[..., Account]) -> None:
    from tap_hubspot_dw.tap import TapHubSpot  # noqa: PLC0415 - of this test only

    tap = TapHubSpot(config=open_account(1).config)
    assert "zipcodes" not in tap.streams
    assert "files" in tap.explain_missing("zipcodes")


@pytest.mark.usefixtures("quick_retries")
def test_an_error_of_the_files_host_concerns_its_stream_only(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    address = f"{account.url}/repos/example-owner/example-repo/contents/zips.csv"
    wrong = account.read("zipcodes", "owners", **zip_files(address, "wrong"))
    assert wrong.report("zipcodes")["status"] == "failed"
    assert wrong.report("owners")["status"] == "success"
    account.crm.faults.append(Fault("error", path="contents", status=503))
    again = account.read("zipcodes", **zip_files(address))
    assert (again.exit_code, again.report("zipcodes")["status"]) == (0, "success")
    missing = account.read("zipcodes", files={"zipcodes": "/nowhere/zips.csv"})
    assert "/nowhere/zips.csv" in missing.report("zipcodes")["error"]


def test_a_file_without_codes_is_refused(open_account: Callable[..., Account], tmp_path: Path) -> None:
    file = tmp_path / "zips.csv"
    file.write_text("town,state\nSpringfield,MA\n")
    run = open_account(1).read("zipcodes", files={"zipcodes": str(file)})
    assert run.exit_code == 1
    assert "zipcode" in run.report("zipcodes")["error"]
