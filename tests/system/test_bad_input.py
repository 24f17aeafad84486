"""Nonsense on every door of a running library: one clear error each, counted, nothing else lost."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from config.loader import load_site
from contracts.codec import encode, raws
from contracts.messages import Batch
from contracts.records import Reading
from contracts.topics import of_edge
from tests.system.library import open_library, probes_site, rows
from wenlan.example.library import Library
from wenlan.example.processes import until
from wenlan.process import now
from wenlan.proofs.report import examine

pytestmark = pytest.mark.system

NONSENSE = (
    b"",
    b"\xff\xfe\x00",
    b"{",
    b"[]",
    b"null",
    b'{"stream":"x","first":"one","records":[]}',
    b'{"stream":"","first":0,"records":[]}',
    b'{"stream":"x","first":-5,"records":[{"kind":"reading","point":"a/b","at":1,"value":1}]}',
    json.dumps({"deep": [[[[[[[[[[]]]]]]]]]]}).encode(),
    b"x" * 200_000,
)


def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
    request = urllib.request.Request(
        url, body, {"Content-Type": "application/json"} | (headers or {})
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def shout(library: Library) -> None:
    """Send nonsense to every topic, and one batch whose middle record is nonsense."""
    topics = of_edge("test-library", "stacks")
    foreign = of_edge("test-library", "nobody")
    async with aiomqtt.Client("127.0.0.1", library.broker_port, identifier="nonsense") as client:
        for payload in NONSENSE:
            for topic in (topics.command, topics.ack, foreign.journal, foreign.state):
                await client.publish(topic, payload, qos=1)
            await client.publish(foreign.card + "thing", payload, qos=1)
        good = [encode(Reading("odd/temperature", now() + n, 20.0 + n)) for n in (0, 1)]
        batch = b'{"stream":"odd-stream","first":1,"records":[%b,{"kind":"reading"},%b]}' % tuple(
            good
        )
        await client.publish(foreign.journal, batch, qos=1)
        whole = encode(
            Batch("odd-stream", 4, raws([encode(Reading("odd/temperature", now(), 25.0))]))
        )
        await client.publish(foreign.journal, whole, qos=1)
        await client.publish(foreign.journal, whole, qos=1)


def test_nonsense_is_counted_and_loses_nothing_else(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    site = probes_site(tmp_path, 3, "1s")

    async def story() -> None:
        async with open_library(site, tmp_path / "data", "--calm") as (library, _, _):
            await shout(library)

            async def odd_batch_is_stored() -> bool:
                query = "SELECT count(*) FROM reading JOIN point ON id = point WHERE device = 'odd'"
                return rows(library.data, query) == [(3,)]

            await until(odd_batch_is_stored, 20, "the good neighbours are stored")
            for path, body in (
                ("/api/v1/commands", b"{"),
                ("/api/v1/commands", b'{"device": 5}'),
                ("/api/v1/alarms/999999/acknowledge", b'{"who": "anna", "comment": ""}'),
                ("/api/v1/nothing", b"{}"),
            ):
                status, text = await asyncio.to_thread(post, library.address + path, body)
                assert 400 <= status < 500, (path, status, text)
                assert json.loads(text), "an error says what is wrong, in JSON"
            evil = {"Origin": "http://evil.example"}
            status, _ = await asyncio.to_thread(
                post, library.address + "/api/v1/commands", b"{}", evil
            )
            assert status == 403

            async def neighbours_are_live() -> bool:
                points = await library.get("/api/v1/points")
                own = [one for one in points if one["path"].startswith("probe-")]
                return len(own) == 6 and all(one["freshness"] == "live" for one in own)

            await until(neighbours_are_live, 10, "the neighbours are live")
            await asyncio.sleep(1.5)

    play(story(), within=120)
    data = tmp_path / "data"
    assert rows(data, "SELECT seq FROM unreadable ORDER BY seq") == [(2,)]
    tallies = dict(rows(data, "SELECT name, count FROM tally"))
    assert tallies["duplicate"] >= 1
    assert sum(count for name, count in tallies.items() if name.startswith("refused")) >= len(
        NONSENSE
    )
    refused_at_edge = rows(data, "SELECT body FROM event WHERE kind = 'refused-input'")
    assert refused_at_edge, "the edge reports what it was sent"
    report = examine(load_site(site, {"WENLAN_BROKER_PORT": "1883"}).site, data)
    assert not report.accounts.lost
    assert not report.accounts.doubled
