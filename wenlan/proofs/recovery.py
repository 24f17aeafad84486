"""How soon a building is itself again after the broker was away."""

from typing import NamedTuple

from config.site import Site
from contracts.instants import SECOND, Instant
from runtime.database import Connection, rows
from wenlan.proofs.dating import Dating
from wenlan.proofs.notes import Notes

PROMISED = 2.0
"""Seconds from the broker's return until live values of each edge are in the store."""
BEFORE, AFTER = 12 * SECOND, 4 * SECOND
"""An edge or a gateway that was struck so near to the broker's return has more to do than that."""
LONGEST = 60 * SECOND
LIVE = SECOND
"""A value measured so shortly before the broker's return is live: devices are asked each second."""


class Return(NamedTuple):
    """The broker came back, and the first live value came from an edge."""

    edge: str
    at: Instant
    seconds: float


def returns(store: Connection, site: Site, notes: Notes, clocks: dict[str, Dating]) -> list[Return]:
    """Measure each return of the broker by each edge that had nothing else to recover from."""
    return [
        Return(edge.id, at, _first_value(store, edge.id, clocks[edge.id], at))
        for at in notes.broker_back
        for edge in site.edges
        if _undisturbed(notes, f"edge-{edge.id}", at)
    ]


def too_late(measured: list[Return]) -> list[str]:
    """Name those that took longer than is promised."""
    return [
        f"the first live value of edge {one.edge} came {one.seconds:.1f} s after the broker"
        f" was back at {one.at}"
        for one in measured
        if one.seconds > PROMISED
    ]


def _undisturbed(notes: Notes, part: str, at: Instant) -> bool:
    near = range(at - BEFORE, at + AFTER)
    struck = [
        *notes.kills[part],
        *notes.kills["gateway"],
        *notes.spoilt[part.removeprefix("edge-")],
        *(span.since for one in (part, "gateway") for span in notes.ends[one]),
    ]
    sick = [span for one in (part, "gateway") for span in notes.sick[one]]
    return (
        not any(one in near for one in struck)
        and not any(at <= one <= at + AFTER for one in notes.kills["broker"])
        and not any(span.since <= at + AFTER and span.until >= at - BEFORE for span in sick)
    )


def _first_value(store: Connection, edge: str, dating: Dating, back: Instant) -> float:
    found = rows(
        store,
        "SELECT at, received FROM reading JOIN stream ON id = stream"
        " WHERE edge = ? AND received BETWEEN ? AND ?",
        (edge, back, back + LONGEST),
    )
    came = (received for at, received in found if (dating.real(at) or 0) >= back - LIVE)
    return (min(came, default=back + LONGEST) - back) / SECOND
