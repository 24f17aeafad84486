"""Compares commands with what the devices were told: none done twice, each with one outcome."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from config.links import ModbusDevice
from config.site import Site
from contracts.codec import decode_record
from contracts.instants import SECOND, Instant
from contracts.messages import Command
from contracts.records import CommandOutcome, OutcomeStatus
from runtime.database import Connection, rows
from wenlan.proofs.ground_truth import json_lines
from wenlan.proofs.notes import Notes
from wenlan.proofs.places import PLACES, tenths

ASKED = "asked.jsonl"
"""What was asked of the gateway by a proof: one JSON object a line, with `id`, null when it did
not say that it took the command."""
LATEST_REVERT = 45 * SECOND
"""A safe value that could not be written at once is tried again for so long."""
REMEMBERED = 120 * SECOND
"""So long after it was issued an edge still remembers a command."""
UNKNOWN = "unknown"
ENDS = (OutcomeStatus.DONE, OutcomeStatus.REFUSED, OutcomeStatus.FAILED)
_decoder = msgspec.json.Decoder(Command)


class Output(NamedTuple):
    """A point that can be written, and a value for it in tenths: floats are not compared."""

    device: str
    point: str
    tenths: int


@dataclass(slots=True)
class Obeyed:
    """What became of commands."""

    commands: int = 0
    by_status: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    writes: int = 0
    """Values that devices were told, safe ones not counted."""
    wrong: list[str] = field(default_factory=list)


class _Kept(NamedTuple):
    id: str
    command: Command
    status: str

    @property
    def output(self) -> Output:
        value = self.command.value
        return Output(self.command.device, self.command.point, round(10 * (value or 0.0)))


def compare_commands(
    store: Connection,
    site: Site,
    ledger: Mapping[str, list[dict[str, Any]]],
    data: Path,
    notes: Notes,
) -> Obeyed:
    """Compare all commands that write, whoever asked for them."""
    result = Obeyed()
    forgot = {one.id: notes.forgot(edge.id) for edge, one in site.devices()}
    kept = [
        _Kept(identity, _decoder.decode(body), status)
        for identity, body, status in rows(
            store, "SELECT id, body, status FROM command WHERE action = 'write'"
        )
    ]
    outcomes = _outcomes(store)
    known = {one.id for one in kept}
    for one in kept:
        result.by_status[one.status] += 1
        result.wrong += _objections(one, outcomes.get(one.id, set()), forgot)
    result.commands = len(kept)
    for asked in json_lines(data / ASKED):
        if asked["id"] is not None and asked["id"] not in known:
            result.wrong.append(f"command {asked['id']} was taken, and is in no book")
    every = {identity for (identity,) in rows(store, "SELECT id FROM command")}
    result.wrong += [
        f"an outcome of {one}, of which there is no command" for one in outcomes if one not in every
    ]
    written = writes_of(site, ledger["write"])
    safe = _safe_values(site)
    _compare_writes(kept, written, safe, result)
    # A command that did what a person had asked already cannot be told from one done twice.
    end = max((row["at"] for kind in ledger.values() for row in kind), default=0)
    result.wrong += _left_written(kept, written, safe, end)
    return result


def _outcomes(store: Connection) -> dict[str, set[str]]:
    """Give by command how it was said to end; to say it again is no second outcome."""
    found: dict[str, set[str]] = defaultdict(set)
    for (body,) in rows(store, "SELECT body FROM event WHERE kind = 'outcome'"):
        outcome = decode_record(body)
        assert isinstance(outcome, CommandOutcome)
        found[outcome.command].add(outcome.status)
    return found


def _objections(one: _Kept, said: set[str], forgot: Mapping[str, Sequence[Instant]]) -> list[str]:
    ends = said.intersection(ENDS)
    reverted = {OutcomeStatus.REVERTED} if OutcomeStatus.REVERTED in said else set()
    expected = reverted or ends or {UNKNOWN}
    # An edge that lost its journal may say once more, and otherwise, how a command ended.
    lost = any(
        one.command.issued <= at <= one.command.issued + REMEMBERED
        for at in forgot.get(one.command.device, ())
    )
    if len(ends) > 1 and not lost:
        return [f"command {one.id} ended as {' and as '.join(sorted(ends))}"]
    if one.status == "sent":
        return [f"command {one.id} has no outcome"]
    if one.status not in expected:
        return [f"command {one.id} is {one.status}, and was said to be {', '.join(expected)}"]
    return []


def writes_of(site: Site, lines: Iterable[dict[str, Any]]) -> list[tuple[Instant, Output]]:
    """Give what devices were told, in the order of its time."""
    models = {one.id: one.model for _, one in site.devices() if isinstance(one, ModbusDevice)}
    found: list[tuple[Instant, Output]] = []
    for line in lines:
        for point, place in PLACES.get(models.get(line["device"], ""), {}).items():
            if place.written_at == line["start"] and len(line["words"]) == place.words:
                value = round(10 * tenths(line["words"]))
                found.append((line["at"], Output(line["device"], point, value)))
    return sorted(found)


def _safe_values(site: Site) -> set[Output]:
    return {
        Output(device.id, point, round(10 * value))
        for _, device in site.devices()
        if isinstance(device, ModbusDevice)
        for point, value in device.safe.items()
    }


def _compare_writes(
    kept: Iterable[_Kept],
    written: Iterable[tuple[Instant, Output]],
    safe: set[Output],
    result: Obeyed,
) -> None:
    asked: dict[Output, list[_Kept]] = defaultdict(list)
    for one in kept:
        asked[one.output].append(one)
    done: dict[Output, int] = defaultdict(int)
    for _, output in written:
        if output not in safe:
            done[output] += 1
    result.writes = sum(done.values())
    for output in sorted({*asked, *done} - safe):
        commands, times = asked[output], done[output]
        most = sum(one.status != OutcomeStatus.REFUSED for one in commands)
        least = sum(one.status == OutcomeStatus.DONE for one in commands)
        what = f"{output.device}/{output.point} {output.tenths / 10}"
        if times > most:
            result.wrong.append(f"{what} was written {times} times, asked for {most} times")
        elif times < least:
            result.wrong.append(f"{what} was written {times} times, said to be done {least} times")


def _left_written(
    kept: Iterable[_Kept],
    written: Iterable[tuple[Instant, Output]],
    safe: set[Output],
    end: Instant,
) -> list[str]:
    """Name outputs that hold what a command wrote although its lease is long over."""
    leases: dict[Output, float] = {}
    for one in kept:
        leases[one.output] = max(one.command.lease, leases.get(one.output, 0.0))
    points: dict[tuple[str, str], list[tuple[Instant, Output]]] = defaultdict(list)
    for at, output in written:
        points[output.device, output.point].append((at, output))
    return [
        f"{output.device}/{output.point} was left at {output.tenths / 10} for"
        f" {(following - at) // SECOND} s, its lease was {leases[output]:.0f} s"
        for told in points.values()
        for (at, output), following in zip(told, [*(at for at, _ in told[1:]), end], strict=True)
        if output not in safe
        and output in leases
        and following > at + round(leases[output] * SECOND) + LATEST_REVERT
    ]
