"""Against a real account, reading only; CRM_LIVE_SALESPRO=1 and the settings of the tap in the environment."""

from __future__ import annotations

import os

import pytest
from tap_kit.testing import run_tap
from tap_salespro_dw.tap import TapSalesPro

NAMES = (
    "database",
    "output_location",
    "workgroup",
    "region",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "profile",
    "role_arn",
    "external_id",
)
SETTINGS = {name: os.environ.get(f"TAP_SALESPRO_DW_{name.upper()}", "") for name in NAMES}


@pytest.mark.live
@pytest.mark.skipif(os.environ.get("CRM_LIVE_SALESPRO") != "1", reason="needs CRM_LIVE_SALESPRO=1 and credentials")
@pytest.mark.parametrize("stream", ["customers", "credit_applications", "estimates", "lead_results"])
def test_a_table_can_be_read(stream: str) -> None:
    config = {name: value for name, value in SETTINGS.items() if value}
    run = run_tap(TapSalesPro, {**config, "max_records": 20}, streams=[stream])
    assert run.exit_code == 0
    assert run.report(stream)["status"] == "success"
    assert run.report(stream)["rejects"] == {"record": 0, "value": 0}
