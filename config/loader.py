"""Read a site file; every complaint names file, line and what to do.

A value may hold `${NAME}` or `${NAME:-default}`, filled from the environment: credentials and
ports stay out of the file.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from config.site import Site


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
    lines: Mapping[tuple[str | int, ...], int]

    def line(self, *place: str | int) -> int:
        """Give the line of a part, or of the nearest part around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


_VARIABLE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)(?::-([^}]*))?\}")


class _Reader:
    """Turns YAML nodes into plain data, noting lines and refusing doubled keys."""

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.file = file
        self.environment = environment
        self.lines: dict[tuple[str | int, ...], int] = {}
        self.problems: list[Problem] = []

    def data(self, node: yaml.Node, place: tuple[str | int, ...] = ()) -> Any:
        self.lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.data(one, (*place, index)) for index, one in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: tuple[str | int, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in found:
                line = key_node.start_mark.line + 1
                self._complain(line, place, f"key {key!r} stands twice; remove one")
            found[key] = self.data(value_node, (*place, key))
            self.lines[(*place, key)] = key_node.start_mark.line + 1
        return found

    def _scalar(self, node: yaml.Node, place: tuple[str | int, ...]) -> Any:
        text = str(node.value)
        filled = _VARIABLE.sub(lambda match: self._variable(match, node, place), text)
        if filled == text:
            return yaml.SafeLoader("").construct_object(node)
        if isinstance(node, yaml.ScalarNode) and node.style in ("'", '"'):
            return filled
        tag = yaml.SafeLoader("").resolve(yaml.ScalarNode, filled, (True, False))
        return yaml.SafeLoader("").construct_object(yaml.ScalarNode(tag, filled))

    def _variable(self, match: re.Match[str], node: yaml.Node, place: tuple[str | int, ...]) -> str:
        name, default = match[1], match[2]
        value = self.environment.get(name, default)
        if value is None:
            line = node.start_mark.line + 1
            self._complain(line, place, f"environment variable {name} is not set; set it")
            return ""
        return value

    def _complain(self, line: int, place: tuple[str | int, ...], what: str) -> None:
        self.problems.append(Problem(self.file, line, dotted(place), what))


def dotted(place: tuple[str | int, ...]) -> str:
    """Write a place in a file for people: `edges[0].links[1].port`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def load_site(path: Path, environment: Mapping[str, str]) -> SiteFile:
    """Read and check a site file; raise ConfigError with every problem found."""
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(file, 1, "", f"cannot be read: {error}")]) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        what = f"is not YAML: {getattr(error, 'problem', None) or error}"
        raise ConfigError([Problem(file, line, "", what)]) from error
    if node is None:
        raise ConfigError([Problem(file, 1, "", "is empty; describe a site in it")])
    reader = _Reader(file, environment)
    data = reader.data(node)
    if reader.problems:
        raise ConfigError(reader.problems)
    try:
        site = Site.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_explain(file, reader.lines, error)) from error
    return SiteFile(site, path, reader.lines)


def _explain(
    file: str, lines: Mapping[tuple[str | int, ...], int], error: ValidationError
) -> list[Problem]:
    problems = []
    for detail in error.errors(include_url=False):
        # Pydantic names the chosen member of a union in the path; the file has no such level.
        place: tuple[str | int, ...] = ()
        line = lines.get((), 1)
        for part in detail["loc"]:
            if (*place, part) in lines:
                place = (*place, part)
                line = lines[place]
            elif detail["type"] in ("missing", "extra_forbidden") and part == detail["loc"][-1]:
                place = (*place, part)
        what = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            what = "unknown key; remove it or correct its spelling"
        elif detail["type"] == "missing":
            what = "is missing; add it"
        elif detail["type"] == "string_pattern_mismatch":
            what = f"{detail['input']!r} has a form that is not allowed ({detail['msg']})"
        problems.append(Problem(file, line, dotted(place), what))
    return sorted(problems, key=lambda problem: problem.line)
