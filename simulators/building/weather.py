"""Outdoor air at the lower Yangtze: seasons, days, and fronts that make the weather turn. Pure.

A function of seed and moment alone: the same moment always has the same weather.
"""

from datetime import datetime
from functools import lru_cache
from math import cos, tau
from random import Random

from simulators.building.air import Air, air

HOURS_BETWEEN_FRONTS = 18
HOURS_OF_PASSAGE = 4
"""How long a front takes to pass."""


@lru_cache(maxsize=64)
def _mass(seed: int, number: int) -> tuple[float, float]:
    """Give one air mass: how much warmer than usual (K), and how much moister (K of dew point)."""
    random = Random(f"{seed}/{number}")  # noqa: S311 - weather, not secrets
    warmer = random.gauss(0, 3.0)
    return warmer, 0.5 * warmer + random.gauss(0, 2.0)


def _smooth(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def outdoor(seed: int, local: datetime) -> Air:
    """Give the outdoor air at a moment in local time."""
    hour = local.hour + local.minute / 60 + local.second / 3600
    day = local.timetuple().tm_yday + hour / 24
    season = cos(tau * (day - 205) / 365.25)
    hours = local.toordinal() * 24 + hour
    number = int(hours // HOURS_BETWEEN_FRONTS)
    passing = hours % HOURS_BETWEEN_FRONTS - (HOURS_BETWEEN_FRONTS - HOURS_OF_PASSAGE)
    share = _smooth(passing / HOURS_OF_PASSAGE)
    before, after = _mass(seed, number), _mass(seed, number + 1)
    warmer = before[0] + share * (after[0] - before[0])
    moister = before[1] + share * (after[1] - before[1])
    temperature = 17.0 + 12.0 * season + 3.5 * cos(tau * (hour - 14.5) / 24) + warmer
    dew = min(12.0 + 11.5 * season + moister, temperature - 0.5)
    # The mixing ratio of air is that of saturated air at its dew point.
    return Air(temperature, air(dew, 100.0).water)
