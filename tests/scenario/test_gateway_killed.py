"""The writer is killed between, before and during commits: what was acknowledged is there."""

import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from runtime.database import connect, one

PROGRAM = """
import sys
from pathlib import Path
from tests.unit.gateway.gateway_story import Building, reading
building = Building(Path(sys.argv[1]))
building.clock.at += 10**12
stream = building.writer.ingest().ledger.by_name.get("s")
building.next = stream.held.last + 1 if stream else 1
print("ready", flush=True)
while True:
    first = building.next
    records = [reading(n / 10, n % 40, "probe/temperature") for n in range(first, first + 50)]
    building.send(*records)
    print(first + 49, flush=True)
"""


def test_a_killed_writer_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(7)
    acknowledged = 0
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
            lines = [line for line in process.stdout if line.endswith("\n")]
        acknowledged = int(lines[-1]) if lines else acknowledged
        with closing(connect(tmp_path / "store.sqlite3")) as store:
            assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            (last,) = one(store, "SELECT coalesce(max(last), 0) FROM committed")
            rows = store.execute("SELECT count(*), count(DISTINCT seq), max(seq) FROM reading")
            assert rows.fetchone() == ((last, last, last) if last else (0, 0, None))
            assert last >= acknowledged
    assert acknowledged > 0
