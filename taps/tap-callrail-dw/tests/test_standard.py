"""The SDK's own tests of a tap."""

from __future__ import annotations

import typing as t

from tap_callrail_dw.names import STREAM_NAMES
from tap_callrail_dw.tap import TapCallRail
from tap_kit.testing import assert_standard

if t.TYPE_CHECKING:
    from pathlib import Path

# A column of JSON may hold any JSON, while the SDK takes one of the types that are listed for the only one.
NOT_OURS = "attribute_is_object"


def test_the_standard_tests_of_the_sdk_pass(callrail: t.Any, tmp_path: Path) -> None:
    reader = callrail(80)
    assert_standard(
        TapCallRail,
        reader.config | {"start_date": "2026-03-01"},
        tmp_path,
        more_than=10 * len(STREAM_NAMES),
        leave_out=NOT_OURS,
    )
