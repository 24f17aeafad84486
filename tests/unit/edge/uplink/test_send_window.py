"""What to send next: properties over random outages, losses and acknowledgements."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contracts.ranges import Ranges
from edge.uplink.send_window import (
    LIVE_WINDOW,
    MOST_RECORDS,
    PATIENCE,
    WINDOW,
    Outbox,
    Pick,
    shared,
    without,
)

numbers = st.sets(st.integers(1, 60), max_size=40)


def as_ranges(chosen: set[int]) -> Ranges:
    return Ranges((number, number) for number in chosen)


def as_set(ranges: Ranges) -> set[int]:
    return {number for one in ranges for number in range(one.first, one.last + 1)}


@given(numbers, numbers)
def test_set_arithmetic(left: set[int], right: set[int]) -> None:
    assert as_set(without(as_ranges(left), as_ranges(right))) == left - right
    assert as_set(shared(as_ranges(left), as_ranges(right))) == left & right


def send_all(outbox: Outbox, now: float) -> list[Pick]:
    picks: list[Pick] = []
    while (pick := outbox.pick(now)) is not None:
        outbox.sent(pick, pick.first, pick.last, now)
        picks.append(pick)
    return picks


def test_nothing_is_sent_before_connecting() -> None:
    outbox = Outbox(Ranges([(1, 10)]), 10)
    outbox.appended(12)
    assert outbox.pick(0.0) is None
    assert outbox.wake_at() is None


def test_live_data_overtakes_the_backlog() -> None:
    outbox = Outbox(Ranges([(1, 100_000)]), 100_000)
    outbox.connected(0.0)
    # The newest batch is what is true now; it goes before everything older.
    newest, oldest = send_all(outbox, 0.0)
    assert newest == Pick(100_001 - MOST_RECORDS, 100_000, live=True)
    assert oldest == Pick(1, MOST_RECORDS, live=False)
    outbox.appended(100_010)
    assert send_all(outbox, 0.01) == [Pick(100_001, 100_010, live=True)]


def test_the_backlog_keeps_a_bounded_rate_and_order() -> None:
    outbox = Outbox(Ranges([(1, 10_000)]), 10_000)
    outbox.connected(0.0)
    newest = outbox.pick(0.0)
    assert newest is not None
    outbox.sent(newest, newest.first, newest.last, 0.0)
    sent: list[tuple[float, int]] = []
    now = 0.0
    while now < 1.0:
        for pick in send_all(outbox, now):
            sent.append((now, pick.first))
            outbox.acknowledged(Ranges([(pick.first, pick.last)]), now)
        now += 0.01
    assert 9 <= len(sent) <= 11
    assert [first for _, first in sent] == sorted(first for _, first in sent)


def test_while_nobody_answers_live_data_still_goes_and_the_backlog_only_probes() -> None:
    outbox = Outbox(Ranges([(1, 50_000)]), 50_000)
    outbox.connected(0.0)
    send_all(outbox, 0.0)
    last, backlog_sent, live_sent = 50_000, 0, 0
    for second in range(600):
        last += 100
        outbox.appended(last)
        for pick in send_all(outbox, float(second)):
            if pick.live:
                live_sent += 1
                assert pick.last == last
            elif second > 60:
                backlog_sent += 1
    assert live_sent == 600
    assert backlog_sent <= 540 / PATIENCE
    # The gateway comes back: the first live batch it gets is acknowledged, and the rest follows.
    outbox.appended(last + 100)
    (live,) = (pick for pick in send_all(outbox, 600.0) if pick.live)
    outbox.acknowledged(Ranges([(live.first, live.last)]), 600.1)
    now, drained = 600.1, 0.0
    while len(outbox.pending):
        for pick in send_all(outbox, now):
            outbox.acknowledged(Ranges([(pick.first, pick.last)]), now)
        drained, now = now, now + 0.05
    assert drained - 600.1 < 110_000 / MOST_RECORDS * 0.1 + 35


def test_an_ack_of_what_was_never_written_is_harmless() -> None:
    outbox = Outbox(Ranges([(5, 9)]), 9)
    assert outbox.acknowledged(Ranges([(1, 7), (100, 200)]), 0.0) == Ranges([(5, 7)])
    assert outbox.oldest == 8
    assert outbox.acknowledged(Ranges([(8, 500)]), 0.0) == Ranges([(8, 9)])
    assert outbox.oldest == 10


def test_batches_that_are_late_together_count_once() -> None:
    outbox = Outbox(Ranges(), 0)
    outbox.connected(0.0)
    for number in range(1, 11):
        outbox.appended(number)
        send_all(outbox, number / 1000)
    for late in range(1, 11):
        outbox.pick(PATIENCE + late / 1000)
    (probe,) = send_all(outbox, PATIENCE + 0.5)
    assert (probe.first, probe.last) == (1, 10)
    assert outbox.wake_at() == 3 * PATIENCE + 0.5


def test_what_was_overtaken_by_an_acknowledged_batch_is_sent_again_at_once() -> None:
    outbox = Outbox(Ranges(), 0)
    outbox.connected(0.0)
    for number in (1, 2, 3):
        outbox.appended(number)
        send_all(outbox, float(number))
    outbox.acknowledged(Ranges([(3, 3)]), 3.1)
    assert send_all(outbox, 3.1) == [Pick(1, 2, live=False)]


def test_what_was_thinned_is_not_sent() -> None:
    outbox = Outbox(Ranges([(1, 9)]), 9)
    outbox.given_up(Ranges([(2, 2), (4, 6)]))
    outbox.connected(0.0)
    sent: list[tuple[int, int]] = []
    for now in range(8):
        sent += [(pick.first, pick.last) for pick in send_all(outbox, float(now) / 2)]
    assert sent == [(1, 1), (3, 3), (7, 9)]


class World(RuleBasedStateMachine):
    """A wire that loses batches and acks, and a gateway that keeps what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(Ranges(), 0)
        self.last = 0
        self.now = 0.0
        self.stored = Ranges()
        self.known_stored = Ranges()
        self.given_up = Ranges()
        self.up = False
        self.lossy = False

    @rule(count=st.integers(1, 1200))
    def append(self, count: int) -> None:
        self.last += count
        self.outbox.appended(self.last)

    @rule(first=st.integers(1, 3000), length=st.integers(1, 50))
    def thin(self, first: int, length: int) -> None:
        ranges = Ranges([(first, first + length)]).within(1, max(self.last, 1))
        if self.last:
            self.given_up = self.given_up.union(ranges)
            self.outbox.given_up(ranges)

    @precondition(lambda self: not self.up)
    @rule()
    def connect(self) -> None:
        self.up = True
        self.outbox.connected(self.now)

    @rule()
    def disconnect(self) -> None:
        self.up = False
        self.outbox.disconnected()

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.1, 1.0, 6.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(lossy=st.booleans())
    def weather(self, lossy: bool) -> None:
        self.lossy = lossy

    @rule()
    def acknowledge(self) -> None:
        self.known_stored = self.stored
        self.outbox.acknowledged(self.stored, self.now)

    @rule()
    def send(self) -> None:
        while (pick := self.outbox.pick(self.now)) is not None:
            assert self.up
            assert pick.last - pick.first < MOST_RECORDS
            assert not len(self.known_stored.within(pick.first, pick.last)), "sent again"
            assert not len(self.given_up.within(pick.first, pick.last)), "does not exist"
            if not pick.live:
                free = self.outbox.pending.within(self.outbox._horizon, self.last)
                flying = Ranges((one, flight.last) for one, flight in self.outbox.flights.items())
                assert not len(without(free, flying)), "live data waits behind backlog"
            self.outbox.sent(pick, pick.first, pick.last, self.now)
            if not self.lossy:
                self.stored = self.stored.union([(pick.first, pick.last)])

    @invariant()
    def bounded(self) -> None:
        flights = self.outbox.flights.values()
        assert sum(flight.live for flight in flights) <= LIVE_WINDOW
        assert sum(not flight.live for flight in flights) <= WINDOW

    def teardown(self) -> None:
        """The weather clears: everything that can arrive does, within bounded time."""
        if not self.up:
            self.connect()
        self.lossy = False
        for _ in range(2000):
            self.send()
            self.acknowledge()
            if not len(self.outbox.pending):
                break
            wake = self.outbox.wake_at()
            assert wake is not None, "asleep with work to do"
            assert wake <= self.now + 60
            self.now = max(self.now, wake)
        else:
            raise AssertionError("never done")
        everything = Ranges([(1, self.last)] if self.last else [])
        assert without(everything, self.given_up) == without(self.stored, self.given_up)


TestWorld = World.TestCase
