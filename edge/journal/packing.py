"""How a row stands in its table: with its checksum, and read only when that is right."""

from typing import Any, NamedTuple

from edge.journal.rows import Row, checksum
from edge.journal.schema import Words, number_of, read_was, was_blob


class Stored(NamedTuple):
    """A row as it was found."""

    number: int
    row: Row | None
    """None: its checksum, or something that it needs, is wrong."""
    block: int


def packed(words: Words, key: int, row: Row) -> tuple[object, ...]:
    """Give the columns of a row."""
    segment = words.id_of((row.segment,))
    block = words.id_of(row.block) if row.block else 0
    numbers = (key, segment, -block if row.urgent else block, row.at)
    was = was_blob(words, row.was)
    return (*numbers, checksum(numbers, was, row.body), was, row.body)


def stored(words: Words, columns: tuple[Any, ...]) -> Stored:
    """Read the columns of a row."""
    key, segment, block, at, crc, was, body = columns
    number = number_of(key)
    before = read_was(words, was)
    word = words.segment(segment)
    like = words.block(abs(block)) if block else None
    if before is None or word is None or (block and like is None):
        return Stored(number, None, 0)
    if checksum((key, segment, block, at), was, body) != crc:
        return Stored(number, None, 0)
    return Stored(number, Row(at, word, like, block <= 0, body, before), block)
