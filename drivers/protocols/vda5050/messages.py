"""The messages of VDA 5050, versions 2.0.0 and 2.1.0 (VDA5050_EN.md, chapter 6).

What robots send is read leniently: unknown fields are ignored, an explicit null stands for an
absent optional field, and enumerations are kept as text, so that a word we do not know costs
nothing but itself. What we send has exactly the fields of the official schemas.
"""

from enum import StrEnum

import msgspec
from msgspec import Struct

from contracts.codec import Codec

Scalar = str | int | float | bool


class BlockingType(StrEnum):
    """What else may happen while an action runs (6.8.2)."""

    NONE = "NONE"
    SOFT = "SOFT"
    HARD = "HARD"


class ActionStatus(StrEnum):
    """How far an action has come (6.10.6)."""

    WAITING = "WAITING"
    INITIALIZING = "INITIALIZING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"


ENDED_ACTION = frozenset({ActionStatus.FINISHED, ActionStatus.FAILED})


class ConnectionState(StrEnum):
    """What the connection topic says (6.14)."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    BROKEN = "CONNECTIONBROKEN"


class Mode(StrEnum):
    """Who drives (6.10.6)."""

    AUTOMATIC = "AUTOMATIC"
    SEMIAUTOMATIC = "SEMIAUTOMATIC"
    MANUAL = "MANUAL"
    SERVICE = "SERVICE"
    TEACHIN = "TEACHIN"


class ProtocolError(ValueError):
    """A message is not VDA 5050; says what is wrong and where."""


class Header(Struct, frozen=True, rename="camel"):
    """What every message begins with (6.4)."""

    header_id: int
    timestamp: str
    version: str
    manufacturer: str
    serial_number: str


class ActionParameter(Struct, frozen=True):
    """A named argument of an action."""

    key: str
    value: Scalar | list[object] | dict[str, object]


class Action(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Something to do at a node, on an edge or at once."""

    action_type: str
    action_id: str
    blocking_type: str
    action_description: str | None = None
    action_parameters: tuple[ActionParameter, ...] | None = None


class NodePosition(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where a node is, in metres and radians on a map."""

    x: float
    y: float
    map_id: str
    theta: float | None = None
    allowed_deviation_xy: float | None = msgspec.field(default=None, name="allowedDeviationXY")


class Node(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A place to pass or to stop at; `sequence_id` is even."""

    node_id: str
    sequence_id: int
    released: bool
    actions: tuple[Action, ...]
    node_position: NodePosition | None = None


class Edge(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The way between two nodes; `sequence_id` is odd."""

    edge_id: str
    sequence_id: int
    released: bool
    start_node_id: str
    end_node_id: str
    actions: tuple[Action, ...]
    length: float | None = None


class Order(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A way to go and what to do on it (6.6); the header is added when it is sent."""

    order_id: str
    order_update_id: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class InstantActions(Struct, frozen=True):
    """Things to do at once (6.9); the header is added when they are sent."""

    actions: tuple[Action, ...]


class NodeState(Struct, frozen=True, rename="camel"):
    """A node the robot has still to reach."""

    node_id: str
    sequence_id: int
    released: bool = True


class EdgeState(Struct, frozen=True, rename="camel"):
    """An edge the robot has still to leave."""

    edge_id: str
    sequence_id: int
    released: bool = True


class ActionState(Struct, frozen=True, rename="camel"):
    """What became of an action."""

    action_id: str
    action_status: str
    action_type: str | None = None
    result_description: str | None = None


class BatteryState(Struct, frozen=True, rename="camel"):
    """Charge in percent."""

    battery_charge: float
    charging: bool = False


class ErrorReference(Struct, frozen=True, rename="camel"):
    """What an error is about."""

    reference_key: str = ""
    reference_value: str | int | float | bool | None = None


class RobotError(Struct, frozen=True, rename="camel"):
    """Something that the robot complains of. `error_level` is WARNING or FATAL."""

    error_type: str = ""
    error_level: str = ""
    error_description: str | None = None
    error_references: tuple[ErrorReference, ...] | None = None


class SafetyState(Struct, frozen=True, rename="camel"):
    """`e_stop` is AUTOACK, MANUAL or REMOTE while an emergency stop is active, else NONE."""

    e_stop: str = "NONE"
    field_violation: bool = False


class Position(Struct, frozen=True, rename="camel"):
    """Where the robot believes to be, in metres and radians on a map."""

    x: float
    y: float
    theta: float = 0.0
    map_id: str = ""
    position_initialized: bool = True


class State(Struct, frozen=True, rename="camel"):
    """What the robot says of itself (6.10)."""

    header_id: int
    timestamp: str
    version: str
    manufacturer: str
    serial_number: str
    order_id: str
    order_update_id: int
    driving: bool
    operating_mode: str
    node_states: tuple[NodeState, ...] | None
    edge_states: tuple[EdgeState, ...] | None
    action_states: tuple[ActionState, ...] | None
    errors: tuple[RobotError, ...] | None = None
    last_node_id: str | None = None
    last_node_sequence_id: int | None = None
    battery_state: BatteryState | None = None
    safety_state: SafetyState | None = None
    agv_position: Position | None = None
    paused: bool | None = None
    new_base_request: bool | None = None


class Connection(Struct, frozen=True, rename="camel"):
    """Whether the robot is connected (6.14).

    A will was written when the robot connected: its time and number are old, so judge by
    `connection_state` only.
    """

    header_id: int
    timestamp: str
    version: str
    manufacturer: str
    serial_number: str
    connection_state: str


class Visualization(Struct, frozen=True, rename="camel"):
    """Where the robot is, sent often (6.13)."""

    agv_position: Position | None = None


class TypeSpecification(Struct, frozen=True, rename="camel"):
    """What kind of robot it is."""

    series_name: str = ""
    agv_kinematic: str = ""
    agv_class: str = ""
    max_load_mass: float | None = None


class Factsheet(Struct, frozen=True, rename="camel"):
    """What a robot can do, as far as we need it (6.15)."""

    version: str
    manufacturer: str
    serial_number: str
    type_specification: TypeSpecification | None = None


class Unreadable(Struct, frozen=True):
    """Something that came under a robot's name and was refused."""

    topic: str
    reason: str


orders = Codec(Order, ProtocolError)
instant_actions = Codec(InstantActions, ProtocolError)
states = Codec(State, ProtocolError)
connections = Codec(Connection, ProtocolError)
visualizations = Codec(Visualization, ProtocolError)
factsheets = Codec(Factsheet, ProtocolError)

_encoder = msgspec.json.Encoder()


def encode(header: Header, body: Order | InstantActions) -> bytes:
    """Write a message: the header's fields, then the body's."""
    return _encoder.encode(header)[:-1] + b"," + _encoder.encode(body)[1:]


def topic(interface: str, version: str, manufacturer: str, serial: str, channel: str) -> str:
    """Name a topic (6.3): `interface/vMajor/manufacturer/serial/channel`."""
    return f"{interface}/v{version.partition('.')[0]}/{manufacturer}/{serial}/{channel}"
