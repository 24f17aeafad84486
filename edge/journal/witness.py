"""What a small file beside the journal remembers of it, in case the journal is replaced or lost.

One mark of 64 bytes at a fixed place, written after each group and on disk once a second: behind
the journal is normal, ahead of it means that the journal is not the one that was written last.
"""

import logging
import struct
import zlib
from typing import NamedTuple

from runtime.folder import Folder

log = logging.getLogger(__name__)

LONGEST_ID = 20
"""Bytes of a stream's and a life's id."""
_form = struct.Struct(">4sQQ20s20s")
_MAGIC = b"WLJ2"


class Mark(NamedTuple):
    """The newest number of a stream, and the life that wrote it."""

    stream: str
    last: int
    since: int
    life: str


def packed(mark: Mark) -> bytes:
    """Give the 64 bytes of a mark."""
    stream, life = mark.stream.encode(), mark.life.encode()
    if max(len(stream), len(life)) > LONGEST_ID:
        raise ValueError(f"ids of at most {LONGEST_ID} bytes, not {mark.stream!r}, {mark.life!r}")
    head = _form.pack(_MAGIC, mark.last, mark.since, stream, life)
    return head + zlib.crc32(head).to_bytes(4, "big")


def unpacked(content: bytes) -> Mark | None:
    """Read a mark; None when it is not one."""
    head, crc = content[: _form.size], content[_form.size :]
    if len(head) != _form.size or crc != zlib.crc32(head).to_bytes(4, "big"):
        return None
    magic, last, since, stream, life = _form.unpack(head)
    if magic != _MAGIC:
        return None
    return Mark(stream.rstrip(b"\0").decode(), last, since, life.rstrip(b"\0").decode())


class Witness:
    """The file of the mark."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._said = False

    def read(self) -> Mark | None:
        """Give the mark; None when there is none. Raises OSError."""
        try:
            content = self._folder.read(self._name)
        except FileNotFoundError:
            return None
        mark = unpacked(content)
        if mark is None and content:
            log.warning("%s: it cannot be read, and is written anew", self._name)
        return mark

    def write(self, mark: Mark, *, sync: bool) -> None:
        """Write the mark. What the disk refuses is said once: an older mark does no harm."""
        try:
            self._folder.write_at(self._name, 0, packed(mark), sync=sync)
        except OSError as error:
            if not self._said:
                log.warning("%s: %s; it stays behind the journal", self._name, error)
            self._said = True
        else:
            self._said = False
