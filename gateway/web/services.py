"""What the console and the REST interface are built from."""

from collections.abc import Callable
from dataclasses import dataclass

from config.site import Site
from contracts.instants import Instant
from gateway.commands.requests import Requests
from gateway.devices.snapshot import Live
from gateway.storage.read_pool import Archive


@dataclass(frozen=True, slots=True)
class Parts:
    """One running gateway, as whoever shows or commands it sees it."""

    site: Site
    live: Live
    archive: Archive
    requests: Requests
    now: Callable[[], Instant]
