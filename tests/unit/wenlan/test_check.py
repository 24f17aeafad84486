"""`wenlan check`: what a site file promises, held against the catalogue."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import config
from config.loader import load_site
from tests.unit.config.test_config_loader import JUNK, PLACES
from wenlan.commands.check import check

EXAMPLE = Path(config.__file__).parent / "sites" / "zhijiang" / "site.yaml"


def checked(folder: Path, old: str, new: str) -> tuple[int, str]:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    path = folder / "site.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    status, printed = check(path, {})
    return status, printed


def test_the_example_is_sound_and_every_device_is_in_the_plan() -> None:
    status, text = check(EXAMPLE, {})
    assert status == 0
    assert "is sound" in text
    site = load_site(EXAMPLE, {}).site
    for edge, device in site.devices():
        assert f"Edge {edge.id}" in text
        assert device.id in text
    assert "second look" not in text


def test_the_plan_adds_up() -> None:
    """A probe: one request of 12 bytes and a reply of 9 and 2 words, every 2 s."""
    _, text = check(EXAMPLE, {})
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    probe = next(cells for cells in lines if cells[0] == "probe-v1-a")
    assert probe[4:] == ["0.50", f"{(12 + 9 + 4) / 2:.0f}", "5.0 s", "input 1-2"]
    together = next(cells for cells in lines if cells[0] == "together")
    assert together[1] == "3.00"
    # 2 s, and then 6 requests of at most half a second each.
    assert probe[6] == f"{2 + 6 * 0.5:.1f} s"


FAULTS = [
    ("model: xy-md02, unit: 1", "model: xy-md20, unit: 1", "did you mean xy-md02?"),
    ("model: xy-md02, unit: 1", "model: teapot, unit: 1", "no model 'teapot'"),
    ("model: feig-obid", "model: xy-md02", "hangs on a modbus-tcp link, not on feig-serial"),
    ("model: xy-md02, unit: 1", "model: sip2, unit: 1", "hangs on a sip2 link"),
    ("safe: {temperature_setpoint: 19,", "safe: {temperature: 19,", "no point 'temperature'"),
    ("safe: {temperature_setpoint: 19,", "safe: {temperature_setpoint: 99,", "give 5 to 40"),
    ("counter-gates/channel_1", "counter-gates/channel_99", "no point 'channel_99'; one of"),
    ("counter-gates/channel_0", "ac-v1/fan", "is status, not crossings"),
    ("counter-gates/channel_0", "ac-v1/nothing", "that device counts nothing"),
    ("host: 127.0.0.1\n", "host: 127.0.0.1\n        pause: 900ms\n", "pauses alone take 2.7 s"),
    ("model: liebert-pac, unit: 1", "model: xy-md02, unit: 1", "remove it, nothing can be"),
]


@pytest.mark.parametrize(("old", "new", "advice"), FAULTS)
def test_each_fault_is_refused_in_its_line(tmp_path: Path, old: str, new: str, advice: str) -> None:
    status, printed = checked(tmp_path, old, new)
    assert status == 2
    text = EXAMPLE.read_text(encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1
    first = printed.splitlines()[0]
    assert advice in printed
    named = int(first.removeprefix(str(tmp_path / "site.yaml")).split(":")[1])
    assert line <= named <= line + new.count("\n")


def test_a_counter_of_16_bits_needs_its_own_rollover(tmp_path: Path) -> None:
    own = (
        "model: custom, map: {points: [{name: channel_0, quantity: crossings, table: holding,"
        " register: 0}, {name: channel_1, quantity: crossings, table: holding, register: 1},"
        " {name: channel_2, quantity: crossings, table: holding, register: 2},"
        " {name: channel_3, quantity: crossings, table: holding, register: 3}]}"
    )
    status, printed = checked(tmp_path, "model: adam-6051", own)
    assert status == 2
    assert "write rollover: 65536" in printed


def test_a_refused_file_is_told_as_it_is(tmp_path: Path) -> None:
    status, printed = checked(tmp_path, "kind: vault", "kind: cave")
    assert status == 2
    assert "site.yaml:11: spaces[0].kind" in printed


def test_what_is_seldom_meant_is_noted_and_not_refused(tmp_path: Path) -> None:
    point = "{name: p, quantity: status, table: holding, register: 30001}"
    new = f"model: custom, map: {{points: [{point}]}}, unit: 2"
    status, printed = checked(tmp_path, "model: xy-md02, unit: 1", new)
    assert status == 0
    assert "register 30001 looks like a manual's number" in printed
    assert "probe-v1-a and probe-v2 of link vault-bus have unit 2" in printed


@given(st.sampled_from(PLACES), JUNK)
def test_no_change_of_the_example_breaks_the_check(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str | int, ...], junk: Any
) -> None:
    tree: Any = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    around = tree
    for part in place[:-1]:
        around = around[part]
    around[place[-1]] = junk
    path = tmp_path_factory.getbasetemp() / "checked.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), encoding="utf-8")
    status, printed = check(path, {})
    assert status in (0, 2)
    assert printed.startswith(f"{path}:")
