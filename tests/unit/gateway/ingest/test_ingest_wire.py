"""The wire of today: samples, lives, survivors, notices; and nobody speaks for another."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from contracts.instants import SECOND
from contracts.layouts import Column, Layout, sample
from contracts.messages import MOST_RANGES
from contracts.records import (
    ClockStepped,
    DeviceChanged,
    EdgeStarted,
    PartFell,
    Reading,
    RecordsGivenUp,
    Sample,
    StreamClosed,
    VolatileEnded,
)
from contracts.topics import IMPORTER
from gateway.ingest import ledger_rows
from gateway.ingest import readers as ingest_readers
from gateway.ingest.readings import Readings
from tests.unit.gateway.gateway_story import PROBE, T0, Building, ack_of, reading
from tests.unit.gateway.ingest.test_sequence_ledger import Plain, check, play, steps

MAIN = Layout("2s", (Column("temperature", 1), Column("humidity", 1)))
TODAY = msgspec.structs.replace(PROBE, layouts=(MAIN,))


@pytest.fixture(name="building")
def _house(tmp_path: Path) -> Iterator[Building]:
    building = Building(tmp_path)
    building.cards()
    yield building
    building.writer.close()


def block(second: float, temperature: float, humidity: Any = 50.0) -> Sample:
    values = {"temperature": temperature, "humidity": humidity}
    return sample("probe", MAIN, MAIN.digest, T0 + round(second * SECOND), values)


def stored(building: Building) -> list[tuple[Any, ...]]:
    return building.sql(
        "SELECT seq, name, value, word FROM reading JOIN quality ON quality = code"
        " JOIN (SELECT id, substr(path, 7) AS name FROM point) ON id = point ORDER BY seq, name"
    )


def test_a_sample_is_a_reading_of_each_of_its_points(building: Building) -> None:
    building.cards(TODAY)
    outcome = building.told(block(0, 19.2, 55.0), block(2, 19.3, (131.0, "implausible")), first=1)
    assert ack_of(outcome).committed == ((1, 2),)
    assert stored(building) == [
        (1, "humidity", 55.0, "good"),
        (1, "temperature", 19.2, "good"),
        (2, "humidity", 131.0, "implausible"),
        (2, "temperature", 19.3, "good"),
    ]
    assert building.writer.ingest().registry.points["probe/temperature"].value == 19.3


def test_a_sample_waits_for_its_layout_and_its_neighbours_do_not(building: Building) -> None:
    outcome = building.told(reading(0, 20.0), block(2, 19.2), reading(4, 20.0), first=1)
    assert ack_of(outcome).committed == ((1, 1), (3, 3))
    assert building.tally("layout-awaited") == 1
    building.cards(TODAY)
    building.restart()
    again = building.told(reading(0, 20.0), block(2, 19.2), reading(4, 20.0), first=1, k=2)
    assert ack_of(again).committed == ((1, 3),)
    assert building.tally("duplicate") == 2
    assert [row[0] for row in stored(building)] == [1, 2, 2, 3]


def test_a_layout_stays_when_a_newer_card_names_it_no_more(building: Building) -> None:
    building.cards(TODAY)
    newer = Layout("2s", (Column("temperature", 2),))
    building.cards(msgspec.structs.replace(PROBE, layouts=(newer,)))
    assert ack_of(building.told(block(0, 19.2), first=1)).committed == ((1, 1),)


def test_a_sample_that_does_not_fit_its_layout_is_kept_as_it_came(building: Building) -> None:
    building.cards(TODAY)
    odd = Sample("probe", "2s", MAIN.digest, T0, (192,))
    assert ack_of(building.told(odd, first=1)).committed == ((1, 1),)
    ((reason,),) = building.sql("SELECT reason FROM unreadable")
    assert "with 1 values" in reason


def test_an_unknown_quality_is_stored_and_judged_as_good_by_nobody(building: Building) -> None:
    hot = [Reading("probe/temperature", T0 + n * SECOND, 35.0, "uncertain") for n in range(120)]
    building.clock.at = T0 + 120 * SECOND
    building.told(*hot, first=1)
    building.tick()
    assert {word for _, _, _, word in stored(building)} == {"uncertain"}
    assert building.sql("SELECT count(*) FROM alarm WHERE kind IN ('limit', 'retrospective')") == [
        (0,)
    ]
    building.restart()
    assert building.writer.ingest().registry.points["probe/temperature"].quality == "uncertain"


def test_what_another_edge_says_of_a_device_is_kept_aside(building: Building) -> None:
    building.cards(TODAY)
    outcome = building.told(
        block(0, 20.0),
        reading(0, 20.0),
        DeviceChanged("probe", T0, available=False),
        EdgeStarted(T0, "stacks", "9"),
        PartFell("stacks", T0, "bus", stands=False),
        ClockStepped("west", T0, 5, "c"),
        first=1,
        edge="west",
        stream="w",
    )
    assert ack_of(outcome).committed == ((1, 6),)
    assert building.sql("SELECT count(*) FROM reading") == [(0,)]
    assert building.sql("SELECT seq FROM unreadable ORDER BY seq") == [(1,), (2,), (3,), (4,), (5,)]
    assert building.sql("SELECT kind, subject FROM event") == [("clock-stepped", "west")]
    assert building.tally("foreign") >= 5
    ((reason,),) = building.sql("SELECT reason FROM unreadable WHERE seq = 2")
    assert reason == "probe is a device of edge stacks, not of west"


def test_an_import_may_tell_of_the_past_of_any_device(building: Building) -> None:
    building.told(reading(-9000, 20.0), first=1, edge=IMPORTER, stream="import-1", life="")
    assert building.sql("SELECT count(*) FROM reading") == [(1,)]


def test_a_journal_belongs_to_one_edge(building: Building) -> None:
    building.told(reading(0, 20.0), first=1)
    stolen = building.told(*[reading(n, 1.0, "ghost/p") for n in range(9)], first=2, edge="west")
    assert (ack_of(stolen).committed, ack_of(stolen).refused) == ((), 1)
    assert building.tally("foreign-stream") == 1
    own = building.told(*[reading(n, 21.0) for n in range(1, 9)], first=2)
    assert ack_of(own).committed == ((1, 9),)
    assert building.tally("duplicate") == 0
    assert building.sql("SELECT count(*) FROM reading") == [(9,)]


def test_an_ack_says_which_batch_it_answers_and_when(building: Building) -> None:
    building.clock.at = T0 + 7
    ack = ack_of(building.told(reading(0, 20.0), first=5, since=4, life="b", session="c", k=17))
    assert (ack.life, ack.session, ack.k, ack.refused, ack.sent) == ("b", "c", 17, 0, T0 + 7)
    assert ack.committed == ((5, 5),)
    older = ack_of(building.told(*[reading(n, 20.0) for n in range(3)], first=2, session="c", k=18))
    assert (older.committed, older.refused) == (((2, 3),), 4)
    assert building.tally("refused-life") == 1


@pytest.mark.parametrize(
    "lie", [{"since": 0}, {"since": 9}, {"origins": (("../etc", "a"),)}, {"stream": "a b"}]
)
def test_an_envelope_that_makes_no_sense_is_refused(
    building: Building, lie: dict[str, Any]
) -> None:
    assert building.told(reading(0, 20.0), first=5, **lie).acks == ()
    assert building.tally("refused-journal") == 1


def test_a_survivor_of_thinning_is_stored_once(building: Building) -> None:
    building.told(*[reading(n, 20.0 + n) for n in range(3)], first=1)
    was: dict[str, Any] = {"origins": (("s", "a"),), "was": ((0, 0, 2), (1, 0, 6))}
    survivors = [reading(1, 21.0), reading(5, 25.0)]
    assert ack_of(building.told(*survivors, first=9, **was)).committed == ((1, 3), (6, 6), (9, 10))
    assert building.tally("duplicate") == 1
    building.restart()
    late = building.told(reading(4, 24.0), reading(5, 25.0), reading(6, 26.0), first=5)
    assert ack_of(late).committed == ((1, 3), (5, 7), (9, 10))
    assert building.sql("SELECT value, count(*) FROM reading GROUP BY 1 ORDER BY 1") == [
        (20.0, 1), (21.0, 1), (22.0, 1), (24.0, 1), (25.0, 1), (26.0, 1),
    ]  # fmt: skip


def gaps(building: Building) -> list[tuple[str, int, int, str]]:
    found = ingest_readers.gaps(building.writer.ingest().store.connection)
    return sorted((one.stream, one.first, one.last, one.cause) for one in found)


def test_every_hole_says_why(building: Building) -> None:
    building.told(reading(0, 20.0), first=10)
    building.told(
        RecordsGivenUp(T0, "s", "a", 3, 5, T0 - 9, T0 - 5, "budget full"),
        StreamClosed(T0, "old", "z", 40, ((43, 44),), "salvaged"),
        VolatileEnded(T0, "v", "a", 7),
        first=12,
        oldest=9,
    )
    assert gaps(building) == [
        ("old", 1, 42, "closed"), ("old", 43, 44, ""),
        ("s", 1, 2, "settled"), ("s", 3, 5, "given-up"), ("s", 6, 8, "settled"),
        ("s", 9, 9, ""), ("s", 11, 11, ""), ("v", 1, 7, ""),
    ]  # fmt: skip
    assert ingest_readers.totals(building.writer.ingest().store.connection).open_gaps == 4
    building.restart()
    building.presence(online=True, session="b")
    assert [one for one in gaps(building) if one[0] != "s"] == [
        ("old", 1, 42, "closed"), ("old", 43, 44, "presumed"), ("v", 1, 7, "presumed"),
    ]  # fmt: skip
    building.told(reading(1, 20.0), first=43, stream="old", life="z", since=40)
    assert ("old", 44, 44, "") in gaps(building)
    ((reason,),) = building.sql("SELECT reason FROM gap WHERE first = 3")
    assert reason == "budget full"


def test_what_a_lost_journal_had_given_and_nobody_saw_is_a_hole(building: Building) -> None:
    building.told(reading(0, 20.0), first=1, stream="s")
    building.told(
        StreamClosed(T0, "s", "a", 1, (), "it vanished", 9), first=1, stream="t", life="b"
    )
    assert gaps(building) == [("s", 2, 9, "closed")]
    building.restart()
    assert gaps(building) == [("s", 2, 9, "closed")]


def test_falls_and_clock_steps_are_listed(building: Building) -> None:
    building.told(
        PartFell("stacks", T0, "bus", stands=False, reason="bug", count=2),
        ClockStepped("stacks", T0 + 1, -5 * SECOND, "c2"),
        first=1,
    )
    told = ingest_readers.edge_events(building.writer.ingest().store.connection)
    assert [type(one) for one in told] == [ClockStepped, PartFell]


def test_a_batch_writes_few_rows_whatever_holes_there_are(building: Building) -> None:
    building.told(reading(0, 20.0), first=1)
    store = building.writer.ingest().store
    numbers = range(3, 200_003, 2)
    with store.transaction():
        store.many("commit_range", [(1, n, n) for n in numbers])
        store.many("open_gap", [(1, n - 1, n - 1, 1, None, None, "", "") for n in numbers])
    building.restart()
    connection = building.writer.ingest().store.connection
    for first in (100_002, 200_100, 50_001):
        before = connection.total_changes()
        outcome = building.told(*[reading(first + n, 20.0) for n in range(4)], first=first)
        assert connection.total_changes() - before <= 40
        assert len(ack_of(outcome).committed) == MOST_RANGES
        assert len(outcome.acks[0].payload) < 4096


def test_poison_is_set_aside_with_what_it_was(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Readings._judge

    def judge(self: Readings, point: Any, at: int, value: float, *rest: Any) -> None:
        if value == 13.0:
            raise ValueError("thirteen")
        whole(self, point, at, value, *rest)

    monkeypatch.setattr(Readings, "_judge", judge)
    building.cards(TODAY)
    outcome = building.told(
        reading(1, 20.0), block(2, 13.0), reading(3, 21.0), first=7, since=5, life="b",
        session="b", k=3, origins=(("t", "x"),), was=((1, 0, 4), (2, 0, 5)),
    )  # fmt: skip
    ack = ack_of(outcome)
    assert (ack.committed, ack.life, ack.session, ack.k) == (((7, 9),), "b", "b", 3)
    assert building.sql("SELECT seq, reason FROM unreadable") == [(8, "ValueError: thirteen")]
    assert building.sql("SELECT seq FROM reading ORDER BY seq") == [(7,), (9,)]
    again = building.told(block(2, 13.0), first=4, stream="t", life="x", since=4)
    assert ack_of(again).committed == ((4, 5),)
    assert building.tally("unreadable") == 1


@settings(max_examples=60)
@given(steps)
def test_a_ledger_that_is_read_again_is_the_same(story: Sequence[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        building = Building(Path(folder))
        store, plain = building.writer.ingest().store, Plain()
        for what, told in story:
            with store.transaction():
                books = ledger_rows.load(store)
                play(books, plain, what, told)
                ledger_rows.save(store, books)
            check(ledger_rows.load(store), plain)
        building.writer.close()
