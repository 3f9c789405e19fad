"""Fixtures of the crash tests: servers of their own, which they may crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crash.processes import Nursery
from crash.servers import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 4000


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as running:
        yield running


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("chaos"), ROWS, nursery) as running:
        yield running
