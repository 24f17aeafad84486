"""The commands that the documentation tells people to type.

In a how-to or tutorial a block fenced as `sh` is typed as it stands, in the checkout, while `./run`
runs in another terminal. A block fenced as `console` needs something more, and the paragraph
before it begins with "Needs" and says what.
"""

import re
from typing import NamedTuple

from tests.conftest import ROOT

PAGES = tuple(
    sorted(path for kind in ("tutorial", "how-to") for path in (ROOT / "docs" / kind).glob("*.md"))
)
OPEN_THE_EXAMPLE = "./run\n"
FENCED = re.compile(r"^```([a-z]*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One fenced block, with the paragraph before it."""

    language: str
    text: str
    before: str


def blocks(page: str) -> list[Block]:
    """Give every fenced block of a page, in order."""
    return [
        Block(found[1], found[2], page[: found.start()].rstrip().rpartition("\n\n")[2])
        for found in FENCED.finditer(page)
    ]


def typed(page: str) -> list[str]:
    """Give what is typed while the example runs, in order."""
    return [
        block.text
        for block in blocks(page)
        if block.language == "sh" and block.text != OPEN_THE_EXAMPLE
    ]
