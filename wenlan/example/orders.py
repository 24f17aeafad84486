"""Gives orders to the simulators of a running library."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from simulators.errors import SimulatorError


async def send(port: int, message: Mapping[str, Any]) -> dict[str, Any]:
    """Give one order to simulators on this machine and return the answer.

    Raises SimulatorError with what they said against it, OSError when nobody is there.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(json.dumps(message).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
    if not line:
        raise SimulatorError(f"the simulators at port {port} closed without an answer")
    answer: dict[str, Any] = json.loads(line)
    if not answer.get("ok"):
        raise SimulatorError(str(answer.get("error", "refused")))
    return answer
