"""Asks the gateway for set-points all the while, and writes down what it was asked.

Each value is asked for once, so that what a device was told shows by whose command it was.
"""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from config.links import ModbusDevice
from config.site import Site
from contracts.instants import Instant
from wenlan.proofs.commands import ASKED

SPREAD = 50
"""Tenths around the safe value from which values are drawn."""
SHORTEST, LONGEST = 0.2, 2.0
"""Seconds between two commands."""
SHORTEST_LEASE, LONGEST_LEASE = 2, 15
PATIENCE = 8.0
"""Seconds that the gateway has for an answer."""
TAKEN = 202


class Wanted(NamedTuple):
    """A set-point to be asked for."""

    device: str
    point: str
    value: float


def wishes(site: Site, random: Random) -> list[Wanted]:
    """Give every set-point that may be asked for, in a random order: each value once."""
    found = [
        Wanted(device.id, point, (round(10 * safe) + tenths) / 10)
        for _, device in site.devices()
        if isinstance(device, ModbusDevice)
        for point, safe in device.safe.items()
        for tenths in range(-SPREAD, SPREAD + 1)
        if tenths
    ]
    random.shuffle(found)
    return found


class Asking:
    """Asks until it is told to stop."""

    def __init__(
        self, address: str, data: Path, now: Callable[[], Instant], random: Random
    ) -> None:
        self._address = address
        self._file = data / ASKED
        self._now = now
        self._random = random
        self._stopped = False
        self.taken = 0
        self.refused = 0
        """How often the gateway did not say that it took a command."""

    def stop(self) -> None:
        """Ask for nothing more."""
        self._stopped = True

    async def run(self, wanted: list[Wanted]) -> None:
        """Ask for one after the other."""
        for one in wanted:
            if self._stopped:
                return
            lease = self._random.randint(SHORTEST_LEASE, LONGEST_LEASE)
            body = {**one._asdict(), "action": "write", "lease": lease, "who": "chaos"}
            asked = self._now()
            identity = await asyncio.to_thread(self._post, body)
            self.taken += identity is not None
            self.refused += identity is None
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"at": asked, **body, "id": identity}) + "\n")
            await asyncio.sleep(self._random.uniform(SHORTEST, LONGEST))

    def _post(self, body: dict[str, Any]) -> str | None:
        request = urllib.request.Request(  # noqa: S310 - http, ours
            f"{self._address}/api/v1/commands",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                taken = json.load(answer)
                return str(taken["id"]) if answer.status == TAKEN else None
        except (OSError, urllib.error.URLError, ValueError):
            return None
