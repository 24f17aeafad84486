"""Orders to the simulators: one JSON object a line over a loopback TCP port, one line back.

    {"do": "fault", "device": "probe-v2", "what": "unplug", "for": 30}
    {"do": "clear", "device": "probe-v2"}
    {"do": "quiet"}
    {"do": "state"}

`device` may be a link, which is then faulty as a whole; `for` is in seconds and may be left out;
`value` is the number that some faults take. An answer has `ok`, and `error` when it is false.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from simulators.errors import SimulatorError
from simulators.faults import Faults
from simulators.listening import listen

LONGEST_LINE = 4096


def orders(
    faults: Faults, quiet: Callable[[], None], state: Callable[[], Mapping[str, Any]]
) -> Callable[[bytes], dict[str, Any]]:
    """Give the function that carries one line out and gives the answer."""
    return lambda line: _obey(line, faults, quiet, state)


def _obey(
    line: bytes,
    faults: Faults,
    quiet: Callable[[], None],
    state: Callable[[], Mapping[str, Any]],
) -> dict[str, Any]:
    try:
        return {"ok": True, **_carry_out(_message(line), faults, quiet, state)}
    except SimulatorError as error:
        return {"ok": False, "error": str(error)}


def _carry_out(
    message: Mapping[str, Any],
    faults: Faults,
    quiet: Callable[[], None],
    state: Callable[[], Mapping[str, Any]],
) -> Mapping[str, Any]:
    match message.get("do"):
        case "fault":
            fault = faults.begin(
                _text(message, "device"),
                _text(message, "what"),
                _number(message, "for"),
                _number(message, "value"),
            )
            return {"since": fault.since, "until": fault.until}
        case "clear":
            ended = faults.clear(_text(message, "device"))
            return {"was": None if ended is None else ended.what}
        case "quiet":
            quiet()
        case "state":
            return state()
        case other:
            raise SimulatorError(f"do {other!r} is none of fault, clear, quiet, state")
    return {}


def _message(line: bytes) -> Mapping[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise SimulatorError(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise SimulatorError('not an object; write for example {"do": "state"}')
    return message


def _text(message: Mapping[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise SimulatorError(f"{key} is {value!r}; give a text")
    return value


def _number(message: Mapping[str, Any], key: str) -> float | None:
    value = message.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
        raise SimulatorError(f"{key} is {value!r}; give a number from 0 to 1e9, or leave it out")
    return float(value)


async def serve_control(
    port: int,
    obey: Callable[[bytes], dict[str, Any]],
    ready: Callable[[int], None] | None = None,
) -> None:
    """Take orders on a loopback port until cancelled; `ready` is told the port."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _converse(reader, writer, obey)

    await listen("control", ("127.0.0.1", port), converse, ready, LONGEST_LINE)


async def _converse(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    obey: Callable[[bytes], dict[str, Any]],
) -> None:
    try:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                answer = {"ok": False, "error": f"a line of more than {LONGEST_LINE} bytes"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
                return
            if not line:
                return
            writer.write(json.dumps(obey(line), ensure_ascii=False).encode() + b"\n")
            await writer.drain()
    except OSError:
        return  # whoever asked went away
