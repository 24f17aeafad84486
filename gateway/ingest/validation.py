"""What is accepted from a broker at all: what the types of messages cannot say."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from contracts.codec import (
    ContractError,
    Received,
    batches,
    cards,
    decode_received,
    encode,
    presences,
)
from contracts.instants import Instant
from contracts.messages import Batch, Card, Presence
from contracts.topics import Address
from gateway.ingest.sequence_ledger import Claim, Identity

STREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
LARGEST_CARD = 256 * 1024
"""Bytes as it is kept, every field written out; all cards are read again at every start."""
LONGEST_PERIOD = 7 * 86400.0
"""Seconds; a point of a longer period would be called live for weeks after its last value."""
DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
POINT_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


class Arrived(NamedTuple):
    """A message from the broker, and when it came."""

    address: Address
    payload: bytes
    received: Instant


class Unpacked(NamedTuple):
    """A batch whose envelope makes sense; its records may still be unreadable."""

    batch: Batch
    claim: Claim
    records: Sequence[Received]
    received: Instant


def read_batch(message: Arrived) -> Unpacked:
    """Read a batch; what of its records is broken stands in its place. Raises ContractError."""
    batch = batches.decode(message.payload)
    if STREAM.fullmatch(batch.stream) is None:
        raise ContractError(f"{batch.stream[:80]!r} is no name of a stream")
    # What 0.1 wrote is one life without a name.
    since = batch.since if batch.life else 1
    if not 1 <= since <= batch.first:
        raise ContractError(f"a life that begins with {since} has no number {batch.first}")
    claim = Claim(
        message.address.edge, batch.stream, batch.first, len(batch.records), batch.life, since,
        batch.session, batch.oldest, _identities(batch),
    )  # fmt: skip
    return Unpacked(batch, claim, decode_received(batch), message.received)


def _identities(batch: Batch) -> Mapping[int, Sequence[Identity]]:
    for stream, _ in batch.origins:
        if STREAM.fullmatch(stream) is None:
            raise ContractError(f"{stream[:80]!r} is no name of a stream")
    was: dict[int, list[Identity]] = {}
    for record, origin, number in batch.was:
        if number < 1:
            raise ContractError("a record that had no number before")
        was.setdefault(record, []).append(Identity(*batch.origins[origin], number))
    return was


def read_card(message: Arrived) -> Card:
    """Read a card; raise ContractError when it is not one, or another edge's or device's."""
    card = cards.decode(message.payload)
    if card.device != message.address.device or card.edge != message.address.edge:
        raise ContractError(f"the card is that of {card.device[:80]!r} at {card.edge[:80]!r}")
    if DEVICE.fullmatch(card.device) is None:
        raise ContractError(f"{card.device[:80]!r} is no name of a device")
    if (size := len(encode(card))) > LARGEST_CARD:
        raise ContractError(
            f"the card of {card.device} has {size} bytes; the limit is {LARGEST_CARD}"
        )
    for point in card.points:
        if POINT_NAME.fullmatch(point.name) is None:
            raise ContractError(f"{card.device}: {point.name!r} is no name of a point")
        if not 0 <= point.period <= LONGEST_PERIOD:
            raise ContractError(
                f"{card.device}/{point.name}: a period of {point.period:g} s;"
                f" it is from 0 to {LONGEST_PERIOD:g}"
            )
    for layout in card.layouts:
        names = {column.name for column in layout.columns}
        if len(names) < len(layout.columns):
            raise ContractError(f"{card.device}: a layout of {layout.block!r} names a point twice")
    return card


def read_presence(message: Arrived) -> Presence:
    """Read an edge's presence; raise ContractError when it is not one, or another edge's."""
    presence = presences.decode(message.payload)
    if presence.edge != message.address.edge:
        raise ContractError(f"the presence is that of {presence.edge[:80]!r}")
    if STREAM.fullmatch(presence.edge) is None:
        raise ContractError(f"{presence.edge[:80]!r} is no name of an edge")
    return presence
