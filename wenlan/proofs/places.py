"""Where each point lies in a device, read once more from the manuals.

Neither the driver nor the simulator is asked, so that a mistake which both made is found out.
"""

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """Function codes, first register, how many words, and how they are read."""

    functions: tuple[int, ...]
    register: int
    words: int
    read: Callable[[Sequence[int]], float]
    written_at: int = -1
    """The register to which it is written; below 0: it is not."""


def tenths(words: Sequence[int]) -> float:
    """Read a signed word in tenths."""
    return ((words[0] ^ 0x8000) - 0x8000) / 10


def _whole(words: Sequence[int]) -> float:
    return float(words[0])


def _float_low_word_first(words: Sequence[int]) -> float:
    value: float = struct.unpack(">f", struct.pack(">HH", words[1], words[0]))[0]
    return value


def _counter_low_word_first(words: Sequence[int]) -> float:
    return float(words[0] + (words[1] << 16))


_LIEBERT_TENTHS = {
    "return_temperature": 1,
    "return_humidity": 2,
    "supply_temperature": 3,
}
_LIEBERT_WHOLE = {
    "on": 5,
    "fan": 6,
    "cooling_stage_1": 7,
    "cooling_stage_2": 8,
    "heating": 9,
    "heating_stage_2": 10,
    "humidifying": 11,
    "dehumidifying": 12,
    "cooling": 13,
    "alarm": 21,
    "alarm_bits": 288,
}
PLACES: dict[str, dict[str, Place]] = {
    "xy-md02": {
        "temperature": Place((4,), 1, 1, tenths),
        "humidity": Place((4,), 2, 1, tenths),
    },
    "vaisala-hmp": {
        "humidity": Place((3, 4), 0x0000, 2, _float_low_word_first),
        "temperature": Place((3, 4), 0x0002, 2, _float_low_word_first),
        "healthy": Place((3, 4), 0x0200, 1, _whole),
    },
    "liebert-pac": {
        **{name: Place((3,), place, 1, tenths) for name, place in _LIEBERT_TENTHS.items()},
        **{name: Place((3,), place, 1, _whole) for name, place in _LIEBERT_WHOLE.items()},
        "temperature_setpoint": Place((3,), 15, 1, tenths, written_at=348),
        "humidity_setpoint": Place((3,), 16, 1, tenths, written_at=349),
    },
    "adam-6051": {f"channel_{n}": Place((3,), 2 * n, 2, _counter_low_word_first) for n in range(8)},
}
