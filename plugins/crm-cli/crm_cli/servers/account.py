"""The account that a server runs as, and what that account can reach.

Postgres and MariaDB refuse to run as root, or should. As an ordinary user the servers run as that user. As root they
run as an unprivileged account that exists already; nothing is added to the system and no folder that is not
ours is opened to it: what the account cannot reach is copied to where it can.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from crm_cli.servers.errors import ServerError

ACCOUNT_VARIABLE = "CRM_SERVER_ACCOUNT"
DEFAULT_ACCOUNT = "nobody"


@dataclass(frozen=True)
class Account:
    """An unprivileged account of this machine."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account that servers run as, or None if that is simply the caller.

    Only root gets another account: ``CRM_SERVER_ACCOUNT`` if set, else ``nobody``.

    Raises:
        ServerError: The account does not exist or is root itself.
    """
    if os.geteuid() != 0:
        return None
    name = os.environ.get(ACCOUNT_VARIABLE) or DEFAULT_ACCOUNT
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ServerError(
            f"There is no account '{name}' to run a server as (servers never run as root): "
            f"name an existing ordinary account in {ACCOUNT_VARIABLE}.",
        ) from None
    if entry.pw_uid == 0:
        raise ServerError(f"Servers never run as root: name an ordinary account in {ACCOUNT_VARIABLE}.")
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def can_reach(account: Account, path: Path) -> bool:
    """Tell whether the account can enter every folder above the path and use all that is in it.

    Folders must be enterable and readable, files readable, and executable where their owner may execute them.
    Read from mode bits: access control lists that grant more are not seen, which costs a copy and nothing else.
    """
    if not can_enter(account, path.resolve().parent):
        return False
    for folder, _, files in os.walk(path):
        if not _allows(account, Path(folder).stat(), stat.S_IROTH | stat.S_IXOTH):
            return False
        for name in files:
            facts = Path(folder, name).stat()
            needed = stat.S_IROTH | (stat.S_IXOTH if facts.st_mode & stat.S_IXUSR else 0)
            if not _allows(account, facts, needed):
                return False
    return True


def can_enter(account: Account, folder: Path) -> bool:
    """Tell whether the account can enter the folder, which takes every folder above it as well."""
    folder = folder.resolve()
    return all(_allows(account, part.stat(), stat.S_IXOTH) for part in (folder, *folder.parents))


def _allows(account: Account, facts: os.stat_result, needed: int) -> bool:
    """Apply the first class of mode bits that fits the account, as the kernel does."""
    if facts.st_uid == account.uid:
        granted = facts.st_mode >> 6
    elif facts.st_gid == account.gid:
        granted = facts.st_mode >> 3
    else:
        granted = facts.st_mode
    return granted & needed == needed
