"""The climate of one room as a lumped model: air, books, walls, door, people, plant. Pure.

Two stores of heat (air, contents) and two of water (air, contents); explicit steps. The contents'
water is kept as the relative humidity they are in balance with, times their capacity: paper takes
up and gives off water with relative humidity, almost whatever the temperature.
"""

from dataclasses import dataclass, replace

from simulators.building.air import Air

HEAT_CAPACITY = 1005.0
"""Air, J/(kg K)."""
LONGEST_STEP = 15.0
"""Seconds; above it the explicit step is not accurate."""
PERSON_HEAT = 70.0
"""W, sensible, seated (60 to 80)."""
PERSON_WATER = 50e-3 / 3600
"""kg/s."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a room is like."""

    air_mass: float = 720.0
    """kg: 600 cubic metres."""
    contents_heat: float = 12e6
    """J/K that follows within hours: the outer centimetres of books and shelves."""
    contents_coupling: float = 1500.0
    """W/K between air and contents."""
    contents_water: float = 4.0
    """kg of water per 1 %RH."""
    water_coupling: float = 0.12 / 3600
    """kg/s per 1 %RH between air and contents."""
    outer_walls: float = 60.0
    """W/K to outdoor air."""
    inner_walls: float = 150.0
    """W/K to the neighbours."""
    leakage: float = 0.05
    """Air changes per hour with outdoor air, door shut."""
    door: float = 2.0
    """Air changes per hour with the neighbours, door open."""
    lamps: float = 200.0
    """W while somebody is inside."""


@dataclass(frozen=True, slots=True)
class Room:
    """The state of a room."""

    air: Air
    contents_temperature: float
    contents_humidity: float
    """%RH with which the contents are in balance."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What acts on a room from outside during one step."""

    outdoor: Air
    neighbour: Air
    people: float = 0.0
    door_open: bool = False


@dataclass(frozen=True, slots=True)
class Plant:
    """What an air conditioner does to a room during one step."""

    heat: float = 0.0
    """W, negative when it cools."""
    water: float = 0.0
    """kg/s, negative when it dries."""


OFF = Plant()


def still(air: Air) -> Room:
    """Give a room at rest: contents in balance with the air."""
    return Room(air, air.temperature, air.humidity)


def step(build: Build, room: Room, around: Surroundings, plant: Plant, seconds: float) -> Room:
    """Give the room some seconds later; long spans are cut into short steps."""
    while seconds > LONGEST_STEP:
        room = _step(build, room, around, plant, LONGEST_STEP)
        seconds -= LONGEST_STEP
    return _step(build, room, around, plant, seconds)


def _step(build: Build, room: Room, around: Surroundings, plant: Plant, seconds: float) -> Room:
    air, outdoor, neighbour = room.air, around.outdoor, around.neighbour
    leaking = build.air_mass * build.leakage / 3600
    passing = build.air_mass * build.door / 3600 if around.door_open else 0.0
    to_contents = build.contents_coupling * (air.temperature - room.contents_temperature)
    lamps = build.lamps if around.people else 0.0
    heat = (
        (build.outer_walls + leaking * HEAT_CAPACITY) * (outdoor.temperature - air.temperature)
        + (build.inner_walls + passing * HEAT_CAPACITY) * (neighbour.temperature - air.temperature)
        + around.people * PERSON_HEAT
        + lamps
        + plant.heat
        - to_contents
    )
    into_contents = build.water_coupling * (air.humidity - room.contents_humidity)
    water = (
        leaking * (outdoor.water - air.water)
        + passing * (neighbour.water - air.water)
        + around.people * PERSON_WATER
        + plant.water
        - into_contents
    )
    return replace(
        room,
        air=Air(
            air.temperature + heat * seconds / (build.air_mass * HEAT_CAPACITY),
            max(1e-5, air.water + water * seconds / build.air_mass),
        ),
        contents_temperature=room.contents_temperature
        + to_contents * seconds / build.contents_heat,
        contents_humidity=room.contents_humidity + into_contents * seconds / build.contents_water,
    )
