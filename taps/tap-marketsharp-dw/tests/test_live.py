"""Against a real account, reading only; CRM_LIVE_MARKETSHARP=1 and the settings of the tap in the environment."""

from __future__ import annotations

import os

import pytest
from tap_kit.testing import run_tap
from tap_marketsharp_dw.tap import TapMarketSharp

SETTINGS = {
    name: os.environ.get(f"TAP_MARKETSHARP_DW_{name.upper()}", "")
    for name in ("company_id", "user_key", "secret_key", "base_url", "timezone")
}


@pytest.mark.live
@pytest.mark.skipif(os.environ.get("CRM_LIVE_MARKETSHARP") != "1", reason="needs CRM_LIVE_MARKETSHARP=1, credentials")
@pytest.mark.parametrize("form", ["json", "atom"])
@pytest.mark.parametrize("stream", ["companies", "contacts", "contact_phones", "inquiry_statuses", "appointments"])
def test_a_stream_can_be_read(stream: str, form: str) -> None:
    config = {name: value for name, value in SETTINGS.items() if value}
    run = run_tap(TapMarketSharp, {**config, "form": form, "max_records": 20, "page_size": 10}, streams=[stream])
    assert run.exit_code == 0
    assert run.report(stream)["status"] == "success"
    assert run.report(stream)["rejects"] == {"record": 0, "value": 0}
