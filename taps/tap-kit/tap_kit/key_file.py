"""The file that the setting ``only_keys`` names: which records a run is about."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from tap_kit.errors import SkipStream, Stop
from tap_kit.values import Odd

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Key: t.TypeAlias = "Mapping[str, int | str]"


@dataclass(frozen=True)
class KeyFile:
    """Keys by stream: a line like ``{"stream": "contacts", "key": {"id": 17}}`` each."""

    keys: Mapping[str, Sequence[Key]]

    @classmethod
    def read(cls, path: Path) -> KeyFile:
        """Read a file of keys.

        Raises:
            Stop: If it cannot be read, or one of its lines is no key; says which.
        """
        found: dict[str, list[Key]] = {}
        try:
            with path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        stream, key = _parse(line) or _refuse(path, number)
                        found.setdefault(stream, []).append(key)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8"
            raise Stop(f"The file {path} of the setting only_keys cannot be read: {reason}.") from None
        return cls(found)

    def of(self, stream: str, names: Sequence[str]) -> list[tuple[int | str, ...]]:
        """Return the keys of a stream, their parts in the order of its key columns.

        Raises:
            SkipStream: If a key lacks a column, or has one that the key of the stream has not.
        """
        keys = self.keys.get(stream, ())
        if any(key.keys() != set(names) for key in keys):
            raise SkipStream(
                f"The file of only_keys has a key of {stream} whose columns are not {', '.join(names)}.",
                category="configuration",
            )
        return [tuple(key[name] for name in names) for key in keys]


def text_of(key: t.Iterable[t.Any]) -> tuple[str, ...]:
    """Return a key for comparing: whether a part is a number or the text of one does not count."""
    return tuple(str(part.value if isinstance(part, Odd) else part) for part in key)


def _parse(line: str) -> tuple[str, Key] | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    stream, key = (content.get("stream"), content.get("key")) if isinstance(content, dict) else (None, None)
    if not isinstance(stream, str) or not isinstance(key, dict):
        return None
    return (stream, key) if all(isinstance(part, int | str) for part in key.values()) else None


def _refuse(path: Path, number: int) -> t.NoReturn:
    raise Stop(
        f'The file {path} of the setting only_keys has no key in line {number}: it must look like {{"stream": '
        '"contacts", "key": {"id": 17}}.'
    )
