"""Who gives an order: the account and the machine, for the audit."""

from __future__ import annotations

import getpass
import socket


def author() -> str:
    """Return ``user@host`` of this process; an account without a name goes by its number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
