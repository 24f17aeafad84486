"""What the building knows of deliveries and robots, from their events."""

from contracts.codec import encode
from contracts.records import DeliveryChanged, RobotChanged
from gateway.engine.ranked_steps import (
    DELIVERY_RANKS,
    Progress,
    keep_step,
)
from gateway.storage.ports import Statements


def project_delivery(store: Statements, event: DeliveryChanged) -> None:
    """Bring the row of a delivery up to date."""
    details = (
        event.robot, event.item, event.origin, event.destination, event.node, event.reason,
    )  # fmt: skip
    news = Progress(event.step, event.at, event.at, details)
    keep_step(store, "delivery", event.delivery, news, DELIVERY_RANKS)


def project_robot(store: Statements, event: RobotChanged) -> None:
    """Keep what a robot last said of itself."""
    store.run("keep_robot", event.robot, event.at, encode(event))
