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
from tests.unit.gateway.gateway_story import PROBE, House


@pytest.fixture(name="house")
def _house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.writer.close()


def alarms(house: House) -> list[tuple[Any, ...]]:
    house.clock.at += SECOND
    house.tick()
    return house.sql("SELECT code, state FROM alarm WHERE kind = 'journal' ORDER BY id")


def test_a_sick_journal_rings_until_its_edge_says_that_it_is_well(house: House) -> None:
    house.presence(online=True)
    assert alarms(house) == []
    house.presence(online=True, journal="full", disk=1.0, reason="no space left")
    assert alarms(house) == [("full", "unacknowledged")]
    house.presence(online=True, journal="failing", reason="I/O error")
    assert alarms(house) == [
        ("full", "returned-unacknowledged"),
        ("failing", "unacknowledged"),
    ]
    house.presence(online=False)
    house.restart()
    assert alarms(house)[-1] == ("failing", "unacknowledged")
    house.presence(online=True)
    assert alarms(house)[-1] == ("failing", "returned-unacknowledged")


def test_a_word_that_nobody_knows_is_no_good_sign(house: House) -> None:
    house.presence(online=True, journal="melting")
    assert alarms(house) == [("failing", "unacknowledged")]


def test_a_will_takes_nothing_back_that_the_edge_said(house: House) -> None:
    house.presence(online=True, session="one", fill=0.4, journal="full")
    seen = house.writer.ingest().watchdog.edges["stacks"]
    before = seen.presence
    house.writer.take([house.will("stacks")])
    after = house.writer.ingest().watchdog.edges["stacks"]
    assert not after.online
    assert after.presence == msgspec.structs.replace(before, online=False)


def test_a_device_has_a_bounded_number_of_layouts(house: House) -> None:
    store = house.writer.ingest().store
    layouts = Layouts(store)
    told = [Layout("b", (Column(f"p{n}"),)) for n in range(2 * MOST_LAYOUTS)]
    with store.transaction():
        for one in told:
            layouts.learn(msgspec.structs.replace(PROBE, layouts=(told[0], one)))
    again = Layouts(store)
    kept = [one for one in told if again.get("probe", one.digest) is not None]
    assert kept == [told[0], *told[-MOST_LAYOUTS + 1 :]]


def test_words_for_qualities_are_remembered_and_bounded(house: House) -> None:
    store = house.writer.ingest().store
    words = Qualities(store)
    with store.transaction():
        codes = {f"w{n}": words.code(f"w{n}") for n in range(MOST_QUALITIES - 3)}
        with pytest.raises(ContractError):
            words.code("one more")
    again = Qualities(store)
    assert {word: again.code(word) for word in codes} == codes
    assert [again.word(code) for code in (0, 1, 2)] == ["good", "implausible", "unavailable"]
    assert again.word(codes["w5"]) == "w5"
