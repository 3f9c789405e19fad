"""The SDK's own tests of a tap."""

from __future__ import annotations

import typing as t

from tap_arrivy_dw.names import STREAMS
from tap_arrivy_dw.tap import TapArrivy
from tap_kit.testing import assert_standard

if t.TYPE_CHECKING:
    from pathlib import Path


def test_the_standard_tests_of_the_sdk_pass(open_account: t.Callable[..., t.Any], tmp_path: Path) -> None:
    account = open_account(size=60)
    assert_standard(TapArrivy, {**account.settings, "task_details": True}, tmp_path, more_than=10 * len(STREAMS))
