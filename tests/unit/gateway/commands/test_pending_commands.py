"""Commands are sent again until their outcome comes; whose session is over, nobody can tell."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from contracts.codec import commands
from contracts.instants import SECOND, Instant
from contracts.messages import Command, StreamState
from contracts.records import CommandOutcome, EdgeStarted
from gateway.commands.pending import BEGAN_ANEW, NO_OUTCOME
from gateway.commands.requests import _keep
from gateway.ingest.pipeline import Ingest, Outcome
from tests.unit.gateway.gateway_story import PROBE, T0, House

READY = msgspec.structs.replace(PROBE, actions=("identify",))


@pytest.fixture(name="house")
def _house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.cards(READY)
    house.presence(online=True, session="one")
    yield house
    house.writer.close()


def ask(house: House, identity: str = "c1") -> Outcome:
    now = house.clock.at
    command = Command(identity, "probe", "identify", now, now + 30 * SECOND, "somebody")

    def keep(ingest: Ingest) -> None:
        _keep(ingest, command)

    return house.writer.ask(keep).outcome


def sent(outcome: Outcome) -> list[Command]:
    return [commands.decode(one.payload) for one in outcome.commands]


def outcome_of(house: House, status: str, identity: str = "c1", at: int = 0) -> CommandOutcome:
    return CommandOutcome(identity, house.clock.at + at, "probe", "identify", status)


def row(house: House, identity: str = "c1") -> tuple[str, str]:
    ((status, reason),) = house.sql("SELECT status, reason FROM command WHERE id = ?", identity)
    return status, reason


def pass_time(house: House, seconds: int) -> list[Instant]:
    """Let time pass, a tick a second; give when commands went out, in seconds."""
    begun, given = house.clock.at, list[Instant]()
    for second in range(1, seconds + 1):
        house.clock.at = begun + second * SECOND
        given += [(one.sent - begun) // SECOND for one in sent(house.tick())]
    return given


def test_a_command_is_sent_at_once_and_then_again_until_it_expires(house: House) -> None:
    (first,) = sent(ask(house))
    assert (first.session, first.sent) == ("one", T0)
    assert pass_time(house, 60) == [1, 3, 7, 12, 17, 22, 27]
    assert row(house) == ("unknown", NO_OUTCOME)
    assert house.tally("command-unknown") == 1


def test_an_outcome_ends_it_and_the_first_one_is_kept(house: House) -> None:
    ask(house)
    house.told(outcome_of(house, "done"), outcome_of(house, "failed", at=9), first=1)
    assert pass_time(house, 60) == []
    assert row(house)[0] == "done"
    house.told(outcome_of(house, "refused", at=-9), first=3)
    assert row(house)[0] == "done"
    house.told(outcome_of(house, "reverted"), first=4)
    assert row(house)[0] == "reverted"


def test_what_waits_survives_a_restart_of_the_gateway(house: House) -> None:
    ask(house)
    house.restart()
    assert pass_time(house, 3) == [1, 2]
    house.told(outcome_of(house, "done"), first=1)
    house.restart()
    assert pass_time(house, 40) == []
    assert row(house)[0] == "done"


def test_a_session_that_ended_without_outcome_gives_unknown(house: House) -> None:
    house.told(EdgeStarted(T0, "stacks", "1"), first=1, session="one")
    ask(house)
    streams = (StreamState("s", 4, 2),)
    house.presence(online=True, session="two", streams=streams)
    assert house.tick().withdrawn == ("c1",)
    assert pass_time(house, 5) == []
    assert row(house)[0] == "sent"
    house.told(*[EdgeStarted(T0, "stacks", "1")] * 2, first=2, session="two")
    pass_time(house, 1)
    assert row(house) == ("unknown", BEGAN_ANEW)
    house.told(outcome_of(house, "done"), first=4, session="two")
    assert row(house)[0] == "done"
    house.told(outcome_of(house, "unknown"), first=5, session="two")
    assert row(house)[0] == "done"


def test_an_outcome_in_the_backlog_comes_before_unknown(house: House) -> None:
    ask(house)
    house.presence(online=True, session="two", streams=(StreamState("s", 2, 1),))
    house.told(outcome_of(house, "done"), first=1, session="two")
    pass_time(house, 90)
    assert row(house)[0] == "done"


def test_an_edge_that_cannot_deliver_is_not_waited_for_for_ever(house: House) -> None:
    ask(house)
    house.presence(online=True, session="two", streams=(StreamState("s", 2, 1),))
    pass_time(house, 59)
    assert row(house)[0] == "sent"
    pass_time(house, 2)
    assert row(house) == ("unknown", BEGAN_ANEW)


def test_a_will_or_an_old_edge_ends_no_session(house: House) -> None:
    ask(house)
    house.presence(online=False)
    house.presence(online=True)
    assert pass_time(house, 3) == [1, 3]


def test_an_edge_of_0_1_gets_commands_for_any_session(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.cards(READY)
    house.presence(online=True)
    (command,) = sent(ask(house))
    assert command.session == ""
    house.send(outcome_of(house, "done"))
    assert row(house)[0] == "done"
    house.writer.close()


def test_an_outcome_that_nobody_asked_for_is_an_alarm(house: House) -> None:
    house.told(outcome_of(house, "done", "forged"), first=1)
    assert house.sql("SELECT kind, source, code, state FROM alarm WHERE kind = 'command'") == [
        ("command", "probe", "unasked", "returned-unacknowledged")
    ]


def test_an_edge_ends_no_command_of_another(house: House) -> None:
    ask(house)
    house.told(outcome_of(house, "done"), first=1, edge="west", stream="w")
    assert row(house)[0] == "sent"
    assert house.tally("foreign") == 1
