"""JSON on the wire, typed on both sides (msgspec).

The records of a batch are read one by one, so that one that cannot be read does not lose its
neighbours: it stands in its place as `Unreadable`, one of a kind from a later version as `Unknown`.
"""

from collections.abc import Sequence
from typing import Generic, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import Raw, Struct

from contracts.bounds import LARGEST_RECORD, LAST_NUMBER, At, Word
from contracts.messages import Ack, Batch, Card, Command, Presence
from contracts.records import Event, Reading, Record, Sample

LARGEST_MESSAGE = 1_000_000
"""Bytes. NATS refuses more than 1 MiB with its overhead; other brokers are more generous."""
LARGEST_UNREAD = 900_000
"""Bytes of a record that is read at all: 0.1 wrote notices of thinning of that size."""

_NOTHING_ODD = b",[]]"
"""How a sample ends of which everything is good; a reader does without."""
_encoder = msgspec.json.Encoder()
T = TypeVar("T")

# A payload of brackets within brackets exhausts the decoder's stack, which it says in its own way.
_REFUSALS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class ContractError(ValueError):
    """A message does not follow the contract; says what is wrong and where."""


class Unreadable(Struct, frozen=True):
    """A record that does not follow the contract, kept as it came."""

    raw: bytes
    reason: str


class Unknown(Struct, frozen=True):
    """A record of a kind that this version does not know, kept as it came."""

    kind: str
    at: int
    raw: bytes


Received: TypeAlias = Record | Unknown | Unreadable
"""What a batch may hold."""


class _Kind(Struct):
    kind: Word
    at: At = 0


class Codec(Generic[T]):
    """Decode one type of message from bytes, with one clear error of the given class."""

    def __init__(self, kind: type[T], refusal: type[Exception] = ContractError) -> None:
        self._kind = kind
        self._refusal = refusal
        self._decoder = msgspec.json.Decoder(kind)

    def decode(self, payload: bytes) -> T:
        """Read a message; raise the refusal, which says what is wrong and where."""
        if len(payload) > LARGEST_MESSAGE:
            raise self._refusal(
                f"{self._kind.__name__}: {len(payload)} bytes; the limit is {LARGEST_MESSAGE}"
            )
        try:
            return self._decoder.decode(payload)
        except _REFUSALS as error:
            raise self._refusal(f"{self._kind.__name__}: {error}") from error


class BatchCodec(Codec[Batch]):
    """Decodes the envelope; its records are given by `decode_received`."""

    def decode(self, payload: bytes) -> Batch:
        """Read an envelope whose numbers make sense; raise ContractError."""
        batch = super().decode(payload)
        if not batch.stream:
            raise ContractError("Batch: it names no stream")
        if not 1 <= batch.first <= LAST_NUMBER - len(batch.records):
            raise ContractError(
                f"Batch: {len(batch.records)} records from number {batch.first}: out of bounds"
            )
        for record, origin, _ in batch.was:
            if record >= len(batch.records) or origin >= len(batch.origins):
                raise ContractError("Batch: `was` names a record or an origin that is not there")
        return batch


batches = BatchCodec(Batch)
acks = Codec(Ack)
commands = Codec(Command)
presences = Codec(Presence)
cards = Codec(Card)
_samples = msgspec.json.Decoder(Sample)
_others: msgspec.json.Decoder[Reading | Event] = msgspec.json.Decoder(Reading | Event)
_kinds = msgspec.json.Decoder(_Kind)
KINDS = frozenset(
    str(kind.__struct_config__.tag) for kind in (Reading, *get_args(Event)) if kind is not Sample
)


def encode(message: Struct) -> bytes:
    """Write any message or record."""
    return _encoder.encode(message)


def encode_record(record: Record) -> bytes:
    """Write a record as the journal keeps it; raise ContractError when it breaks its bounds.

    Texts and lists are to be cut before (`contracts.bounds.shortened`).
    """
    body = _encoder.encode(record)
    if isinstance(record, Sample) and not record.odd:
        body = body.removesuffix(_NOTHING_ODD) + b"]"
    if len(body) > LARGEST_RECORD:
        raise ContractError(
            f"{type(record).__name__} of {len(body)} bytes; a record has at most {LARGEST_RECORD}"
        )
    decode_record(body)
    return body


def raws(bodies: Sequence[bytes]) -> tuple[Raw, ...]:
    """Give encoded records as a batch holds them."""
    return tuple(map(Raw, bodies))


def decode_record(payload: bytes) -> Record:
    """Read one record; raise ContractError."""
    try:
        if payload[:1] == b"[":
            return _samples.decode(payload)
        return _others.decode(payload)
    except _REFUSALS as error:
        raise ContractError(f"record: {error}") from error


def decode_received(batch: Batch) -> list[Received]:
    """Read the records of a batch one by one; what cannot be read keeps its place."""
    return [_received(bytes(raw)) for raw in batch.records]


def _received(raw: bytes) -> Received:
    if len(raw) > LARGEST_UNREAD:
        return Unreadable(raw, f"record: {len(raw)} bytes; the limit is {LARGEST_UNREAD}")
    try:
        return decode_record(raw)
    except ContractError as error:
        try:
            told = _kinds.decode(raw)
        except _REFUSALS:
            return Unreadable(raw, str(error))
        if told.kind in KINDS:
            return Unreadable(raw, str(error))
        return Unknown(told.kind, told.at, raw)
