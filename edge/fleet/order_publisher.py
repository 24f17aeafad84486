"""Tells a robot things, the same thing at most every few seconds until its state proves it."""

import logging

from contracts.instants import SECOND, Instant
from drivers.capabilities import Vehicle
from drivers.errors import LinkDownError
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import InstantActions, Order

log = logging.getLogger(__name__)

RESEND = 5 * SECOND
"""Between two sendings of the same thing."""


class Voice:
    """What is lost on the way is no failure here: nothing counts before the robot echoes it."""

    def __init__(self, vehicle: Vehicle) -> None:
        self._vehicle = vehicle
        self._told: dict[str, Instant] = {}

    async def order(self, order: Order, at: Instant) -> None:
        """Send an order."""
        if self._due(f"order {order.order_id}", at):
            try:
                await self._vehicle.send(order)
            except LinkDownError as error:
                log.debug("order %s goes out later: %s", order.order_id, error)

    async def stop(self, order_id: str, at: Instant) -> None:
        """Send cancelOrder for an order."""
        if self._due(f"stop {order_id}", at):
            await self._act(vda5050.instant_action("cancelOrder", vda5050.cancel_id(order_id)))

    async def ask_state(self, at: Instant) -> None:
        """Ask a robot to say how it is."""
        if self._due("state", at):
            ask = vda5050.fixed_id(self._vehicle.device, "stateRequest", str(at))
            await self._act(vda5050.instant_action("stateRequest", ask))

    async def _act(self, actions: InstantActions) -> None:
        try:
            await self._vehicle.act(actions)
        except LinkDownError as error:
            log.debug("%s goes out later: %s", actions.actions[0].action_type, error)

    def _due(self, what: str, at: Instant) -> bool:
        if at - self._told.get(what, at - RESEND) < RESEND:
            return False
        self._told = {one: then for one, then in self._told.items() if at - then < RESEND}
        self._told[what] = at
        return True
