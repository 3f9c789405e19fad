"""Which share of a vendor's request rate a full read over HTTP uses.

    .venv/bin/python benchmarks/rest_rates.py

Tap and simulator share this process. Every answer takes 100 ms, and the vendor refuses what is above its rate, as a
sliding window. Prints one line a rate: requests a second over the whole run, start-up included, and the refusals.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from crm_simulator.faults import Fault
from crm_simulator.limiting import Rule
from crm_simulator.server import Simulator
from tap_kit.testing import run_tap

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from example_crm.simulated import ExampleCrm
from example_crm.tap import TapExample

LATENCY_SECONDS = 0.1
SECONDS = 20
PAGE_SIZE = 20


def measure(rate: int, concurrency: int) -> None:
    """Read numbered pages for some seconds."""
    crm = ExampleCrm(size=rate * SECONDS * PAGE_SIZE)
    crm.limiter.rules["default"] = [Rule(rate, 1)]
    crm.faults.append(Fault("latency", times=0, seconds=LATENCY_SECONDS))
    with Simulator(crm) as simulator:
        config = {
            "api_url": f"{simulator.url}/example",
            "token": "good",
            "rate": rate,
            "concurrency": concurrency,
            "page_size": PAGE_SIZE,
        }
        began = time.monotonic()
        run = run_tap(TapExample, config, streams=["items"])
        seconds = time.monotonic() - began
    requests = run.report("items")["requests"]
    assert len(run.records("items")) == crm.items.size
    print(
        f"allowed {rate}/s, concurrency {concurrency}: {requests / seconds:.1f} requests/s, "
        f"{requests / seconds / rate:.1%} of the rate, {crm.limiter.violations} refused"
    )


for allowed, threads in ((10, 2), (50, 8)):
    measure(allowed, threads)
