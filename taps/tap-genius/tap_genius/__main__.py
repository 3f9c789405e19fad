"""Run the tap: the command ``tap-genius``, also as ``python -m tap_genius``."""

from __future__ import annotations

from tap_kit.startup import HTTP, UNUSED_BY_US, postponing

# PyMySQL needs them to send a password over a connection without TLS to a server that asks for its newer form.
_CRYPTOGRAPHY = ("backends", "primitives", "primitives.asymmetric")


def main() -> None:
    """Run the command."""
    with postponing(*UNUSED_BY_US, *HTTP, *(f"cryptography.hazmat.{name}" for name in _CRYPTOGRAPHY)):
        from tap_genius.tap import TapGenius  # noqa: PLC0415 - that is the point
    TapGenius.cli()


if __name__ == "__main__":
    main()
