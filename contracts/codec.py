"""JSON on the wire, typed on both sides (msgspec).

A batch with a record that cannot be read does not lose its neighbours: the slow path decodes
record by record and gives the bad ones back as `Unreadable`, in their places.
"""

from typing import Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from contracts.messages import Ack, Batch, Card, Command, Presence
from contracts.records import Record

LARGEST_MESSAGE = 1_000_000
"""Bytes. NATS refuses more than 1 MiB with its overhead; other brokers are more generous."""

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


class _RawBatch(Struct):
    stream: str
    first: int
    records: list[Raw]


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


batches = Codec(Batch)
acks = Codec(Ack)
commands = Codec(Command)
presences = Codec(Presence)
cards = Codec(Card)
_raw_batches = Codec(_RawBatch)
_records: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode(message: Struct) -> bytes:
    """Write any message or record."""
    return _encoder.encode(message)


def encode_batch(stream: str, first: int, records: list[bytes]) -> bytes:
    """Write a batch from records that are already encoded, as the journal keeps them."""
    head = _encoder.encode({"stream": stream, "first": first})
    return head[:-1] + b',"records":[' + b",".join(records) + b"]}"


def decode_record(payload: bytes) -> Record:
    """Read one record; raise ContractError."""
    try:
        return _records.decode(payload)
    except _REFUSALS as error:
        raise ContractError(f"record: {error}") from error


def decode_mixed(payload: bytes) -> tuple[str, int, list[Record | Unreadable]]:
    """Read a batch record by record, keeping the unreadable ones in their places.

    Raises ContractError when not even the envelope can be read.
    """
    batch = _raw_batches.decode(payload)
    records: list[Record | Unreadable] = []
    for raw in batch.records:
        try:
            records.append(decode_record(bytes(raw)))
        except ContractError as error:
            records.append(Unreadable(bytes(raw), str(error)))
    return batch.stream, batch.first, records
