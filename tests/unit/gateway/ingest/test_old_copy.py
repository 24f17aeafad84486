"""A store that was put back is found out by what edges have heard, and by nothing else."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import SECOND, Instant
from gateway.ingest import readers as ingest_readers
from gateway.ingest.readers import OLD_COPY, Gap
from gateway.ingest.stamps import Span, lost_between
from tests.unit.gateway.gateway_story import T0, House, ack_of, reading


@pytest.fixture(name="house")
def _house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.cards()
    yield house
    house.writer.close()


def talk(house: House, first: int, heard: Instant | None) -> Instant:
    """Send a record; give the stamp of the answer."""
    told = None if heard is None else (heard, SECOND)
    return ack_of(house.told(reading(first, 20.0), first=first, heard=told)).sent


def lost(house: House) -> list[Gap]:
    found = ingest_readers.gaps(house.writer.ingest().store.connection)
    return [one for one in found if one.cause == OLD_COPY]


def test_in_ordinary_life_nothing_is_called_lost(house: House) -> None:
    heard = None
    for first in range(1, 9):
        house.clock.at += 30 * SECOND
        heard = talk(house, first, heard)
        if first % 3 == 0:
            house.restart()
    house.clock.at -= 3600 * SECOND
    again = talk(house, 9, heard)
    talk(house, 10, again)
    house.restart()
    talk(house, 11, heard)
    assert lost(house) == []


def test_an_old_copy_is_found_out_whoever_speaks_first(house: House, tmp_path: Path) -> None:
    talk(house, 1, None)
    house.clock.at += 10 * SECOND
    before = talk(house, 2, None)
    house.writer.close()
    saved = tmp_path / "saved"
    copy(house.path, saved)
    house.start()
    house.clock.at += 600 * SECOND
    heard = talk(house, 3, None)
    house.writer.close()
    copy(saved, house.path)
    house.clock.at += 60 * SECOND
    house.start()
    talk(house, 4, None)  # an edge that began anew has heard nobody yet
    house.restart()
    house.clock.at += 5 * SECOND
    talk(house, 5, heard)
    talk(house, 6, heard)
    found = lost(house)
    assert {(one.edge, one.since, one.until) for one in found} == {
        ("stacks", before, T0 + 670 * SECOND)
    }
    assert house.sql("SELECT kind, code, state FROM alarm WHERE kind = 'store'") == [
        ("store", "old-copy", "returned-unacknowledged")
    ]
    house.restart()
    talk(house, 7, heard)
    assert lost(house) == found


instants = st.integers(1, 40)
spans = st.lists(
    st.tuples(instants, instants).map(lambda one: Span(min(one), max(one))), max_size=5
)


@given(spans, instants)
def test_only_a_stamp_of_nobody_proves_a_loss(known: list[Span], heard: Instant) -> None:
    own = any(first <= heard <= last for first, last in known)
    found = lost_between(known, heard, 99)
    assert (found is None) == own
    if found is not None:
        assert found.first < heard < found.last
        assert not any(
            first <= at <= last
            for at in range(found.first + 1, found.last)
            for first, last in known
        )
