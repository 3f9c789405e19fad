from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from tap_kit.errors import Stop
from tap_kit.zones import find_zone, zone_of_setting


@pytest.mark.parametrize("name", ["utc", "UTC"])
def test_utc_is_that_of_the_library(name: str) -> None:
    assert find_zone(name) is UTC


def test_an_iana_name_is_a_zone() -> None:
    assert zone_of_setting("America/New_York") == ZoneInfo("America/New_York")


@pytest.mark.parametrize("name", ["", "America", "Mars/Olympus", "../etc/passwd", "a\0b"])
def test_another_name_is_refused_in_one_sentence(name: str) -> None:
    assert find_zone(name) is None
    with pytest.raises(Stop, match=r"The setting timezone is .*; it must be an IANA name like America/New_York"):
        zone_of_setting(name)
