"""Any robot that speaks VDA 5050, version 2.0.0 or 2.1.0, through a broker."""

from collections import Counter
from collections.abc import AsyncIterator

from config.links import Device, Robot
from contracts.instants import moment
from drivers.links.vehicle_mailboxes import Arrival, VehicleMailboxes
from drivers.model import DriverSpec
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import (
    Connection,
    ConnectionState,
    Header,
    InstantActions,
    Order,
    ProtocolError,
    State,
    Unreadable,
)
from runtime.clock import Clock
from runtime.mqtt.whereabouts import Whereabouts


class Vda5050Vehicle:
    """One robot, as its master speaks to it."""

    def __init__(self, robot: Robot, link: VehicleMailboxes, clock: Clock) -> None:
        self.device = robot.id
        self.refused = 0
        """Messages that came under the robot's name and made no sense."""
        self._robot = robot
        self._link = link
        self._clock = clock
        self._sent: Counter[str] = Counter()
        self._whereabouts = Whereabouts()

    async def send(self, order: Order) -> None:
        """Publish an order; nothing is proven until the state echoes it. Raises LinkDownError."""
        await self._publish("order", order)

    async def act(self, actions: InstantActions) -> None:
        """Publish instant actions. Raises LinkDownError."""
        await self._publish("instantActions", actions)

    async def messages(self) -> AsyncIterator[State | Connection | Unreadable]:
        """Give what the robot says, for ever; what makes no sense comes as `Unreadable`.

        A retained state is left out: it says what was, and must not look like a sign of life.
        """
        while True:
            arrival = await self._link.next(self._robot)
            if arrival.retained and arrival.channel != "connection":
                continue
            message = self._read(arrival)
            if isinstance(message, Unreadable):
                self.refused += 1
            elif self._outdated(arrival, message):
                continue
            yield message

    def _outdated(self, arrival: Arrival, message: State | Connection) -> bool:
        """Whether a broker that the robot has left speaks of it: by its will, or from memory."""
        alive = isinstance(message, State) or message.connection_state == ConnectionState.ONLINE
        if alive and not arrival.retained:
            self._whereabouts.heard(self.device, arrival.broker)
        return self._whereabouts.elsewhere(self.device, arrival.broker)

    def _read(self, arrival: Arrival) -> State | Connection | Unreadable:
        topic = self._link.base(self._robot) + arrival.channel
        try:
            message: State | Connection
            if arrival.channel == "state":
                message = vda5050.states.decode(arrival.payload)
            else:
                message = vda5050.connections.decode(arrival.payload)
        except ProtocolError as error:
            return Unreadable(topic, str(error))
        sender = (message.manufacturer, message.serial_number)
        if sender != (self._robot.manufacturer, self._robot.serial):
            return Unreadable(topic, f"sent by {sender[0]!r} {sender[1]!r}, another robot"[:200])
        return message

    async def _publish(self, channel: str, body: Order | InstantActions) -> None:
        stamp = moment(self._clock.wall()).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        header = Header(
            self._sent[channel],
            stamp,
            self._link.config.version,
            self._robot.manufacturer,
            self._robot.serial,
        )
        self._sent[channel] += 1
        await self._link.publish(
            self._link.base(self._robot) + channel, vda5050.encode(header, body)
        )


def build(device: Device, link: VehicleMailboxes, clock: Clock) -> Vda5050Vehicle:
    """Make the driver of one robot."""
    assert isinstance(device, Robot)
    return Vda5050Vehicle(device, link, clock)


SPEC = DriverSpec(
    kind="vda5050",
    family="robot",
    link="vda5050",
    products=("Any vehicle with a VDA 5050 interface",),
    source="VDA5050_EN.md, version 2.1.0 (2024-08)",
    build=build,
    actions=("deliver", "cancel", "release"),
)
