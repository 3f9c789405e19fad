"""The SDK's own tests of a tap."""

from __future__ import annotations

import typing as t

from tap_hubspot_dw.names import STREAMS
from tap_hubspot_dw.tap import TapHubSpot
from tap_kit.testing import assert_standard

if t.TYPE_CHECKING:
    from pathlib import Path

# A column of JSON may hold any JSON, while the SDK takes one of the types that are listed for the only one.
NOT_OURS = "attribute_is_object"


def test_the_standard_tests_of_the_sdk_pass(open_account: t.Callable[..., t.Any], tmp_path: Path) -> None:
    account = open_account(60)
    assert_standard(
        TapHubSpot,
        account.config | {"start_date": "2026-01-01"},
        tmp_path,
        more_than=10 * len(STREAMS),
        leave_out=NOT_OURS,
    )
