"""What is written is counted, not what aliases make of it: the honest load, bombs do not."""

import time
from pathlib import Path

import pytest

from config.loader import ConfigError, SiteFile
from tests.unit.config.test_refused_sites import SITE
from wenlan.site_rules import load_checked_site

HEAD = SITE[: SITE.index("gates:")] + "edges:\n  - id: edge\n    links:\n"
POINTS = 15


def points() -> str:
    return "".join(
        f"                - {{name: t{n}, quantity: air_temperature, table: holding,"
        f" register: {n}, type: int16, scale: 0.1}}\n"
        for n in range(POINTS)
    )


def site_of(devices: int, *, aliases: bool) -> str:
    text, anchor = [HEAD], False
    for number in range(devices):
        if number % 100 == 0:
            wire = number // 100
            text.append(
                f"      - kind: modbus-tcp\n        id: bus-{wire}\n"
                f"        host: 10.0.1.{wire + 1}\n        devices:\n"
            )
        text.append(
            f"          - id: d-{number}\n            model: custom\n"
            f"            unit: {number % 100 + 1}\n"
        )
        if anchor and aliases:
            text.append("            map: *registers\n")
        else:
            text.append(f"            map: &registers\n              points:\n{points()}")
            anchor = True
    return "".join(text)


def load(folder: Path, text: str) -> SiteFile:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return load_checked_site(path, {})


def test_a_thousand_devices_of_one_alias_have_one_map(tmp_path: Path) -> None:
    text = site_of(1000, aliases=True)
    begun = time.process_time()
    site = load(tmp_path, text).site
    assert time.process_time() - begun < 2.0
    maps = [getattr(device, "map", None) for _, device in site.devices()]
    assert sum(len(one.points) for one in maps if one) == 1000 * POINTS
    assert len({id(one) for one in maps}) == 1


def test_more_than_a_hundred_thousand_parts_that_are_written_out_load(tmp_path: Path) -> None:
    site = load(tmp_path, site_of(600, aliases=False)).site
    maps = [getattr(device, "map", None) for _, device in site.devices()]
    assert sum(len(one.points) for one in maps if one) == 600 * POINTS


def test_a_fault_that_aliases_repeat_is_told_once_where_it_is_written(tmp_path: Path) -> None:
    text = site_of(50, aliases=True).replace("register: 3,", "register: 2,")
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    (problem,) = refused.value.problems
    assert "register: 2," in text.splitlines()[problem.line - 1]


def exponential(width: int, depth: int) -> str:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]\n" for n in range(1, depth)]
    return f"a0: &a0 [{', '.join('x' * width)}]\n" + "".join(levels)


LINKS = (
    "edges:\n  - &e\n    id: e\n    links:\n      - &l\n        kind: modbus-tcp\n        id: l\n"
    "        host: h\n        devices:\n          - &d {id: d, model: xy-md02}\n"
    + "          - *d\n" * 300
    + "      - *l\n" * 300
    + "  - *e\n" * 300
)
BOMBS = {
    "ten to the eighth": (exponential(10, 9), "use fewer aliases"),
    "two to the sixtieth": (exponential(2, 60), "aliases within aliases"),
    "few levels, wide": (
        f"a: &a [{', '.join(['x'] * 3000)}]\nb: &b [{', '.join(['*a'] * 3000)}]\n",
        "use fewer aliases",
    ),
    "keys of a site": (HEAD[: HEAD.index("edges:")] + LINKS, "use fewer aliases"),
    "itself in a list": ("a: &a [*a]", "a part that it is in; write it out"),
    "itself in a mapping": ("a: &a {b: [{c: *a}]}", "a part that it is in; write it out"),
    "deep flow": ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    "deep and open": ("{a: " * 100_000, "nested too deeply"),
    "deep block": ("".join(" " * n + "a:\n" for n in range(2000)), "nested too deeply"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(tmp_path: Path, name: str) -> None:
    text, words = BOMBS[name]
    begun = time.process_time()
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    assert time.process_time() - begun < 1.0
    (problem,) = refused.value.problems
    assert words in problem.what
    assert 1 <= problem.line <= len(text.splitlines())
