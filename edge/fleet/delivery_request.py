"""Reads a wish for a delivery: what is asked must be possible before it is written down."""

from config.site import Fleet
from contracts.messages import Command
from contracts.records import DeliveryStep
from drivers.errors import RefusedError
from drivers.protocols import vda5050
from edge.fleet.job_rules import PATIENCE
from edge.fleet.job_store import JobStore
from edge.fleet.jobs import Job
from edge.fleet.routing import NoWayError, shortest
from edge.journal.terms import Terms

LONGEST_QUEUE = 100
LONGEST_ITEM = 200
"""Characters."""


def delivery_of(command: str) -> str:
    """Give the delivery that a command asks for: the same for the same command."""
    return vda5050.fixed_id("delivery", command)


def wanted(command: Command, fleet: Fleet, job_store: JobStore, terms: Terms) -> Job | None:
    """Read a wish; None when it was made before. Raises RefusedError with what to do."""
    robot, delivery = job_store.robot, delivery_of(command.id)
    if job_store.knows(delivery):
        return None
    item = command.arguments.get("item", "").strip()
    origin = command.arguments.get("origin", "")
    destination = command.arguments.get("destination", "")
    if not 0 < len(item) <= LONGEST_ITEM:
        raise RefusedError(f"{robot}: name the item to carry, in at most {LONGEST_ITEM} characters")
    stations = [station.id for station in fleet.stations]
    for what, place in (("origin", origin), ("destination", destination)):
        if place not in stations:
            raise RefusedError(f"{robot}: no station {place!r} as {what}; there are {stations}")
    if origin == destination:
        raise RefusedError(f"{robot}: origin and destination are both {origin!r}; choose two")
    try:
        shortest(fleet, origin, destination)
    except NoWayError as error:
        raise RefusedError(f"{robot}: {error}") from error
    if len(job_store.jobs) >= LONGEST_QUEUE:
        raise RefusedError(f"{robot}: {LONGEST_QUEUE} deliveries are waiting; cancel some first")
    wait = terms.begin(PATIENCE[DeliveryStep.ASKED])
    return Job(
        *(delivery, item, origin, destination, wait.at, command.by),
        since=wait.at,
        place=job_store.next_place,
        wait=wait,
    )
