"""The building itself: weather, rooms, their plant, and the people. No clock: time is handed in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from config.site import Site, Space, SpaceKind
from simulators.building import air_conditioner, vault
from simulators.building.air import Air, air
from simulators.building.vault import Build, Plant, Room, Surroundings
from simulators.building.visitors import People
from simulators.building.weather import outdoor

SUBSTEP = 15.0
"""World seconds in which plant and room take turns."""
STAFF_ROUNDS = 3.0
"""Visits of staff to each vault in a working day of eight hours."""

_BUILDS = {
    SpaceKind.VAULT: Build(),
    SpaceKind.STORE: Build(air_mass=960.0, contents_water=6.0, outer_walls=80.0),
    SpaceKind.READING: Build(
        air_mass=7200.0,
        contents_heat=60e6,
        contents_coupling=8000.0,
        contents_water=8.0,
        water_coupling=0.5 / 3600,
        outer_walls=1200.0,
        inner_walls=0.0,
        leakage=0.4,
        lamps=0.0,
    ),
    SpaceKind.LOBBY: Build(
        air_mass=2400.0, outer_walls=700.0, inner_walls=0.0, leakage=1.5, contents_water=1.0
    ),
}
_COMFORT = air_conditioner.Rating(
    coil=9.0, air_flow=5.0, heater=60_000.0, humidifier=8.0 / 3600, humidity_band=8.0
)
_UNSEEN = air_conditioner.Rating()
"""The plant of a vault for which the site names no air conditioner."""


class AirConditioner(Protocol):
    """A unit that the site names, with a control of its own."""

    def run(self, seconds: float) -> Plant:
        """Work for some seconds; give what that does to the room."""
        ...


@dataclass(slots=True)
class _Indoor:
    """One room, with what acts on it."""

    space: Space
    build: Build
    room: Room
    rating: air_conditioner.Rating
    wanted: air_conditioner.Setpoints
    own: air_conditioner.Conditioner | None
    """Plant that no device speaks for; None where the site's air conditioners serve the room."""
    units: list[AirConditioner]
    staff_until: float = 0.0
    door_until: float = 0.0


class World:
    """Everything that a device can measure or influence."""

    def __init__(self, site: Site, starts: datetime, seed: int, people: People) -> None:
        self.local = starts
        self.people = people
        self._seed = seed
        self._random = Random(f"{seed}/world")  # noqa: S311 - a simulation, not secrets
        self._elapsed = 0.0
        self.outdoor = outdoor(seed, starts)
        self._rooms: dict[str, _Indoor] = {}
        for space in site.spaces:
            if space.kind is not SpaceKind.PLANT:
                self._rooms[space.id] = _indoor(space)

    def air(self, space: str | None) -> Callable[[], Air]:
        """Give the way to ask for the air of a space.

        The plant room is where outdoor air comes in; so is everything that stands nowhere.
        """
        indoor = self._rooms.get(space or "")
        if indoor is None:
            return lambda: self.outdoor
        return lambda: indoor.room.air

    def install(self, space: str | None, unit: AirConditioner) -> None:
        """Let an air conditioner serve a space; elsewhere it serves nobody."""
        indoor = self._rooms.get(space or "")
        if indoor is not None:
            indoor.units.append(unit)
            indoor.own = None

    def step(self, seconds: float) -> None:
        """Let some seconds of the world pass for weather, rooms and plant."""
        while seconds > 0:
            span = min(seconds, SUBSTEP)
            self._elapsed += span
            self.local += timedelta(seconds=span)
            self.outdoor = outdoor(self._seed, self.local)
            neighbour = self._neighbour()
            for indoor in self._rooms.values():
                self._step(indoor, neighbour, span)
            seconds -= span

    def _neighbour(self) -> Air:
        """Give the air of the building around the vaults: the reading hall's, if there is one."""
        for indoor in self._rooms.values():
            if indoor.space.kind is SpaceKind.READING:
                return indoor.room.air
        return air(22.0, 50.0)

    def _step(self, indoor: _Indoor, neighbour: Air, seconds: float) -> None:
        returned = indoor.room.air
        plants = [unit.run(seconds) for unit in indoor.units]
        if indoor.own is not None:
            indoor.own, plant = air_conditioner.step(
                indoor.rating, indoor.own, indoor.wanted, returned, seconds
            )
            plants.append(plant)
        plant = Plant(sum(one.heat for one in plants), sum(one.water for one in plants))
        around = Surroundings(
            self.outdoor, neighbour, self._occupants(indoor, seconds), self._door_open(indoor)
        )
        indoor.room = vault.step(indoor.build, indoor.room, around, plant, seconds)

    def _occupants(self, indoor: _Indoor, seconds: float) -> float:
        if indoor.space.kind is SpaceKind.READING:
            return 0.9 * self.people.inside
        if indoor.space.kind is SpaceKind.LOBBY:
            return 0.1 * self.people.inside
        working = self.local.weekday() < 5 and 9 <= self.local.hour < 17
        if working and self._elapsed > indoor.staff_until:
            chance = STAFF_ROUNDS * seconds / (8 * 3600)
            if self._random.random() < chance:
                indoor.staff_until = self._elapsed + self._random.uniform(300, 1500)
                indoor.door_until = self._elapsed + self._random.uniform(30, 180)
        return 1.0 if self._elapsed < indoor.staff_until else 0.0

    def _door_open(self, indoor: _Indoor) -> bool:
        return self._elapsed < indoor.door_until


def _indoor(space: Space) -> _Indoor:
    kept = space.kind in (SpaceKind.VAULT, SpaceKind.STORE)
    limits = {limit.quantity.value: limit for limit in space.limits}
    humid = limits.get("relative_humidity")
    middle = 52.0
    if humid is not None and humid.low is not None and humid.high is not None:
        middle = (humid.low + humid.high) / 2
    wanted = (
        air_conditioner.Setpoints(19.0, middle) if kept else air_conditioner.Setpoints(22.5, 50.0)
    )
    return _Indoor(
        space,
        _BUILDS[space.kind],
        vault.still(air(wanted.temperature, wanted.humidity)),
        _UNSEEN if kept else _COMFORT,
        wanted,
        air_conditioner.Conditioner(supply=wanted.temperature),
        [],
    )
