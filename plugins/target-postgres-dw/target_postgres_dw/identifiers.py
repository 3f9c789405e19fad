"""Table and column names as Postgres holds them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 63  # NAMEDATALEN - 1


def snake_case(name: str) -> str:
    """Return a name in snake_case: ``clientName`` and ``client:name`` are ``client_name``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"\W+", "_", words).lower() or "_"


def identifier(name: str) -> str:
    """Return the snake_case form in at most 63 bytes; a longer one gets a suffix that is the same for ever."""
    plain = snake_case(name)
    return plain if len(plain.encode()) <= MAX_BYTES else _suffixed(plain, name)


def unique_identifiers(names: Iterable[str]) -> dict[str, str]:
    """Map source names to identifiers; of two that would collide, the later one gets a suffix.

    A name that needs no change keeps its form whatever its neighbours are called.
    """
    names = list(names)
    result = {name: name for name in names if identifier(name) == name}
    taken = set(result)
    for name in names:
        if name in result:
            continue
        candidate = identifier(name)
        result[name] = _suffixed(candidate, name) if candidate in taken else candidate
        taken.add(result[name])
    return {name: result[name] for name in names}


def quoted(*parts: str) -> str:
    """Return a quoted, dotted SQL identifier."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _suffixed(plain: str, source_name: str) -> str:
    suffix = "_" + hashlib.blake2b(source_name.encode(), digest_size=4).hexdigest()
    return plain.encode()[: MAX_BYTES - len(suffix)].decode("utf-8", "ignore") + suffix
