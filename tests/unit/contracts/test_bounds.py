"""Nothing on the wire is without a bound, and what is too long is cut instead of refused."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.inspect import (
    CustomType,
    DictType,
    IntType,
    StrType,
    StructType,
    TupleType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from contracts.bounds import CUT, LARGEST_RECORD, shortened
from contracts.codec import LARGEST_MESSAGE, decode_record, encode, encode_record
from contracts.messages import MOST_RANGES, Ack, Batch, Card, Command, Presence
from contracts.records import (
    CommandOutcome,
    DeviceChanged,
    JournalThinned,
    LoanChanged,
    Record,
    RobotChanged,
)
from tests.unit.contracts.wire_strategies import largest

RECORDS = get_args(Record)
MESSAGES = (Ack, Batch, Card, Command, Presence)


def unbounded(kind: Type, where: str) -> list[str]:
    """Name every text, list and number below `kind` that has no bound in its type."""
    inner: tuple[Type, ...] = ()
    match kind:
        case StrType(max_length=None) | IntType(ge=None) | IntType(le=None) | CustomType():
            return [where]
        case VarTupleType(max_length=None) | DictType(max_length=None):
            return [where]
        case VarTupleType():
            inner = (kind.item_type,)
        case DictType():
            inner = (kind.key_type, kind.value_type)
        case UnionType():
            inner = kind.types
        case TupleType():
            inner = kind.item_types
        case StructType():
            return [
                found
                for field in kind.fields
                for found in unbounded(field.type, f"{where}.{field.name}")
            ]
    return [found for one in inner for found in unbounded(one, where)]


@pytest.mark.parametrize("kind", [*RECORDS, *MESSAGES])
def test_every_text_list_and_number_has_a_bound(kind: type[Struct]) -> None:
    assert unbounded(type_info(kind), kind.__name__) == []


@pytest.mark.parametrize("kind", RECORDS)
def test_the_largest_record_of_a_kind_fits(kind: type[Struct]) -> None:
    body = encode(largest(kind))
    # Only 0.1 wrote that one; it is still read.
    assert len(body) <= (LARGEST_MESSAGE if kind is JournalThinned else LARGEST_RECORD)
    assert isinstance(decode_record(body), kind)


@pytest.mark.parametrize("kind", [Card, Command, Presence])
def test_the_largest_message_of_a_kind_fits(kind: type[Struct]) -> None:
    assert len(encode(largest(kind))) <= LARGEST_MESSAGE


def test_the_largest_ack_of_ours_is_small() -> None:
    whole = largest(Ack)
    ours = Ack(
        whole.stream,
        whole.committed[:MOST_RANGES],
        whole.life,
        whole.session,
        whole.k,
        whole.refused,
        whole.sent,
    )
    assert len(encode(ours)) < 6_000


LONG = st.text(st.characters(exclude_categories=["Cs"]), max_size=6_000)
TOO_LONG: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        CommandOutcome, LONG, st.just(1), LONG, st.just("write"), st.just("done"), reason=LONG
    ),
    st.builds(DeviceChanged, LONG, st.just(1), st.booleans(), LONG),
    st.builds(RobotChanged, LONG, st.just(1), LONG, errors=st.lists(LONG, max_size=40).map(tuple)),
    st.builds(
        LoanChanged,
        LONG,
        st.just(1),
        LONG,
        st.just("checkout"),
        st.just("closed"),
        LONG,
        title=LONG,
    ),
)


@given(TOO_LONG)
def test_what_is_too_long_is_cut_to_what_is_read_again(record: Any) -> None:
    short = shortened(record)
    assert decode_record(encode_record(short)) == short
    assert shortened(short) is short


def test_a_cut_text_shows_that_it_was_cut() -> None:
    short = shortened(DeviceChanged("probe", 1, available=False, cause="é" * 5_000))
    assert short.cause == "é" * 3_999 + CUT


def test_what_fits_is_given_back_as_it_is() -> None:
    robot = RobotChanged("robot-1", 1, "ONLINE", errors=("a", "b"))
    assert shortened(robot) is robot
