"""What a gateway of 0.1 answered, recorded: acks of all ranges, without life or counter."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from contracts.codec import acks, batches
from contracts.ranges import Ranges
from contracts.topics import parse
from tests.conftest import ROOT
from tests.unit.edge.journal.journal_world import World, passes, play, settle
from tests.unit.edge.journal.test_journal_upgrade import SCHEMA
from tests.unit.edge.uplink.test_uplink_session import TOPICS, Edge

CONVERSATION = ROOT / "tests" / "data" / "0.1" / "conversation.jsonl.gz"
AGAIN = 6
"""How often the gateway repeats its last word, as each new batch makes it do."""


def recorded(channel: str) -> list[bytes]:
    """Give what was said on a channel, in order."""
    with gzip.open(CONVERSATION, "rt", encoding="utf-8") as file:
        lines: list[dict[str, Any]] = [json.loads(line) for line in file]
    told = [(parse(line["topic"]), line["payload"]) for line in lines if line["topic"]]
    return [payload.encode() for address, payload in told if address and address.channel == channel]


def journal_of_the_recorded_edge(folder: Path) -> Ranges:
    """Write the journal that the edge of the recording had, as 0.1 wrote it; give its numbers."""
    folder.mkdir()
    heard = [batches.decode(payload) for payload in recorded("journal")]
    rows = {batch.first + n: bytes(raw) for batch in heard for n, raw in enumerate(batch.records)}
    (stream,) = {batch.stream for batch in heard}
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as old, old:
        old.executescript(SCHEMA)
        old.execute("INSERT INTO about VALUES (?, 1)", (stream,))
        old.executemany(
            "INSERT INTO record VALUES (?, ?, ?, ?)",
            [
                (seq, json.loads(body)["at"], json.loads(body).get("point"), body)
                for seq, body in sorted(rows.items())
            ],
        )
        old.execute("PRAGMA user_version = 1")
    return Ranges((seq, seq) for seq in rows)


def test_a_new_edge_forgets_what_an_old_gateway_has_and_nothing_else(tmp_path: Path) -> None:
    numbers = journal_of_the_recorded_edge(tmp_path / "edge")
    answers = recorded("ack")

    async def story() -> None:
        async with World(tmp_path / "edge").journal() as journal:
            await settle(journal)
            edge = Edge(World(tmp_path / "edge"), journal)
            edge.session.connected()
            named = Ranges()
            for answer in [*answers, *answers[-1:] * AGAIN]:
                await edge.send()
                await edge.session.received(TOPICS.ack, answer)
                named = named.union(acks.decode(answer).committed)
                await passes(0.5)
                await settle(journal)
                held = next(one.held for one in journal.tracks() if one.life == "")
                for first, last in numbers:
                    for gone_first, gone_last in held.missing(first, last):
                        assert named.covers(gone_first, gone_last), "forgotten, though not named"
            left = [one for one in journal.tracks() if one.life == "" and one.held]
            assert not any(named.within(a, b) for one in left for a, b in one.held)
            assert edge.inbox.refused == []

    assert len(answers) > 50
    assert numbers.size > 1_000
    play(story())


def test_a_command_of_0_1_reaches_the_inbox_as_it_was(tmp_path: Path) -> None:
    told = recorded("command")

    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            edge = Edge(world, journal)
            for payload in told:
                await edge.session.received(TOPICS.command, payload)
            assert edge.inbox.commands == told

    assert told
    play(story())
