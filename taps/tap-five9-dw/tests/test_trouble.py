"""Credentials, limits, faults, sessions, XML that is not safe, odd records."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
import typing as t

import pytest
from crm_simulator.faults import Fault
from crm_simulator.five9 import LISTS, PASSWORD, USER, Trouble
from crm_simulator.limiting import Rule
from singer_sdk.exceptions import ConfigValidationError
from starlette.responses import Response
from tap_five9_dw.names import STREAMS
from tap_five9_dw.soap import WsdlFile, cache_folder
from tap_five9_dw.tap import TapFive9
from tap_kit.errors import SkipStream, Stop
from tap_kit.testing import keys

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

KEY = ("number1", "list_name")
SOAP = '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{}</soap:Body></soap:Envelope>'


def read_contacts(run: Run) -> set[tuple[t.Any, ...]]:
    return set(keys(run.records("contacts"), *KEY))


# Credentials and settings


def test_wrong_credentials_end_the_run_before_anything_is_read(account: Account) -> None:
    with pytest.raises(Stop) as stopped:
        account.read(password="a-wrong-secret")
    assert stopped.value.category == "authentication"
    assert "a-wrong-secret" not in str(stopped.value)
    assert sum(account.crm.requests.values()) == 1


def test_a_password_that_expires_ends_the_run(account: Account) -> None:
    account.crm.faults.append(Fault("expired_token", after=8))
    run = account.read()
    assert run.exit_code == 1
    assert {run.report(name)["error_category"] for name in ("contacts", "call_log")} == {"authentication"}
    assert run.report("contact_lists")["status"] == "success"


def test_no_secret_is_in_any_output(account: Account, tmp_path: Path) -> None:
    account.crm.faults.append(Fault("error", after=4, times=2))
    (tmp_path / "config.json").write_text(json.dumps(account.settings | {"password": PASSWORD}))
    done = subprocess.run(
        [sys.executable, "-m", "tap_five9_dw", "--config", str(tmp_path / "config.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": "", "TAP_FIVE9_LOGLEVEL": "DEBUG", "TAP_FIVE9_DW_LOGLEVEL": "DEBUG"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for secret in (PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()):
        assert secret not in done.stdout + done.stderr
    about = subprocess.run(
        [sys.executable, "-m", "tap_five9_dw", "--about", "--config", str(tmp_path / "config.json")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert PASSWORD not in about.stdout


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"api_url": "http://api.five9.com/wsadmin"}, "must begin with https://"),
        ({"region": "IN"}, "zone of the region IN is not known"),
        ({"timezone": "Mars/Olympus"}, "must be an IANA name"),
        ({"timezone": "America"}, "must be an IANA name"),
        ({"reports": {"contacts": "a/b"}}, "the reports are: call_log, agent_login_logout"),
        ({"reports": {"call_log": "Call Log"}}, "must name folder and report"),
    ],
)
def test_settings_that_make_no_sense(account: Account, settings: dict[str, t.Any], told: str) -> None:
    with pytest.raises(Stop, match=told):
        TapFive9(config={**account.settings, "api_url": None, **settings}, setup_mapper=False)


@pytest.mark.parametrize(
    ("region", "host"),
    [("US", "api.five9.com"), ("CA", "api.five9.ca"), ("EU", "api.five9.eu"), ("FRK", "api.eu.five9.com")],
)
def test_each_region_has_its_host(region: str, host: str) -> None:
    tap = TapFive9(config={"username": "u", "password": "p", "region": region}, setup_mapper=False)
    assert tap.url_base == f"https://{host}/wsadmin"


@pytest.mark.parametrize("version", ["v9_5", "v11", "v13"])
def test_other_versions_of_the_service(account: Account, version: str) -> None:
    assert account.read("contact_lists", api_version=version).exit_code == 0
    assert any(f"/{version}/" in path for path in account.crm.requests)


def test_a_version_that_does_not_exist(account: Account) -> None:
    with pytest.raises(Stop, match="no such version; check api_version"):
        account.read("contact_lists", api_version="v99")


def test_the_user_agent(account: Account) -> None:
    tap = TapFive9(config={**account.settings, "user_agent": "warehouse"}, setup_mapper=False)
    assert tap.client.session.headers["User-Agent"] == "warehouse"
    tap.close()


def test_one_request_at_a_time_is_no_matter_of_settings(account: Account) -> None:
    with pytest.raises(ConfigValidationError) as wrong:
        account.read("contacts", concurrency=2)
    assert "concurrency" in str(wrong.value.errors)


# Limits and passing trouble


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("storm", after=6, times=3),
        Fault("storm", after=6, retry_after="1"),
        Fault("error", after=6, times=4, status=503),
        Fault("cut", after=6),
        Fault("not_json", after=6),
        Fault("wrong_type", after=7),
    ],
    ids=lambda fault: fault.kind,
)
def test_passing_trouble_loses_nothing(account: Account, fault: Fault) -> None:
    account.read("contact_lists")
    account.crm.faults.append(Fault(**{**vars(fault), "seen": 0}))
    run = account.read("contacts")
    assert run.exit_code == 0
    assert read_contacts(run) == set(account.crm.found_by_list())
    assert run.report("contacts")["retries"] == fault.times


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "name",
    [
        "OperationsLimitExceededFault",
        "ServiceUnavailableFault",
        "ConcurrentModificationFault",
        "ServerFault",
        "UserAlreadyLoggedInFault",
        "AdminSessionClosedFault",
        "ServerException",
    ],
)
def test_faults_that_pass_are_tried_again(account: Account, name: str) -> None:
    account.crm.troubles.append(Trouble("getContactRecords", name, after=1, times=2))
    run = account.read("contacts")
    assert run.exit_code == 0
    assert read_contacts(run) == set(account.crm.found_by_list())
    assert run.report("contacts")["retries"] == 2


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("AccessDisallowedFault", "permission"),
        ("CrmFieldNotFoundFault", "source"),
        ("IncorrectArgumentFault", "source"),
        ("MissedArgumentFault", "source"),
        ("ListNotFoundFault", "source"),
        ("SomeNewFault", "source"),
    ],
)
def test_faults_that_stay_end_one_stream(account: Account, name: str, category: str) -> None:
    account.crm.troubles.append(Trouble("getContactRecords", name, times=0))
    run = account.read()
    assert run.exit_code == 1
    report = run.report("contacts")
    assert report["error_category"] == category
    assert name.removesuffix("Fault") in report["error"]
    assert account.crm.operations["getContactRecords"] == 1
    assert {run.report(stream)["status"] for stream in STREAMS if stream != "contacts"} == {"success"}


def test_an_account_that_is_not_valid_ends_the_run(account: Account) -> None:
    account.crm.troubles.append(Trouble("getCampaigns", "InvalidAccountFault"))
    run = account.read()
    assert {run.report(name)["error_category"] for name in ("campaigns", "contacts")} == {"authentication"}
    assert not account.crm.operations["getContactRecords"]


def test_a_forbidden_request_ends_one_stream(account: Account) -> None:
    account.read("contact_lists")
    account.crm.faults.append(Fault("forbidden", after=2, times=1))
    run = account.read()
    assert run.report("contact_fields")["error_category"] == "permission"
    assert {run.report(stream)["status"] for stream in STREAMS[1:]} == {"success"}


def test_fields_that_may_not_be_read_fail_contacts_and_nothing_else(account: Account) -> None:
    account.crm.troubles.append(Trouble("getContactFields", "AccessDisallowedFault", times=0))
    run = account.read()
    assert run.exit_code == 1
    assert run.report("contacts")["error_category"] == "permission"
    assert run.report("contact_fields")["error_category"] == "permission"
    assert run.report("contact_lists")["status"] == run.report("call_log")["status"] == "success"


def test_an_account_without_a_field_of_the_list_says_what_to_do(account: Account) -> None:
    account.crm.fields = [field for field in account.crm.fields if field[2] != "LastList"]
    run = account.read("contacts")
    assert "no contact field is mapped to LastList" in run.report("contacts")["error"]
    named = account.read("contacts", list_field="nowhere")
    assert "there is no contact field 'nowhere'" in named.report("contacts")["error"]


def test_a_limit_that_stays_ends_the_run_and_names_itself(account: Account) -> None:
    account.crm.troubles.append(Trouble("getContactRecords", "OperationsLimitExceededFault", times=0))
    run = account.read("contacts", retry_seconds=5, rate_limit_wait_seconds=60)
    report = run.report("contacts")
    assert report["error_category"] == "rate_limit"
    assert "no more calls of the kind Query for now (limit 1)" in report["error"]
    assert "wait of 60 s is longer" in report["error"]


def test_another_session_is_waited_for(account: Account) -> None:
    account.crm.troubles.append(Trouble("getListsInfo", "UserAlreadyLoggedInFault"))
    begun = time.monotonic()
    run = account.read("contact_lists", session_wait_seconds=1)
    assert run.exit_code == 0
    assert 0.9 < time.monotonic() - begun < 10
    assert run.report("contact_lists")["rate_limited_seconds"] == 1


def test_the_rate_is_kept(account: Account) -> None:
    account.crm.limiter.rules = {"Query": [Rule(20, 1)]}
    run = account.read(requests_per_minute=900)
    assert run.exit_code == 0
    assert account.crm.limiter.violations == 0


def test_numbers_of_people_are_in_no_error(account: Account) -> None:
    account.crm.find = lambda _: (_ for _ in ()).throw(fault("CrmFieldNotFoundFault", "no 5550100123 here"))
    run = account.read("contacts")
    assert "no ... here" in run.report("contacts")["error"]


def fault(name: str, message: str) -> Exception:
    from crm_simulator.five9 import SoapFaultError  # noqa: PLC0415 - only here

    return SoapFaultError(name, message)


# Sessions


def test_one_request_at_a_time_and_the_session_is_closed(open_account: Callable[..., Account]) -> None:
    account = open_account(seconds=0.002)
    assert account.read().exit_code == 0
    assert account.crm.overlaps == 0
    assert not account.crm.session
    assert account.crm.closed_sessions == 2


def test_the_session_is_closed_after_errors_too(account: Account) -> None:
    account.crm.troubles.append(Trouble("getContactRecords", "IncorrectArgumentFault", times=0))
    account.crm.troubles.append(Trouble("getCampaigns", "InvalidAccountFault", times=0))
    assert account.read("contacts").exit_code == 1
    assert not account.crm.session
    assert account.read().exit_code == 1
    assert not account.crm.session


def test_the_session_is_closed_after_discovery_and_after_a_test(account: Account, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(account.settings))
    for option in ("--discover", "--test=schema", "--test"):
        done = subprocess.run(
            [sys.executable, "-m", "tap_five9_dw", "--config", str(tmp_path / "config.json"), option],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert not account.crm.session, option


def test_the_session_is_closed_after_a_signal(open_account: Callable[..., Account], tmp_path: Path) -> None:
    account = open_account(seconds=0.3)
    (tmp_path / "config.json").write_text(json.dumps(account.settings))
    running = subprocess.Popen(
        [sys.executable, "-m", "tap_five9_dw", "--config", str(tmp_path / "config.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not account.crm.operations["getContactRecords"] and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM, err[-2000:]
    assert '"error_category":"interrupted"' in out
    assert not account.crm.session
    assert "could not be closed" not in err


def test_a_session_that_cannot_be_closed_is_no_failure(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    account.crm.troubles.append(Trouble("closeSession", "ServerFault", times=0))
    run = account.read("contact_lists")
    assert run.exit_code == 0
    assert "The session could not be closed (status 500)" in caplog.text


# Reports


def test_a_report_that_is_lost_is_run_again(account: Account) -> None:
    account.crm.troubles.append(Trouble("isReportRunning", "UnknownIdentifierFault"))
    run = account.read("agent_information")
    assert run.exit_code == 0
    assert account.crm.operations["runReport"] == 2
    account.crm.troubles.append(Trouble("getReportResultCsv", "UnknownIdentifierFault", times=0))
    lost = account.read("agent_information")
    assert "UnknownIdentifier" in lost.report("agent_information")["error"]


def test_a_report_that_is_not_ready_is_asked_for_again(account: Account) -> None:
    account.crm.troubles.append(Trouble("getReportResultCsv", "ResultIsNotReadyFault"))
    run = account.read("agent_information")
    assert run.exit_code == 0
    assert run.report("agent_information")["retries"] == 1


def test_a_report_is_asked_after_as_often_as_the_setting_says(open_account: Callable[..., Account]) -> None:
    account = open_account(polls=2)
    begun = time.monotonic()
    assert account.read("agent_information", report_poll_seconds=1).exit_code == 0
    assert 1.9 < time.monotonic() - begun < 10
    assert account.crm.operations["isReportRunning"] == 3


def test_a_report_that_never_ends_fails(open_account: Callable[..., Account]) -> None:
    run = open_account(polls=10**9).read("agent_information", report_timeout_seconds=1)
    assert "runs for more than 1 s" in run.report("agent_information")["error"]


def test_a_report_that_is_gone_says_what_to_do(account: Account) -> None:
    run = account.read("call_log", reports={"call_log": "My Folder/Old Call Log"})
    assert "Name its folder and report in the setting reports" in run.report("call_log")["error"]


def test_a_report_without_the_column_of_its_key_fails(account: Account) -> None:
    run = account.read("call_log", reports={"call_log": "Agent Reports/Agent Occupancy"})
    assert "its report has no column for call_id" in run.report("call_log")["error"]


def test_a_report_that_does_not_start_fails(account: Account) -> None:
    account.crm._runReport = lambda _: ""
    run = account.read("call_log")
    assert "did not say under which name its report runs" in run.report("call_log")["error"]


def test_rows_of_a_report_that_share_a_key_are_told_of(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    logins = account.crm.logins
    account.crm.logins = lambda start, end: (row for row in logins(start, end) for _ in range(2))
    run = account.read("agent_login_logout")
    assert run.exit_code == 0
    assert "agent_login_logout: 3 rows have the key of another row" in caplog.text


def test_columns_of_a_report_that_are_new_are_named(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    run = account.read(
        "call_log", "agent_login_logout", reports={"agent_login_logout": "Agent Reports/Agent Occupancy"}
    )
    assert run.exit_code == 0
    assert caplog.text.count("the column NOT READY TIME of the report is not read") == 1


def test_a_report_of_more_than_ten_megabytes_is_read(account: Account) -> None:
    wide = "x" * 60_000
    account.crm.agent_rows = lambda *_: ([str(row), wide, *[""] * 8] for row in range(200))
    run = account.read("agent_information")
    assert run.exit_code == 0
    assert len(run.records("agent_information")) == 200


# XML


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + SOAP.format("<x>&e;</x>"),
        '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + SOAP.format("<x>&b;</x>"),
        SOAP.format("<x>&undefined;</x>"),
        SOAP.format("<x>").replace("</soap:Body>", ""),
        "<other/>",
        "",
    ],
    ids=["external entity", "entities", "unknown entity", "cut", "no soap", "empty"],
)
def test_an_answer_that_is_not_safe_or_not_whole_is_none(account: Account, body: str) -> None:
    account.crm._getListsInfo = lambda _: ""
    answer = account.crm.answer
    account.crm.answer = lambda text, **more: (
        Response(body, media_type="text/xml") if "getListsInfo" in text else answer(text, **more)
    )
    run = account.read("contact_lists", "campaigns", retry_seconds=1)
    assert run.report("contact_lists")["status"] == "failed"
    assert "root:" not in run.text
    assert run.report("campaigns")["status"] == "success"


def test_an_answer_of_another_shape_ends_one_stream(account: Account) -> None:
    answer = account.crm.answer
    account.crm.answer = lambda text, **more: answer("<x/>" if "getListsInfo" in text else text, **more)
    run = account.read("contact_lists", "campaigns")
    assert "is not what the WSDL describes" in run.report("contact_lists")["error"]
    assert run.report("campaigns")["status"] == "success"


@pytest.mark.parametrize(
    ("found", "put", "told"),
    [
        (
            "http://ws-i.org/profiles/basic/1.1/swaref.xsd",
            "http://127.0.0.1:9/evil.xsd",
            "nothing is fetched from other",
        ),
        ("<wsdl:definitions", '<!DOCTYPE a [<!ENTITY e "x">]><wsdl:definitions', "is no XML"),
        ("</wsdl:definitions>", "", "is no XML"),
        ("wsdl:definitions", "wsdl:nothing", "something that is no WSDL"),
        ('type="tns:listInfo"', 'type="tns:missing"', "cannot be read"),
    ],
    ids=["other site", "document type", "cut", "no wsdl", "broken"],
)
@pytest.mark.usefixtures("quick_retries")
def test_a_wsdl_that_is_not_safe_or_not_whole_ends_the_run(account: Account, found: str, put: str, told: str) -> None:
    wsdl = account.crm.wsdl
    account.crm.wsdl = lambda: wsdl().replace(found, put)
    with pytest.raises((Stop, SkipStream), match=told):
        account.read("contact_lists", retry_seconds=1)


def test_the_wsdl_is_fetched_once(account: Account) -> None:
    fetched = [path for path in account.crm.requests if path.startswith("GET")]
    assert not fetched
    for _ in range(3):
        account.read("contact_lists")
    (path,) = [path for path in account.crm.requests if path.startswith("GET")]
    assert account.crm.requests[path] == 1
    account.read("contact_lists", wsdl_cache_days=0)
    assert account.crm.requests[path] == 3


def test_a_copy_of_the_wsdl_that_is_broken_is_fetched_anew(account: Account, tmp_path: Path) -> None:
    account.read("contact_lists")
    (copy,) = (tmp_path / "wsdl").iterdir()
    copy.write_text("<broken")
    assert account.read("contact_lists").exit_code == 0
    assert copy.read_text().startswith("<?xml")


def test_copies_of_the_wsdl(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = WsdlFile(tmp_path / "deep" / "er", "https://a", 60)
    assert copy.read() is None
    copy.write(b"x")
    assert copy.read() == b"x"
    assert WsdlFile(tmp_path / "deep" / "er", "https://b", 60).read() is None
    assert WsdlFile(tmp_path / "deep" / "er", "https://a", 0.0).read() is None
    copy.forget()
    assert copy.read() is None
    WsdlFile(None, "https://a", 60).write(b"x")
    (tmp_path / "file").write_text("")
    WsdlFile(tmp_path / "file", "https://a", 60).write(b"x")
    assert "it is fetched in each run" in caplog.text
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder(None) == tmp_path / "tap-five9-dw"
    assert cache_folder("here") is not None


def test_zeep_is_loaded_with_the_first_call_only() -> None:
    program = "import sys, tap_five9_dw.tap; sys.exit('zeep' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert done.returncode == 0


# Records


def test_bad_records_are_rejects(account: Account) -> None:
    change, now = account.crm.change_contact, account.crm.world.now
    change(4, now, number1="", last_list="Web Leads")
    change(5, now, **{"Total_Job_Amount": "x", "Total Job Amount": "a lot", "DoNotDial": "maybe"})
    change(6, now, **{"Appointment Date": "soon", "email": "nobody", "number2": "911"})
    run = account.read("contacts")
    assert run.exit_code == 0
    found = {(reject["field"], reject["reason"]) for reject in run.records("sync_rejects")}
    assert found == {
        ("number1", "the key is empty"),
        ("Total_Job_Amount", "not a number"),
        ("DoNotDial", "neither true nor false"),
        ("Appointment_Date", "not a date of the calendar"),
    }
    assert run.report("contacts")["rejects"] == {"record": 1, "value": 3}
    rows = {row["number1"]: row for row in run.records("contacts")}
    assert rows[account.crm.number(6)]["email"] == "nobody"
    assert rows[account.crm.number(6)]["number2"] == "911"
    strict = account.read("contacts", validation="strict")
    assert strict.report("contacts")["rejects"]["record"] == 3


def test_short_rows_and_one_row_are_read(account: Account) -> None:
    run = account.read("contacts", list_names=["Web Leads"], max_records_per_list=1)
    (row,) = run.records("contacts")
    assert row["list_name"] == "Web Leads"
    account.crm.contacts.size = 4
    account.crm._index = None
    assert len(account.read("contacts").records("contacts")) == len(account.crm.found_by_list()) <= 4
    assert account.crm.lists == list(LISTS)
