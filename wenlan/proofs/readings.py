"""Compares every stored value with what the device answered.

An answer belongs to one row at most. The time of a row is what its edge's clock said, so it is
turned into this machine's first, by what was done to that clock.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from config.links import ModbusDevice
from config.site import Site
from contracts.instants import SECOND, Instant
from contracts.topics import IMPORTER
from runtime.database import Connection, one, rows
from wenlan.proofs.dating import Dating
from wenlan.proofs.places import PLACES

LONGEST_POLL = 3 * SECOND
"""A poll's readings bear one time; its answers came at most this long before or after."""


class Answer(NamedTuple):
    """A value that a device gave."""

    at: Instant
    value: float
    needed: bool
    """Whether it must be in the store: not when it was spoilt on its way, or only read back."""


class Row(NamedTuple):
    """A value in the store."""

    stream: int
    number: int
    at: Instant
    value: float | None


class Missing(NamedTuple):
    """An answer that is not in the store."""

    path: str
    edge: str
    at: Instant
    value: float

    @property
    def device(self) -> str:
        """Who gave it."""
        return self.path.partition("/")[0]


@dataclass(slots=True)
class Compared:
    """What devices answered, held against what is stored."""

    answers: int = 0
    rows: int = 0
    """Values in the store that were compared …"""
    uncompared: int = 0
    """… and those of points of which nobody knows what the device answered."""
    altered: list[str] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


def compare_readings(
    store: Connection,
    site: Site,
    polls: Iterable[dict[str, Any]],
    clocks: dict[str, Dating],
    proven: Instant,
) -> Compared:
    """Compare all points; what is older than `proven` is not looked at. `clocks`: by edge."""
    result = Compared()
    edges = {device.id: edge.id for edge, device in site.devices()}
    answers = answers_of(site, polls)
    for path, given in answers.items():
        edge = edges[path.partition("/")[0]]
        dating, spare = clocks[edge], renumbered(store, edge)
        found = [one for one in rows_of(store, path) if one.at >= proven or dating.stepped]
        result.answers += len(given)
        result.rows += len(found)
        result.altered += out_of_order(path, found, dating, spare)
        left, altered = match(path, given, found, dating)
        result.altered += altered
        begin = proven + LONGEST_POLL if proven else 0
        result.missing += [
            Missing(path, edge, one.at, one.value) for one in left if one.needed and one.at >= begin
        ]
    result.uncompared = _uncompared(store, set(answers))
    return result


def answers_of(site: Site, polls: Iterable[dict[str, Any]]) -> dict[str, list[Answer]]:
    """Read all answers, by point, in the order of their time."""
    models = {one.id: one.model for _, one in site.devices() if isinstance(one, ModbusDevice)}
    answers: dict[str, list[Answer]] = defaultdict(list)
    for poll in polls:
        for name, place in PLACES.get(models.get(poll["device"], ""), {}).items():
            offset = place.register - poll["start"]
            words = poll["words"][offset : offset + place.words] if offset >= 0 else []
            if poll["function"] in place.functions and len(words) == place.words:
                # A set-point alone is asked for to see whether it was taken over.
                read_back = place.written_at >= 0 and len(poll["words"]) == place.words
                value = place.read(words)
                needed = not (poll.get("fault") or read_back or _is_none(value))
                answers[f"{poll['device']}/{name}"].append(Answer(poll["at"], value, needed))
    for given in answers.values():
        given.sort()
    return answers


def rows_of(store: Connection, path: str) -> list[Row]:
    """Give what is stored of a point, stream by stream, in the order of numbers."""
    found = rows(
        store,
        "SELECT stream, seq, at, value FROM reading JOIN point ON point.id = point"
        " JOIN stream ON stream.id = stream WHERE path = ? AND edge <> ? ORDER BY stream, seq",
        (path, IMPORTER),
    )
    return [Row(*row) for row in found]


def renumbered(store: Connection, edge: str) -> int:
    """Count the numbers of an edge whose records came under another one."""
    elsewhere, formerly = one(
        store,
        "SELECT (SELECT count(*) FROM elsewhere JOIN stream ON id = stream WHERE edge = ?),"
        " (SELECT coalesce(sum(last - first + 1), 0) FROM formerly"
        "  JOIN stream ON id = stream WHERE edge = ?)",
        (edge, edge),
    )
    return int(elsewhere) + int(formerly)


def match(
    path: str, given: Sequence[Answer], stored: Iterable[Row], dating: Dating
) -> tuple[list[Answer], list[str]]:
    """Give each row an answer of its own: same value, about the same time.

    Also give the answers that no row is of, and the rows that are of none, in words.
    """
    times = [one.at for one in given]
    used = [False] * len(given)
    altered: list[str] = []
    for row in stored:
        at = dating.real(row.at)
        place = None if at is None else _nearest(given, times, used, (at, row.value))
        if place is not None:
            used[place] = True
        elif row.value is not None:
            told = "no time that its clock ever said" if at is None else "no answer of the device"
            altered.append(f"{path} at {row.at}: {row.value} is {told}")
    return [one for one, taken in zip(given, used, strict=True) if not taken], altered


def out_of_order(path: str, stored: Iterable[Row], dating: Dating, spare: int) -> list[str]:
    """Name rows that are older than one with a lower number of their stream.

    Records that were given new numbers may be: there are `spare` of them.
    """
    late: list[str] = []
    for _, group in groupby(stored, key=lambda row: row.stream):
        newest = 0
        for row in group:
            at = dating.real(row.at) or row.at
            if at < newest:
                late.append(f"{path}: number {row.number} is older than one before it")
            newest = max(newest, at)
    return late if len(late) > spare else []


def _nearest(
    given: Sequence[Answer],
    times: Sequence[Instant],
    used: Sequence[bool],
    wanted: tuple[Instant, float | None],
) -> int | None:
    at, value = wanted
    begin, end = (bisect_left(times, at + offset) for offset in (-LONGEST_POLL, LONGEST_POLL))
    same = [
        place for place in range(begin, end) if not used[place] and _same(given[place].value, value)
    ]
    # An answer that must be stored goes before one that need not be.
    return min(same, key=lambda n: (not given[n].needed, abs(times[n] - at)), default=None)


def _same(answered: float, stored: float | None) -> bool:
    if stored is None:
        return _is_none(answered)
    return abs(answered - stored) <= 1e-6 * max(1.0, abs(stored))


def _is_none(value: float) -> bool:
    """Say whether a device had no value: it answers with one that is no number."""
    return value != value  # noqa: PLR0124


def _uncompared(store: Connection, paths: set[str]) -> int:
    counts: Iterator[tuple[str, int]] = store.execute(
        "SELECT path, count(*) FROM reading JOIN point ON point.id = point"
        " JOIN stream ON stream.id = stream WHERE edge <> ? GROUP BY path",
        (IMPORTER,),
    )
    return sum(count for path, count in counts if path not in paths)
