"""Run the loader: the command ``target-postgres-dw``, also as ``python -m target_postgres_dw``."""

from __future__ import annotations

import gc

from target_postgres_dw.startup import HTTP, UNUSED_BY_US, postponing

GC_THRESHOLD = 100_000


def main() -> None:
    """Run the command."""
    # paramiko is for SSH tunnels alone.
    with postponing(*UNUSED_BY_US, *HTTP, "paramiko"):
        from target_postgres_dw.target import TargetPostgresDw  # noqa: PLC0415 -- that is the point
    # Rows make no cycles of objects; to look for some after every few of them takes a twentieth of the time.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    TargetPostgresDw.cli()


if __name__ == "__main__":
    main()
