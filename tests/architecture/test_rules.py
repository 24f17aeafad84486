"""Who may import, catch, or sleep where."""

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import PRODUCT, PURE, Source, python, source, tracked
from tests.conftest import ROOT

BROAD_CATCHES = {
    "runtime/supervisor.py": "the edge's supervisor: one sick part must not stop the others",
    "runtime/mqtt/wire.py": "a packet from outside, on which the library may stumble in any way",
    "wenlan/proofs/exchange/machine.py": "what a thread's work raises is given to who waits",
    "wenlan/proofs/fuzz.py": "whatever a codec raises is what is looked for",
    "gateway/web/app.py": "the request boundary: one broken page must not stop the gateway",
}
"""Where one broad catch may stand, and why. Those that always raise again may stand anywhere."""
BROAD = {"Exception", "BaseException"}
IMPURE = {"apsw", "asyncio", "logging", "random", "socket", "sqlite3", "time"}
DATABASES = {
    "runtime/database.py": "connects, and sorts the errors",
    "wenlan/proofs/faulty_files.py": "stands between SQLite and the disk",
}
"""Who knows by which library SQLite is reached."""


def broad_catches(one: Source) -> list[int]:
    """Give the lines of handlers that swallow everything."""
    return [
        node.lineno
        for node in ast.walk(one.tree)
        if isinstance(node, ast.ExceptHandler)
        and _is_broad(node.type)
        and not isinstance(node.body[-1], ast.Raise)
    ]


def _is_broad(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_is_broad(part) for part in kind.elts)
    return kind is None or (isinstance(kind, ast.Name) and kind.id in BROAD)


def imports(one: Source) -> Iterator[str]:
    for node in ast.walk(one.tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def long_sleeps(one: Source) -> Iterator[str]:
    """Find real sleeps with a positive literal."""
    for node in ast.walk(one.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "sleep"
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in ("asyncio", "time")
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and node.args[0].value
        ):
            yield f"{one.path}:{node.lineno} sleeps {node.args[0].value!r} s"


def nameless_tasks(one: Source) -> Iterator[str]:
    """Find tasks that a debugger could not tell apart."""
    for node in ast.walk(one.tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        named = any(keyword.arg == "name" for keyword in node.keywords)
        if (called == "create_task" and not named) or called == "ensure_future":
            yield f"{one.path}:{node.lineno} {called} without a name"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_layers_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_every_package_stands_on_a_floor() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    linter = settings["importlinter"]
    floors = [name for floor in linter["contracts"][0]["layers"] for name in floor.split(" | ")]
    there = {name.split("/")[0] for name in tracked() if name.endswith("/__init__.py")}
    assert there == set(PRODUCT)
    assert sorted(floors) == sorted(linter["root_packages"]) == sorted(PRODUCT)
    assert settings["hatch"]["build"]["targets"]["wheel"]["packages"] == list(PRODUCT)


def test_every_folder_of_the_product_is_a_package() -> None:
    folders = {str(Path(one.path).parent) for one in python(*PRODUCT)}
    packages = {str(Path(one.path).parent) for one in python(*PRODUCT) if "__init__" in one.path}
    assert folders == packages


def test_a_room_that_stands_in_no_layer_is_found(tmp_path: Path) -> None:
    for package in ("edge/composition", "edge/attic"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "edge" / "__init__.py").touch()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    rooms = next(
        one for one in settings["importlinter"]["contracts"] if one.get("containers") == ["edge"]
    )
    layers = ", ".join(
        f'"({name.strip("()")})"' for floor in rooms["layers"] for name in floor.split(" | ")
    )
    (tmp_path / "pyproject.toml").write_text(
        '[tool.importlinter]\nroot_package = "edge"\n[[tool.importlinter.contracts]]\n'
        f'name = "rooms"\ntype = "layers"\ncontainers = ["edge"]\nlayers = [{layers}]\n'
        f"exhaustive = {str(rooms['exhaustive']).lower()}\n"
    )
    done = lint(tmp_path)
    assert done.returncode != 0
    assert "attic" in done.stdout


def test_only_named_places_catch_everything_and_each_once() -> None:
    found = Counter[str]()
    for one in python(*PRODUCT):
        found[one.path] += len(broad_catches(one))
    assert {path: count for path, count in found.items() if count > (path in BROAD_CATCHES)} == {}


def test_every_task_has_a_name() -> None:
    assert [line for one in python(*PRODUCT) for line in nameless_tasks(one)] == []


def test_pure_packages_import_nothing_impure() -> None:
    found = [
        f"{one.path} imports {name}"
        for one in python(*PRODUCT)
        if one.path.startswith(PURE)
        for name in imports(one)
        if name in IMPURE
    ]
    assert found == []


def test_only_the_way_to_the_database_knows_its_library() -> None:
    everything = python(*PRODUCT, "tests", "benchmarks")
    found = [one.path for one in everything if "apsw" in imports(one)]
    assert [path for path in found if path not in DATABASES] == []


def test_unit_tests_never_wait_for_real_time() -> None:
    found = [
        line
        for one in python("tests")
        if one.path.startswith("tests/unit/")
        for line in long_sleeps(one)
    ]
    assert found == []


def test_test_files_have_names_of_their_own() -> None:
    names = Counter(
        Path(one.path).name for one in python("tests") if Path(one.path).name.startswith("test_")
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    x()\nexcept Exception:\n    pass\n",
        "try:\n    x()\nexcept:\n    log()\n",
        "try:\n    x()\nexcept (ValueError, BaseException) as e:\n    print(e)\n",
    ],
)
def test_a_broad_catch_is_found(text: str) -> None:
    assert broad_catches(source("x.py", text))


def test_a_catch_that_raises_again_is_not_broad() -> None:
    text = "try:\n    x()\nexcept BaseException:\n    undo()\n    raise\n"
    assert not broad_catches(source("x.py", text))


def test_a_sleep_is_found() -> None:
    assert list(long_sleeps(source("x.py", "import asyncio\nasyncio.sleep(0.1)\n")))
    assert not list(long_sleeps(source("x.py", "import asyncio\nasyncio.sleep(0)\n")))


def test_a_nameless_task_is_found() -> None:
    assert list(nameless_tasks(source("x.py", "group.create_task(run())\n")))
    assert not list(nameless_tasks(source("x.py", "group.create_task(run(), name='run')\n")))
