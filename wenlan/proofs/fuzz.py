"""Feeds mutated messages to every codec: none may raise what its caller does not expect, or hang.

A codec is called as its users call it, with what they do next: samples are unpacked, a robot's
state is held against an order, a library system's bytes go through the session.
"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import FrameType
from typing import NamedTuple

from wenlan.proofs.mutation import mutated

LONGEST = 2.0
"""Seconds of CPU time that one message may take."""
MOST_SHOWN = 5


class HangError(BaseException):
    """A message took longer than `LONGEST`. No `except Exception` may swallow it."""


class Target(NamedTuple):
    """A codec: good messages, what its callers expect it to raise, and how they call it."""

    name: str
    seeds: Sequence[bytes]
    expected: tuple[type[Exception], ...]
    feed: Callable[[bytes], object]


@dataclass(slots=True)
class Report:
    """What came of it."""

    name: str
    tried: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)
    """Each an error and the message that caused it."""

    def __str__(self) -> str:
        """Say it in a line, with the first failures below."""
        lines = [
            f"{self.name:10} {self.tried:9,} messages, {self.refused:9,} refused,"
            f" {len(self.failures)} crashed or hung"
        ]
        return "\n  ".join([*lines, *self.failures[:MOST_SHOWN]])


@contextmanager
def alarm() -> Iterator[Callable[[float], None]]:
    """Give a function that sets (or, with 0, takes back) an alarm after seconds of CPU time."""

    def ring(_: int, __: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        yield set_alarm
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def set_alarm(seconds: float) -> None:
    """Ring after seconds of CPU time; 0 takes the alarm back."""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def fuzz(target: Target, count: int, seed: int) -> Report:
    """Feed `count` mutated messages, the same for the same seed."""
    for good in target.seeds:
        target.feed(good)
    report, dice = Report(target.name), Random(f"{target.name} {seed}")  # noqa: S311 - a seed for a proof
    with alarm() as ring:
        for _ in range(count):
            message = mutated(target.seeds, dice)
            report.tried += 1
            ring(LONGEST)
            try:
                target.feed(message)
            except target.expected:
                report.refused += 1
            except (Exception, HangError) as error:  # noqa: BLE001 - what this is all about
                report.failures.append(f"{error!r}: {message[:300]!r}")
            ring(0)
    return report


def run_all(targets: Mapping[str, Target], names: Sequence[str], count: int, seed: int) -> int:
    """Fuzz the named codecs (all, when none is named), print what came of it; 1 when one failed."""
    failed = False
    for name in names or targets:
        report = fuzz(targets[name], count, seed)
        print(report, flush=True)
        failed |= bool(report.failures)
    return int(failed)
