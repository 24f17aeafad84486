"""However batches come, doubled, overlapping, out of order, with kills between: each row once."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.ranges import Ranges
from contracts.records import EdgeStarted, Record
from tests.unit.gateway.gateway_story import T0, Building, reading

LAST = 40


def record(number: int) -> Record:
    """Give the record that has this number, always the same."""
    if number % 7 == 0:
        return EdgeStarted(T0 + number, "stacks", str(number))
    return reading(number, number / 2, f"probe/{('temperature', 'humidity')[number % 2]}")


pieces = st.tuples(st.integers(1, LAST), st.integers(1, 12)).map(
    lambda one: (one[0], min(LAST, one[0] + one[1] - 1))
)
moves = st.lists(
    st.one_of(st.lists(pieces, min_size=1, max_size=4), st.just("kill"), st.just("tick")),
    max_size=12,
)


@settings(max_examples=20)
@given(moves)
def test_every_number_is_stored_once_and_every_hole_is_a_row(story: list[object]) -> None:
    with TemporaryDirectory() as folder:
        building = Building(Path(folder))
        sent = Ranges()
        handed = 0
        for move in story:
            if move == "kill":
                building.restart()
            elif move == "tick":
                building.tick()
            elif isinstance(move, list):
                batches = [
                    building.batch([record(n) for n in range(first, last + 1)], first)
                    for first, last in move
                ]
                handed += sum(last - first + 1 for first, last in move)
                building.writer.take(batches)
                sent = sent.union(move)
        _check(building, sent, handed)
        building.writer.take([building.batch([record(n) for n in range(1, LAST + 1)], 1)])
        _check(building, Ranges([(1, LAST)]), handed + LAST)
        building.writer.close()


def _check(building: Building, sent: Ranges, handed: int) -> None:
    numbers = building.sql("SELECT seq FROM reading UNION ALL SELECT seq FROM event ORDER BY seq")
    assert [n for (n,) in numbers] == [n for first, last in sent for n in range(first, last + 1)]
    assert building.sql("SELECT first, last FROM committed ORDER BY first") == [
        tuple(one) for one in sent
    ]
    gaps = building.sql("SELECT first, last FROM gap ORDER BY first")
    assert gaps == [tuple(one) for one in sent.missing(1, sent.last or 0)]
    assert building.tally("duplicate") == handed - sent.size
    for (body,) in building.sql(
        "SELECT version FROM (SELECT body ->> 'version' AS version FROM event)"
    ):
        assert body.isdecimal()
    stored = building.sql("SELECT seq, value FROM reading")
    assert all(value == seq / 2 for seq, value in stored)


@settings(max_examples=12)
@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=3))
def test_crossings_do_not_depend_on_the_order_of_arrival(
    order: list[int], kills: list[int]
) -> None:
    shown = [65_500, 65_510, 65_530, 4, 4, 9, 1, 30]
    with TemporaryDirectory() as folder:
        building = Building(Path(folder))
        building.clock.at = T0 + 2_000_000_000
        for place, n in enumerate(order):
            building.send(reading(60 * n, shown[n], "counter/channel_0"), first=n + 1)
            if place in kills:
                building.restart()
        rows = building.sql("SELECT count, flag FROM crossing ORDER BY until")
        building.writer.close()
    assert rows == [
        (10, ""), (20, ""), (10, "rollover"), (0, ""), (5, ""), (None, "reset"), (29, ""),
    ]  # fmt: skip
