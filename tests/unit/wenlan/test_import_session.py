"""Loggers' exports in the shapes there are."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import instant, moment
from contracts.quantities import Quantity
from dataloggers.export import Export, Value, read_export
from dataloggers.header import UnusableFileError
from tests.conftest import data_folder
from wenlan.import_session import card_of, reading

SHANGHAI = ZoneInfo("Asia/Shanghai")
LONDON = ZoneInfo("Europe/London")
T, H, CO2 = Quantity.AIR_TEMPERATURE, Quantity.RELATIVE_HUMIDITY, Quantity.CO2


def read(text: str, zone: ZoneInfo = SHANGHAI) -> Export:
    return read_export(text.encode(), zone)


def utc(*parts: int) -> int:
    return instant(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]  # year, month, …


def series(export: Export, what: Quantity) -> list[float]:
    return [value.value for value in export.values if value.quantity is what]


def test_a_plain_export() -> None:
    export = read("timestamp,temperature_c,rh_pct\n2024-01-01T08:00:00,21.8,36.8\n")
    at = utc(2024, 1, 1)
    assert export.values == (Value(at, T, 21.8), Value(at, H, 36.8))
    assert (export.rows, export.missing, export.refused) == (1, 0, ())


@pytest.mark.parametrize(
    "header",
    [
        "Time,Temperature(°C),Humidity(%RH)",
        "Date/Time,Temp. (C),RH (%)",
        '"Timestamp","T [°C]","rH [%]"',
        "DATE TIME,TEMPERATURE,RELATIVE HUMIDITY %",
        "记录时间,温度(℃),湿度（%RH）",  # noqa: RUF001 - full-width brackets are what such files have
        "时间,温度℃,相对湿度%",
        "Datum Zeit,Temperatur °C,rel. Feuchte %",
        "recorded_at,air_temperature,relative_humidity",
    ],
)
def test_names_of_columns(header: str) -> None:
    export = read(f"{header}\n2024-01-01 08:00,20.5,50\n")
    assert series(export, T) == [20.5]
    assert series(export, H) == [50.0]


@pytest.mark.parametrize(
    "stamp",
    [
        "2024-02-01T08:00:00",
        "2024-02-01 08:00",
        "2024-02-01T00:00:00Z",
        "2024-02-01T01:00:00+01:00",
        "2024/02/01 08:00:00",
        "01.02.2024 08:00",
        "2024年02月01日 08:00",
        "01-Feb-24 08:00",
    ],
)
def test_formats_of_times(stamp: str) -> None:
    export = read(f"time,temperature\n{stamp},20\n")
    assert [value.at for value in export.values] == [utc(2024, 2, 1)]


def test_day_or_month_first_is_decided_by_the_whole_file() -> None:
    day_first = read("time,temp\n01/02/2024 08:00,1\n13/02/2024 08:00,2\n")
    month_first = read("time,temp\n02/01/2024 08:00,1\n02/13/2024 08:00,2\n")
    by_order = read("time,temp\n01/31/2024 08:00,1\n02/01/2024 08:00,2\n02/02/2024 08:00,3\n")
    assert [moment(value.at).month for value in day_first.values] == [2, 2]
    assert [moment(value.at).month for value in month_first.values] == [2, 2]
    assert [moment(value.at).day for value in by_order.values] == [31, 1, 2]


def test_a_sequence_of_days_that_could_be_months() -> None:
    rows = [f"{month:02}/01/2024 {hour:02}:00,20" for month in (3, 4) for hour in range(20)]
    export = read("time,temp\n" + "\n".join(rows))
    assert export.rows == 40


def test_decimal_commas_semicolons_and_a_preamble() -> None:
    text = (
        "\ufeffLogger;TH-7\nSerial;123\n\nDatum;Uhrzeit;Temperatur [°C];Feuchte [%]\n"
        "01.02.2024;08:30;21,8;45,5\n"
    )
    export = read(text)
    assert export.values[0].at == utc(2024, 2, 1, 0, 30)
    assert series(export, T) == [21.8]
    assert series(export, H) == [45.5]


def test_date_and_time_in_two_columns() -> None:
    export = read("Date,Time,Temp\n2024-02-01,08:15:30,20\n")
    assert [value.at for value in export.values] == [utc(2024, 2, 1, 0, 15, 30)]


def test_a_whole_time_beside_a_date_is_enough() -> None:
    export = read("Timestamp,Date,Temp\n2024-02-01 08:15:30,2024-02-01,20\n")
    assert [value.at for value in export.values] == [utc(2024, 2, 1, 0, 15, 30)]


def test_a_quoted_decimal_comma_in_a_comma_file() -> None:
    export = read('time,temperature,humidity\n2024-01-01 08:00,"21,8","1,029.5"\n')
    assert series(export, T) == [21.8]
    assert series(export, H) == [1029.5]


def test_no_value_is_not_zero() -> None:
    export = read(
        "time,temperature,humidity\n"
        "2024-01-01 00:00,NA,50\n2024-01-01 00:15,,--\n2024-01-01 00:30,20,NaN\n"
    )
    assert (export.rows, export.missing) == (3, 4)
    assert series(export, T) == [20.0]
    assert series(export, H) == [50.0]


def test_bad_lines_are_named_and_lose_nothing_else() -> None:
    export = read(
        "time,temperature,humidity\n"
        "2024-01-01 00:00,20,50\n"
        "sometime,20,50\n"
        "2024-01-01 00:15,cold,50\n"
        "2024-01-01 00:30\n"
        "2024-01-01 00:45,inf,50\n"
        "---- END OF DATA ----\n"
        "2024-01-01 01:00,21,51\n"
    )
    assert [line for line, _ in export.refused] == [3, 4, 5, 6, 7]
    assert "'cold' is not a number" in dict(export.refused)[4]
    assert series(export, T) == [20.0, 21.0]


def test_columns_that_only_look_alike() -> None:
    export = read(
        "time,DewPoint,Temperature,HumidityRatio,Humidity,Light,CO2\n"
        "2024-01-01 00:00,9,20,0.004,50,300,700\n"
    )
    assert [(value.quantity, value.value) for value in export.values] == [
        (T, 20.0),
        (H, 50.0),
        (CO2, 700.0),
    ]


def test_fahrenheit_is_converted_and_said() -> None:
    export = read("time,temperature (°F)\n2024-01-01 00:00,68\n")
    assert series(export, T) == [pytest.approx(20.0)]
    assert "°F" in export.remarks[0]


def test_a_column_in_utc() -> None:
    export = read("timestamp (UTC),temperature\n2024-01-01 00:00,20\n")
    assert export.values[0].at == utc(2024, 1, 1)


def test_the_hour_that_comes_twice() -> None:
    rows = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]
    text = "time,temp\n" + "".join(f"2024-10-27 {row},20\n" for row in rows)
    starts = [moment(value.at).strftime("%H:%M") for value in read(text, LONDON).values]
    assert starts == ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]


def test_a_logger_that_does_not_know_summer_time() -> None:
    rows = ["03-31 00:45", "03-31 01:00", "03-31 01:15", "03-31 02:00", "07-01 12:00"]
    export = read("time,temp\n" + "".join(f"2024-{row},20\n" for row in rows), LONDON)
    shown = [moment(value.at).strftime("%m-%d %H:%M") for value in export.values]
    assert shown == rows
    assert "standard time" in export.remarks[0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"a,b,c\n1,2,3\n", "no header"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not a text file"),
        (b"time,temperature\n", "no line below"),
        (b"time,temperature\nsoon,20\n", "no line below"),
    ],
)
def test_files_that_are_no_exports(content: bytes, why: str) -> None:
    with pytest.raises(UnusableFileError, match=why):
        read_export(content, SHANGHAI)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_one_clear_error_or_values(content: bytes) -> None:
    for prefix in (b"", b"time,temperature,humidity\n2024-01-01 00:00,20,50\n"):
        try:
            read_export(prefix + content, SHANGHAI)
        except UnusableFileError:
            assert not prefix or b"\0" in content or b"\r" in content or b'"' in content


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings(encoding: str) -> None:
    export = read_export("时间,温度\n2024-01-01 08:00,20\n".encode(encoding), SHANGHAI)
    assert series(export, T) == [20.0]


def golden(path: Path, zone: ZoneInfo) -> tuple[int, int, int, int]:
    export = read_export(path.read_bytes(), zone)
    rows: dict[int, dict[Quantity, float]] = {}
    for at, what, value in export.values:
        rows.setdefault(at, {})[what] = value
    both = [row for row in rows.values() if len(row) == 2]
    warm = [16 <= row[T] <= 22 for row in both]
    moist = [45 <= row[H] <= 60 for row in both]
    assert export.rows == 35_136
    assert not export.refused
    return (
        len(both),
        sum(warm),
        sum(moist),
        sum(a and b for a, b in zip(warm, moist, strict=True)),
    )


@pytest.mark.parametrize("zone", [SHANGHAI, LONDON], ids=str)
def test_the_london_room_gives_the_golden_counts(zone: ZoneInfo) -> None:
    folder = data_folder("consciR-museum")
    room = golden(folder / "london_room1_2024_15min.csv", zone)
    case = golden(folder / "london_room1case_2024_15min.csv", zone)
    assert room == (35_127, 28_506, 15_517, 11_545)
    assert case == (34_874, 16_563, 13_850, 8_271)


def test_the_office_whose_header_lacks_a_name() -> None:
    folder = data_folder("uci-occupancy-detection")
    for name, rows in (("datatest", 2_665), ("datatraining", 8_143), ("datatest2", 9_752)):
        export = read_export((folder / f"{name}.txt").read_bytes(), ZoneInfo("Europe/Brussels"))
        assert export.rows == rows
        assert not export.refused
        assert not export.missing
        assert len(export.values) == 3 * rows
        assert 55 <= export.step <= 65
    assert min(series(export, CO2)) > 400


def test_what_is_announced_and_sent() -> None:
    export = read("time,temperature\n2024-01-01 00:00,85\n2024-01-01 00:15,20\n")
    card = card_of("logger-7", "vault-1", export)
    assert [(point.name, point.quantity, point.unit, point.period) for point in card.points] == [
        ("temperature", T, "°C", 900.0)
    ]
    assert (card.space, card.family, card.edge) == ("vault-1", "climate", "import")
    first = reading("logger-7", export.values[0])
    assert (first.point, first.quality) == ("logger-7/temperature", "implausible")
