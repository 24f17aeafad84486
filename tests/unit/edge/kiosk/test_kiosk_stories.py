"""A day at the self-check, told as timelines."""

import hashlib
import hmac
from collections.abc import Sequence
from functools import partial

import pytest

from contracts.records import DeviceChanged, InputRefused, LoanChanged, LoanStep
from drivers.capabilities import CirculationAnswer, Tag
from tests.unit.edge.kiosk.kiosk_world import CARD, HOME, LENT, World


def test_a_card_and_books_are_a_loan() -> None:
    world = World()
    card, one, two = world.card(), world.book("b1"), world.book("b2")
    world.lay(1, card, one, two)
    world.lift(8)
    assert world.run(until=12)
    for item in ("b1", "b2"):
        expected = ["checkout intent", "checkout granted", "checkout closed"]
        assert world.steps(item) == expected
    assert world.library.holders == {"b1": CARD, "b2": CARD}
    assert {world.pad.chips[uid].afi for uid in (one, two)} == {LENT}
    assert world.pad.chips[card].afi == HOME
    assert not world.remembered("loan") + world.remembered("session")


def test_the_journal_says_what_the_library_system_said_and_no_card_number() -> None:
    world = World()
    world.lay(1, world.card(), world.book("b1"))
    world.run(until=5)
    closed = [one for one in world.disk.records if isinstance(one, LoanChanged)][-1]
    assert (closed.title, closed.due, closed.kiosk) == ("A title", "2026-12-24", "kiosk-1")
    assert closed.patron == hmac.new(b"key", CARD.encode(), hashlib.sha256).hexdigest()
    assert CARD not in repr(world.disk.records)
    assert "Jane" not in repr(world.disk.records)


def test_books_alone_are_taken_back_after_a_moment() -> None:
    world = World()
    uid = world.book("b1")
    world.pad.chips[uid].afi = LENT
    world.library.holders["b1"] = CARD
    world.lay(1, uid)
    assert world.run(until=1.9)
    assert world.steps() == []
    assert world.run(until=5)
    assert world.steps() == ["checkin intent", "checkin granted", "checkin closed"]
    assert world.pad.chips[uid].afi == HOME


def test_a_card_laid_a_moment_later_still_counts() -> None:
    world = World()
    world.lay(1, world.book("b1"))
    world.lay(1.8, world.card())
    world.run(until=5)
    assert world.steps()[-1] == "checkout closed"
    assert world.library.done == {"checkout b1": 1}


def test_each_book_is_dealt_with_once_while_it_lies_there() -> None:
    world = World()
    card, book = world.card(), world.book("b1")
    world.lay(1, card, book)
    world.run(until=20)
    assert world.library.done["checkout b1"] == 1
    world.lift(20.5)
    world.lay(22, book)
    world.run(until=30)
    assert world.library.done == {"checkout b1": 1, "checkin b1": 1}


def test_a_hole_in_the_field_is_no_lifting() -> None:
    world = World()
    card, book = world.card(), world.book("b1")
    world.lay(1, card, book)
    for second in range(2, 12):
        world.lift(second, book)
        world.lay(second + 0.5, book)
    world.run(until=14)
    assert world.library.done == {"checkout b1": 1}


def test_the_next_readers_books_never_go_to_the_former_card() -> None:
    world = World()
    world.library.cards.add("card-2")
    card, other = world.card(), world.card("card-2")
    one, two, three = world.book("b1"), world.book("b2"), world.book("b3")
    world.lay(1, card, one)
    world.lift(4, card)
    world.lay(6, two)
    world.run(until=12)
    assert world.library.holders == {"b1": CARD}
    world.lay(12, other)
    world.run(until=16)
    assert world.library.holders == {"b1": CARD, "b2": "card-2"}
    world.lay(16, card, three)
    world.run(until=20)
    assert "b3" not in world.library.holders


def test_a_forgotten_card_lends_nothing_until_it_is_laid_down_again() -> None:
    world = World()
    card, book = world.card(), world.book("b1")
    world.lay(1, card)
    world.lay(40, book)
    world.run(until=50)
    assert world.steps() == []
    world.lift(50, card)
    world.lay(52, card)
    world.run(until=56)
    assert world.library.holders == {"b1": CARD}


def test_a_blocked_card_borrows_nothing() -> None:
    world = World()
    world.lay(1, world.card("stolen"), world.book("b1"), world.book("b2"))
    world.run(until=6)
    assert world.steps() == ["checkout intent", "checkout refused"] * 2
    assert world.library.holders == {}
    reasons = {
        one.reason
        for one in world.disk.records
        if isinstance(one, LoanChanged) and one.step == LoanStep.REFUSED
    }
    assert reasons == {"Card blocked"}


def test_a_refused_book_leaves_its_neighbour_alone() -> None:
    world = World()
    one, two = world.book("b1"), world.book("b2")
    world.library.refuses.add("b1")
    world.lay(1, world.card(), one, two)
    world.run(until=6)
    assert world.steps("b1") == ["checkout intent", "checkout refused"]
    assert world.steps("b2")[-1] == "checkout closed"
    assert (world.pad.chips[one].afi, world.pad.chips[two].afi) == (HOME, LENT)


def test_a_tag_that_cannot_be_written_takes_the_loan_back_and_calls_staff() -> None:
    world = World()
    uid = world.book("b1")
    world.pad.chips[uid].stubborn = True
    world.lay(1, world.card(), uid)
    world.run(until=6)
    assert world.steps() == ["checkout intent", "checkout granted", "checkout staff"]
    assert world.library.holders == {}
    last = world.disk.records[-1]
    assert isinstance(last, LoanChanged)
    assert "write error" in last.reason
    assert last.reason.endswith("the loan was taken back")


def test_half_a_released_set_is_secured_again() -> None:
    world = World()
    one, two = world.book("b1", 2, 1), world.book("b1", 2, 2)
    world.pad.chips[two].stubborn = True
    world.lay(1, world.card(), one, two)
    world.run(until=6)
    assert world.steps()[-1] == "checkout staff"
    assert world.pad.chips[one].afi == HOME


def test_an_incomplete_set_waits_for_its_other_part() -> None:
    world = World()
    one, two = world.book("b1", 2, 1), world.book("b1", 2, 2)
    world.lay(1, world.card(), one)
    world.run(until=6)
    assert world.steps() == []
    world.lay(6, two)
    world.run(until=10)
    assert world.steps()[-1] == "checkout closed"
    assert {world.pad.chips[uid].afi for uid in (one, two)} == {LENT}


def test_a_returned_book_whose_tag_cannot_be_written_stays_returned() -> None:
    world = World()
    uid = world.book("b1")
    world.pad.chips[uid].stubborn = True
    world.library.holders["b1"] = CARD
    world.lay(1, uid)
    world.run(until=6)
    assert world.steps() == ["checkin intent", "checkin granted", "checkin staff"]
    assert world.library.done == {"checkin b1": 1}


@pytest.mark.parametrize("security", [True, False, None])
def test_the_tag_is_left_alone_when_the_library_system_says_so(security: bool | None) -> None:
    world = World()
    uid = world.book("b1")
    world.library.security = security
    world.lay(1, world.card(), uid)
    world.run(until=6)
    assert world.steps()[-1] == "checkout closed"
    assert world.pad.chips[uid].afi == (HOME if security is False else LENT)


def test_an_answer_that_never_came_is_a_task_for_staff() -> None:
    world = World()
    world.library.mute = True
    uid = world.book("b1")
    world.lay(1, world.card(), uid)
    world.run(until=6)
    assert world.steps() == ["checkout intent", "checkout staff"]
    assert world.library.done == {"checkout b1": 1}
    assert world.pad.chips[uid].afi == HOME


def test_without_the_library_system_nothing_is_begun_and_nothing_lost() -> None:
    world = World()
    world.library.down = True
    world.lay(1, world.card(), world.book("b1"))
    world.run(until=20)
    assert world.steps() == []
    world.library.down = False
    world.run(until=60)
    assert world.steps()[-1] == "checkout closed"
    said = [
        one.available
        for one in world.disk.records
        if isinstance(one, DeviceChanged) and one.device == "ils"
    ]
    assert said == [False, True]


def test_what_was_never_sent_is_refused_and_asked_again_later() -> None:
    world = World()
    uid = world.book("b1")
    world.lay(1, uid)
    world.at(1.5, lambda: setattr(world.library, "down", True))
    world.at(10, lambda: setattr(world.library, "down", False))
    world.run(until=40)
    assert world.steps()[:2] == ["checkin intent", "checkin refused"]
    assert world.steps()[-1] == "checkin closed"
    assert world.library.done == {"checkin b1": 1}


def test_a_reader_that_goes_away_is_said_once_and_once_that_it_is_back() -> None:
    world = World()
    world.at(5, lambda: setattr(world.pad, "down", True))
    world.at(60, lambda: setattr(world.pad, "down", False))
    world.lay(62, world.card(), world.book("b1"))
    world.run(until=75)
    said = [
        one.available
        for one in world.disk.records
        if isinstance(one, DeviceChanged) and one.device == "pad"
    ]
    assert said == [True, False, True]
    assert world.steps()[-1] == "checkout closed"


@pytest.mark.parametrize(("burst", "said"), [(2, [True]), (3, [True, False, True])])
def test_a_burst_of_noise_is_no_outage(burst: int, said: list[bool]) -> None:
    world = World()
    world.at(2, lambda: setattr(world.pad, "noise", burst))
    world.run(until=10)
    assert said == [
        one.available
        for one in world.disk.records
        if isinstance(one, DeviceChanged) and one.device == "pad"
    ]


def test_a_foreign_tag_is_reported_once_and_stops_nobody() -> None:
    world = World()
    foreign = world.book("x")
    world.pad.chips[foreign].memory = bytes(32)
    world.lay(1, foreign, world.card(), world.book("b1"))
    world.run(until=30)
    assert world.steps()[-1] == "checkout closed"
    refused = [one for one in world.disk.records if isinstance(one, InputRefused)]
    assert len(refused) == 1
    assert foreign in refused[0].reason


def test_a_loan_that_rots_is_handed_to_staff_and_harms_nothing_else() -> None:
    world = World()
    world.disk.memory["loan"] = {"kiosk-1/x": b"{", "kiosk-2/y": b"{"}
    world.lay(1, world.card(), world.book("b1"))
    world.run(until=6)
    handed = world.loans()["x"]
    assert [one.step for one in handed] == [LoanStep.STAFF]
    assert "cannot be read" in handed[0].reason
    assert world.remembered("loan") == ["kiosk-2/y"]
    assert world.steps("b1")[-1] == "checkout closed"


def test_a_session_that_rots_takes_nothing_back_until_the_pad_was_empty() -> None:
    world = World()
    card, book = world.card(), world.book("b1")
    world.lay(1, card, book)
    world.run(until=6)
    world.disk.rot("session", "kiosk-1")
    world.lift(7, card)
    for _ in range(2):
        world.run(until=world.second() + 10)
    assert world.library.done == {"checkout b1": 1}
    assert [one.source for one in world.disk.of(InputRefused)] == ["kiosk-1"]
    world.lift(world.second() + 1)
    world.lay(world.second() + 3, book)
    world.run(until=world.second() + 8)
    assert world.library.done == {"checkout b1": 1, "checkin b1": 1}


def test_a_kiosk_whose_disk_is_sick_lends_while_the_gateway_takes_its_word() -> None:
    world = World()
    world.disk.sick = True
    uid = world.book("b1")
    world.lay(1, world.card(), uid)
    world.run(until=8)
    assert world.steps() == ["checkout intent", "checkout granted", "checkout closed"]
    assert world.pad.chips[uid].afi == LENT


def test_with_disk_and_gateway_gone_it_lends_nothing_and_says_so() -> None:
    world = World()
    world.disk.sick, world.disk.gateway = True, False
    card, one, two = world.card(), world.book("b1"), world.book("b2")
    world.lay(1, card, one, two)

    def well_again() -> None:
        world.disk.sick = False

    world.at(20, well_again)
    world.lift(22)
    world.lay(24, card, one)
    world.run(until=30)
    assert world.library.done == {"checkout b1": 1}
    refused = [one for one in world.changes() if one.step == LoanStep.REFUSED]
    assert {one.item for one in refused} == {"b1", "b2"}
    assert all("not now, nothing was done" in one.reason for one in refused)
    assert all("I/O error" in one.reason for one in refused)
    assert world.steps("b1")[-1] == "checkout closed"
    assert world.pad.chips[two].afi == HOME


def test_a_loan_is_not_taken_back_unless_that_is_written_down() -> None:
    world = World()
    uid = world.book("b1")
    world.pad.chips[uid].stubborn = True
    world.disk.sick = True
    world.lay(1, world.card(), uid)
    world.run(until=12)
    assert world.steps()[-1] == "checkout staff"
    assert "undo b1" not in world.library.done
    assert "the loan stands" in world.changes()[-1].reason


def test_a_bug_in_the_library_systems_driver_is_a_task_for_staff() -> None:
    class Buggy(type(World().library)):  # type: ignore[misc]
        async def checkout(self, card: str, item: str, at: int) -> CirculationAnswer:
            raise KeyError("AF")

    world = World()
    world.library = Buggy(world.fuse)
    world.lay(1, world.card(), world.book("b1"))
    assert world.run(until=6)
    assert world.steps() == ["checkout intent", "checkout staff"]
    assert "KeyError('AF')" in world.changes()[-1].reason


def test_a_bug_in_the_readers_driver_makes_it_unavailable_and_ends_nothing() -> None:
    world = World()
    sound = world.pad.inventory

    async def buggy() -> Sequence[Tag]:
        raise IndexError("no byte 7")

    world.pad.inventory = buggy  # type: ignore[method-assign]
    world.lay(0, world.card(), world.book("b1"))
    world.at(5, lambda: setattr(world.pad, "inventory", sound))
    assert world.run(until=20)
    said = [one.available for one in world.disk.of(DeviceChanged) if one.device == "pad"]
    assert said == [False, True]
    assert world.steps()[-1] == "checkout closed"


def test_steps_of_the_wall_clock_change_nothing_on_the_pad() -> None:
    world = World()
    card, book = world.card(), world.book("b1")
    for second in range(1, 60):
        by = 1800.0 if second % 2 else -1800.0
        world.at(second + 0.1, partial(world.time.step_wall, by))
    world.lay(1, card, book)
    world.run(until=40)
    assert world.library.done == {"checkout b1": 1}


def test_an_open_loan_waits_for_the_library_system_before_anything_else() -> None:
    world = World()
    world.lay(0, world.card(), world.book("b1"))
    world.fuse.left = next(step for step in range(1, 200) if _open_after(step))
    world.run(until=5)
    world.fuse.left = 10**9
    world.library.down = True
    world.lay(world.second() + 1, world.book("b2"))
    world.run(until=world.second() + 10)
    assert world.steps() == ["checkout intent"]
    world.library.down = False
    world.run(until=world.second() + 60)
    assert world.steps("b1")[1] == "checkout refused"
    assert world.library.holders == {"b1": CARD, "b2": CARD}


def _open_after(step: int) -> bool:
    """Say whether a kiosk killed at this step leaves one intent without an answer."""
    world = World()
    world.lay(0, world.card(), world.book("b1"))
    world.fuse.left = step
    return not world.run(until=5) and world.steps() == ["checkout intent"]
