"""A setpoint goes all the way to the machine, is read back, and reverts when its lease ends."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.library import open_library, rows
from wenlan.example.library import Library
from wenlan.example.processes import until
from wenlan.example.site import EXAMPLE
from wenlan.proofs.ground_truth import read_ledger

pytestmark = pytest.mark.system

WRITE = {
    "device": "ac-v1",
    "action": "write",
    "point": "temperature_setpoint",
    "value": 20.5,
    "lease": 3,
    "who": "test",
}


def post(library: Library, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        f"{library.address}/api/v1/commands",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def card_is_there(library: Library) -> bool:
    devices = await library.get("/api/v1/devices") or []
    return any(one["id"] == "ac-v1" and "write" in one["actions"] for one in devices)


def test_a_setpoint_is_written_read_back_and_taken_back(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_library(EXAMPLE, tmp_path / "data", "--calm") as (library, _, _):
            await until(lambda: card_is_there(library), 20, "the air conditioner's card")
            status, _ = await asyncio.to_thread(post, library, {**WRITE, "value": 90.0})
            assert status in (409, 422), "out of limits is refused at the desk"
            status, answer = await asyncio.to_thread(post, library, WRITE)
            assert status == 202

            async def ended() -> bool:
                command = await library.get(f"/api/v1/commands/{answer['id']}")
                assert command["status"] in ("sent", "done"), command
                return bool(command["status"] == "done" and command["value"] == 20.5)

            await until(ended, 15, "the setpoint is read back")

            async def taken_back() -> bool:
                bodies = rows(library.data, "SELECT body FROM event WHERE kind = 'outcome'")
                return any(json.loads(body)["status"] == "reverted" for (body,) in bodies)

            await until(taken_back, 20, "the lease has run out")

    play(story(), within=120)
    writes = [
        row for row in read_ledger(tmp_path / "data" / "ledger.jsonl") if row["kind"] == "write"
    ]
    own = [row["words"] for row in writes if row["device"] == "ac-v1"]
    assert own == [[205], [190]], "written once, taken back once to the safe 19 °C"
