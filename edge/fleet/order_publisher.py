"""Tells a robot things, the same thing at most every few seconds until its state proves it."""

import logging

from drivers.bulkhead import guarded
from drivers.capabilities import Vehicle
from drivers.errors import DriverError
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import InstantActions, Order
from runtime.clock import Clock

log = logging.getLogger(__name__)

RESEND = 5.0
"""Seconds between two sendings of the same thing."""


class OrderPublisher:
    """What is lost on the way is no failure here: nothing counts before the robot echoes it."""

    def __init__(self, vehicle: Vehicle, clock: Clock) -> None:
        self._vehicle = vehicle
        self._clock = clock
        self._told: dict[str, float] = {}

    async def order(self, order: Order) -> None:
        """Send an order."""
        if self._due(f"order {order.order_id}"):
            try:
                await guarded(self._vehicle.send, order)
            except DriverError as error:
                log.debug("order %s goes out later: %s", order.order_id, error)

    async def stop(self, order_id: str) -> None:
        """Send cancelOrder for an order."""
        if self._due(f"stop {order_id}"):
            await self._act(vda5050.instant_action("cancelOrder", vda5050.cancel_id(order_id)))

    async def ask_state(self) -> None:
        """Ask a robot to say how it is."""
        if self._due("state"):
            at = str(self._clock.wall())
            ask = vda5050.fixed_id(self._vehicle.device, "stateRequest", at)
            await self._act(vda5050.instant_action("stateRequest", ask))

    async def _act(self, actions: InstantActions) -> None:
        try:
            await guarded(self._vehicle.act, actions)
        except DriverError as error:
            log.debug("%s goes out later: %s", actions.actions[0].action_type, error)

    def _due(self, what: str) -> bool:
        now = self._clock.monotonic()
        self._told = {one: then for one, then in self._told.items() if now - then < RESEND}
        if what in self._told:
            return False
        self._told[what] = now
        return True
