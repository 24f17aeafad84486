"""Exports as makers of loggers shape them: each arrives right, or is refused in clear words."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from contracts.instants import instant
from contracts.quantities import Quantity
from dataloggers.export import LARGEST, Export, read_export
from dataloggers.header import UnusableFileError
from tests.conftest import data_folder

SHANGHAI, LONDON = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London")
T, H, CO2 = Quantity.AIR_TEMPERATURE, Quantity.RELATIVE_HUMIDITY, Quantity.CO2
ELEVEN = instant(datetime(2024, 1, 15, 3, tzinfo=UTC))
"""2024-01-15 11:00 in Shanghai."""

HOBO = (
    '"Plot Title: Vault 1"\n'
    '"#","Date Time, GMT+08:00","Temp, °C (LGR S/N: 20123456, SEN S/N: 20123456)",'
    '"RH, % (LGR S/N: 20123456, SEN S/N: 20123456)","End Of File (LGR S/N: 20123456)"\n'
    "1,01/15/24 11:00:00 AM,20.1,50.2,\n2,01/15/24 12:00:00 PM,20.2,50.3,\n"
    "3,01/15/24 12:00:00 PM,,,Logged\n"
)
TESTO = (
    "Messort: Depot\n\nDate;Time;1 [°C] Temperature;2 [%RH] Humidity\n"
    "15.01.2024;11:00:00;20,1;50,2\n15.01.2024;12:00:00;20,2;50,3\n"
)
ELITECH = (
    "Device\tRC-4HC\n\nNo.\tTime\tTemperature°C\tHumidity%RH\n"
    "1\t2024-01-15 11:00:00\t20.1\t50.2\n2\t2024-01-15 12:00:00\t20.2\t50.3\n"
)
TEMPMATE = (
    "No\tDate\tTime\tTemp. [°C]\trH [%]\n"
    "1\t15.01.2024\t11:00:00\t20,1\t50,2\n2\t15.01.2024\t12:00:00\t20,2\t50,3\n"
)
HANWELL = (
    "Hanwell Report\nSite,Library\nSensor,12,Vault\n\n"
    "Date/Time,Temperature (°C),Relative Humidity (%)\n"
    "15/01/2024 11:00:00,20.1,50.2\n15/01/2024 12:00:00,20.2,50.3\n\n"
    "Minimum,20.1,50.2\nMaximum,20.2,50.3\nEND OF DATA\n"
)
VIEWLINC = (
    "viewLinc Report\nCreated,15 Jan 2024\n\nTimestamp,Vault-1 - T (°C),Vault-1 - RH (%RH)\n"
    "15-Jan-2024 11:00:00,20.1,50.2\n15-Jan-2024 12:00:00,20.2,50.3\n"
)
CHINESE = (
    "设备名称,库房一\n序号,时间,温度(℃),湿度(%RH)\n"
    "1,2024/1/15 11:00:00,20.1,50.2\n2,2024/1/15 12:00:00,20.2,50.3\n"
)
CHINESE_12 = (
    "时间,库房温度(℃),库房湿度(%RH)\n"
    "2024-1-15 上午 11:00:00,20.1,50.2\n2024-1-15 下午 12:00:00,20.2,50.3\n"
)
EXCEL = "sep=;\nDatum;°C;%rF\n15.01.2024 11:00;20,1;50,2\n15.01.2024 12:00;20,2;50,3\n"
UNITS_IN_CELLS = (
    "Timestamp;Temperature;Humidity\n"
    "2024-01-15 11:00;20.1 °C;50.2 %\n2024-01-15 12:00;20.2 °C;50.3 %\n"
)
IN_UTC = (
    '"Time (UTC-05:00)","Temperature [°C]","RH [%RH]"\n'
    '"1/14/2024 10:00:00 PM",20.1,50.2\n"1/14/2024 11:00:00 PM",20.2,50.3\n'
)
SHAPES = {
    "HOBO": HOBO.encode(),
    "testo": TESTO.encode("cp1252"),
    "Elitech": ELITECH.encode("utf-16"),
    "Elitech without a mark": ELITECH.encode("utf-16-le"),
    "tempmate": TEMPMATE.encode("utf-16"),
    "Hanwell": HANWELL.encode("cp1252"),
    "viewLinc": VIEWLINC.encode("utf-8-sig"),
    "Chinese": CHINESE.encode("gbk"),
    "Chinese, twelve hours": CHINESE_12.encode("gbk"),
    "sep": EXCEL.encode("utf-8-sig"),
    "units in cells": UNITS_IN_CELLS.encode(),
    "an offset in the header": IN_UTC.encode(),
}


def read(text: str, zone: ZoneInfo = SHANGHAI) -> Export:
    return read_export(text.encode(), zone)


def series(export: Export, what: Quantity = T) -> list[float]:
    return [value.value for value in export.values if value.quantity is what]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_makers_shape(shape: str) -> None:
    export = read_export(SHAPES[shape], SHANGHAI)
    hour = 3_600_000_000
    assert [tuple(value) for value in export.values] == [
        (ELEVEN, T, 20.1),
        (ELEVEN, H, 50.2),
        (ELEVEN + hour, T, 20.2),
        (ELEVEN + hour, H, 50.3),
    ]
    footer = {9, 10, 11} if shape == "Hanwell" else set()
    assert {line for line, _ in export.refused} == footer


@pytest.mark.parametrize(
    "name",
    [
        *("Temp (°F)", "Temp, °F (LGR S/N: 1)", "temp_f", "T_degF", "Temp [degF]", "TemperatureF"),
        *("Temp ºF", "温度(℉)", "Temperature Fahrenheit", "Temp(F)", "°F", "Store C Temp (°F)"),
    ],
)
def test_fahrenheit_is_never_taken_for_celsius(name: str) -> None:
    export = read(f'time,"{name}"\n2024-01-15 11:00,68\n')
    assert series(export) == [pytest.approx(20.0)]
    assert "°F" in export.remarks[0]


def test_fahrenheit_said_beside_the_header() -> None:
    beside = read("time,Temperature,Humidity\n,°F,%\n2024-01-15 11:00,68,50\n")
    cell = read("time,Temperature\n2024-01-15 11:00,68 °F\n")
    assert series(beside) == series(cell) == [pytest.approx(20.0)]


def test_the_name_of_a_room_is_no_unit() -> None:
    for name in ("Room F temperature (°C)", "Room F temperature", "Temperature Store F"):
        assert series(read(f"time,{name}\n2024-01-15 11:00,20\n")) == [20.0]


def test_of_two_units_celsius_is_taken() -> None:
    assert series(read("time,T (°F),T (°C)\n2024-01-15 11:00,68,20\n")) == [20.0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("time,temp\n01/02/2024 08:00,1\n01/02/2024 09:00,1\n", "line 2: .*day or month first"),
        ("time,temp\n01-02-24 08:00,1\n", "line 2: .*day or month first"),
        ("time,temp\n45306.4583,20\n", "line 2: .*day number of a spreadsheet; format"),
        ("time,temp\n1705287600,20\n", "line 2: .*count of seconds; export"),
        ("time,temp\n11:00,20\n", "line 2: '11:00' is not a time"),
        ("time,temp\n1970-01-01 00:00,20\n0001-01-01 00:00,5\n", "line 2: .* no line at all"),
        ("time,Temperature (K)\n2024-01-15 11:00,293\n", "line 1: .* in K; export"),
        ("Unit: °F\ntime,Temperature\n2024-01-15 11:00,68\n", "line 1 speaks of °F"),
        ("time,Temperature\n2024-01-15 11:00,68\n", "line 1: .*about 68: that is °F"),
        ("time,T 1 (°C),T 2 (°C)\n2024-01-15 11:00,20,21\n", "line 1: columns .* both hold"),
        ("Date-Time (EST),Temp\n2024-01-15 11:00,20\n", "line 1: the times are in EST"),
        ("time (GMT+99),temp\n2024-01-15 11:00,20\n", "line 1: .* is no zone"),
        ("time,temp\n", "line below the header in line 1"),
        ("\n \n", "is empty"),
        ("PK\x03\x04\x14" * 9, "not a text file"),
        ("%PDF-1.4\n1 0 obj\n", "no header"),
    ],
)
def test_what_cannot_be_found_out_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnusableFileError, match=why):
        read(text)


def test_counts_of_visitors_are_no_climate() -> None:
    for name in ("gatecounts-utl/sampleGateCount.csv", "calit2/calit2_in_out_30min.csv"):
        folder, _, file = name.partition("/")
        with pytest.raises(UnusableFileError, match=r"no header .*name the columns"):
            read_export((data_folder(folder) / file).read_bytes(), SHANGHAI)


def test_day_or_month_first_by_the_last_of_many_lines() -> None:
    rows = [f"01/{day:02}/2024 {hour:02}:{minute:02},20" for day in (2, 3) for hour in range(24)
            for minute in range(60)]  # fmt: skip
    assert read("time,temp\n" + "\n".join([*rows, "01/13/2024 00:00,20"])).rows == 2881
    export = read("time,temp\n" + "\n".join(rows))
    assert export.values[0].at == instant(datetime(2024, 1, 1, 16, tzinfo=UTC))
    assert "month first" in export.remarks[0]


def test_the_header_may_show_the_order_of_day_and_month() -> None:
    export = read("Time (dd/mm/yyyy hh:mm),temp\n01/02/2024 08:00,1\n")
    assert export.values[0].at == instant(datetime(2024, 2, 1, tzinfo=UTC))


def test_a_time_twice_is_named() -> None:
    export = read(
        "time,temp\n2024-01-15 11:00,20\n2024-01-15 11:00,20\n2024-01-15 11:00,21\n"
        "2024-01-15 11:15,21\n"
    )
    assert series(export) == [20.0, 21.0]
    assert export.refused == (
        (3, "has the time of line 2, and the same values"),
        (4, "has the time of line 2, and other values"),
    )


def test_the_newest_row_first_across_the_hour_that_comes_twice() -> None:
    rows = ["02:00", "01:30", "01:00", "01:30", "01:00", "00:30"]
    text = "time,temp\n" + "".join(f"2024-10-27 {row},{n}\n" for n, row in enumerate(rows))
    export = read(text, LONDON)
    start = instant(datetime(2024, 10, 26, 23, 30, tzinfo=UTC))
    assert [value.at for value in export.values] == [start + n * 1_800_000_000 for n in range(6)]
    assert series(export) == [5, 4, 3, 2, 1, 0]
    assert "newest row" in export.remarks[0]


def test_a_row_twice_is_not_the_hour_that_comes_twice() -> None:
    rows = ["00:30", "01:00", "01:00", "01:30", "01:00", "01:30", "02:00"]
    export = read("time,temp\n" + "".join(f"2024-10-27 {row},20\n" for row in rows), LONDON)
    start = instant(datetime(2024, 10, 26, 23, 30, tzinfo=UTC))
    assert [value.at for value in export.values] == [start + n * 1_800_000_000 for n in range(6)]
    assert [line for line, _ in export.refused] == [4]
    hourly = ["00:00", "01:00", "01:00", "02:00"]
    export = read("time,temp\n" + "".join(f"2024-10-27 {row},20\n" for row in hourly), LONDON)
    assert (export.rows, export.refused, export.step) == (4, (), 3600.0)


def test_thousands() -> None:
    export = read('time,temp,co2\n2024-01-15 11:00,20,"1,029"\n2024-01-15 12:00,20,"1.029,5"\n')
    assert series(export, CO2) == [1029.0, 1029.5]


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(UnusableFileError, match=r"50 MB; .* split it"):
        read_export(bytes(50 * 2**20), SHANGHAI)
    assert LARGEST < 50 * 2**20
