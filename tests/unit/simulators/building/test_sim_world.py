"""The example library's building over days: seasons outside, people inside, plant at work."""

from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest

from config.loader import load_site
from config.site import Site
from simulators.building.visitors import People
from simulators.building.world import World
from simulators.errors import SimulatorError
from simulators.modbus.devices.liebert_pac import Liebert
from simulators.modbus.site_devices import lanes
from tests.conftest import ROOT

EXAMPLE = ROOT / "config" / "sites" / "zhijiang" / "site.yaml"
ZONE = ZoneInfo("Asia/Shanghai")


def building(month: int, seed: int = 1) -> tuple[Site, World]:
    site = load_site(EXAMPLE, {}).site
    people = People(*lanes(site), Random(seed))
    world = World(site, datetime(2026, month, 12, 10, tzinfo=ZONE), seed, people)
    for space in ("vault-1", "vault-2", "woodblocks"):
        world.install(space, Liebert(world.air(space)))
    return site, world


@pytest.mark.parametrize("month", [1, 7])
def test_rooms_stay_as_people_and_books_need_them(month: int) -> None:
    site, world = building(month)
    bands = {
        "vault-1": (16, 22, 45, 60),
        "vault-2": (16, 22, 45, 60),
        "woodblocks": (14, 24, 45, 60),
    }
    airs = {space.id: world.air(space.id) for space in site.spaces}
    outside = list[float]()
    for _ in range(36 * 12):
        world.step(300)
        world.people.step(world.local, 300, 300)
        outside.append(world.outdoor.temperature)
        for space, (cold, hot, dry, damp) in bands.items():
            air = airs[space]()
            assert cold < air.temperature < hot, (space, world.local)
            assert dry < air.humidity < damp, (space, world.local)
        assert 16 < airs["reading-hall"]().temperature < 28, world.local
        assert airs["plant-room"]() == world.outdoor, "the plant room breathes outdoor air"
    assert max(outside) - min(outside) > 4
    assert world.local.isoformat() == f"2026-{month:02}-13T22:00:00+08:00"


def test_two_vaults_differ_when_one_unit_stands_still() -> None:
    _, world = building(7)
    for unit in world._rooms["vault-1"].units:
        assert isinstance(unit, Liebert)
        unit.tripped = lambda: True
    world.step(24 * 3600)
    one, two = world.air("vault-1")(), world.air("vault-2")()
    assert one.temperature > two.temperature + 0.5


def test_people_warm_the_hall() -> None:
    _, empty = building(4)
    _, full = building(4)
    full.people.inside = 150
    # One hour in which the hall's own plant has not yet caught up.
    for world in (empty, full):
        world._rooms["reading-hall"].own = None
        world.step(3600)
    assert full.air("reading-hall")().temperature > empty.air("reading-hall")().temperature + 0.3
    assert full.air("reading-hall")().water > empty.air("reading-hall")().water


def test_a_vault_without_a_device_for_its_plant_is_kept_all_the_same() -> None:
    site = load_site(EXAMPLE, {}).site
    people = People([], [], Random(1))
    world = World(site, datetime(2026, 7, 12, 10, tzinfo=ZONE), 1, people)
    world.step(48 * 3600)
    assert 18 < world.air("vault-1")().temperature < 20


def test_a_gate_needs_a_channel_that_its_counter_has() -> None:
    site = load_site(EXAMPLE, {}).site
    gate = site.gates[0].model_copy(update={"entries": "counter-gates/channel_14"})
    with pytest.raises(SimulatorError, match=r"gate-south: counter-gates has channels 0 to 13"):
        lanes(site.model_copy(update={"gates": (gate,)}))


def test_long_steps_and_short_ones_tell_the_same_story() -> None:
    one, two = building(1)[1], building(1)[1]
    one.step(7200)
    for _ in range(480):
        two.step(15)
    assert one.air("vault-1")() == two.air("vault-1")()
