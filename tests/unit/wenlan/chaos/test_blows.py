"""The plan of blows: drawn by a seed, each kind in it, each in plain words."""

import pytest

from wenlan.chaos.blows import EACH_ONCE, Blow, Cast, Kind, hits, plan

CAST = Cast(("edge-front", "edge-stacks"), 150.0)
SEEDS = range(1, 40)


@pytest.mark.parametrize("seed", [1, 7, 20261121])
def test_one_seed_repeats_the_plan(seed: int) -> None:
    assert plan(seed, 30, CAST) == plan(seed, 30, CAST)
    assert plan(seed, 30, CAST) != plan(seed + 1, 30, CAST)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_holds_every_kind_and_the_broker_is_away_for_long_once(seed: int) -> None:
    blows = plan(seed, 30, CAST)
    assert len(blows) == 30
    assert {blow.kind for blow in blows} == set(Kind)
    clocks = {blow.ahead for blow in blows if blow.kind is Kind.CLOCK}
    assert clocks == {3600, -3600, None}
    assert {blow.running for blow in blows if blow.kind is Kind.FLIP} == {True, False}
    sick = {blow.parts[0] == "gateway" for blow in blows if blow.kind is Kind.DISK_FULL}
    assert sick == {True, False}
    (away,) = [blow for blow in blows if blow.alone]
    assert 100 < away.seconds <= 150
    assert all(blow.seconds < 10 for blow in blows if not blow.alone)
    assert all(blow.dies_after < blow.seconds for blow in blows if blow.dies_after)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_shortest_plan_that_holds_every_kind(seed: int) -> None:
    blows = plan(seed, EACH_ONCE, CAST)
    assert {blow.kind for blow in blows} == set(Kind)
    killed = [blow.parts for blow in blows if blow.kind is Kind.KILL]
    assert {("broker",), ("gateway",)} < set(killed)
    assert any(len(parts) > 1 for parts in killed)


def test_some_processes_die_while_their_disk_is_sick_or_their_clock_wrong() -> None:
    every = [blow for seed in SEEDS for blow in plan(seed, 30, CAST)]
    for kind in (Kind.DISK_FULL, Kind.DISK_ERRORS, Kind.CLOCK):
        dying = [blow for blow in every if blow.kind is kind and blow.dies_after]
        assert 0.2 < len(dying) / sum(blow.kind is kind for blow in every) < 0.6


@pytest.mark.parametrize("rounds", [0, 1, 3, 15, 16])
def test_a_short_plan_is_a_part_of_it(rounds: int) -> None:
    assert len(plan(3, rounds, CAST)) == rounds


@pytest.mark.parametrize(
    ("blow", "words"),
    [
        (Blow(1, Kind.KILL, ("broker",)), "broker killed"),
        (
            Blow(1, Kind.KILL, ("edge-front", "gateway")),
            "edge-front and gateway killed at the same instant",
        ),
        (Blow(1, Kind.BROKER_AWAY, ("broker",), 4.0), "broker away for 4.0 s"),
        (
            Blow(1, Kind.BROKER_AWAY, ("broker", "edge-front"), 120.0, dies_after=60.0),
            "broker away for 120.0 s; edge-front is killed after 60 s",
        ),
        (
            Blow(1, Kind.DISK_FULL, ("gateway",), 3.0, dies_after=1.0),
            "gateway: its disk is full for 3.0 s; it is killed after 1.0 s",
        ),
        (
            Blow(1, Kind.DISK_ERRORS, ("edge-front",), 3.0, share=0.5),
            "edge-front: 50% of its writes and syncs fail for 3.0 s",
        ),
        (
            Blow(1, Kind.FLIP, ("edge-front",), share=0.19, running=True),
            "edge-front: a bit of its journal is flipped while it runs, at 19% of the file",
        ),
        (
            Blow(1, Kind.VANISH, ("edge-front",)),
            "edge-front: its journal vanishes while it is stopped",
        ),
        (
            Blow(1, Kind.OLD_COPY, ("edge-front",), age=2),
            "edge-front: a copy of its journal, 2 blows old, is put back",
        ),
        (
            Blow(1, Kind.CLOCK, ("edge-front",), 5.0, ahead=None),
            "edge-front: its clock says 1970 for 5.0 s",
        ),
        (
            Blow(1, Kind.CLOCK, ("edge-front",), 5.0, ahead=-3600),
            "edge-front: its clock is stepped by -1 h for 5.0 s",
        ),
    ],
)
def test_each_blow_is_a_line_in_plain_words(blow: Blow, words: str) -> None:
    assert blow.words == words


def test_a_plan_is_summed_up() -> None:
    some = [Blow(1, Kind.KILL, ("broker",)), Blow(1, Kind.KILL, ("gateway",))]
    assert hits([*some, Blow(1, Kind.CLOCK, ("edge-front",))]) == "2 kill, 1 clock"
