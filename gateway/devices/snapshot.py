"""What is true now, for whoever shows it: a frozen picture, and a call when it changed."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from contracts.instants import Instant


class Freshness(StrEnum):
    """Decided once, by the freshness engine, for everybody."""

    LIVE = "live"
    UNKNOWN = "unknown"
    """Never heard, or silent for three periods: the last value is history, not a value."""


class PointNow(NamedTuple):
    """One point now. `value` and `at` are the last known; show them only while LIVE."""

    path: str
    freshness: Freshness
    value: float | None
    quality: str
    at: Instant
    received: Instant


class Picture(NamedTuple):
    """Everything that a page shows live. `version` grows with every change."""

    version: int
    points: Mapping[str, PointNow]
    open_alarms: int
    edges: Mapping[str, bool]
    """Online or not, by edge."""


EMPTY = Picture(0, MappingProxyType({}), 0, MappingProxyType({}))


class Live:
    """Holds the newest picture. One writer; any number of watchers, none of which can delay it."""

    def __init__(self) -> None:
        self.picture = EMPTY
        self._changed = asyncio.Event()

    def show(self, picture: Picture) -> None:
        """Replace the picture and wake every watcher."""
        self.picture = picture
        self._changed.set()
        self._changed = asyncio.Event()

    async def newer(self, version: int) -> Picture:
        """Wait for a picture newer than `version`; a slow watcher skips what lies between."""
        while self.picture.version <= version:
            await self._changed.wait()
        return self.picture
