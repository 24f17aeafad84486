"""Whatever is wrong with a site file, nothing that is said of it repeats a secret."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.loader import ConfigError
from tests.unit.config.test_refused_sites import SITE
from wenlan.site_rules import load_checked_site

SECRET = "s3cret4711"
WRONG = [
    ('"p-4711"', f"[{SECRET}]"),
    ('"p-4711"', f"{{a: {SECRET}}}"),
    ('"p-4711"', f"{{{SECRET}: a}}"),
    ('"p-4711"', f'"{SECRET}|"'),
    ('"p-4711"', f'"{SECRET}\\r"'),
    ('"p-4711"', f"{SECRET}${{"),
    ('"p-4711"', f"${{{SECRET}}}"),
    ('"p-4711"', f"*{SECRET}"),
    ('"p-4711"', f"!{SECRET} x"),
    ('"p-4711"', f'"{SECRET}'),
    ('"p-4711"', f"a}}, {{'{SECRET}"),
    ('password: "p-4711"', f"terminal_password: [{SECRET}]"),
    ('password: "p-4711"', f"login: {{a: {SECRET}}}"),
    ('password: "p-4711"', f"password: a, password: {SECRET}, password: b, unit: 1"),
    ('password: "p-4711"', f'"password:{SECRET}": a'),
    ('[{id: ils, model: sip2, password: "p-4711"}]', f"{{password: {SECRET}}}"),
    ("broker: mqtt://10.0.0.9\nh", f"broker: mqtt://u:{SECRET}@h o\nh"),
    ("broker: mqtt://10.0.0.9\nh", f"broker: http://u:{SECRET}@host\nh"),
    ("broker: mqtt://10.0.0.9\nh", f"broker: mqtt://u:a #{SECRET}@host\nh"),
    ("broker: mqtt://10.0.0.9\nh", f"broker: mqtt://u:{SECRET}${{x@host\nh"),
    ("broker: mqtt://10.0.0.9\nh", f"broker: {{mqtt://u:{SECRET}@host: a}}\nh"),
    ("broker: mqtt://10.0.0.9\nh", f"broker: {{url: [mqtt://u:{SECRET}@10.0.0.300]}}\nh"),
    ("broker: mqtt://10.0.0.9\nh", f"mqtt://u:{SECRET}@host: broker\nh"),
    ("broker: mqtt://10.0.0.9\nh", f"broker: [mqtt://{SECRET}@host, {{{SECRET}: 1}}]\nh"),
]


def refusal(folder: Path, text: str, environment: dict[str, str]) -> ConfigError | None:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_checked_site(path, environment)
    except ConfigError as error:
        return error
    return None


@pytest.mark.parametrize(("old", "new"), WRONG)
def test_a_complaint_about_a_secret_does_not_repeat_it(tmp_path: Path, old: str, new: str) -> None:
    assert old in SITE
    error = refusal(tmp_path, SITE.replace(old, new, 1), {})
    assert error is not None
    assert SECRET not in str(error)


@pytest.mark.parametrize("number", ["47114711", "0x47114711", "4711.4711", "true"])
def test_a_password_of_another_kind_is_not_repeated(tmp_path: Path, number: str) -> None:
    error = refusal(tmp_path, SITE.replace('"p-4711"', number, 1), {})
    assert error is not None
    assert "must be text; put it in quotes" in str(error)
    assert "it is" not in str(error)


# Where a variable of the environment may stand by mistake.
PLACES = [
    "annexe", "Asia/Shanghai", "vault,", "45", "2s", "1s", "xy-md02", "10.0.0.1", "502", "sip2\n",
    "channel_0", "custom", "status", "holding", "/dev/ttyUSB0", "float32",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "secret", [SECRET, "-9876543", "7e300", "Ünter|s'ecret", '"q"\\x', "A B:C"]
)
def test_a_value_of_the_environment_is_called_by_its_variable(
    tmp_path: Path, place: str, secret: str
) -> None:
    text = SITE.replace(place.strip(), "${MINE}", 1)
    assert text != SITE
    error = refusal(tmp_path, text, {"MINE": secret})
    assert error is None or secret not in str(error)


def test_a_number_of_the_environment_is_not_repeated_in_another_form(tmp_path: Path) -> None:
    text = SITE.replace("502", "${MINE}", 1).replace("annexe", "${MINE}", 1)
    error = refusal(tmp_path, text, {"MINE": "4711.40"})
    assert error is not None
    assert "4711" not in str(error)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=4))
@example("a|b|c")
def test_no_library_password_is_repeated(
    tmp_path_factory: pytest.TempPathFactory, secret: str
) -> None:
    secret += SECRET
    folder = tmp_path_factory.getbasetemp()
    for form in ("${MINE}", '"${MINE}|"', "[${MINE}]"):
        error = refusal(folder, SITE.replace('"p-4711"', form, 1), {"MINE": secret})
        assert error is None or SECRET not in str(error)


def test_a_site_does_not_show_its_passwords(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.replace("p-4711", SECRET), encoding="utf-8")
    site = load_checked_site(path, {}).site
    assert SECRET in str(site.model_dump())
    assert SECRET not in repr(site)
    assert SECRET not in str(site)
