"""Silence is one alarm: for a device, or for the edge it hangs on."""

from contracts.instants import SECOND
from gateway.devices.silence import Device, Observed, State, step
from gateway.engine.facts import RaiseAlarm


def play(*looks: tuple[float, set[str], set[str]], period: int = 2) -> list[tuple[float, str]]:
    """Look at (second, silent devices, silent edges); return raised and cleared (`-`) alarms."""
    state, changes = State(), list[tuple[float, str]]()
    for second, devices, edges in looks:
        building = Observed(
            round(second * SECOND),
            {name: Device("east", name in devices, period * SECOND) for name in ("a", "b")},
            {"east": "east" in edges},
        )
        state, effects, _ = step(state, building)
        for effect in effects:
            sign = "" if isinstance(effect, RaiseAlarm) else "-"
            changes.append((second, f"{sign}{effect.key.kind} {effect.key.source}"))
    return changes


def test_a_silent_device_rings_after_three_more_polls() -> None:
    assert play((0, {"a"}, set()), (5.9, {"a"}, set()), (6, {"a"}, set()), (9, set(), set())) == [
        (6, "silence a"),
        (9, "-silence a"),
    ]


def test_a_quick_device_is_given_five_seconds() -> None:
    looks = [(n, {"a"}, set[str]()) for n in range(7)]
    assert play(*looks, period=0) == [(5, "silence a")]


def test_a_short_silence_rings_nothing() -> None:
    assert play((0, {"a"}, set()), (5, set(), set()), (6, {"a"}, set()), (11, {"a"}, set())) == []


def test_a_silent_edge_is_one_alarm_and_not_one_per_device() -> None:
    both = {"a", "b"}
    assert play(
        (0, both, {"east"}), (5, both, {"east"}), (60, both, {"east"}), (61, set(), set())
    ) == [(5, "edge-silence east"), (61, "-edge-silence east")]


def test_a_device_that_stays_silent_when_its_edge_is_back_gets_its_own_delay() -> None:
    both = {"a", "b"}
    assert play(
        (0, both, {"east"}), (5, both, {"east"}), (10, {"b"}, set()), (15, {"b"}, set()),
        (16, {"b"}, set()),
    ) == [(5, "edge-silence east"), (10, "-edge-silence east"), (16, "silence b")]  # fmt: skip


def test_what_rang_before_the_edge_went_goes_on_ringing() -> None:
    assert play(
        (0, {"a"}, set()), (6, {"a"}, set()), (7, {"a"}, {"east"}), (12, {"a"}, {"east"}),
        (20, {"a"}, set()), (21, set(), set()),
    ) == [
        (6, "silence a"), (12, "edge-silence east"), (20, "-edge-silence east"), (21, "-silence a"),
    ]  # fmt: skip
