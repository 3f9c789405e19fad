"""Against real spreadsheets, reading only; CRM_LIVE_GSHEET=1 and the settings of the tap in the environment."""

from __future__ import annotations

import json
import os

import pytest
from tap_gsheet_dw.tap import TapGoogleSheets
from tap_kit.testing import run_tap

TEXTS = ("credentials_path", "credentials_json", "client_id", "client_secret", "refresh_token")
JSON = ("marketing_leads_sheets", "sheets")


def settings() -> dict[str, object]:
    found = {name: os.environ.get(f"TAP_GSHEET_DW_{name.upper()}", "") for name in (*TEXTS, "marketing_spends_sheet")}
    lists = {name: os.environ.get(f"TAP_GSHEET_DW_{name.upper()}", "") for name in JSON}
    return {n: v for n, v in found.items() if v} | {n: json.loads(v) for n, v in lists.items() if v}


@pytest.mark.live
@pytest.mark.skipif(os.environ.get("CRM_LIVE_GSHEET") != "1", reason="needs CRM_LIVE_GSHEET=1 and credentials")
def test_every_sheet_of_the_settings_can_be_read() -> None:
    run = run_tap(TapGoogleSheets, {**settings(), "max_records": 20})
    assert run.exit_code == 0
    for name in run.states[0]["sync_report"]["run"]["streams"]:
        assert run.report(name)["status"] == "success"
