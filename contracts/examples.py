"""One example and more of every message, for the documentation and for its tests."""

from collections.abc import Mapping

from msgspec import Raw, Struct

from contracts.codec import encode_record, raws
from contracts.instants import SECOND, Instant
from contracts.layouts import Column, Layout
from contracts.messages import Ack, Batch, Card, CardPoint, Command, Presence, StreamState
from contracts.quantities import Quality, Quantity
from contracts.records import (
    ClockStepped,
    CommandOutcome,
    DeliveryChanged,
    DeliveryStep,
    DeviceChanged,
    EdgeStarted,
    InputRefused,
    JournalThinned,
    LoanAction,
    LoanChanged,
    LoanStep,
    OutcomeStatus,
    PartFell,
    Reading,
    Record,
    RecordsGivenUp,
    RobotChanged,
    Sample,
    StreamClosed,
    VolatileEnded,
)

_LIFE = "7f3a09c2b1d84e65"
_SESSION = "c21e8a5d90b7f346"
_STREAM = "0192f3c8a1b27c4d"
_MAIN = Layout("main", (Column("temperature", 1), Column("humidity", 1)))
_NOON: Instant = 1_795_233_600 * SECOND

_DELIVERY = "d-0192f3c9"
_LOAN = "kiosk-1-0192f3ca"


def _raws(*records: Record) -> tuple[Raw, ...]:
    return raws([encode_record(record) for record in records])


EXAMPLES: Mapping[type[Struct], Mapping[str, Struct]] = {
    Batch: {
        "samples": Batch(
            _STREAM,
            1041,
            _raws(
                Sample("probe-v1-a", "main", _MAIN.digest, _NOON, (192, 553)),
                Sample(
                    "probe-v1-a",
                    "main",
                    _MAIN.digest,
                    _NOON + 10 * SECOND,
                    (192, 1310),
                    ((1, Quality.IMPLAUSIBLE),),
                ),
                Sample(
                    "probe-v2",
                    "main",
                    _MAIN.digest,
                    _NOON,
                    (None, 55.21),
                    ((0, Quality.UNAVAILABLE),),
                ),
            ),
            life=_LIFE,
            since=880,
            session=_SESSION,
            k=7,
            oldest=1041,
            clock=f"{_LIFE}.1",
            now=f"{_SESSION}.1",
            sent=_NOON + 11 * SECOND,
            heard=(_NOON + 9 * SECOND, 2 * SECOND),
            origins=((_STREAM, _LIFE),),
            was=((0, 0, 912),),
        ),
        "events": Batch(
            _STREAM,
            1044,
            _raws(
                EdgeStarted(
                    _NOON,
                    "front",
                    "0.2.0",
                    life=_LIFE,
                    clock=f"{_LIFE}.1",
                    boot="0b7e1d6c-3f52-4c1a-9d3e-5a8f2c7b6e10",
                    ahead=_NOON - 86_400 * SECOND,
                ),
                ClockStepped("front", _NOON + 3600 * SECOND, 3600 * SECOND, clock=f"{_LIFE}.2"),
                PartFell("front", _NOON, "kiosk-1", stands=False, reason="KeyError: 'AF'"),
                DeviceChanged("probe-v2", _NOON, available=False, cause="no answer in 0.5 s"),
                LoanChanged(
                    _LOAN,
                    _NOON,
                    "kiosk-1",
                    LoanAction.CHECKOUT,
                    LoanStep.CLOSED,
                    "3301000000017",
                    patron="9f3c5b7a",
                    title="文史通义",
                    due="2026-12-19",
                ),
                DeliveryChanged(
                    _DELIVERY,
                    _NOON,
                    "robot-1",
                    DeliveryStep.LOADED,
                    item="3301000000024",
                    origin="stacks-desk",
                    destination="hall-desk",
                    node="stacks-desk",
                ),
                RobotChanged(
                    "robot-1",
                    _NOON,
                    "ONLINE",
                    mode="AUTOMATIC",
                    driving=True,
                    battery=81.5,
                    node="lift-lobby",
                    x=8.0,
                    y=4.2,
                    order=_DELIVERY,
                ),
                CommandOutcome(
                    "c-0192f3cb", _NOON, "ac-v1", "write", OutcomeStatus.DONE, value=19.0
                ),
                RecordsGivenUp(
                    _NOON,
                    _STREAM,
                    _LIFE,
                    12,
                    480,
                    _NOON - 7200 * SECOND,
                    _NOON - 3600 * SECOND,
                    "the journal's budget is used up",
                ),
                StreamClosed(
                    _NOON, "5e1f0a7733c9d2b8", _LIFE, 311, ((320, 322),), "it was damaged", 347
                ),
                VolatileEnded(_NOON, "88d0c4f15be2a697", _LIFE, 57, "the disk was full"),
                InputRefused(_NOON, "command", "Command: Expected `str`, got `int`", 3),
            ),
        ),
        "from 0.1": Batch(
            _STREAM,
            1041,
            _raws(
                Reading("probe-v1-a/temperature", _NOON, 19.2),
                Reading("probe-v1-a/humidity", _NOON, 131.0, Quality.IMPLAUSIBLE),
                Reading("probe-v2/temperature", _NOON, None, Quality.UNAVAILABLE),
                JournalThinned(
                    _NOON, ((12, 480),), _NOON - 7200 * SECOND, _NOON - 3600 * SECOND, "disk full"
                ),
            ),
        ),
    },
    Ack: {
        "with a gap": Ack(
            _STREAM,
            ((1, 1040), (1045, 1052)),
            life=_LIFE,
            session=_SESSION,
            k=7,
            sent=_NOON + 12 * SECOND,
        ),
        "refused": Ack(
            _STREAM, ((1, 1040),), life=_LIFE, session=_SESSION, k=8, refused=1041, sent=_NOON
        ),
    },
    Command: {
        "write a setpoint": Command(
            "c-0192f3cb",
            "ac-v1",
            "write",
            _NOON,
            _NOON + 30 * SECOND,
            "engineer",
            point="temperature_setpoint",
            value=19.0,
            lease=900.0,
            session=_SESSION,
            sent=_NOON + SECOND,
        ),
        "deliver a book": Command(
            "c-0192f3cc",
            "robot-1",
            "deliver",
            _NOON,
            _NOON + 300 * SECOND,
            "library-system",
            arguments={
                "item": "3301000000024",
                "origin": "stacks-desk",
                "destination": "hall-desk",
            },
        ),
    },
    Presence: {
        "connected": Presence(
            "front",
            online=True,
            at=_NOON,
            stream=_STREAM,
            next=1053,
            oldest=1041,
            version="0.2.0",
            fill=0.002,
            session=_SESSION,
            streams=(
                StreamState(_STREAM, 1053, 1041),
                StreamState("88d0c4f15be2a697", 58, 31, "volatile"),
            ),
            journal="full",
            disk=1.0,
            steps=1,
            reason="database or disk is full",
        ),
        "last will": Presence("front", online=False),
    },
    Card: {
        "an air conditioner": Card(
            "ac-v1",
            "stacks",
            "liebert-pac",
            "plant",
            space="vault-1",
            name={"en": "Air conditioner 1", "zh": "一号空调"},
            points=(
                CardPoint("return_temperature", Quantity.AIR_TEMPERATURE, "°C", 5.0),
                CardPoint(
                    "temperature_setpoint",
                    Quantity.AIR_TEMPERATURE,
                    "°C",
                    5.0,
                    writable=True,
                    low=15.0,
                    high=30.0,
                ),
            ),
            actions=("write",),
            layouts=(
                Layout(
                    "main",
                    (Column("return_temperature", 1), Column("temperature_setpoint", 1)),
                ),
            ),
        )
    },
}
