"""What can be commanded."""

from typing import Protocol

from contracts.messages import Command


class Commandable(Protocol):
    """Carries out the actions it names."""

    device: str
    actions: frozenset[str]

    async def execute(self, command: Command) -> float | None:
        """Carry it out and give the value read back, where there is one. Raises DriverError."""
        ...
