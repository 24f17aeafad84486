"""What goes out next: the present first, the past beside it, and nothing deleted on one word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.messages import Ack
from contracts.ranges import Ranges
from edge.journal.tracks import Track
from edge.uplink.naming import UNCONFIRMED, Named, Pick
from edge.uplink.send_window import (
    CONFIRM,
    FIRST_WINDOW,
    LARGEST_WINDOW,
    LIMITS,
    LIVE_PACE,
    PATIENCE,
    PRESENT,
    RETRY,
    SendWindow,
)

BATCH = LIMITS.records


def track(
    held: list[tuple[int, int]],
    *,
    stream: str = "s",
    life: str = "me",
    since: int = 1,
    current: bool = True,
    readable: bool = True,
) -> Track:
    numbers = Ranges(held)
    following = (numbers.last or since - 1) + 1
    return Track(
        stream,
        life,
        since,
        "own" if current else "draining",
        current,
        numbers,
        readable,
        held[0][0] if held else following,
        following,
    )


class Line:
    """A window, and a clock to drive it by."""

    def __init__(self, *tracks: Track) -> None:
        self.window = SendWindow("me")
        self.window.update(tracks)
        self.now = 0.0
        self.window.connected(0.0)

    def send(self) -> tuple[Pick, int] | None:
        pick = self.window.pick(self.now)
        if pick is None:
            return None
        return pick, self.window.sent(pick, pick.first, pick.last, 1000, self.now)

    def send_all(self) -> list[Pick]:
        found = []
        while (one := self.send()) is not None:
            found.append(one[0])
        return found

    def ack(
        self, k: int, *committed: tuple[int, int], life: str = "me", session: str = "me"
    ) -> list[Named]:
        ack = Ack("s", committed, life, session, k)
        return self.window.answered(ack, Ranges(committed), self.now)


def test_the_present_goes_first_and_the_past_newest_first_behind_it() -> None:
    line = Line(track([(1, 10_000)]))
    picks = line.send_all()
    newest = 10_000 - PRESENT
    assert [(one.first, one.last, one.live) for one in picks] == [
        (newest + 1, 10_000, True),
        (newest - BATCH + 1, newest, False),
        (newest - 2 * BATCH + 1, newest - BATCH, False),
        (newest - 3 * BATCH + 1, newest - 2 * BATCH, False),
        (newest - 4 * BATCH + 1, newest - 3 * BATCH, False),
    ]
    assert len(picks) == 1 + FIRST_WINDOW


def test_live_data_never_waits_for_credit_and_keeps_its_pace() -> None:
    line = Line(track([(1, 100_000)]))
    line.send_all()
    line.window.update([track([(1, 100_001)])])
    assert line.send() is None
    assert line.window.wake_at() == LIVE_PACE
    line.now = LIVE_PACE
    sent = line.send()
    assert sent is not None
    assert sent[0] == Pick("s", "me", 100_001, 100_001, live=True)


def test_credit_grows_with_each_ack_and_is_halved_when_one_is_late() -> None:
    line = Line(track([(1, 10_000_000)]))
    line.send_all()
    for _ in range(200):
        k, flight = next(iter(line.window.flights.items()))
        line.now += 0.001
        line.ack(k, (flight.first, flight.last))
        line.send_all()
    assert sum(not one.pick.live for one in line.window.flights.values()) == LARGEST_WINDOW
    line.now += PATIENCE + 1
    picks = line.send_all()
    assert sum(not one.live for one in picks) == LARGEST_WINDOW // 2


@pytest.mark.parametrize("heard_from", [0.1, 0.6, 1.2, 1.4, 1.5])
def test_a_gateway_that_connects_after_the_edge_gets_what_is_true_within_half_a_second(
    heard_from: float,
) -> None:
    line = Line(track([(1, 4)]))
    went: list[tuple[float, int, int]] = []
    while line.now < 120:
        if line.now == 0.3:  # measured a little later than the rest
            line.window.update([track([(1, 5)])])
        went += [(line.now, pick.first, pick.last) for pick in line.send_all()]
        line.now = round(line.now + 0.01, 2)
    soon = {
        number
        for at, first, last in went
        if heard_from <= at <= heard_from + 0.5
        for number in range(first, last + 1)
    }
    assert soon == {1, 2, 3, 4, 5}
    # Nobody is shouted at: one that is away for long is tried less and less often.
    assert len(went) <= 16


def test_what_went_out_before_the_gateway_was_first_heard_goes_out_again_at_once() -> None:
    line = Line(track([(1, 4)]))
    line.send_all()
    line.now = 0.2
    line.window.update([track([(1, 5)])])
    assert [(one.first, one.last) for one in line.send_all()] == [(5, 5)]
    line.ack(2, (5, 5))
    assert [(one.first, one.last) for one in line.send_all()] == [(1, 4)]


def test_a_row_is_deleted_by_a_second_ack_for_a_batch_sent_after_the_first() -> None:
    line = Line(track([(1, 10)]))
    first = line.send()
    assert first is not None
    line.window.update([track([(1, 12)])])
    line.now = 1.0
    second = line.send()
    assert second is not None
    assert line.ack(1, (1, 10)) == [Named("s", "me", Ranges([(1, 10)]), Ranges())]
    assert line.ack(1, (1, 10)) == []
    # Batch 2 went out before the first ack came: its ack may be the same mistake.
    assert line.ack(2, (1, 12)) == [Named("s", "me", Ranges([(11, 12)]), Ranges())]
    assert line.send() is None
    assert line.window.settled
    line.now += CONFIRM
    third = line.send()
    assert third is not None
    assert third[0] == Pick("s", "me", 12, 12, live=False)
    assert line.ack(3, (1, 12)) == [Named("s", "me", Ranges(), Ranges([(1, 12)]))]


def test_acks_of_others_and_for_what_was_not_sent_say_nothing() -> None:
    line = Line(track([(1, 10)]))
    line.send()
    assert line.ack(2, (1, 10)) == []
    assert line.ack(1, (1, 10), session="another") == []
    assert line.ack(1, (1, 10), life="another") == []
    assert line.ack(0, (1, 10)) == []
    assert not line.window.settled


def test_an_ack_speaks_only_for_the_life_it_names() -> None:
    earlier = track([(1, 5)], life="before", current=False)
    line = Line(track([(6, 10)], since=6), earlier)
    line.send_all()
    assert line.ack(1, (1, 10)) == [Named("s", "me", Ranges([(6, 10)]), Ranges())]
    assert line.ack(2, (1, 10), life="before") == [Named("s", "before", Ranges([(1, 5)]), Ranges())]


def test_what_was_answered_but_not_taken_is_sent_again_after_a_while() -> None:
    line = Line(track([(1, 10)]))
    line.send()
    line.ack(1)
    assert line.send() is None
    line.now = RETRY
    again = line.send()
    assert again is not None
    assert (again[0].first, again[0].last) == (1, 10)


def test_what_only_one_ack_ever_named_is_sent_again() -> None:
    line = Line(track([(1, 10)]))
    line.send()
    line.ack(1, (1, 10))
    line.now = CONFIRM
    assert line.send() is not None  # the newest, to be named again
    line.now += UNCONFIRMED
    again = line.send()
    assert again is not None
    assert again[0].first == 1


def test_a_gateway_of_0_1_counts_once_per_later_batch() -> None:
    line = Line(track([(1, 10)]))
    line.send()
    old = Ack("s", ((1, 10),))

    def heard() -> list[Named]:
        return line.window.answered(old, Ranges(old.committed), line.now)

    assert heard() == [Named("s", "me", Ranges([(1, 10)]), Ranges())]
    assert heard() == []
    line.now = CONFIRM
    line.send()
    assert heard() == [Named("s", "me", Ranges(), Ranges([(1, 10)]))]


def test_a_gateway_of_0_1_that_knows_later_numbers_twice_means_an_old_copy() -> None:
    line = Line(track([(101, 110)], since=101))
    strange = Ack("s", ((1, 500),))

    def heard() -> list[Named]:
        return line.window.answered(strange, Ranges(strange.committed), line.now)

    line.send()
    assert heard() == []
    assert heard() == []
    line.now = PATIENCE + 1
    line.send()
    assert heard() == [Named("s", "me", Ranges(), Ranges(), refused=101)]


def test_while_a_later_gateway_speaks_nobody_speaks_as_one_of_0_1() -> None:
    line = Line(track([(1, 10)]))
    line.send()
    line.ack(1, (1, 3))
    old = Ack("s", ((1, 10),))
    assert line.window.answered(old, Ranges(old.committed), line.now) == []
    line.now += UNCONFIRMED
    assert line.window.answered(old, Ranges(old.committed), line.now) != []


def test_nothing_is_read_for_sending_while_the_disk_is_sick() -> None:
    line = Line(track([(1, 10)], readable=False))
    assert line.send() is None
    assert line.window.wake_at() is None
    line.window.update([track([(1, 10)])])
    assert line.send() is not None


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(1, 60), st.integers(1, 60), st.integers(0, 8)),
        max_size=60,
    )
)
def test_only_what_two_acks_named_in_the_right_order_is_ever_deleted(
    steps: list[tuple[int, int, int, int]],
) -> None:
    """Against the rule told as plainly as can be: a list of what was said, and when."""
    line = Line(track([(1, 60)]))
    held = set(range(1, 61))
    said: dict[int, list[tuple[int, int]]] = {number: [] for number in held}
    for what, one, two, k in steps:
        first, last = min(one, two), max(one, two)
        if what < 3:
            line.send()
        elif what < 6:
            sent = line.window._k
            deleted = {
                number
                for named in line.ack(k, (first, last))
                for low, high in named.twice
                for number in range(low, high + 1)
            }
            expected = set()
            if 1 <= k <= sent:
                for number in held & set(range(first, last + 1)):
                    if any(before < k for before, _ in said[number]):
                        expected.add(number)
                    said[number].append((sent, k))
            assert deleted == expected
            held -= deleted
            line.window.update([track([(number, number) for number in sorted(held)])])
        else:
            line.now += LIVE_PACE
