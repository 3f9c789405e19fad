"""Logins: service accounts, users, bare tokens; and that none of their secrets is seen."""

from __future__ import annotations

import json
import typing as t

import pytest
from crm_simulator.faults import Fault
from crm_simulator.gsheet import CLIENT_ID, CLIENT_SECRET, DRIVE_SCOPE, REFRESH_TOKEN, SHEETS_SCOPE
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tap_gsheet_dw.credentials import ServiceAccount, read_login
from tap_gsheet_dw.tap import TapGoogleSheets
from tap_kit.errors import Stop
from tap_kit.testing import run_command

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

EMAIL = "reader@example-project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def file(pem: str) -> dict[str, str]:
    return {
        "type": "service_account",
        "project_id": "example-project",
        "private_key_id": "0123456789abcdef",
        "private_key": pem,
        "client_email": EMAIL,
        "token_uri": "https://tokens.example.com/never-asked",
    }


@pytest.fixture
def account(open_account: Callable[..., Account], key: rsa.RSAPrivateKey) -> Account:
    numbers = key.public_key().public_numbers()
    opened = open_account(service_accounts={EMAIL: (numbers.n, numbers.e)})
    opened.login, opened.sheets["sheets"] = {}, []
    return opened


def test_a_service_account_by_its_key(account: Account, file: dict[str, str], pem: str) -> None:
    run = account.read("marketing_spends", credentials_json=json.dumps(file))
    assert run.exit_code == 0
    assert len(run.records("marketing_spends")) == 75
    assert set(account.crm.tokens.values()) == {f"{SHEETS_SCOPE} {DRIVE_SCOPE}"}
    assert pem.splitlines()[1] not in run.text
    assert "credentials_json" not in run.text


def test_a_service_account_by_its_file(account: Account, file: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(file))
    run = account.read("marketing_spends", credentials_path=str(path))
    assert run.exit_code == 0
    assert account.crm.requests["POST /token"] == 1


def test_without_the_check_the_scope_of_drive_is_not_asked_for(account: Account, file: dict[str, str]) -> None:
    run = account.read("marketing_spends", credentials_json=json.dumps(file), check_changes=False)
    assert run.exit_code == 0
    assert SHEETS_SCOPE in account.crm.tokens.values()
    assert not any("drive" in path for path in account.crm.requests)


def test_another_key_is_refused_and_not_shown(account: Account, file: dict[str, str]) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    run = account.read("marketing_spends", credentials_json=json.dumps({**file, "private_key": pem}))
    report = run.report("marketing_spends")
    assert (run.exit_code, report["error_category"]) == (1, "authentication")
    assert "Google gives no access token for this login" in report["error"]
    assert "invalid_grant Invalid JWT Signature." in report["error"]
    assert pem.splitlines()[1] not in run.text
    assert account.crm.requests["POST /token"] == 1


def test_a_user_who_has_consented(account: Account, tmp_path: Path) -> None:
    user = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
    assert account.read("marketing_spends", **user).exit_code == 0
    path = tmp_path / "user.json"
    # As `gcloud auth application-default login` and google-auth write it.
    path.write_text(json.dumps({"type": "authorized_user", **user}))
    assert account.read("marketing_spends", credentials_path=str(path)).exit_code == 0
    wrong = account.read("marketing_spends", **{**user, "refresh_token": "an-old-refresh-token"})
    assert "Token has been expired or revoked" in wrong.report("marketing_spends")["error"]
    assert "an-old-refresh-token" not in wrong.text
    wrong = account.read("marketing_spends", **{**user, "client_secret": "another-secret"})
    assert "invalid_client" in wrong.report("marketing_spends")["error"]


def test_a_bare_token_ends_with_the_run(account: Account) -> None:
    assert account.read("marketing_spends", access_token="demo-access-token").exit_code == 0
    wrong = account.read("marketing_spends", access_token="an-old-token")
    assert wrong.report("marketing_spends")["error_category"] == "authentication"
    assert "an-old-token" not in wrong.text


@pytest.mark.parametrize("path", ["values:batchGet", "/drive/v3/files"])
def test_a_token_that_expires_in_the_middle_is_renewed(account: Account, file: dict[str, str], path: str) -> None:
    account.crm.faults.append(Fault("expired_token", path=path, after=1))
    run = account.read("marketing_leads", credentials_json=json.dumps(file), page_size=20)
    assert run.exit_code == 0
    assert len(run.records("marketing_leads")) == 200
    assert account.crm.signed_in == 2


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", path="/token", times=2, status=503),
        Fault("cut", path="/token"),
        Fault("not_json", path="/token"),
        Fault("storm", path="/token", times=2),
    ],
    ids=lambda fault: fault.kind,
)
def test_passing_trouble_at_the_token_endpoint(account: Account, file: dict[str, str], fault: Fault) -> None:
    account.crm.faults.append(Fault(**{**vars(fault), "seen": 0}))
    run = account.read("marketing_spends", credentials_json=json.dumps(file))
    assert run.exit_code == 0


def test_a_wrong_login_ends_the_run_before_the_first_record(account: Account, file: dict[str, str]) -> None:
    account.crm.keys = {}
    run = account.read(credentials_json=json.dumps(file))
    assert {report["error_category"] for report in run.states[-1]["sync_report"]["streams"].values()} == {
        "authentication"
    }
    assert not [message for message in run.messages if message["type"] == "RECORD"]
    assert sum(account.crm.requests.values()) == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "There are no credentials: set credentials_path or credentials_json"),
        ({"client_id": "a", "refresh_token": "secret-b"}, "The setting client_secret is missing: client_id"),
        (
            {"credentials_path": "/nowhere/key.json"},
            r"/nowhere/key.json of the setting credentials_path cannot be read",
        ),
        ({"credentials_json": "{"}, "credentials_json holds no JSON object"),
        ({"credentials_json": "[1]"}, "credentials_json holds no JSON object"),
        ({"credentials_json": '{"installed": {"client_id": "x"}}'}, "opens no browser"),
        ({"credentials_json": '{"web": {}}'}, "only half of a login"),
        ({"credentials_json": '{"client_email": "x"}'}, "neither the key of a service account"),
        (
            {"credentials_json": '{"client_email": "x", "private_key": "-----BEGIN PRIVATE KEY-----"}'},
            "private key of the service account cannot be read",
        ),
    ],
)
def test_settings_that_are_no_login(settings: dict[str, str], told: str) -> None:
    with pytest.raises(Stop, match=told) as caught:
        TapGoogleSheets(config={**settings, "marketing_spends_sheet": "S"})
    assert "secret-b" not in str(caught.value)


def test_the_file_of_the_old_system_is_a_login() -> None:
    # A token file of google-auth: it has more than is needed.
    login = read_login(
        '{"token": "t", "refresh_token": "r", "client_id": "i", "client_secret": "s"}', "credentials_path"
    )
    assert login.grant("")["grant_type"] == "refresh_token"
    assert "s" in login.secrets
    assert login.name == "the user of the refresh token"


def test_a_login_does_not_show_itself(file: dict[str, str]) -> None:
    login = read_login(json.dumps(file), "credentials_json")
    assert isinstance(login, ServiceAccount)
    assert file["private_key_id"] not in repr(login)
    assert login.name == f"the service account {EMAIL}"


def test_no_secret_in_the_log_of_the_command(account: Account, file: dict[str, str], tmp_path: Path) -> None:
    account.crm.keys = {}
    config = {**account.settings, "credentials_json": json.dumps(file)}
    run = run_command("tap_gsheet_dw", folder=tmp_path, config=config)
    assert run.exit_code == 1
    assert "Google gives no access token" in run.log
    for secret in (file["private_key"].splitlines()[1], file["private_key_id"], "ya29"):
        assert secret not in run.log
        assert secret not in run.text
