"""What is accepted from a broker at all: the forms of messages, before their content counts."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from contracts.codec import (
    ContractError,
    Unreadable,
    batches,
    cards,
    decode_mixed,
    presences,
)
from contracts.instants import Instant
from contracts.messages import Card, Presence
from contracts.records import Record
from contracts.topics import Address

STREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
MOST_RECORDS = 20_000
LAST_NUMBER = 2**53


class Arrived(NamedTuple):
    """A message from the broker, and when it came."""

    address: Address
    payload: bytes
    received: Instant


class Received(NamedTuple):
    """A batch whose envelope makes sense; its records may still be unreadable."""

    edge: str
    stream: str
    first: int
    records: Sequence[Record | Unreadable]
    received: Instant


def read_batch(message: Arrived) -> Received:
    """Read a batch; when one of its records is broken, keep the others. Raises ContractError."""
    records: Sequence[Record | Unreadable]
    try:
        batch = batches.decode(message.payload)
        stream, first, records = batch.stream, batch.first, batch.records
    except ContractError:
        stream, first, records = decode_mixed(message.payload)
    if STREAM.fullmatch(stream) is None:
        raise ContractError(f"{stream[:80]!r} is no name of a stream")
    if first < 1 or first + len(records) > LAST_NUMBER or len(records) > MOST_RECORDS:
        raise ContractError(f"{len(records)} records from number {first}: out of bounds")
    return Received(message.address.edge, stream, first, records, message.received)


def read_card(message: Arrived) -> Card:
    """Read a card; raise ContractError when it is not one, or another edge's or device's."""
    card = cards.decode(message.payload)
    if card.device != message.address.device or card.edge != message.address.edge:
        raise ContractError(f"the card is that of {card.device} at {card.edge}")
    return card


def read_presence(message: Arrived) -> Presence:
    """Read an edge's presence; raise ContractError when it is not one, or another edge's."""
    presence = presences.decode(message.payload)
    if presence.edge != message.address.edge:
        raise ContractError(f"the presence is that of {presence.edge}")
    return presence
