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
from tests.unit.gateway.gateway_story import T0, Building, ack_of, reading


@pytest.fixture(name="building")
def _house(tmp_path: Path) -> Iterator[Building]:
    building = Building(tmp_path)
    building.cards()
    yield building
    building.writer.close()


def talk(building: Building, first: int, heard: Instant | None) -> Instant:
    """Send a record; give the stamp of the answer."""
    told = None if heard is None else (heard, SECOND)
    return ack_of(building.told(reading(first, 20.0), first=first, heard=told)).sent


def lost(building: Building) -> list[Gap]:
    found = ingest_readers.gaps(building.writer.ingest().store.connection)
    return [one for one in found if one.cause == OLD_COPY]


def test_in_ordinary_life_nothing_is_called_lost(building: Building) -> None:
    heard = None
    for first in range(1, 9):
        building.clock.at += 30 * SECOND
        heard = talk(building, first, heard)
        if first % 3 == 0:
            building.restart()
    building.clock.at -= 3600 * SECOND
    again = talk(building, 9, heard)
    talk(building, 10, again)
    building.restart()
    talk(building, 11, heard)
    assert lost(building) == []


def test_an_old_copy_is_found_out_whoever_speaks_first(building: Building, tmp_path: Path) -> None:
    talk(building, 1, None)
    building.clock.at += 10 * SECOND
    before = talk(building, 2, None)
    building.writer.close()
    saved = tmp_path / "saved"
    copy(building.path, saved)
    building.start()
    building.clock.at += 600 * SECOND
    heard = talk(building, 3, None)
    building.writer.close()
    copy(saved, building.path)
    building.clock.at += 60 * SECOND
    building.start()
    talk(building, 4, None)  # an edge that began anew has heard nobody yet
    building.restart()
    building.clock.at += 5 * SECOND
    talk(building, 5, heard)
    talk(building, 6, heard)
    found = lost(building)
    assert {(one.edge, one.since, one.until) for one in found} == {
        ("stacks", before, T0 + 670 * SECOND)
    }
    assert building.sql("SELECT kind, code, state FROM alarm WHERE kind = 'store'") == [
        ("store", "old-copy", "returned-unacknowledged")
    ]
    building.restart()
    talk(building, 7, heard)
    assert lost(building) == found


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
