"""What was done to a building on purpose, written down by whoever did it.

The proofs believe it: which process was killed when, how far whose clock was ahead, whose disk
was sick, what a journal had given out before it was spoilt. One JSON object a line; instants are
those of this machine's own clock.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from contracts.instants import SECOND, Instant
from wenlan.proofs.ground_truth import json_lines

FILE = "blows.jsonl"
DIARY = "supervisor.jsonl"
"""Which process was started and ended when, as the one saw it that keeps them running."""
NEVER: Instant = 2**62
AGAIN = 10 * SECOND
"""A process that found its disk sick may end that much after the disk is well again."""


RECONNECTED = 3 * SECOND
"""So soon after the broker is back everybody is connected again."""


class Killed(Struct, frozen=True, tag="killed"):
    """A process was ended in the middle of whatever it did."""

    at: Instant
    part: str


class DiskSet(Struct, frozen=True, tag="disk"):
    """The disk of a process was made sick, or well again."""

    at: Instant
    part: str
    sick: bool


class ClockSet(Struct, frozen=True, tag="clock"):
    """The wall clock of a process was set `ahead` microseconds before this machine's."""

    at: Instant
    part: str
    ahead: int


class JournalSpoilt(Struct, frozen=True, tag="journal"):
    """A journal was taken away, replaced or altered; `given`: the last number by stream."""

    at: Instant
    edge: str
    given: dict[str, int]


class BrokerBack(Struct, frozen=True, tag="broker-back"):
    """The broker takes connections again."""

    at: Instant


Note = Killed | DiskSet | ClockSet | JournalSpoilt | BrokerBack
_decoder = msgspec.json.Decoder(Note)


class Notebook:
    """Appends notes to the file of a building."""

    def __init__(self, data: Path, now: Callable[[], Instant]) -> None:
        self.now = now
        self._path = data / FILE

    def write(self, note: Note) -> None:
        """Write a note down."""
        with self._path.open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(note) + b"\n")


class Span(NamedTuple):
    """From one instant to another, both included."""

    since: Instant
    until: Instant

    def holds(self, at: Instant) -> bool:
        """Say whether an instant lies in it."""
        return self.since <= at <= self.until


@dataclass(slots=True)
class Notes:
    """All that was done to a building, sorted."""

    kills: dict[str, list[Instant]] = field(default_factory=lambda: defaultdict(list))
    ends: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    """From when it was asked to end, or to when it ended by itself."""
    sick: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    clocks: dict[str, list[tuple[Instant, int]]] = field(default_factory=lambda: defaultdict(list))
    spoilt: dict[str, list[Instant]] = field(default_factory=lambda: defaultdict(list))
    """By edge."""
    given: dict[str, int] = field(default_factory=dict)
    """By stream: a number that was given, although the journal that says so may be gone …"""
    given_at: dict[str, Instant] = field(default_factory=dict)
    """… and when that was noted."""
    broker_back: list[Instant] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Processes that ended by themselves, in words."""

    def forgot(self, edge: str) -> list[Instant]:
        """Give when an edge may have lost what it remembered.

        Its journal was spoilt, or it was killed while that could not be written.
        """
        part = f"edge-{edge}"
        killed = (at for at in self.kills[part] if self.was_sick(part, at, within=AGAIN))
        return sorted([*self.spoilt[edge], *killed])

    def unreachable(self, span: Span) -> bool:
        """Say whether for some time of a span no broker or no gateway could be reached."""
        spans = [Span(at, at + AGAIN) for at in self.kills["gateway"]]
        spans += [one._replace(until=one.until + AGAIN) for one in self.sick["gateway"]]
        for at in self.kills["broker"]:
            back = min((one for one in self.broker_back if one >= at), default=at)
            spans.append(Span(at, back + RECONNECTED))
        return any(one.since <= span.until and span.since <= one.until for one in spans)

    def was_sick(self, part: str, at: Instant, within: int = 0) -> bool:
        """Say whether a disk was sick at an instant, or at most `within` before it."""
        return any(span.since <= at <= span.until + within for span in self.sick[part])


def read_notes(data: Path) -> Notes:
    """Read what stands in a building's folder; what was not noted there, its diary says."""
    notes = Notes()
    path = data / FILE
    for line in path.read_bytes().splitlines() if path.exists() else ():
        _take(notes, _decoder.decode(line))
    _read_diary(data, notes)
    return notes


def _take(notes: Notes, note: Note) -> None:
    match note:
        case Killed(at=at, part=part):
            notes.kills[part].append(at)
        case DiskSet(at=at, part=part, sick=sick):
            spans = notes.sick[part]
            if spans and spans[-1].until == NEVER:
                spans[-1] = spans[-1]._replace(until=at)
            if sick:
                spans.append(Span(at, NEVER))
        case ClockSet(at=at, part=part, ahead=ahead):
            notes.clocks[part].append((at, ahead))
        case JournalSpoilt(at=at, edge=edge, given=given):
            notes.spoilt[edge].append(at)
            for stream, last in given.items():
                if last > notes.given.get(stream, 0):
                    notes.given[stream], notes.given_at[stream] = last, at
        case BrokerBack(at=at):
            notes.broker_back.append(at)


def _read_diary(data: Path, notes: Notes) -> None:
    """Add how processes ended, as their supervisor saw it."""
    asked: dict[str, Instant] = {}
    for note in json_lines(data / DIARY):
        part, at, what = note["part"], note["at"], note["what"]
        if what == "ending":
            asked[part] = at
        elif what == "ended" and part in asked:
            notes.ends[part].append(Span(asked.pop(part), at))
        elif what == "ended" and note["code"] == -9:
            # Whoever notes his kills knows better when they were.
            if not any(at - 10 * SECOND <= one <= at for one in notes.kills[part]):
                notes.kills[part].append(at)
        elif what == "ended":
            notes.ends[part].append(Span(at, at))
            # A gateway that finds its disk sick at a start ends, and is started again.
            if note["code"] and not notes.was_sick(part, at, within=AGAIN):
                notes.failed.append(f"{part} ended by itself, with status {note['code']}")
