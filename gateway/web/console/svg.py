"""Pictures as numbers: sparklines, bars and the robots' map, for templates to write as SVG."""

from typing import NamedTuple

from config.site import Fleet
from gateway.climate.series import Series


class Curve(NamedTuple):
    """A curve in a box of `width` times `height`; y grows downwards."""

    width: int
    height: int
    lines: tuple[str, ...]
    """One `points` attribute for each unbroken piece."""
    band: tuple[float, float] | None
    """Top and height of the allowed band."""


def spark(
    series: Series,
    window: tuple[int, int],
    limits: tuple[float | None, float | None],
    size: tuple[int, int] = (240, 56),
) -> Curve:
    """Draw the mean; a hole in the values is a hole in the line."""
    width, height = size
    values = [value for value in series.mean if value is not None]
    low, high = limits
    ends = [*values, *(limit for limit in limits if limit is not None and values)]
    if not ends:
        return Curve(width, height, (), None)
    least, most = min(ends), max(ends)
    pad = max((most - least) * 0.12, 0.2)
    least, most = least - pad, most + pad
    begin, end = window

    def y(value: float) -> float:
        return round(height * (most - value) / (most - least), 1)

    pieces: list[list[str]] = [[]]
    for at, value in zip(series.at, series.mean, strict=True):
        if value is None:
            pieces.append([])
        else:
            x = round(width * (at - begin) / (end - begin), 1)
            pieces[-1].append(f"{x},{y(value)}")
    lines = tuple(" ".join(_visible(piece)) for piece in pieces if piece)
    top = 0.0 if high is None else y(high)
    bottom = float(height) if low is None else y(low)
    band = (top, round(bottom - top, 1)) if low is not None or high is not None else None
    return Curve(width, height, lines, band)


def _visible(piece: list[str]) -> list[str]:
    """Make a lone value a short stroke, or nobody would see it."""
    if len(piece) > 1:
        return piece
    x, y = piece[0].split(",")
    return [piece[0], f"{float(x) + 1.5},{y}"]


class Spot(NamedTuple):
    """A station on the map."""

    id: str
    x: float
    y: float


class Plan(NamedTuple):
    """The robots' map in its own units of a tenth of a metre; y grows upwards on the floor."""

    box: str
    spots: tuple[Spot, ...]
    ways: tuple[tuple[Spot, Spot], ...]
    top: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Turn metres into the picture's units."""
        return round(x * SCALE, 1), round((self.top - y) * SCALE, 1)


SCALE = 10.0
MARGIN = 45.0


def plan(fleet: Fleet) -> Plan | None:
    """Lay out the stations and ways of a site; None when it has none."""
    if not fleet.stations:
        return None
    xs = [station.x for station in fleet.stations]
    ys = [station.y for station in fleet.stations]
    top = max(ys)
    spots = {
        one.id: Spot(one.id, round(one.x * SCALE, 1), round((top - one.y) * SCALE, 1))
        for one in fleet.stations
    }
    left, width = min(xs) * SCALE - MARGIN, (max(xs) - min(xs)) * SCALE + 2 * MARGIN
    height = (top - min(ys)) * SCALE + 2 * MARGIN
    box = f"{left:g} {-MARGIN:g} {width:g} {height:g}"
    ways = tuple((spots[a], spots[b]) for a, b in fleet.ways)
    return Plan(box, tuple(spots.values()), ways, top)
