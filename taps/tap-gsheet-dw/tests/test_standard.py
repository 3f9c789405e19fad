"""The SDK's own tests of a tap."""

from __future__ import annotations

import typing as t

from tap_gsheet_dw.names import STREAMS
from tap_gsheet_dw.tap import TapGoogleSheets
from tap_kit.testing import assert_standard

if t.TYPE_CHECKING:
    from pathlib import Path


def test_the_standard_tests_of_the_sdk_pass(open_account: t.Callable[..., t.Any], tmp_path: Path) -> None:
    account = open_account(size=60)
    assert_standard(TapGoogleSheets, account.settings, tmp_path, more_than=10 * len(STREAMS))
