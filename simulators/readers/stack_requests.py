"""Readers who ask for books from the closed stacks, as the central library system passes it on."""

import asyncio
import http.client
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlsplit

from config.site import Station
from simulators.activity import Activity
from simulators.faults import Note
from simulators.library_system.collection import Collection

log = logging.getLogger(__name__)

FIRST_AFTER = 6.0
BETWEEN = 50.0
"""Mean seconds between two requests at the default pace."""
SHORTEST_PAUSE = 25.0
LONGEST_PAUSE = 300.0
AGAIN_AFTER = 3.0
"""Seconds until a request that the gateway did not take is made again."""
DEADLINE = 3.0

Ask = Callable[[Mapping[str, Any]], Awaitable[int]]
"""Asks the gateway for something; gives the status, 0 when nobody answers."""


@dataclass(slots=True)
class StacksRequests:
    """Asks the gateway to have one robot fetch books."""

    ask: Ask
    robot: str
    origin: str
    destination: str
    collection: Collection
    random: Random
    busyness: Callable[[], float]
    activity: Activity
    ledger: Note
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self) -> None:
        """Ask now and then until cancelled."""
        wanted = [item.barcode for item in self.collection.items.values() if item.home == "stacks"]
        self.random.shuffle(wanted)
        await self.sleep(FIRST_AFTER)
        while wanted:
            item = wanted.pop(0)
            if item not in self.collection.loans:
                await self._ask(item)
                pause = self.random.expovariate(max(self.busyness(), 0.01) / BETWEEN)
                await self.sleep(min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE))
            wanted.append(item)

    async def _ask(self, item: str) -> None:
        """Ask until the gateway takes it; what it refuses for good is given up."""
        request = {
            "device": self.robot,
            "action": "deliver",
            "arguments": {"item": item, "origin": self.origin, "destination": self.destination},
            "who": "library-system",
        }
        complained = False
        while True:
            while self.busyness() <= 0:
                await self.sleep(0.5)
            with self.activity.of("a request for the stacks"):
                status = await self.ask(request)
            if 200 <= status < 300:
                self.ledger("request", item=item, robot=self.robot, status=status)
                return
            if not complained:
                log.info("%s cannot be asked for yet: the gateway says %d", item, status)
                complained = True
            if status in (400, 401, 403, 409, 422):
                return
            await self.sleep(AGAIN_AFTER)


def post(base: str, body: Mapping[str, Any]) -> int:
    """Ask a gateway's REST interface, blocking; give the status, 0 when nobody answers."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE)
    try:
        connection.request(
            "POST",
            "/api/v1/commands",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def route(stations: tuple[Station, ...]) -> tuple[str, str] | None:
    """Say from where to where books are brought; None when there is nowhere to go."""
    names = [station.id for station in stations]
    if len(names) < 2:
        return None
    origin = next((name for name in names if "stack" in name), names[0])
    others = [name for name in names if name != origin]
    return origin, next((name for name in others if "hall" in name or "desk" in name), others[-1])
