"""Everything that travels comes back as it was, and nonsense is refused in one way."""

import json
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from contracts import codec
from contracts.codec import Codec, ContractError, Unknown, Unreadable
from contracts.messages import Ack, Batch, Card, Command, Presence
from contracts.quantities import NATURES, Quality, Quantity, judge
from contracts.records import Event, Reading, Record, Sample
from tests.unit.contracts.wire_strategies import FLOAT, of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KINDS: tuple[type[Struct], ...] = get_args(Record)
RECORDS: st.SearchStrategy[Any] = st.one_of([of(kind) for kind in KINDS])
MESSAGES: dict[type[Struct], Codec[Any]] = {
    Batch: codec.batches,
    Ack: codec.acks,
    Command: codec.commands,
    Presence: codec.presences,
    Card: codec.cards,
}


@given(RECORDS)
def test_every_record_comes_back_as_it_was(record: Record) -> None:
    assert codec.decode_record(codec.encode(record)) == record


@pytest.mark.parametrize("kind", [Ack, Card, Command, Presence])
@given(data=st.data())
def test_every_message_comes_back_as_it_was(kind: type[Struct], data: st.DataObject) -> None:
    message = data.draw(of(kind))
    assert MESSAGES[kind].decode(codec.encode(message)) == message


@given(st.text("abc", min_size=1), st.integers(1, 2**53 - 5), st.lists(RECORDS, max_size=5))
def test_a_batch_holds_the_records_it_was_made_of(
    stream: str, first: int, records: list[Record]
) -> None:
    bodies = [codec.encode(one) for one in records]
    batch = codec.batches.decode(codec.encode(Batch(stream, first, codec.raws(bodies))))
    assert (batch.stream, batch.first) == (stream, first)
    assert [bytes(raw) for raw in batch.records] == bodies
    assert codec.decode_received(batch) == records


CORRUPTED = st.one_of(
    st.just(b"null"),
    st.just(b"[]"),
    st.just(b"{}"),
    st.just(b'{"kind":"reading"}'),
    st.just(b'{"kind":"reading","point":"a/b","at":"now","value":1}'),
    st.just(b'{"kind":"reading","point":"a/b","at":-1,"value":1}'),
    st.just(b'["probe","main","digest",1]'),
    st.just(b'["probe","main","digest",1,[1,"2"]]'),
    st.just(b'{"kind":"telepathy","at":"now"}'),
    st.integers().map(lambda number: str(number).encode()),
    TEXT.map(lambda text: json.dumps(text).encode()),
)


@given(st.lists(RECORDS | CORRUPTED, max_size=8))
def test_an_unreadable_record_does_not_cost_its_neighbours(elements: list[object]) -> None:
    pieces = [one if isinstance(one, bytes) else codec.encode(_struct(one)) for one in elements]
    whole = codec.encode(Batch("s", 7, codec.raws(pieces)))
    found = codec.decode_received(codec.batches.decode(whole))
    assert len(found) == len(elements)
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
    for decode in (codec.decode_record, *(one.decode for one in MESSAGES.values())):
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
        codec.batches.decode(codec.encode(Batch("s", 1, codec.raws([deep]))))


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


def test_kinds_are_distinct_and_no_event_is_a_sample_or_a_reading() -> None:
    assert len(codec.KINDS) == len(KINDS) - 1 == len(get_args(Event)) + 1


def test_a_kind_of_a_later_version_is_kept_with_its_name_and_time() -> None:
    raw = b'{"kind":"telepathy","at":17,"from":"reader"}'
    batch = codec.batches.decode(codec.encode(Batch("s", 1, codec.raws([raw]))))
    assert codec.decode_received(batch) == [Unknown("telepathy", 17, raw)]


def test_words_of_a_later_version_are_read_as_they_are() -> None:
    raw = b'{"kind":"reading","point":"a/b","at":1,"value":2,"quality":"superb"}'
    assert codec.decode_record(raw) == Reading("a/b", 1, 2.0, "superb")
    card = {
        "device": "d",
        "edge": "e",
        "model": "m",
        "family": "greenhouse",
        "actions": ["water"],
        "points": [{"name": "par", "quantity": "light_sum", "unit": "mol", "period": 60}],
    }
    assert codec.cards.decode(json.dumps(card).encode()).points[0].quantity == "light_sum"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"stream": ""}, "no stream"),
        ({"first": 0}, "out of bounds"),
        ({"first": 2**53}, "out of bounds"),
        ({"was": [[1, 0, 5]], "origins": [["s", "l"]]}, "not there"),
        ({"was": [[0, 1, 5]], "origins": [["s", "l"]]}, "not there"),
    ],
)
def test_an_envelope_that_makes_no_sense_is_refused(change: dict[str, object], why: str) -> None:
    whole = {"stream": "s", "first": 1, "records": [["p", "main", "d", 1, [1]]]} | change
    with pytest.raises(ContractError, match=why):
        codec.batches.decode(json.dumps(whole).encode())


def test_a_record_that_breaks_its_bounds_is_not_written() -> None:
    with pytest.raises(ContractError):
        codec.encode_record(Sample("p" * 101, "main", "d", 1, (1,)))


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
