"""What the taps of the suite share: settings, bookmarks, failure handling, rejects, key sets, values.

``Tap`` and ``KitStream`` are imported, and the SDK with them, when they are asked for: ``startup`` must come first.
"""

from __future__ import annotations

import importlib
import typing as t

if t.TYPE_CHECKING:
    from tap_kit.stream import KitStream
    from tap_kit.tap import Tap

__all__ = ["KitStream", "Tap"]

_MODULES = {"KitStream": "tap_kit.stream", "Tap": "tap_kit.tap"}


def __getattr__(name: str) -> t.Any:  # noqa: ANN401 - the two classes
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
