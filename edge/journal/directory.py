"""A second copy, in a small file beside the journal, of what its rows cannot be told without.

Names of streams, lives and words change rarely, and a page of them that is lost would take all
rows along. The copy may lag behind the journal; what both have, the journal says.
"""

import logging
import zlib

import msgspec
from msgspec import Struct

from edge.journal.file import JournalFile
from edge.journal.schema import Life, Stream
from runtime.folder import Folder

log = logging.getLogger(__name__)


class Directory(Struct, frozen=True):
    """Streams without their ranges, their lives, and words by their numbers."""

    streams: tuple[tuple[int, str, str, str, int], ...] = ()
    """Slot, name, use, life in which it was born, and the newest number when this was written."""
    lives: tuple[tuple[int, int, str], ...] = ()
    """Slot, first number, life."""
    words: tuple[tuple[int, str], ...] = ()

    def lives_of(self, slot: int) -> tuple[Life, ...]:
        """Give the lives of one stream."""
        return tuple(Life(since, life) for number, since, life in self.lives if number == slot)


def directory_of(file: JournalFile) -> Directory:
    """Give what is to be kept of an open journal."""
    streams = file.streams.values()
    return Directory(
        tuple((one.slot, one.name, one.use, one.born, one.last) for one in streams),
        tuple((one.slot, *life) for one in streams for life in one.lives),
        tuple(file.words.everything()),
    )


def state_of(file: JournalFile) -> tuple[object, ...]:
    """Give what, when it changes, makes the copy worth writing anew."""
    return (len(file.words), *(_names(one) for one in file.streams.values()))


def _names(stream: Stream) -> tuple[object, ...]:
    return (stream.slot, stream.name, stream.use, stream.lives)


def write_directory(folder: Folder, name: str, directory: Directory) -> None:
    """Write the copy. Raises OSError."""
    body = msgspec.json.encode(directory)
    folder.write(name, zlib.crc32(body).to_bytes(4, "big") + body)


def read_directory(folder: Folder, name: str) -> Directory:
    """Read the copy; one that is missing or damaged is empty. Raises OSError."""
    try:
        content = folder.read(name)
    except FileNotFoundError:
        return Directory()
    crc, body = content[:4], content[4:]
    if crc != zlib.crc32(body).to_bytes(4, "big"):
        log.warning("%s: it is damaged, and is written anew", name)
        return Directory()
    try:
        return msgspec.json.decode(body, type=Directory)
    except msgspec.MsgspecError as error:
        log.warning("%s: %s", name, error)
        return Directory()
