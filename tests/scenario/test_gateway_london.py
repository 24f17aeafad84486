"""A year of a real room, taken as late facts: counted to the value, judged in hindsight."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.instants import HOUR, instant
from contracts.messages import Card, CardPoint
from contracts.quantities import Quality, Quantity
from contracts.records import Reading
from tests.conftest import data_folder
from tests.unit.gateway.gateway_story import Building

LOGGER = Card(
    "logger",
    "stacks",
    "import",
    "climate",
    "vault",
    {},
    (
        CardPoint("temperature", Quantity.AIR_TEMPERATURE, "°C", 900.0),
        CardPoint("humidity", Quantity.RELATIVE_HUMIDITY, "%RH", 900.0),
    ),
)
COUNTS = """
SELECT count(*), total(t BETWEEN 16 AND 22), total(h BETWEEN 45 AND 60),
       total(t BETWEEN 16 AND 22 AND h BETWEEN 45 AND 60)
FROM (SELECT a.value AS t, b.value AS h FROM reading AS a JOIN reading AS b ON a.at = b.at
      WHERE a.point = (SELECT id FROM point WHERE path = 'logger/temperature')
        AND b.point = (SELECT id FROM point WHERE path = 'logger/humidity')
        AND a.quality = 0 AND b.quality = 0)
"""


def readings(path: Path) -> list[Reading]:
    found = []
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            at = instant(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC))
            for name, text in (("temperature", row["temperature_c"]), ("humidity", row["rh_pct"])):
                value = None if text == "NA" else float(text)
                quality = Quality.UNAVAILABLE if value is None else Quality.GOOD
                found.append(Reading(f"logger/{name}", at, value, quality))
    return found


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ("london_room1_2024_15min", (35_127, 28_506, 15_517, 11_545)),
        ("london_room1case_2024_15min", (34_874, 16_563, 13_850, 8_271)),
    ],
)
def test_a_year_is_counted_to_the_value(
    tmp_path: Path, series: str, expected: tuple[int, ...]
) -> None:
    facts = readings(data_folder("consciR-museum") / f"{series}.csv")
    building = Building(tmp_path)
    building.clock.at = max(fact.at for fact in facts) + 24 * HOUR
    building.cards(LOGGER)
    for place in range(0, len(facts), 500):
        building.send(*facts[place : place + 500])
    assert building.sql(COUNTS) == [expected]
    assert building.sql("SELECT DISTINCT kind, state FROM alarm") == [
        ("retrospective", "returned-unacknowledged")
    ]
    alarms = building.sql("SELECT source, code, raised, cleared FROM alarm ORDER BY id")
    assert all(until - since >= 60_000_000 for *_, since, until in alarms)
    overlaps = building.sql(
        "SELECT count(*) FROM alarm AS a JOIN alarm AS b ON a.source = b.source"
        " AND a.id < b.id AND a.raised <= b.cleared AND b.raised <= a.cleared"
    )
    assert overlaps == [(0,)]
    building.send(*facts[:500], first=1)
    assert building.sql("SELECT source, code, raised, cleared FROM alarm ORDER BY id") == alarms
    building.writer.close()


def test_a_year_in_another_order_gives_the_same_alarms(tmp_path: Path) -> None:
    facts = readings(data_folder("consciR-museum") / "london_room1_2024_15min.csv")[:6000]
    found = []
    for name, order in (("forward", range(0, 6000, 500)), ("backward", range(5500, -1, -500))):
        (tmp_path / name).mkdir()
        building = Building(tmp_path / name)
        building.clock.at = max(fact.at for fact in facts) + 24 * HOUR
        building.cards(LOGGER)
        for place in order:
            building.send(*facts[place : place + 500], first=place + 1)
        query = "SELECT source, code, raised, cleared FROM alarm ORDER BY source, raised"
        found.append(building.sql(query))
        building.writer.close()
    assert found[0] == found[1]
