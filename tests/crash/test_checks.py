"""A check that lets everything pass, or stops at what is right, would prove nothing about crashes."""

from __future__ import annotations

from typing import Any

import pytest

from crash.checks import is_reached

NEVER: dict[str, Any] = {}
EARLIER = {"replication_key_value": "2025-06-01"}
LATER = {"replication_key_value": "2025-06-02"}
FIRST_AT_3, FIRST_AT_5 = ({"resume": {"last_key": [key]}} for key in (3, 5))
LATER_AT_3, LATER_AT_5 = (LATER | {"resume": {"last_key": [key]}} for key in (3, 5))


@pytest.mark.parametrize(
    ("printed", "stored"),
    [
        (NEVER, NEVER),
        (NEVER, FIRST_AT_3),
        (FIRST_AT_3, FIRST_AT_5),
        (FIRST_AT_5, EARLIER),
        (EARLIER, LATER),
        # A delta that was killed before it printed where it is.
        (LATER, LATER_AT_3),
        (LATER_AT_3, LATER_AT_5),
        # A delta that has ended without a later time.
        (LATER_AT_5, LATER),
    ],
)
def test_what_was_committed_may_be_printed(printed: dict[str, Any], stored: dict[str, Any]) -> None:
    assert is_reached(printed, stored)


@pytest.mark.parametrize(
    ("printed", "stored"),
    [
        (FIRST_AT_3, NEVER),
        (FIRST_AT_5, FIRST_AT_3),
        (EARLIER, FIRST_AT_5),
        (LATER, EARLIER),
        (LATER, NEVER),
        (LATER_AT_5, LATER_AT_3),
        (LATER_AT_3, EARLIER),
    ],
)
def test_what_was_not_committed_may_not_be_printed(printed: dict[str, Any], stored: dict[str, Any]) -> None:
    assert not is_reached(printed, stored)
