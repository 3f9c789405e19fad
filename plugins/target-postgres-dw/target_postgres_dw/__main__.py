"""Run the loader: the command ``target-postgres-dw``, also as ``python -m target_postgres_dw``."""

from __future__ import annotations

from target_postgres_dw.startup import HTTP, UNUSED_BY_US, postponing


def main() -> None:
    """Run the command."""
    # paramiko is for SSH tunnels alone.
    with postponing(*UNUSED_BY_US, *HTTP, "paramiko"):
        from target_postgres_dw.target import TargetPostgresDw  # noqa: PLC0415 -- that is the point
    TargetPostgresDw.cli()


if __name__ == "__main__":
    main()
