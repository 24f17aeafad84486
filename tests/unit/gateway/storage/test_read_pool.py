import asyncio
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.library_days import Calendar
from contracts.instants import HOUR, MINUTE, SECOND, Instant
from gateway.climate import series
from gateway.footfall import visit_days
from gateway.ingest import readers as ingest_readers
from gateway.storage.read_pool import Archive, ArchiveError
from runtime.database import Connection, connect
from tests.conftest import ROOT

SCHEMA = (ROOT / "gateway" / "storage" / "schema.sql").read_text(encoding="utf-8")
SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"), time(0, 0))
BERLIN = Calendar(ZoneInfo("Europe/Berlin"), time(4, 0))
T0 = 1_700_000_000 * SECOND


def fresh() -> Connection:
    store = Connection(":memory:")
    store.execute(SCHEMA).fetchall()
    store.execute("INSERT INTO stream VALUES (1, 's', 'stacks', 0)")
    return store


def with_values(period: int, values: list[tuple[Instant, float | None]]) -> Connection:
    store = fresh()
    store.execute(
        "INSERT INTO point VALUES (1, 'p/t', 'p', 'air_temperature', '°C', 'v', ?)", (period,)
    )
    store.executemany(
        "INSERT INTO reading VALUES (1, ?, 1, ?, ?, ?, ?)",
        [(at, n, value, 0 if value is not None else 2, at) for n, (at, value) in enumerate(values)],
    )
    return store


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    path = tmp_path / "store.sqlite3"
    store = connect(path)
    store.execute(SCHEMA).fetchall()
    store.execute("INSERT INTO tally VALUES ('late', 3)")
    store.close()
    return path


@pytest.fixture(name="archive")
def _archive(file: Path) -> Iterator[Archive]:
    archive = Archive(file, connect, ThreadPoolExecutor(1), readers=1)
    yield archive
    archive.close()


def test_a_reader_cannot_write(archive: Archive, play: Callable[..., Any]) -> None:
    def write(store: Connection) -> None:
        store.execute("DELETE FROM tally")

    with pytest.raises(ArchiveError, match=r"store\.sqlite3"):
        play(archive.ask(write))
    assert play(archive.ask(ingest_readers.tallies)) == {"late": 3}


def test_a_question_sees_one_picture_though_somebody_writes(
    file: Path, archive: Archive, play: Callable[..., Any]
) -> None:
    def twice(store: Connection) -> tuple[dict[str, int], dict[str, int]]:
        before = ingest_readers.tallies(store)
        writer = connect(file)
        writer.execute("UPDATE tally SET count = 9")
        writer.close()
        return before, ingest_readers.tallies(store)

    assert play(archive.ask(twice)) == ({"late": 3}, {"late": 3})
    assert play(archive.ask(ingest_readers.tallies)) == {"late": 9}


def test_a_store_that_is_not_there_is_one_clear_error(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    archive = Archive(tmp_path / "none.sqlite3", connect, ThreadPoolExecutor(1))
    with pytest.raises(ArchiveError, match=r"none\.sqlite3 cannot be read"):
        play(archive.ask(ingest_readers.tallies))
    archive.close()


def test_a_caller_who_gives_up_frees_the_reader(archive: Archive, play: Callable[..., Any]) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    async def story() -> dict[str, int]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await archive.ask(lambda store: store.execute(endless).fetchall())
        return await archive.ask(ingest_readers.tallies)

    assert play(story(), within=10) == {"late": 3}


def test_few_readings_are_given_as_they_are() -> None:
    values = [(T0 + n * 2 * SECOND, 20.0 + n) for n in range(10)]
    found = series.of_point(with_values(2 * SECOND, list(values)), "p/t", T0, T0 + HOUR, 100)
    assert found is not None
    assert found.resolution == 0
    assert list(zip(found.at, found.mean, strict=True)) == values


def test_a_hole_is_an_empty_row_and_never_a_line() -> None:
    values: list[tuple[Instant, float | None]] = [
        (T0, 1.0), (T0 + 2 * SECOND, 2.0), (T0 + 7 * SECOND, 3.0), (T0 + 13 * SECOND, 4.0),
    ]  # fmt: skip
    found = series.of_point(with_values(2 * SECOND, values), "p/t", T0, T0 + MINUTE, 100)
    assert found is not None
    assert found.mean == [1.0, 2.0, 3.0, None, 4.0]


def test_values_that_are_not_good_leave_a_hole() -> None:
    values = [(T0 + n * 2 * SECOND, None if 3 <= n <= 6 else 5.0) for n in range(10)]
    found = series.of_point(with_values(2 * SECOND, values), "p/t", T0, T0 + MINUTE, 100)
    assert found is not None
    assert found.mean.count(None) == 1
    assert sum(found.readings) == 6


def test_a_reading_from_the_future_is_believed_by_nobody() -> None:
    store = with_values(2 * SECOND, [(T0, 1.0)])
    store.execute("INSERT INTO reading VALUES (1, ?, 1, 99, 7.0, 0, ?)", (T0 + HOUR, T0))
    found = series.of_point(store, "p/t", T0, T0 + 2 * HOUR, 100)
    assert found is not None
    assert found.mean == [1.0]


def test_a_point_that_no_card_describes_has_the_interval_of_its_readings() -> None:
    values = [(T0 + n * 15 * MINUTE, 1.0) for n in (0, 1, 2, 3, 9, 10)]
    found = series.of_point(with_values(0, list(values)), "p/t", T0, T0 + 24 * HOUR, 100)
    assert found is not None
    assert found.interval == 15 * MINUTE
    assert found.mean.count(None) == 1


def test_an_unknown_point_is_none() -> None:
    assert series.of_point(fresh(), "p/t", T0, T0 + HOUR, 10) is None


steps = st.lists(st.sampled_from([2, 2, 2, 3, 30, 600]), min_size=1, max_size=120)


@given(steps, st.integers(min_value=1, max_value=40), st.data())
def test_thinning_keeps_peaks_counts_and_holes(
    gaps: list[int], buckets: int, data: st.DataObject
) -> None:
    times = [T0 + sum(gaps[:n]) * SECOND for n in range(len(gaps))]
    numbers = data.draw(st.lists(st.floats(-50, 50), min_size=len(times), max_size=len(times)))
    values = list(zip(times, numbers, strict=True))
    end = times[-1] + SECOND
    found = series.of_point(with_values(2 * SECOND, list(values)), "p/t", T0, end, buckets)
    assert found is not None
    assert sum(found.readings) == len(values)
    assert min(low for low in found.low if low is not None) == min(numbers)
    assert max(high for high in found.high if high is not None) == max(numbers)
    assert found.at == sorted(set(found.at))
    assert len([count for count in found.readings if count]) <= buckets
    # Between two rows with a hole between their readings there is an empty row.
    width = max(found.resolution, 1)
    rows = [(at, mean) for at, mean in zip(found.at, found.mean, strict=True)]
    for (before, _), (after, _) in itertools.pairwise(row for row in rows if row[1] is not None):
        if after - before > width + 5 * SECOND + width:
            assert any(before < at < after and mean is None for at, mean in rows)


@given(
    st.dates(date(1990, 1, 1), date(2040, 1, 1)),
    st.sampled_from([SHANGHAI, BERLIN, Calendar(ZoneInfo("Australia/Lord_Howe"), time(0, 0))]),
)
def test_hours_fill_a_library_day_without_gap_or_overlap(day: date, calendar: Calendar) -> None:
    hours = calendar.hours(day)
    assert hours[0][0] == calendar.begin(day)
    assert hours[-1][1] == calendar.end(day)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(hours))
    assert calendar.day_of(hours[0][0]) == day == calendar.day_of(hours[-1][1] - 1)


def test_a_day_of_the_clock_change_has_23_or_25_hours() -> None:
    assert len(BERLIN.hours(date(2026, 3, 28))) == 23
    assert len(BERLIN.hours(date(2026, 10, 24))) == 25


DAY = date(2026, 11, 21)
MORNING = SHANGHAI.begin(DAY)
NIGHT = SHANGHAI.end(DAY)


def crossings(*rows: tuple[Instant, Instant, int | None, str]) -> Connection:
    store = fresh()
    store.executemany("INSERT INTO crossing VALUES ('g', 'entry', ?, ?, ?, ?)", rows)
    return store


def day_of(store: Connection, now: Instant = NIGHT) -> visit_days.Direction:
    return visit_days.gate_day(
        store, "g", two_way=False, day=DAY, calendar=SHANGHAI, now=now
    ).entries


def minutes(first: int, last: int, people: int = 1) -> list[tuple[Instant, Instant, int, str]]:
    return [
        (MORNING + n * MINUTE, MORNING + (n + 1) * MINUTE, people, "") for n in range(first, last)
    ]


def test_an_hour_that_nobody_counted_is_unknown_and_not_zero() -> None:
    found = day_of(crossings(*minutes(0, 60, 0), *minutes(120, 180)))
    assert [hour.passed for hour in found.hours[:4]] == [0, None, 60, None]
    assert [hour.coverage for hour in found.hours[:4]] == [1.0, 0.0, 1.0, 0.0]
    assert found.total == 60
    assert found.coverage == pytest.approx(2 / 24)


def test_a_whole_day_adds_up() -> None:
    found = day_of(crossings(*minutes(0, 1440)))
    assert found.total == 1440
    assert found.coverage == 1.0
    assert all(hour.passed == 60 and hour.coverage == 1.0 for hour in found.hours)


def test_an_hour_to_come_has_neither_count_nor_coverage() -> None:
    found = day_of(crossings(*minutes(0, 90)), MORNING + 90 * MINUTE)
    assert found.hours[1].coverage == 1.0
    assert found.hours[2] == visit_days.Hour(MORNING + 2 * HOUR, MORNING + 3 * HOUR, None, None)
    assert found.coverage == 1.0


def test_what_passed_during_an_outage_belongs_to_the_day_but_to_no_hour() -> None:
    outage = (MORNING + 60 * MINUTE, MORNING + 180 * MINUTE, 37, "outage")
    found = day_of(crossings(*minutes(0, 60), outage, *minutes(180, 1440)))
    assert found.total == 60 + 37 + 1260
    assert found.unplaced == 37
    assert [hour.passed for hour in found.hours[:4]] == [60, None, None, 60]
    assert found.spans == (visit_days.Span(*outage),)


def test_what_spans_two_days_belongs_to_neither() -> None:
    night = (MORNING - HOUR, MORNING + HOUR, 50, "outage")
    found = day_of(crossings(night, *minutes(60, 120)))
    assert found.total == 60
    assert found.unplaced == 0
    assert found.spans[0].passed == 50


def test_a_reset_is_unknown_and_its_time_is_not_counted() -> None:
    reset = (MORNING + 60 * MINUTE, MORNING + 61 * MINUTE, None, "reset")
    found = day_of(crossings(*minutes(0, 60), reset, *minutes(61, 120)))
    assert found.total == 119
    assert found.hours[1].coverage == pytest.approx(59 / 60)
    assert found.spans[0].passed is None


@given(st.lists(st.integers(20, 3000), min_size=1, max_size=60), st.integers(0, 3600))
def test_intervals_of_any_length_are_counted_once_and_cover_what_they_span(
    lengths: list[int], start: int
) -> None:
    begin = MORNING + start * SECOND
    ends = [begin + sum(lengths[: n + 1]) * SECOND for n in range(len(lengths))]
    rows = [(end - length * SECOND, end, 3, "") for end, length in zip(ends, lengths, strict=True)]
    inside = [row for row in rows if row[1] <= NIGHT]
    found = day_of(crossings(*rows))
    assert found.total == (3 * len(inside) if inside else None)
    covered = sum((hour.coverage or 0) * HOUR for hour in found.hours)
    assert covered == pytest.approx(min(ends[-1], NIGHT) - begin, abs=SECOND)
    assert all(0 <= (hour.coverage or 0) <= 1 for hour in found.hours)
