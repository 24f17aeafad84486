"""What edges say of their journals, and words and layouts that newer edges bring."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.codec import ContractError
from contracts.instants import SECOND
from contracts.layouts import Column, Layout
from gateway.devices.layouts import MOST_LAYOUTS, Layouts
from gateway.devices.qualities import MOST_QUALITIES, Qualities
from tests.unit.gateway.gateway_story import PROBE, Building


@pytest.fixture(name="building")
def _house(tmp_path: Path) -> Iterator[Building]:
    building = Building(tmp_path)
    yield building
    building.writer.close()


def alarms(building: Building) -> list[tuple[Any, ...]]:
    building.clock.at += SECOND
    building.tick()
    return building.sql("SELECT code, state FROM alarm WHERE kind = 'journal' ORDER BY id")


def test_a_sick_journal_rings_until_its_edge_says_that_it_is_well(building: Building) -> None:
    building.presence(online=True)
    assert alarms(building) == []
    building.presence(online=True, journal="full", disk=1.0, reason="no space left")
    assert alarms(building) == [("full", "unacknowledged")]
    building.presence(online=True, journal="failing", reason="I/O error")
    assert alarms(building) == [
        ("full", "returned-unacknowledged"),
        ("failing", "unacknowledged"),
    ]
    building.presence(online=False)
    building.restart()
    assert alarms(building)[-1] == ("failing", "unacknowledged")
    building.presence(online=True)
    assert alarms(building)[-1] == ("failing", "returned-unacknowledged")


def test_a_word_that_nobody_knows_is_no_good_sign(building: Building) -> None:
    building.presence(online=True, journal="melting")
    assert alarms(building) == [("failing", "unacknowledged")]


def test_a_will_takes_nothing_back_that_the_edge_said(building: Building) -> None:
    building.presence(online=True, session="one", fill=0.4, journal="full")
    seen = building.writer.ingest().watchdog.edges["stacks"]
    before = seen.presence
    building.writer.take([building.will("stacks")])
    after = building.writer.ingest().watchdog.edges["stacks"]
    assert not after.online
    assert after.presence == msgspec.structs.replace(before, online=False)


def test_a_device_has_a_bounded_number_of_layouts(building: Building) -> None:
    store = building.writer.ingest().store
    layouts = Layouts(store)
    told = [Layout("b", (Column(f"p{n}"),)) for n in range(2 * MOST_LAYOUTS)]
    with store.transaction():
        for one in told:
            layouts.learn(msgspec.structs.replace(PROBE, layouts=(told[0], one)))
    again = Layouts(store)
    kept = [one for one in told if again.get("probe", one.digest) is not None]
    assert kept == [told[0], *told[-MOST_LAYOUTS + 1 :]]


def test_words_for_qualities_are_remembered_and_bounded(building: Building) -> None:
    store = building.writer.ingest().store
    words = Qualities(store)
    with store.transaction():
        codes = {f"w{n}": words.code(f"w{n}") for n in range(MOST_QUALITIES - 3)}
        with pytest.raises(ContractError):
            words.code("one more")
    again = Qualities(store)
    assert {word: again.code(word) for word in codes} == codes
    assert [again.word(code) for code in (0, 1, 2)] == ["good", "implausible", "unavailable"]
    assert again.word(codes["w5"]) == "w5"
