"""Cards and presences that lie: refused whole, counted, and nothing else is lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.codec import LARGEST_MESSAGE
from contracts.topics import Address
from gateway.alarms.readers import Alarm
from gateway.devices import registry
from gateway.ingest.validation import Arrived
from gateway.web.console.locale import Locale
from gateway.web.console.translations import Catalogue
from gateway.web.console.wording import sentence
from tests.unit.gateway.gateway_story import Building, reading, small_site


@pytest.fixture(name="building")
def _house(tmp_path: Path) -> Iterator[Building]:
    building = Building(tmp_path)
    building.cards()
    yield building
    building.writer.close()


def point(**other: Any) -> dict[str, Any]:
    fields = {"name": "temperature", "quantity": "air_temperature", "unit": "°C", "period": 2}
    return fields | other


def card(building: Building, edge: str = "evil", device: str = "odd", **other: Any) -> None:
    fields = {"device": device, "edge": edge, "model": "m", "family": "climate"} | other
    payload = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    building.writer.take(
        [Arrived(Address("small", edge, "card", device), payload, building.clock.at)]
    )


@pytest.mark.parametrize(
    "lie",
    [
        {"points": [point(period=-1)]},
        {"points": [point(period=1e308)]},
        {"points": [point(period=1e13)]},
        {"points": [point(name="<img src=x>")]},
        {"points": [point(unit="°" * 201)]},
        {"points": [point(name=f"p{n}") for n in range(1001)]},
        {"points": [point(name=f"p{n}", unit="\x07" * 150) for n in range(999)]},
        {"name": {"en": "W" * 20_000}},
        {"model": "M" * 5_000},
        {"device": "../odd"},
        {"device": "probe"},
    ],
)
def test_a_card_that_lies_is_refused_whole(building: Building, lie: dict[str, Any]) -> None:
    before = building.sql("SELECT id, edge, card FROM device ORDER BY id")
    card(building, **lie)
    assert building.tally("refused-card") == 1
    assert building.sql("SELECT id, edge, card FROM device ORDER BY id") == before


def test_a_card_that_grows_when_it_is_kept_does_not_stop_the_next_start(building: Building) -> None:
    points = [point(name=f"p{n}") for n in range(11_000)]
    assert len(json.dumps(points, ensure_ascii=False, separators=(",", ":"))) < LARGEST_MESSAGE
    card(building, points=points)
    building.writer.forget()
    assert "odd" not in building.writer.ingest().registry.devices


@pytest.mark.parametrize(
    "lie",
    [
        {"fill": 1e308}, {"fill": -0.1}, {"version": "v" * 1000}, {"next": 2**63 - 1},
        {"oldest": -5}, {"edge": "<b>"},
    ],
)  # fmt: skip
def test_a_presence_that_lies_is_refused(building: Building, lie: dict[str, Any]) -> None:
    fields = {"edge": "evil", "online": True} | lie
    address = Address("small", str(fields["edge"]), "state")
    building.writer.take([Arrived(address, json.dumps(fields).encode(), building.clock.at)])
    assert building.tally("refused-state") == 1
    assert building.sql("SELECT * FROM edge WHERE id NOT IN ('stacks', 'front')") == []


def test_points_beyond_all_measure_are_set_aside(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = building.writer.ingest().registry.points
    monkeypatch.setattr(registry, "MOST_POINTS", len(points) + 1)
    ghosts = [reading(n, 20.0, point=f"ghost/p{n}") for n in range(3)]
    building.send(*ghosts, reading(9, 20.0))
    assert building.tally("unreadable") == 2
    assert building.sql("SELECT count(*) FROM reading") == [(2,)]
    card(building, points=[point()])
    assert building.tally("refused-card") == 1


def test_an_absurd_fill_that_is_already_kept_can_be_told() -> None:
    row = Alarm(
        1, "journal-fill", "evil", "", "high", "unacknowledged", 1, 1, None, "filling",
        {"fill": 1e308}, (),
    )  # fmt: skip
    say = Catalogue("en", []).gettext
    assert sentence(row, "evil", say, str).startswith("The journal of edge evil")


@pytest.mark.parametrize("value", [1e308, -1e308, 2.0**62])
@pytest.mark.parametrize("quantity", ["air_temperature", "crossings", ""])
def test_an_absurd_number_is_told_in_few_letters(value: float, quantity: str) -> None:
    locale = Locale(Catalogue("en", []), small_site())
    assert len(locale.number(value, quantity)) <= 10
