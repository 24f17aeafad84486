"""What a polled device said, reading by reading, and clocks on which everything is due."""

from collections.abc import Iterable
from itertools import count

from contracts.instants import SECOND
from contracts.layouts import by_digest
from contracts.layouts import readings as readings_of
from contracts.records import Reading, Sample
from drivers.capabilities import Pollable
from runtime.clock import Clock


def readings(device: Pollable, samples: Iterable[Sample]) -> list[Reading]:
    layouts = by_digest(device.layouts)
    return [one for each in samples for one in readings_of(each, layouts[each.layout])]


async def poll(device: Pollable) -> dict[str, Reading]:
    """Poll a device, and give what it says by point."""
    said = readings(device, await device.poll())
    return {one.point.partition("/")[2]: one for one in said}


def leaping_clock(seconds: int) -> Clock:
    """Give a clock that leaps each time it is asked, so that everything is always due."""
    ticks = count(10**6, seconds)

    async def sleep(_: float) -> None:
        return

    return Clock(lambda: float(next(ticks)), lambda: next(ticks) * SECOND, sleep)
