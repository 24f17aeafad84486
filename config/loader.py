"""Read a site file; every complaint names file, line and what to do.

A value may hold `${NAME}` or `${NAME:-default}`, filled from the environment: credentials and
ports stay out of the file. Plain values are read as YAML 1.2 reads them (`on`, `no` and `12:30`
are text).
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pydantic import ValidationError

from config import rules
from config.base import Wrong
from config.broker import FOLDER
from config.document import (
    ConfigError,
    Parts,
    Problem,
    Reader,
    compose,
    dotted,
    plain,
)
from config.explain import explain
from config.registers import SHARED
from config.site import Site

Rules: TypeAlias = Callable[[Site], Iterable[Wrong]]
"""What else must be true of a site; each wrong at its place in the file."""


class SiteFile(NamedTuple):
    """A site, where in its file each part stands, and what is worth a second look."""

    site: Site
    path: Path
    parts: Parts
    notes: tuple[Problem, ...] = ()

    def line(self, *place: str | int) -> int:
        """Give the line of a part, or of the nearest part around it."""
        return self.parts.line(place)

    def problems(self, wrongs: Iterable[Wrong]) -> list[Problem]:
        """Give what was found in the file's order, each thing once."""
        found: dict[tuple[int, str], Problem] = {}
        for place, what in wrongs:
            line, text = self.parts.line(place), self.parts.told(place, what)
            found.setdefault((line, text), Problem(str(self.path), line, dotted(place), text))
        return sorted(found.values(), key=lambda problem: problem.line)


def no_rules(_: Site) -> Iterable[Wrong]:
    """Ask nothing of a site beside what `config` asks."""
    return ()


def load_site(path: Path, environment: Mapping[str, str], catalogue: Rules = no_rules) -> SiteFile:
    """Read and check a site file; raise ConfigError with every problem found.

    `catalogue` is what the device models have to say. Every process that runs hands it in by
    `wenlan.site_rules`; without it a file is only read.
    """
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        what = f"cannot be read: {error}; give a site file in UTF-8"
        raise ConfigError([Problem(file, 1, "", what)]) from error
    root = compose(file, text)
    reader = Reader(file, environment)
    data = reader.data(root)
    parts = Parts(root, reader.filled)
    if reader.problems:
        raise ConfigError(sorted(reader.problems, key=lambda problem: problem.line))
    try:
        site = Site.model_validate(data, context={FOLDER: path.parent, SHARED: {}})
    except ValidationError as error:
        raise ConfigError(explain(file, parts, error)) from error
    read = SiteFile(site, path, parts)
    if problems := read.problems((*rules.wrongs(site), *catalogue(site))):
        raise ConfigError(problems)
    notes = (*reader.notes, *read.problems(rules.notes(site)))
    return read._replace(notes=tuple(sorted(notes, key=lambda problem: problem.line)))


__all__ = ["ConfigError", "Problem", "Rules", "SiteFile", "dotted", "load_site", "plain"]
