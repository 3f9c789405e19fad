"""The error tree."""

from __future__ import annotations

import pytest
from tap_kit import errors


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        (errors.Retry, "connection"),
        (errors.RefreshCredentials, "authentication"),
        (errors.SkipStream, "source"),
        (errors.RejectRecord, "data"),
        (errors.Stop, "configuration"),
    ],
)
def test_each_error_has_a_category_of_its_own(kind: type[errors.TapError], category: str) -> None:
    assert issubclass(kind, errors.TapError)
    assert kind("sentence").category == category
    assert kind("sentence", category="quota").category == "quota"
    assert str(kind("sentence")) == "sentence"


def test_a_wait_knows_its_seconds() -> None:
    error = errors.Wait("Too many requests.", seconds=2.5)
    assert (error.seconds, error.category) == (2.5, "rate_limit")
    assert errors.Wait("No more today.", seconds=9, category="quota").category == "quota"


def test_no_error_is_another() -> None:
    kinds = [errors.Retry, errors.Wait, errors.RefreshCredentials, errors.SkipStream, errors.RejectRecord, errors.Stop]
    assert not [(a, b) for a in kinds for b in kinds if a is not b and issubclass(a, b)]
