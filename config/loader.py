"""Read a site file; every complaint names file, line and what to do.

A value may hold `${NAME}` or `${NAME:-default}`, filled from the environment: credentials and
ports stay out of the file. Plain values are read as YAML 1.2 reads them (`on`, `no` and `12:30`
are text).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.base import Place
from config.broker import FOLDER
from config.site import Site

MOST_PARTS = 100_000
"""Aliases can make a small file endless."""


class Problem(NamedTuple):
    """One thing wrong with a site file."""

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


class SiteFile(NamedTuple):
    """A site, and where in its file each part stands."""

    site: Site
    path: Path
    lines: Mapping[Place, int]

    def line(self, *place: str | int) -> int:
        """Give the line of a part, or of the nearest part around it."""
        return _nearest(self.lines, place)


_VARIABLE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)(?::-([^}]*))?\}")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ["bool", "float", "int", "map", "merge", "null", "seq", "str", "timestamp", "value"]
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


class _Reader:
    """Turns YAML nodes into plain data, noting lines and refusing what cannot be meant."""

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.file = file
        self.environment = environment
        self.lines: dict[Place, int] = {}
        self.problems: list[Problem] = []
        self._around: set[int] = set()

    def data(self, node: yaml.Node, place: Place = ()) -> Any:
        line = node.start_mark.line + 1
        self.lines[place] = line
        if id(node) in self._around:
            return self._complain(line, place, "an alias to a part that it is in; write it out")
        if len(self.lines) > MOST_PARTS:
            raise _TooLargeError(line)
        if node.tag not in _TAGS:
            return self._complain(line, place, f"tag {node.tag} is not known here; remove it")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        self._around.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, place)
            return [self.data(one, (*place, index)) for index, one in enumerate(node.value)]
        finally:
            self._around.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(line, place, "a key must be one word; correct it")
                continue
            key = str(key_node.value)
            if key in found:
                self._complain(line, place, f"key {key!r} stands twice; remove one")
            found[key] = self.data(value_node, (*place, key))
            self.lines[(*place, key)] = line
        return found

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        line = node.start_mark.line + 1
        text = str(node.value)
        if "${" in _VARIABLE.sub("", text):
            what = f"{text!r} has no variable in it; write ${{NAME}} or ${{NAME:-default}}"
            return self._complain(line, place, what)
        filled = _VARIABLE.sub(lambda match: self._variable(match, line, place), text)
        return filled if node.style in ("'", '"', "|", ">") else plain(filled)

    def _variable(self, match: re.Match[str], line: int, place: Place) -> str:
        name, default = match[1], match[2]
        value = self.environment.get(name)
        if default is not None:
            return value or default
        if value is None:
            self._complain(line, place, f"environment variable {name} is not set; set it")
        return value or ""

    def _complain(self, line: int, place: Place, what: str) -> None:
        self.problems.append(Problem(self.file, line, dotted(place), what))


class _TooLargeError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def dotted(place: Place) -> str:
    """Write a place in a file for people: `edges[0].links[1].port`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def load_site(path: Path, environment: Mapping[str, str]) -> SiteFile:
    """Read and check a site file; raise ConfigError with every problem found."""
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        what = f"cannot be read: {error}; give a site file in UTF-8"
        raise ConfigError([Problem(file, 1, "", what)]) from error
    reader = _Reader(file, environment)
    try:
        data = reader.data(_compose(file, text))
    except _TooLargeError as error:
        what = f"has more than {MOST_PARTS} parts; use fewer aliases"
        raise ConfigError([Problem(file, error.line, "", what)]) from error
    except RecursionError as error:
        raise ConfigError([Problem(file, 1, "", "is nested too deeply; flatten it")]) from error
    if reader.problems:
        raise ConfigError(sorted(reader.problems, key=lambda problem: problem.line))
    try:
        site = Site.model_validate(data, context={FOLDER: path.parent})
    except ValidationError as error:
        raise ConfigError(_explain(file, reader.lines, error)) from error
    return SiteFile(site, path, reader.lines)


def _compose(file: str, text: str) -> yaml.Node:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError([_no_yaml(file, text, error)]) from error
    if node is None or (not node.value and isinstance(node, yaml.ScalarNode)):
        raise ConfigError([Problem(file, 1, "", "is empty; describe a site in it")])
    return node


def _no_yaml(file: str, text: str, error: yaml.YAMLError) -> Problem:
    line, reason = 1, str(error)
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = ", ".join(filter(None, (error.context, error.problem)))
    elif isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        reason = f"a character that no text has ({error.character!r})"
    # A file that ends too early is wrong after its last line.
    line = min(line, _last_line(text))
    return Problem(file, line, "", f"is not YAML: {reason}; correct it here or just above")


def _last_line(text: str) -> int:
    return text.rstrip("\n").count("\n") + 1


def _explain(file: str, lines: Mapping[Place, int], error: ValidationError) -> list[Problem]:
    problems = []
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and _has_inner(details, detail["loc"]):
            continue  # Pydantic counts only the sound items of a list.
        place, line = _find(lines, detail)
        wrongs = detail.get("ctx", {}).get("wrongs", ())
        for wrong in wrongs:
            inner = (*place, *wrong.place)
            problems.append(Problem(file, _nearest(lines, inner), dotted(inner), wrong.what))
        if not wrongs:
            problems.append(Problem(file, line, dotted(place), _what(detail)))
    return sorted(problems, key=lambda problem: problem.line)


def _has_inner(details: list[ErrorDetails], place: Place) -> bool:
    length = len(place)
    return any(len(one["loc"]) > length and one["loc"][:length] == place for one in details)


def _find(lines: Mapping[Place, int], detail: ErrorDetails) -> tuple[Place, int]:
    # Pydantic names the chosen member of a union in the path; the file has no such level.
    place: Place = ()
    line = lines.get((), 1)
    for part in detail["loc"]:
        if (*place, part) in lines:
            place = (*place, part)
            line = lines[place]
        elif detail["type"] == "missing" and part == detail["loc"][-1]:
            place = (*place, part)
    return place, line


def _nearest(lines: Mapping[Place, int], place: Place) -> int:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _what(detail: ErrorDetails) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return "unknown key; remove it or correct its spelling"
        case "missing":
            return "is missing; add it"
        case "string_pattern_mismatch":
            return f"{detail['input']!r} has a form that is not allowed ({detail['msg']})"
        case "value_error":
            return detail["msg"].removeprefix("Value error, ")
    given = repr(detail["input"])
    return f"{detail['msg']}; it is {given}" if len(given) < 60 else detail["msg"]
