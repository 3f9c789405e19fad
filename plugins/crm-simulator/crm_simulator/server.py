"""Starts the simulator: in a thread for tests, in the foreground for ``crm simulator up``."""

from __future__ import annotations

import importlib
import socket
import threading
import typing as t
from typing import Self

import uvicorn
from typing_extensions import override

from crm_simulator.application import make_application

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from crm_simulator.application import Crm

# Where each CRM lives; imported only when it is asked for.
CRMS: t.Final[dict[str, str]] = {
    "arrivy": "crm_simulator.arrivy:Arrivy",
    "callrail": "crm_simulator.callrail:CallRail",
    "five9": "crm_simulator.five9:Five9",
    "gsheet": "crm_simulator.gsheet:GoogleSheets",
    "hubspot": "crm_simulator.hubspot:HubSpot",
    "leadconduit": "crm_simulator.leadconduit:LeadConduit",
    "marketsharp": "crm_simulator.marketsharp:MarketSharp",
    "salespro": "crm_simulator.salespro:SalesPro",
    "salesrabbit": "crm_simulator.salesrabbit:SalesRabbit",
}


class _Server(uvicorn.Server):
    """Tells when it is ready, so that nobody has to poll."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class Simulator:
    """A simulator on a free port of this machine, in a thread of this process.

    Args:
        crms: The CRMs it plays; tests may look into them and change them directly.
        host: Address to listen on.
        port: Port; 0 takes a free one.
    """

    def __init__(self, *crms: Crm, host: str = "127.0.0.1", port: int = 0) -> None:
        self.crms = {crm.name: crm for crm in crms}
        self._socket = _listen(host, port)
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        self._server = _Server(_config(crms))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="simulator", daemon=True
        )

    def __enter__(self) -> Self:
        """Start, and wait until requests are answered."""
        self._thread.start()
        self._server.ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join()
        self._socket.close()


def make_crms(
    names: Iterable[str] = (), *, seed: int = 1, size: int | None = None, start: datetime | None = None
) -> list[Crm]:
    """Return the CRMs of some names, all of them without any; their clocks begin with ``start``, or now.

    Raises:
        ValueError: If there is no such CRM.
    """
    made = []
    for name in names or sorted(CRMS):
        if name not in CRMS:
            raise ValueError(f"There is no simulated CRM {name!r}; there are: {', '.join(sorted(CRMS)) or 'none'}.")
        module, _, attribute = CRMS[name].partition(":")
        made.append(
            t.cast("Crm", getattr(importlib.import_module(module), attribute)(seed=seed, size=size, start=start))
        )
    return made


def serve(
    crms: Sequence[Crm],
    *,
    host: str = "127.0.0.1",
    port: int = 8900,
    limits: bool = True,
    announce: Callable[[str], None] = lambda _: None,
) -> None:
    """Play some CRMs in the foreground until the process is interrupted.

    Args:
        crms: The CRMs.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        limits: Whether the vendors' request limits hold.
        announce: Is told the address before the first request is answered.

    Raises:
        OSError: If the port is taken.
    """
    if not limits:
        for crm in crms:
            crm.lift_limits()
    with _listen(host, port) as listening:
        announce(f"http://{host}:{listening.getsockname()[1]}")
        _Server(_config(crms)).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only for sockets that name their protocol; with it, every answer
    # takes the 40 ms of a delayed acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def _config(crms: Sequence[Crm]) -> uvicorn.Config:
    # Our own Date header is that of the simulated clock. Cut answers would be logged as errors.
    return uvicorn.Config(
        make_application(crms),
        log_level="critical",
        access_log=False,
        date_header=False,
        server_header=False,
        lifespan="off",
        timeout_keep_alive=75,
    )
