"""Pages that tell people what to type: all of it is run by a test, or says what it needs."""

import re

import pytest

from tests.architecture.sources import texts
from tests.pages import FENCED, PAGES, Block, blocks, typed

TOO_BROAD = re.compile(r"\bp?kill" + r"all\b|\bpk" + r"ill\b")
"""Ends the processes of others too."""


def unrunnable(page: str) -> list[str]:
    """Find commands that no test runs and that say nothing of what they need."""
    found = [
        block.text
        for block in blocks(page)
        if block.language == "console" and not block.before.startswith("Needs ")
    ]
    # Indented blocks have no language: nobody knows whether they are commands.
    rest = FENCED.sub("", page)
    return found + re.findall(r"^ {4}\S.*$", rest, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_commands_and_all_of_them_are_run_or_say_what_they_need(page: object) -> None:
    text = page.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert typed(text), "no command in it is run by a test"
    assert unrunnable(text) == []


def test_no_page_ends_processes_by_a_broad_name() -> None:
    found = [
        f"{name}: {match[0]}"
        for name, text in texts()
        if name.endswith((".md", ".sh")) or "." not in name
        for match in TOO_BROAD.finditer(text)
    ]
    assert found == []


def test_what_is_looked_for_is_found() -> None:
    page = (
        "Do:\n\n```sh\nls\n```\n\nNeeds root:\n\n```console\nreboot\n```\n\n```console\nhalt\n```\n"
    )
    assert blocks(page)[0] == Block("sh", "ls\n", "Do:")
    assert typed(page) == ["ls\n"]
    assert unrunnable(page) == ["halt\n"]
    assert unrunnable("    ./run\n") == ["    ./run"]
    assert TOO_BROAD.search("pk" + "ill -f wenlan")
