"""A kiosk killed at every single step: no item is ever lent twice, or left to a guess."""

from collections.abc import Callable

import pytest

from contracts.records import LoanAction, LoanStep
from tests.unit.edge.kiosk.kiosk_world import CARD, ENDS, HOME, LENT, World

Scenario = Callable[[World], None]


def borrow_two(world: World) -> None:
    world.lay(0, world.card(), world.book("b1"), world.book("b2"))


def give_back(world: World) -> None:
    uid = world.book("b1")
    world.pad.chips[uid].afi = LENT
    world.library.holders["b1"] = CARD
    world.lay(0, uid)


def refused(world: World) -> None:
    borrow_two(world)
    world.library.refuses.add("b1")


def blocked_card(world: World) -> None:
    borrow_two(world)
    world.library.cards.clear()


def stubborn_tag(world: World) -> None:
    uid = world.book("b1")
    world.pad.chips[uid].stubborn = True
    world.lay(0, world.card(), uid)


def stubborn_return(world: World) -> None:
    give_back(world)
    next(iter(world.pad.chips.values())).stubborn = True


def set_of_two(world: World) -> None:
    world.lay(0, world.card(), world.book("b1", 2, 1), world.book("b1", 2, 2))


def mute(world: World) -> None:
    borrow_two(world)
    world.library.mute = True
    world.at(4, lambda: setattr(world.library, "mute", False))


def ignorant(world: World) -> None:
    borrow_two(world)
    world.library.ignorant = True


SCENARIOS = [
    borrow_two,
    give_back,
    refused,
    blocked_card,
    stubborn_tag,
    stubborn_return,
    set_of_two,
    mute,
    ignorant,
]


def steps_of(scenario: Scenario) -> int:
    world = World()
    scenario(world)
    assert world.run(until=10)
    return world.fuse.burnt


def afis(world: World, item: str) -> set[int]:
    return {
        chip.afi
        for chip in world.pad.chips.values()
        if chip.memory[3:19].rstrip(b"\0").decode() == item
    }


def check(world: World) -> None:
    for steps in world.loans().values():
        ends = [one for one in steps if one.step in ENDS]
        assert len(ends) == 1, steps
        assert steps[-1] is ends[0]
        assert steps[0].step == LoanStep.INTENT
        assert ends[0].step != LoanStep.STAFF or ends[0].reason
        assert all(CARD not in one.patron and CARD not in one.reason for one in steps)
    assert not world.remembered("loan")
    for item in ("b1", "b2"):
        ended = [steps[-1] for steps in world.loans().values() if steps[-1].item == item]
        closed = [one for one in ended if one.step == LoanStep.CLOSED]
        staff = [one for one in ended if one.step == LoanStep.STAFF]
        # Carried out at most once, and never beside what the journal says.
        assert len(closed) + len(staff) <= 1, ended
        assert world.library.done[f"checkout {item}"] <= 1
        assert world.library.done[f"checkin {item}"] <= 1
        if closed and closed[0].action == LoanAction.CHECKOUT:
            assert world.library.holders[item] == CARD
            assert afis(world, item) == {LENT}
        elif closed:
            assert item not in world.library.holders
            assert afis(world, item) == {HOME}
        elif ended and not staff:
            assert not world.library.done[f"checkout {item}"]
            assert not world.library.done[f"checkin {item}"]


@pytest.mark.parametrize("stays", [True, False], ids=["stays", "lifted"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_any_step(scenario: Scenario, stays: bool) -> None:
    for step in range(1, steps_of(scenario) + 1):
        world = World()
        world.fuse.left = step
        scenario(world)
        crashed = not world.run(until=10)
        assert crashed or step > world.fuse.burnt
        world.fuse.left = 10**9
        if not stays:
            world.pad.lying.clear()
        assert world.run(until=world.second() + 12)
        check(world)


@pytest.mark.parametrize("scenario", [give_back, stubborn_tag, set_of_two])
def test_killed_twice(scenario: Scenario) -> None:
    for first in range(1, steps_of(scenario) + 1):
        for second in range(1, 26, 3):
            world = World()
            world.fuse.left = first
            scenario(world)
            world.run(until=3)
            world.fuse.left = second
            world.run(until=world.second() + 3)
            world.fuse.left = 10**9
            assert world.run(until=world.second() + 6)
            check(world)


def test_what_a_card_laid_down_is_never_taken_back_by_a_restart() -> None:
    """The card is lifted while the kiosk is dead: the books left behind are no returns."""
    for step in range(1, steps_of(borrow_two) + 1):
        world = World()
        world.fuse.left = step
        borrow_two(world)
        if world.run(until=10):
            continue
        world.fuse.left = 10**9
        had_card = bool(world.remembered("session"))
        world.pad.lying.discard(next(iter(world.pad.chips)))
        assert world.run(until=world.second() + 12)
        if had_card:
            assert not any(step.startswith("checkin") for step in world.steps())


def test_a_granted_loan_whose_book_was_taken_away_stands_and_calls_staff() -> None:
    granted = 0
    for step in range(1, steps_of(borrow_two) + 1):
        world = World()
        world.fuse.left = step
        borrow_two(world)
        if world.run(until=10) or world.steps()[-1:] != ["checkout granted"]:
            continue
        granted += 1
        world.fuse.left = 10**9
        world.pad.lying.clear()
        assert world.run(until=world.second() + 6)
        assert world.steps()[-1] == "checkout staff"
        assert not any(key.startswith("undo") for key in world.library.done)
    assert granted


def test_a_card_that_was_only_seen_is_remembered_too() -> None:
    world = World()
    card, book = world.card(), world.book("b1")
    world.library.down = True
    world.lay(0, card, book)
    assert world.run(until=3)
    world.pad.lying.discard(card)
    world.library.down = False
    assert world.run(until=world.second() + 10)
    assert world.steps() == []
    world.lift(world.second() + 1)
    world.lay(world.second() + 4, book)
    assert world.run(until=world.second() + 10)
    assert world.steps()[-1] == "checkin closed"
