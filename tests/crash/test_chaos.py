"""A short, seeded part of what `make chaos` does; each kind of fault is met at least once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crash import faults
from crash.chain import Chain
from crash.pipeline import HAS_BATCHES
from crash.servers import may_mount

if TYPE_CHECKING:
    from pathlib import Path

    from crash.processes import Nursery
    from crash.servers import Servers

BY_NAME = {fault.name: fault for fault in faults.FAULTS}


CHAINS = {
    "pipe": [
        [
            "kill tap",
            "session ended during COPY",
            "kill loader",
            "network to MariaDB cut",
            "terminate tap",
            "stands still",
        ],
        [
            "terminate loader",
            "Postgres stops at once",
            "end during COMMIT",
            "session of MariaDB killed",
            "power is lost",
        ],
        [
            "reply to COMMIT lost",
            "MariaDB out of reach",
            "network cut during COPY",
            "files cannot grow",
            "network to Postgres cut",
            "MariaDB killed",
            "second run at once",
        ],
    ],
    "counting": [["kill tap", "reply to COMMIT lost", "kill loader", "end during COMMIT", "session ended"]],
    "moving": [["kill tap", "kill loader", "session ended", "terminate tap", "kill tap"]],
    "pipe in batches": [
        ["end during COMMIT", "kill loader", "reply to COMMIT lost", "kill tap", "session ended", "terminate loader"]
    ],
}
# They take Meltano, which is slow to start; tests/test_crash.py has one of each.
ELSEWHERE = {"kill Meltano", "terminate Meltano"}


@pytest.mark.parametrize(
    ("kind", "names"),
    [pytest.param(kind, names, id=f"{kind}: {names[0]}, ...") for kind in CHAINS for names in CHAINS[kind]],
)
def test_nothing_is_lost_or_doubled(
    kind: str, names: list[str], servers: Servers, nursery: Nursery, tmp_path: Path
) -> None:
    chain = Chain(servers, tmp_path, kind.removesuffix(" in batches"), f"short {names}", starter=nursery)
    if kind.endswith(" in batches"):
        if not HAS_BATCHES:
            pytest.skip("the tap sends no batches")
        chain.batches = True
    points = chain.run([BY_NAME[name] for name in names])
    assert [point.fault for point in points] == names
    assert any(point.hit for point in points), points


def test_a_full_disk(servers: Servers, nursery: Nursery, tmp_path: Path) -> None:
    if not may_mount(tmp_path):
        pytest.skip("only root may mount a small disk; 'files cannot grow' runs everywhere")
    with servers.small_disk() as disk:
        chain = Chain(servers, tmp_path, "pipe", "short disk", starter=nursery, small_disk=disk)
        # What is left of a run may fit onto what is left of the disk.
        points = chain.run([BY_NAME["disk full"]] * 3)
    assert any(point.hit for point in points), points


def test_every_fault_is_tried() -> None:
    tried = {name for chains in CHAINS.values() for names in chains for name in names}
    assert tried | {"disk full"} | ELSEWHERE == set(BY_NAME)
