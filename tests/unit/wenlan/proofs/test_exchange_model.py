"""Random stories of the real edge and gateway are judged true; without a rule, one is not."""

import re

import pytest

from tests.conftest import ROOT
from wenlan.proofs.exchange.campaign import run, tell_all
from wenlan.proofs.exchange.plot import drawn
from wenlan.proofs.exchange.rules import RULES, left_out
from wenlan.proofs.exchange.seeds import NEEDS, SEEDS, UNCAUGHT

RUNS, AT_ONCE = 300, 30
MOVED = 150
"""Stories that are tried when the code has changed so that a seed tells another story."""
PAGE = (ROOT / "docs" / "reference" / "exchange.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(1, RUNS + 1, AT_ONCE))
def test_nothing_is_lost_doubled_or_altered(seed: int) -> None:
    report = run(seed, AT_ONCE, jobs=1)
    assert [(one.seed, one.failures) for one in report.failures] == []
    assert report.durable > 100


def test_an_old_store_is_put_back_twice() -> None:
    # The second time nobody has heard of the first any more, nor has anybody else said so.
    (told,) = tell_all([689])
    assert told.strokes["put store back"] == 2
    assert told.failures == []


def test_an_outcome_is_told_from_memory_and_forgotten() -> None:
    # A command is refused because the disk is sick; the next life finds that it was taken.
    (told,) = tell_all([800])
    assert told.strokes["sicken edge"] == 1
    assert told.failures == []


def test_a_seed_tells_the_same_story_each_time() -> None:
    once, again = (tell_all(range(40, 46)) for _ in range(2))
    assert [one.told for one in once] == [one.told for one in again]
    assert [one.records for one in once] == [one.records for one in again]


@pytest.mark.parametrize("rule", SEEDS)
def test_a_story_goes_wrong_without_a_rule_and_well_with_it(rule: str) -> None:
    (whole,) = tell_all([SEEDS[rule]])
    assert whole.failures == []
    (without,) = tell_all([SEEDS[rule]], rule)
    if without.failures:
        return
    needed = NEEDS.get(rule, ())
    seeds = (seed for seed in range(1, 10**6) if {*needed} <= drawn(seed).steps)
    for _, seed in zip(range(MOVED), seeds, strict=False):
        (without,) = tell_all([seed], rule)
        if without.failures:
            return
    pytest.fail(f"no story needs the rule; look for one:  wenlan model --without {rule}")


def test_each_rule_is_caught_or_said_not_to_be() -> None:
    assert {*SEEDS} | {*UNCAUGHT} == {*RULES}
    assert not {*SEEDS} & {*UNCAUGHT}


def test_the_table_of_seeds_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (.+?) \| .+? \| (\d+) \|$", PAGE, re.MULTILINE)
    assert {name: (text, int(seed)) for name, text, seed in rows} == {
        name: (RULES[name].text, seed) for name, seed in SEEDS.items()
    }
    for name in UNCAUGHT:
        assert f"| `{name}` | {RULES[name].text} |" in PAGE


def test_what_was_left_out_is_put_back() -> None:
    before = tell_all([8])[0].told
    for name in RULES:
        with left_out(name):
            pass
    with pytest.raises(KeyError, match="no rule nonsense"), left_out("nonsense"):
        pass
    assert tell_all([8])[0].told == before
