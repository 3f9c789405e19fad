"""What the taps of the suite share: settings, bookmarks, failure handling, rejects, key sets, values."""

from __future__ import annotations

from tap_kit.stream import KitStream
from tap_kit.tap import Tap

__all__ = ["KitStream", "Tap"]
