"""The books of a small building that agree with each other; tests spoil one of them."""

import json
from contextlib import closing
from pathlib import Path

from edge.journal.schema import TABLES
from gateway.storage.sqlite import MIGRATIONS
from runtime.database import Connection, connect

SITE = """
site: two-probes
name: {en: Two probes, zh: 两个探头}
timezone: Asia/Shanghai
broker: mqtt://127.0.0.1:1883
spaces: [{id: lobby, kind: lobby, name: {en: Lobby, zh: 大堂}}]
gates: [{id: gate, name: {en: Gate, zh: 门}, space: lobby, entries: counter/channel_0}]
edges:
  - id: only
    links:
      - kind: modbus-tcp
        id: bus
        host: 127.0.0.1
        devices:
          - {id: probe, model: xy-md02, unit: 1}
          - {id: counter, model: adam-6051, unit: 2}
          - {id: ac, model: liebert-pac, unit: 3, safe: {temperature_setpoint: 19}}
"""
SECOND = 1_000_000
READINGS = 8
LAST = READINGS + 2
"""Behind the readings, how two commands ended."""
LOAN = {
    "kind": "loan",
    "at": 5 * SECOND,
    "action": "checkout",
    "item": "B1",
    "patron": "P",
    "ok": 1,
}
WRITE = {"kind": "write", "at": 7 * SECOND, "device": "ac", "unit": 3, "function": 6,
         "start": 348, "words": [215]}  # fmt: skip
BACK = {**WRITE, "at": 9 * SECOND, "words": [190]}
COMMAND = "'%s', 'ac', 'write', CAST('%s' AS BLOB), 'me', 0, '%s'"
OUTCOME = "1, %d, 0, 0, 'outcome', '%s', CAST('%s' AS BLOB)"
DROP = {"kind": "delivery", "at": 6 * SECOND, "order": "D1", "step": "dropped"}


def agreeing(folder: Path) -> Path:
    """Eight polls of a probe, three passers-by, a loan, a delivery: in every book alike."""
    data = folder / "data"
    data.mkdir()
    lines = [
        {"kind": "poll", "at": n * SECOND, "device": "probe", "unit": 1, "function": 4, "start": 1,
         "words": [200 + n, 500 + n]}
        for n in range(1, READINGS // 2 + 1)
    ]  # fmt: skip
    lines += [{"kind": "pulse", "at": n, "device": "counter", "channel": 0} for n in range(3)]
    text = "\n".join(json.dumps(line) for line in [*lines, LOAN, DROP, WRITE, BACK])
    (data / "ledger.jsonl").write_text(text + "\n", encoding="utf-8")
    with closing(connect(data / "journal-only.sqlite3")) as journal:
        journal.execute(TABLES).fetchall()
        journal.execute("INSERT INTO stream VALUES (0, 's', 'own', 'a', ?, x'5b5d', 0)", (LAST,))
    with closing(connect(data / "store.sqlite3")) as store:
        for script in MIGRATIONS:
            store.execute(script).fetchall()
        store.execute("INSERT INTO stream (id, name, edge, begun) VALUES (1, 's', 'only', 0)")
        store.execute("INSERT INTO committed VALUES (1, 1, ?)", (LAST,))
        for point, name in ((1, "temperature"), (2, "humidity")):
            store.execute("INSERT INTO point (id, path, device) VALUES (?, ?, 'probe')",
                          (point, f"probe/{name}"))  # fmt: skip
            for n in range(1, READINGS // 2 + 1):
                value = (200 + n if point == 1 else 500 + n) / 10
                store.execute(
                    "INSERT INTO reading VALUES (?, ?, 1, ?, ?, 0, 0)",
                    (point, n * SECOND + 1000, 2 * n - 2 + point, value),
                )
        store.execute("INSERT INTO crossing VALUES ('gate', 'entry', 0, 9, 3, '')")
        store.execute(
            "INSERT INTO loan VALUES ('L1', 'k', 'checkout', 'closed', 'B1', '', '', '', 0, 0)"
        )
        store.execute(
            "INSERT INTO delivery VALUES ('D1', 'r', 'delivered', 'B2', 'a', 'b', '', '', 0, 0)"
        )
        for number, (name, value, status) in enumerate(
            (("C1", 21.5, "done"), ("C2", 22.5, "failed")), start=READINGS + 1
        ):
            keep_command(store, name, value, status)
            end_command(store, number, name, status)
    return data


def keep_command(store: Connection, name: str, value: float, status: str) -> None:
    body = {"id": name, "device": "ac", "action": "write", "issued": 0, "expires": 1, "by": "me",
            "point": "temperature_setpoint", "value": value, "lease": 2}  # fmt: skip
    told = COMMAND % (name, json.dumps(body), status)
    store.execute(
        f"INSERT INTO command (id, device, action, body, who, issued, status) VALUES ({told})"
    )


def end_command(store: Connection, number: int, name: str, status: str) -> None:
    body = {"kind": "outcome", "command": name, "at": 1, "device": "ac", "action": "write",
            "status": status}  # fmt: skip
    store.execute(f"INSERT INTO event VALUES ({OUTCOME % (number, name, json.dumps(body))})")
