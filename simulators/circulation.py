"""The library's counter side on real wires: the library system, the pads, and who uses them."""

from collections.abc import Callable
from typing import Any, Protocol

from config.site import Site
from contracts.instants import Instant


class Note(Protocol):
    """Writes down what really happened."""

    def __call__(self, kind: str, **fields: Any) -> None:
        """Append one row."""
        ...


class Trouble(Protocol):
    """One way of failing."""

    @property
    def what(self) -> str:
        """Name it, as `simulators.faults.What` does."""
        ...

    @property
    def value(self) -> float | None:
        """Give the number that some ways need."""
        ...


class Troubles(Protocol):
    """Who fails now, and how."""

    def on(self, target: str) -> Trouble | None:
        """Give the fault that a device has now."""
        ...


async def run_circulation(
    site: Site,
    ledger: Note,
    now: Callable[[], Instant],
    faults: Troubles | None = None,
    busyness: Callable[[], float] = lambda: 1.0,
    gateway: str = "",
) -> None:
    """Run every SIP2 server, tag reader and reader of a site until cancelled.

    `busyness` scales how often people come (1.0 is the default pace, 0 means closed); `gateway` is
    the address of the gateway's REST interface for asking books from the stacks, or empty. Faults
    are looked up under the device's id.
    """
