"""Against a real account, reading only; CRM_LIVE_HUBSPOT=1 and the settings of the tap in the environment."""

from __future__ import annotations

import os

import pytest
from tap_hubspot_dw.tap import TapHubSpot
from tap_kit.testing import run_tap

NAMES = ("access_token", "client_id", "client_secret", "refresh_token", "api_version", "divisions_object_type")
SETTINGS = {name: os.environ.get(f"TAP_HUBSPOT_DW_{name.upper()}", "") for name in NAMES}


@pytest.mark.live
@pytest.mark.skipif(os.environ.get("CRM_LIVE_HUBSPOT") != "1", reason="needs CRM_LIVE_HUBSPOT=1 and credentials")
@pytest.mark.parametrize("stream", ["contacts", "deals", "owners", "pipelines", "properties"])
def test_a_stream_can_be_read(stream: str) -> None:
    config = {name: value for name, value in SETTINGS.items() if value}
    run = run_tap(TapHubSpot, {**config, "max_records": 20, "page_size": 10}, streams=[stream])
    assert run.exit_code == 0
    assert run.report(stream)["status"] == "success"
    assert run.report(stream)["rejects"]["record"] == 0
