"""A FEIG reader at the far end of a PTY, made of the manual's literal frames."""

import contextlib
import os
import select
import threading
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field

UID = "E004010012345678"


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


INVENTORY = hexed("07 ff b0 01 00 1c 56")
MORE = hexed("07 ff b0 01 80 14 d2")
SYSTEM = hexed("0f ff b0 2b 01 e0 04 01 00 12 34 56 78 11 a3")
READ_8 = hexed("11 ff b0 23 01 e0 04 01 00 12 34 56 78 00 08 07 d6")
SECURE = hexed("10 ff b0 27 01 e0 04 01 00 12 34 56 78 07 d8 de")
RELEASE = hexed("10 ff b0 27 01 e0 04 01 00 12 34 56 78 c2 79 4f")

NOBODY = hexed("06 00 b0 01 5c 63")
ONE_TAG = hexed("11 00 b0 00 01 03 3e e0 04 01 00 12 34 56 78 a0 e6")
TWO_TAGS = hexed("1b 00 b0 00 02 03 3e e0 04 01 00 12 34 56 78 03 06 e0 04 01 50 aa bb cc dd f4 68")
OK = hexed("06 00 b0 00 d5 72")
MISSING_BLOCK = hexed("07 00 b0 95 10 72 fd")
AT_HOME = hexed("13 00 b0 00 3e e0 04 01 00 12 34 56 78 07 1b 03 01 5f 9e")
BLOCKS = hexed(
    "30 00 b0 00 08 04 00 31 01 01 11 00 30 30 30 30 00 35 30 30 30 00 00 00 00 36 00 98 00 00 00"
    " 00 37 4b 44 a4 00 30 35 38 31 00 00 00 00 30 a4 39"
)


@dataclass
class PadLine:
    """Answers each request with what is prepared for it; knows nothing else."""

    answers: dict[bytes, list[bytes]] = field(default_factory=dict)
    """The last answer for a request stays."""
    heard: list[bytes] = field(default_factory=list)
    noise: bytes = b""
    """Comes before every answer."""
    late: float = 0.0
    """Seconds that the next answer takes."""
    pieces: bool = False
    port: str = ""

    def serve(self, master: int, stop: threading.Event) -> None:
        buffer = b""
        while not stop.is_set():
            if not select.select([master], [], [], 0.02)[0]:
                continue
            try:
                buffer += os.read(master, 256)
            except OSError:  # nobody has the other end open
                time.sleep(0.005)
                continue
            while buffer and len(buffer) >= buffer[0]:
                request, buffer = buffer[: buffer[0]], buffer[buffer[0] :]
                self._answer(master, request)

    def _answer(self, master: int, request: bytes) -> None:
        self.heard.append(request)
        prepared = self.answers.get(request, [])
        if not prepared:
            return
        answer = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        if self.late:
            time.sleep(self.late)
            self.late = 0.0
        raw = self.noise + answer
        for piece in [raw[n : n + 1] for n in range(len(raw))] if self.pieces else [raw]:
            os.write(master, piece)


@contextlib.contextmanager
def at_the_far_end(line: PadLine) -> Iterator[PadLine]:
    """Open a PTY and answer on it from a thread."""
    master, slave = os.openpty()
    tty.setraw(slave)
    line.port = os.ttyname(slave)
    os.close(slave)
    stop = threading.Event()
    thread = threading.Thread(target=line.serve, args=(master, stop), name="pad")
    thread.start()
    try:
        yield line
    finally:
        stop.set()
        thread.join()
        os.close(master)
