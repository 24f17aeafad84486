import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from contracts.instants import SECOND
from simulators.control import orders
from simulators.errors import SimulatorError
from simulators.faults import WIRE, Faults, What, mishaps
from simulators.ground_truth import Ledger
from tests.conftest import ROOT


class Bench:
    """Faults with a clock that stands until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.at = 1000 * SECOND
        self.path = folder / "ledger.jsonl"
        self.ledger = Ledger(self.path, lambda: self.at)
        self.faults = Faults(self.ledger, lambda: self.at)
        self.told: list[tuple[str, What, float | None]] = []
        self.faults.admit("probe", WIRE | {What.POWER_ON})
        self.faults.admit(
            "counter",
            WIRE | {What.JUMP, What.RESET},
            lambda fault: self.told.append(("begin", fault.what, fault.value)),
            lambda fault: self.told.append(("end", fault.what, fault.value)),
        )
        self.quiet = False
        self.obey = orders(self.faults, self.hush, lambda: {"busy": []})

    def hush(self) -> None:
        self.quiet = True

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    with made.ledger:
        yield made


def what(bench: Bench) -> str | None:
    fault = bench.faults.on("probe")
    return None if fault is None else fault.what


def test_a_fault_ends_by_itself(bench: Bench) -> None:
    bench.faults.begin("probe", "unplug", seconds=30)
    assert what(bench) == "unplug"
    bench.at += 30 * SECOND - 1
    assert what(bench) == "unplug"
    bench.at += 1
    assert what(bench) is None
    assert bench.faults.active() == {}


def test_a_fault_without_end_lasts_until_cleared_and_both_are_written_down(bench: Bench) -> None:
    bench.faults.begin("probe", "silent")
    bench.at += 3600 * SECOND
    assert what(bench) == "silent"
    bench.faults.clear("probe")
    assert what(bench) is None
    begun, ended = bench.lines()
    assert begun["until"] is None
    assert (ended["since"], ended["until"]) == (1000 * SECOND, 4600 * SECOND)
    bench.faults.clear("probe")
    assert len(bench.lines()) == 2


def test_a_later_fault_replaces_an_earlier_one(bench: Bench) -> None:
    bench.faults.begin("probe", "silent", 60)
    bench.faults.begin("probe", "garbage", 10)
    assert what(bench) == "garbage"


def test_what_happens_at_once_is_over_at_once(bench: Bench) -> None:
    bench.faults.begin("counter", "jump", value=500)
    assert bench.told == [("begin", What.JUMP, 500)]
    assert bench.faults.on("counter") is None


def test_who_must_be_told_is_told_of_beginning_and_early_end(bench: Bench) -> None:
    bench.faults.begin("counter", "silent", 10)
    bench.faults.clear("counter")
    bench.faults.clear("counter")
    assert bench.told == [("begin", What.SILENT, None), ("end", What.SILENT, None)]
    bench.faults.begin("counter", "silent", 10)
    bench.at += 10 * SECOND
    bench.faults.clear("counter")
    assert len(bench.told) == 3, "it ended by itself"


def test_the_impossible_is_refused_with_what_is_possible(bench: Bench) -> None:
    with pytest.raises(SimulatorError, match=r"probe-9.*counter.*probe"):
        bench.faults.begin("probe-9", "silent")
    with pytest.raises(SimulatorError, match=r"cannot fail by 'reset'.*power-on"):
        bench.faults.begin("probe", "reset")


def test_one_minute_sees_one_mishap_that_passes() -> None:
    for seed in range(50):
        first, second = islice(mishaps(Random(seed), ["a", "b"], ["b"]), 2)
        begins, device, kind, lasts = first
        assert (device, kind) == ("b", What.UNPLUG)
        assert begins + lasts < 40
        assert begins + second[0] > 60


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "not an object"),
        (b"{}", "do None"),
        (b'{"do":"dance"}', "'dance' is none of"),
        (b'{"do":"fault"}', "device is None"),
        (b'{"do":"fault","device":"probe"}', "what is None"),
        (b'{"do":"fault","device":"probe","what":"melt"}', "cannot fail by 'melt'"),
        (b'{"do":"fault","device":"probe","what":"silent","for":"long"}', "for is 'long'"),
        (b'{"do":"fault","device":"probe","what":"silent","for":-1}', "for is -1"),
        (b'{"do":"fault","device":"probe","what":"silent","for":NaN}', "for is nan"),
        (b'{"do":"clear","device":["probe"]}', r"device is \['probe'\]"),
    ],
)
def test_a_bad_order_gets_one_error_and_changes_nothing(
    bench: Bench, line: bytes, complaint: str
) -> None:
    answer = bench.obey(line)
    assert answer["ok"] is False
    with pytest.raises(AssertionError, match=complaint):
        raise AssertionError(answer["error"])
    assert bench.faults.active() == {}
    assert bench.lines() == []


def test_orders_are_carried_out(bench: Bench) -> None:
    order = b'{"do":"fault","device":"probe","what":"late","for":5,"value":2}\n'
    assert bench.obey(order) == {"ok": True, "since": 1000 * SECOND, "until": 1005 * SECOND}
    assert what(bench) == "late"
    assert bench.obey(b'{"do":"clear","device":"probe"}') == {"ok": True, "was": "late"}
    assert bench.obey(b'{"do":"clear","device":"probe"}') == {"ok": True, "was": None}
    assert what(bench) is None
    assert bench.obey(b'{"do":"quiet"}') == {"ok": True}
    assert bench.quiet
    assert bench.obey(b'{"do":"state"}') == {"ok": True, "busy": []}


def test_every_way_to_fail_is_on_the_page_about_simulators() -> None:
    page = (ROOT / "docs" / "reference" / "simulators.md").read_text()
    assert [what for what in What if f"`{what}`" not in page] == []


# The ledger


def test_a_ledger_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.jsonl"
    for number in range(2):
        with Ledger(path, lambda: 5) as ledger:
            ledger("loan", item="善本", number=number)
    assert path.read_text().splitlines() == [
        '{"kind":"loan","at":5,"item":"善本","number":0}',
        '{"kind":"loan","at":5,"item":"善本","number":1}',
    ]


def test_polls_can_be_left_out(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l", lambda: 5, polls=False) as ledger:
        ledger("poll", device="a")
        ledger("write", device="a")
        assert json.loads(ledger.path.read_text())["kind"] == "write"


def test_when_there_are_many_polls_the_old_ones_are_put_aside_and_nothing_else(
    tmp_path: Path,
) -> None:
    with Ledger(tmp_path / "l", lambda: 5, largest=100) as ledger:
        for number in range(4):
            ledger("poll", total=number)
            ledger("pulse", total=number)
    old, new = tmp_path / "polls.jsonl.1", tmp_path / "polls.jsonl"
    lines = old.read_text().splitlines() + new.read_text().splitlines()
    assert [json.loads(line)["total"] for line in lines] == [0, 1, 2, 3]
    assert old.stat().st_size <= 150
    pulses = [json.loads(line) for line in (tmp_path / "l").read_text().splitlines()]
    assert [pulse["total"] for pulse in pulses] == [0, 1, 2, 3]
