"""Each register file against its manual, decoded here by hand."""

import struct
from collections.abc import Sequence
from math import isnan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.registers import RegisterMap
from contracts.quantities import Quantity
from simulators.building.air import air
from simulators.building.vault import OFF
from simulators.modbus.devices.adam_6051 import Counters, adam_6051
from simulators.modbus.devices.custom import Custom
from simulators.modbus.devices.liebert_pac import Liebert
from simulators.modbus.devices.sensing import NOTHING, Probe, Sample
from simulators.modbus.devices.vaisala_hmp import vaisala_hmp
from simulators.modbus.devices.xy_md02 import xy_md02
from simulators.modbus.pdu import answer
from simulators.modbus.registers import Registers


def words(registers: Registers, function: int, start: int, count: int) -> Sequence[int]:
    reply = answer(struct.pack(">BHH", function, start, count), registers)
    assert reply.read is not None, reply.pdu.hex()
    return reply.read.words


def refusal(registers: Registers, request: str) -> int:
    pdu = answer(bytes.fromhex(request), registers).pdu
    assert pdu[0] & 0x80, pdu.hex()
    return pdu[1]


def write(registers: Registers, register: int, value: int) -> bytes:
    return answer(struct.pack(">BHH", 6, register, value), registers).pdu


# XY-MD02


def test_the_xy_md02_gives_the_frame_of_its_sheet() -> None:
    reply = answer(bytes.fromhex("0400010002"), xy_md02(lambda: Sample(30.5, 54.6)))
    assert reply.pdu.hex() == "040401310222"


def test_the_xy_md02_is_signed_and_refuses_its_neighbours() -> None:
    registers = xy_md02(lambda: Sample(-10.1, 54.6))
    assert words(registers, 4, 1, 1) == [0xFF9B]
    assert refusal(registers, "0400000002") == 2
    assert refusal(registers, "0400010003") == 2
    assert refusal(registers, "0300010002") == 2, "readings are not holding registers"


def test_the_xy_md02_answers_exception_4_without_a_value() -> None:
    assert refusal(xy_md02(lambda: NOTHING), "0400010001") == 4
    assert words(xy_md02(lambda: Sample(None, 50.0)), 4, 2, 1) == [500]


def test_the_xy_md02_adds_its_offset() -> None:
    registers = xy_md02(lambda: Sample(20.0, 50.0))
    write(registers, 0x0103, 0xFFFB)  # -0.5 K
    assert words(registers, 4, 1, 2) == [195, 500]
    assert words(registers, 3, 0x0101, 4) == [1, 9600, 0xFFFB, 0]


@given(st.integers(-400, 1250), st.integers(0, 1000))
def test_every_tenth_arrives_as_it_is(temperature: int, humidity: int) -> None:
    registers = xy_md02(lambda: Sample(temperature / 10, humidity / 10))
    assert words(registers, 4, 1, 2) == [temperature & 0xFFFF, humidity]


# Vaisala


def low_word_first(pair: Sequence[int]) -> float:
    value: float = struct.unpack(">f", struct.pack(">HH", pair[1], pair[0]))[0]
    return value


@pytest.mark.parametrize("function", [3, 4])
def test_vaisala_floats_come_low_word_first(function: int) -> None:
    registers = vaisala_hmp(lambda: Sample(21.25, 50.5))
    read = words(registers, function, 0, 4)
    assert low_word_first(read[:2]) == 50.5
    assert low_word_first(read[2:]) == 21.25
    assert words(registers, function, 0x0100, 2) == [5050, 2125]
    assert low_word_first(words(registers, function, 7938, 2)) == pytest.approx(-123.45)
    assert words(registers, function, 0x0200, 2) == [1, 1]


def test_vaisala_knows_the_dew_point_and_the_water() -> None:
    registers = vaisala_hmp(lambda: Sample(20.0, 50.0))
    assert low_word_first(words(registers, 3, 6, 2)) == pytest.approx(9.26, abs=0.05)
    assert low_word_first(words(registers, 3, 0x0E, 2)) == pytest.approx(8.65, abs=0.05)


def test_vaisala_says_nan_and_a_fault_without_a_value() -> None:
    registers = vaisala_hmp(lambda: NOTHING)
    assert isnan(low_word_first(words(registers, 3, 0, 2)))
    assert words(registers, 3, 2, 2) == [0x0000, 0x7FC0], "a quiet NaN"
    assert words(registers, 3, 0x0100, 2) == [0x8000, 0x8000]
    assert words(registers, 3, 0x0200, 1) == [0]


def test_vaisala_refuses_its_holes() -> None:
    registers = vaisala_hmp(lambda: Sample(20.0, 50.0))
    assert refusal(registers, "0300000006") == 2
    assert refusal(registers, "0300040002") == 2


# ADAM-6051


def test_counters_are_low_word_first() -> None:
    counters = Counters()
    registers = adam_6051(counters)
    counters.pulse(1, 0x12345)
    assert words(registers, 3, 0, 4) == [0, 0, 0x2345, 0x1]


def test_a_counter_clears_stops_and_overflows() -> None:
    counters = Counters()
    registers = adam_6051(counters)
    counters.pulse(2, 7)
    answer(bytes.fromhex("050029ff00"), registers)  # 33 + 4 * 2 + 1 = 42, address 41: clear
    assert words(registers, 3, 4, 2) == [0, 0]
    assert words(registers, 1, 41, 1) == [0]
    answer(bytes.fromhex("0500280000"), registers)  # address 40: stop
    assert counters.pulse(2) == 0
    answer(bytes.fromhex("050028ff00"), registers)
    assert counters.pulse(2, 2**32 - 1) == 2**32 - 1
    assert counters.pulse(2) == 0
    assert words(registers, 1, 42, 1) == [1], "it rolled over"


def test_an_input_is_high_for_a_moment() -> None:
    counters = Counters()
    registers = adam_6051(counters)
    counters.pulse(3)
    assert words(registers, 1, 0, 4) == words(registers, 2, 0, 4) == [0, 0, 0, 1]
    counters.settle()
    assert words(registers, 1, 0, 4) == [0, 0, 0, 0]


# Liebert


def holding(reference: int) -> int:
    return reference - 40001


def test_a_setpoint_is_written_in_one_place_and_read_back_in_another() -> None:
    registers = Liebert(lambda: air(19.0, 52.0)).registers()
    write(registers, holding(40349), 205)
    write(registers, holding(40350), 480)
    assert words(registers, 3, holding(40016), 2) == [205, 480]
    assert refusal(registers, "06015c" + "03e7") == 3, "99.9 °C is refused"
    assert words(registers, 3, holding(40016), 1) == [205]
    assert refusal(registers, "0400010001") == 1, "it has no input registers"
    assert refusal(registers, "0300030003") == 2, "40005 is not defined"


def test_a_hot_room_is_cooled_and_a_cold_one_heated() -> None:
    room = [air(26.0, 50.0)]
    unit = Liebert(lambda: room[0])
    registers = unit.registers()
    plant = unit.run(15)
    assert plant.heat < 0
    assert words(registers, 3, holding(40007), 2) == [1, 1]
    assert words(registers, 3, holding(40002), 2) == [260, 500]
    assert words(registers, 3, holding(40004), 1)[0] < 260
    room[0] = air(12.5, 50.0)
    for _ in range(40):
        plant = unit.run(15)
    assert plant.heat > 0
    assert words(registers, 3, holding(40008), 1) == [0]
    assert words(registers, 3, holding(40010), 1) == [1]


def test_a_dry_room_is_moistened_and_a_damp_one_dried() -> None:
    room = [air(19.0, 40.0)]
    unit = Liebert(lambda: room[0])
    registers = unit.registers()
    assert unit.run(15).water > 0
    assert words(registers, 3, holding(40012), 2) == [1, 0]
    room[0] = air(19.0, 55.0)
    plant = unit.run(15)
    assert plant.water < 0
    assert plant.heat == pytest.approx(0, abs=1), "the heater makes up for the coil"
    assert words(registers, 3, holding(40012), 2) == [0, 1]


def test_a_trip_stops_the_unit_and_raises_its_alarm_until_it_is_reset() -> None:
    unit = Liebert(lambda: air(26.0, 50.0))
    registers = unit.registers()
    unit.tripped = lambda: True
    assert unit.run(15) == OFF
    assert words(registers, 3, holding(40289), 1) == [1 << 6]
    assert words(registers, 3, holding(40007), 1) == [0]
    unit.tripped = lambda: False
    unit.run(15)
    assert words(registers, 3, holding(40289), 1) == [0]
    assert words(registers, 3, holding(40022), 1) == [1]
    write(registers, holding(40022), 0)
    assert words(registers, 3, holding(40022), 1) == [0]


def test_an_alarm_limit_can_be_set() -> None:
    unit = Liebert(lambda: air(26.0, 50.0))
    registers = unit.registers()
    write(registers, holding(40025), 250)
    assert words(registers, 3, holding(40025), 1) == [250]
    assert words(registers, 3, holding(40289), 1) == [1 << 2]


def test_a_unit_that_is_off_does_nothing() -> None:
    unit = Liebert(lambda: air(26.0, 50.0))
    registers = unit.registers()
    write(registers, holding(40006), 0)
    assert unit.run(15).heat == 0
    assert words(registers, 3, holding(40007), 2) == [0, 0]
    assert refusal(registers, "0600050002") == 3


# A probe


def test_a_probe_holds_its_sample_until_it_measures_again() -> None:
    room = [air(19.0, 52.0)]
    probe = Probe(lambda: room[0], Random(1))
    first = probe.sample()
    room[0] = air(25.0, 40.0)
    assert probe.sample() == first
    probe.take()
    taken = probe.sample()
    assert taken.temperature == pytest.approx(25.0, abs=0.6)
    assert taken.humidity == pytest.approx(40.0, abs=3)


def test_at_power_on_a_probe_answers_85_degrees() -> None:
    probe = Probe(lambda: air(19.0, 52.0), Random(1), lambda: True)
    assert words(xy_md02(probe.sample), 4, 1, 1) == [850]


def test_a_lamp_warms_and_dries_the_air_at_a_probe_and_nothing_else() -> None:
    degrees = [0.0]
    lit = Probe(lambda: air(19.0, 52.0), Random(1), warmer=lambda: degrees[0])
    dark = Probe(lambda: air(19.0, 52.0), Random(1))
    assert lit.sample() == dark.sample()
    degrees[0] = 6.0
    lit.take()
    dark.take()
    assert lit.sample().temperature == pytest.approx((dark.sample().temperature or 0) + 6.0)
    # 52 % at 19 °C is the water of 36 % at 25 °C (saturation 21.97 and 31.69 hPa).
    fallen = (dark.sample().humidity or 0) - (lit.sample().humidity or 0)
    assert fallen == pytest.approx(52 - 52 * 21.97 / 31.69, abs=0.3)


# A device that the site file describes


def test_a_described_device_holds_its_values_where_the_map_says() -> None:
    described = RegisterMap.model_validate(
        {
            "points": [
                {
                    "name": "temperature",
                    "quantity": "air_temperature",
                    "table": "input",
                    "register": 10,
                    "type": "float32",
                    "order": "BADC",
                },
                {
                    "name": "humidity",
                    "quantity": "relative_humidity",
                    "table": "input",
                    "register": 3,
                    "scale": 0.1,
                    "unavailable": [0xFFFF],
                },
                {
                    "name": "fan",
                    "quantity": "status",
                    "table": "holding",
                    "register": 7,
                    "write": {"low": 0, "high": 5, "safe": 2, "register": 40},
                },
            ]
        }
    )
    humidity: list[float | None] = [50.5]
    registers = Custom(
        described,
        {
            Quantity.AIR_TEMPERATURE: lambda: -123.45,
            Quantity.RELATIVE_HUMIDITY: lambda: humidity[0],
        },
    ).registers()
    assert words(registers, 4, 10, 2) == [0xF6C2, 0x66E6]
    assert words(registers, 4, 3, 1) == [505]
    humidity[0] = None
    assert words(registers, 4, 3, 1) == [0xFFFF]
    assert words(registers, 3, 7, 1) == [2]
    write(registers, 40, 4)
    assert words(registers, 3, 7, 1) == words(registers, 3, 40, 1) == [4]
    assert refusal(registers, "0400090001") == 2
    assert refusal(registers, "0100000001") == 1
