"""What is done to a running building, drawn by a seed. Pure: the same seed gives the same plan."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from random import Random
from typing import NamedTuple

SHORTEST_LIFE, LONGEST_LIFE = 0.1, 4.0
"""Seconds between two blows."""
SHORTEST_TROUBLE, LONGEST_TROUBLE = 2.0, 9.0
"""Seconds that a disk is sick, a clock wrong, or a broker away."""
HOUR = 3600
DYING = 0.4
"""Share of sick disks and wrong clocks whose process is killed while they last."""


class Kind(StrEnum):
    """What a blow does."""

    KILL = "kill"
    BROKER_AWAY = "broker away"
    DISK_FULL = "disk full"
    DISK_ERRORS = "disk errors"
    FLIP = "bit flipped"
    VANISH = "journal vanished"
    OLD_COPY = "old copy"
    CLOCK = "clock"


class Blow(NamedTuple):
    """One blow. `parts` are the processes that it hits, or whose disk or clock it does."""

    pause: float
    """Seconds since the blow before."""
    kind: Kind
    parts: tuple[str, ...]
    seconds: float = 0.0
    """How long it lasts."""
    dies_after: float | None = None
    """Seconds after which those it hits are killed, while it lasts."""
    share: float = 0.0
    """Of a disk: how many writes fail. Of a flip: where in the file the bit is, 0 to 1."""
    bit: int = 0
    running: bool = False
    """Whether the bit is flipped while the process runs."""
    log: bool = False
    """Whether it is flipped in the write-ahead log."""
    ahead: int | None = 0
    """Seconds that the clock is ahead; None: it is set to 1970."""
    age: int = 1
    """Of an old copy: how many blows ago it was made."""
    alone: bool = False
    """Whether nothing else happens while it lasts."""

    @property
    def words(self) -> str:
        """Say in plain words what it does."""
        return WORDS[self.kind](self)


class Cast(NamedTuple):
    """Who may be hit."""

    edges: tuple[str, ...]
    """Names of their processes."""
    longest_away: float
    """Seconds that the broker is away once in a long run."""

    @property
    def everybody(self) -> tuple[str, ...]:
        """All processes that may be killed."""
        return ("broker", "gateway", *self.edges)


_ONCE = (
    (Kind.KILL, "edge"),
    (Kind.DISK_FULL, "edge"),
    (Kind.DISK_FULL, "gateway"),
    (Kind.BROKER_AWAY, "short"),
    (Kind.CLOCK, "behind"),
    (Kind.VANISH, ""),
    (Kind.DISK_ERRORS, "edge"),
    (Kind.DISK_ERRORS, "gateway"),
    (Kind.FLIP, "stopped"),
    (Kind.OLD_COPY, ""),
    (Kind.CLOCK, "1970"),
    (Kind.KILL, "several"),
    (Kind.KILL, "gateway"),
    (Kind.KILL, "broker"),
    (Kind.FLIP, "running"),
    (Kind.CLOCK, "ahead"),
    (Kind.BROKER_AWAY, "long"),
)
"""Each kind once, as far as there are rounds for it …"""
EACH_ONCE = len(_ONCE)
"""Rounds in which there is one of each."""
_MORE = {
    (Kind.KILL, "edge"): 5,
    (Kind.KILL, "gateway"): 2,
    (Kind.KILL, "broker"): 2,
    (Kind.KILL, "several"): 4,
    (Kind.BROKER_AWAY, "short"): 2,
    (Kind.DISK_FULL, "edge"): 2,
    (Kind.DISK_FULL, "gateway"): 1,
    (Kind.DISK_ERRORS, "edge"): 2,
    (Kind.DISK_ERRORS, "gateway"): 1,
    (Kind.FLIP, "stopped"): 1,
    (Kind.FLIP, "running"): 1,
    (Kind.VANISH, ""): 1,
    (Kind.OLD_COPY, ""): 1,
    (Kind.CLOCK, "ahead"): 1,
    (Kind.CLOCK, "behind"): 1,
    (Kind.CLOCK, "1970"): 1,
}
"""… and how often the others are drawn."""


def plan(seed: int, rounds: int, cast: Cast) -> list[Blow]:
    """Draw the blows of a run."""
    chance = Random(seed)  # noqa: S311 - repeatable, not secret
    kinds = list(_ONCE[:rounds])
    more = chance.choices(list(_MORE), list(_MORE.values()), k=rounds - len(kinds))
    kinds += more
    chance.shuffle(kinds)
    return [_blow(chance, kind, how, cast) for kind, how in kinds]


def _blow(chance: Random, kind: Kind, how: str, cast: Cast) -> Blow:
    pause = chance.uniform(SHORTEST_LIFE, LONGEST_LIFE)
    part = "gateway" if how == "gateway" else chance.choice(cast.edges)
    return DRAWN[kind](chance, Blow(pause, kind, (part,)), how, cast)


def _lasting(chance: Random, blow: Blow) -> Blow:
    seconds = chance.uniform(SHORTEST_TROUBLE, LONGEST_TROUBLE)
    dies = chance.random() < DYING
    dies_after = chance.uniform(0.3, 0.9) * seconds
    return blow._replace(seconds=seconds, dies_after=dies_after if dies else None)


def _kill(chance: Random, blow: Blow, how: str, cast: Cast) -> Blow:
    if how != "several":
        return blow if how == "edge" else blow._replace(parts=(how,))
    several = chance.choices((2, 3, 4), (6, 2, 2))[0]
    return blow._replace(parts=tuple(chance.sample(cast.everybody, several)))


def _broker_away(chance: Random, blow: Blow, how: str, cast: Cast) -> Blow:
    if how == "short":
        return _lasting(chance, blow)._replace(parts=("broker",), dies_after=None)
    seconds = cast.longest_away * chance.uniform(0.7, 1.0)
    parts = ("broker", *blow.parts)
    return blow._replace(parts=parts, seconds=seconds, dies_after=seconds / 2, alone=True)


def _disk(chance: Random, blow: Blow, _how: str, _cast: Cast) -> Blow:
    return _lasting(chance, blow)._replace(share=chance.choice((0.1, 0.5, 1.0)))


def _flip(chance: Random, blow: Blow, how: str, _cast: Cast) -> Blow:
    place, bit, log = chance.random(), chance.randrange(8), chance.random() < 0.5
    return blow._replace(share=place, bit=bit, log=log, running=how == "running")


def _old_copy(chance: Random, blow: Blow, _how: str, _cast: Cast) -> Blow:
    return blow._replace(age=chance.randint(1, 3))


def _clock(chance: Random, blow: Blow, how: str, _cast: Cast) -> Blow:
    ahead = {"ahead": HOUR, "behind": -HOUR}.get(how)
    return _lasting(chance, blow)._replace(ahead=ahead)


DRAWN: dict[Kind, Callable[[Random, Blow, str, Cast], Blow]] = {
    Kind.KILL: _kill,
    Kind.BROKER_AWAY: _broker_away,
    Kind.DISK_FULL: _disk,
    Kind.DISK_ERRORS: _disk,
    Kind.FLIP: _flip,
    Kind.VANISH: lambda _chance, blow, _how, _cast: blow,
    Kind.OLD_COPY: _old_copy,
    Kind.CLOCK: _clock,
}


def _kill_words(blow: Blow) -> str:
    who = " and ".join(blow.parts)
    return f"{who} killed" + (" at the same instant" if len(blow.parts) > 1 else "")


def _broker_words(blow: Blow) -> str:
    also = "".join(f"; {one} is killed after {blow.dies_after:.0f} s" for one in blow.parts[1:])
    return f"broker away for {blow.seconds:.1f} s{also}"


def _lasting_words(blow: Blow, what: str) -> str:
    dies = f"; it is killed after {blow.dies_after:.1f} s" if blow.dies_after else ""
    return f"{blow.parts[0]}: {what} for {blow.seconds:.1f} s{dies}"


def _flip_words(blow: Blow) -> str:
    file = "the log of its journal" if blow.log else "its journal"
    when = "runs" if blow.running else "is stopped"
    return (
        f"{blow.parts[0]}: a bit of {file} is flipped while it {when}, at {blow.share:.0%} of"
        " the file"
    )


def _clock_words(blow: Blow) -> str:
    if blow.ahead is None:
        return _lasting_words(blow, "its clock says 1970")
    return _lasting_words(blow, f"its clock is stepped by {blow.ahead / HOUR:+.0f} h")


WORDS: dict[Kind, Callable[[Blow], str]] = {
    Kind.KILL: _kill_words,
    Kind.BROKER_AWAY: _broker_words,
    Kind.DISK_FULL: lambda blow: _lasting_words(blow, "its disk is full"),
    Kind.DISK_ERRORS: lambda blow: _lasting_words(
        blow, f"{blow.share:.0%} of its writes and syncs fail"
    ),
    Kind.FLIP: _flip_words,
    Kind.VANISH: lambda blow: f"{blow.parts[0]}: its journal vanishes while it is stopped",
    Kind.OLD_COPY: lambda blow: (
        f"{blow.parts[0]}: a copy of its journal, {blow.age} blows old, is put back"
    ),
    Kind.CLOCK: _clock_words,
}


def hits(blows: Sequence[Blow]) -> str:
    """Sum up what a plan holds."""
    counts = {kind: sum(blow.kind is kind for blow in blows) for kind in Kind}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
