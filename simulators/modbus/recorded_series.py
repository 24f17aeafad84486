"""Reads a recorded series of temperature and humidity, as loggers and data sets export it."""

import csv
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from simulators.errors import SimulatorError
from simulators.modbus.devices.sensing import Sample

NO_VALUE = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--"})
TEMPERATURE = ("temperature_c", "temperature", "temp_c", "temp", "air_temperature", "t_c", "t")
HUMIDITY = ("rh_pct", "relative_humidity", "humidity", "rh", "humidity_pct", "rh_%")
TIME = ("timestamp", "timestamp_local", "date", "datetime", "time", "date_time")
"""Names of columns, the most telling first; capitals do not matter."""


class Row(NamedTuple):
    """One line of a series. `at` is the logger's own clock, without a zone."""

    at: datetime
    sample: Sample


def read_series(path: Path) -> list[Row]:
    """Read a file with a header line; `NA` and the like are None.

    A row may have one field more than the header has names (an unnamed row number in front).
    Raises SimulatorError with file and line for what cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SimulatorError(f"{path}: cannot be read: {error}") from error
    lines = text.splitlines()
    if not lines:
        raise SimulatorError(f"{path}: is empty; give a file with a header line")
    delimiter = max(",;\t", key=lines[0].count)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [name.strip().lower() for name in next(reader)]
    columns = [_column(path, header, names) for names in (TIME, TEMPERATURE, HUMIDITY)]
    rows = []
    for fields in reader:
        if not fields:
            continue
        extra = len(fields) - len(header)
        if extra not in (0, 1):
            raise SimulatorError(
                f"{path}:{reader.line_num}: {len(fields)} fields under {len(header)} names"
            )
        time, temperature, humidity = (fields[column + extra].strip() for column in columns)
        where = f"{path}:{reader.line_num}"
        sample = Sample(_number(where, temperature), _number(where, humidity))
        rows.append(Row(_moment(where, time), sample))
    return rows


def _column(path: Path, header: list[str], names: tuple[str, ...]) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise SimulatorError(f"{path}:1: no column named like {names[0]!r} among {header}")


def _number(where: str, text: str) -> float | None:
    if text.lower() in NO_VALUE:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise SimulatorError(f"{where}: {text!r} is neither a number nor NA") from error
    if not isfinite(value):
        raise SimulatorError(f"{where}: {text!r} is no value; write NA")
    return value


def _moment(where: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise SimulatorError(f"{where}: {text!r} is no date and time (ISO 8601)") from error
