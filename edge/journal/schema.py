"""The tables of a journal, and the rows of the small ones with their checksums.

A row's key is its number, with the slot of its stream in the bits above: the file of an edge
that left a journal holds several streams.
"""

import re
from typing import NamedTuple

import msgspec

from contracts.bounds import LAST_NUMBER
from contracts.ranges import Range, Ranges
from edge.journal.rows import Block, Was, text_checksum
from runtime.database import Connection, DatabaseError, Failure, failure

VERSION = 2
TABLES = """
CREATE TABLE stream (
    slot INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    use  TEXT NOT NULL,        -- own, draining; left: no row is here any more
    born TEXT NOT NULL,        -- the life in which it began
    last INTEGER NOT NULL,     -- the newest number that was ever given
    held BLOB NOT NULL,        -- the numbers that are here, as ranges
    crc  INTEGER NOT NULL
) STRICT;
CREATE TABLE life (
    slot  INTEGER NOT NULL,
    since INTEGER NOT NULL,
    life  TEXT NOT NULL,
    crc   INTEGER NOT NULL,
    PRIMARY KEY (slot, since)
) STRICT, WITHOUT ROWID;
CREATE TABLE word (            -- clock segments, origins and blocks, by a short number
    id   INTEGER PRIMARY KEY,
    text BLOB NOT NULL,
    crc  INTEGER NOT NULL
) STRICT;
CREATE TABLE entry (
    key     INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL,
    block   INTEGER NOT NULL,  -- 0: an event; below 0: a sample that is never thinned
    at      INTEGER NOT NULL,
    crc     INTEGER NOT NULL,
    was     BLOB,
    body    BLOB NOT NULL      -- JSON, as it goes on the wire
) STRICT;
CREATE TABLE remembered (
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    crc   INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
"""
STATEMENTS = tuple(TABLES.strip().removesuffix(";").split(";\n"))
_ALL_COLUMNS = tuple(
    f"SELECT {', '.join(re.findall(r'^    ([a-z]+) ', statement, re.MULTILINE))}"  # noqa: S608
    f" FROM {statement.split()[2]} LIMIT 0"
    for statement in STATEMENTS
)
SLOTS = 1000
BITS = LAST_NUMBER.bit_length() - 1
"""Of a key, those of the number."""


class DamagedError(Exception):
    """A row of a small table is not what was written; says which."""


class Life(NamedTuple):
    """One start of the edge, as far as a stream is concerned."""

    since: int
    life: str


class Stream(NamedTuple):
    """One stream of the file."""

    slot: int
    name: str
    use: str
    born: str
    last: int
    held: Ranges
    lives: tuple[Life, ...]

    @property
    def oldest(self) -> int:
        """The lowest number that is here; the next one when none is."""
        first = next(iter(self.held), None)
        return first.first if first else self.last + 1

    @property
    def spans(self) -> list[tuple[Life, int]]:
        """Each life, and the last number that it owns; none when the lives were lost."""
        ends = [one.since - 1 for one in self.lives[1:]]
        return list(zip(self.lives, [*ends, self.last][: len(self.lives)], strict=True))

    def life_of(self, number: int) -> Life:
        """Give the life that owns a number."""
        return next(one for one in reversed(self.lives) if one.since <= number)

    def span_of(self, life: str) -> Range | None:
        """Give the first and the last number that a life owns."""
        return next((Range(one.since, last) for one, last in self.spans if one.life == life), None)


def key_of(slot: int, number: int) -> int:
    """Give the key of a row."""
    return (slot << BITS) | number


def slot_of(key: int) -> int:
    """Give the slot of a row's stream."""
    return key >> BITS


def number_of(key: int) -> int:
    """Give the number of a row."""
    return key & ((1 << BITS) - 1)


def ranges_blob(held: Ranges) -> bytes:
    """Write ranges down."""
    return msgspec.json.encode([tuple(one) for one in held])


def read_ranges(blob: bytes) -> Ranges:
    """Read ranges; raise DamagedError."""
    try:
        return Ranges(msgspec.json.decode(blob, type=list[tuple[int, int]]))
    except (msgspec.MsgspecError, ValueError) as error:
        raise DamagedError(f"ranges: {error}") from error


def save_stream(db: Connection, stream: Stream) -> None:
    """Write a stream's row."""
    held = ranges_blob(stream.held)
    told = (stream.slot, stream.name, stream.use, stream.born, stream.last, held)
    db.execute(
        "INSERT OR REPLACE INTO stream (slot, name, use, born, last, held, crc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*told, text_checksum(*told)),
    )


def save_life(db: Connection, slot: int, life: Life) -> None:
    """Write a life's row."""
    db.execute(
        "INSERT OR REPLACE INTO life (slot, since, life, crc) VALUES (?, ?, ?, ?)",
        (slot, *life, text_checksum(slot, *life)),
    )


def save_remembered(db: Connection, kind: str, key: str, value: bytes | None) -> None:
    """Write something remembered, or forget it."""
    if value is None:
        db.execute("DELETE FROM remembered WHERE kind = ? AND key = ?", (kind, key))
    else:
        db.execute(
            "INSERT OR REPLACE INTO remembered (kind, key, value, crc) VALUES (?, ?, ?, ?)",
            (kind, key, value, text_checksum(kind, key, value)),
        )


def check_names(db: Connection) -> None:
    """Raise DamagedError when a table or a column has another name: bits of the schema flipped.

    No look at the pages finds that, and each statement would fail for ever.
    """
    for query in _ALL_COLUMNS:
        try:
            db.execute(query).fetchall()
        except DatabaseError as error:
            if failure(error) is not Failure.PROGRAM:
                raise
            raise DamagedError(str(error)) from error


def load_streams(db: Connection) -> dict[int, Stream]:
    """Read all streams with their lives; raise DamagedError."""
    lives: dict[int, list[Life]] = {}
    for slot, since, life, crc in db.execute(
        "SELECT slot, since, life, crc FROM life ORDER BY slot, since"
    ):
        if text_checksum(slot, since, life) != crc:
            raise DamagedError(f"life {life!r} of stream {slot}")
        lives.setdefault(int(slot), []).append(Life(int(since), str(life)))
    streams: dict[int, Stream] = {}
    for *told, crc in db.execute(
        "SELECT slot, name, use, born, last, held, crc FROM stream ORDER BY slot"
    ):
        if text_checksum(*told) != crc:
            raise DamagedError(f"stream {told[1]!r}")
        slot, name, use, born, last, held = told
        streams[slot] = Stream(
            slot, name, use, born, last, read_ranges(held), tuple(lives.get(slot, ()))
        )
    if sum(one.use == "own" for one in streams.values()) != 1:
        raise DamagedError("it has no stream of its own")
    return streams


def load_remembered(db: Connection) -> list[tuple[str, str, bytes, int]]:
    """Read all that is remembered: kind, key, value, checksum."""
    return list(db.execute("SELECT kind, key, value, crc FROM remembered"))


class Words:
    """Short numbers for what rows repeat: clock segments, origins, blocks."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._ids: dict[bytes, int] = {}
        self._texts: dict[int, tuple[str, ...]] = {}
        for number, text, crc in db.execute("SELECT id, text, crc FROM word"):
            # One that rotted is as if it were not there: rows that need it are rotten too.
            if text_checksum(number, text) == crc:
                self._learn(int(number), bytes(text))

    def __len__(self) -> int:
        return len(self._texts)

    def everything(self) -> list[tuple[int, str]]:
        """Give all words, as they are written."""
        return [(number, text.decode()) for text, number in self._ids.items()]

    def id_of(self, parts: tuple[str, ...]) -> int:
        """Give the number of a word, making it within the transaction that is open."""
        text = msgspec.json.encode(parts)
        known = self._ids.get(text)
        if known is not None:
            return known
        (highest,) = next(iter(self._db.execute("SELECT ifnull(max(id), 0) FROM word")))
        number = int(highest) + 1
        self._db.execute(
            "INSERT INTO word (id, text, crc) VALUES (?, ?, ?)",
            (number, text, text_checksum(number, text)),
        )
        self._learn(number, text)
        return number

    def segment(self, number: int) -> str | None:
        """Give a clock segment; None when it cannot be read."""
        parts = self._texts.get(number)
        return parts[0] if parts and len(parts) == 1 else None

    def origin(self, number: int) -> tuple[str, str] | None:
        """Give a stream and a life."""
        parts = self._texts.get(number)
        return (parts[0], parts[1]) if parts and len(parts) == 2 else None

    def block(self, number: int) -> Block | None:
        """Give a block."""
        parts = self._texts.get(number)
        return Block(*parts) if parts and len(parts) == len(Block._fields) else None

    def _learn(self, number: int, text: bytes) -> None:
        try:
            parts = msgspec.json.decode(text, type=tuple[str, ...])
        except msgspec.MsgspecError:
            return
        self._ids[text] = number
        self._texts[number] = parts


def was_blob(words: Words, was: tuple[Was, ...]) -> bytes | None:
    """Write down what a record was before."""
    if not was:
        return None
    return msgspec.msgpack.encode(
        [part for one in was for part in (words.id_of((one.stream, one.life)), one.number)]
    )


def read_was(words: Words, blob: bytes | None) -> tuple[Was, ...] | None:
    """Read what a record was before; None when that cannot be read."""
    if blob is None:
        return ()
    try:
        numbers = msgspec.msgpack.decode(blob, type=list[int])
    except msgspec.MsgspecError:
        return None
    origins = [words.origin(number) for number in numbers[::2]]
    if None in origins or len(numbers) % 2:
        return None
    return tuple(
        Was(*origin, number)
        for origin, number in zip(origins, numbers[1::2], strict=True)
        if origin is not None
    )
