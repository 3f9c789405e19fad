"""The long run: seeded chains until so many points have met a living run; one line for each, then a summary.

``python -m crash [--points 200] [--seed 1] [--minutes 0] [--rows 4000]``; `make chaos` calls it.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from crash.chain import Chain, Point
from crash.processes import Commands, Nursery
from crash.servers import Servers, may_mount

# How often each kind of chain is drawn. Meltano takes several seconds to start.
KINDS = {"pipe": 12, "counting": 5, "moving": 2, "meltano": 1}
CHAIN_LENGTH = 5


def say(line: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def versions(servers: Servers) -> str:
    """Return the versions of what was crashed."""
    with psycopg.connect(servers.reference) as conn:
        postgres = conn.info.parameter_status("server_version")
    with closing(servers.mariadb.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        [(mariadb,)] = cursor.fetchall()
    return f"Postgres {postgres}, MariaDB {mariadb}, Python {platform.python_version()}, {platform.system()}"


def run(points: int, seed: int, minutes: float, rows: int) -> int:
    """Run chains until enough points have hit, or the time is over; return the number of broken chains."""
    chance = random.Random(seed)  # noqa: S311 -- no secret
    done: list[Point] = []
    broken = 0
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        servers = stack.enter_context(Servers(folder, rows))
        nursery = stack.enter_context(Nursery())
        disk = stack.enter_context(servers.small_disk()) if may_mount(folder) else None
        say(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {seed}, {rows} rows. {versions(servers)}")
        if disk is None:
            say("Only root may mount a small disk: 'disk full' is left out, 'files cannot grow' stays.")
        for number in itertools.count():
            kind = chance.choices(list(KINDS), weights=list(KINDS.values()))[0]
            place = folder / f"chain-{number}"
            place.mkdir()
            # One chain in five starts the installed commands; the others fork what has been imported once.
            starter = nursery if number % 5 else Commands()
            chain = Chain(servers, place, kind, f"{seed} {number}", starter=starter, small_disk=disk)
            try:
                chain.run(length=CHAIN_LENGTH if kind != "meltano" else 2)
            except Exception:  # noqa: BLE001 -- told, and counted
                broken += 1
                say(traceback.format_exc())
                say(f"BROKEN: chain {number}, kind {kind}, after {chain.points}")
                chain.restart_postgres()
            for point in chain.points:
                said = f" ({point.note})" if point.note else ""
                say(f"{number:4} {kind:9} {point.where:>10}  {point.fault}{said}{'' if point.hit else '  -- missed'}")
            done += chain.points
            if sum(point.hit for point in done) >= points or 0 < minutes * 60 < time.monotonic() - began:
                break
    summarize(done, broken, number + 1, time.monotonic() - began)
    return broken


def summarize(done: list[Point], broken: int, chains: int, seconds: float) -> None:
    """Print how often each fault hit, and the result."""
    hits = Counter((point.fault, point.kind) for point in done if point.hit)
    kinds = list(KINDS)
    say()
    say(f"| fault | {' | '.join(kinds)} |")
    say(f"|---|{'---|' * len(kinds)}")
    for fault in sorted({fault for fault, _ in hits}):
        say(f"| {fault} | {' | '.join(str(hits[fault, kind] or '') for kind in kinds)} |")
    say()
    hit = sum(hits.values())
    say(
        f"{hit} points in {chains} chains, {len(done) - hit} more missed (the run was over before), "
        f"{seconds / 60:.0f} minutes. {broken or 'No'} chain{'' if broken == 1 else 's'} broken."
    )


def main() -> None:
    """Run as told by the command line; exit code 1 if anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m crash", description=__doc__)
    parser.add_argument("--points", type=int, default=200, help="points that must meet a living run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0, help="end after so long; 0: never")
    parser.add_argument("--rows", type=int, default=4000, help="prospects in the source")
    told = parser.parse_args()
    sys.exit(1 if run(told.points, told.seed, told.minutes, told.rows) else 0)


if __name__ == "__main__":
    main()
