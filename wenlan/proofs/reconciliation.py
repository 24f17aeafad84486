"""Compares the store with the simulators' ledger, which no part of the system can reach.

The registers are decoded here a third time, straight from the manuals, so that a driver and a
simulator that made the same mistake would still be found out.
"""

import json
import struct
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from config.links import ModbusDevice
from config.site import Site
from contracts.instants import SECOND, Instant
from runtime.database import Connection, one, rows
from simulators.ground_truth import POLLS

LONGEST_POLL = 3 * SECOND
"""A poll's readings bear one time; its answers came at most this long before or after."""
UNJOURNALLED = int(2.5 * SECOND)
"""Readings are journalled in groups of a second: what a killed edge had in memory is not lost
from any book, it was never in one."""


class Place(NamedTuple):
    """Where a point lies in one device: function code, first register, how to read the words."""

    function: int
    register: int
    words: int
    read: Callable[[Sequence[int]], float]


def _tenths(words: Sequence[int]) -> float:
    return ((words[0] ^ 0x8000) - 0x8000) / 10


def _float_low_word_first(words: Sequence[int]) -> float:
    value: float = struct.unpack(">f", struct.pack(">HH", words[1], words[0]))[0]
    return value


def _counter_low_word_first(words: Sequence[int]) -> float:
    return float(words[0] + (words[1] << 16))


PLACES: dict[str, dict[str, Place]] = {
    "xy-md02": {
        "temperature": Place(4, 1, 1, _tenths),
        "humidity": Place(4, 2, 1, _tenths),
    },
    "vaisala-hmp": {
        "humidity": Place(3, 0x0000, 2, _float_low_word_first),
        "temperature": Place(3, 0x0002, 2, _float_low_word_first),
    },
    "liebert-pac": {
        "return_temperature": Place(3, 1, 1, _tenths),
        "return_humidity": Place(3, 2, 1, _tenths),
        "supply_temperature": Place(3, 3, 1, _tenths),
    },
    "adam-6051": {f"channel_{n}": Place(3, 2 * n, 2, _counter_low_word_first) for n in range(4)},
}


@dataclass(slots=True)
class Comparison:
    """What the ledger and the store say of the same things."""

    visits: int = 0
    passed: int = 0
    """People who went in."""
    unread: int = 0
    """Of those, who had passed before the counter was first read: counting begins there."""
    loans: int = 0
    lent: int = 0
    staff: int = 0
    deliveries: int = 0
    dropped: int = 0
    answers: int = 0
    """Values in the answers that devices gave."""
    unjournalled: int = 0
    """Values that a killed edge had not yet written down."""
    unheard: int = 0
    """Values in answers that came too late, or spoilt: the edge said that the device was gone."""
    altered: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)


def read_ledger(path: Path) -> Iterator[dict[str, Any]]:
    """Give every line of a ledger: polls, the older file first, then the rest. No torn line."""
    polls = path.with_name(POLLS)
    for part in (polls.with_name(f"{POLLS}.1"), polls, path):
        if not part.exists():
            continue
        with part.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)


def compare(store: Connection, site: Site, data: Path) -> Comparison:
    """Compare readings, crossings, loans and deliveries."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in read_ledger(data / "ledger.jsonl"):
        rows[row["kind"]].append(row)
    result = Comparison()
    # Of a building that goes on for days the oldest polls are gone, its oldest values unproven.
    proven = 0
    if (data / f"{POLLS}.1").exists() and rows["poll"]:
        proven = rows["poll"][0]["at"] + LONGEST_POLL
    _readings(store, site, data, rows["poll"], result, proven)
    _crossings(store, site, rows["pulse"], result)
    _loans(store, rows["loan"], result)
    _deliveries(store, rows["delivery"], result)
    return result


def _readings(
    store: Connection,
    site: Site,
    data: Path,
    polls: list[dict[str, Any]],
    result: Comparison,
    proven: Instant,
) -> None:
    answers: dict[str, list[tuple[Instant, float, bool]]] = defaultdict(list)
    models = {one.id: one.model for _, one in site.devices() if isinstance(one, ModbusDevice)}
    edges = {one.id: edge.id for edge, one in site.devices()}
    for poll in polls:
        for name, place in PLACES.get(models.get(poll["device"], ""), {}).items():
            offset = place.register - poll["start"]
            words = poll["words"][offset : offset + place.words] if offset >= 0 else []
            same_table = poll["function"] == place.function or (
                models[poll["device"]] == "vaisala-hmp" and poll["function"] == 4
            )
            if same_table and len(words) == place.words:
                path = f"{poll['device']}/{name}"
                answers[path].append((poll["at"], place.read(words), bool(poll.get("fault"))))
    ends = _edge_ends(data)
    gone = _absences(store)
    for path, given in answers.items():
        device = path.split("/")[0]
        stored = rows(
            store,
            "SELECT at, value FROM reading JOIN point ON point.id = reading.point"
            " WHERE path = ? AND value IS NOT NULL ORDER BY at",
            (path,),
        )
        begin = proven + LONGEST_POLL if proven else 0
        excuses = Excuses(ends.get(edges[device], []), gone.get(device, []), begin)
        stored = [(at, value) for at, value in stored if at >= proven]
        _match(path, given, stored, excuses, result)


def _edge_ends(data: Path) -> dict[str, list[Instant]]:
    ends: dict[str, list[Instant]] = defaultdict(list)
    diary = data / "supervisor.jsonl"
    if diary.exists():
        for line in diary.read_text(encoding="utf-8").splitlines():
            note = json.loads(line)
            if note["what"] == "ended" and note["part"].startswith("edge-"):
                ends[note["part"].removeprefix("edge-")].append(note["at"])
    return ends


class Excuses(NamedTuple):
    """Why an answer may rightly be in no book."""

    ends: list[Instant]
    """When the device's edge ended."""
    gone: list[tuple[Instant, Instant]]
    """From when to when its edge said that the device did not answer as it should."""
    begin: Instant
    """Before it the stored values are not looked at."""


def _absences(store: Connection) -> dict[str, list[tuple[Instant, Instant]]]:
    absences: dict[str, list[tuple[Instant, Instant]]] = defaultdict(list)
    since: dict[str, Instant] = {}
    events = store.execute("SELECT subject, at, body FROM event WHERE kind = 'device' ORDER BY at")
    for device, at, body in events:
        if not json.loads(body)["available"]:
            since.setdefault(device, at)
        elif device in since:
            absences[device].append((since.pop(device) - LONGEST_POLL, at))
    for device, at in since.items():
        absences[device].append((at - LONGEST_POLL, 2**62))
    return absences


def _match(
    path: str,
    given: list[tuple[Instant, float, bool]],
    stored: list[tuple[Instant, float]],
    excuses: Excuses,
    result: Comparison,
) -> None:
    """Give each stored value an answer of its own: same value, about the same time."""
    given.sort()
    times = [at for at, _, _ in given]
    used = [False] * len(given)
    for at, value in stored:
        begin, end = (bisect_left(times, at + offset) for offset in (-LONGEST_POLL, LONGEST_POLL))
        same = [
            place
            for place in range(begin, end)
            if not used[place] and abs(given[place][1] - value) <= 1e-6 * max(1.0, abs(value))
        ]
        if same:
            used[min(same, key=lambda place: abs(times[place] - at))] = True
        else:
            result.altered.append(f"{path} at {at}: {value} is no answer that the device gave")
    result.answers += len(given)
    for (at, value, spoilt), taken in zip(given, used, strict=True):
        if taken or spoilt or at < excuses.begin or value != value:  # noqa: PLR0124 - NaN: the device had no value
            continue
        if any(at <= end <= at + UNJOURNALLED for end in excuses.ends):
            result.unjournalled += 1
        elif any(since <= at <= until for since, until in excuses.gone):
            result.unheard += 1
        else:
            result.disagreements.append(f"{path} at {at}: the answer {value} was never stored")


def _crossings(
    store: Connection, site: Site, pulses: list[dict[str, Any]], result: Comparison
) -> None:
    passed: dict[str, int] = defaultdict(int)
    for pulse in pulses:
        passed[f"{pulse['device']}/channel_{pulse['channel']}"] += 1
    for gate in site.gates:
        for direction, path in (("entry", gate.entries), ("exit", gate.exits)):
            if path is None:
                continue
            counted, unknown = one(
                store,
                "SELECT coalesce(sum(count), 0), count(*) - count(count) FROM crossing"
                " WHERE gate = ? AND direction = ?",
                (gate.id, direction),
            )
            # The first reading of a counter is where counting begins.
            first = store.execute(
                "SELECT value FROM reading JOIN point ON point.id = reading.point"
                " WHERE path = ? ORDER BY at LIMIT 1",
                (path,),
            ).fetchone()
            before = int(first[0]) if first and first[0] is not None else 0
            if direction == "entry":
                result.visits += counted
                result.passed += passed[path]
                result.unread += before
            if not unknown and counted + before != passed[path]:
                result.disagreements.append(
                    f"{gate.id} {direction}: {counted} counted (and {before} before the first"
                    f" reading), {passed[path]} passed"
                )


def _loans(store: Connection, rows: list[dict[str, Any]], result: Comparison) -> None:
    executed: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        if row.get("ok"):
            executed[row["action"], row["item"]] += 1
    known: dict[tuple[str, str], int] = defaultdict(int)
    for action, item, step, count in store.execute(
        "SELECT action, item, step, count(*) FROM loan GROUP BY action, item, step"
    ):
        if step in ("closed", "granted", "staff"):
            known[action, item] += count
        result.loans += count if step == "closed" else 0
        result.staff += count if step == "staff" else 0
    result.lent = sum(count for (action, _), count in executed.items() if action != "renew")
    for (action, item), count in executed.items():
        if action in ("checkout", "checkin") and known[action, item] < count:
            result.disagreements.append(
                f"{action} of {item}: done {count} times, known {known[action, item]} times"
            )
    closed = store.execute(
        "SELECT action, item, count(*) FROM loan WHERE step = 'closed' GROUP BY action, item"
    )
    for action, item, count in closed:
        if executed[action, item] < count:
            result.disagreements.append(
                f"{action} of {item}: closed {count} times, done {executed[action, item]} times"
            )


def _deliveries(store: Connection, rows: list[dict[str, Any]], result: Comparison) -> None:
    dropped = [row["order"] for row in rows if row["step"] == "dropped"]
    result.dropped = len(dropped)
    known = dict(store.execute("SELECT id, step FROM delivery"))
    result.deliveries = sum(step == "delivered" for step in known.values())
    for order in dropped:
        if known.get(order) not in ("delivered", "failed", "cancelled"):
            result.disagreements.append(f"delivery {order}: dropped, but {known.get(order)}")
    for order, step in known.items():
        if step == "delivered" and dropped.count(order) != 1:
            result.disagreements.append(
                f"delivery {order}: delivered once, dropped {dropped.count(order)} times"
            )
