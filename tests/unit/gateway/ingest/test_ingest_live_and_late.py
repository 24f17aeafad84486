"""What is live rings now; what is late is judged in hindsight and touches nothing live."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.instants import MINUTE, SECOND
from contracts.messages import Card, CardPoint
from contracts.quantities import Quantity
from contracts.records import DeviceChanged, Reading
from gateway.alarms.table import AlarmError
from gateway.devices.snapshot import Freshness
from tests.unit.gateway.gateway_story import PROBE, T0, Building, reading

GRACE = 15


@pytest.fixture
def building(tmp_path: Path) -> Iterator[Building]:
    building = Building(tmp_path)
    building.cards(PROBE)
    building.presence(online=True)
    yield building
    building.writer.close()


def live(building: Building, begin: int, end: int, value: float, first: int | None = None) -> None:
    """Measure every two seconds, each reading arriving half a second later."""
    for second in range(begin, end, 2):
        building.clock.at = T0 + second * SECOND + SECOND // 2
        building.send(reading(second, value), reading(second, 50.0, "probe/humidity"), first=first)
        building.tick()


def alarms(building: Building) -> list[tuple[Any, ...]]:
    return building.sql("SELECT kind, source, code, state FROM alarm ORDER BY id")


def now(building: Building) -> Any:
    return building.writer.ingest().snapshot_builder.picture.points["probe/temperature"]


def test_a_lasting_excess_rings_once_and_returns(building: Building) -> None:
    live(building, 0, 70, 23.0)
    assert alarms(building) == [("limit", "probe/temperature", "above", "unacknowledged")]
    live(building, 70, 80, 21.0)
    assert alarms(building) == [("limit", "probe/temperature", "above", "returned-unacknowledged")]
    assert building.sql("SELECT action FROM alarm_action ORDER BY at") == [("raise",), ("clear",)]


def test_a_restart_in_the_middle_of_the_delay_changes_nothing(building: Building) -> None:
    live(building, 0, 40, 23.0)
    building.restart()
    live(building, 40, 62, 23.0)
    assert building.sql("SELECT raised, state FROM alarm") == [(T0 + MINUTE, "unacknowledged")]
    building.restart()
    live(building, 62, 64, 23.0)
    assert len(alarms(building)) == 1
    live(building, 64, 70, 21.0)
    assert [row[3] for row in alarms(building)] == ["returned-unacknowledged"]


def test_acknowledging_and_commenting(building: Building) -> None:
    live(building, 0, 70, 23.0)

    def act(name: str, *values: Any) -> None:
        building.writer.ask(lambda ingest: getattr(ingest.alarms, name)(*values, building.clock.at))

    act("acknowledge", 1, "li", "door open")
    act("comment", 1, "wang", "closed it")
    with pytest.raises(AlarmError, match="acknowledged"):
        act("acknowledge", 1, "li", "")
    with pytest.raises(AlarmError, match="no alarm 99"):
        act("acknowledge", 99, "li", "")
    with pytest.raises(AlarmError, match="empty"):
        act("comment", 1, "li", " ")
    assert building.sql("SELECT action, who, comment FROM alarm_action WHERE who <> ''") == [
        ("acknowledge", "li", "door open"),
        ("comment", "wang", "closed it"),
    ]
    live(building, 70, 76, 21.0)
    assert [row[3] for row in alarms(building)] == ["normal"]


def test_late_facts_never_touch_the_live_alarm(building: Building) -> None:
    live(building, 0, 20, 20.0)
    building.clock.at = T0 + 3600 * SECOND
    live(building, 3600, 3610, 20.0)
    before = now(building)
    building.send(*[reading(20 + 2 * n, 25.0) for n in range(100)])
    after = now(building)
    assert (after.value, after.at, after.freshness) == (20.0, before.at, Freshness.LIVE)
    assert alarms(building) == [
        ("retrospective", "probe/temperature", "above", "returned-unacknowledged")
    ]
    ((raised, cleared, params),) = building.sql("SELECT raised, cleared, params FROM alarm")
    assert (raised, cleared) == (T0 + 20 * SECOND, T0 + 218 * SECOND)
    told = json.loads(params)
    assert (told["since"], told["until"], told["value"]) == (raised, cleared, 25.0)


def test_a_backlog_in_pieces_extends_one_retrospective_alarm(building: Building) -> None:
    building.clock.at = T0 + 7200 * SECOND
    pieces = [[reading(2 * n, 25.0) for n in range(k, k + 50)] for k in range(0, 300, 50)]
    for place in (0, 1, 2, 5, 4, 3):
        building.send(*pieces[place])
    rows = building.sql("SELECT kind, raised, cleared FROM alarm ORDER BY raised")
    assert rows[0] == ("retrospective", T0, T0 + 598 * SECOND)
    building.restart()
    building.send(*pieces[2], first=101)
    assert building.sql("SELECT kind, raised, cleared FROM alarm ORDER BY raised") == rows


def test_an_excursion_too_short_for_the_delay_is_none(building: Building) -> None:
    building.clock.at = T0 + 7200 * SECOND
    values = [20.0] * 10 + [25.0] * 25 + [20.0] * 10 + [25.0] * 25
    building.send(*[reading(2 * n, value) for n, value in enumerate(values)])
    assert alarms(building) == []


def test_what_rang_live_is_not_found_again_in_hindsight(building: Building) -> None:
    live(building, 0, 70, 23.0)
    building.next = 200
    live(building, 90, 120, 23.0)
    building.send(*[reading(second, 23.0) for second in range(70, 90, 2)], first=100)
    assert [row[0] for row in alarms(building)] == ["limit"]


def test_late_facts_join_what_was_seen_live_before_the_outage(building: Building) -> None:
    live(building, 0, 40, 23.0)
    building.next = 200
    building.clock.at = T0 + 200 * SECOND
    live(building, 200, 204, 20.0)
    building.send(*[reading(second, 23.0) for second in range(40, 80, 2)], first=100)
    assert building.sql("SELECT kind, raised, cleared FROM alarm") == [
        ("retrospective", T0, T0 + 78 * SECOND)
    ]


def test_a_pulled_sensor_is_unknown_within_three_polls_and_then_rings(building: Building) -> None:
    live(building, 0, 20, 20.0)
    last = 18
    building.presence(online=True)
    story = []
    for tenth in range(0, 250, 5):
        building.clock.at = T0 + last * SECOND + tenth * SECOND // 10
        building.writer.ingest().watchdog.edges["stacks"].heard = building.clock.at
        building.tick()
        story.append((tenth / 10, now(building).freshness, len(alarms(building))))
    unknown = next(second for second, freshness, _ in story if freshness is Freshness.UNKNOWN)
    assert 7 <= unknown <= 7.5
    rung = next(second for second, _, count in story if count)
    assert unknown + 6 <= rung <= unknown + 7
    assert alarms(building) == [("silence", "probe", "silent", "unacknowledged")]
    building.clock.at += SECOND
    second = (building.clock.at - T0) / SECOND
    building.send(reading(second, 20.0), reading(second, 50.0, "probe/humidity"))
    building.tick()
    assert [row[3] for row in alarms(building)] == ["returned-unacknowledged"]


def test_an_implausible_value_does_not_keep_a_point_alive(building: Building) -> None:
    live(building, 0, 20, 20.0)
    for second in range(20, 30, 2):
        building.clock.at = T0 + second * SECOND
        building.send(reading(second, None), Reading("probe/humidity", building.clock.at, 0.0))
        building.tick()
    assert now(building).freshness is Freshness.UNKNOWN
    assert (now(building).value, now(building).at) == (20.0, T0 + 18 * SECOND)


def test_a_fact_from_the_future_is_stored_counted_and_not_believed(building: Building) -> None:
    live(building, 0, 10, 20.0)
    building.send(reading(3600, 21.0))
    assert building.tally("ahead") == 1
    assert now(building).value == 20.0
    live(building, 10, 20, 20.5)
    assert now(building).value == 20.5
    building.tick()
    assert ("clock", "stacks", "ahead", "unacknowledged") in alarms(building)
    building.restart()
    assert building.writer.ingest().registry.points["probe/temperature"].value == 20.5


def test_a_lost_edge_is_one_alarm(building: Building) -> None:
    live(building, 0, 20, 20.0)
    building.presence(online=False)
    for second in range(20, 60):
        building.clock.at = T0 + second * SECOND
        building.tick()
    assert alarms(building) == [("edge-silence", "stacks", "silent", "unacknowledged")]


def test_after_a_start_nobody_is_called_silent_at_once(building: Building) -> None:
    live(building, 0, 20, 20.0)
    building.clock.at = T0 + 3600 * SECOND
    building.restart()
    for second in range(3600, 3600 + GRACE):
        building.clock.at = T0 + second * SECOND
        building.tick()
    assert alarms(building) == []
    assert now(building).freshness is Freshness.UNKNOWN


def test_a_device_event_that_comes_late_does_not_move_the_present_back(building: Building) -> None:
    building.send(DeviceChanged("probe", T0 + 9 * SECOND, available=True))
    building.send(DeviceChanged("probe", T0 + 5 * SECOND, available=False, cause="no answer"))
    assert building.sql("SELECT available, changed FROM device WHERE id = 'probe'") == [
        (1, T0 + 9 * SECOND)
    ]


def test_a_full_journal_is_an_alarm(building: Building) -> None:
    building.presence(online=True, fill=0.75)
    building.tick()
    assert ("journal-fill", "stacks", "filling", "unacknowledged") in alarms(building)
    building.presence(online=True, fill=0.1)
    building.tick()
    assert ("journal-fill", "stacks", "filling", "returned-unacknowledged") in alarms(building)


def test_late_counts_split_intervals_in_the_store(building: Building) -> None:
    counts = [(0, 100), (600, 160), (300, 125), (150, 110), (900, 165)]
    building.clock.at = T0 + 1000 * SECOND
    for second, count in counts:
        building.send(reading(second, count, "counter/channel_0"))
    assert building.sql("SELECT since, until, count FROM crossing ORDER BY until") == [
        (T0 + a * SECOND, T0 + b * SECOND, count)
        for a, b, count in [(0, 150, 10), (150, 300, 15), (300, 600, 35), (600, 900, 5)]
    ]


def test_the_alarm_of_a_limit_that_is_no_more_ends(building: Building) -> None:
    live(building, 0, 70, 23.0)
    vault, lobby = building.site.spaces
    spaces = (vault.model_copy(update={"limits": ()}), lobby)
    building.site = building.site.model_copy(update={"spaces": spaces})
    building.restart()
    live(building, 70, 74, 23.0)
    assert [row[3] for row in alarms(building)] == ["returned-unacknowledged"]
    assert building.sql("SELECT * FROM engine_state WHERE engine = 'climate'") == []


def test_supply_air_is_not_judged_by_the_limits_of_the_room(building: Building) -> None:
    point = CardPoint("supply_temperature", Quantity.AIR_TEMPERATURE, "°C", 2.0)
    building.cards(Card("ac", "stacks", "liebert-pac", "plant", "vault", {}, (point,)))
    for second in range(0, 200, 2):
        building.clock.at = T0 + second * SECOND
        building.send(reading(second, 9.0, "ac/supply_temperature"))
    assert alarms(building) == []
