"""Against a real account, reading only; CRM_LIVE_LEADCONDUIT=1 and the settings of the tap in the environment."""

from __future__ import annotations

import os

import pytest
from tap_kit.testing import run_tap
from tap_leadconduit_dw.names import STREAMS
from tap_leadconduit_dw.tap import TapLeadConduit

SETTINGS = {
    name: os.environ.get(f"TAP_LEADCONDUIT_DW_{name.upper()}", "") for name in ("api_key", "username", "base_url")
}


@pytest.mark.live
@pytest.mark.skipif(os.environ.get("CRM_LIVE_LEADCONDUIT") != "1", reason="needs CRM_LIVE_LEADCONDUIT=1 and a key")
@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_can_be_read(stream: str) -> None:
    config = {name: value for name, value in SETTINGS.items() if value}
    run = run_tap(TapLeadConduit, {**config, "max_records": 20, "page_size": 10}, streams=[stream])
    assert run.exit_code == 0
    assert run.report(stream)["status"] == "success"
    assert run.report(stream)["rejects"] == {"record": 0, "value": 0}
