"""Limits with delay and deadband, live and in hindsight."""

import csv
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import MINUTE, SECOND, instant, span
from gateway.climate.limits import CALM, Excursion, Rule, State, calm_band, excursions, step
from gateway.engine.facts import RaiseAlarm, Sample
from tests.conftest import data_folder

RULE = Rule("probe/temperature", "vault", "air_temperature", 16.0, 22.0, 0.5, MINUTE, "high")
FOR_EVER = 2**62


def play(*samples: tuple[float, float] | tuple[float, float, bool]) -> list[tuple[float, str]]:
    """Feed (second, value[, unbroken]); return what is raised (`above`) and cleared (`-above`)."""
    state, changes = CALM, list[tuple[float, str]]()
    for second, value, *rest in samples:
        unbroken = bool(rest[0]) if rest else True
        state, effects, _ = step(state, Sample(round(second * SECOND), value, unbroken), RULE)
        for effect in effects:
            sign = "" if isinstance(effect, RaiseAlarm) else "-"
            changes.append((second, sign + effect.key.code))
    return changes


def test_a_spike_shorter_than_the_delay_raises_nothing() -> None:
    assert play((0, 30), (59, 30), (60, 20), (61, 30), (120, 30)) == []


def test_the_limit_itself_is_still_fine() -> None:
    assert play((0, 22), (600, 22), (700, 16), (1400, 16)) == []


def test_a_lasting_excess_raises_once_and_the_deadband_holds_it() -> None:
    assert play((0, 23), (60, 23), (70, 23), (80, 21.6), (90, 21.5)) == [
        (60, "above"),
        (90, "-above"),
    ]


def test_too_cold_is_an_alarm_of_its_own() -> None:
    assert play((0, 15), (60, 15), (70, 16.4), (80, 16.5)) == [(60, "below"), (80, "-below")]


def test_from_too_hot_straight_to_too_cold() -> None:
    assert play((0, 23), (60, 23), (62, 15), (121, 15), (122, 15)) == [
        (60, "above"),
        (62, "-above"),
        (122, "below"),
    ]


def test_after_a_hole_the_delay_begins_anew() -> None:
    assert play((0, 23), (50, 23), (100, 23, False), (159, 23), (160, 23)) == [(160, "above")]


def test_a_hole_does_not_clear_what_rings() -> None:
    assert play((0, 23), (60, 23), (600, 23, False), (602, 20)) == [(60, "above"), (602, "-above")]


def test_the_message_says_which_limit_and_which_value() -> None:
    state = State("", "above", 0)
    (effect,) = step(state, Sample(MINUTE, 23.4), RULE).effects
    assert isinstance(effect, RaiseAlarm)
    told = dict(effect.params)
    assert (told["limit"], told["value"], told["since"]) == (22.0, 23.4, 0)
    assert (told["space"], told["quantity"]) == ("vault", "air_temperature")


values = st.floats(10, 30).map(lambda value: round(value, 1))


@given(st.lists(values, max_size=40))
def test_inside_the_calm_band_nothing_changes(series: list[float]) -> None:
    state = CALM
    for n, value in enumerate(series):
        low, high = calm_band(state, RULE)
        after, effects, _ = step(state, Sample(n * 20 * SECOND, value), RULE)
        if low <= value <= high:
            assert (after, effects) == (state, ())
        state = after


@given(st.lists(values, max_size=60))
def test_raised_and_cleared_alternate(series: list[float]) -> None:
    ringing = ""
    for _, what in play(*[(20.0 * n, value) for n, value in enumerate(series)]):
        if what.startswith("-"):
            assert ringing == what[1:]
            ringing = ""
        else:
            assert not ringing
            ringing = what


def test_excursions_end_at_holes_and_inside_the_deadband() -> None:
    series = [(0, 20.0), (1, 23.0), (2, 21.8), (3, 22.4), (4, 21.5), (5, 15.0), (9, 15.5)]
    assert list(excursions(series, RULE, 3)) == [
        Excursion("above", 1, 3, 23.0),
        Excursion("below", 5, 5, 15.0),
        Excursion("below", 9, 9, 15.5),
    ]


@given(st.lists(values, min_size=2, max_size=60), st.data())
def test_excursions_can_be_found_in_two_goes(series: list[float], data: st.DataObject) -> None:
    timed = list(enumerate(series))
    cut = data.draw(st.integers(1, len(series) - 1))
    whole = list(excursions(timed, RULE, FOR_EVER))
    first = list(excursions(timed[:cut], RULE, FOR_EVER))
    running = None
    if first and all(_still(first[-1].side, series[n]) for n in range(first[-1].until, cut)):
        running = first.pop()
    assert first + list(excursions(timed[cut:], RULE, FOR_EVER, running)) == whole


def _still(side: str, value: float) -> bool:
    return value > 21.5 if side == "above" else value < 16.5


@pytest.mark.parametrize(
    ("series", "episodes", "longest"),
    [
        ("london_room1_2024_15min", 406, timedelta(days=18, hours=19, minutes=45)),
        ("london_room1case_2024_15min", 123, timedelta(days=120, hours=5)),
    ],
)
def test_the_humidity_of_a_room_and_of_a_case_in_it(
    series: str, episodes: int, longest: timedelta
) -> None:
    rule = RULE._replace(quantity="relative_humidity", low=45.0, high=60.0, deadband=0.0)
    with (data_folder("consciR-museum") / f"{series}.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if "NA" not in row.values()]
    times = [instant(datetime.fromisoformat(row["timestamp"] + "+00:00")) for row in rows]
    found = list(
        excursions(
            [(at, float(row["rh_pct"])) for at, row in zip(times, rows, strict=True)],
            rule,
            FOR_EVER,
        )
    )
    place = {at: n for n, at in enumerate(times)}
    runs: list[tuple[int, int]] = []
    for one in found:  # from too dry straight to too damp is one episode in the golden numbers
        if runs and place[one.since] == place[runs[-1][1]] + 1:
            runs[-1] = (runs[-1][0], one.until)
        else:
            runs.append((one.since, one.until))
    assert len(runs) == episodes
    spans = [until - since for since, until in runs]
    assert abs(max(spans) - span(longest)) <= 15 * MINUTE
