"""What the simulators wrote down, which no part of the system can reach."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.instants import Instant
from simulators.ground_truth import POLLS

LEDGER = "ledger.jsonl"


def read_ledger(path: Path) -> Iterator[dict[str, Any]]:
    """Give every line of a ledger: polls, the older file first, then the rest. No torn line."""
    polls = path.with_name(POLLS)
    for part in (polls.with_name(f"{POLLS}.1"), polls, path):
        if part.exists():
            yield from json_lines(part)


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Give every whole line of a file; none where it is not there."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def by_kind(data: Path) -> dict[str, list[dict[str, Any]]]:
    """Give all lines of a building's ledger, sorted by their kind."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in read_ledger(data / LEDGER):
        found[row["kind"]].append(row)
    return found


def oldest_poll(data: Path, polls: list[dict[str, Any]]) -> Instant:
    """Give when the polls begin that are still written down; 0: all are.

    Of a building that goes on for days the oldest are gone, its oldest values unproven.
    """
    gone = (data / f"{POLLS}.1").exists() and bool(polls)
    return int(polls[0]["at"]) if gone else 0
