"""Every setting is on its page, and what the how-to shows is true."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from config.links import ModbusDevice
from config.loader import load_site
from config.registers import RegisterMap
from config.site import Site
from drivers import registry
from drivers.model import DriverSpec
from drivers.protocols.modbus.plan import plan
from tests.conftest import ROOT
from tests.polled import leaping_clock

DOCS = ROOT / "docs"


def models(kind: Any, seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind in seen:
            return
        seen.add(kind)
        yield kind
        for field in kind.model_fields.values():
            yield from models(field.annotation, seen)
    for part in get_args(kind):
        yield from models(part, seen)


SETTINGS = sorted(
    {
        (model.__name__, field.alias or name)
        for model in models(Site, set())
        for name, field in model.model_fields.items()
    }
)


def test_the_settings_are_found() -> None:
    assert len(SETTINGS) > 70
    assert ("Write", "register") in SETTINGS
    assert ("LibrarySystem", "terminal_password") in SETTINGS


@pytest.mark.parametrize(("model", "key"), SETTINGS)
def test_every_setting_is_on_the_page(model: str, key: str) -> None:
    page = (DOCS / "reference" / "site-file.md").read_text(encoding="utf-8")
    assert f"`{key}`" in page, f"{model}.{key} is not in docs/reference/site-file.md"


def snippets(language: str) -> list[str]:
    page = (DOCS / "how-to" / "add-a-device.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_registers_of_the_how_to_are_sound() -> None:
    typed = "".join(snippets("sh"))
    (text,) = re.findall(r"<<'END'\n(.*?)^END$", typed, re.DOTALL | re.MULTILINE)
    (link,) = yaml.safe_load(text)["edges"][0]["links"]
    (device,) = link["devices"]
    known = ModbusDevice.model_validate(device).map
    assert known is not None
    assert len(plan(known.points, known)) == 1


def test_the_row_of_the_how_to_is_a_model() -> None:
    (text,) = snippets("python")
    found: dict[str, Any] = dict(vars(registry))
    exec(compile(text, "add-a-device.md", "exec"), found)
    spec, known = found["SENSEAIR_S8"], found["SENSEAIR_S8_MAP"]
    assert isinstance(spec, DriverSpec)
    assert isinstance(known, RegisterMap)
    device = ModbusDevice(id="dev", model=spec.kind)
    assert getattr(spec.build(device, None, leaping_clock(60)), "device", None) == "dev"
    assert len(plan(known.points, known)) == 2


def test_the_defaults_on_the_page_are_those_of_the_program() -> None:
    page = (DOCS / "reference" / "site-file.md").read_text(encoding="utf-8")
    example = DOCS.parent / "config" / "sites" / "zhijiang" / "site.yaml"
    site = load_site(example, {}).site
    journal = site.edges[0].journal
    assert f"`{journal.keep.total_seconds() / 3600:.0f}h`" in page
    assert f"| {journal.largest} |" in page
    assert f"| {site.gates[0].rollover} |" in page
