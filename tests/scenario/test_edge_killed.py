"""The journal's process is killed at random moments; what it had promised is there."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contracts.codec import decode_record
from contracts.ranges import Ranges
from contracts.records import EdgeStarted, Reading
from edge.journal.opening import open_file

WRITER = """
import asyncio, sys
from contracts.ranges import Ranges
from contracts.records import EdgeStarted, Reading
from edge.journal.journal import Journal
from pathlib import Path

async def main(path, start, pruning):
    number = start
    async with Journal(Path(path), lambda: number) as journal:
        print("stream", journal.stream, flush=True)
        running = asyncio.create_task(journal.run())
        while True:
            for _ in range(number % 7):
                await journal.append([Reading("p/t", number, 1.0)])
                number += 1
            await journal.append([EdgeStarted(number, "e", "1")], {"last": str(number).encode()})
            print("promised", journal.last, number, flush=True)
            number += 1
            if pruning and number % 5 == 0 and journal.last > 50:
                print("pruning", journal.last - 50, flush=True)
                await journal.prune(Ranges([(1, journal.last - 50)]))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "pruning"))
"""


def killed_writer(path: Path, start: int, seconds: float, pruning: bool) -> list[list[str]]:
    mode = "pruning" if pruning else "keeping"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(start), mode], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    lines = (first + rest).decode().split("\n")
    return [line.split() for line in lines[:-1]]


@pytest.mark.parametrize("pruning", [False, True], ids=["keeping", "pruning"])
def test_killed_at_random_moments_no_promise_is_broken(tmp_path: Path, pruning: bool) -> None:
    dice = random.Random(20261121)
    path = tmp_path / "journal.sqlite3"
    streams: set[str] = set()
    number = 1
    before = 0
    for _ in range(8):
        said = killed_writer(path, number, dice.uniform(0.0, 0.35), pruning)
        streams |= {words[1] for words in said if words[0] == "stream"}
        promised = [(int(words[1]), int(words[2])) for words in said if words[0] == "promised"]
        pruned = max((int(words[1]) for words in said if words[0] == "pruning"), default=0)
        journal, wrong = open_file(path, 0)
        assert not wrong
        last, at = promised[-1] if promised else (before, number - 1)
        assert journal.last >= last
        assert int(journal.memory.get("last", b"0")) >= at - (0 if promised else 1)
        kept = journal.pending
        assert kept.last in (None, journal.last)
        if not pruning:
            assert kept == Ranges([(1, journal.last)] if journal.last else [])
        else:
            assert kept.covers(max(pruned, before) + 1, journal.last) or not promised
        piece = journal.read(max(1, journal.last - 40), journal.last, 100, 10**6)
        if piece is not None:
            records = [decode_record(body) for body in piece.bodies]
            moments = [one.at for one in records if isinstance(one, EdgeStarted | Reading)]
            assert moments == sorted(moments)
            number = moments[-1] + 1
        before = journal.last
        journal.close()
    assert len(streams) == 1
    assert before > 100
