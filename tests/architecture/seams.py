"""Finds code that helps itself to a clock, to chance, to threads, to files or to the network."""

import ast
from collections.abc import Iterator, Mapping

from tests.architecture.sources import Source

MODULES = {
    "_thread",
    "concurrent.futures.thread",
    "multiprocessing",
    "queue",
    "secrets",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
}
"""Modules that nobody below a composition has a use for."""
NAMES = {
    "asyncio": {
        "create_subprocess_exec",
        "create_subprocess_shell",
        "open_connection",
        "open_unix_connection",
        "start_server",
        "start_unix_server",
        "to_thread",
    },
    "concurrent.futures": {"ProcessPoolExecutor", "ThreadPoolExecutor"},
    "date": {"today"},
    "datetime": {"now", "today", "utcnow"},
    "os": {"getrandom", "urandom"},
    "random": {"SystemRandom"}
    | {name for name in dir(__import__("random")) if name[0].islower() and name[0] != "_"},
    "runtime.clock": {"system_clock"},
    "runtime.database": {"connect"},
    "runtime.folder": {"SystemFolder"},
    "runtime.host": {"system_host"},
    "socket": {"create_connection", "create_server", "socketpair"},
    "ssl": {"create_default_context"},
    "uuid": {"getnode", "uuid1", "uuid4"},
}
"""Names of modules, and of `datetime`'s classes, that open, wait, draw or tell the time."""
LOOP = {
    "create_connection",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "time",
}
"""Methods of an event loop that do."""


def helps_itself(one: Source) -> Iterator[str]:
    """Name each place where something is taken that should be handed in."""
    modules = dict(_modules(one))
    for node in ast.walk(one.tree):
        if isinstance(node, ast.Import):
            taken = [alias.name for alias in node.names if alias.name in MODULES]
        elif isinstance(node, ast.ImportFrom):
            taken = _from(node)
        elif isinstance(node, ast.Attribute):
            taken = _attribute(node, modules)
        elif isinstance(node, ast.Call):
            taken = _call(node)
        else:
            continue
        yield from (f"{one.path}:{node.lineno} {what}" for what in taken)


def _modules(one: Source) -> Iterator[tuple[str, str]]:
    """Give the names that stand for modules, or for the classes that tell the date."""
    for node in ast.walk(one.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(node, ast.ImportFrom) and node.module == "datetime":
            yield from ((alias.asname or alias.name, alias.name) for alias in node.names)


def _from(node: ast.ImportFrom) -> list[str]:
    if node.module in MODULES:
        return [f"from {node.module}"]
    names = NAMES.get(node.module or "", set())
    return [f"{node.module}.{alias.name}" for alias in node.names if alias.name in names]


def _attribute(node: ast.Attribute, modules: Mapping[str, str]) -> list[str]:
    owner = node.value
    if _is_loop(owner) and node.attr in LOOP:
        return [f"loop.{node.attr}"]
    first, *rest = ast.unparse(owner).split(".")
    if first not in modules:
        return []
    path = ".".join((modules[first], *rest))
    # `datetime.datetime.now` and `datetime.now` alike.
    names = NAMES.get(path, set()) | NAMES.get(path.split(".")[-1], set())
    return [f"{path}.{node.attr}"] if node.attr in names else []


def _is_loop(owner: ast.expr) -> bool:
    if isinstance(owner, ast.Call):
        return ast.unparse(owner.func).split(".")[-1] in ("get_running_loop", "get_event_loop")
    return isinstance(owner, ast.Name) and owner.id == "loop"


def _call(node: ast.Call) -> list[str]:
    """Find chance without a seed, the loop's own threads, and types that open when called."""
    called = ast.unparse(node.func).split(".")[-1]
    if ast.unparse(node.func) in ("socket.socket", "ssl.SSLContext"):
        return [ast.unparse(node.func)]
    if called == "Random" and not node.args:
        return ["Random()"]
    first = node.args[0] if node.args else None
    if called == "run_in_executor" and isinstance(first, ast.Constant) and first.value is None:
        return ["run_in_executor(None)"]
    return []
