"""What waits, opens, draws lots or tells the time is handed in; no interval is one of wall time."""

from pathlib import PurePath

import pytest

from tests.architecture.intervals import annotated, intervals
from tests.architecture.seams import helps_itself
from tests.architecture.sources import PRODUCT, python, source

COMPOSITIONS = {
    "edge/composition.py": "puts an edge together",
    "gateway/composition.py": "puts a gateway together",
    "simulators/run.py": "puts the simulators together",
    "simulators/listening.py": "the one place where simulators open real ports",
    "runtime/clock.py": "the machine's clock",
    "runtime/database.py": "the machine's databases",
    "runtime/folder.py": "the machine's folders",
    "runtime/host.py": "the machine, as it is handed in",
    "runtime/mqtt/connect.py": "the machine's way to a broker",
    "runtime/mqtt/opening.py": "the machine's way to a broker",
    "wenlan/*": "process entries, the example library and proofs",
    "wenlan/*/*": "process entries, the example library and proofs",
    "wenlan/*/*/*": "proofs that put edge and gateway together",
}
"""Who hands in, and so may take what there is. The only places, besides what waits below."""

RESUMES = {
    "edge/journal/stamps.py": "tells a step of the wall clock, and stamps",
    "edge/journal/terms.py": "resumes what was under way before a start",
}
"""Where an interval between two instants is what is asked for."""

WAITING_SEAMS: dict[str, str] = {}
"""Files that still help themselves, and why; the list only shrinks."""
WAITING_INTERVALS: dict[str, str] = {}
"""Files that still measure by wall time, and why; the list only shrinks."""


def seams() -> dict[str, list[str]]:
    """Find what helps itself, by file."""
    found = {one.path: list(helps_itself(one)) for one in python(*PRODUCT)}
    return {
        path: lines
        for path, lines in found.items()
        if lines and not any(PurePath(path).match(room) for room in COMPOSITIONS)
    }


def wall_intervals() -> dict[str, list[str]]:
    """Find what measures by wall time, by file."""
    known = annotated(python("edge", "drivers", "contracts", "runtime"))
    found = {one.path: intervals(one, *known) for one in python("edge", "drivers")}
    return {path: lines for path, lines in found.items() if lines and path not in RESUMES}


def test_whatever_waits_opens_or_draws_lots_is_handed_in() -> None:
    found = seams()
    assert {path: found[path] for path in found if path not in WAITING_SEAMS} == {}


def test_no_interval_is_one_of_wall_time() -> None:
    found = wall_intervals()
    assert {path: found[path] for path in found if path not in WAITING_INTERVALS} == {}


def test_who_waits_for_nothing_any_more_is_struck_off() -> None:
    assert set(WAITING_SEAMS) - set(seams()) == set()
    assert set(WAITING_INTERVALS) - set(wall_intervals()) == set()


@pytest.mark.parametrize(
    "text",
    [
        "import time\ndef f(now=time.time): ...",
        "from time import monotonic",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\nx = datetime.utcnow",
        "from datetime import date\ndate.today()",
        "import asyncio\nasyncio.get_running_loop().time()",
        "loop = running()\nbegun = loop.time()",
        "import random\npause = random.random()",
        "from random import choice",
        "from random import Random\nchance = Random()",
        "import secrets",
        "from secrets import token_hex",
        "from uuid import uuid4",
        "import uuid\nuuid.uuid4()",
        "import os\nos.urandom(8)",
        "import sqlite3",
        "import threading",
        "from concurrent.futures import ThreadPoolExecutor",
        "import concurrent.futures\nconcurrent.futures.ThreadPoolExecutor(1)",
        "from asyncio import to_thread",
        "import asyncio\nasyncio.to_thread(work)",
        "import asyncio\nasyncio.get_running_loop().run_in_executor(None, work)",
        "import asyncio\nasyncio.open_connection('::1', 1)",
        "import asyncio as a\na.start_server(f)",
        "import socket\nsocket.create_server(('', 1))",
        "import socket\nsocket.socket()",
        "import ssl\nssl.create_default_context()",
        "from runtime.host import system_host",
        "from runtime.database import connect",
    ],
)
def test_who_helps_himself_is_found(text: str) -> None:
    assert list(helps_itself(source("x.py", text)))


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio\nasyncio.get_running_loop().run_in_executor(self._thread, work)",
        "from random import Random\nchance = Random(7)\nchance.random()",
        "def f(random: Random): return random.choice([1])",
        "from uuid import uuid5",
        "from concurrent.futures import Executor",
        "from runtime.database import Connect, transaction",
        "from datetime import datetime\ndatetime.fromisoformat(x)",
        "clock.monotonic()",
        "simulation.time()",
        "import socket\ndef f(wire: socket.socket): return wire.recv(1)",
    ],
)
def test_what_is_handed_in_is_left_alone(text: str) -> None:
    assert list(helps_itself(source("x.py", text))) == []


HEAD = "class Loan:\n    since: Instant\n    told: dict[str, Instant]\n    longest: int\n"


@pytest.mark.parametrize(
    "text",
    [
        "def f(at: Instant, loan): return at - loan.since",
        "def f(now: Now, loan): return now() - loan.since > 5",
        "def f(self, loan):\n    at = self._now()\n    return at - loan.since",
        "def f(clock, loan): return abs(clock.wall() - loan.since)",
        "def f(loan, clock):\n    until = clock.wall() + 5\n    return until - loan.since",
        "def f(at: Instant, loan): return at - max(loan.since, 0)",
        "def f(at: Instant, loan): return at - (loan.since or 0)",
        "def f(at: Instant, loan): return at - loan.told['x']",
        "def f(at: Instant, loan): return at - loan.told.get('x', 0)",
        "class C:\n    async def f(self, at: Instant | None, loan): return at - loan.since",
    ],
)
def test_an_interval_of_wall_time_is_found(text: str) -> None:
    one = source("x.py", HEAD + text)
    assert intervals(one, *annotated((one,)))


@pytest.mark.parametrize(
    "text",
    [
        "def f(at: Instant, loan): return at - loan.longest",
        "def f(at: Instant): return at + 5",
        "def f(clock, begun: float): return clock.monotonic() - begun",
        "def f(at: Instant):\n    at = 5\n    return at - at",
    ],
)
def test_a_span_of_another_kind_is_left_alone(text: str) -> None:
    one = source("x.py", HEAD + text)
    assert intervals(one, *annotated((one,))) == []
