"""A YAML file as plain data, with the line of each part; nothing is ever expanded.

An alias stands for the very part that it names, so a file costs what is written in it. What
aliases would make of it is counted nevertheless: no honest file repeats itself a thousand times.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import yaml

from config.base import Place

MOST_NODES = 2_000_000
"""Keys, values and lists that are written in one file."""
MOST_DEPTH = 64
MOST_ALIASES_WITHIN = 4
"""Aliases in a part that an alias names, and so on."""
MOST_REPEATED = 1000
"""Parts after expansion for each part that is written …"""
FEW = 100_000
"""… where there are more than this many."""


SHORTEST_SECRET = 4
"""Characters of a variable's value that no text about any part of the file repeats."""


@dataclass(slots=True, eq=False)
class Node:
    """One part of a file: a value, a list or a mapping."""

    line: int
    tag: str | None
    text: str | None = None
    quoted: bool = False
    items: list["Node"] | None = None
    pairs: list[tuple["Node", "Node"]] | None = None
    size: int = 1
    """Parts in it, were its aliases written out."""
    aliased: int = 0
    """Aliases within aliases."""
    filled: list[tuple[str, str]] = field(default_factory=list)
    """Variables of the environment in it, with what they held."""


class Problem(NamedTuple):
    """One thing wrong with a site file, or worth a second look."""

    file: str
    line: int
    where: str
    what: str

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}: {place}{self.what}"


class ConfigError(Exception):
    """A site file is refused; `problems` has every reason found, in the file's order."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class _Refused(Exception):  # noqa: N818 - told with its file as ConfigError
    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def dotted(place: Place) -> str:
    """Write a place in a file for people: `edges[0].links[1].port`.

    A key that is no word is not repeated: it may be a secret that slipped to the left.
    """
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if _KEY.fullmatch(part) else "…"
            text += f".{word}" if text else word
    return text


class Parts:
    """Where the parts of a file are: an alias leads to the part that it names."""

    def __init__(self, root: Node, filled: Iterable[tuple[str, str]] = ()) -> None:
        self._root = root
        self._filled = [(name, value) for name, value in filled if len(value) >= SHORTEST_SECRET]

    def told(self, place: Place, what: str) -> str:
        """Name the variables of a file instead of what they held: it may be a secret."""
        node = self.node(place)
        variables = {*self._filled, *(node.filled if node else ())}
        for name, value in sorted(variables, key=lambda one: (-len(one[1]), one)):
            for form in {value, repr(value)[1:-1]}:
                what = what.replace(form, f"${{{name}}}")
        return what

    def line(self, place: Place) -> int:
        """Give the line of a part, or of the nearest part around it."""
        return self._walk(place)[1]

    def node(self, place: Place) -> Node | None:
        """Give a part; None when the file has none there."""
        node, _, steps = self._walk(place)
        return node if steps == len(place) else None

    def __contains__(self, place: Place) -> bool:
        return self.node(place) is not None

    def _walk(self, place: Place) -> tuple[Node, int, int]:
        node, line, steps = self._root, self._root.line, 0
        for part in place:
            if isinstance(part, int) and node.items is not None and 0 <= part < len(node.items):
                node = node.items[part]
                line = node.line
            else:
                found = next((one for one in node.pairs or () if one[0].text == part), None)
                if found is None:
                    break
                line, node = found[0].line, found[1]
            steps += 1
        return node, line, steps


def compose(file: str, text: str) -> Node:
    """Read a YAML text as nodes; raise ConfigError."""
    try:
        root = _Composer().compose(text)
    except yaml.YAMLError as error:
        raise ConfigError([_no_yaml(file, text, error)]) from error
    except _Refused as error:
        line = min(error.line, _last_line(text))
        raise ConfigError([Problem(file, line, "", str(error))]) from error
    if root is None or root.text == "":
        raise ConfigError([Problem(file, 1, "", "is empty; describe a site in it")])
    return root


_Event: TypeAlias = Any
"""PyYAML's events have no types of their own."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _line(event: _Event) -> int:
    return int(event.start_mark.line) + 1


class _Composer:
    def __init__(self) -> None:
        self._nodes = 0
        self._open: list[tuple[Node, list[Node]]] = []
        """Lists and mappings that have not ended, with what is in them so far."""
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None

    def compose(self, text: str) -> Node | None:
        documents = 0
        events: Iterable[_Event] = yaml.parse(text, Loader=_LOADER)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    what = "a second document begins here; keep one, remove the line ---"
                    raise _Refused(_line(event), what)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.ScalarEvent):
                quoted = event.style in ("'", '"', "|", ">") or event.tag in _TEXTS
                self._add(self._made(event, text=event.value, quoted=quoted), 0)
            elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                self._end()
        return self._root

    def _made(self, event: _Event, text: str | None = None, *, quoted: bool = False) -> Node:
        line = _line(event)
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _Refused(line, f"has more than {MOST_NODES} parts; divide the site")
        node = Node(line, event.tag, text, quoted)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _begin(self, event: _Event) -> None:
        node = self._made(event)
        if isinstance(event, yaml.SequenceStartEvent):
            node.items = []
        else:
            node.pairs = []
        self._open.append((node, []))
        if len(self._open) > MOST_DEPTH:
            raise _Refused(node.line, "is nested too deeply; flatten it")

    def _end(self) -> None:
        node, inner = self._open.pop()
        if node.items is not None:
            node.items = inner
        else:
            node.pairs = list(zip(inner[::2], inner[1::2], strict=True))
        self._add(node, 0)

    def _alias(self, event: _Event) -> None:
        line = _line(event)
        node = self._anchors.get(event.anchor)
        if node is None:
            raise _Refused(line, "an alias to nothing; give the part that is meant an anchor (&)")
        if any(node is one for one, _ in self._open):
            raise _Refused(line, "an alias to a part that it is in; write it out")
        self._nodes += 1
        self._add(node, 1)

    def _add(self, node: Node, alias: int) -> None:
        if not self._open:
            self._root = node
            return
        around, inner = self._open[-1]
        inner.append(node)
        around.size += node.size
        around.aliased = max(around.aliased, node.aliased + alias)
        if around.aliased > MOST_ALIASES_WITHIN:
            raise _Refused(around.line, "aliases within aliases, too deep; write some of them out")
        if around.size > FEW and around.size > MOST_REPEATED * self._nodes:
            raise _Refused(around.line, "aliases repeat it a thousand times; use fewer aliases")


def _no_yaml(file: str, text: str, error: yaml.YAMLError) -> Problem:
    line, reason = 1, str(error)
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = ", ".join(filter(None, (error.context, error.problem)))
    elif isinstance(error, yaml.reader.ReaderError):
        # libyaml counts bytes.
        line = text.encode().count(b"\n", 0, max(0, error.position)) + 1
        reason = "a character that no text has"
    # What YAML takes for a name may be a password.
    reason = re.sub(r"['\"][^'\"]{2,}['\"]", "…", reason)
    # A file that ends too early is wrong after its last line.
    line = min(line, _last_line(text))
    return Problem(file, line, "", f"is not YAML: {reason}; correct it here or just above")


def _last_line(text: str) -> int:
    return text.rstrip("\n").count("\n") + 1


_VARIABLE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)(?::-([^}]*))?\}")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_TEXTS = ("!", "tag:yaml.org,2002:str")
_TAGS = {
    "!",
    *(
        f"tag:yaml.org,2002:{name}"
        for name in (
            *("bool", "float", "int", "map", "merge", "null", "seq", "str"),
            *("timestamp", "value"),
        )
    ),
}


def plain(text: str) -> Any:
    """Read an unquoted value: null, a boolean, a number, or else text (YAML 1.2, core schema)."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= 400:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _HEXADECIMAL.fullmatch(text):
            return int(text, 16)
        if _REAL.fullmatch(text):
            return float(text)
    return text


class Reader:
    """Turns nodes into plain data; notes what cannot be meant, and what is worth a look.

    A part that aliases name is read once, and is the same object wherever it stands.
    """

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.filled: list[tuple[str, str]] = []
        """Variables of the environment that stand in the file, with what they held."""
        self._file = file
        self._environment = environment
        self._read: dict[int, Any] = {}

    def data(self, node: Node, place: Place = ()) -> Any:
        """Give the data of a part."""
        if id(node) not in self._read:
            self._read[id(node)] = self._data(node, place)
        return self._read[id(node)]

    def _data(self, node: Node, place: Place) -> Any:
        if node.tag is not None and node.tag not in _TAGS:
            return self._complain(node.line, place, "has a tag that is not known here; remove it")
        if node.pairs is not None:
            return self._mapping(node.pairs, place)
        if node.items is not None:
            return [self.data(one, (*place, index)) for index, one in enumerate(node.items)]
        return self._scalar(node, place)

    def _mapping(self, pairs: list[tuple[Node, Node]], place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in pairs:
            key = key_node.text
            if key is None:
                self._complain(key_node.line, place, "a key must be one word; correct it")
                continue
            if key in found:
                what = f"key {dotted((key,))} stands twice; remove one"
                self._complain(key_node.line, place, what)
            found[key] = self.data(value_node, (*place, key))
        return found

    def _scalar(self, node: Node, place: Place) -> Any:
        text = node.text or ""
        if "${" in _VARIABLE.sub("", text):
            what = "a ${ that begins no variable; write ${NAME} or ${NAME:-default}"
            return self._complain(node.line, place, what)
        filled = _VARIABLE.sub(lambda match: self._variable(match, node, place), text)
        if node.quoted:
            return filled
        if _LEADING_ZERO.fullmatch(filled) and len(filled) <= 20:
            what = "a leading zero makes no octal number here: 010 is 10; write it without"
            self.notes.append(Problem(self._file, node.line, dotted(place), what))
        return plain(filled)

    def _variable(self, match: re.Match[str], node: Node, place: Place) -> str:
        name, default = match[1], match[2]
        value = self._environment.get(name)
        if value:
            node.filled.append((name, value))
            self.filled.append((name, value))
        if default is not None:
            return value or default
        if value is None:
            self._complain(node.line, place, f"environment variable {name} is not set; set it")
        return value or ""

    def _complain(self, line: int, place: Place, what: str) -> None:
        self.problems.append(Problem(self._file, line, dotted(place), what))
