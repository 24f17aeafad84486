"""Where the last run of the same building left its counters and its loans, by its ledger."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.instants import Instant
from simulators.faults import JUMP, What


@dataclass(slots=True)
class Yesterday:
    """What is carried over; empty when the building is new."""

    founded: Instant | None = None
    """When the ledger begins: the collection is that of this moment, changed by `loans`."""
    counters: dict[tuple[str, int], int] = field(default_factory=dict)
    """By device and channel."""
    passed: dict[tuple[str, int], int] = field(default_factory=dict)
    """People by device and channel, since the building was begun."""
    loans: list[dict[str, Any]] = field(default_factory=list)
    """Changes of the library system's books, oldest first: at, action, item, patron."""


def read_yesterday(path: Path, channels: int) -> Yesterday:
    """Read a ledger; a counter has so many channels."""
    found = Yesterday()
    for row in _rows(path):
        if found.founded is None:
            found.founded = row["at"]
        if row["kind"] == "pulse":
            key = (row["device"], row["channel"])
            found.counters[key] = row["counter"]
            found.passed[key] = row["total"]
        elif row["kind"] == "fault":
            _meddle(found, row, channels)
        elif row["kind"] == "loan" and row["ok"]:
            found.loans.append(row)
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            # The last line may have been cut off by a kill.
            if line.endswith(b"\n"):
                yield json.loads(line)


def _meddle(found: Yesterday, row: dict[str, Any], channels: int) -> None:
    """Do to every counter of a device what the fault did."""
    if row["what"] not in (What.RESET, What.JUMP):
        return
    jumped = JUMP if row.get("value") is None else int(row["value"])
    for key in ((row["device"], channel) for channel in range(channels)):
        before = found.counters.get(key, 0)
        found.counters[key] = 0 if row["what"] == What.RESET else (before + jumped) % 2**32
