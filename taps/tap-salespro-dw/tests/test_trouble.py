"""Credentials, limits, faults, queries that fail, settings that make no sense."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import typing as t

import pytest
from crm_simulator.faults import Fault
from crm_simulator.limiting import Rule
from crm_simulator.salespro import EXTERNAL_ID, ROLE_ARN, Outcome
from tap_kit.errors import Stop
from tap_kit.messages import Interrupted
from tap_kit.testing import keys, run_command
from tap_salespro_dw.client import Athena
from tap_salespro_dw.tap import TapSalesPro

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any


def ids(run: Run) -> set[str]:
    return {key for (key,) in keys(run.records("estimates"), "estimate_id")}


def wanted(account: Account) -> set[str]:
    return {key for (key,) in account.truth("estimate", "estimate_id")}


# Credentials


@pytest.mark.parametrize("wrong", ["access_key_id", "secret_access_key"])
def test_wrong_keys_end_the_run_and_are_not_shown(account: Account, wrong: str) -> None:
    run = account.read(**{wrong: "a-wrong-secret"})
    assert run.exit_code == 1
    assert {run.report(name)["error_category"] for name in ("customers", "estimates", "users")} == {"authentication"}
    assert account.crm.requests["POST /athena"] == 1
    assert "a-wrong-secret" not in run.text


def test_no_keys_at_all_are_said(account: Account) -> None:
    run = account.read("estimates", access_key_id="", secret_access_key="")
    assert run.report("estimates")["error_category"] == "authentication"
    assert "there are no credentials" in run.report("estimates")["error"]


def test_the_keys_of_the_machine_are_taken(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.settings["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.settings["secret_access_key"])
    assert ids(account.read("estimates", access_key_id="", secret_access_key="")) == wanted(account)


def test_a_profile_is_taken(account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(
        f"[warehouse]\naws_access_key_id = {account.settings['access_key_id']}\n"
        f"aws_secret_access_key = {account.settings['secret_access_key']}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    run = account.read("estimates", access_key_id="", secret_access_key="", profile="warehouse")
    assert ids(run) == wanted(account)
    other = account.read("estimates", access_key_id="", secret_access_key="", profile="none")
    assert "profile" in other.report("estimates")["error"]


def test_a_role_is_taken_on_and_its_keys_are_renewed(account: Account) -> None:
    account.crm.faults.append(Fault("expired_token", path="/athena", after=3))
    run = account.read("estimates", "users", role_arn=ROLE_ARN, external_id=EXTERNAL_ID)
    assert run.exit_code == 0
    assert ids(run) == wanted(account)
    assert account.crm.assumed >= 2
    assert "demo-temporary-secret" not in run.text
    refused = account.read("estimates", role_arn=ROLE_ARN)
    assert refused.exit_code == 1
    assert "sts:AssumeRole" in refused.report("estimates")["error"]


def test_temporary_keys_that_expire_end_the_run(account: Account) -> None:
    account.crm.faults.append(Fault("expired_token", path="/athena", after=3))
    run = account.read("estimates")
    assert run.report("estimates")["error_category"] == "authentication"


def test_a_session_token_is_sent(account: Account) -> None:
    account.crm.temporary["ASIATEST"] = ("temporary-secret", "temporary-token")
    keys_of = {"access_key_id": "ASIATEST", "secret_access_key": "temporary-secret"}
    assert account.read("estimates", **keys_of).exit_code == 1
    run = account.read("estimates", **keys_of, session_token="temporary-token")
    assert ids(run) == wanted(account)
    assert "temporary-token" not in run.text


# Queries that fail


def test_a_table_that_may_not_be_read_does_not_stop_the_others(open_account: Callable[..., Account]) -> None:
    account = open_account(denied={"customer"})
    run = account.read()
    assert run.exit_code == 1
    assert run.report("customers")["error_category"] == "permission"
    assert "glue:GetTable" in run.report("customers")["error"]
    assert {run.report(name)["status"] for name in run.bookmarks if name != "customers"} == {"success"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"database": "other"}, "SCHEMA_NOT_FOUND"),
        ({"catalog": "other"}, "CATALOG_NOT_FOUND"),
        ({"workgroup": "other"}, "Correct the setting workgroup."),
        ({"output_location": ""}, "No output location provided"),
    ],
)
def test_a_place_that_is_wrong_is_said(account: Account, settings: dict[str, t.Any], told: str) -> None:
    run = account.read("estimates", **settings)
    assert run.exit_code == 1
    assert told in run.report("estimates")["error"]


def test_a_column_that_is_gone_is_said(open_account: Callable[..., Account]) -> None:
    account = open_account(columns_gone={"bank_name"})
    run = account.read("estimates", "customers")
    assert "Column 'bank_name' cannot be resolved" in run.report("estimates")["error"]
    assert "deselect the column" in run.report("estimates")["error"]
    assert run.report("customers")["status"] == "success"


@pytest.mark.usefixtures("quick_retries")
def test_a_query_that_fails_for_a_passing_reason_is_started_again(account: Account) -> None:
    account.crm.outcomes += [Outcome("FAILED", "Query exhausted resources", retryable=True)] * 2
    run = account.read("estimates")
    assert ids(run) == wanted(account)
    assert account.crm.requests["StartQueryExecution"] == 3


def test_a_query_that_fails_for_good_is_not(account: Account) -> None:
    account.crm.outcomes.append(Outcome("CANCELLED", "Query cancelled by user"))
    run = account.read("estimates")
    assert "Somebody cancelled the query" in run.report("estimates")["error"]
    assert account.crm.requests["StartQueryExecution"] == 1
    assert not run.bookmarks.get("estimates")


def test_a_query_that_takes_too_long_is_stopped(account: Account) -> None:
    account.crm.polls = 10**9
    run = account.read("estimates", query_timeout_seconds=1)
    assert "took longer than 1 s and was stopped" in run.report("estimates")["error"]
    (execution,) = account.crm.executions.values()
    assert execution.state == "CANCELLED"


def test_a_query_is_stopped_when_the_run_is(account: Account) -> None:
    account.crm.polls = 10**9
    tap = TapSalesPro(config=account.settings, setup_mapper=False)

    def pause(_: float) -> None:
        raise Interrupted(128 + signal.SIGTERM)

    stream = t.cast("t.Any", tap.streams["estimates"])
    tap.prepare([stream])
    athena = Athena(tap.access, tap.athena.place, retry_seconds=10, pause=pause)
    with pytest.raises(Interrupted):
        athena.run('SELECT "estimate_id" FROM "estimate"', stream.meter)
    (execution,) = account.crm.executions.values()
    assert execution.state == "CANCELLED"


def test_items_of_a_read_that_failed_are_incomplete(account: Account) -> None:
    account.crm.outcomes.append(Outcome("FAILED", "SYNTAX_ERROR"))
    run = account.read("lead_results", "lead_result_line_items")
    assert "because lead_results was not read to its end" in run.report("lead_result_line_items")["error"]


def test_a_workgroup_may_have_the_last_word_on_the_location(open_account: Callable[..., Account]) -> None:
    account = open_account(overrides=True)
    assert ids(account.read("estimates", output_location="")) == wanted(account)


def test_looking_at_the_workgroup_is_not_needed(account: Account) -> None:
    account.crm.faults.append(Fault("forbidden", path="/athena", times=1))
    assert ids(account.read("estimates")) == wanted(account)


def test_a_result_that_may_not_be_read(account: Account) -> None:
    account.crm.faults.append(Fault("forbidden", path="/s3/"))
    run = account.read("estimates")
    assert run.report("estimates")["error_category"] == "permission"
    assert "s3:GetObject" in run.report("estimates")["error"]
    assert ids(account.read("estimates", read_results_from="api")) == wanted(account)


def test_a_result_of_other_columns_is_an_error(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_salespro_dw.client.read_file", lambda _: iter([["something"], ["x"]]))
    assert "has other columns" in account.read("estimates").report("estimates")["error"]


# Limits and passing trouble


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("source", ["s3", "api"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("storm", path="/athena", after=1, times=3),
        Fault("storm", path="/athena", after=2, times=2, retry_after="1"),
        Fault("error", path="/athena", after=2, times=3),
        Fault("error", path="/athena", times=2, status=503),
        Fault("cut", path="/athena", after=3),
        Fault("not_json", path="/athena", after=2),
        Fault("wrong_type", path="/athena", after=3),
        Fault("storm", path="/s3/", times=2),
        Fault("error", path="/s3/", times=2),
        Fault("cut", path="/s3/", after=1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.path}",
)
def test_passing_trouble_loses_nothing(account: Account, fault: Fault, source: str) -> None:
    account.crm.faults.append(Fault(**{**vars(fault), "seen": 0}))
    run = account.read("estimates", read_results_from=source)
    assert run.exit_code == 0
    assert ids(run) == wanted(account)
    assert len(run.records("estimates")) == 120
    if "athena" in fault.path:
        assert run.report("estimates")["retries"] >= fault.times


@pytest.mark.usefixtures("quick_retries")
def test_a_limit_is_waited_for(account: Account) -> None:
    account.crm.limiter.rules = {"get": [Rule(3, 0.3)]}
    run = account.read("estimates", "customers")
    assert run.exit_code == 0
    assert ids(run) == wanted(account)


def test_trouble_that_does_not_pass_ends_the_stream(account: Account) -> None:
    account.crm.faults.append(Fault("error", path="/athena", after=1, times=0))
    run = account.read("estimates", retry_seconds=0)
    assert run.exit_code == 1
    assert "It was tried once." in run.report("estimates")["error"]
    assert run.report("estimates")["error_category"] == "source"


def test_nobody_there_ends_the_run(account: Account) -> None:
    endpoints = dict.fromkeys(("athena", "s3"), "http://127.0.0.1:9")
    run = account.read("estimates", retry_seconds=0, endpoints=endpoints)
    assert run.report("estimates")["error_category"] == "connection"


# Records


def test_bad_values_are_rejects(account: Account) -> None:
    estimates, moment = account.crm.collections["estimate"], account.crm.world.now
    estimates.change(1, moment, sale_amount="lots", is_sale="maybe", document_count="many")
    estimates.change(2, moment, estimate_id=None)
    estimates.change(3, moment, updated_at="soon")
    run = account.read("estimates")
    assert run.exit_code == 0
    found = {(reject["field"], reject["reason"]) for reject in run.records("sync_rejects")}
    assert found == {
        ("sale_amount", "not a number"),
        ("is_sale", "neither true nor false"),
        ("document_count", "not a number"),
        ("estimate_id", "the key is empty"),
        ("updated_at", "not a date of the calendar"),
    }
    assert run.report("estimates")["rejects"] == {"record": 1, "value": 4}
    assert account.read("estimates", validation="strict").report("estimates")["rejects"]["record"] == 3


def test_amounts_of_a_form_that_are_none_are_rejects(account: Account) -> None:
    text = '[{"title": "Job Size", "value": "10-12"}, {"title": "Job Type", "value": "Roof"}]'
    account.crm.collections["lead_results"].change(1, account.crm.world.now, lead_results=text)
    run = account.read("lead_results", "lead_result_line_items")
    found = {(reject["stream"], reject["field"]) for reject in run.records("sync_rejects")}
    assert found == {("lead_results", "job_size"), ("lead_result_line_items", "job_type_amount")}


# Settings


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"database": "", "files": {}}, "Nothing can be read: set database"),
        ({"output_location": "bucket/results"}, "must begin with s3://"),
        ({"access_key_id": ""}, "only one is set: they belong together"),
        ({"endpoints": {"ec2": "x"}}, "The setting endpoints names ec2; the services are: athena, s3, sts."),
        ({"partitions": {"offices": "dt:%Y"}}, "The setting partitions names offices"),
        ({"partitions": {"estimates": "dt; DROP:%Y"}}, "must be a column and a format"),
        ({"partitions": {"estimates": "dt:'x'"}}, "must be a column and a format"),
        ({"files": {"estimates": "x.csv"}}, "the CSV streams are: offices, users, appointments"),
    ],
)
def test_settings_that_make_no_sense_stop_the_tap(account: Account, settings: dict[str, t.Any], told: str) -> None:
    with pytest.raises(Stop, match=told):
        account.read(**settings)


def test_a_location_needs_no_slash(account: Account) -> None:
    location = account.settings["output_location"].rstrip("/")
    assert ids(account.read("estimates", output_location=location)) == wanted(account)


def test_streams_that_are_not_set_up_are_left_out(account: Account) -> None:
    tap = TapSalesPro(config={**account.settings, "database": ""}, setup_mapper=False)
    assert set(tap.streams) == {"offices", "users", "appointments"}
    assert "the setting database does not say" in tap.explain_missing("estimates")
    tap = TapSalesPro(config={**account.settings, "files": {}}, setup_mapper=False)
    assert len(tap.streams) == 5
    assert "the setting files does not say" in tap.explain_missing("users")
    assert "does not exist" in tap.explain_missing("jobs")


def test_nothing_of_aws_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys, tap_salespro_dw.tap as tap\n"
        "tap.TapSalesPro(config={'database': 'x'}, setup_mapper=False).catalog_dict\n"
        "assert not {'boto3', 'botocore', 's3transfer'} & set(sys.modules)"
    )
    # A coverage of its own would load what is looked for.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)


def test_no_secret_is_in_what_the_command_prints(account: Account, tmp_path: Path) -> None:
    secret = account.settings["secret_access_key"]
    config = {**account.settings, "file_http_headers": {"Authorization": "Bearer made-up-token"}}
    for arguments in ((), ("--discover",), ("--about", "--format=json")):
        run = run_command("tap_salespro_dw", *arguments, folder=tmp_path, config=config)
        assert run.exit_code == 0
        assert secret not in run.text + run.log
        assert "made-up-token" not in run.text + run.log
