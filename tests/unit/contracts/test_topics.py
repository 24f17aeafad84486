"""Topics: what is built is taken apart again, and nothing else is."""

import re

from hypothesis import given
from hypothesis import strategies as st

from contracts.topics import Address, of_edge, parse

ID = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}", fullmatch=True)


@given(ID, ID, ID)
def test_every_topic_of_an_edge_is_taken_apart(site: str, edge: str, device: str) -> None:
    topics = of_edge(site, edge)
    for channel in ("journal", "ack", "command", "state"):
        assert parse(getattr(topics, channel)) == Address(site, edge, channel)
    assert parse(topics.card + device) == Address(site, edge, "card", device)


@given(ID, ID, ID)
def test_no_topic_needs_quoting_anywhere(site: str, edge: str, device: str) -> None:
    topics = of_edge(site, edge)
    for topic in (*topics[:4], topics.card + device):
        assert re.fullmatch(r"[A-Za-z0-9_/-]+", topic)
        assert len(topic.encode()) < 256


@given(ID, ID)
def test_no_two_edges_share_a_topic(one: str, other: str) -> None:
    shared = set(of_edge("site", one)) & set(of_edge("site", other))
    assert bool(shared) == (one == other)


@given(st.text(alphabet="wenlan/v1+#journalcard", max_size=40))
def test_what_is_not_ours_is_none_or_round_trips(topic: str) -> None:
    address = parse(topic)
    if address is not None:
        topics = of_edge(address.site, address.edge)
        built = topics.card + address.device if address.device else None
        assert topic in (*topics, built)


def test_foreign_topics_are_none() -> None:
    for topic in ("", "wenlan/v1/a/b", "wenlan/v1/a/b/card/c/d", "wenlan/v2/a/b/ack", "x/y"):
        assert parse(topic) is None
