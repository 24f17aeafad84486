"""Finds the header of a logger's export: which column is what, in which unit, in which zone."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contracts.quantities import Quantity

PREAMBLE = 60
"""Lines within which the header must stand."""
WHOLE_TIMES = frozenset(
    {
        "timestamp", "datetime", "dateandtime", "recordedat", "measuredat", "datumzeit",
        "datumuhrzeit", "zeitstempel", "horodatage", "dateheure", "fechahora", "日期时间",
        "记录时间", "采集时间", "测量时间", "采样时间",
    }
)  # fmt: skip
TIME_NAMES = WHOLE_TIMES | {
    "date", "time", "datum", "zeit", "uhrzeit", "heure", "fecha", "hora", "时间", "日期",
}  # fmt: skip
VALUE_NAMES: dict[Quantity, tuple[str, ...]] = {
    Quantity.AIR_TEMPERATURE: (
        "temperature", "temperatur", "température", "airtemperature", "airtemp", "temp", "tempc",
        "tempf", "temperaturec", "temperaturef", "celsius", "fahrenheit", "t", "tc", "°c", "°f",
        "温度", "空气温度",
    ),
    Quantity.RELATIVE_HUMIDITY: (
        "relativehumidity", "relhumidity", "humidity", "feuchte", "relfeuchte", "humidité", "rh",
        "rhpct", "rhpercent", "hr", "rf", "湿度", "相对湿度", "空气湿度",
    ),
    Quantity.CO2: ("co2", "carbondioxide", "二氧化碳", "二氧化碳浓度"),
}  # fmt: skip
VALUE_WORDS: dict[Quantity, str] = {
    Quantity.AIR_TEMPERATURE: r"\b(?:temp|temperatur|temperature|température)\b|温度$|\bt\b.*°",
    Quantity.RELATIVE_HUMIDITY: r"\b(?:rh|humidity|feuchte|humidité)\b|湿度$",
    Quantity.CO2: r"\bco2\b",
}
"""What names a column that has a place or a channel in its name too."""
OTHER_THINGS = re.compile(
    r"\b(?:dew|dewpoint|taupunkt|wet|bulb|set|setpoint|min|max|minimum|maximum|avg|mean|average"
    r"|alarm|limit|high|low|abs|absolute|specific|ratio|outdoor|outside|surface|battery|internal"
    r"|board|mixing)\b|露点|湿球|绝对|最高|最低|平均|设定|上限|下限"
)
UNITS = r"(?:°|deg)?(?:c|celsius|f|fahrenheit)|%|%rh|%rf|rh|pct|percent|ppm|utc|gmt|local"
OFFSET = re.compile(r"\b(?:utc|gmt)\s*(?:(?P<sign>[+-])\s*(?P<hours>\d{1,2}):?(?P<minutes>\d\d)?)?")
ABBREVIATIONS = re.compile(
    r"\b(?:est|edt|cst|cdt|mst|mdt|pst|pdt|cet|cest|bst|wet|west|eet|eest|jst|kst|hkt|ist|msk"
    r"|aest|aedt|nzst|nzdt)\b"
)


def _unit(letter: str, word: str) -> re.Pattern[str]:
    """Match a unit; a letter without a degree sign may also be the name of a room."""
    name = r"(?:(?:air)?[ _]?temp(?:erature?)?|t)"
    return re.compile(
        rf"(?:°\s*|\bdeg\.?\s*|_deg){letter}\b|{word}|[(\[]\W?{letter}\s*[)\]]|^{letter}$"
        rf"|^{name}[\s_./,]*{letter}$"
    )


_UNITS = {
    "°C": _unit("c", "celsius"),
    "°F": _unit("f", "fahrenheit"),
    "K": _unit("k", "kelvin"),
}


class UnusableFileError(ValueError):
    """Not a logger's export that can be understood; says why, and what to do."""


class Line(NamedTuple):
    """A line that is not empty."""

    number: int
    cells: list[str]


class Scale(StrEnum):
    """What a column's temperatures are in."""

    CELSIUS = "°C"
    FAHRENHEIT = "°F"
    KELVIN = "K"


class Layout(NamedTuple):
    """Where things stand in a row."""

    header: int
    """The header's line."""
    times: tuple[int, ...]
    values: dict[Quantity, int]
    scale: Scale | None
    """None where the file does not say."""
    zone: tzinfo
    day_first: bool | None
    """Whether the header shows dates day first; None where it does not."""


def find_layout(lines: Sequence[Line], site: ZoneInfo) -> Layout | None:
    """Find the header; None when there is none. Raises UnusableFileError when it is no use."""
    for place, line in enumerate(lines[:PREAMBLE]):
        names = [_plain(cell) for cell in line.cells]
        times = tuple(index for index, name in enumerate(names) if name in TIME_NAMES)
        if not times or len(names) < 2:
            continue
        values = {
            what: column
            for what in VALUE_NAMES
            if (column := _column(what, line, names, times)) is not None
        }
        if not values:
            continue
        whole = [index for index in times if names[index] in WHOLE_TIMES]
        times = tuple(whole[:1]) or times[:2]
        about = " ".join(folded(line.cells[index]) for index in times)
        # Some exports number their rows in a first column that the header does not name.
        below = [len(one.cells) for one in lines[place + 1 : place + 20]]
        shift = int(bool(below) and min(below) == len(names) + 1 == max(below))
        return Layout(
            line.number,
            tuple(index + shift for index in times),
            {what: index + shift for what, index in values.items()},
            _scale(lines, place, values.get(Quantity.AIR_TEMPERATURE)),
            _zone(about, line.number, site),
            _day_first(about),
        )
    return None


def folded(name: str) -> str:
    """Bring a text to one of its many spellings; never longer than a name."""
    name = name[:200].replace("º", "°").replace("˚", "°")
    return unicodedata.normalize("NFKC", name).casefold().strip()


def scale_of(text: str) -> Scale | None:
    """Find the unit in the (folded) name of a temperature or behind a value."""
    for scale in Scale:
        if _UNITS[scale].search(text):
            return scale
    return None


def _plain(name: str) -> str:
    """Bring a column's name to its bare words: no unit, no marks, lower case."""
    name = folded(name)
    if name in ("°c", "°f"):
        return name
    name = re.sub(r"[(\[【].*?[)\]】]", " ", name)
    name = OFFSET.sub(" ", name)
    name = re.sub(r"[\s_./,:;|-]+", " ", name).strip()
    bare = re.sub(rf"(?:\s+(?:{UNITS}))+$", "", name)
    bare = re.sub(rf"(?<=[^\x00-\x7f])(?:{UNITS})$", "", bare)
    return re.sub(r"\W", "", bare)


def _column(what: Quantity, line: Line, names: list[str], times: tuple[int, ...]) -> int | None:
    """Find the column of a quantity: by its bare name, else by a word in it."""
    others = [index for index in range(len(names)) if index not in times]
    found = [index for index in others if names[index] in VALUE_NAMES[what]]
    if not found:
        texts = {index: _worded(line.cells[index]) for index in others}
        found = [
            index
            for index, text in texts.items()
            if re.search(VALUE_WORDS[what], text) and not OTHER_THINGS.search(text)
        ]
    celsius = [index for index in found if scale_of(folded(line.cells[index])) is Scale.CELSIUS]
    if len(found) > 1 and len(celsius) == 1:
        found = celsius  # the same in two units
    if len(found) > 1:
        which = " and ".join(repr(line.cells[index][:40]) for index in found[:3])
        name = what.replace("_", " ")
        raise UnusableFileError(
            f"line {line.number}: columns {which} both hold {name}; keep one of them, and"
            " import the others as devices of their own"
        )
    return found[0] if found else None


def _worded(cell: str) -> str:
    """Leave the words, and the degree sign of a unit in brackets."""
    text = re.sub(r"[(\[【](?!\s*(?:°|deg)).*?[)\]】]|[_./,:;|%-]", " ", folded(cell))
    return re.sub(r"(?<=[温湿]度)\W.*$", "", text).strip()


def _scale(lines: Sequence[Line], place: int, column: int | None) -> Scale | None:
    """Find the temperatures' unit: in the header, in a line of units beside it, or above."""
    if column is None:
        return None
    header = lines[place]
    scale = scale_of(folded(header.cells[column]))
    near = [*lines[max(0, place - 1) : place], *lines[place + 1 : place + 2]]
    for line in near:
        if scale is None and len(line.cells) == len(header.cells):
            text = folded(line.cells[column])
            scale = scale_of(text) if re.fullmatch(r"\W*\D{1,12}", text) else None
    if scale is Scale.KELVIN:
        raise UnusableFileError(
            f"line {header.number}: the temperatures are in K; export them in °C or °F"
        )
    if scale is None:
        for line in lines[:place]:
            text = folded(" ".join(line.cells))
            if re.search(r"°\s*f\b|fahrenheit", text):
                raise UnusableFileError(
                    f"line {line.number} speaks of °F, but the header in line {header.number} names"
                    " no unit; name the column Temperature (°F) or Temperature (°C)"
                )
    return scale


def _zone(about: str, line: int, site: ZoneInfo) -> tzinfo:
    """Find out what the header says of its times' zone; without a word they are the site's."""
    offset = OFFSET.search(about)
    if offset is not None:
        length = timedelta(hours=int(offset["hours"] or 0), minutes=int(offset["minutes"] or 0))
        if length >= timedelta(hours=15):
            raise UnusableFileError(f"line {line}: {offset[0]!r} is no zone; correct the header")
        return timezone(-length if offset["sign"] == "-" else length)
    own = {datetime(2024, month, 1, tzinfo=site).tzname() for month in (1, 7)}
    foreign = set(ABBREVIATIONS.findall(about)) - {str(name).casefold() for name in own}
    if foreign:
        raise UnusableFileError(
            f"line {line}: the times are in {', '.join(sorted(foreign)).upper()}, which is not a"
            f" time of {site}; export them in UTC or local time"
        )
    return site


def _day_first(about: str) -> bool | None:
    shown = re.search(r"\b(?:(?P<day>d{1,2}\Wm{1,2})|m{1,2}\Wd{1,2})\W", about + " ")
    return None if shown is None else shown["day"] is not None
