"""Reads what climate loggers export: a CSV of times and values, in the many shapes there are.

Found out by looking: encoding, delimiter, preamble, header names, units, decimal comma, the format
of the times, day before month or month before day, whether the logger's clock knows summer time.
What cannot be found out is refused, never guessed.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contracts.instants import SECOND, Instant
from contracts.quantities import Quantity
from dataloggers.header import PREAMBLE, Layout, Line, Scale, UnusableFileError, find_layout
from dataloggers.times import choose_reading, newest_first, place_in_time, tidy

LARGEST = 32 * 2**20
"""Bytes of one file: a million rows. Reading them takes a minute and a gigabyte."""
ENCODINGS = ("utf-8-sig", "gb18030", "latin-1")
DELIMITERS = "\t;,"
"""The comma last: it may be a decimal point too."""
NO_VALUE = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "null", "none", "-", "--", "---", "----", "无", "缺测"}
)
HOT = 45.0
"""°C. A room that is mostly warmer is one in °F."""
NOT_A_TEXT = (
    "this is not a text file (a workbook, a PDF?); open it with its program and export it as CSV"
)
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x19\x1b-\x1f\x7f]")
_VALUE = re.compile(r"([+-]?[\d.,]+(?:e[+-]?\d+)?)\s*(°?\s*[cf]|%\s*r?[hf]?|ppm)?", re.IGNORECASE)


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
    """From the oldest row to the newest, if the file has an order."""
    missing: int
    """Cells that say that there is no value."""
    refused: tuple[Refused, ...]
    step: float
    """Seconds between two rows, most often."""
    remarks: tuple[str, ...]
    """What was decided about the file that its owner should know."""


class _Row(NamedTuple):
    """What is kept of a line."""

    line: int
    time: str
    values: tuple[str, ...]


_Found = tuple[float | None, ...]


def read_export(content: bytes, zone: ZoneInfo) -> Export:
    """Read a file; times without an offset are local to `zone`. Raises UnusableFileError."""
    refuse_size(len(content))
    lines, layout = _find_header(_decode(content), zone)
    refused: list[Refused] = []
    rows = list(_rows(lines, layout, refused))
    if not rows:
        raise UnusableFileError(f"no line below the header in line {layout.header} has values")
    reading = choose_reading([(row.line, row.time) for row in rows], layout)
    stamped = []
    for row in rows:
        if (stamp := reading.stamp(row.time)) is None:
            refused.append(Refused(row.line, f"{row.time[:40]!r} is not a time"))
        else:
            stamped.append((row, stamp))
    remarks = [reading.remark] if reading.remark else []
    rows.clear()
    if newest_first([stamp for _, stamp in stamped]):
        stamped.reverse()
        remarks.append("the newest row stands first; the rows were turned round")
    instants, more = place_in_time([stamp for _, stamp in stamped], layout.zone)
    found = _read_rows(zip((row for row, _ in stamped), instants, strict=True), layout, refused)
    values = _values(found, layout)
    _refuse_heat(values, layout)
    if layout.scale is Scale.FAHRENHEIT:
        remarks.append("temperatures are in °F and were converted to °C")
    steps = sorted(later - earlier for earlier, later in pairwise(instants) if later > earlier)
    return Export(
        tuple(layout.values),
        len(found),
        values,
        sum(one is None for _, row in found for one in row),
        tuple(sorted(refused)),
        steps[len(steps) // 2] / SECOND if steps else 60.0,
        (*remarks, *more),
    )


def refuse_size(size: int) -> None:
    """Refuse a file that is too large before it is read."""
    if size > LARGEST:
        raise UnusableFileError(
            f"the file has {size / 2**20:.0f} MB; import {LARGEST >> 20} MB at most at a time:"
            " split it, for example by years, each part with the header"
        )


def _decode(content: bytes) -> str:
    encodings: Sequence[str] = ENCODINGS
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ("utf-16",)
    elif content[1:400:2].count(0) > len(content[:400]) // 4:
        encodings = ("utf-16-le",)
    if not content.strip():
        raise UnusableFileError("the file is empty; export it again")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise UnusableFileError(NOT_A_TEXT)


def _find_header(text: str, zone: ZoneInfo) -> tuple[Iterator[Line], Layout]:
    """Find the header and with it the delimiter; give the lines below."""
    said = re.match(r'\s*"?sep=(.)', text)
    for delimiter in said[1] if said else DELIMITERS:
        lines = _split(text, delimiter)
        head = list(islice(lines, PREAMBLE + 20))
        layout = find_layout(head, zone)
        if layout is not None:
            below = [line for line in head if line.number > layout.header]
            return chain(below, lines), layout
    if _CONTROL.search(text[:20_000]):
        raise UnusableFileError(NOT_A_TEXT)
    raise UnusableFileError(
        f"no header within the first {PREAMBLE} lines names a time and a temperature, humidity or"
        " CO2 column; name the columns for example timestamp,temperature,humidity"
    )


def _split(text: str, delimiter: str) -> Iterator[Line]:
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
            yield Line(number, [cell.strip() for cell in cells])


def _rows(lines: Iterable[Line], layout: Layout, refused: list[Refused]) -> Iterator[_Row]:
    last = max(*layout.times, *layout.values.values())
    for line in lines:
        if len(line.cells) <= last:
            what = line.cells[0][:40]
            refused.append(Refused(line.number, f"has {len(line.cells)} fields only ({what!r})"))
            continue
        time = tidy(" ".join(line.cells[index] for index in layout.times))
        if time:
            values = tuple(line.cells[index] for index in layout.values.values())
            yield _Row(line.number, time, values)
        else:
            refused.append(Refused(line.number, "has no time"))


def _read_rows(
    rows: Iterable[tuple[_Row, Instant]], layout: Layout, refused: list[Refused]
) -> list[tuple[Instant, _Found]]:
    """Read the values of all rows; of rows with one time, those that say something new."""
    found: list[tuple[Instant, _Found]] = []
    seen: dict[Instant, tuple[int, tuple[str, ...]]] = {}
    for row, at in rows:
        values = _read_values(row, layout)
        if isinstance(values, str):
            refused.append(Refused(row.line, values))
            continue
        if any(value is not None for value in values):  # not a mere event's line
            line, same = seen.setdefault(at, (row.line, row.values))
            if line != row.line:
                what = "the same values" if same == row.values else "other values"
                refused.append(Refused(row.line, f"has the time of line {line}, and {what}"))
                continue
        found.append((at, values))
    if not found:
        line, why = min(refused)
        raise UnusableFileError(f"line {line}: {why}; no line at all could be used")
    return found


def _values(found: Iterable[tuple[Instant, _Found]], layout: Layout) -> tuple[Value, ...]:
    return tuple(
        Value(at, what, value)
        for at, row in found
        for what, value in zip(layout.values, row, strict=True)
        if value is not None
    )


def _read_values(row: _Row, layout: Layout) -> _Found | str:
    """Read a row's values; None where there is none; a text says why the row is refused."""
    found: list[float | None] = []
    for what, text in zip(layout.values, row.values, strict=True):
        if text.casefold() in NO_VALUE:
            found.append(None)
            continue
        match = _VALUE.fullmatch(text)
        value = _number(match[1], what) if match else None
        if match is None or value is None:
            return f"{text[:40]!r} is not a number ({what})"
        unit = (match[2] or "")[-1:].casefold()
        if what is Quantity.AIR_TEMPERATURE and (
            unit == "f" or (unit != "c" and layout.scale is Scale.FAHRENHEIT)
        ):
            value = (value - 32.0) / 1.8
        found.append(value)
    return tuple(found)


def _number(text: str, what: Quantity) -> float | None:
    if "," in text:
        text = _without_commas(text, what)
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _without_commas(text: str, what: Quantity) -> str:
    """Tell thousands from decimals; a comma alone is a decimal one, but no air has 1.029 ppm."""
    if what is Quantity.CO2 and re.fullmatch(r"[+-]?\d{1,2},\d{3}", text):
        return text.replace(",", "")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+\.\d+", text):
        return text.replace(",", "")
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+,\d+", text):
        text = text.replace(".", "")
    return text.replace(",", ".")


def _refuse_heat(values: Sequence[Value], layout: Layout) -> None:
    """Refuse temperatures without a unit that only °F explains."""
    if layout.scale is not None:
        return
    all_of_them = sorted(one.value for one in values if one.quantity is Quantity.AIR_TEMPERATURE)
    if all_of_them and (middle := all_of_them[(len(all_of_them) - 1) // 2]) > HOT:
        raise UnusableFileError(
            f"line {layout.header}: the header names no unit, and temperatures are about"
            f" {middle:.0f}: that is °F, or no room; name the column Temperature (°F) or (°C)"
        )
