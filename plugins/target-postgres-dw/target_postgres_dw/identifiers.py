"""Table and column names as Postgres holds them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_BYTES = 63  # NAMEDATALEN - 1


def snake_case(name: str) -> str:
    """Return a name in snake_case: ``clientName`` and ``client:name`` are ``client_name``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"\W+", "_", words).lower() or "_"


def identifier(name: str) -> str:
    """Return the snake_case form in at most 63 bytes; a longer one gets a suffix that is the same for ever."""
    plain = snake_case(name)
    return plain if len(plain.encode()) <= MAX_BYTES else _suffixed(plain, name)


def unique_identifiers(names: Iterable[str], reserved: Collection[str] = ()) -> dict[str, str]:
    """Map source names to identifiers, none of them twice and none of them reserved.

    A name that needs no change keeps its form. Of the others, all that would collide get a suffix, so that what a
    name becomes does not depend on the order it comes in.
    """
    names = list(names)
    wanted = Counter(identifier(name) for name in names)
    result = {}
    for name in names:
        plain = identifier(name)
        collides = plain in reserved or (wanted[plain] > 1 and plain != name)
        result[name] = _suffixed(plain, name) if collides else plain
    return result


def quoted(*parts: str) -> str:
    """Return a quoted, dotted SQL identifier."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _suffixed(plain: str, source_name: str) -> str:
    suffix = "_" + hashlib.blake2b(source_name.encode(), digest_size=4).hexdigest()
    return plain.encode()[: MAX_BYTES - len(suffix)].decode("utf-8", "ignore") + suffix
