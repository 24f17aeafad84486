"""The vault's physics: conservation, known figures, and a unit that keeps its promise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.building import air_conditioner, vault
from simulators.building.air import air, dew_point, saturation_pressure
from simulators.building.air_conditioner import Conditioner, Rating, Setpoints
from simulators.building.vault import (
    HEAT_CAPACITY,
    OFF,
    Build,
    Plant,
    Room,
    Surroundings,
    still,
)
from simulators.building.weather import outdoor

CLOSED = Build(outer_walls=0.0, inner_walls=0.0, leakage=0.0, lamps=0.0)
ANYTHING = Surroundings(air(35.0, 80.0), air(5.0, 20.0))


def heat_content(build: Build, room: Room) -> float:
    """Give the sensible heat above 0 °C, in J."""
    return (
        build.air_mass * HEAT_CAPACITY * room.air.temperature
        + build.contents_heat * room.contents_temperature
    )


def water_content(build: Build, room: Room) -> float:
    """Give the water in air and contents, in kg."""
    return build.air_mass * room.air.water + build.contents_water * room.contents_humidity


def test_saturation_pressure_is_that_of_the_tables() -> None:
    # Sonntag's values at 0, 20 and 30 °C.
    assert saturation_pressure(0.0) == pytest.approx(6.11, abs=0.01)
    assert saturation_pressure(20.0) == pytest.approx(23.39, abs=0.08)
    assert saturation_pressure(30.0) == pytest.approx(42.45, abs=0.15)
    assert dew_point(20.0, 50.0) == pytest.approx(9.26, abs=0.05)


@given(st.floats(-20, 45), st.floats(5, 99))
def test_humidity_survives_the_way_to_water_and_back(temperature: float, humidity: float) -> None:
    assert air(temperature, humidity).humidity == pytest.approx(humidity, rel=1e-9)


def test_warmer_by_one_kelvin_is_drier_by_three_percent() -> None:
    cool = air(19.0, 52.0)
    assert cool._replace(temperature=20.0).humidity - cool.humidity == pytest.approx(-3.1, abs=0.2)


@given(st.floats(10, 30), st.floats(20, 80), st.floats(10, 30), st.floats(20, 80))
def test_a_closed_room_keeps_its_heat_and_its_water(
    warm: float, damp: float, books: float, paper: float
) -> None:
    room = replace(still(air(warm, damp)), contents_temperature=books, contents_humidity=paper)
    later = vault.step(CLOSED, room, ANYTHING, OFF, 6 * 3600)
    assert heat_content(CLOSED, later) == pytest.approx(heat_content(CLOSED, room), rel=1e-9)
    assert water_content(CLOSED, later) == pytest.approx(water_content(CLOSED, room), rel=1e-6)
    # … while air and contents come to terms.
    assert abs(later.air.temperature - later.contents_temperature) < 0.1 + 0.1 * abs(warm - books)


def test_what_people_and_plant_bring_is_found_again() -> None:
    room = still(air(19.0, 52.0))
    around = replace(ANYTHING, people=2)
    later = vault.step(CLOSED, room, around, Plant(heat=-100.0, water=-1e-5), 3600)
    assert heat_content(CLOSED, later) - heat_content(CLOSED, room) == pytest.approx(40 * 3600)
    gained = water_content(CLOSED, later) - water_content(CLOSED, room)
    assert gained == pytest.approx(0.1 - 0.036, rel=1e-6)


@pytest.mark.parametrize(("month", "seed"), [(1, 1), (4, 2), (7, 3)])
def test_the_vault_stays_in_its_band_with_air_conditioning_and_leaves_it_without(
    month: int, seed: int
) -> None:
    kept, drifting = still(air(19.0, 52.0)), still(air(19.0, 52.0))
    unit, build = Conditioner(), Build()
    local = datetime(2026, month, 10, tzinfo=UTC)
    starts = 0
    for number in range(6 * 24 * 240):
        open_now = 10 <= local.hour < 16 and number % 240 < 8
        around = Surroundings(
            outdoor(seed, local), air(24.0, 55.0), 1.0 if open_now else 0.0, open_now
        )
        running = unit.compressor
        unit, plant = air_conditioner.step(Rating(), unit, Setpoints(), kept.air, 15)
        starts += unit.compressor and not running
        kept = vault.step(build, kept, around, plant, 15)
        drifting = vault.step(build, drifting, around, OFF, 15)
        local += timedelta(seconds=15)
        assert 16.5 < kept.air.temperature < 21.5
        assert 46.0 < kept.air.humidity < 59.0
    assert starts < 6 * 24 * 10, "the compressor keeps its minimum times"
    if month == 7:
        assert drifting.air.temperature > 22.0
        assert drifting.air.water > kept.air.water
    if month == 1:
        assert drifting.air.water < kept.air.water


def test_a_compressor_runs_and_rests_at_least_three_minutes() -> None:
    unit, wanted, spans = Conditioner(since=0.0), Setpoints(), list[tuple[bool, int]]()
    for number in range(400):
        hot = number // 3 % 2
        before = unit.compressor
        unit, _ = air_conditioner.step(Rating(), unit, wanted, air(26.0 if hot else 14.0, 52.0), 15)
        if unit.compressor != before:
            spans.append((before, number))
    gaps = [later - earlier for (_, earlier), (_, later) in pairwise(spans)]
    assert gaps
    assert min(gaps) * 15 >= 180


def test_a_coil_warmer_than_the_dew_point_takes_no_water() -> None:
    dry = air(24.0, 25.0)
    assert dry.dew_point < Rating().coil
    _, plant = air_conditioner.step(Rating(), Conditioner(), Setpoints(humidity=25.0), dry, 15)
    assert plant.heat < 0
    assert plant.water == 0


def test_a_stopped_unit_does_nothing() -> None:
    unit, plant = air_conditioner.stopped(Conditioner(compressor=True), air(19.0, 52.0), 15)
    assert plant == OFF
    assert not unit.compressor


def test_weather_has_seasons_days_and_fronts() -> None:
    def hours(seed: int, month: int) -> list[float]:
        start = datetime(2026, month, 1, tzinfo=UTC)
        return [outdoor(seed, start + timedelta(hours=hour)).temperature for hour in range(28 * 24)]

    january, july = hours(1, 1), hours(1, 7)
    assert 0 < sum(january) / len(january) < 9
    assert 25 < sum(july) / len(july) < 33
    days = [sum(january[day * 24 : day * 24 + 24]) / 24 for day in range(28)]
    turns = [abs(later - earlier) for earlier, later in pairwise(days)]
    assert max(turns) > 2.5
    assert hours(1, 1) == january
    assert hours(2, 1) != january


@given(st.integers(0, 15 * 366 * 1440), st.integers(0, 9))
def test_outdoor_air_is_always_possible_and_never_jumps(minutes: int, seed: int) -> None:
    local = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    now, soon = outdoor(seed, local), outdoor(seed, local + timedelta(minutes=1))
    assert -25 < now.temperature < 48
    assert 5 < now.humidity <= 100
    assert abs(soon.temperature - now.temperature) < 0.5
