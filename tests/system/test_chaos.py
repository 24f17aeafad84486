"""Processes are killed at random; the books agree. The long form is `wenlan chaos --rounds 30`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wenlan.commands.chaos import run_chaos
from wenlan.example.site import EXAMPLE

pytestmark = pytest.mark.system


def test_six_rounds_of_kills_lose_and_double_nothing(
    tmp_path: Path, play: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    status = play(run_chaos(EXAMPLE, tmp_path / "data", rounds=6, seed=20261121), within=240)
    assert status == 0, capsys.readouterr().out
