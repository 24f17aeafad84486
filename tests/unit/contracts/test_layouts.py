"""A block of a device travels as one record, and every value comes back as it was."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codec import decode_record, encode, encode_record
from contracts.layouts import (
    Column,
    Layout,
    LayoutError,
    by_digest,
    readings,
    sample,
    scaled,
    unscaled,
)
from contracts.quantities import Quality
from contracts.records import Odd, Reading, Sample

FLOAT = st.floats(allow_nan=False, allow_infinity=False)
TENTHS = st.integers(-99_999, 99_999).map(lambda number: number / 10)
DECIMALS = st.none() | st.integers(0, 9)
QUALITY = st.sampled_from(["implausible", "unavailable", "a later word"])
MEASURED: st.SearchStrategy[Odd | float] = (
    FLOAT | TENTHS | st.tuples(FLOAT | TENTHS | st.none(), QUALITY)
)


def same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other and math.copysign(1, one) == math.copysign(1, other)


@given(FLOAT | TENTHS, DECIMALS)
def test_a_value_comes_back_to_the_last_bit(value: float, decimals: int | None) -> None:
    assert same(unscaled(scaled(value, decimals), decimals), value)


@pytest.mark.parametrize("value", [0.1, 19.2, -0.3, 1e-9, 48213.0, 131.0, 0.0])
def test_what_fits_the_last_decimal_is_a_whole_number(value: float) -> None:
    assert isinstance(scaled(value, 9), int)


@pytest.mark.parametrize("value", [1 / 3, 1e300, -0.0, 2.0**60])
def test_what_does_not_fit_goes_as_it_is(value: float) -> None:
    assert isinstance(scaled(value, 3), float)


@given(
    st.lists(st.tuples(DECIMALS, st.none() | MEASURED), min_size=1, max_size=12),
    st.integers(0, 2**61),
)
def test_a_sample_says_what_was_measured(
    cells: list[tuple[int | None, Odd | float | None]], at: int
) -> None:
    layout = Layout("main", tuple(Column(f"p{n}", one[0]) for n, one in enumerate(cells)))
    measured = {f"p{n}": one for n, (_, one) in enumerate(cells) if one is not None}
    made = sample("probe", layout, layout.digest, at, measured)
    arrived = decode_record(encode_record(made))
    assert isinstance(arrived, Sample)
    got = {one.point: one for one in readings(arrived, layout)}
    assert got.keys() == {f"probe/{name}" for name in measured}
    for name, told in measured.items():
        value, quality = told if isinstance(told, tuple) else (told, Quality.GOOD)
        one = got[f"probe/{name}"]
        assert same(one.value, value)
        assert (one.quality, one.at) == (quality, at)


def test_fifteen_values_of_one_decimal_take_less_than_eight_bytes_each() -> None:
    layout = Layout("main", tuple(Column(f"point_{n}", 1) for n in range(15)))
    made = sample(
        "probe-v1-a",
        layout,
        layout.digest,
        1_795_233_600_123_000,
        {f"point_{n}": 19.2 + n * 7.3 for n in range(15)} | {"point_3": 48.7},
    )
    exact = {f"point_{n}": round(19.2 + n * 7.3, 1) for n in range(15)}
    made = sample("probe-v1-a", layout, layout.digest, made.at, exact)
    assert len(encode_record(made)) / 15 <= 8


def test_a_digest_tells_layouts_apart_and_is_the_same_everywhere() -> None:
    one = Layout("main", (Column("temperature", 1), Column("humidity", 1)))
    other = Layout("main", (Column("humidity", 1), Column("temperature", 1)))
    finer = Layout("main", (Column("temperature", 2), Column("humidity", 1)))
    assert len({one.digest, other.digest, finer.digest}) == 3
    assert by_digest([one, other])[one.digest] == one
    # Names what lies in journals: it must not change with the version.
    assert one.digest == "MuTDCxaJ"


@pytest.mark.parametrize(
    "wrong",
    [
        Sample("probe", "main", "d", 1, (192,)),
        Sample("probe", "other", "d", 1, (192, 553)),
        Sample("probe", "main", "d", 1, (192, 553), ((2, "implausible"),)),
    ],
)
def test_a_sample_of_another_layout_is_refused(wrong: Sample) -> None:
    layout = Layout("main", (Column("temperature", 1), Column("humidity", 1)))
    with pytest.raises(LayoutError, match="probe"):
        readings(wrong, layout)


def test_a_point_that_was_not_read_is_no_reading() -> None:
    layout = Layout("main", (Column("a", 1), Column("b", 1)))
    one = sample("probe", layout, layout.digest, 5, {"b": (None, "unavailable")})
    assert (
        encode(one)
        == f'["probe","main","{layout.digest}",5,[null,null],[[1,"unavailable"]]]'.encode()
    )
    assert readings(one, layout) == [Reading("probe/b", 5, None, "unavailable")]
