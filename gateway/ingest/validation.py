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
    encode,
    presences,
)
from contracts.instants import Instant
from contracts.messages import Card, Presence
from contracts.records import Record
from contracts.topics import Address

STREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
MOST_RECORDS = 20_000
LAST_NUMBER = 2**53
LARGEST_CARD = 256 * 1024
"""Bytes as it is kept, every field written out; all cards are read again at every start."""
MOST_POINTS = 1000
MOST_ACTIONS = 64
LONGEST_TEXT = 200
"""Characters of a name, a model, a unit; pages show them."""
LONGEST_PERIOD = 7 * 86400.0
"""Seconds; a point of a longer period would be called live for weeks after its last value."""
DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
POINT_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


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
        raise ContractError(f"the card is that of {card.device[:80]!r} at {card.edge[:80]!r}")
    if DEVICE.fullmatch(card.device) is None:
        raise ContractError(f"{card.device[:80]!r} is no name of a device")
    if len(card.points) > MOST_POINTS or len(card.actions) > MOST_ACTIONS:
        raise ContractError(
            f"the card of {card.device} has {len(card.points)} points and {len(card.actions)}"
            f" actions; the limits are {MOST_POINTS} and {MOST_ACTIONS}"
        )
    if (size := len(encode(card))) > LARGEST_CARD:
        raise ContractError(
            f"the card of {card.device} has {size} bytes; the limit is {LARGEST_CARD}"
        )
    units = [point.unit for point in card.points]
    _check_texts(card.device, [card.model, card.space, *card.name.values(), *card.actions, *units])
    for point in card.points:
        if POINT_NAME.fullmatch(point.name) is None:
            raise ContractError(f"{card.device}: {point.name[:80]!r} is no name of a point")
        if not 0 <= point.period <= LONGEST_PERIOD:
            raise ContractError(
                f"{card.device}/{point.name}: a period of {point.period:g} s;"
                f" it is from 0 to {LONGEST_PERIOD:g}"
            )
    return card


def read_presence(message: Arrived) -> Presence:
    """Read an edge's presence; raise ContractError when it is not one, or another edge's."""
    presence = presences.decode(message.payload)
    if presence.edge != message.address.edge:
        raise ContractError(f"the presence is that of {presence.edge[:80]!r}")
    if STREAM.fullmatch(presence.edge) is None:
        raise ContractError(f"{presence.edge[:80]!r} is no name of an edge")
    _check_texts(presence.edge, [presence.stream, presence.version])
    if not 0 <= presence.fill <= 1:
        raise ContractError(f"{presence.edge}: a fill of {presence.fill:g}; it is from 0 to 1")
    if not (0 <= presence.next <= LAST_NUMBER and 0 <= presence.oldest <= LAST_NUMBER):
        raise ContractError(f"{presence.edge}: numbers of records are out of bounds")
    return presence


def _check_texts(whose: str, texts: Sequence[str]) -> None:
    for text in texts:
        if len(text) > LONGEST_TEXT:
            raise ContractError(
                f"{whose}: a text of {len(text)} characters; the limit is {LONGEST_TEXT}"
            )
