"""One example and more of every message, for the documentation and for its tests."""

from collections.abc import Mapping

from msgspec import Struct

from contracts.instants import SECOND, Instant
from contracts.messages import Ack, Batch, Card, CardPoint, Command, Presence
from contracts.quantities import Quality, Quantity
from contracts.records import (
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
    Reading,
    RobotChanged,
)

_STREAM = "0192f3c8a1b27c4d"
_NOON: Instant = 1_795_233_600 * SECOND

_DELIVERY = "d-0192f3c9"
_LOAN = "kiosk-1-0192f3ca"

EXAMPLES: Mapping[type[Struct], Mapping[str, Struct]] = {
    Batch: {
        "readings": Batch(
            _STREAM,
            1041,
            [
                Reading("probe-v1-a/temperature", _NOON, 19.2),
                Reading("probe-v1-a/humidity", _NOON, 131.0, Quality.IMPLAUSIBLE),
                Reading("probe-v2/temperature", _NOON, None, Quality.UNAVAILABLE),
                Reading("counter-gates/channel_0", _NOON, 48213.0),
            ],
        ),
        "events": Batch(
            _STREAM,
            1045,
            [
                EdgeStarted(_NOON, "front", "0.1.0"),
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
                JournalThinned(
                    _NOON, ((12, 480),), _NOON - 7200 * SECOND, _NOON - 3600 * SECOND, "disk full"
                ),
                InputRefused(_NOON, "command", "Command: Expected `str`, got `int`", 3),
            ],
        ),
    },
    Ack: {"with a gap": Ack(_STREAM, ((1, 1040), (1045, 1052)))},
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
            version="0.1.0",
            fill=0.002,
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
        )
    },
}
