"""A site may be named in one language: the other falls back, wherever a name is shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.base import Name
from config.loader import ConfigError, load_site
from gateway.web.console.locale import Locale
from gateway.web.console.translations import Catalogue

ONE_LANGUAGE = """
site: annexe
name: {name}
timezone: Europe/Paris
broker: mqtt://127.0.0.1:1883
spaces:
  - id: magasin
    kind: vault
    name: {name}
    limits:
      - {{quantity: air_temperature, high: 20, guidance: {name}}}
edges:
  - id: edge
    name: {name}
    links:
      - kind: modbus-tcp
        id: bus
        host: 127.0.0.1
        devices: [{{id: probe, model: xy-md02, name: {name}}}]
"""
LANGUAGES = (Catalogue("en", []), Catalogue("zh", []))
text = st.text(min_size=1, max_size=20)


@given(text, text)
def test_a_name_says_in_each_language_what_was_given_for_it_or_else_the_other(
    en: str, zh: str
) -> None:
    both = Name(en=en, zh=zh)
    assert (both.en, both.zh) == (en, zh)
    for given_ in ({"en": en}, {"en": en, "zh": ""}, {"en": en, "zh": None}, en):
        assert Name.model_validate(given_) == Name(en=en, zh=en)
    assert Name.model_validate({"zh": zh}) == Name(en=zh, zh=zh)


@pytest.mark.parametrize("given_", [{}, {"en": ""}, {"en": None, "zh": ""}, "", 7, {"fr": "x"}])
def test_a_name_in_no_language_is_refused(given_: object) -> None:
    with pytest.raises(ValidationError):
        Name.model_validate(given_)


@pytest.mark.parametrize("name", ["{en: Stacks}", "{zh: 书库}", "Magasin nord", "'12'"])
def test_a_site_in_one_language_is_sound_and_shown_alike_in_both(tmp_path: Path, name: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(ONE_LANGUAGE.format(name=name), encoding="utf-8")
    site = load_site(path, {}).site
    said = {Locale(catalogue, site).name(site.name, "?") for catalogue in LANGUAGES}
    assert len(said) == 1
    assert said == {site.spaces[0].name.en}
    assert site.spaces[0].limits[0].guidance == site.name


def test_no_name_at_all_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(ONE_LANGUAGE.format(name="{en: ''}"), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_site(path, {})
    assert refused.value.problems[0].line == 3
    assert "English (en), Chinese (zh), or both" in refused.value.problems[0].what


def test_a_card_in_one_language_is_shown_by_it_in_both(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(ONE_LANGUAGE.format(name="x"), encoding="utf-8")
    site = load_site(path, {}).site
    for catalogue in LANGUAGES:
        locale = Locale(catalogue, site)
        assert locale.title({"zh": "探头"}, "probe") == "探头"
        assert locale.title({"en": "Probe"}, "probe") == "Probe"
        assert locale.title({"en": "", "zh": ""}, "probe") == "probe"
        assert locale.title({}, "probe") == "probe"
