"""The long run: seeded chains until so many points have met a living run; one line for each, then a summary.

``python -m crash [--points 200] [--seed 1] [--chain N] [--minutes 0] [--rows 4000]``; `make chaos` calls it.
``--chain N`` runs the one chain that a run with the same seed had as number N.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import random
import signal
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
from crash.pipeline import HAS_BATCHES
from crash.processes import Commands, Nursery
from crash.servers import Servers, may_mount

# How often each kind of chain is drawn. Meltano takes several seconds to start.
KINDS = {"pipe": 12, "counting": 5, "moving": 2, "meltano": 1}
CHAIN_LENGTH = 5
SHARE_OF_BATCHES = 0.5
LONGEST_LOG = 4000


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


def draw_chain(seed: int, number: int) -> tuple[str, bool]:
    """Return the kind of a chain, and whether its rows travel in batches."""
    chance = random.Random(f"{seed} {number} kind")  # noqa: S311 -- no secret
    kind = chance.choices(list(KINDS), weights=list(KINDS.values()))[0]
    return kind, kind != "counting" and HAS_BATCHES and chance.random() < SHARE_OF_BATCHES


def run(points: int, seed: int, minutes: float, rows: int, only: int | None) -> int:
    """Run chains until enough points have hit, or the time is over; return the number of broken chains."""
    done: list[Point] = []
    broken = 0
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        nursery = stack.enter_context(Nursery())
        servers = stack.enter_context(Servers(folder, rows, nursery))
        disk = stack.enter_context(servers.small_disk()) if may_mount(folder) else None
        say(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {seed}, {rows} rows. {versions(servers)}")
        if disk is None:
            say("Only root may mount a small disk: 'disk full' is left out, 'files cannot grow' stays.")
        chains = 0
        for number in itertools.count() if only is None else [only]:
            chains += 1
            kind, batches = draw_chain(seed, number)
            place = folder / f"chain-{number}"
            place.mkdir()
            # One chain in five starts the installed commands; the others fork what has been imported once.
            starter = nursery if number % 5 else Commands()
            chain = Chain(servers, place, kind, f"{seed} {number}", batches=batches, starter=starter, small_disk=disk)
            try:
                chain.run(length=CHAIN_LENGTH if kind != "meltano" else 2)
            except Exception:  # noqa: BLE001 -- told, and counted
                broken += 1
                say(traceback.format_exc())
                say(f"BROKEN: chain {number}, kind {kind}, batches {batches}, after {chain.points}")
                logs = sorted(place.glob("attempt-*.log"), key=lambda file: file.stat().st_mtime)
                say(logs[-1].read_text(errors="replace")[-LONGEST_LOG:] if logs else "(no log)")
                chain.restart_postgres()
            for point in chain.points:
                say(f"{number:4} {_line(point)}")
            done += chain.points
            if sum(point.hit for point in done) >= points or 0 < minutes * 60 < time.monotonic() - began:
                break
    summarize(done, broken, chains, time.monotonic() - began)
    return broken


def summarize(done: list[Point], broken: int, chains: int, seconds: float) -> None:
    """Print how often each fault hit, and the result."""
    hits = Counter((point.fault, _column(point)) for point in done if point.hit)
    kinds = sorted({column for _, column in hits}, key=lambda column: list(KINDS).index(column.partition(",")[0]))
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


def _line(point: Point) -> str:
    note = f" ({point.note})" if point.note else ""
    missed = "" if point.hit else "  -- missed"
    return f"{point.kind:9} {point.mode:6} {point.where:>10}  {point.fault}{note}{missed}"


def _column(point: Point) -> str:
    return point.kind if point.mode == "record" else f"{point.kind}, {point.mode}"


def main() -> None:
    """Run as told by the command line; exit code 1 if anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m crash", description=__doc__)
    parser.add_argument("--points", type=int, default=200, help="points that must meet a living run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0, help="end after so long; 0: never")
    parser.add_argument("--rows", type=int, default=4000, help="prospects in the source")
    parser.add_argument("--chain", type=int, help="run this one only")
    told = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the servers are stopped
    sys.exit(1 if run(told.points, told.seed, told.minutes, told.rows, told.chain) else 0)


if __name__ == "__main__":
    main()
