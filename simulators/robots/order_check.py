"""What is wrong with an order, by the rules of VDA5050_EN.md 2.1.0, 6.6."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple


class OrderFault(NamedTuple):
    """Why an order is not taken. `kind` is the errorType."""

    kind: str
    text: str


def order_fault(order: Mapping[str, Any]) -> OrderFault | None:
    """Check the form of an order."""
    try:
        text = _malformed(order)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        text = f"{type(error).__name__}: {error}"
    return OrderFault("validationError", text) if text else None


def _malformed(order: Mapping[str, Any]) -> str:
    nodes, edges = order["nodes"], order["edges"]
    chain = [nodes[0]]
    for edge, node in zip(edges, nodes[1:], strict=False):
        if (edge["startNodeId"], edge["endNodeId"]) != (chain[-1]["nodeId"], node["nodeId"]):
            return f"edge {edge['edgeId']} does not join its neighbours"
        chain += [edge, node]
    ids = [action["actionId"] for one in chain for action in one["actions"]]
    wrongs = {
        "orderId is empty": not order["orderId"],
        "orderUpdateId is no whole number": not isinstance(order["orderUpdateId"], int),
        f"{len(nodes)} nodes and {len(edges)} edges": len(edges) != len(nodes) - 1,
        "the first node has an odd sequenceId": nodes[0]["sequenceId"] % 2 == 1,
        "the first node is not released": not nodes[0]["released"],
        "sequenceIds have a gap": any(
            other["sequenceId"] != one["sequenceId"] + 1 for one, other in pairwise(chain)
        ),
        "the horizon is followed by a base": any(
            other["released"] and not one["released"] for one, other in pairwise(chain)
        ),
        "an actionId is used twice": len(ids) != len(set(ids)),
    }
    return "; ".join(text for text, wrong in wrongs.items() if wrong)


def continuation_fault(
    order: Mapping[str, Any], update: int, decision: tuple[str, int], *, cancelled: bool
) -> OrderFault | None:
    """Check an order with the id of the current one, whose base ends at `decision`."""
    if cancelled:
        return OrderFault("orderUpdateError", "the order was cancelled")
    if order["orderUpdateId"] < update:
        return OrderFault("orderUpdateError", f"update {update} is already here")
    first = (order["nodes"][0]["nodeId"], order["nodes"][0]["sequenceId"])
    if first != decision:
        return OrderFault("orderUpdateError", f"{first} does not continue the base at {decision}")
    return None
