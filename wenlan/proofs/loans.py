"""Compares loans with the library system's, and deliveries with the robots'."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from runtime.database import Connection


@dataclass(slots=True)
class Lent:
    """What became of loans and returns."""

    loans: int = 0
    lent: int = 0
    staff: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Delivered:
    """What became of deliveries."""

    deliveries: int = 0
    dropped: int = 0
    wrong: list[str] = field(default_factory=list)


def compare_loans(store: Connection, executed_rows: Iterable[dict[str, Any]]) -> Lent:
    """Compare what the library system did with what is known of it, and the other way round."""
    result = Lent()
    executed: dict[tuple[str, str], int] = defaultdict(int)
    for row in executed_rows:
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
            result.wrong.append(
                f"{action} of {item}: done {count} times, known {known[action, item]} times"
            )
    closed = store.execute(
        "SELECT action, item, count(*) FROM loan WHERE step = 'closed' GROUP BY action, item"
    )
    for action, item, count in closed:
        if executed[action, item] < count:
            result.wrong.append(
                f"{action} of {item}: closed {count} times, done {executed[action, item]} times"
            )
    return result


def compare_deliveries(store: Connection, steps: Iterable[dict[str, Any]]) -> Delivered:
    """Compare what the robots did with what is known of it, and the other way round."""
    result = Delivered()
    dropped = [row["order"] for row in steps if row["step"] == "dropped"]
    result.dropped = len(dropped)
    known = dict(store.execute("SELECT id, step FROM delivery"))
    result.deliveries = sum(step == "delivered" for step in known.values())
    for order in dropped:
        if known.get(order) not in ("delivered", "failed", "cancelled"):
            result.wrong.append(f"delivery {order}: dropped, but {known.get(order)}")
    for order, step in known.items():
        if step == "delivered" and dropped.count(order) != 1:
            result.wrong.append(
                f"delivery {order}: delivered once, dropped {dropped.count(order)} times"
            )
    return result
