"""Makes batches of what was read from the journal. Pure."""

from typing import NamedTuple

from contracts.codec import raws
from contracts.instants import Instant
from contracts.messages import Batch
from edge.journal.rows import Piece, Stamp

MOST_ORIGINS = 500
"""Streams and lives that the records of one batch may have come from."""


class Sender(NamedTuple):
    """What a batch says of who sends it, and when."""

    session: str
    k: int
    now: Stamp
    heard: tuple[Instant, int] | None


def fitting(piece: Piece) -> Piece:
    """Give the newest part of a piece whose records come from few enough streams and lives."""
    origins: set[tuple[str, str]] = set()
    for place, row in reversed(list(enumerate(piece.rows))):
        origins.update((one.stream, one.life) for one in row.was)
        if len(origins) > MOST_ORIGINS and place + 1 < len(piece.rows):
            return piece._replace(first=piece.first + place + 1, rows=piece.rows[place + 1 :])
    return piece


def batch_of(piece: Piece, oldest: int, sender: Sender) -> Batch:
    """Make the batch of a piece; `oldest` is the lowest number that is held of its stream."""
    origins: dict[tuple[str, str], int] = {}
    was = tuple(
        (place, origins.setdefault((one.stream, one.life), len(origins)), one.number)
        for place, row in enumerate(piece.rows)
        for one in row.was
    )
    clock = piece.rows[0].segment
    return Batch(
        stream=piece.stream,
        first=piece.first,
        records=raws([row.body for row in piece.rows]),
        life=piece.life,
        since=piece.since if piece.life else 0,
        session=sender.session,
        k=sender.k,
        oldest=oldest,
        clock=clock,
        now="" if sender.now.segment == clock else sender.now.segment,
        sent=sender.now.at,
        heard=sender.heard,
        origins=tuple(origins),
        was=was,
    )
