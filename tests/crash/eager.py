"""The loader that takes every batch for a large one: it loads two at a time where it would load them together.

A chain of crashes has few rows; without this, what large batches alone go through would not be met.
"""

from __future__ import annotations

import sys

from target_postgres_dw.target import TargetPostgresDw


class EagerLoader:
    """``target-postgres-dw``."""

    @staticmethod
    def cli() -> None:
        """Run it."""
        vars(sys.modules["target_postgres_dw.run"])["_LARGE_BATCH"] = 1
        TargetPostgresDw.cli()
