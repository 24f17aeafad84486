"""What lies on a reader's pad."""

import asyncio
from collections.abc import Callable, Sequence

from simulators.rfid.tags import Tag


class Pad:
    """A surface for tags. Everything put on or taken away happens at once, as hands do it."""

    def __init__(self) -> None:
        self._lying: tuple[Tag, ...] = ()
        self._touched = asyncio.Event()

    def lying(self) -> Sequence[Tag]:
        """Give the tags that lie there."""
        return self._lying

    def put(self, tags: Sequence[Tag]) -> None:
        """Lay down these tags and nothing else."""
        self._lying = tuple(tags)
        self.touch()

    def clear(self) -> None:
        """Take everything away."""
        self.put(())

    def remove(self, tag: Tag) -> None:
        self.put([one for one in self._lying if one is not tag])

    def touch(self) -> None:
        """Wake whoever waits for a change."""
        self._touched.set()
        self._touched = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on the tags holds."""
        while not condition():
            await self._touched.wait()
