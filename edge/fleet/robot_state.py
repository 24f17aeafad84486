"""What is known of a robot, and when it is worth a line in the journal."""

from math import hypot

from contracts.bounds import shortened
from contracts.instants import Instant
from contracts.records import RobotChanged
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import Connection, ConnectionState, State
from edge.journal.port import Journal
from runtime.clock import Clock

AT_LEAST = 29.0
"""Seconds after which it is written down again."""
MOVED = 2.0
"""Metres that are worth a line."""
STEP = 0.3
"""Metres that prove a robot is not stuck."""
DRAINED = 5.0
"""Percent of battery that are worth a line."""

UNKNOWN = "UNKNOWN"


class RobotStatus:
    """Follows a robot's words. It is there when its states come, whatever its connection says."""

    def __init__(self, robot: str, silent_after: float, journal: Journal, clock: Clock) -> None:
        """Make it; after `silent_after` seconds without a word nobody knows how it is."""
        self.robot = robot
        self.state: State | None = None
        self.connection = ""
        """ONLINE, OFFLINE, CONNECTIONBROKEN, UNKNOWN; empty before anything is known."""
        self.lively = 0.0
        """When it last showed progress, or came back, on the monotonic clock."""
        self._silent_after = silent_after
        self._journal = journal
        self._clock = clock
        self._sequence = vda5050.Sequence()
        self._heard: float | None = None
        self._written: RobotChanged | None = None
        self._written_at = 0.0

    @property
    def present(self) -> bool:
        """Whether the robot is there."""
        return self.connection == ConnectionState.ONLINE

    def see(self, state: State) -> bool:
        """Take a state; False when it is an old or doubled one."""
        self._sequence, news = self._sequence.take(state)
        if not news:
            return False
        before, self.state = self.state, state
        self._heard = now = self._clock.monotonic()
        if not self.present or before is None or _moved(before, state):
            self.lively = now
        self.connection = ConnectionState.ONLINE
        self._note()
        return True

    def connected(self, message: Connection) -> None:
        """Take a connection message.

        A robot that was restarted begins its numbers anew, and says so only here. Whether it is
        there is proven by its states: a retained ONLINE or a late will may be old.
        """
        self._sequence = vda5050.Sequence()
        if message.connection_state == ConnectionState.ONLINE:
            return
        if message.connection_state in tuple(ConnectionState) and self.connection != UNKNOWN:
            self._lose(message.connection_state)

    def watch(self) -> None:
        """Notice silence; write a line now and then while the robot is there."""
        now = self._clock.monotonic()
        if self._heard is None:
            self._heard = now  # what was before this process began is not known
        if now - self._heard > self._silent_after and self.connection in ("", "ONLINE"):
            self._lose(UNKNOWN)
        elif self.present:
            self._note()

    def _lose(self, how: str) -> None:
        if self.connection != how:
            self.connection = how
            self._note()

    def _note(self) -> None:
        new = describe(self.robot, self.connection, self.state, self._clock.wall())
        now = self._clock.monotonic()
        if now - self._written_at >= AT_LEAST or matters(self._written, new):
            self._journal.append([new])
            self._written, self._written_at = new, now


def describe(robot: str, connection: str, state: State | None, at: Instant) -> RobotChanged:
    """Write down what is known of a robot; nonsense values are left out.

    Of a robot that is away there is only where it was last, and with what.
    """
    if state is None:
        return shortened(RobotChanged(robot, at, connection))
    if connection != ConnectionState.ONLINE:
        node = state.last_node_id or ""
        return shortened(RobotChanged(robot, at, connection, node=node, order=state.order_id))
    battery = state.battery_state.battery_charge if state.battery_state else None
    if battery is not None and not 0.0 <= battery <= 100.0:
        battery = None
    position = state.agv_position
    if position is not None and not position.position_initialized:
        position = None
    changed = RobotChanged(
        robot,
        at,
        connection,
        mode=state.operating_mode,
        driving=state.driving,
        battery=battery,
        node=state.last_node_id or "",
        x=position.x if position else None,
        y=position.y if position else None,
        order=state.order_id,
        errors=vda5050.complaints(state),
    )
    return shortened(changed)


def matters(old: RobotChanged | None, new: RobotChanged) -> bool:
    """Say whether a robot has changed enough to be written down again."""
    if old is None or _standing(old) != _standing(new):
        return True
    if abs((new.battery or 0.0) - (old.battery or 0.0)) >= DRAINED:
        return True
    old_x, old_y, x, y = old.x, old.y, new.x, new.y
    if old_x is None or old_y is None or x is None or y is None:
        return (old_x is None) != (x is None)
    return hypot(x - old_x, y - old_y) >= MOVED


def _standing(one: RobotChanged) -> tuple[object, ...]:
    return (one.connection, one.mode, one.driving, one.node, one.order, one.errors)


def _moved(before: State, now: State) -> bool:
    if (before.order_id, before.last_node_id) != (now.order_id, now.last_node_id):
        return True
    if (before.action_states or ()) != (now.action_states or ()):
        return True
    old, new = before.agv_position, now.agv_position
    return old is not None and new is not None and hypot(new.x - old.x, new.y - old.y) > STEP
