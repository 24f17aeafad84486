"""What routes and pages ask again and again, asked of the store only once in a while."""

from gateway.api.now import Roster, Tile, tile
from gateway.api.problems import Counts
from gateway.live import Picture
from gateway.parts import Parts
from gateway.storage import ledgers

KEPT = 2_000_000
"""Microseconds for which the roster is taken to be what it was."""


class Board:
    """One application's view of its parts."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.counts = Counts()
        self._roster = Roster({}, {})
        self._read = -KEPT
        self._tiles: tuple[int, Roster, dict[str, Tile]] | None = None

    async def roster(self) -> Roster:
        """Give the points and devices there are; raise ArchiveError."""
        now = self.parts.now()
        if not self._read <= now < self._read + KEPT:
            archive = self.parts.archive
            points = await archive.ask(ledgers.points)
            devices = await archive.ask(ledgers.devices)
            roster = Roster(
                {point.path: point for point in points}, {device.id: device for device in devices}
            )
            if roster != self._roster:
                self._roster = roster
            self._read = now
        return self._roster

    async def tiles(self, picture: Picture) -> dict[str, Tile]:
        """Give every space as it is in a picture, judged once for all who look at it."""
        roster = await self.roster()
        known = self._tiles
        if known is None or known[0] != picture.version or known[1] is not roster:
            tiles = {space.id: tile(space, roster, picture) for space in self.parts.site.spaces}
            known = self._tiles = (picture.version, roster, tiles)
        return known[2]
