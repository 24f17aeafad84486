"""How large things may grow, and how large most of them stay."""

import ast
from collections.abc import Iterator
from math import ceil

import pytest

from tests.architecture.sources import PRODUCT, Source, python, source

LONGEST_FUNCTION = 60
LONGEST_OF_MOST = 40
"""Lines that 99 of a hundred functions do not exceed."""
LONGEST_MODULE = 400
MOST_METHODS = 15
MOST_PARAMETERS, AIM_PARAMETERS = 7, 6
ABOVE_AIM = 0.03
"""Share of functions that may take more parameters than is aimed at."""
WIDER = {"edge/journal/journal.py": 18, "edge/uplink/send_window.py": 16}
"""Modules with a class that has more methods yet. The list only gets shorter."""
LONGEST_TEST, LONGEST_TEST_MODULE = 80, 600
NAMELESS = {"utils", "util", "helper", "helpers", "misc", "manager", "common"}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def functions(one: Source) -> Iterator[FunctionNode]:
    for node in ast.walk(one.tree):
        if isinstance(node, FunctionNode):
            yield node


def length(node: FunctionNode) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def percentile(share: float, values: list[int]) -> int:
    """Give the smallest value that at least this share of the values does not exceed."""
    return sorted(values)[ceil(share * len(values)) - 1]


def parameters(node: FunctionNode) -> int:
    given = node.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def methods(one: Source) -> Iterator[tuple[ast.ClassDef, int]]:
    for node in ast.walk(one.tree):
        if isinstance(node, ast.ClassDef):
            yield node, sum(isinstance(inner, FunctionNode) for inner in node.body)


def too_long(one: Source, limit: int) -> list[str]:
    return [
        f"{one.path}:{node.lineno} {node.name} has {length(node)} lines"
        for node in functions(one)
        if length(node) > limit
    ]


def too_many_parameters(one: Source, limit: int) -> list[str]:
    return [
        f"{one.path}:{node.lineno} {node.name} takes {parameters(node)} parameters"
        for node in functions(one)
        if parameters(node) > limit
    ]


def too_wide(one: Source, limit: int) -> list[str]:
    return [
        f"{one.path}:{node.lineno} {node.name} has {count} methods"
        for node, count in methods(one)
        if count > limit
    ]


def test_no_function_is_longer_than_the_limit() -> None:
    assert [line for one in python(*PRODUCT) for line in too_long(one, LONGEST_FUNCTION)] == []


def test_no_test_is_longer_than_its_limit() -> None:
    found = [line for one in python("tests", "benchmarks") for line in too_long(one, LONGEST_TEST)]
    assert found == []


def test_no_module_is_longer_than_the_limit() -> None:
    modules = [(one, LONGEST_MODULE) for one in python(*PRODUCT, "benchmarks")]
    modules += [(one, LONGEST_TEST_MODULE) for one in python("tests")]
    found = [f"{one.path}: {one.lines} lines" for one, limit in modules if one.lines > limit]
    assert found == []


def test_no_class_has_more_methods_than_the_limit() -> None:
    found = [
        line
        for one in python(*PRODUCT)
        for line in too_wide(one, WIDER.get(one.path, MOST_METHODS))
    ]
    assert found == []


def test_the_list_of_wider_classes_is_not_longer_than_it_must_be() -> None:
    assert {one.path for one in python(*PRODUCT) if too_wide(one, MOST_METHODS)} == set(WIDER)


def test_no_function_takes_more_parameters_than_the_limit() -> None:
    found = [line for one in python(*PRODUCT) for line in too_many_parameters(one, MOST_PARAMETERS)]
    assert found == []


def test_nearly_every_function_is_short_and_takes_little() -> None:
    every = [node for one in python(*PRODUCT) for node in functions(one)]
    assert percentile(0.99, [length(node) for node in every]) <= LONGEST_OF_MOST
    loaded = [line for one in python(*PRODUCT) for line in too_many_parameters(one, AIM_PARAMETERS)]
    assert len(loaded) <= ABOVE_AIM * len(every), loaded


def test_every_file_is_named_after_its_subject() -> None:
    names = [(one.path, one.path.removesuffix(".py").split("/")) for one in python(*PRODUCT)]
    assert [path for path, parts in names if NAMELESS & set(parts)] == []


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n" + "    x = 1\n" * 60,
        "async def f():\n" + "    x = 1\n" * 60,
        "def f(a, b, c, d, *, e, f, g, h):\n    ...\n",
        "class C:\n" + "    def f(self): ...\n" * 19,
    ],
)
def test_the_measure_finds_what_is_too_large(text: str) -> None:
    one = source("x.py", text)
    assert too_long(one, 60) + too_many_parameters(one, 7) + too_wide(one, 18)


def test_the_measure_of_most_functions_is_exceeded_by_one_in_a_hundred() -> None:
    assert percentile(0.99, [1] * 99 + [70]) == 1
    assert percentile(0.99, [1] * 98 + [70] * 2) == 70
