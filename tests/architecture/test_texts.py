"""What stands in the repository's files: no machine's paths, no registry's hosts, no dead links."""

import re
from pathlib import Path

import pytest

from tests.architecture.sources import texts, tracked
from tests.conftest import ROOT

# Written in pieces, so that this file does not accuse itself.
MACHINE = re.compile("/" + r"(?:work|root|Users|home/[a-z][a-z0-9_-]*)/")
HOSTS = re.compile(
    "|".join(
        left + right
        for left, right in (
            (r"pypi\.", "org"),
            (r"python", r"hosted\.org"),
            (r"registry\.", r"npmjs"),
            (r"registry\.", "yarnpkg"),
            (r"mirrors?\.", r"[a-z]+\.(?:com|cn|org|edu)"),
            (r"deb\.", r"debian\.org"),
        )
    )
)
PLACEHOLDER = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|NotImplemented" + r"Error)\b")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)


def complaints(pattern: re.Pattern[str], name: str, text: str) -> list[str]:
    return [
        f"{name}:{number} {match[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        if (match := pattern.search(line))
    ]


@pytest.mark.parametrize("pattern", [MACHINE, HOSTS], ids=["machine paths", "registry hosts"])
def test_no_file_names_the_machine_it_was_made_on(pattern: re.Pattern[str]) -> None:
    assert [line for name, text in texts() for line in complaints(pattern, name, text)] == []


def test_what_is_fetched_is_not_kept_here() -> None:
    assert [name for name in tracked() if {"vendor", "node_modules"} & set(name.split("/"))] == []


def test_nothing_is_left_for_later() -> None:
    found = [
        line
        for name, text in texts()
        if name.endswith((".py", ".js", ".css", ".html", ".sql", ".md", ".yaml", ".toml"))
        for line in complaints(PLACEHOLDER, name, text)
    ]
    assert found == []


def dead_links(name: str, text: str) -> list[str]:
    """Find relative links of a page that lead nowhere."""
    dead = []
    for target in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        page = (ROOT / name).parent / path if path else ROOT / name
        if not page.exists():
            dead.append(f"{name}: {target} does not exist")
        elif anchor and page.suffix == ".md" and anchor not in anchors(page):
            dead.append(f"{name}: {target} has no such heading")
    return dead


def anchors(page: Path) -> set[str]:
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(page.read_text(encoding="utf-8"))
    }


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    pages = [(name, text) for name, text in texts() if name.endswith(".md")]
    assert pages
    assert [line for name, text in pages for line in dead_links(name, text)] == []


def test_every_decision_has_a_date() -> None:
    pages = [name for name in tracked() if name.startswith("docs/decisions/0")]
    undated = [
        name
        for name in pages
        if not re.search(r"^20\d\d-\d\d-\d\d$", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    ]
    assert undated == []


def test_what_is_looked_for_is_found() -> None:
    assert complaints(MACHINE, "x", "see /" + "root/x")
    assert complaints(HOSTS, "x", "https://pypi." + "org/simple")
    assert dead_links("README.md", "[gone](docs/nowhere.md)")
    assert not dead_links("README.md", "[code](https://example.org) ```[x](y)```")
