"""What an edge of 0.1 said, recorded: samples, a command, an outage, a thinned journal."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.codec import acks, commands, presences
from contracts.instants import SECOND, Instant
from contracts.messages import MOST_RANGES
from contracts.ranges import Ranges
from contracts.topics import parse
from gateway.ingest.pipeline import Ingest
from gateway.ingest.validation import Arrived
from tests.conftest import ROOT
from tests.unit.gateway.gateway_story import Building

CONVERSATION = ROOT / "tests" / "data" / "0.1" / "conversation.jsonl.gz"


@pytest.fixture(name="lines", scope="module")
def _lines() -> list[dict[str, Any]]:
    with gzip.open(CONVERSATION, "rt", encoding="utf-8") as file:
        return [line for line in map(json.loads, file) if line["topic"]]


@pytest.fixture(name="building")
def _house(tmp_path: Path) -> Iterator[Building]:
    building = Building(tmp_path)
    yield building
    building.writer.close()


def begun(lines: list[dict[str, Any]]) -> Instant:
    """Give the instant of the recording's zero."""
    line = next(line for line in lines if line["topic"].endswith("/state"))
    told = presences.decode(line["payload"].encode())
    return told.at - int(line["t"] * SECOND)


def hear(building: Building, line: dict[str, Any], sent: Ranges) -> Ranges:
    """Let the gateway hear a line; give the numbers it has been sent so far."""
    address = parse(line["topic"])
    assert address is not None
    payload = line["payload"].encode()
    if address.channel == "command":
        command = commands.decode(payload)

        def keep(ingest: Ingest) -> None:
            ingest.pending.add(address.edge, command, building.clock.at)

        building.writer.ask(keep)
    if address.channel not in ("journal", "card", "state"):
        return sent
    outcome = building.writer.take([Arrived(address, payload, building.clock.at)]).outcome
    if address.channel != "journal":
        return sent
    batch = json.loads(payload)
    first, last = batch["first"], batch["first"] + len(batch["records"]) - 1
    sent = sent.union([(first, last)] if last >= first else [])
    ack = acks.decode(outcome.acks[-1].payload)
    named = Ranges(ack.committed)
    assert named.covers(first, last) or last < first
    assert named.last == sent.last, "an edge of 0.1 finds out by it that its journal is an old copy"
    assert len(ack.committed) <= MOST_RANGES
    assert all(sent.covers(low, high) for low, high in named)
    return sent


@pytest.mark.parametrize("away", [None, (33.5, 178.4)])
def test_all_that_an_old_edge_said_is_stored_once(
    building: Building, lines: list[dict[str, Any]], away: tuple[float, float] | None
) -> None:
    zero, sent = begun(lines), Ranges()
    if away is not None:
        # The gateway is away while the journal is thinned, and hears of that from the backlog.
        missed = [line for line in lines if away[0] < line["t"] < away[1]]
        notices = [line | {"t": 200.0} for line in missed if '"kind":"thinned"' in line["payload"]]
        lines = [line for line in lines if line not in missed] + notices
    for line in lines:
        building.clock.at = zero + round(line["t"] * SECOND)
        if int(line["t"]) % 30 == 0:
            building.restart()
        building.tick()
        sent = hear(building, line, sent)
    records = {
        batch["first"] + place: record
        for line in lines
        if line["topic"].endswith("/journal")
        for batch in [json.loads(line["payload"])]
        for place, record in enumerate(batch["records"])
    }
    readings = {
        number: (record["point"], record["at"], record["value"])
        for number, record in records.items()
        if record["kind"] == "reading"
    }
    stored = building.sql("SELECT seq, path, at, value FROM reading JOIN point ON id = point")
    assert len(stored) == len(readings)
    assert {seq: tuple(rest) for seq, *rest in stored} == readings
    assert building.sql("SELECT count(*) FROM event") == [(len(records) - len(readings),)]
    assert building.sql("SELECT count(*) FROM unreadable") == [(0,)]
    holes = building.sql("SELECT first, last, cause FROM gap ORDER BY first")
    thinned = Ranges(
        pair for one in records.values() if one["kind"] == "thinned" for pair in one["ranges"]
    )
    assert Ranges((first, last) for first, last, _ in holes) == sent.missing(1, sent.last or 0)
    given_up = sum(last - first + 1 for first, last, cause in holes if cause == "thinned")
    assert given_up > 1000 if away is not None else holes == [(1, 8, "")]
    assert all((cause == "thinned") == thinned.covers(first, last) for first, last, cause in holes)
    ended = building.sql("SELECT status, edge FROM command ORDER BY status")
    assert ended == [("done", "stacks"), ("reverted", "stacks")]
    assert building.sql("SELECT kind FROM alarm WHERE kind IN ('command', 'store')") == []
