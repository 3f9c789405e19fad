"""The SDK's own tests for targets, each in a database of its own."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.runners import TargetTestRunner
from singer_sdk.testing.suites import target_tests
from target_postgres_dw.target import TargetPostgresDw

StandardTests: Any = get_target_test_class(TargetPostgresDw, config={})


class TestStandard(StandardTests):  # type: ignore[misc]  # made at run time
    @pytest.fixture
    def runner(self, postgres_url: str) -> TargetTestRunner:
        return TargetTestRunner(target_class=TargetPostgresDw, config={"sqlalchemy_url": postgres_url})


def test_all_of_them_are_run() -> None:
    assert len([name for name in dir(TestStandard) if name.startswith("test_")]) == len(target_tests.tests) == 16


def test_what_they_leave_is_right(postgres_url: str) -> None:
    """The SDK's tests only ask that nothing is raised."""
    for name in ("duplicate_records", "encoded_string_data", "camelcase"):
        template: Any = next(test for test in target_tests.tests if test.name == name)
        with template().singer_filepath.open(encoding="utf-8") as messages:
            runner = TargetTestRunner(
                target_class=TargetPostgresDw, config={"sqlalchemy_url": postgres_url}, input_io=messages
            )
            runner.sync_all()
    with psycopg.connect(postgres_url) as conn:
        duplicates = conn.execute("SELECT id, metric FROM melty.test_duplicate_records ORDER BY id").fetchall()
        strings = conn.execute("SELECT info FROM melty.test_strings WHERE id IN (5, 11) ORDER BY id").fetchall()
        camels = conn.execute("SELECT id, client_name FROM melty.test_camelcase ORDER BY id").fetchall()
    assert duplicates == [(1, 100), (2, 20)]
    assert strings == [('quoted "string"',), ("Control Characters in string: \ufffd A \x01",)]
    assert camels == [("1", "Gitter Windows Desktop App"), ("2", "Gitter iOS App")]
