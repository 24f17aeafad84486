"""What kiosk and fleet need of the edge's journal."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from contracts.records import Record


class Diary(Protocol):
    """A place to write facts down, and to remember what is under way."""

    async def append(
        self, records: Sequence[Record], remember: Mapping[str, bytes | None] | None = None
    ) -> None:
        """Journal facts; with an event or something to remember, return when all is on disk.

        `remember` is written in the same transaction: a value by key, None to forget it.
        """
        ...

    def recall(self, prefix: str) -> dict[str, bytes]:
        """Give what was remembered under keys that begin with `prefix`."""
        ...
