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
from gateway.commands.requests import RequestError, _keep
from gateway.ingest.pipeline import Ingest, Outcome
from tests.unit.gateway.gateway_story import PROBE, T0, Building

READY = msgspec.structs.replace(PROBE, actions=("identify",))


@pytest.fixture(name="building")
def _house(tmp_path: Path) -> Iterator[Building]:
    building = Building(tmp_path)
    building.cards(READY)
    building.presence(online=True, session="one")
    yield building
    building.writer.close()


def ask(building: Building, identity: str = "c1") -> Outcome:
    now = building.clock.at
    command = Command(identity, "probe", "identify", now, now + 30 * SECOND, "somebody")

    def keep(ingest: Ingest) -> None:
        _keep(ingest, command)

    return building.writer.ask(keep).outcome


def sent(outcome: Outcome) -> list[Command]:
    return [commands.decode(one.payload) for one in outcome.commands]


def outcome_of(
    building: Building, status: str, identity: str = "c1", at: int = 0
) -> CommandOutcome:
    return CommandOutcome(identity, building.clock.at + at, "probe", "identify", status)


def row(building: Building, identity: str = "c1") -> tuple[str, str]:
    ((status, reason),) = building.sql("SELECT status, reason FROM command WHERE id = ?", identity)
    return status, reason


def pass_time(building: Building, seconds: int) -> list[Instant]:
    """Let time pass, a tick a second; give when commands went out, in seconds."""
    begun, given = building.clock.at, list[Instant]()
    for second in range(1, seconds + 1):
        building.clock.at = begun + second * SECOND
        given += [(one.sent - begun) // SECOND for one in sent(building.tick())]
    return given


def test_a_command_is_sent_at_once_and_then_again_until_it_expires(building: Building) -> None:
    (first,) = sent(ask(building))
    assert (first.session, first.sent) == ("one", T0)
    assert pass_time(building, 60) == [1, 3, 7, 12, 17, 22, 27]
    assert row(building) == ("unknown", NO_OUTCOME)
    assert building.tally("command-unknown") == 1


def test_an_outcome_ends_it_and_the_first_one_is_kept(building: Building) -> None:
    ask(building)
    building.told(outcome_of(building, "done"), outcome_of(building, "failed", at=9), first=1)
    assert pass_time(building, 60) == []
    assert row(building)[0] == "done"
    building.told(outcome_of(building, "refused", at=-9), first=3)
    assert row(building)[0] == "done"
    building.told(outcome_of(building, "reverted"), first=4)
    assert row(building)[0] == "reverted"


def test_what_waits_survives_a_restart_of_the_gateway(building: Building) -> None:
    ask(building)
    building.restart()
    assert pass_time(building, 3) == [1, 2]
    building.told(outcome_of(building, "done"), first=1)
    building.restart()
    assert pass_time(building, 40) == []
    assert row(building)[0] == "done"


def test_a_session_that_ended_without_outcome_gives_unknown(building: Building) -> None:
    building.told(EdgeStarted(T0, "stacks", "1"), first=1, session="one")
    ask(building)
    streams = (StreamState("s", 4, 2),)
    building.presence(online=True, session="two", streams=streams)
    assert building.tick().withdrawn == ("c1",)
    assert pass_time(building, 5) == []
    assert row(building)[0] == "sent"
    building.told(*[EdgeStarted(T0, "stacks", "1")] * 2, first=2, session="two")
    pass_time(building, 1)
    assert row(building) == ("unknown", BEGAN_ANEW)
    building.told(outcome_of(building, "done"), first=4, session="two")
    assert row(building)[0] == "done"
    building.told(outcome_of(building, "unknown"), first=5, session="two")
    assert row(building)[0] == "done"


def test_an_outcome_in_the_backlog_comes_before_unknown(building: Building) -> None:
    ask(building)
    building.presence(online=True, session="two", streams=(StreamState("s", 2, 1),))
    building.told(outcome_of(building, "done"), first=1, session="two")
    pass_time(building, 90)
    assert row(building)[0] == "done"


def test_an_edge_that_cannot_deliver_is_not_waited_for_for_ever(building: Building) -> None:
    ask(building)
    building.presence(online=True, session="two", streams=(StreamState("s", 2, 1),))
    pass_time(building, 59)
    assert row(building)[0] == "sent"
    pass_time(building, 2)
    assert row(building) == ("unknown", BEGAN_ANEW)


def test_a_will_or_an_old_edge_ends_no_session(building: Building) -> None:
    ask(building)
    building.presence(online=False)
    building.presence(online=True)
    assert pass_time(building, 3) == [1, 3]


def test_an_edge_of_0_1_gets_commands_for_any_session(tmp_path: Path) -> None:
    building = Building(tmp_path)
    building.cards(READY)
    building.presence(online=True)
    (command,) = sent(ask(building))
    assert command.session == ""
    building.send(outcome_of(building, "done"))
    assert row(building)[0] == "done"
    building.writer.close()


def test_no_command_is_taken_before_its_edge_said_its_session(tmp_path: Path) -> None:
    # One without a session is any session's: an edge that lost its journal would do it again.
    building = Building(tmp_path)
    building.cards(READY)
    with pytest.raises(RequestError, match="has not said yet") as refused:
        ask(building)
    assert refused.value.code == "edge-unheard"
    building.writer.take([building.will("stacks")])
    with pytest.raises(RequestError, match="has not said yet"):
        ask(building)
    building.presence(online=True, session="one")
    (command,) = sent(ask(building))
    assert command.session == "one"
    building.writer.close()


def test_an_outcome_that_nobody_asked_for_is_an_alarm(building: Building) -> None:
    building.told(outcome_of(building, "done", "forged"), first=1)
    assert building.sql("SELECT kind, source, code, state FROM alarm WHERE kind = 'command'") == [
        ("command", "probe", "unasked", "returned-unacknowledged")
    ]


def test_an_edge_ends_no_command_of_another(building: Building) -> None:
    ask(building)
    building.told(outcome_of(building, "done"), first=1, edge="west", stream="w")
    assert row(building)[0] == "sent"
    assert building.tally("foreign") == 1
