"""Reads what climate loggers export: a CSV of times and values, in the many shapes there are.

Found out by looking: encoding, delimiter, preamble, header names, decimal comma, the format of
the times, day before month or month before day, and whether the logger's clock knows summer time.
"""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contracts.instants import SECOND, Instant, instant
from contracts.quantities import Quantity

ENCODINGS = ("utf-8-sig", "gb18030", "latin-1")
DELIMITERS = ",;\t"
PREAMBLE = 60
"""Lines within which the header must stand."""
NO_VALUE = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "null", "none", "-", "--", "---", "----", "无", "缺测"}
)
WHOLE_TIMES = frozenset(
    {
        "timestamp", "datetime", "dateandtime", "recordedat", "measuredat", "datumzeit",
        "zeitstempel", "horodatage", "日期时间", "记录时间", "采集时间", "测量时间", "采样时间",
    }
)  # fmt: skip
TIME_NAMES = WHOLE_TIMES | {
    "date", "time", "datum", "zeit", "uhrzeit", "heure", "fecha", "hora", "时间", "日期",
}  # fmt: skip
VALUE_NAMES: dict[Quantity, tuple[str, ...]] = {
    Quantity.AIR_TEMPERATURE: (
        "temperature", "temperatur", "température", "airtemperature", "airtemp", "temp", "tempc",
        "celsius", "t", "tc", "温度", "空气温度",
    ),
    Quantity.RELATIVE_HUMIDITY: (
        "relativehumidity", "relhumidity", "humidity", "feuchte", "relfeuchte", "humidité", "rh",
        "rhpct", "rhpercent", "hr", "湿度", "相对湿度", "空气湿度",
    ),
    Quantity.CO2: ("co2", "carbondioxide", "二氧化碳", "二氧化碳浓度"),
}  # fmt: skip
UNITS = r"(?:°|deg)?(?:c|celsius|f|fahrenheit)|%|%rh|rh|pct|percent|ppm|utc|gmt|local"
DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y",
    "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%y", "%d-%b-%Y", "%d %b %Y",
)  # fmt: skip
TIME_FORMATS = (
    "%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "%H时%M分%S秒", "%H时%M分",
)  # fmt: skip


class UnusableFileError(ValueError):
    """Not a logger's export that can be understood; says why, and what to do."""


class Value(NamedTuple):
    """One value of one row, in the quantity's unit."""

    at: Instant
    quantity: Quantity
    value: float


class Refused(NamedTuple):
    """A line that was not understood."""

    line: int
    why: str


class Export(NamedTuple):
    """What a file holds."""

    quantities: tuple[Quantity, ...]
    rows: int
    """Lines with a time; those refused not counted."""
    values: tuple[Value, ...]
    missing: int
    """Cells that say that there is no value."""
    refused: tuple[Refused, ...]
    step: float
    """Seconds between two rows, most often."""
    remarks: tuple[str, ...]
    """What was decided about the file that its owner should know."""


class _Layout(NamedTuple):
    """Where things stand in a row."""

    times: tuple[int, ...]
    values: dict[Quantity, int]
    fahrenheit: bool
    utc: bool


class _Line(NamedTuple):
    number: int
    cells: list[str]


def read_export(content: bytes, zone: ZoneInfo) -> Export:
    """Read a file; times without an offset are local to `zone`. Raises UnusableFileError."""
    lines = list(_split(_decode(content)))
    header, layout = _find_header(lines)
    body = [line for line in lines if line.number > header]
    stamps, refused = _read_times(body, layout)
    if not stamps:
        raise UnusableFileError("no line below the header begins with a time that is understood")
    own = ZoneInfo("UTC") if layout.utc else zone
    instants, remarks = _place_in_time([stamp for _, stamp in stamps], own)
    values: list[Value] = []
    rows = missing = 0
    for (line, _), at in zip(stamps, instants, strict=True):
        found = _read_values(line, layout)
        if isinstance(found, str):
            refused.append(Refused(line.number, found))
            continue
        rows += 1
        missing += sum(value is None for value in found.values())
        values += [Value(at, what, value) for what, value in found.items() if value is not None]
    if layout.fahrenheit:
        remarks.append("temperatures are in °F and were converted to °C")
    steps = sorted(later - earlier for earlier, later in pairwise(instants) if later > earlier)
    step = steps[len(steps) // 2] / SECOND if steps else 60.0
    return Export(
        tuple(layout.values),
        rows,
        tuple(values),
        missing,
        tuple(sorted(refused)),
        step,
        tuple(remarks),
    )


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: Sequence[str] = ("utf-16",)
    else:
        encodings = ENCODINGS
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise UnusableFileError("this is not a text file; export it as CSV")


def _split(text: str) -> Iterator[_Line]:
    head = text.splitlines()[:PREAMBLE]
    # The delimiter of the header: the one that most lines have, and have most of.
    delimiter = max(DELIMITERS, key=lambda mark: sorted(line.count(mark) for line in head)[-3:])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = [f"({error})"]
        if any(cell.strip() for cell in cells):
            yield _Line(number, [cell.strip() for cell in cells])


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _plain(name: str) -> str:
    """Bring a column's name to its bare words: no unit, no marks, lower case."""
    name = re.sub(r"[(\[【].*?[)\]】]", " ", _folded(name))
    name = re.sub(r"[\s_./,:;|-]+", " ", name).strip()
    bare = re.sub(rf"(?:\s+(?:{UNITS}))+$", "", name)
    bare = re.sub(rf"(?<=[^\x00-\x7f])(?:{UNITS})$", "", bare)
    return re.sub(r"\W", "", bare)


def _find_header(lines: Sequence[_Line]) -> tuple[int, _Layout]:
    for place, line in enumerate(lines[:PREAMBLE]):
        names = [_plain(cell) for cell in line.cells]
        times = tuple(index for index, name in enumerate(names) if name in TIME_NAMES)
        values: dict[Quantity, int] = {}
        for what, spellings in VALUE_NAMES.items():
            for index, name in enumerate(names):
                if name in spellings and index not in times:
                    values.setdefault(what, index)
        if not times or not values:
            continue
        temperature = _folded(line.cells[values.get(Quantity.AIR_TEMPERATURE, 0)])
        fahrenheit = bool(re.search(r"°\s*f\b|fahrenheit|[(_\s]f\)?$", temperature))
        utc = any(re.search(r"utc|gmt", _folded(line.cells[index])) for index in times)
        whole = [index for index in times if names[index] in WHOLE_TIMES]
        times = tuple(whole[:1]) or times[:2]
        # Some exports number their rows in a first column that the header does not name.
        below = [len(one.cells) for one in lines[place + 1 : place + 20]]
        shift = int(bool(below) and min(below) == len(names) + 1 == max(below))
        return line.number, _Layout(
            tuple(index + shift for index in times),
            {what: index + shift for what, index in values.items()},
            fahrenheit and Quantity.AIR_TEMPERATURE in values,
            utc,
        )
    raise UnusableFileError(
        f"no header within the first {PREAMBLE} lines names a time and a temperature, humidity or"
        " CO2 column; name the columns for example timestamp,temperature,humidity"
    )


def _read_times(
    body: Sequence[_Line], layout: _Layout
) -> tuple[list[tuple[_Line, datetime]], list[Refused]]:
    texts: list[tuple[_Line, str]] = []
    refused: list[Refused] = []
    for line in body:
        if len(line.cells) <= max(layout.times):
            refused.append(Refused(line.number, f"has {len(line.cells)} fields only"))
        else:
            text = " ".join(line.cells[index] for index in layout.times)
            texts.append((line, re.sub(r"\s+", " ", text).strip()))
    fmt = _choose_format([text for _, text in texts])
    stamps: list[tuple[_Line, datetime]] = []
    for line, text in texts:
        stamp = _stamp(text, fmt)
        if stamp is None:
            refused.append(Refused(line.number, f"{text[:40]!r} is not a time"))
        else:
            stamps.append((line, stamp))
    return stamps, refused


def _choose_format(texts: Sequence[str]) -> str | None:
    """Choose the format by which most times are understood; None is ISO 8601.

    Where day and month could be either, the order in which the fewest rows go back decides.
    """
    sample = texts[:: max(1, len(texts) // 2000)]

    def merit(fmt: str | None) -> tuple[int, int]:
        stamps = [stamp for text in sample if (stamp := _stamp(text, fmt))]
        aware = [stamp.replace(tzinfo=None) for stamp in stamps]
        return len(stamps), -sum(later < earlier for earlier, later in pairwise(aware))

    candidates = [None] + [
        f"{day} {time}".strip() for day in DATE_FORMATS for time in (*TIME_FORMATS, "")
    ]
    few = sample[:20]
    likely = [fmt for fmt in candidates if any(_stamp(text, fmt) for text in few)]
    return max(likely, key=merit, default=None)


def _stamp(text: str, fmt: str | None) -> datetime | None:
    try:
        if fmt is None:
            return datetime.fromisoformat(text)
        return datetime.strptime(text, fmt)  # noqa: DTZ007 - the zone is the site's, set later
    except ValueError:
        return None


def _place_in_time(stamps: Sequence[datetime], zone: ZoneInfo) -> tuple[list[Instant], list[str]]:
    """Turn local times into instants, across the nights when clocks change."""
    remarks: list[str] = []
    local = [stamp for stamp in stamps if stamp.tzinfo is None]
    unaware = [stamp for stamp in local if not _exists(stamp, zone)]
    if unaware:
        # A clock that shows the hour that summer time leaves out does not know summer time.
        remarks.append(
            f"{unaware[0]} does not exist in {zone}: the logger keeps standard time all year, and"
            " so all its times were read"
        )
    instants: list[Instant] = []
    fold, before = 0, None
    for stamp in stamps:
        if stamp.tzinfo is not None:
            instants.append(instant(stamp))
            continue
        if unaware:
            offset = stamp.replace(tzinfo=zone).utcoffset() or timedelta()
            summer = stamp.replace(tzinfo=zone).dst() or timedelta()
            instants.append(_as_utc(stamp, offset - summer))
            continue
        if _twice(stamp, zone):
            # The hour that comes twice: the second time begins where the clock goes back.
            fold = int(bool(fold) or (before is not None and stamp <= before))
        else:
            fold = 0
        before = stamp
        instants.append(instant(stamp.replace(tzinfo=zone, fold=fold)))
    return instants, remarks


def _as_utc(stamp: datetime, offset: timedelta) -> Instant:
    return instant((stamp - offset).replace(tzinfo=ZoneInfo("UTC")))


def _exists(stamp: datetime, zone: ZoneInfo) -> bool:
    aware = stamp.replace(tzinfo=zone)
    return aware.astimezone(ZoneInfo("UTC")).astimezone(zone).replace(tzinfo=None) == stamp


def _twice(stamp: datetime, zone: ZoneInfo) -> bool:
    first, second = (stamp.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return first.utcoffset() != second.utcoffset()


def _read_values(line: _Line, layout: _Layout) -> dict[Quantity, float | None] | str:
    """Read a row's values; None where there is none; a text says why the row is refused."""
    found: dict[Quantity, float | None] = {}
    for what, index in layout.values.items():
        if index >= len(line.cells):
            return f"has {len(line.cells)} fields only"
        text = line.cells[index]
        if text.casefold() in NO_VALUE:
            found[what] = None
            continue
        value = _number(text)
        if value is None:
            return f"{text[:40]!r} is not a number ({what})"
        if layout.fahrenheit and what is Quantity.AIR_TEMPERATURE:
            value = (value - 32.0) / 1.8
        found[what] = value
    return found


def _number(text: str) -> float | None:
    if "," in text:
        grouped = re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+\.\d+", text)
        text = text.replace(",", "" if grouped else ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
