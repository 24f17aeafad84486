"""Takes what arrived, and sets aside what cannot be taken: a poisonous record costs only itself."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from contracts.codec import ContractError, Unreadable, encode, encode_batch
from contracts.instants import Instant
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
        batch = read_batch(message)
    except ContractError:
        return Outcome()
    outcomes = []
    for seq, record in enumerate(batch.records, start=batch.first):
        raw = record.raw if isinstance(record, Unreadable) else encode(record)
        alone = message._replace(payload=encode_batch(batch.stream, seq, [raw]))
        try:
            outcomes.append(memory.ingest().take([alone], now()))
        except POISON as error:
            memory.forget()
            reason = f"{type(error).__name__}: {error}"
            log.warning("record %d of stream %s is set aside: %s", seq, batch.stream, reason)
            outcomes.append(memory.ingest().set_aside(alone, raw, reason, now()))
    return _joined(outcomes)


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    pictures = [one.picture for one in outcomes if one.picture is not None]
    return Outcome(
        tuple(ack for one in outcomes for ack in one.acks),
        pictures[-1] if pictures else None,
        tuple(alarm for one in outcomes for alarm in one.raised),
    )
