"""The words of one language, read from a gettext .po file.

The file itself is read at the start: no compiled catalogue to forget, and no Babel (33 MB) at run
time. Only what our own files use is understood: msgid, msgid_plural, msgstr, msgstr[0].
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

_LINE = re.compile(r'^(msgctxt|msgid_plural|msgid|msgstr(?:\[(\d+)\])?)\s+(".*")$')


class CatalogueError(Exception):
    """A .po file cannot be read; says which line and what to do."""


class Entry(NamedTuple):
    """One text and its translations, one for each plural form."""

    text: str
    plural: str
    said: tuple[str, ...]
    fuzzy: bool


def entries(path: Path) -> list[Entry]:
    """Read a .po file; raise CatalogueError. The header is the entry with an empty text."""
    found: list[Entry] = []
    fields: dict[str, str] = {}
    fuzzy = False
    last = ""

    def close() -> None:
        nonlocal fuzzy
        if "msgid" in fields:
            said = tuple(text for name, text in sorted(fields.items()) if name[:6] == "msgstr")
            found.append(Entry(fields["msgid"], fields.get("msgid_plural", ""), said, fuzzy))
            fuzzy = False
        fields.clear()

    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = _LINE.match(line)
        if match:
            last = match[1]
            if last == "msgid":
                close()
            fields[last] = _quoted(match[3], path, number)
        elif line.startswith('"') and last:
            fields[last] += _quoted(line, path, number)
        elif line.startswith("#,"):
            close()
            fuzzy = "fuzzy" in line
        elif line and not line.startswith("#"):
            raise CatalogueError(f"{path.name}:{number}: {line[:40]!r} is no line of a .po file")
    close()
    return found


def _quoted(text: str, path: Path, number: int) -> str:
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError) as error:
        raise CatalogueError(f"{path.name}:{number}: {text[:40]} is not closed") from error
    return str(value)


class Catalogue:
    """Says texts in one language. A text that is not in the file is said in English."""

    def __init__(self, language: str, told: list[Entry]) -> None:
        self.language = language
        self._said = {entry.text: entry.said for entry in told if entry.text and not entry.fuzzy}

    def gettext(self, text: str) -> str:
        said = self._said.get(text)
        return said[0] if said and said[0] else text

    def ngettext(self, text: str, plural: str, number: int) -> str:
        """Say a text about a number of things. Chinese has one form for all numbers."""
        said = self._said.get(text)
        if said and said[0]:
            return said[0]
        return text if number == 1 else plural


def load(folder: Path, languages: tuple[str, ...]) -> dict[str, Catalogue]:
    """Read every language's file below a folder; English needs none."""
    found = {}
    for language in languages:
        path = folder / language / "LC_MESSAGES" / "console.po"
        found[language] = Catalogue(language, entries(path) if path.exists() else [])
    return found
