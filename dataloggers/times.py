"""Reads the times of a logger's export: their format, day or month first, and summer time."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby, pairwise
from typing import NamedTuple

from contracts.instants import Instant, instant
from dataloggers.header import Layout, UnusableFileError

DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y",
    "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y",
    "%d-%b-%y", "%d-%b-%Y", "%d %b %Y",
)  # fmt: skip
TIME_FORMATS = (
    "%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "%H时%M分%S秒", "%H时%M分",
)  # fmt: skip
SAMPLE = 2000
FIRST_YEAR, LAST_YEAR = 1980, 2199
"""A logger whose clock was never set says 1970; a damaged line says anything."""
_TIDY = re.compile(r"[\d./-]+(?:[ T][\d:.]+)?")
_SWAPPED = re.compile(r"^%[dm][/-]%[dm]")


class Reading(NamedTuple):
    """How the times of a file are to be read."""

    fmt: str | None
    """For strptime; None is ISO 8601."""
    remark: str = ""

    def stamp(self, text: str) -> datetime | None:
        """Read one time; None when it is none."""
        stamp = _stamp(text, self.fmt)
        if stamp is None or not FIRST_YEAR <= stamp.year <= LAST_YEAR:
            return None
        return stamp


def tidy(text: str) -> str:
    """Bring the text of a time to the spelling that the formats know."""
    if _TIDY.fullmatch(text):
        return text
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"(上午|下午) ?(\d[\d:]*)", r"\2 \1", text)
    text = text.replace("上午", "AM").replace("下午", "PM")
    text = re.sub(r"(?i) ?\b([ap])\.? ?m\.?$", r" \1M", text)
    return re.sub(r" ?(?:UTC|GMT)$", "+00:00", text)


def choose_reading(texts: Sequence[tuple[int, str]], layout: Layout) -> Reading:
    """Choose how to read times, given each with its line. Raises UnusableFileError."""
    sample = [text for _, text in texts[:: max(1, len(texts) // SAMPLE)]]
    candidates = [None] + [
        f"{day} {time}".strip() for day in DATE_FORMATS for time in (*TIME_FORMATS, "")
    ]
    few = [*sample[:20], *sample[-20:]]
    likely = [fmt for fmt in candidates if any(_stamp(text, fmt) for text in few)]
    best = max(likely, key=lambda fmt: _fitting(sample, fmt), default="")
    if best == "":
        raise UnusableFileError(_no_times(texts))
    if best is None or not _SWAPPED.match(best):
        return Reading(best)
    return _day_or_month(best, texts, layout)


def _day_or_month(fmt: str, texts: Sequence[tuple[int, str]], layout: Layout) -> Reading:
    """Decide between day and month first by the header or all lines, or refuse: never guess."""
    date, _, time = fmt.partition(" ")
    first, second = sorted((date, date.translate({ord("d"): "m", ord("m"): "d"})))  # %d first
    days = [day for day, _ in groupby(text.partition(" ")[0] for _, text in texts)]
    fits = _fitting(days, first), _fitting(days, second)
    ways = _way(days, first), _way(days, second)
    remark = ""
    if layout.day_first is not None:
        day_first = layout.day_first
    elif fits[0] != fits[1]:
        day_first = fits[0] > fits[1]
    elif ways[0] != ways[1]:
        day_first = ways[0] < ways[1]
        order = "day first" if day_first else "month first"
        remark = f"dates are read {order}: only so do the rows follow one another"
    else:
        line, text = texts[0]
        raise UnusableFileError(
            f"line {line}: {text[:40]!r} may be day or month first, and no other line tells; export"
            " dates with the year first (2024-01-31), or name the column Time (dd/mm/yyyy)"
        )
    return Reading(f"{first if day_first else second} {time}".strip(), remark)


def _fitting(texts: Sequence[str], fmt: str | None) -> int:
    return sum(_stamp(text, fmt) is not None for text in texts)


def _way(texts: Sequence[str], fmt: str) -> timedelta:
    """Add up all steps between rows: read the wrong way, a night is a month."""
    stamps = [stamp for text in texts if (stamp := _stamp(text, fmt))]
    return sum((abs(later - earlier) for earlier, later in pairwise(stamps)), timedelta())


def _no_times(texts: Sequence[tuple[int, str]]) -> str:
    line, text = texts[0]
    if re.fullmatch(r"\d{5}(?:[.,]\d+)?", text):
        what = "is a day number of a spreadsheet; format the column as date and time, export again"
    elif re.fullmatch(r"\d{10}|\d{13}", text):
        what = "is a count of seconds; export the times as text, for example 2024-01-31 14:05"
    else:
        what = "is not a time that is understood; write times for example as 2024-01-31 14:05"
    return f"line {line}: {text[:40]!r} {what} (no line below the header has one)"


def _stamp(text: str, fmt: str | None) -> datetime | None:
    try:
        if fmt is None:
            return datetime.fromisoformat(text)
        return datetime.strptime(text, fmt)  # noqa: DTZ007 - the zone is the layout's, set later
    except ValueError:
        return None


def newest_first(stamps: Sequence[datetime]) -> bool:
    """Say whether more rows go back in time than forth."""
    forth = 0
    for earlier, later in pairwise(stamp.replace(tzinfo=None) for stamp in stamps):
        forth += (later > earlier) - (later < earlier)
    return forth < 0


def place_in_time(stamps: Sequence[datetime], zone: tzinfo) -> tuple[list[Instant], list[str]]:
    """Turn local times, in their order, into instants, across the nights when clocks change."""
    remarks: list[str] = []
    unaware = next((one for one in stamps if one.tzinfo is None and not _exists(one, zone)), None)
    if unaware is not None:
        # A clock that shows the hour that summer time leaves out does not know summer time.
        remarks.append(
            f"{unaware} does not exist in {zone}: the logger keeps standard time all year, and"
            " so all its times were read"
        )
    instants: list[Instant] = []
    # Of hourly rows the hour that comes twice shows as one time twice; else that is a row twice.
    hourly = not any(
        timedelta() < later - earlier < timedelta(hours=1)
        for earlier, later in pairwise(stamp.replace(tzinfo=None) for stamp in stamps)
    )
    fold, before = 0, None
    for stamp in stamps:
        if stamp.tzinfo is not None:
            instants.append(instant(stamp))
            continue
        if unaware is not None:
            offset = stamp.replace(tzinfo=zone).utcoffset() or timedelta()
            summer = stamp.replace(tzinfo=zone).dst() or timedelta()
            instants.append(instant((stamp - offset + summer).replace(tzinfo=UTC)))
            continue
        if _twice(stamp, zone):
            # The hour that comes twice: the second time begins where the clock goes back.
            back = before is not None and (stamp < before or (hourly and stamp == before))
            fold = int(bool(fold) or back)
        else:
            fold = 0
        before = stamp
        instants.append(instant(stamp.replace(tzinfo=zone, fold=fold)))
    return instants, remarks


def _exists(stamp: datetime, zone: tzinfo) -> bool:
    aware = stamp.replace(tzinfo=zone)
    return aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == stamp


def _twice(stamp: datetime, zone: tzinfo) -> bool:
    first, second = (stamp.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return first.utcoffset() != second.utcoffset()
