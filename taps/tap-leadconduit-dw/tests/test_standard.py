"""The SDK's own tests of a tap."""

from __future__ import annotations

import typing as t

from tap_kit.testing import assert_standard
from tap_leadconduit_dw.names import STREAMS
from tap_leadconduit_dw.tap import TapLeadConduit

if t.TYPE_CHECKING:
    from pathlib import Path


def test_the_standard_tests_of_the_sdk_pass(open_account: t.Callable[..., t.Any], tmp_path: Path) -> None:
    account = open_account(size=80)
    assert_standard(TapLeadConduit, account.settings, tmp_path, more_than=10 * len(STREAMS))
