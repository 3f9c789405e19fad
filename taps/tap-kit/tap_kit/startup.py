"""Starts a program without the libraries that the Singer SDK imports for what the program never does.

They are a third of the time that a small sync takes. While they are postponed, whoever imports one gets a stand-in;
what was taken from it imports the library when it is first used.
"""

from __future__ import annotations

import importlib
import sys
import types
import typing as t
from contextlib import contextmanager

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# For the drains of sinks, and for the BATCH files of the SDK.
UNUSED_BY_US: t.Final = ("joblib", "upath")
# Only for programs that do not speak HTTP.
HTTP: t.Final = ("requests", "requests.adapters", "requests.exceptions", "urllib3")


class _Name:
    """A name of a library, for calls and attributes; nothing can be derived from it."""

    def __init__(self, module: str, name: str) -> None:
        self._place = module, name

    def _real(self) -> t.Any:  # noqa: ANN401 - whatever it is
        module, name = self._place
        return getattr(importlib.import_module(module), name)

    def __call__(self, *arguments: t.Any, **named: t.Any) -> t.Any:  # noqa: ANN401 - as the real one
        return self._real()(*arguments, **named)

    def __getattr__(self, name: str) -> t.Any:  # noqa: ANN401 - as the real one
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)


class _Library(types.ModuleType):
    """Stands for a library: gives stand-ins of its names as long as it is postponed, then the real ones."""

    def __getattr__(self, name: str) -> t.Any:  # noqa: ANN401 - whatever it is
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            return _Name(self.__name__, name)
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def postponing(*names: str) -> Iterator[None]:
    """Give imports within the block a stand-in for these modules, unless they are imported already."""
    placed = {name: _Library(name) for name in names if name not in sys.modules}
    sys.modules.update(placed)
    try:
        yield
    finally:
        for name in placed:
            del sys.modules[name]
