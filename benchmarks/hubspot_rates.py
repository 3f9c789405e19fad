"""Which share of HubSpot's request rates a full read uses, by limit class.

    .venv/bin/python benchmarks/hubspot_rates.py

The simulator is a process of its own. Every answer takes 100 ms, and what is above the rates of HubSpot, as sliding
windows, is refused. A line for each reading: the requests of a class between its first and its last one, by the
seconds between them, and as a share of what is allowed; records a second; refusals.
"""

from __future__ import annotations

import json
import multiprocessing
import time
import typing as t
from collections import defaultdict
from contextlib import contextmanager

from crm_simulator.faults import Fault
from crm_simulator.hubspot import ACCESS_TOKEN, HubSpot
from crm_simulator.limiting import Rule
from crm_simulator.server import Simulator
from tap_hubspot_dw.tap import TapHubSpot
from tap_kit.testing import run_tap, select

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

LATENCY_SECONDS = 0.1
MANY = Rule(10_000, 10, "TEN_SECONDLY_ROLLING")


class Timed(HubSpot):
    """A portal that notes when the requests of each class came."""

    def populate(self, size: int) -> None:
        """Make the portal."""
        self.moments: dict[str, list[float]] = defaultdict(list)
        super().populate(size)

    def limit_of(self, request: t.Any) -> str:  # noqa: ANN401 - as the base has it
        """Return the limit class of a request, and note its time."""
        name = super().limit_of(request)
        self.moments[name].append(time.monotonic())
        return name


def serve(pipe: Connection, sizes: dict[str, int], general: Rule) -> None:
    """Play HubSpot until told to stop; tells its address, then on each word the moments so far."""
    crm = Timed(sizes=sizes, rules={**HubSpot.rules, "general": [general]})
    crm.faults.append(Fault("latency", times=0, seconds=LATENCY_SECONDS))
    with Simulator(crm) as simulator:
        pipe.send(simulator.url)
        while pipe.recv():
            pipe.send(json.dumps({"moments": crm.moments, "refused": crm.limiter.violations}))
            crm.moments.clear()


@contextmanager
def portal(sizes: dict[str, int], general: Rule) -> Iterator[tuple[str, Connection]]:
    """Start a simulator in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, sizes, general))
    process.start()
    try:
        yield f"{here.recv()}/hubspot", here
    finally:
        here.send("")
        process.join()


def measure(
    title: str, sizes: dict[str, int], general: Rule, limit: tuple[str, float], *streams: str, **settings: object
) -> None:
    """Read some streams and print what was used of a limit class, whose allowed requests a second are given."""
    name, allowed = limit
    with portal(sizes, general) as (url, pipe):
        config = {"api_url": url, "access_token": ACCESS_TOKEN, **settings}
        catalog = select(TapHubSpot(config=config, setup_mapper=False).catalog_dict, *streams)
        pipe.send("more")
        pipe.recv()
        run = run_tap(TapHubSpot, config, catalog=catalog)
        pipe.send("more")
        told = json.loads(pipe.recv())
    records = sum(len(run.records(stream)) for stream in streams)
    moments = told["moments"][name]
    seconds = moments[-1] - moments[0]
    found = (len(moments) - 1) / seconds
    print(
        f"{title}: {name} allows {allowed:g}/s, sent {found:.1f}/s, {found / allowed:.0%}; {records} records, "
        f"{records / seconds:.0f}/s; {told['refused']} refused; exit code {run.exit_code}",
        flush=True,
    )


def main() -> None:
    """Measure."""
    for plan, requests in (("starter", 100), ("professional", 190), ("limit_pack", 250)):
        rule = Rule(requests, 10, "TEN_SECONDLY_ROLLING")
        limit = ("general", requests / 10)
        measure(f"contacts in full, {plan}", {"contacts": requests * 100}, rule, limit, "contacts", plan=plan)
    for plan, requests in (("professional", 190), ("limit_pack", 250)):
        rule = Rule(requests, 10, "TEN_SECONDLY_ROLLING")
        limit = ("general", requests / 10)
        sizes = dict.fromkeys(("contacts", "appointments", "deals"), requests * 50)
        measure(f"three objects in full, {plan}", sizes, rule, limit, *sizes, plan=plan)
    measure(
        "contacts by search",
        {"contacts": 20_000},
        MANY,
        ("search", 5),
        "contacts",
        since="2020-01-01T00:00:00Z",
        requests_per_10_seconds=10_000,
        deletions="off",
    )
    measure(
        "associations in full",
        {"contacts": 60_000, "deals": 60_000},
        MANY,
        ("associations", 10),
        "contacts",
        "associations",
        association_pairs=["contacts:deals", "contacts:companies", "contacts:tickets"],
        include_properties=["-"],
        requests_per_10_seconds=10_000,
    )


if __name__ == "__main__":
    main()
