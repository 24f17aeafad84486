"""Where a speaker is, and which brokers only remember it."""

from hypothesis import given
from hypothesis import strategies as st

from config.broker import BrokerAddress
from runtime.mqtt.whereabouts import MOST_SPEAKERS, Whereabouts

BROKERS = [BrokerAddress(name, 1883) for name in "abc"]


@given(st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from(BROKERS))))
def test_a_speaker_is_where_it_was_heard_last(heard: list[tuple[str, BrokerAddress]]) -> None:
    whereabouts = Whereabouts()
    for who, broker in heard:
        whereabouts.heard(who, broker)
    last = dict(heard)
    for who in "xyz":
        for broker in BROKERS:
            expected = who in last and last[who] != broker
            assert whereabouts.elsewhere(who, broker) == expected


def test_names_that_somebody_makes_up_do_not_fill_the_memory() -> None:
    whereabouts = Whereabouts()
    for number in range(MOST_SPEAKERS + 50):
        whereabouts.heard("real", BROKERS[0])
        whereabouts.heard(f"false-{number}", BROKERS[1])
    assert len(whereabouts._heard) <= MOST_SPEAKERS
    assert whereabouts.elsewhere("real", BROKERS[1])
