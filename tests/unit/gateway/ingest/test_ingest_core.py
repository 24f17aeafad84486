"""Ingest: every number once, every hole a row, and nothing that one batch does hurts another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.codec import acks
from contracts.instants import SECOND
from contracts.records import EdgeStarted, JournalThinned
from contracts.topics import Address
from gateway.ingest.pipeline import Outcome
from gateway.ingest.validation import Arrived
from tests.unit.gateway.gateway_story import Building, reading


@pytest.fixture
def building(tmp_path: Path) -> Iterator[Building]:
    building = Building(tmp_path)
    building.cards()
    yield building
    building.writer.close()


def committed(outcome: Outcome) -> list[tuple[int, int]]:
    (_, edge, payload) = outcome.acks[0]
    assert edge == "stacks"
    return list(acks.decode(payload).committed)


def test_a_batch_is_stored_and_acknowledged_with_all_ranges(building: Building) -> None:
    outcome = building.send(*[reading(n, 20.0) for n in range(3)])
    assert committed(outcome) == [(1, 3)]
    assert committed(building.send(reading(9, 20.0), first=10)) == [(1, 3), (10, 10)]
    assert building.sql("SELECT seq, value FROM reading ORDER BY seq") == [
        (1, 20.0), (2, 20.0), (3, 20.0), (10, 20.0),
    ]  # fmt: skip


def test_a_second_copy_is_acknowledged_and_counted_but_not_stored(building: Building) -> None:
    records = [reading(n, 20.0) for n in range(4)]
    building.send(*records, first=1)
    again = building.send(*records, reading(4, 21.0), first=1)
    assert committed(again) == [(1, 5)]
    assert building.tally("duplicate") == 4
    assert building.sql("SELECT count(*) FROM reading") == [(5,)]


def test_an_unreadable_record_is_set_aside_with_its_number(building: Building) -> None:
    payload = (
        b'{"stream":"s","first":1,"records":['
        b'{"kind":"reading","point":"probe/temperature","at":1760000000000000,"value":20},'
        b'{"kind":"reading","point":"probe/temperature","at":"noon","value":20},'
        b'{"kind":"novelty","at":1760000000000000},'
        b'{"kind":"reading","point":"probe/temperature","at":1760000002000000,"value":21}]}'
    )
    address = Address("small", "stacks", "journal")
    outcome = building.writer.take([Arrived(address, payload, building.clock.at)]).outcome
    assert committed(outcome) == [(1, 4)]
    assert building.sql("SELECT seq FROM reading ORDER BY seq") == [(1,), (4,)]
    assert building.sql("SELECT seq FROM unreadable ORDER BY seq") == [(2,)]
    assert building.tally("unreadable") == 1
    assert building.sql("SELECT seq, kind, body FROM event") == [
        (3, "novelty", b'{"kind":"novelty","at":1760000000000000}')
    ]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b'{"stream":"s","first":0,"records":[]}',
        b'{"stream":"s","first":-5,"records":[]}',
        b'{"stream":"../etc","first":1,"records":[]}',
        b'{"stream":"s","first":99999999999999999999,"records":[]}',
        b'{"stream":"\xff","first":1,"records":[]}',
        b"[" * 100_000,
    ],
)
def test_a_batch_that_makes_no_sense_is_counted_and_loses_nothing_else(
    building: Building, payload: bytes
) -> None:
    bad = Arrived(Address("small", "stacks", "journal"), payload, building.clock.at)
    good = building.batch([reading(0, 20.0)])
    outcome = building.writer.take([bad, good, bad]).outcome
    assert committed(outcome) == [(1, 1)]
    assert building.tally("refused-journal") == 2


def test_strange_values_are_stored_or_set_aside_one_by_one(building: Building) -> None:
    building.send(
        reading(0, 1e308),
        reading(0, 20.0, "nonsense"),
        reading(0, 20.0, "probe/Temperature"),
        reading(-2e9, 20.0),
        reading(1, 20.0, "stranger/co2"),
    )
    assert building.sql("SELECT seq FROM unreadable ORDER BY seq") == [(2,), (3,), (4,)]
    assert building.sql("SELECT path, quantity FROM point WHERE device = 'stranger'") == [
        ("stranger/co2", "")
    ]


def test_an_instant_beyond_all_bounds_is_set_aside(building: Building) -> None:
    payload = (
        b'{"stream":"s","first":1,"records":[{"kind":"reading","point":"probe/temperature",'
        b'"at":18446744073709551615,"value":20},{"kind":"started","at":18446744073709551615,'
        b'"edge":"stacks","version":"1"}]}'
    )
    address = Address("small", "stacks", "journal")
    outcome = building.writer.take([Arrived(address, payload, building.clock.at)]).outcome
    assert committed(outcome) == [(1, 2)]
    assert building.sql("SELECT count(*) FROM unreadable") == [(2,)]


def test_a_hole_is_a_row_until_it_is_filled(building: Building) -> None:
    building.send(reading(0, 20.0), reading(2, 20.0), first=1)
    building.clock.at += 20 * SECOND
    building.send(reading(20, 20.0), first=11)
    (gap,) = building.sql("SELECT first, last, since, until, cause FROM gap")
    assert gap == (3, 10, building.clock.at - 18 * SECOND, building.clock.at, "")
    building.send(reading(8, 20.0), reading(10, 20.0), first=5)
    assert building.sql("SELECT first, last FROM gap ORDER BY first") == [(3, 4), (7, 10)]
    assert building.tally("gap-filled") == 2
    building.send(reading(4, 20.0), reading(6, 20.0), first=3)
    building.send(*[reading(10 + n, 20.0) for n in range(4)], first=7)
    assert building.sql("SELECT * FROM gap") == []
    assert building.tally("gap-filled") == 8


def test_what_a_journal_gave_up_is_a_declared_gap(building: Building) -> None:
    building.send(reading(0, 20.0), first=1)
    thinned = JournalThinned(building.clock.at, ((3, 5),), 111, 222, "full")
    building.send(thinned, first=8)
    expected = [(2, 2, ""), (3, 5, "thinned"), (6, 7, "")]
    assert building.sql("SELECT first, last, cause FROM gap ORDER BY first") == expected
    assert building.sql("SELECT since, until FROM gap WHERE first = 3") == [(111, 222)]
    building.restart()
    building.send(reading(1, 20.0), first=2)
    assert building.sql("SELECT first, last, cause FROM gap ORDER BY first") == expected[1:]


def test_a_card_that_comes_later_says_what_a_point_is(tmp_path: Path) -> None:
    building = Building(tmp_path)
    building.send(reading(0, 20.0))
    assert building.sql("SELECT quantity FROM point WHERE path = 'probe/temperature'") == [("",)]
    building.cards()
    assert building.sql(
        "SELECT quantity, unit, space, period FROM point WHERE path LIKE '%/t%'"
    ) == [("air_temperature", "°C", "vault", 2 * SECOND)]
    building.writer.close()


def test_devices_of_the_site_are_there_before_they_speak(tmp_path: Path) -> None:
    building = Building(tmp_path)
    assert building.sql("SELECT id, available, cause FROM device ORDER BY id") == [
        ("counter", 0, "unheard"),
        ("probe", 0, "unheard"),
    ]
    building.send(reading(0, 20.0))
    assert building.sql("SELECT available, cause FROM device WHERE id = 'probe'") == [(1, "")]
    building.writer.close()


def test_events_are_kept_whole(building: Building) -> None:
    building.send(EdgeStarted(building.clock.at, "stacks", "0.1"))
    ((kind, subject, body),) = building.sql("SELECT kind, subject, body FROM event")
    assert (kind, subject) == ("started", "stacks")
    assert json.loads(body)["version"] == "0.1"
