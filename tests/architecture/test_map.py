"""The page about the house: every folder is on its map, every name of its ways is in the code."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import PRODUCT, python
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "reference" / "architecture.md").read_text(encoding="utf-8")
MAP = PAGE[PAGE.index("## The map") : PAGE.index("## The way of a reading")]
WAYS = PAGE[PAGE.index("## The way of a reading") :]
FOLDERS = {str(Path(one.path).parent) for one in python(*PRODUCT)}
NAME = re.compile(rf"`((?:{'|'.join(PRODUCT)})(?:\.\w+)+)`")
NAMES = sorted(set(NAME.findall(WAYS)))


@cache
def names_of(path: str, inside: tuple[str, ...] = ()) -> set[str]:
    """Give what a module, or a class of it, defines."""
    body = next(one.tree for one in python(*PRODUCT) if one.path == path).body
    for name in inside:
        body = next(
            node.body for node in body if isinstance(node, ast.ClassDef) and node.name == name
        )
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in body if isinstance(node, kinds)}


def is_there(name: str) -> bool:
    parts = name.split(".")
    paths = {one.path for one in python(*PRODUCT)}
    for end in range(len(parts) - 1, 0, -1):
        path = "/".join(parts[:end]) + ".py"
        if path in paths:
            inside = parts[end:]
            return all(
                inner in names_of(path, tuple(inside[:depth])) for depth, inner in enumerate(inside)
            )
    return False


def test_every_folder_is_on_the_map_and_every_row_is_a_folder() -> None:
    rows = re.findall(r"^\| `([\w/]+)/` \| (.+?) \| (.+?) \|$", MAP, re.MULTILINE)
    assert sorted(folder for folder, _, _ in rows) == sorted(FOLDERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_the_ways_is_in_the_code(name: str) -> None:
    assert is_there(name)


def test_each_way_names_edge_and_gateway() -> None:
    ways = re.split(r"^## ", WAYS, flags=re.MULTILINE)[1:]
    assert [way.splitlines()[0] for way in ways] == [
        f"The way of a {what}" for what in ("reading", "command", "visit", "loan")
    ]
    for way in ways:
        assert {name.split(".")[0] for name in NAME.findall(way)} >= {"edge", "gateway"}


def test_a_name_that_is_gone_is_found() -> None:
    assert is_there("contracts.codec.encode")
    assert not is_there("contracts.codec.encoded_by_hand")
    assert not is_there("contracts.nowhere.encode")
    assert not is_there("gateway.alarms.table.AlarmTable.paint")
