"""The library's counter side on real wires: the library system, the pads, and who uses them."""

from collections.abc import Callable

from config.site import Site
from contracts.instants import Instant
from simulators.troubles import NONE, Note, Troubles


async def run_circulation(
    site: Site,
    ledger: Note,
    now: Callable[[], Instant],
    faults: Troubles = NONE,
    busyness: Callable[[], float] = lambda: 1.0,
    gateway: str = "",
) -> None:
    """Run every SIP2 server, tag reader and reader of a site until cancelled.

    `busyness` scales how often people come (1.0 is the default pace, 0 means closed); `gateway` is
    the address of the gateway's REST interface for asking books from the stacks, or empty. Faults
    are looked up under the device's id.
    """
