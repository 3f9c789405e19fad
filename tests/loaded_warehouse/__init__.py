"""A warehouse with the rows of every simulated CRM, loaded in this process, for tests of what is built on it."""

from __future__ import annotations

import io
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any

from crm_cli.sources import installed_sources
from crm_simulator.server import CRMS, Simulator, make_crms
from tap_kit.testing import Run, installed_tap, run_tap
from target_postgres_dw.target import TargetPostgresDw

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from crm_cli.servers.mariadb import Database
    from crm_simulator.application import Crm


@contextmanager
def played(names: Collection[str] = (), *, size: int = 60) -> Iterator[dict[str, tuple[Crm, dict[str, Any]]]]:
    """Play the CRMs that have a tap here; yield each with the settings that lead its tap to it."""
    sources = installed_sources()
    crms = make_crms([n for n in sources if n in CRMS and sources[n].streams and (not names or n in names)], size=size)
    for crm in crms:
        crm.lift_limits()
    with Simulator(*crms) as simulator:
        yield {crm.name: (crm, crm.tap_settings(f"{simulator.url}/{crm.name}")) for crm in crms}


def sync(warehouse: str, source: str, settings: dict[str, Any], state: dict[str, Any] | None = None) -> Run:
    """Read a CRM and load what it gives."""
    run = run_tap(installed_tap(installed_sources()[source].tap), settings, state=state)
    assert run.exit_code == 0, source
    target = TargetPostgresDw(config={"sqlalchemy_url": warehouse, "lock_wait_seconds": 0})
    # A run with rejects ends by an exit code of its own.
    with redirect_stdout(io.StringIO()), suppress(SystemExit):
        target.listen(io.StringIO(run.text))
    assert not target.run.failures, source
    return run


def genius_settings(database: Database) -> dict[str, Any]:
    """Return the settings that lead the tap of Genius to a database."""
    return {
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": database.password,
        "database": database.database,
    }
