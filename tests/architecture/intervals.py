"""Finds intervals taken between two instants: a step of the wall clock makes them anything.

Nobody types an instant differently from another integer, so instants are followed by name: what is
annotated as one (or as a mapping to them), what a function that gives one returned, and what was
made of such.
"""

import ast
from collections.abc import Iterator

from tests.architecture.sources import Source

INSTANT = "Instant"
CLOCKS = {"Now"}
"""Names of types whose call gives an instant."""


def annotated(sources: tuple[Source, ...]) -> tuple[set[str], set[str]]:
    """Give the attributes that are instants, and the callables that give one, by name."""
    attributes, callables = set[str](), {"wall"}
    for one in sources:
        for node in ast.walk(one.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if _is_instant(node.returns):
                    (attributes if _is_property(node) else callables).add(node.name)
            elif isinstance(node, ast.ClassDef):
                attributes |= {name for name, kind in _fields(node) if _holds_instants(kind)}
    return attributes, callables


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for part in ast.walk(node):
        if isinstance(part, ast.AnnAssign):
            target = part.target
            if isinstance(target, ast.Name):
                yield target.id, part.annotation
            elif isinstance(target, ast.Attribute):
                yield target.attr, part.annotation


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(one) == "property" for one in node.decorator_list)


def _is_instant(annotation: ast.expr | None) -> bool:
    if annotation is None:
        return False
    return ast.unparse(annotation).replace(" | None", "").strip("'\"") == INSTANT


def _holds_instants(annotation: ast.expr) -> bool:
    return _is_instant(annotation) or ast.unparse(annotation).endswith(f", {INSTANT}]")


def _is_clock(annotation: ast.expr | None) -> bool:
    text = "" if annotation is None else ast.unparse(annotation)
    return text in CLOCKS or text == f"Callable[[], {INSTANT}]"


class _Function(ast.NodeVisitor):
    """Follows instants through one function."""

    def __init__(self, attributes: set[str], callables: set[str]) -> None:
        self.attributes = attributes
        self.callables = set(callables)
        self.names = set[str]()
        self.found = list[tuple[int, str]]()

    def begin(self, arguments: ast.arguments) -> None:
        for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if _is_instant(one.annotation):
                self.names.add(one.arg)
            elif _is_clock(one.annotation):
                self.callables.add(one.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.begin(node.args)
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.begin(node.args)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            self._take(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.generic_visit(node)
        if isinstance(node.target, ast.Name) and _is_instant(node.annotation):
            self.names.add(node.target.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.generic_visit(node)
        self._take(node.target, node.value)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.generic_visit(node)
        if isinstance(node.op, ast.Sub) and self.gives(node.left) and self.gives(node.right):
            self.found.append((node.lineno, ast.unparse(node)))

    def _take(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, given in zip(target.elts, value.elts, strict=False):
                self._take(one, given)
        elif isinstance(target, ast.Name):
            (self.names.add if self.gives(value) else self.names.discard)(target.id)

    def gives(self, value: ast.expr) -> bool:
        """Say whether an expression is an instant."""
        match value:
            case ast.Name(id=name):
                found = name in self.names
            case ast.Attribute(attr=name):
                found = name in self.attributes
            case ast.NamedExpr(value=inner) | ast.Await(value=inner) | ast.Subscript(value=inner):
                found = self.gives(inner)
            case ast.IfExp(body=one, orelse=other):
                found = self.gives(one) or self.gives(other)
            case ast.BoolOp(values=values):
                found = any(self.gives(one) for one in values)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                found = self.gives(left) != self.gives(right)  # an instant and a span
            case ast.Call():
                found = self._call_gives(value)
            case _:
                found = False
        return found

    def _call_gives(self, call: ast.Call) -> bool:
        called = ast.unparse(call.func).split(".")[-1]
        if called in ("max", "min"):
            return any(self.gives(one) for one in call.args)
        if called in ("get", "pop", "setdefault") and isinstance(call.func, ast.Attribute):
            return self.gives(call.func.value)
        return called.lstrip("_") in self.callables or called in self.callables


def intervals(one: Source, attributes: set[str], callables: set[str]) -> list[str]:
    """Name each difference of two instants."""
    clocks = {
        _name(part)
        for part in ast.walk(one.tree)
        if isinstance(part, ast.AnnAssign) and _is_clock(part.annotation)
    }
    found = list[tuple[int, str]]()
    for part in one.tree.body:
        outer = [part]
        if isinstance(part, ast.ClassDef):
            outer = list(part.body)
        for piece in outer:
            function = _Function(attributes, callables | clocks | {"now"})
            function.visit(piece)
            found += function.found
    return [f"{one.path}:{line} {what}" for line, what in found]


def _name(part: ast.AnnAssign) -> str:
    return ast.unparse(part.target).split(".")[-1]
