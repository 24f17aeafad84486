"""The planner covers every point with the fewest reads its device allows."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.registers import LARGEST_BLOCK, RegisterMap, RegisterPoint, Table
from drivers.protocols.modbus.plan import Block, plan
from drivers.protocols.modbus.schedule import Schedule


def registers(*places: tuple[str, int, str], **limits: Any) -> RegisterMap:
    return RegisterMap.model_validate(
        {
            "points": [
                {
                    "name": f"p{i}",
                    "quantity": "status",
                    "table": table,
                    "register": register,
                    "type": kind,
                }
                for i, (table, register, kind) in enumerate(places)
            ],
            **limits,
        }
    )


def spans(blocks: Iterable[Block]) -> list[tuple[str, int, int]]:
    return [(block.table.value, block.first, block.size) for block in blocks]


def test_neighbours_come_in_one_read_and_strangers_apart() -> None:
    known = registers(
        ("input", 1, "int16"),
        ("input", 2, "uint16"),
        ("input", 4, "uint16"),
        ("holding", 3, "uint16"),
    )
    assert spans(plan(known.points, known)) == [
        ("input", 1, 2),
        ("input", 4, 1),
        ("holding", 3, 1),
    ]


def test_a_hole_is_crossed_only_as_far_as_declared() -> None:
    places = [("input", 0, "uint16"), ("input", 3, "uint16")]
    assert len(plan((known := registers(*places, hole=1)).points, known)) == 2
    assert spans(plan((known := registers(*places, hole=2)).points, known)) == [("input", 0, 4)]


def test_points_that_are_not_due_may_be_crossed_and_refused_ones_never() -> None:
    known = registers(*(("input", i, "uint16") for i in range(3)), hole=5)
    ends = (known.points[0], known.points[2])
    assert spans(plan(ends, known)) == [("input", 0, 3)]
    assert spans(plan(ends, known, refused={"p1"})) == [("input", 0, 1), ("input", 2, 1)]


def test_a_value_of_two_words_is_never_torn() -> None:
    known = registers(*(("holding", 2 * i, "float32") for i in range(5)), largest_block=5)
    assert spans(plan(known.points, known)) == [
        ("holding", 0, 4),
        ("holding", 4, 4),
        ("holding", 8, 2),
    ]


def test_a_device_of_many_points_needs_few_requests() -> None:
    known = registers(*(("holding", 2 * i, "float32") for i in range(120)))
    assert len(plan(known.points, known)) == 2


KINDS = {"input": ["uint16", "float32"], "holding": ["int16", "uint32"], "coil": ["bit"]}
PLACES = st.sampled_from(sorted(KINDS)).flatmap(
    lambda table: st.tuples(st.just(table), st.integers(0, 40), st.sampled_from(KINDS[table]))
)
MAPS = st.builds(
    lambda places, largest, hole: registers(*places, largest_block=largest, hole=hole),
    st.lists(PLACES, min_size=1, max_size=14),
    st.integers(2, 20),
    st.integers(0, 6),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[RegisterMap, list[RegisterPoint], set[str]]:
    known = draw(MAPS)
    names = [point.name for point in known.points]
    refused = draw(st.sets(st.sampled_from(names), max_size=3))
    wanted = draw(st.lists(st.sampled_from(known.points), unique_by=lambda point: point.name))
    return known, [point for point in wanted if point.name not in refused], refused


@given(cases())
def test_every_point_once_whole_within_the_limits_and_over_known_ground(
    case: tuple[RegisterMap, list[RegisterPoint], set[str]],
) -> None:
    known, wanted, refused = case
    blocks = plan(wanted, known, refused)
    covered = [point.name for block in blocks for point in block.points]
    assert sorted(covered) == sorted(point.name for point in wanted)
    for block in blocks:
        last = block.first + block.size - 1
        assert block.size <= min(known.largest_block, LARGEST_BLOCK[block.table])
        assert all(point.table is block.table for point in block.points)
        assert all(block.first <= p.register_ and p.last <= last for p in block.points)
        assert {block.first, last} <= occupied(block.points, block.table)
        declared = occupied((p for p in known.points if p.name not in refused), block.table)
        closed = occupied((p for p in known.points if p.name in refused), block.table) - declared
        run = 0
        for register in range(block.first, last + 1):
            assert register not in closed
            run = 0 if register in declared else run + 1
            assert run <= known.hole


@given(cases())
def test_no_two_blocks_could_have_been_one(
    case: tuple[RegisterMap, list[RegisterPoint], set[str]],
) -> None:
    """Minimal against every way of joining: any two blocks together break a rule."""
    known, wanted, refused = case
    blocks = plan(wanted, known, refused)
    assert len(blocks) <= len({(p.table, p.register_, p.words) for p in wanted} or wanted)
    for one, other in combinations(blocks, 2):
        if one.table is other.table:
            joined = plan((*one.points, *other.points), known, refused)
            assert len(joined) == 2


def occupied(points: Iterable[RegisterPoint], table: Table) -> set[int]:
    return {
        register
        for point in points
        if point.table is table
        for register in range(point.register_, point.last + 1)
    }


def scheduled(*periods: str | None) -> Schedule:
    known = RegisterMap.model_validate(
        {
            "points": [
                {
                    "name": f"p{i}",
                    "quantity": "status",
                    "table": "input",
                    "register": i,
                    "period": period,
                }
                for i, period in enumerate(periods)
            ]
        }
    )
    return Schedule(known.points, timedelta(seconds=2))


def due(schedule: Schedule, second: float) -> str:
    return " ".join(point.name for point in schedule.due(second))


def test_each_point_is_due_by_its_own_period() -> None:
    schedule = scheduled(None, "10s", None)
    assert schedule.shortest == 2.0
    seen = [due(schedule, second) for second in range(1000, 1012, 2)]
    assert seen == ["p0 p2 p1", "p0 p2", "p0 p2", "p0 p2", "p0 p2", "p0 p2 p1"]


def test_jitter_skips_nothing_and_doubles_nothing() -> None:
    schedule = scheduled(None, "6s")
    times = [0.0, 1.9, 4.2, 5.9, 8.1, 9.9, 12.2]
    assert [due(schedule, 1000 + t) for t in times].count("p0 p1") == 3


def test_what_was_missed_is_due_again_at_once() -> None:
    schedule = scheduled(None, "10s")
    points = schedule.due(1000.0)
    schedule.missed(points, {"p0"})
    assert due(schedule, 1002) == "p1 p0"
    schedule.missed(points, {"p0", "p1"})
    assert due(schedule, 1004) == "p0"
