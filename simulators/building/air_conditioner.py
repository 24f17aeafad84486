"""A precision air conditioner: its own thermostat and humidistat, coil, heater, steam. Pure.

Cooling and drying share the coil, which takes water out of the air only while it is colder than
the air's dew point; what drying cools too much, the heater puts back. The compressor keeps minimum
run and rest times.
"""

from dataclasses import dataclass

from simulators.building.air import Air, air
from simulators.building.vault import HEAT_CAPACITY, OFF, Plant


@dataclass(frozen=True, slots=True)
class Rating:
    """What a unit can do."""

    coil: float = 6.0
    """°C of the coil's surface."""
    air_flow: float = 0.5
    """kg/s that touches the coil at full cooling."""
    heater: float = 6000.0
    """W."""
    humidifier: float = 3.0 / 3600
    """kg/s."""
    run: float = 180.0
    """Seconds that a compressor runs at least."""
    rest: float = 180.0
    """Seconds that it stands at least."""
    gain: float = 40.0
    """% of demand per K."""
    reset: float = 900.0
    """Seconds of integral action."""
    humidity_gain: float = 20.0
    """% of demand per %RH outside of the dead band."""
    humidity_band: float = 1.0
    """%RH either side of the set-point in which nothing is done."""


@dataclass(frozen=True, slots=True)
class Setpoints:
    """What the unit shall keep, in °C and %RH."""

    temperature: float = 19.0
    humidity: float = 52.0


@dataclass(frozen=True, slots=True)
class Conditioner:
    """The state of a unit; the demands are in % of what it can do."""

    integral: float = 0.0
    compressor: bool = False
    since: float = 1e9
    """Seconds that the compressor has run or stood."""
    cooling: float = 0.0
    heating: float = 0.0
    humidifying: float = 0.0
    drying: bool = False
    supply: float = 19.0
    """°C of the air it blows out."""


def _share(percent: float) -> float:
    return min(100.0, max(0.0, percent))


def step(
    rating: Rating, unit: Conditioner, wanted: Setpoints, returned: Air, seconds: float
) -> tuple[Conditioner, Plant]:
    """Give the unit some seconds later and what it does to the room meanwhile."""
    error = returned.temperature - wanted.temperature
    integral = unit.integral + rating.gain * error * seconds / rating.reset
    integral = min(100.0, max(-100.0, integral))
    warm = rating.gain * error + integral
    damp = returned.humidity - wanted.humidity
    dry = _share(rating.humidity_gain * (damp - rating.humidity_band))
    moisten = _share(rating.humidity_gain * (-damp - rating.humidity_band))
    demand = _share(max(warm, dry))
    compressor, since = _compressor(rating, unit, demand, seconds)
    cooling = max(demand, 15.0) if compressor else 0.0
    flow = rating.air_flow * cooling / 100
    taken = flow * HEAT_CAPACITY * max(0.0, returned.temperature - rating.coil)
    condensed = flow * max(0.0, returned.water - air(rating.coil, 100.0).water)
    # The heater makes up for what the coil takes beyond the thermostat's wish.
    full = rating.air_flow * HEAT_CAPACITY * max(1.0, returned.temperature - rating.coil)
    heating = _share(100 * (taken - full * warm / 100) / rating.heater)
    heat = heating / 100 * rating.heater - taken
    water = moisten / 100 * rating.humidifier - condensed
    moved = 3 * rating.air_flow * HEAT_CAPACITY
    after = Conditioner(
        integral=integral,
        compressor=compressor,
        since=since,
        cooling=cooling,
        heating=heating,
        humidifying=moisten,
        drying=compressor and dry > 0,
        supply=returned.temperature + heat / moved,
    )
    return after, Plant(heat, water)


def _compressor(
    rating: Rating, unit: Conditioner, demand: float, seconds: float
) -> tuple[bool, float]:
    since = unit.since + seconds
    if unit.compressor and demand < 5 and since >= rating.run:
        return False, 0.0
    if not unit.compressor and demand > 15 and since >= rating.rest:
        return True, 0.0
    return unit.compressor, since


def stopped(unit: Conditioner, returned: Air, seconds: float) -> tuple[Conditioner, Plant]:
    """Give a unit that is switched off or has tripped."""
    since = 0.0 if unit.compressor else unit.since + seconds
    return Conditioner(since=since, supply=returned.temperature), OFF
