"""FEIG OBID readers in ISO host mode: pads of the CPR and MR families (H20800-16e-ID-B)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from config.links import Device, TagReaderDevice
from drivers.capabilities import Tag
from drivers.errors import BadReplyError, RefusedError
from drivers.model import DriverSpec
from drivers.protocols.rfid import feig
from drivers.protocols.rfid.iso15693 import SystemInformation, TagError
from runtime.clock import Clock

if TYPE_CHECKING:
    # pyserial is loaded where a line is opened.
    from drivers.links.serial_line import SerialLine

MOST_ROUNDS = 8
"""Most answers to one inventory: 24 tags each, more than any pad can hold."""
COMMON_MEMORY = (8, 4)
"""Blocks and bytes of the smallest library tag, for chips that do not tell their size."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FeigReader:
    """One reader on its own serial line."""

    device: str
    address: int
    link: "SerialLine"

    async def inventory(self) -> Sequence[Tag]:
        """List the tags in the field, each once (B0 01)."""
        found: dict[str, Tag] = {}
        for number in range(MOST_ROUNDS):
            request = feig.inventory(self.address, more=number > 0)
            reply = await self._ask(request)
            if reply.status == feig.NO_TRANSPONDER:
                break
            if reply.status not in (feig.OK, feig.MORE_DATA):
                raise self._refusal(reply, "inventory")
            for seen in self._read(feig.parse_inventory, reply.data):
                found[seen.uid] = Tag(seen.uid, seen.dsfid)
            if reply.status == feig.OK:
                break
        return list(found.values())

    async def read(self, uid: str) -> bytes:
        """Give the tag's memory in the tag's own byte order (B0 2B, B0 23)."""
        about = await self._about(uid)
        blocks, size = COMMON_MEMORY
        if about is not None:
            blocks, size = about.blocks or blocks, about.block_size or size
        at_once = max(1, feig.LONGEST_DATA // size)
        memory = b""
        for first in range(0, blocks, at_once):
            count = min(at_once, blocks - first)
            data = await self._do(feig.read_blocks(uid, first, count, self.address), uid)
            memory += self._read(partial(feig.parse_blocks, count=count), data)
        return memory

    async def read_afi(self, uid: str) -> int:
        """Give the application family identifier (B0 2B)."""
        about = await self._about(uid)
        if about is None or about.afi is None:
            raise RefusedError(f"{self.device}: tag {uid} does not tell its AFI")
        return about.afi

    async def write_afi(self, uid: str, afi: int) -> None:
        """Write the AFI and read it back (B0 27, B0 2B)."""
        await self._do(feig.write_afi(uid, afi, self.address), uid)
        reads = await self.read_afi(uid)
        if reads != afi:
            raise BadReplyError(
                f"{self.device}: tag {uid} reads AFI {reads:#04x} after {afi:#04x} was written"
            )

    async def write(self, uid: str, first: int, data: bytes) -> None:
        """Write whole blocks from block `first` and read them back (B0 24, B0 23)."""
        about = await self._about(uid)
        size = (about and about.block_size) or COMMON_MEMORY[1]
        if not data or len(data) % size:
            raise ValueError(f"{len(data)} bytes are not whole blocks of {size} bytes")
        blocks = [data[at : at + size] for at in range(0, len(data), size)]
        at_once = max(1, feig.LONGEST_DATA // size)
        for done in range(0, len(blocks), at_once):
            some, where = blocks[done : done + at_once], first + done
            await self._do(feig.write_blocks(uid, where, some, self.address), uid)
            request = feig.read_blocks(uid, where, len(some), self.address)
            reads = self._read(
                partial(feig.parse_blocks, count=len(some)), await self._do(request, uid)
            )
            if reads != b"".join(some):
                raise BadReplyError(f"{self.device}: tag {uid} reads back other than written")

    async def _about(self, uid: str) -> SystemInformation | None:
        reply = await self._ask(feig.system_information(uid, self.address))
        if reply.status == feig.ISO15693_ERROR:
            return None  # the command is optional for a chip
        if reply.status != feig.OK:
            raise self._refusal(reply, uid)
        about = self._read(feig.parse_system_information, reply.data)
        if about.uid != uid:
            raise BadReplyError(f"{self.device}: tag {about.uid} answered for {uid}")
        return about

    async def _do(self, request: bytes, uid: str) -> bytes:
        reply = await self._ask(request)
        if reply.status != feig.OK:
            raise self._refusal(reply, f"tag {uid}")
        return reply.data

    async def _ask(self, request: bytes) -> feig.Reply:
        find = partial(feig.find_reply, command=request[2], address=self.address)
        return await self.link.exchange(request, find)

    def _refusal(self, reply: feig.Reply, what: str) -> BadReplyError | RefusedError:
        text = f"{self.device}: {what}: {feig.explain(reply)}"
        return BadReplyError(text) if reply.status in feig.PASSING else RefusedError(text)

    def _read(self, parse: Callable[[bytes], T], data: bytes) -> T:
        try:
            return parse(data)
        except TagError as error:
            raise BadReplyError(f"{self.device}: {error}") from error


def build(
    device: Device,
    link: "SerialLine",
    clock: Clock,  # noqa: ARG001 - every builder gets a clock; this reader needs none
) -> FeigReader:
    """Make the driver of one reader."""
    assert isinstance(device, TagReaderDevice)
    return FeigReader(device.id, device.address, link)


SPEC = DriverSpec(
    kind="feig-obid",
    family="kiosk",
    link="feig-serial",
    products=("FEIG OBID ID CPR and MR readers in ISO host mode",),
    source="FEIG ELECTRONIC, system manual H20800-16e-ID-B",
    build=build,
)
