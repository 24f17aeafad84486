"""A building goes on: what its ledger says of counters and loans is where they stand again."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.loader import load_site
from contracts.instants import SECOND, moment
from simulators.building.visitors import Lane, People
from simulators.building.world import World
from simulators.faults import Faults
from simulators.ground_truth import Ledger
from simulators.library_system.collection import found_library
from simulators.modbus.site_devices import Bench, lanes
from simulators.readers.self_check import Surroundings, assemble
from simulators.yesterday import Yesterday, read_yesterday
from tests.conftest import ROOT

T0 = 1_790_000_000 * SECOND
SITE = load_site(ROOT / "config" / "sites" / "zhijiang" / "site.yaml", {}).site
COUNTER = "counter-gates"
STARTS = moment(T0).astimezone(SITE.zone)


def a_bench(ledger: Ledger, yesterday: Yesterday) -> Bench:
    world = World(SITE, STARTS, 1, People(*lanes(SITE), Random(1)))
    faults = Faults(ledger, lambda: T0)
    bench = Bench(world, faults, ledger, 1, passed=dict(yesterday.passed), yesterday=yesterday)
    for edge in SITE.edges:
        for link in edge.links:
            if link.kind == "modbus-tcp":
                bench.server(link)
    return bench


people = st.tuples(st.just("pass"), st.integers(0, 3))
meddling = st.sampled_from([("reset", None), ("jump", 7.0), ("jump", None)])


@given(days=st.lists(st.lists(people | meddling, max_size=12), min_size=1, max_size=4))
def test_counters_go_on_from_where_they_stood_over_any_number_of_days(
    tmp_path_factory: pytest.TempPathFactory, days: list[list[tuple[str, float | None]]]
) -> None:
    path = tmp_path_factory.mktemp("day") / "ledger.jsonl"
    stood, passed = [0] * 14, [0] * 14
    for day in days:
        yesterday = read_yesterday(path, 14)
        with Ledger(path, lambda: T0) as ledger:
            bench = a_bench(ledger, yesterday)
            counters = bench.counters[COUNTER]
            assert counters.values == stood
            for what, number in day:
                if what == "pass":
                    assert number is not None
                    channel = int(number)
                    bench.pulse(Lane("gate", COUNTER, channel))
                    passed[channel] += 1
                else:
                    bench.faults.begin(COUNTER, what, value=number)
            stood = list(counters.values)
            assert [bench.passed.get((COUNTER, n), 0) for n in range(14)] == passed


changes = st.tuples(
    st.sampled_from(["lend", "renew", "take_back", "undo_loan", "undo_return"]),
    st.integers(0, 5),
    st.integers(0, 9),
)


@given(deeds=st.lists(changes, max_size=40), split=st.integers(0, 40))
def test_loans_stay_lent(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[tuple[str, int, int]], split: int
) -> None:
    """The books of a library that was restarted equal those of one that was not."""
    path = tmp_path_factory.mktemp("loans") / "ledger.jsonl"

    def around(yesterday: Yesterday, ledger: Ledger) -> Surroundings:
        return Surroundings(SITE, ledger, lambda: T0, yesterday=yesterday)

    with Ledger(path, lambda: T0) as ledger:
        through = assemble(around(Yesterday(), ledger)).collection
    cards, items = list(through.patrons)[:6], list(through.items)[:10]
    for part in (deeds[:split], deeds[split:]):
        yesterday = read_yesterday(path, 14)
        with Ledger(path, lambda: T0) as ledger:
            today = assemble(around(yesterday, ledger))
            for deed, card, item in part:
                for collection in (through, today.collection):
                    match deed:
                        case "lend":
                            collection.lend(cards[card], items[item], STARTS)
                        case "renew":
                            collection.renew(cards[card], items[item], STARTS)
                        case "undo_return":
                            collection.undo_return(cards[card], items[item], STARTS)
                        case _:
                            getattr(collection, deed)(items[item])
                for done in today.collection.take_changes():
                    ledger("loan", action=done.change, item=done.item, patron=done.patron, ok=True)
            assert today.collection.loans == through.loans


def test_a_lent_book_has_a_released_tag_and_one_that_came_back_a_secured_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.jsonl"
    fresh = found_library(Random("1/collection"), STARTS)
    out = next(barcode for barcode in fresh.items if barcode not in fresh.loans)
    back = next(iter(fresh.loans))
    card = next(iter(fresh.patrons))
    with Ledger(path, lambda: T0) as ledger:
        ledger("loan", action="checkout", item=out, patron=card, ok=True)
        ledger("loan", action="checkin", item=back, patron=card, ok=True)
        whole = assemble(Surroundings(SITE, ledger, lambda: T0, yesterday=read_yesterday(path, 14)))
    (patrons,) = whole.patrons
    assert patrons.holdings.books[out].afi == patrons.released
    assert patrons.holdings.books[back].afi == patrons.secured


def test_a_line_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, lambda: T0) as ledger:
        ledger("pulse", device=COUNTER, channel=0, total=3, counter=5)
    with path.open("ab") as file:
        file.write(b'{"kind":"pulse","at":1,"dev')
    assert read_yesterday(path, 14).counters == {(COUNTER, 0): 5}


def test_counters_are_known_however_many_polls_there_were_since(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, lambda: T0, largest=200) as ledger:
        ledger("pulse", device=COUNTER, channel=0, total=3, counter=5)
        for _ in range(50):
            ledger("poll", device=COUNTER, words=[0] * 16)
    assert read_yesterday(path, 14).passed == {(COUNTER, 0): 3}
