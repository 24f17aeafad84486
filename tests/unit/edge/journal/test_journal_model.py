"""A gateway of 0.1 gets everything once: random stories against its plain ledger.

Those with a gateway of today are told by `wenlan.proofs.exchange`.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.unit.edge.journal.journal_model import Story
from tests.unit.edge.journal.journal_world import play

RUNS = int(os.environ.get("WENLAN_MODEL_RUNS", "15"))
# What was written behind the part of the log that a failed sync had lost was gone with it.
LOST_BEHIND_A_FAILED_SYNC = (523, 524)


def run(path: Path, seed: int, **kind: object) -> Story:
    """Play one story to its end, and judge it."""
    story = Story(path / str(seed), seed, **kind)  # type: ignore[arg-type]
    play(story.play(150))
    story.judge()
    shutil.rmtree(story.path)
    return story


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_gateway_of_0_1_gets_everything_once(tmp_path: Path, seed: int) -> None:
    # It does not understand what a record was before, so a full disk may double what is thinned.
    run(tmp_path, seed, old=True, extra=(("fill", 0),))


@pytest.mark.parametrize("seed", LOST_BEHIND_A_FAILED_SYNC)
def test_a_power_cut_takes_nothing_that_was_durable(tmp_path: Path, seed: int) -> None:
    run(tmp_path, seed, power=True, extra=(("cut_power", 4),))
