"""A FEIG OBID reader at the end of a serial line that is a pseudo-terminal."""

import asyncio
import logging
import os
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.links import SerialReader
from simulators.errors import SimulatorError
from simulators.faults import NONE, Trouble, Troubles
from simulators.rfid.feig_frames import Reader, RefusalError, Splitter, Status, TagError
from simulators.rfid.pad import Pad
from simulators.rfid.tags import Tag

log = logging.getLogger(__name__)

IDLE = 0.05
"""Seconds of silence that end an unfinished frame. The manual's 12 ms is too short for a PTY."""
WRITE_AFI = b"\xb0\x27"


@dataclass(slots=True)
class FeigReader:
    """Serves one link of kind feig-serial. A command takes `latency` seconds."""

    link: SerialReader
    pad: Pad
    faults: Troubles = NONE
    latency: float = 0.015
    listening: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def device(self) -> str:
        """The reader's id in the site file, which is also the name for faults."""
        return self.link.devices[0].id

    async def run(self) -> None:
        """Offer the line at the link's port, answer until cancelled, and take it away."""
        address = self.link.devices[0].address
        reader = Reader(self.pad.lying, 0 if address == 0xFF else address, self._before_afi)
        frames: asyncio.Queue[bytes] = asyncio.Queue()
        with line(Path(self.link.port)) as (master, slave), _reading(master, frames):
            self.listening.set()
            while True:
                try:
                    async with asyncio.timeout(IDLE):
                        frame = await frames.get()
                except TimeoutError:
                    let_reopen(slave)
                else:
                    let_reopen(slave)
                    await self._serve(reader, frame, master)

    async def _serve(self, reader: Reader, frame: bytes, master: int) -> None:
        fault = self._fault()
        what = fault.what if fault else ""
        if what == "silent":
            return
        reply = reader.answer(frame)
        if reply is None:
            return
        await asyncio.sleep(((fault and fault.value) or 3.0) if what == "late" else self.latency)
        if what == "garbage":
            reply = bytes(byte ^ 0x5A for byte in reply)
        elif what == "cut":
            reply = reply[: len(reply) // 2]
        with suppress(BlockingIOError):  # nobody reads, and the line is full
            os.write(master, reply)
        if frame[2:4] == WRITE_AFI:
            self.pad.touch()

    def _fault(self) -> Trouble | None:
        return self.faults.on(self.device)

    def _before_afi(self, tag: Tag, afi: int) -> None:
        fault = self._fault()
        if fault is None:
            return
        if fault.what == "removed":
            log.info("%s: %s is taken away before %02X is written", self.device, tag.uid, afi)
            self.pad.remove(tag)
            raise RefusalError(Status.NO_TRANSPONDER)
        if fault.what == "locked":
            raise RefusalError(Status.TAG_ERROR, TagError.LOCKED)


@contextmanager
def line(path: Path) -> Iterator[tuple[int, int]]:
    """Open a pseudo-terminal that a program finds at `path`; give our end and the far one."""
    if path.exists() and not path.is_symlink():
        raise SimulatorError(
            f"{path} is there already and no link of ours; give the reader another port"
        )
    master, slave = os.openpty()
    try:
        # Our own hold on the far end lets programs open, close and open it again.
        tty.setraw(slave)
        os.set_blocking(master, False)
        device = os.ttyname(slave)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(device)
        fresh.replace(path)
        try:
            yield master, slave
        finally:
            if path.is_symlink() and str(path.readlink()) == device:
                path.unlink()
    finally:
        os.close(slave)
        os.close(master)


def let_reopen(slave: int) -> None:
    """Set the line's speed to one that nobody uses.

    A pseudo-terminal has no parity. The C library refuses a program that asks for it, with
    "Invalid argument", unless something else that the program asks for can be changed: the speed.
    """
    settings = termios.tcgetattr(slave)
    if settings[4:6] != [termios.B50, termios.B50]:
        settings[4:6] = [termios.B50, termios.B50]
        termios.tcsetattr(slave, termios.TCSANOW, settings)


@contextmanager
def _reading(master: int, frames: "asyncio.Queue[bytes]") -> Iterator[None]:
    loop = asyncio.get_running_loop()
    splitter = Splitter()
    idle: asyncio.TimerHandle | None = None

    def arrive() -> None:
        nonlocal idle
        if idle is not None:
            idle.cancel()
        with suppress(BlockingIOError):
            for frame in splitter.feed(os.read(master, 4096)):
                frames.put_nowait(frame)
        idle = loop.call_later(IDLE, splitter.forget)

    loop.add_reader(master, arrive)
    try:
        yield
    finally:
        loop.remove_reader(master)
        if idle is not None:
            idle.cancel()
