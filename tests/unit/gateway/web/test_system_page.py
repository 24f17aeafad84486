"""The page of the system tells what is wrong with edges, in both languages."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from contracts.codec import encode
from contracts.instants import SECOND
from contracts.messages import Presence, StreamState
from contracts.records import ClockStepped, PartFell, RecordsGivenUp
from contracts.topics import Address
from gateway.engine.writer import Writer
from gateway.ingest.validation import Arrived
from tests.unit.gateway.web.console_world import Building, opened


@pytest.fixture(name="client", scope="module")
def _client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with opened(tmp_path_factory.mktemp("store")) as (building, client):
        asyncio.run(trouble(building))
        yield client


async def trouble(building: Building) -> None:
    now = building.clock.now
    sick = Presence(
        "front", True, now, "front-journal", session="x", journal="failing", disk=0.97, steps=3,
        reason="I/O error", streams=(StreamState("front-journal", 90, 80), StreamState("v", 9, 4)),
    )  # fmt: skip
    address = Address(building.site.site, "front", "state")
    await building.arrive(Arrived(address, encode(sick), now))
    await building.send(
        "front",
        PartFell("front", now, "kiosk-1", stands=False, reason="a bug"),
        ClockStepped("front", now, -90 * SECOND, "c2"),
        RecordsGivenUp(now, "front-old", "y", 3, 5, now - 9, now, "budget full"),
    )
    await building.writer_thread._persist(Writer.tick)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["disk failing", "fell, and is started again", "The clock was stepped by -90.0 s",
                "given up by the edge", "awaited"]),
        ("zh", ["磁盘故障", "正在重新启动", "时钟被调整 -90.0 秒", "边缘节点已舍弃", "等待补传"]),
    ],
)  # fmt: skip
def test_the_page_tells_what_is_wrong(client: TestClient, language: str, words: list[str]) -> None:
    text = client.get("/system", headers={"Accept-Language": language}).text
    for word in (*words, "I/O error", "a bug", "kiosk-1", "budget full", "97"):
        assert word in text, word


@pytest.mark.parametrize(
    ("language", "word"), [("en", "the journal cannot be written"), ("zh", "本地缓存无法写入")]
)
def test_the_alarm_tells_what_is_wrong(client: TestClient, language: str, word: str) -> None:
    text = client.get("/alarms", headers={"Accept-Language": language}).text
    assert word in text
    assert "I/O error" in text


def test_programs_hear_the_same(client: TestClient) -> None:
    front = next(one for one in client.get("/api/v1/edges").json() if one["id"] == "front")
    assert (front["journal"], front["reason"], front["disk"]) == ("failing", "I/O error", 0.97)
    assert (front["waiting"], front["clock_steps"]) == (15, 3)
    gaps = {
        (one["first"], one["cause"], one["reason"]) for one in client.get("/api/v1/gaps").json()
    }
    assert gaps >= {(1, "", ""), (3, "given-up", "budget full")}
