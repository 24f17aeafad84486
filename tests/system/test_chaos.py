"""A running building is struck in every way; the books agree.

The long form is `wenlan chaos --rounds 30`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wenlan.chaos.blows import EACH_ONCE
from wenlan.commands.chaos import run_chaos
from wenlan.example.site import EXAMPLE

pytestmark = pytest.mark.system


def test_a_blow_of_each_kind_loses_doubles_and_alters_nothing(
    tmp_path: Path, play: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    story = run_chaos(EXAMPLE, tmp_path / "data", rounds=EACH_ONCE, seed=20261121, away=10.0)
    status = play(story, within=300)
    assert status == 0, capsys.readouterr().out
