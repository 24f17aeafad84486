"""Every fault that can be ordered is explained: what happens, until when, what shows where."""

import re
from random import Random

import pytest

from config.links import ModbusTcp
from config.loader import load_site
from contracts.instants import SECOND
from simulators.building.visitors import People
from simulators.building.world import World
from simulators.faults import LIBRARY_SYSTEM, MOMENTARY, TAG_READER, Faults, What
from simulators.ground_truth import Ledger
from simulators.modbus.site_devices import Bench, lanes
from simulators.robots.fleet import robots
from simulators.run import beginning, io_for
from wenlan.example.fault_words import HAPPENS, USUAL, ending, explain
from wenlan.example.site import EXAMPLE

SITE = load_site(EXAMPLE, {}).site
CONSOLE = "http://127.0.0.1:8080"
AT = 1_795_500_000 * SECOND
PAGES = re.compile(rf"{CONSOLE}/(?:|alarms|gates|kiosks|robots|system|spaces/[a-z0-9-]+): \S")


@pytest.fixture(scope="module", name="possible")
def _possible(tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[What]]:
    """Ask the simulators themselves who can fail in which way."""
    path = tmp_path_factory.mktemp("faults") / "ledger.jsonl"
    with Ledger(path, lambda: AT) as ledger:
        faults = Faults(ledger, lambda: AT)
        people = People(*lanes(SITE), Random(1))
        bench = Bench(World(SITE, beginning(SITE, AT), 1, people), faults, ledger, 1)
        for edge in SITE.edges:
            for link in edge.links:
                if isinstance(link, ModbusTcp):
                    bench.server(link)
        robots(SITE, ledger, faults, lambda: AT, io_for, lambda: "token")
    faults.admit("ils", LIBRARY_SYSTEM)
    faults.admit("pad-1", TAG_READER)
    faults.admit("kiosk-1", {What.BLOCKED_CARD})
    return dict(faults._possible)


def test_each_fault_of_each_thing_names_it_and_a_page_of_the_console(
    possible: dict[str, frozenset[What]],
) -> None:
    for target, ways in possible.items():
        for what in ways:
            told = explain(SITE, CONSOLE, target, what, None)
            assert target in told.happens
            assert told.happens.endswith(".")
            assert "{" not in told.happens + told.seen
            assert PAGES.match(told.seen), told.seen
            # No word of ours: a newcomer reads a sentence.
            assert not re.search(r"<|What\.|None", told.happens + told.seen)


def test_no_way_to_fail_lacks_words(possible: dict[str, frozenset[What]]) -> None:
    assert set(HAPPENS) == set(What)
    assert frozenset().union(*possible.values()) == set(What)


def test_a_number_is_told_as_it_was_given_or_as_it_is_by_itself() -> None:
    assert "4.5 s late" in explain(SITE, "", "ils", What.LATE, 4.5).happens
    assert f"{USUAL[What.WARM]:g} °C" in explain(SITE, "", "probe-v2", What.WARM, None).happens
    assert "every 0.01 s" in explain(SITE, "", "ils", What.TRICKLE, None).happens
    assert "every 0.3 s" in explain(SITE, "", "probe-v2", What.TRICKLE, None).happens


def test_until_when_is_told_in_the_time_of_the_building() -> None:
    # 1,795,500,000 s since 1970 are 2026-11-24 06:00:00 UTC; China is eight hours ahead.
    assert ending(SITE, What.UNPLUG, AT, "mend").startswith("It lasts until 14:00:00")
    assert ending(SITE, What.UNPLUG, None, "mend it") == "It lasts until it is mended:  mend it"
    for what in MOMENTARY:
        assert ending(SITE, what, AT, "mend") == "That happened once and is over."


def test_an_unknown_thing_has_no_words() -> None:
    with pytest.raises(KeyError, match="probe-v9"):
        explain(SITE, CONSOLE, "probe-v9", What.UNPLUG, None)
