"""What an edge's clock said, in this machine's time."""

from contracts.instants import SECOND
from wenlan.proofs.dating import Dating

HOUR = 3600 * SECOND
NOON = 1_795_000_000 * SECOND
END = NOON + 600 * SECOND


def test_a_clock_that_nobody_touched_is_believed() -> None:
    assert Dating([]).real(NOON) == NOON
    assert not Dating([]).stepped


def test_each_stamp_is_taken_back_by_the_step_that_it_was_made_under() -> None:
    in_1970 = -NOON
    steps = [
        (NOON + 100 * SECOND, HOUR), (NOON + 200 * SECOND, 0),
        (NOON + 300 * SECOND, -HOUR), (NOON + 400 * SECOND, 0),
        (NOON + 500 * SECOND, in_1970), (NOON + 550 * SECOND, 0),
    ]  # fmt: skip
    dating = Dating(steps, END)
    assert dating.stepped
    for second, ahead in (
        *((50, 0), (150, HOUR), (250, 0), (350, -HOUR), (450, 0), (520, in_1970), (590, 0)),
    ):
        real = NOON + second * SECOND
        assert dating.real(real + ahead) == real


def test_an_edge_may_go_by_its_clock_of_before_for_a_moment() -> None:
    dating = Dating([(NOON, HOUR)], END)
    assert dating.real(NOON + 2 * SECOND) == NOON + 2 * SECOND
    assert dating.real(NOON + 2 * SECOND + HOUR) == NOON + 2 * SECOND
    assert dating.real(NOON + 5 * SECOND) is None, "it has looked since"
    assert dating.real(NOON - 5 * SECOND + HOUR) is None, "that clock was not yet wrong"


def test_nothing_was_said_after_the_end() -> None:
    dating = Dating([(NOON, HOUR), (NOON + 10 * SECOND, 0)], END)
    assert dating.real(END + SECOND) is None
