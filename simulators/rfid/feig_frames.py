"""FEIG OBID in ISO host mode: a reader's half of the frames (manual H20800-16e-ID-B). No I/O."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from simulators.rfid.tags import BLOCK, BLOCKS, Tag

SHORTEST = 5
TAGS_PER_REPLY = 4
"""A reader with a small buffer: who puts more on the pad sees status 94."""
MOST_BYTES = 128
ISO15693 = 0x03


class Status(IntEnum):
    """The status byte of a reply."""

    OK = 0x00
    NO_TRANSPONDER = 0x01
    DATA_FALSE = 0x02
    RANGE = 0x11
    UNKNOWN_COMMAND = 0x80
    LENGTH = 0x81
    MORE_DATA = 0x94
    TAG_ERROR = 0x95


class TagError(IntEnum):
    """What follows status 95."""

    NOT_SUPPORTED = 0x01
    NO_SUCH_BLOCK = 0x10
    LOCKED = 0x12


class RefusalError(Exception):
    """A command that cannot be carried out; `reply` is its status and what follows."""

    def __init__(self, *reply: int) -> None:
        super().__init__(" ".join(f"{byte:02x}" for byte in reply))
        self.reply = bytes(reply)


def crc(data: bytes) -> bytes:
    """Give the CRC as sent: polynomial 8408 reflected, initial FFFF, least significant first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0x8408 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def seal(address: int, command: int, rest: bytes) -> bytes:
    """Give a short frame with length and CRC."""
    head = bytes([len(rest) + SHORTEST, address, command]) + rest
    return head + crc(head)


class Splitter:
    """Cuts a stream of bytes into frames; `forget` what is half there when the line falls idle."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give each frame whose length is complete, good or not."""
        self._held += data
        while self._held:
            length = self._held[0]
            if length < SHORTEST:
                self._held = b""
                return
            if len(self._held) < length:
                return
            frame, self._held = self._held[:length], self._held[length:]
            yield frame

    def forget(self) -> None:
        """Drop an unfinished frame."""
        self._held = b""


@dataclass(slots=True)
class Reader:
    """Answers for the tags that `field` gives, in the order they lie there."""

    tags: Callable[[], Sequence[Tag]]
    own: int = 0
    on_afi: Callable[[Tag, int], None] | None = None
    """Called before an AFI is written, with the tag and the new value; may raise RefusalError."""
    _waiting: list[Tag] = field(default_factory=list)

    def answer(self, frame: bytes) -> bytes | None:
        """Give the reply, None for a frame that is damaged or meant for somebody else."""
        if frame[-2:] != crc(frame[:-2]) or frame[1] not in (0xFF, self.own):
            return None
        command, data = frame[2], frame[3:-2]
        try:
            reply = bytes([Status.OK]) + self._plain(command, data)
        except RefusalError as refusal:
            reply = refusal.reply
        return seal(self.own, command, reply)

    def _plain(self, command: int, data: bytes) -> bytes:
        if command == 0xB0:
            return self._iso(data)
        if command == 0x65:
            # Software 3.2.0, hardware 0, ID CPR type, ISO 15693 enabled.
            return bytes.fromhex("03020000300008")
        if command in (0x52, 0x69):
            return b""
        raise RefusalError(Status.UNKNOWN_COMMAND)

    def _iso(self, data: bytes) -> bytes:
        if len(data) < 2:
            raise RefusalError(Status.LENGTH)
        command, mode, rest = data[0], data[1], data[2:]
        if command == 0x01:
            return self._inventory(mode)
        action = _ADDRESSED.get(command)
        if action is None:
            raise RefusalError(Status.TAG_ERROR, TagError.NOT_SUPPORTED)
        tag, rest = self._addressed(mode, rest)
        return action(self, tag, rest)

    def _inventory(self, mode: int) -> bytes:
        if not mode & 0x80:
            self._waiting = list(self.tags())
        if not self._waiting:
            raise RefusalError(Status.NO_TRANSPONDER)
        batch, self._waiting = self._waiting[:TAGS_PER_REPLY], self._waiting[TAGS_PER_REPLY:]
        entries = b"".join(bytes([ISO15693, tag.dsfid]) + bytes.fromhex(tag.uid) for tag in batch)
        if self._waiting:
            raise RefusalError(Status.MORE_DATA, len(batch), *entries)
        return bytes([len(batch)]) + entries

    def _addressed(self, mode: int, rest: bytes) -> tuple[Tag, bytes]:
        present = list(self.tags())
        if mode & 0x07 == 0x01:
            if len(rest) < 8:
                raise RefusalError(Status.LENGTH)
            uid = rest[:8].hex().upper()
            present = [tag for tag in present if tag.uid == uid]
            rest = rest[8:]
        if not present:
            raise RefusalError(Status.NO_TRANSPONDER)
        if len(present) > 1:
            raise RefusalError(Status.DATA_FALSE)
        return present[0], rest

    def read_blocks(self, tag: Tag, rest: bytes) -> bytes:
        """Read: per block its security byte, then its bytes, last first."""
        if len(rest) != 2:
            raise RefusalError(Status.LENGTH)
        first, count = rest
        _within(first, count)
        blocks = b"".join(
            bytes([number in tag.locked_blocks]) + tag.block(number)[::-1]
            for number in range(first, first + count)
        )
        return bytes([count, BLOCK]) + blocks

    def write_blocks(self, tag: Tag, rest: bytes) -> bytes:
        """Write whole blocks, each sent last byte first."""
        if len(rest) < 3 or rest[2] != BLOCK or len(rest) != 3 + rest[1] * BLOCK:
            raise RefusalError(Status.LENGTH)
        first, count, data = rest[0], rest[1], rest[3:]
        _within(first, count)
        if tag.locked_blocks & set(range(first, first + count)):
            raise RefusalError(Status.TAG_ERROR, TagError.LOCKED)
        for number in range(count):
            block = data[number * BLOCK : (number + 1) * BLOCK][::-1]
            tag.memory[(first + number) * BLOCK : (first + number + 1) * BLOCK] = block
        return b""

    def write_afi(self, tag: Tag, rest: bytes) -> bytes:
        """Write the application family identifier."""
        if len(rest) != 1:
            raise RefusalError(Status.LENGTH)
        if self.on_afi is not None:
            self.on_afi(tag, rest[0])
        if tag.afi_locked:
            raise RefusalError(Status.TAG_ERROR, TagError.LOCKED)
        tag.afi = rest[0]
        return b""

    def write_dsfid(self, tag: Tag, rest: bytes) -> bytes:
        """Write the data storage format identifier."""
        if len(rest) != 1:
            raise RefusalError(Status.LENGTH)
        tag.dsfid = rest[0]
        return b""

    def system_information(self, tag: Tag, rest: bytes) -> bytes:
        """Tell DSFID, UID, AFI, last block, block size less one, chip reference."""
        if rest:
            raise RefusalError(Status.LENGTH)
        return (
            bytes([tag.dsfid])
            + bytes.fromhex(tag.uid)
            + bytes([tag.afi, BLOCKS - 1, BLOCK - 1, 0x01])
        )


def _within(first: int, count: int) -> None:
    if count * BLOCK > MOST_BYTES:
        raise RefusalError(Status.RANGE)
    if count == 0 or first + count > BLOCKS:
        raise RefusalError(Status.TAG_ERROR, TagError.NO_SUCH_BLOCK)


_ADDRESSED: Mapping[int, Callable[[Reader, Tag, bytes], bytes]] = {
    0x23: Reader.read_blocks,
    0x24: Reader.write_blocks,
    0x27: Reader.write_afi,
    0x29: Reader.write_dsfid,
    0x2B: Reader.system_information,
}
