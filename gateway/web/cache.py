"""What routes and pages ask again and again, asked of the store only once in a while."""

from datetime import date

from config.library_days import Calendar
from config.site import Gate
from gateway.climate.conditions import Inventory, Tile, tile
from gateway.devices import readers as device_readers
from gateway.devices.snapshot import Picture
from gateway.footfall.visit_days import GateDay, gate_day
from gateway.web.problems import Counts
from gateway.web.services import Parts

KEPT = 2_000_000
"""Microseconds for which the inventory is taken to be what it was."""


MOST_DAYS = 1000
"""Library-days of gates that are remembered."""


class Cache:
    """One application's view of its parts."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.counts = Counts()
        self._inventory = Inventory({}, {})
        self._read = -KEPT
        self._tiles: tuple[int, Inventory, dict[str, Tile]] | None = None
        self._days: dict[tuple[str, date], tuple[int, GateDay]] = {}

    async def inventory(self) -> Inventory:
        """Give the points and devices there are; raise ArchiveError."""
        now = self.parts.now()
        if not self._read <= now < self._read + KEPT:
            archive = self.parts.archive
            points = await archive.ask(device_readers.points)
            devices = await archive.ask(device_readers.devices)
            inventory = Inventory(
                {point.path: point for point in points}, {device.id: device for device in devices}
            )
            if inventory != self._inventory:
                self._inventory = inventory
            self._read = now
        return self._inventory

    async def tiles(self, picture: Picture) -> dict[str, Tile]:
        """Give every space as it is in a picture, judged once for all who look at it."""
        inventory = await self.inventory()
        known = self._tiles
        if known is None or known[0] != picture.version or known[1] is not inventory:
            tiles = {space.id: tile(space, inventory, picture) for space in self.parts.site.spaces}
            known = self._tiles = (picture.version, inventory, tiles)
        return known[2]

    async def gate_day(self, gate: Gate, day: date, kept: int = 0) -> GateDay:
        """Give a gate's library-day, as it is now or was at most `kept` microseconds ago."""
        parts = self.parts
        now = parts.now()
        known = self._days.get((gate.id, day))
        if known is not None and now - kept < known[0] <= now:
            return known[1]
        calendar = Calendar(parts.site.zone, parts.site.day_begins)
        found = await parts.archive.ask(
            gate_day, gate.id, two_way=gate.exits is not None, day=day, calendar=calendar, now=now
        )
        if len(self._days) > MOST_DAYS:
            self._days.clear()
        self._days[gate.id, day] = now, found
        return found
