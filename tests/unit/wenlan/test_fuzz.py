"""The short form of `wenlan fuzz`: no codec raises what its callers do not expect, or hangs."""

import pytest

from wenlan.proofs.fuzz import Target, fuzz
from wenlan.proofs.fuzz_targets import targets

TARGETS = targets()


@pytest.mark.parametrize("name", TARGETS)
def test_no_mutated_message_crashes_or_hangs(name: str) -> None:
    report = fuzz(TARGETS[name], 4_000, seed=20261125)
    assert report.failures == []
    assert report.tried == 4_000


def test_the_same_seed_tries_the_same_messages() -> None:
    tried: list[list[bytes]] = []
    for seed in (1, 1, 2):
        heard: list[bytes] = []
        fuzz(Target("any", [b'{"a": 1}', b"abc"], (), heard.append), 50, seed)
        tried.append(heard)
    assert tried[0] == tried[1]
    assert tried[0] != tried[2]


def test_a_crash_is_found_and_shown() -> None:
    def fragile(payload: bytes) -> None:
        if b"7" in payload:
            raise KeyError(payload)

    report = fuzz(Target("fragile", [b"12345"], (ValueError,), fragile), 2_000, seed=1)
    assert report.failures
    assert "KeyError" in str(report)


def test_a_hang_is_ended_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wenlan.proofs.fuzz.LONGEST", 0.05)

    def slow(payload: bytes) -> None:
        while payload != b"good":
            pass

    report = fuzz(Target("slow", [b"good"], (), slow), 3, seed=1)
    assert report.failures
    assert "HangError" in report.failures[0]
