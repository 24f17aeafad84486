"""Everything that travels comes back as it was, and nonsense is refused in one way."""

import json
from contextlib import suppress
from enum import EnumType
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from contracts import codec
from contracts.codec import Codec, ContractError, Unreadable
from contracts.messages import Ack, Batch, Card, CardPoint, Command, Presence
from contracts.quantities import NATURES, Quality, Quantity, judge
from contracts.records import Event, Reading, Record

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INSTANT = st.integers(0, 4_102_444_800_000_000)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
RANGES = st.lists(st.tuples(st.integers(1, 99), st.integers(1, 99)), max_size=3).map(tuple)


def _of(kind: type[Struct]) -> st.SearchStrategy[Struct]:
    """Build any struct from its own field types."""
    return st.builds(
        kind, **{field.name: _values(field.type) for field in msgspec.structs.fields(kind)}
    )


def _values(kind: object) -> st.SearchStrategy[object]:
    known: dict[object, st.SearchStrategy[object]] = {
        str: TEXT,
        int: INSTANT,
        float: FLOAT,
        bool: st.booleans(),
        tuple[tuple[int, int], ...]: RANGES,
        tuple[str, ...]: st.lists(TEXT, max_size=3).map(tuple),
        dict[str, str]: st.dictionaries(TEXT, TEXT, max_size=3),
        tuple[CardPoint, ...]: st.deferred(lambda: st.lists(_of(CardPoint), max_size=2).map(tuple)),
        list[Record]: st.deferred(lambda: st.lists(RECORDS, max_size=4)),
    }
    if kind in known:
        return known[kind]
    if float in get_args(kind):
        return st.none() | FLOAT
    if isinstance(kind, EnumType):
        return st.sampled_from(list(kind))
    return st.sampled_from(get_args(kind))


KINDS: tuple[type[Struct], ...] = get_args(Record)
RECORDS = st.one_of([_of(kind) for kind in KINDS])
MESSAGES: dict[type[Struct], Codec[Struct]] = {
    Batch: codec.batches,  # type: ignore[dict-item] # one table for all five
    Ack: codec.acks,  # type: ignore[dict-item] # as above
    Command: codec.commands,  # type: ignore[dict-item] # as above
    Presence: codec.presences,  # type: ignore[dict-item] # as above
    Card: codec.cards,  # type: ignore[dict-item] # as above
}


@given(RECORDS)
def test_every_record_comes_back_as_it_was(record: Record) -> None:
    assert codec.decode_record(codec.encode(record)) == record


@pytest.mark.parametrize("kind", MESSAGES)
@given(data=st.data())
def test_every_message_comes_back_as_it_was(kind: type[Struct], data: st.DataObject) -> None:
    message = data.draw(_of(kind))
    assert MESSAGES[kind].decode(codec.encode(message)) == message


@given(TEXT, st.integers(1, 2**53), st.lists(RECORDS, max_size=5))
def test_a_batch_of_encoded_records_is_the_batch_of_the_records(
    stream: str, first: int, records: list[Record]
) -> None:
    pieces = codec.encode_batch(stream, first, [codec.encode(one) for one in records])
    assert pieces == codec.encode(Batch(stream, first, records))
    assert codec.decode_mixed(pieces) == (stream, first, records)


CORRUPTED = st.one_of(
    st.just(b"null"),
    st.just(b"[]"),
    st.just(b"{}"),
    st.just(b'{"kind":"reading"}'),
    st.just(b'{"kind":"reading","point":"a/b","at":"now","value":1}'),
    st.just(b'{"kind":"reading","point":"a/b","at":1,"value":1,"quality":"superb"}'),
    st.just(b'{"kind":"telepathy","at":1}'),
    st.integers().map(lambda number: str(number).encode()),
    TEXT.map(lambda text: json.dumps(text).encode()),
)


@given(st.lists(RECORDS | CORRUPTED, max_size=8))
def test_an_unreadable_record_does_not_cost_its_neighbours(elements: list[object]) -> None:
    pieces = [one if isinstance(one, bytes) else codec.encode(_struct(one)) for one in elements]
    stream, first, found = codec.decode_mixed(codec.encode_batch("s", 7, pieces))
    assert (stream, first, len(found)) == ("s", 7, len(elements))
    for piece, element, result in zip(pieces, elements, found, strict=True):
        if isinstance(element, bytes):
            assert isinstance(result, Unreadable)
            assert result.raw == piece
            assert result.reason
        else:
            assert result == element


def _struct(one: object) -> Struct:
    assert isinstance(one, Struct)
    return one


@given(st.binary(max_size=200))
def test_any_bytes_give_a_contract_error_or_a_message(payload: bytes) -> None:
    for decode in (
        codec.decode_record,
        codec.decode_mixed,
        *(one.decode for one in MESSAGES.values()),
    ):
        with suppress(ContractError):
            decode(payload)


@given(RECORDS, st.data())
def test_a_damaged_record_gives_a_contract_error_or_another_record(
    record: Record, data: st.DataObject
) -> None:
    payload = bytearray(codec.encode(record))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    with suppress(ContractError):
        assert isinstance(codec.decode_record(bytes(payload)), KINDS)


def test_a_deeply_nested_payload_is_refused_not_fatal() -> None:
    deep = b'{"kind":"reading","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(ContractError):
        codec.decode_record(deep)
    with pytest.raises(ContractError):
        codec.decode_mixed(codec.encode_batch("s", 1, [deep]))


def test_a_huge_message_is_refused_before_it_is_read() -> None:
    payload = b" " * (codec.LARGEST_MESSAGE + 1)
    for one in MESSAGES.values():
        with pytest.raises(ContractError, match="the limit is"):
            one.decode(payload)


def test_a_newer_edge_may_say_more() -> None:
    payload = b'{"kind":"reading","point":"a/b","at":1,"value":2,"colour":"blue"}'
    assert codec.decode_record(payload) == Reading("a/b", 1, 2.0)


def test_infinity_and_nan_cannot_travel_as_values() -> None:
    for value in (float("nan"), float("inf")):
        encoded = codec.encode(Reading("a/b", 1, value, Quality.UNAVAILABLE))
        decoded = codec.decode_record(encoded)
        assert isinstance(decoded, Reading)
        assert decoded.value is None


def test_kinds_are_distinct_and_no_event_is_a_reading() -> None:
    tags = [msgspec.inspect.type_info(kind).tag for kind in KINDS]  # type: ignore[attr-defined] # a StructType
    assert len(set(tags)) == len(KINDS) == len(get_args(Event)) + 1


@given(st.sampled_from(list(Quantity)), FLOAT | st.none())
def test_every_value_is_judged_and_only_physics_is_good(
    quantity: Quantity, value: float | None
) -> None:
    verdict = judge(quantity, value)
    low, high = NATURES[quantity].plausible
    assert (verdict is Quality.UNAVAILABLE) == (value is None)
    assert (verdict is Quality.GOOD) == (value is not None and low <= value <= high)


def test_nan_is_no_value() -> None:
    assert judge(Quantity.CO2, float("nan")) is Quality.UNAVAILABLE
