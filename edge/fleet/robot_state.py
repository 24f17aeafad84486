"""What is known of a robot, and when it is worth a line in the journal."""

from math import hypot

from contracts.instants import MINUTE, SECOND, Instant
from contracts.records import InputRefused, RobotChanged
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import Connection, ConnectionState, State, Unreadable
from edge.journal.port import Diary

AT_LEAST = 29 * SECOND
MOVED = 2.0
"""Metres that are worth a line."""
STEP = 0.3
"""Metres that prove a robot is not stuck."""
DRAINED = 5.0
"""Percent of battery that are worth a line."""

UNKNOWN = "UNKNOWN"


class Sight:
    """Follows a robot's words. It is there when its states come, whatever its connection says."""

    def __init__(self, robot: str, silent_after: int, diary: Diary) -> None:
        self.robot = robot
        self.state: State | None = None
        self.connection = ""
        """ONLINE, OFFLINE, CONNECTIONBROKEN, UNKNOWN; empty before anything is known."""
        self.lively: Instant = 0
        """When it last showed progress, or came back."""
        self._silent_after = silent_after
        self._diary = diary
        self._sequence = vda5050.Sequence()
        self._heard: Instant | None = None
        self._written: RobotChanged | None = None
        self._refused = 0
        self._refusal_told: Instant | None = None

    @property
    def present(self) -> bool:
        """Whether the robot is there."""
        return self.connection == ConnectionState.ONLINE

    async def see(self, state: State, at: Instant) -> bool:
        """Take a state; False when it is an old or doubled one."""
        self._sequence, news = self._sequence.take(state)
        if not news:
            return False
        before, self.state = self.state, state
        self._heard = at
        if not self.present or before is None or _moved(before, state):
            self.lively = at
        self.connection = ConnectionState.ONLINE
        await self._note(at)
        return True

    async def connected(self, message: Connection, at: Instant) -> None:
        """Take a connection message.

        A robot that was restarted begins its numbers anew, and says so only here. Whether it is
        there is proven by its states: a retained ONLINE or a late will may be old.
        """
        self._sequence = vda5050.Sequence()
        if message.connection_state == ConnectionState.ONLINE:
            return
        if message.connection_state in tuple(ConnectionState) and self.connection != UNKNOWN:
            await self._lose(message.connection_state, at)

    async def watch(self, at: Instant) -> None:
        """Notice silence; write a line now and then while the robot is there."""
        if self._heard is None:
            self._heard = at  # what was before this process began is not known
        if at - self._heard > self._silent_after and self.connection in ("", "ONLINE"):
            await self._lose(UNKNOWN, at)
        elif self.present:
            await self._note(at)

    async def refuse(self, message: Unreadable, at: Instant) -> None:
        """Count something unreadable, and report it at most once a minute."""
        self._refused += 1
        if self._refusal_told is not None and at - self._refusal_told < MINUTE:
            return
        await self._diary.append([InputRefused(at, message.topic, message.reason, self._refused)])
        self._refusal_told, self._refused = at, 0

    async def _lose(self, how: str, at: Instant) -> None:
        if self.connection != how:
            self.connection = how
            await self._note(at)

    async def _note(self, at: Instant) -> None:
        new = describe(self.robot, self.connection, self.state, at)
        if matters(self._written, new):
            await self._diary.append([new])
            self._written = new


def describe(robot: str, connection: str, state: State | None, at: Instant) -> RobotChanged:
    """Write down what is known of a robot; nonsense values are left out.

    Of a robot that is away there is only where it was last, and with what.
    """
    if state is None:
        return RobotChanged(robot, at, connection)
    if connection != ConnectionState.ONLINE:
        node = state.last_node_id or ""
        return RobotChanged(robot, at, connection, node=node, order=state.order_id)
    battery = state.battery_state.battery_charge if state.battery_state else None
    if battery is not None and not 0.0 <= battery <= 100.0:
        battery = None
    position = state.agv_position
    if position is not None and not position.position_initialized:
        position = None
    return RobotChanged(
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


def matters(old: RobotChanged | None, new: RobotChanged) -> bool:
    """Say whether a robot has changed enough, or long enough ago, to be written down again."""
    if old is None or new.at - old.at >= AT_LEAST:
        return True
    if _standing(old) != _standing(new):
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
