"""Compares loans with the library system's, and deliveries with the robots'.

What an edge remembered of one under way is lost with its journal: then the gateway still shows
where it stood, for staff to see to. One whose records lie all in a declared hole is not known at
all: the hole is the row that tells of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.instants import SECOND, Instant
from runtime.database import Connection
from wenlan.proofs.absences import Opening, fill

UNDER_WAY = 30 * SECOND
"""How long before or after its last step a dealing may still be remembered as under way."""
INTENT = "intent"
KNOWN = ("closed", "granted", "staff")
ENDED = ("delivered", "failed", "cancelled")


@dataclass(slots=True)
class Lent:
    """What became of loans and returns."""

    loans: int = 0
    lent: int = 0
    staff: int = 0
    open: int = 0
    """Done by the library system; the edge lost what it remembered of them."""
    hidden: int = 0
    """Done by the library system; all that was told of them lies in declared holes."""
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Delivered:
    """What became of deliveries."""

    deliveries: int = 0
    dropped: int = 0
    open: int = 0
    """Done by the robot; the edge lost what it remembered of them."""
    wrong: list[str] = field(default_factory=list)


def compare_loans(
    store: Connection,
    lines: Iterable[dict[str, Any]],
    forgot: Sequence[Instant] = (),
    holes: Sequence[Opening] = (),
) -> Lent:
    """Compare what the library system did with what is known of it, and the other way round.

    `forgot`: when the edges of kiosks may have lost what they remembered; `holes`: what they
    declared.
    """
    result = Lent()
    executed: dict[tuple[str, str], list[Instant]] = defaultdict(list)
    for line in lines:
        if line.get("ok"):
            executed[line["action"], line["item"]].append(line["at"])
    known: dict[tuple[str, str], int] = defaultdict(int)
    intents: dict[tuple[str, str], int] = defaultdict(int)
    for action, item, step, count in store.execute(
        "SELECT action, item, step, count(*) FROM loan GROUP BY action, item, step"
    ):
        known[action, item] += count if step in KNOWN else 0
        intents[action, item] += count if step == INTENT else 0
        result.loans += count if step == "closed" else 0
        result.staff += count if step == "staff" else 0
    result.lent = sum(len(done) for (action, _), done in executed.items() if action != "renew")
    for (action, item), done in executed.items():
        there = known[action, item]
        if action not in ("checkout", "checkin") or there >= len(done):
            continue
        short = len(done) - there
        lost = min(intents[action, item], sum(_forgotten(at, forgot) for at in done), short)
        result.open += lost
        hidden = sum(fill(holes, at) for at in done[-(short - lost) :]) if lost < short else 0
        result.hidden += hidden
        if lost + hidden < short:
            result.wrong.append(f"{action} of {item}: done {len(done)} times, known {there} times")
    result.wrong += _closed_too_often(store, executed, forgot)
    return result


def _closed_too_often(
    store: Connection, executed: dict[tuple[str, str], list[Instant]], forgot: Sequence[Instant]
) -> list[str]:
    closed = store.execute(
        "SELECT action, item, count(*) FROM loan WHERE step = 'closed' GROUP BY action, item"
    )
    return [
        f"{action} of {item}: closed {count} times, done {done} times"
        for action, item, count in closed
        if (done := len(executed[action, item]) + _lent_again(action, item, executed, forgot))
        < count
    ]


def _lent_again(
    action: str,
    item: str,
    executed: dict[tuple[str, str], list[Instant]],
    forgot: Sequence[Instant],
) -> int:
    """Count the loans that were renewals.

    A kiosk forgot that it had lent an item that still lay there with its card, and the library
    system renewed what the patron had.
    """
    if action != "checkout":
        return 0
    lent = executed[action, item]
    return sum(
        any(one <= lost <= at for one in lent for lost in forgot) for at in executed["renew", item]
    )


def compare_deliveries(
    store: Connection, lines: Iterable[dict[str, Any]], forgot: Sequence[Instant] = ()
) -> Delivered:
    """Compare what the robots did with what is known of it, and the other way round.

    `forgot`: when the edges of robots may have lost what they remembered.
    """
    result = Delivered()
    steps: dict[str, list[Instant]] = defaultdict(list)
    dropped: list[str] = []
    for line in lines:
        steps[line["order"]].append(line["at"])
        if line["step"] == "dropped":
            dropped.append(line["order"])
    result.dropped = len(dropped)
    known = dict(store.execute("SELECT id, step FROM delivery"))
    result.deliveries = sum(step == "delivered" for step in known.values())
    for order in dropped:
        if known.get(order) in ENDED:
            continue
        span = steps[order]
        if order in known and any(
            span[0] - UNDER_WAY <= at <= span[-1] + UNDER_WAY for at in forgot
        ):
            result.open += 1
        else:
            result.wrong.append(f"delivery {order}: dropped, but {known.get(order)}")
    for order, step in known.items():
        if step == "delivered" and dropped.count(order) != 1:
            result.wrong.append(
                f"delivery {order}: delivered once, dropped {dropped.count(order)} times"
            )
    return result


def _forgotten(at: Instant, forgot: Sequence[Instant]) -> bool:
    return any(abs(one - at) <= UNDER_WAY for one in forgot)
