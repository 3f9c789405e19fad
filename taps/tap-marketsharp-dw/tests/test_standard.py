"""The SDK's own tests of a tap."""

from __future__ import annotations

import typing as t

from tap_kit.testing import assert_standard
from tap_marketsharp_dw.names import STREAMS
from tap_marketsharp_dw.tap import TapMarketSharp

if t.TYPE_CHECKING:
    from pathlib import Path


def test_the_standard_tests_of_the_sdk_pass(open_company: t.Callable[..., t.Any], tmp_path: Path) -> None:
    company = open_company(size=40)
    assert_standard(TapMarketSharp, company.settings, tmp_path, more_than=10 * len(STREAMS))
