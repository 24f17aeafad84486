"""What every device model must pass."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from config.links import Device, Link, ModbusDevice
from config.registers import LARGEST_BLOCK, RegisterMap, Table, WordType
from contracts.codec import cards, encode
from contracts.quantities import NATURES, Quantity
from drivers import registry
from drivers.capabilities import Circulation, Pollable, TagReader, Vehicle, Writable
from drivers.model import DriverSpec
from drivers.protocols.modbus.pdu import READS
from drivers.protocols.modbus.plan import plan
from drivers.protocols.modbus.values import decode
from drivers.protocols.modbus.values import encode as encode_value
from runtime.host import system_host
from tests.conftest import ROOT, data_folder
from tests.polled import leaping_clock

CLOCK = leaping_clock(60)
MODELS = sorted(registry.catalogue())
MAPPED = [kind for kind in MODELS if registry.catalogue()[kind].map is not None]
CAPABILITIES = (Pollable, Writable, TagReader, Circulation, Vehicle)

OWN_MAP = {
    "points": [
        {"name": "level", "quantity": "status", "table": "holding", "register": 7},
        {
            "name": "valve",
            "quantity": "share",
            "table": "holding",
            "register": 8,
            "write": {"low": 0, "high": 100},
        },
    ]
}
LINKS: dict[str, dict[str, Any]] = {
    "modbus-tcp": {"host": "127.0.0.1", "port": 1502},
    "feig-serial": {"port": "/dev/null"},
    "sip2": {"host": "127.0.0.1"},
    "vda5050": {"broker": "mqtt://127.0.0.1:1883"},
}
DEVICES: dict[str, dict[str, Any]] = {
    "custom": {"map": OWN_MAP},
    "vda5050": {"manufacturer": "Example", "serial": "1"},
}


def spec_of(kind: str) -> DriverSpec:
    return registry.catalogue()[kind]


def map_of(kind: str) -> RegisterMap:
    found = spec_of(kind).map
    assert found is not None
    return found


def configured(kind: str) -> tuple[Link, Device]:
    from pydantic import TypeAdapter

    link: Link = TypeAdapter(Link).validate_python(
        {
            "kind": spec_of(kind).link,
            "id": "wire",
            **LINKS[spec_of(kind).link],
            "devices": [
                {
                    "id": "dev",
                    "model": kind,
                    "space": "room",
                    "name": {"en": "Device", "zh": "设备"},
                    **DEVICES.get(kind, {}),
                }
            ],
        }
    )
    return link, link.devices[0]


def built(kind: str) -> tuple[object, Device]:
    link, device = configured(kind)
    return registry.build(device, registry.open_link(link, system_host()), CLOCK), device


def test_no_two_models_have_one_name() -> None:
    assert len(MODELS) == len(registry.MODELS)


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_says_what_it_is_and_where_that_stands(kind: str) -> None:
    spec = spec_of(kind)
    assert spec.kind == kind
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind)
    assert spec.products
    assert all(product.strip() for product in spec.products)
    assert len(spec.source) > 10
    assert spec.link in registry.LINKS


@pytest.mark.parametrize("kind", MODELS)
def test_it_is_built_from_a_site_file_without_connecting(kind: str) -> None:
    driver, device = built(kind)
    assert getattr(driver, "device", None) == device.id
    assert any(isinstance(driver, capability) for capability in CAPABILITIES)


@pytest.mark.parametrize("kind", MODELS)
def test_its_card_survives_the_wire_and_is_true(kind: str) -> None:
    driver, device = built(kind)
    card = registry.card(driver, device, "edge-1")
    assert cards.decode(encode(card)) == card
    assert (card.device, card.edge, card.model, card.space) == ("dev", "edge-1", kind, "room")
    assert card.name == {"en": "Device", "zh": "设备"}
    assert len({point.name for point in card.points}) == len(card.points)
    writable = driver.writable if isinstance(driver, Writable) else {}
    assert {point.name for point in card.points if point.writable} == set(writable)
    assert ("write" in card.actions) == bool(writable)
    assert len(set(card.actions)) == len(card.actions)
    for point in card.points:
        assert point.unit == NATURES[Quantity(point.quantity)].unit
        assert point.period > 0
        assert not point.writable or (point.low is not None and point.high is not None)
    assert bool(card.points) == isinstance(driver, Pollable)


@pytest.mark.parametrize("kind", MAPPED)
def test_its_map_can_be_asked_for(kind: str) -> None:
    known = map_of(kind)
    blocks = plan(known.points, known)
    assert sum(len(block.points) for block in blocks) == len(known.points)
    assert all(block.size <= LARGEST_BLOCK[block.table] for block in blocks)
    places = Counter((point.table, point.register_, point.type) for point in known.points)
    assert max(places.values()) == 1


@pytest.mark.parametrize("kind", MAPPED)
def test_what_may_be_written_can_be_held_and_is_plausible(kind: str) -> None:
    for point in map_of(kind).points:
        if point.write is None:
            continue
        low, high = NATURES[point.quantity].plausible
        for value in (point.write.low, point.write.high):
            assert decode(point, encode_value(point, value)) == value
            assert low <= value <= high


@pytest.mark.parametrize("kind", MAPPED)
def test_a_map_of_the_catalogue_could_stand_in_a_site_file(kind: str) -> None:
    """The catalogue has no ability that `custom` lacks."""
    text = map_of(kind).model_dump(mode="json", by_alias=True, exclude_none=True)
    device = ModbusDevice.model_validate({"id": "own", "model": "custom", "map": text})
    assert device.map == map_of(kind)


@pytest.mark.parametrize("kind", MODELS)
def test_it_stands_on_the_page(kind: str) -> None:
    page = (ROOT / "docs" / "reference" / "catalogue.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {kind}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section is not None, f"docs/reference/catalogue.md has no section '## {kind}'"
    spec = spec_of(kind)
    assert spec.source in section[1]
    for point in spec.map.points if spec.map else ():
        row = f"| `{point.name}` | {point.quantity} | {point.table} {point.register_} |"
        assert row in section[1], row


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    device = Device.model_validate({"id": "dev", "model": "teapot"})
    with pytest.raises(KeyError, match=r"no model 'teapot'.*xy-md02"):
        registry.build(device, None, CLOCK)


def test_the_family_of_a_custom_device_is_what_it_has() -> None:
    driver, device = built("custom")
    assert registry.card(driver, device, "edge-1").family == "plant"


# Raw words as the manuals print them, and the values they mean.
MANUALS = [
    ("xy-md02", "temperature", (0x0131,), 30.5),
    ("xy-md02", "humidity", (0x0222,), 54.6),
    ("xy-md02", "temperature", (0xFFCC,), -5.2),
    ("vaisala-hmp", "humidity", (0x6666, 0x425A), 54.6),
    ("vaisala-hmp", "temperature", (0x0000, 0x7FC0), None),
    ("liebert-pac", "return_temperature", (215,), 21.5),
    ("adam-6051", "channel_0", (0x0001, 0x0002), 0x20001),
]


@pytest.mark.parametrize(("kind", "name", "words", "value"), MANUALS)
def test_the_manuals_examples(
    kind: str, name: str, words: tuple[int, ...], value: float | None
) -> None:
    point = next(point for point in map_of(kind).points if point.name == name)
    assert decode(point, words) == value


REFERENCES = {
    "return_temperature": 40002,
    "return_humidity": 40003,
    "supply_temperature": 40004,
    "fan": 40007,
    "cooling": 40014,
    "temperature_setpoint": 40016,
    "humidity_setpoint": 40017,
    "alarm": 40022,
}


def test_the_air_conditioner_lies_where_its_manual_says() -> None:
    """References count from 40001, the wire from 0."""
    points = {point.name: point for point in map_of("liebert-pac").points}
    for name, reference in REFERENCES.items():
        assert points[name].register_ + 40001 == reference
    for name, reference in (("temperature_setpoint", 40349), ("humidity_setpoint", 40350)):
        write = points[name].write
        assert write is not None
        assert write.register_ == reference - 40001


def test_the_probe_is_none_of_its_look_alikes() -> None:
    """Three transmitters that look the same: the facts were gathered by others."""
    text = (data_folder("modbus") / "register_maps.json").read_text(encoding="utf-8")
    facts = next(d for d in json.loads(text)["devices"] if d["model"].startswith("XY-MD02"))["read"]
    assert facts["fc"] == READS[Table.INPUT]
    for point in map_of("xy-md02").points:
        fact = facts[point.name]
        assert (point.table, point.register_) == (Table.INPUT, fact["addr"])
        assert point.scale == fact["scale"]
        assert (point.type is WordType.INT16) == fact.get("signed", False)
