"""Why an answer is not in the store: a hole that somebody declared, a kill, or the edge's word.

What none of these explains is lost. A hole explains as many records as it has numbers, no more.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.instants import SECOND, Instant
from gateway.ingest.holes import AWAITED, OPEN_END
from gateway.ingest.readers import OLD_COPY, gaps
from runtime.database import Connection, rows
from wenlan.proofs.dating import Dating
from wenlan.proofs.notes import NEVER, Notes, Span
from wenlan.proofs.readings import LONGEST_POLL, Missing

GROUP = SECOND // 4
"""What was read so long before an edge was killed may not have been on disk: one group commit,
and what is read into it on a busy machine. It is measured, and reported."""
UNDER_WAY = SECOND
"""Answers that arrive while an edge dies, or ends, are heard by nobody."""
AT_ONCE = int(0.7 * SECOND)
"""A device's answers so near to each other are one record."""
REOPENED = 10 * SECOND
"""So long after a disk is well again an edge may still hold what it wrote to memory."""
SLACK = 2 * SECOND
"""A hole's times are those of the records at its sides."""
MOST_GAPS = 10_000_000


class Absence(NamedTuple):
    """A record that is not there: the values of a device that were answered together."""

    edge: str
    device: str
    since: Instant
    until: Instant
    values: int
    told: str


@dataclass(slots=True)
class Opening:
    """A hole, in this machine's time; `room` is how many records it can explain."""

    since: Instant
    until: Instant
    room: float


@dataclass(slots=True)
class Explained:
    """How many values are missing, by reason."""

    unheard: int = 0
    """The edge said that the device was gone."""
    in_holes: int = 0
    in_kills: int = 0
    at_ends: int = 0
    """The edge was asked to end while they were under way."""
    worst_kill: int = 0
    """Most values that one kill cost …"""
    oldest: int = 0
    """… and how long before a kill the oldest was read that was not on disk, in µs."""
    in_doubt: int = 0
    """In the one group of a sick disk of which nobody knew whether it was written, at a kill."""
    unheard_of: int = 0
    """In the memory of an edge that was killed with its disk sick, and no gateway to hear it."""
    lost: list[str] = field(default_factory=list)


def explain(
    missing: Iterable[Missing], store: Connection, notes: Notes, clocks: dict[str, Dating]
) -> Explained:
    """Say of each answer that is missing why it may be."""
    result = Explained()
    gone = absences(store, clocks)
    openings = {edge: holes_of(store, edge, notes, dating) for edge, dating in clocks.items()}
    kills: dict[tuple[str, Instant], int] = defaultdict(int)
    unexplained: list[Absence] = []
    for one in records_of(missing):
        if any(span.since <= one.until and one.since <= span.until for span in gone[one.device]):
            result.unheard += one.values
            continue
        killed = _kill(one, notes)
        # A sick or spoilt journal declares what it cost.
        troubled = killed is None or _troubled(one.edge, killed, notes)
        if troubled and fill(openings[one.edge], one.since):
            result.in_holes += one.values
        elif killed is not None:
            kills[one.edge, killed] += one.values
            result.in_kills += one.values
            result.oldest = max(result.oldest, killed - one.since)
        elif _ending(one, notes):
            result.at_ends += one.values
        else:
            unexplained.append(one)
    result.worst_kill = max(kills.values(), default=0)
    _explain_sick_kills(unexplained, store, notes, clocks, result)
    return result


def _explain_sick_kills(
    records: Sequence[Absence],
    store: Connection,
    notes: Notes,
    clocks: dict[str, Dating],
    result: Explained,
) -> None:
    """Say what died with an edge whose disk was sick, and is in no hole.

    One group was in doubt: neither sent nor on disk. The rest was in memory alone, and is excused
    if no gateway could hear of it; that the edge began anew is the only row that tells of it.
    """
    doubted: dict[tuple[str, Instant], Instant] = {}
    for one in records:
        killed = _killed_sick(one, notes)
        began = killed is not None and _began_anew(store, one.edge, killed, clocks[one.edge])
        if killed is None or not began:
            result.lost.append(one.told)
        elif one.since - doubted.setdefault((one.edge, killed), one.since) <= GROUP:
            result.in_doubt += one.values
        elif notes.unreachable(Span(one.since, killed)):
            result.unheard_of += one.values
        else:
            result.lost.append(one.told)


def _killed_sick(record: Absence, notes: Notes) -> Instant | None:
    """Give when the edge of a record was killed next, if its disk was sick from then to there."""
    part = f"edge-{record.edge}"
    killed = min((at for at in notes.kills[part] if at >= record.since), default=None)
    if killed is None or not notes.was_sick(part, killed, within=REOPENED):
        return None
    return killed if notes.was_sick(part, record.since, within=REOPENED) else None


def _began_anew(store: Connection, edge: str, killed: Instant, dating: Dating) -> bool:
    starts = rows(store, "SELECT at FROM event WHERE kind = 'started' AND subject = ?", (edge,))
    return any((dating.real(at) or 0) >= killed for (at,) in starts)


def records_of(missing: Iterable[Missing]) -> list[Absence]:
    """Put together what was answered together."""
    found: list[Absence] = []
    for one in sorted(missing, key=lambda one: (one.device, one.at)):
        told = f"{one.path} at {one.at}: the answer {one.value} was never stored"
        last = found[-1] if found else None
        if last and last.device == one.device and one.at - last.until <= AT_ONCE:
            found[-1] = last._replace(until=one.at, values=last.values + 1)
        else:
            found.append(Absence(one.edge, one.device, one.at, one.at, 1, told))
    return sorted(found, key=lambda one: one.since)


def absences(store: Connection, clocks: dict[str, Dating]) -> dict[str, list[Span]]:
    """Give from when to when each device was said not to answer as it should."""
    spans: dict[str, list[Span]] = defaultdict(list)
    since: dict[str, Instant] = {}
    told = rows(
        store,
        "SELECT edge, subject, at, body FROM event JOIN stream ON id = stream"
        " WHERE kind = 'device'",
    )
    dated = [
        (clocks[edge].real(at) or at, device, bool(json.loads(body)["available"]))
        for edge, device, at, body in told
        if edge in clocks
    ]
    for at, device, there in sorted(dated):
        if not there:
            since.setdefault(device, at)
        elif device in since:
            spans[device].append(Span(since.pop(device) - LONGEST_POLL, at))
    for device, at in since.items():
        spans[device].append(Span(at - LONGEST_POLL, NEVER))
    return spans


def holes_of(store: Connection, edge: str, notes: Notes, dating: Dating) -> list[Opening]:
    """Give the declared holes of an edge, those that end first before the others."""
    found: list[Opening] = []
    for gap in gaps(store, MOST_GAPS):
        if gap.edge != edge or gap.cause == AWAITED:
            continue
        since = dating.real(gap.since) if gap.since else None
        until = dating.real(gap.until) if gap.until else None
        end = min(gap.noticed, until or NEVER) + SLACK
        bounded = gap.last and gap.cause != OLD_COPY
        room = float(gap.last - gap.first + 1) if bounded else float("inf")
        if gap.cause == OPEN_END:
            if since is None:
                continue
            if gap.stream in notes.given:
                # It was on disk, and went on over restarts until that was spoilt.
                end = min(end, notes.given_at[gap.stream] + SLACK)
                room = float(notes.given[gap.stream] - gap.first + 1)
            else:
                # Nothing comes of a stream in memory after its process.
                deaths = [at for at in notes.kills[f"edge-{edge}"] if at >= since - SLACK]
                end = min([end, *deaths])
        found.append(Opening((since or SLACK) - SLACK, end, room))
    return sorted(found, key=lambda one: one.until)


def fill(openings: Sequence[Opening], at: Instant) -> bool:
    """Say whether a declared hole explains a record of an instant; one less has room there then."""
    for one in openings:
        if one.room >= 1 and one.since <= at <= one.until:
            one.room -= 1
            return True
    return False


def _kill(record: Absence, notes: Notes) -> Instant | None:
    kills = notes.kills[f"edge-{record.edge}"]
    return next((at for at in kills if at - GROUP <= record.until <= at + UNDER_WAY), None)


def _troubled(edge: str, killed: Instant, notes: Notes) -> bool:
    spoilt = any(abs(at - killed) <= SLACK for at in notes.spoilt[edge])
    return spoilt or notes.was_sick(f"edge-{edge}", killed, within=REOPENED)


def _ending(record: Absence, notes: Notes) -> bool:
    ends = notes.ends[f"edge-{record.edge}"]
    return any(end.since - UNDER_WAY <= record.until <= end.until + UNDER_WAY for end in ends)
