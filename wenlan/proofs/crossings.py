"""Compares the people who were counted with those who passed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from config.site import Site
from runtime.database import Connection, one
from wenlan.proofs.dating import Dating


@dataclass(slots=True)
class Counted:
    """What the gates counted."""

    visits: int = 0
    passed: int = 0
    """People who went in."""
    unread: int = 0
    """Of those, who had passed before the counter was first read: counting begins there."""
    undated: list[str] = field(default_factory=list)
    """Gates whose edge told wrong times: what was counted when is not compared."""
    wrong: list[str] = field(default_factory=list)


def compare_crossings(
    store: Connection, site: Site, pulses: Iterable[dict[str, Any]], clocks: dict[str, Dating]
) -> Counted:
    """Compare all gates, both ways."""
    result = Counted()
    passed: dict[str, int] = defaultdict(int)
    for pulse in pulses:
        passed[f"{pulse['device']}/channel_{pulse['channel']}"] += 1
    edges = {device.id: edge.id for edge, device in site.devices()}
    for gate in site.gates:
        for direction, path in (("entry", gate.entries), ("exit", gate.exits)):
            if path is None:
                continue
            edge = edges[path.partition("/")[0]]
            if clocks[edge].stepped:
                result.undated.append(f"{gate.id} {direction}")
                continue
            _compare(store, (gate.id, direction, path), passed[path], result)
    return result


def _compare(store: Connection, where: tuple[str, str, str], passed: int, result: Counted) -> None:
    gate, direction, path = where
    counted, unknown = one(
        store,
        "SELECT coalesce(sum(count), 0), count(*) - count(count) FROM crossing"
        " WHERE gate = ? AND direction = ?",
        (gate, direction),
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
        result.passed += passed
        result.unread += before
    if not unknown and counted + before != passed:
        result.wrong.append(
            f"{gate} {direction}: {counted} counted (and {before} before the first reading),"
            f" {passed} passed"
        )
