import struct
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from simulators.errors import SimulatorError
from simulators.modbus.devices.sensing import Sample
from simulators.modbus.pdu import Reply
from simulators.modbus.recorded_series import Row, read_series
from simulators.modbus.replay import Player, speed


def series(folder: Path, text: str) -> list[Row]:
    path = folder / "series.csv"
    path.write_text(text, encoding="utf-8")
    return read_series(path)


def test_na_is_no_value(tmp_path: Path) -> None:
    rows = series(
        tmp_path,
        "timestamp,temperature_c,rh_pct\n2024-01-01T00:00:00,21.8,36.8\n"
        "2024-01-01T00:15:00,NA,NA\n2024-01-01T00:30:00,,36.6\n",
    )
    assert [row.sample for row in rows] == [
        Sample(21.8, 36.8),
        Sample(None, None),
        Sample(None, 36.6),
    ]


def test_a_row_number_without_a_name_is_stepped_over(tmp_path: Path) -> None:
    rows = series(
        tmp_path,
        '"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"\n'
        '"140","2015-02-02 14:19:00",23.7,26.272,585.2,749.2,0.00476416302416414,1\n',
    )
    assert rows == [Row(datetime.fromisoformat("2015-02-02 14:19:00"), Sample(23.7, 26.272))]


def test_other_names_and_separators_are_read(tmp_path: Path) -> None:
    rows = series(tmp_path, "RH;Temp;Time\n50.5;19.5;2024-05-01 10:00\n")
    assert rows[0].sample == Sample(19.5, 50.5)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("timestamp_local,in,out\n2005-07-24T00:00:00,0,0\n", "no column named like 'temperature"),
        ("date,temperature,humidity\n2024-01-01,warm,50\n", ":2: 'warm' is neither"),
        ("date,temperature,humidity\n2024-01-01,inf,50\n", ":2: 'inf' is no value"),
        ("date,temperature,humidity\nyesterday,20,50\n", ":2: 'yesterday' is no date"),
        ("date,temperature,humidity\n2024-01-01,20\n", ":2: 2 fields under 3 names"),
    ],
)
def test_a_bad_file_gives_one_error_with_its_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(SimulatorError, match=complaint):
        series(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=r"gone\.csv: cannot be read"):
        read_series(tmp_path / "gone.csv")


def test_speeds() -> None:
    assert speed("lockstep") is None
    assert speed("900") == 900
    for bad in ("0", "-1", "fast", "nan", "inf"):
        with pytest.raises(SimulatorError, match="lockstep"):
            speed(bad)


ROWS = [
    Row(datetime.fromisoformat("2024-01-01") + timedelta(minutes=15 * n), Sample(20.0 + n, 50.0))
    for n in range(3)
]


def ask(player: Player, start: int, count: int, function: int = 4) -> None:
    player.answered("probe", struct.pack(">BHH", function, start, count), Reply(b""))


def test_in_lockstep_a_row_stays_until_both_values_were_read() -> None:
    player = Player(ROWS, "xy-md02", lockstep=True)
    ask(player, 1, 1)
    ask(player, 1, 1)
    assert player.position == 0
    ask(player, 2, 1)
    assert player.position == 1
    ask(player, 1, 2)
    assert player.position == 2
    assert not player.over.is_set()
    ask(player, 1, 2)
    assert player.over.is_set()
    assert player.sample() == Sample(None, None)
    ask(player, 1, 2)
    assert player.position == 3


def test_half_a_float_is_not_a_value() -> None:
    player = Player(ROWS, "vaisala-hmp", lockstep=True)
    ask(player, 0, 3, 3)
    assert player.position == 0
    ask(player, 2, 2, 3)
    assert player.position == 1
    ask(player, 0x0100, 2, 3)
    assert player.position == 2
    ask(player, 0x0200, 2, 3)
    assert player.position == 2


def test_at_a_pace_reading_moves_nothing() -> None:
    player = Player(ROWS, "xy-md02", lockstep=False)
    ask(player, 1, 2)
    assert player.position == 0
    player.show(3)
    assert player.over.is_set()
