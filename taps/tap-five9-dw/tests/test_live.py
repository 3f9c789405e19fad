"""Against a real account, reading only; CRM_LIVE_FIVE9=1 and the settings of the tap in the environment."""

from __future__ import annotations

import os

import pytest
from tap_five9_dw.tap import TapFive9
from tap_kit.testing import run_tap

NAMES = ("username", "password", "region", "api_version", "timezone")
SETTINGS = {name: os.environ.get(f"TAP_FIVE9_DW_{name.upper()}", "") for name in NAMES}


@pytest.mark.live
@pytest.mark.skipif(os.environ.get("CRM_LIVE_FIVE9") != "1", reason="needs CRM_LIVE_FIVE9=1 and credentials")
@pytest.mark.parametrize("stream", ["contact_fields", "contact_lists", "campaigns", "dispositions", "contacts"])
def test_a_stream_can_be_read(stream: str) -> None:
    config = {name: value for name, value in SETTINGS.items() if value}
    run = run_tap(TapFive9, {**config, "max_records": 20}, streams=[stream])
    assert run.exit_code == 0
    assert run.report(stream)["status"] == "success"
    assert run.report(stream)["rejects"] == {"record": 0, "value": 0}
