"""Many stories, on as many processes as one likes, and what came of them."""

import gc
import logging
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from wenlan.proofs.exchange.gateway_process import empty_store, site
from wenlan.proofs.exchange.rules import left_out
from wenlan.proofs.exchange.story import Outcome, tell
from wenlan.proofs.exchange.world import Ground

MEMORY = Path("/dev/shm")  # noqa: S108 - files in memory: thousands of disks come and go
PIECE = 50
"""Stories that one process tells between two looks at its rubbish."""
MOST_SHOWN = 20


@dataclass
class Report:
    """What came of a campaign."""

    runs: int = 0
    steps: int = 0
    records: int = 0
    durable: int = 0
    strokes: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count a story."""
        self.runs += 1
        self.steps += outcome.steps
        self.records += outcome.records
        self.durable += outcome.durable
        self.strokes += outcome.strokes
        self.messages += outcome.messages
        if outcome.failures:
            self.failures.append(outcome)

    def __str__(self) -> str:
        """Say it in plain words."""
        strokes = ", ".join(f"{name} {count:,}" for name, count in self.strokes.most_common())
        messages = ", ".join(f"{name} {count:,}" for name, count in self.messages.items())
        lines = [
            f"{self.runs:,} stories of {self.steps:,} steps; {self.records:,} records,"
            f" {self.durable:,} of them durable",
            f"steps: {strokes}",
            f"messages: {messages}",
        ]
        for one in self.failures[:MOST_SHOWN]:
            lines += [f"seed {one.seed}: {one.failures[0]}"]
        lines.append(f"{len(self.failures)} stories were judged false")
        return "\n".join(lines)


@contextmanager
def ground() -> Iterator[Ground]:
    """Give what the stories of one process share."""
    place = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="wenlan-model-", dir=place) as name:
        folder = Path(name)
        yield Ground(folder, site(), empty_store(folder))


def tell_all(seeds: Iterable[int], without: str = "") -> list[Outcome]:
    """Tell the stories of some seeds in this process."""
    found: list[Outcome] = []
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # what the parts say of thousands of faults is no news
    collecting = gc.isenabled()
    gc.disable()
    try:
        with ground() as shared, left_out(without):
            found += (tell(shared, seed) for seed in seeds)
    finally:
        logging.disable(before)
        if collecting:
            gc.enable()
    gc.collect()
    return found


def run(seed: int, runs: int, jobs: int, without: str = "") -> Report:
    """Tell `runs` stories, from this seed on."""
    report = Report()
    pieces = [
        range(first, min(first + PIECE, seed + runs)) for first in range(seed, seed + runs, PIECE)
    ]
    for outcomes in _each(pieces, jobs, without):
        for outcome in outcomes:
            report.add(outcome)
    return report


def _each(pieces: Sequence[range], jobs: int, without: str) -> Iterator[list[Outcome]]:
    if jobs == 1:
        yield from (tell_all(piece, without) for piece in pieces)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(tell_all, pieces, [without] * len(pieces))
