"""A client's life with brokers that come and go: pauses, turns, what it says, how it leaves."""

import asyncio
import logging
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.mqtt.client import Client, identity
from runtime.mqtt.connection import Message, Outgoing
from runtime.mqtt.errors import RefusedError
from tests.conftest import play as run_story
from tests.unit.runtime.mqtt_world import SESSION, A, B, Diary, Up, World, live, turns

Play = Callable[..., Any]


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


@given(
    outage=st.floats(0.1, 300),
    seed=st.integers(0, 1000),
    number=st.integers(1, 4),
)
def test_a_broker_is_found_within_two_seconds_after_any_outage(
    outage: float, seed: int, number: int
) -> None:
    async def story() -> None:
        outage_ends = 50.0 + outage
        world = World(until=outage_ends + 10, seed=seed)
        brokers = [A, B, *[B.__class__(f"more-{one}", 1) for one in range(number)]][:number]
        world.up[brokers[-1]] = [Up(0, 50), Up(outage_ends, 1e9)]
        await live(world, *brokers)
        assert max(world.pauses) <= 1.5
        back = [at for at, broker in world.attempts if at >= outage_ends and broker == brokers[-1]]
        assert back[0] - outage_ends <= 2.0

    run_story(story())


def test_the_pauses_grow_and_are_spread(play: Play) -> None:
    async def story() -> None:
        all_pauses = []
        for seed in range(50):
            world = World(until=60, seed=seed)
            await live(world)
            all_pauses.append(world.pauses)
        first, late = [one[0] for one in all_pauses], [one[8] for one in all_pauses]
        assert 0.1 <= min(first) < max(first) <= 0.2
        assert 0.75 <= min(late) < 0.8
        assert 1.45 < max(late) <= 1.5

    play(story())


def test_it_says_once_that_the_broker_is_gone_and_once_that_it_is_back(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "runtime.mqtt")

    async def story() -> None:
        world = World(until=11_000)
        world.up[A] = [Up(5, 1000, closed=False), Up(10_000, 1e9)]
        await live(world)

    play(story())
    assert lines(caplog) == [
        ("WARNING", "broker a:1883 is gone: refused; trying again"),
        ("INFO", "broker a:1883 is there"),
        ("WARNING", "broker a:1883 is gone: it went; trying again"),
        ("WARNING", "broker a:1883 is gone: refused; trying again"),
        ("INFO", "broker a:1883 is there"),
    ]


def test_brokers_are_tried_in_turn(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "runtime.mqtt")

    async def story() -> None:
        world = World(until=400)
        world.up = {A: [Up(200, 1e9)], B: [Up(0, 100)]}
        await live(world, A, B)
        tried = [broker for _, broker in world.attempts]
        assert tried[:2] == [A, B]
        assert all(one != other for one, other in pairwise(tried))
        assert [one.address for one in world.connections] == [B, A]
        assert world.attempts[-1][0] - 200 < 2

    play(story())
    assert lines(caplog) == [
        ("WARNING", "broker a:1883 is gone: refused; trying the others in turn"),
        ("INFO", "broker b:1883 is there"),
        ("WARNING", "broker b:1883 is gone: it went; trying the others in turn"),
        ("WARNING", "broker b:1883 is gone: refused; trying the others in turn"),
        ("INFO", "broker a:1883 is there"),
    ]


def test_a_broker_that_never_answers_costs_its_attempt_and_no_more(play: Play) -> None:
    async def story() -> None:
        world = World(until=100)
        world.costs[A] = 2.0
        world.up[B] = [Up(50, 1e9)]
        await live(world, A, B)
        assert world.attempts[-1][1] == B
        assert world.attempts[-1][0] - 50 <= 2.0 + 1.5

    play(story())


def test_the_order_of_things_on_a_connection(play: Play) -> None:
    async def story() -> None:
        world, diary = World(until=20), Diary()
        world.up[A] = [Up(0, 10)]
        world.letters[A] = [Message("t/1", b"one"), Message("u", b"two", retained=True)]
        await live(world, diary=diary)
        (connection,) = world.connections
        assert connection.greeting == ("me", 10, Outgoing("state", b"cut off", retain=True))
        assert connection.subscribed == SESSION.subscriptions
        assert connection.published == [Outgoing("state", b"here", retain=True)]
        assert diary.happened == [
            "connected",
            Message("t/1", b"one"),
            Message("u", b"two", retained=True),
            "disconnected",
        ]
        assert connection.goodbye is None
        assert connection.ended

    play(story())


def test_cancelled_it_says_goodbye_and_ends_in_the_same_turn(play: Play) -> None:
    async def story() -> None:
        world, diary = World(), Diary()
        world.up[A], world.live = [Up(0, 1e9)], True
        client = Client([A], SESSION, world.io)
        running = asyncio.create_task(client.run(diary), name="client")
        await turns(lambda: client.connected is not None)
        assert await client.publish("x", b"1")
        assert client.offer("x", b"2")
        running.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert running.cancelled()
        (connection,) = world.connections
        assert connection.goodbye == [Outgoing("state", b"bye", retain=True)]
        assert diary.happened == ["connected", "disconnected"]
        assert not await client.publish("x", b"3")
        assert not client.offer("x", b"3")

    play(story())


def test_a_bug_in_the_listener_is_not_taken_for_a_broker_that_is_gone(play: Play) -> None:
    async def story() -> None:
        world, diary = World(), Diary()
        world.up[A] = [Up(0, 1e9)]
        world.letters[A] = [Message("t/1", b"one")]

        def fail(_: Message) -> None:
            raise KeyError("bug")

        diary.on_message = fail
        with pytest.raises(KeyError, match="bug"):
            await live(world, diary=diary)
        assert world.connections[0].ended
        assert world.connections[0].goodbye is None

    play(story())


def test_a_broker_that_comes_and_goes_does_not_fill_the_log(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "runtime.mqtt")

    async def story() -> None:
        world = World(until=3600)
        world.up[A], world.lasting = [Up(0, 3500, closed=False), Up(3590, 1e9)], 0.5
        await live(world)
        assert len(world.connections) > 1000

    play(story())
    said = [text for _, text in lines(caplog)]
    assert len(said) < 2 * 3600 / 60 + 12
    assert said[-1] == "broker a:1883 is there"
    assert all(one != other for one, other in pairwise(said))


def test_a_refused_subscription_is_said_once(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        world = World(until=300)
        world.up[A] = [Up(0, 1e9)]
        world.refusal = RefusedError("the broker refuses the subscription to t/+; let it read it")
        await live(world)
        assert len(world.connections) > 100
        assert all(one.ended for one in world.connections)

    play(story())
    (line,) = lines(caplog)
    assert "refuses the subscription to t/+" in line[1]


def test_a_second_client_of_the_same_name_is_suspected_once(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        world = World(until=100)
        world.up[A], world.lasting = [Up(0, 1e9)], 0.5
        await live(world)
        assert len(world.connections) > 20

    play(story())
    suspicions = [text for level, text in lines(caplog) if level == "ERROR"]
    assert len(suspicions) == 1
    assert "client id me: is another client running under the same name?" in suspicions[0]


@pytest.mark.parametrize("how", ["dead", "restarted", "unmade", "long"])
def test_a_second_client_is_not_suspected_without_reason(
    how: str, play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    """A link that goes dead, a broker that restarts, a port that is none, a kick an hour."""

    async def story() -> None:
        world = World(until=36_000 if how == "long" else 200)
        world.up[A], world.lasting = [Up(0, 1e9, closed=how != "dead")], 0.5
        if how == "restarted":
            world.up[A] = [Up(one, one + 2) for one in range(0, 200, 10)]
            world.lasting = float("inf")
        elif how == "unmade":
            world.unmade = True
        elif how == "long":
            world.lasting = 3600
        await live(world)
        assert len(world.attempts) > 8

    play(story())
    assert "same name" not in caplog.text


def test_different_causes_are_told_and_their_number_is_bounded(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        world = World(until=300)
        world.up[A] = [Up(0, 1e9)]
        causes = iter(range(10_000))

        async def subscribe(_: object, __: object) -> None:
            raise RefusedError(f"no. {next(causes)}")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.unit.runtime.mqtt_world.FakeConnection.subscribe", subscribe)
            await live(world)

    play(story())
    assert len(lines(caplog)) == 5


@given(st.text(max_size=30), st.text(max_size=30))
def test_an_identity_has_only_what_every_broker_accepts(one: str, other: str) -> None:
    made = identity("edge", one, other)
    assert set(made) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:-")
    assert made.startswith("edge-")
