import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.console import translations
from gateway.web.console.preferences import LANGUAGES, wished
from gateway.web.console.translations import Catalogue, CatalogueError, Entry, entries
from tests.conftest import ROOT

CONSOLE = ROOT / "gateway" / "web" / "console"
CHINESE = CONSOLE / "locale" / "zh" / "LC_MESSAGES" / "console.po"
TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))
MARKS = re.compile(r"%\(\w+\)s|\{\w+\}")


@pytest.fixture(name="texts", scope="module")
def _texts(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every text that the console says, as pybabel finds them."""
    target = tmp_path_factory.mktemp("words") / "console.pot"
    program = Path(sys.executable).with_name("pybabel")
    subprocess.run(
        [program, "-q", "extract", "-F", "babel.toml", "-k", "_", "-k", "say", "-o", target, "."],
        cwd=ROOT,
        check=True,
    )
    with target.open("rb") as file:
        return {str(message.id) for message in read_po(file) if message.id}


def test_every_text_is_said_in_chinese_and_none_too_many(texts: set[str]) -> None:
    assert len(texts) > 250
    said = {entry.text: entry for entry in entries(CHINESE) if entry.text}
    assert texts - said.keys() == set(), "not translated"
    assert said.keys() - texts == set(), "nobody says this any more"
    assert [one.text for one in said.values() if not all(one.said) or one.fuzzy] == []


def test_a_translation_has_the_same_blanks_as_its_text() -> None:
    for entry in entries(CHINESE):
        if entry.text:
            assert set(MARKS.findall(entry.text)) == set(MARKS.findall(entry.said[0])), entry.text


def test_our_reader_agrees_with_babel() -> None:
    with CHINESE.open("rb") as file:
        theirs = {str(one.id): one.string for one in read_po(file) if one.id}
    assert theirs == {one.text: one.said[0] for one in entries(CHINESE) if one.text}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_word_of_a_template_is_outside_the_catalogues(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", text, flags=re.DOTALL)
    for attribute in re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', text):
        assert not re.search(r"[A-Za-z]{2,}", attribute), attribute
    shown = re.sub(r"<[^>]*>|/[\w./?=-]+", " ", text)
    left = set(re.findall(r"[A-Za-z]{2,}|[\u4e00-\u9fff]+", shown))
    assert left <= {"Wenlan", "文澜", "English", "中文"}, left


def test_scripts_say_nothing_of_their_own() -> None:
    for path in (CONSOLE / "static").glob("*.js"):
        code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        assigned = re.findall(r"textContent = [\"'`]([^\"'`$]+)", code)
        assert assigned == [], path.name


escaped = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@given(st.dictionaries(escaped, escaped, max_size=5))
def test_any_text_survives_the_file(said: dict[str, str]) -> None:
    lines = ['msgid ""', 'msgstr ""', '"Language: zh\\n"', ""]
    for text, translation in said.items():
        quoted = [json.dumps(one, ensure_ascii=False) for one in (text, translation)]
        lines += [f"msgid {quoted[0]}", f"msgstr {quoted[1]}", ""]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.po"
        path.write_text("\n".join(lines), encoding="utf-8")
        told = Catalogue("zh", entries(path))
    assert {text: told.gettext(text) for text in said} == said
    assert told.gettext("never heard of") == "never heard of" or "never heard of" in said


def test_a_broken_file_says_where(tmp_path: Path) -> None:
    path = tmp_path / "x.po"
    path.write_text('msgid "a"\nmsgstr "b\n', encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"x\.po:2"):
        entries(path)
    path.write_text('msgid "a\\"\nmsgstr "b"\n', encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"x\.po:1"):
        entries(path)


def test_english_needs_no_file_and_counts_by_number() -> None:
    english = translations.load(CONSOLE / "locale", LANGUAGES)["en"]
    assert english.gettext("Alarms") == "Alarms"
    assert english.ngettext("alarm", "alarms", 1) == "alarm"
    assert english.ngettext("alarm", "alarms", 2) == "alarms"
    chinese = Catalogue("zh", [Entry("alarm", "alarms", ("告警",), fuzzy=False)])
    assert chinese.ngettext("alarm", "alarms", 2) == "告警"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.5", "en"),
        ("fr,zh;q=0.3", "zh"),
        ("fr", "en"),
        ("", "en"),
        ("zh;q=nonsense", "en"),
        (";;,,;q=1", "en"),
    ],
)
def test_the_language_is_the_one_most_wished_for(header: str, language: str) -> None:
    assert wished(header) == language
