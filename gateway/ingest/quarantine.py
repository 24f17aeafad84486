"""Takes what arrived, and sets aside what cannot be taken: a poisonous record costs only itself."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from contracts.codec import ContractError, encode
from contracts.instants import Instant
from contracts.messages import Batch
from gateway.ingest.pipeline import Ingest, Outcome
from gateway.ingest.validation import Arrived, read_batch
from runtime.database import UNACCEPTABLE

log = logging.getLogger(__name__)

POISON = (
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    *UNACCEPTABLE,
)
"""What a record may cause that nobody foresaw; trouble with the disk is not among them."""


class Memory(Protocol):
    """What the writer knows of the store."""

    def ingest(self) -> Ingest:
        """Give the memory, built from the disk where there is none."""
        ...

    def forget(self) -> None:
        """Drop a memory that may be ahead of the disk."""
        ...


def take(memory: Memory, messages: Sequence[Arrived], now: Callable[[], Instant]) -> Outcome:
    """Take messages together; when something in them is poison, one by one."""
    try:
        return memory.ingest().take(messages, now())
    except POISON:
        log.exception("%d messages cannot be taken together: one by one", len(messages))
        memory.forget()
    return _joined([_take_alone(memory, message, now) for message in messages])


def _take_alone(memory: Memory, message: Arrived, now: Callable[[], Instant]) -> Outcome:
    try:
        return memory.ingest().take([message], now())
    except POISON as error:
        memory.forget()
        if message.address.channel != "journal":
            log.warning("a message on %s is left out: %s", "/".join(message.address), error)
            return Outcome()
    try:
        batch = read_batch(message).batch
    except ContractError:
        return Outcome()
    outcomes = []
    for place in range(len(batch.records)):
        alone = message._replace(payload=encode(_alone(batch, place)))
        try:
            outcomes.append(memory.ingest().take([alone], now()))
        except POISON as error:
            memory.forget()
            reason = f"{type(error).__name__}: {error}"
            log.warning(
                "record %d of stream %s is set aside: %s", batch.first + place, batch.stream, reason
            )
            outcomes.append(memory.ingest().set_aside(alone, reason, now()))
    return _joined([*outcomes, memory.ingest().settle_up(message, now())])


def _alone(batch: Batch, place: int) -> Batch:
    """Give a batch of one record, with all that its own says of it."""
    was = tuple((0, origin, number) for one, origin, number in batch.was if one == place)
    return msgspec.structs.replace(
        batch, first=batch.first + place, records=batch.records[place : place + 1], was=was
    )


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    pictures = [one.picture for one in outcomes if one.picture is not None]
    return Outcome(
        tuple(ack for one in outcomes for ack in one.acks),
        pictures[-1] if pictures else None,
        tuple(alarm for one in outcomes for alarm in one.raised),
        tuple(command for one in outcomes for command in one.commands),
    )
