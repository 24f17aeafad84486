"""What really happened, written down outside of the system under test.

One JSON object a line. Every line has `kind` and `at` (an `Instant`, wall clock):

- `poll`, in a file of its own: a read that was answered: device, unit, function, start, words
  (bits as 0 and 1), and `fault` when the answer went through one, so that the client may not have
  got or believed it
- `write`: a write that was carried out: device, unit, function, start, words
- `pulse`: a person passed: device, channel, total (people since the start), counter (register)
- `fault`: device, what, since, until (null: until cleared)

Other simulators write kinds of their own.
"""

import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from contracts.instants import Instant

POLLS = "polls.jsonl"
"""The file of the polls, beside the ledger. They are most of all lines, and they alone get old."""
LARGEST = 256 * 2**20
"""Bytes after which the polls are put aside as `<name>.1` and a new file begins."""


class Ledger:
    """Appends lines to a file, each handed to the kernel before the call returns. One writer."""

    def __init__(
        self,
        path: Path,
        now: Callable[[], Instant],
        *,
        polls: bool = True,
        largest: int = LARGEST,
    ) -> None:
        self.path = path
        self.polls = path.with_name(POLLS)
        self._now = now
        self._keep_polls = polls
        self._largest = largest
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._poll_file = self.polls.open("ab", buffering=0)

    def __call__(self, kind: str, **fields: Any) -> None:
        """Write one line; `at` is now unless given. Polls may be switched off."""
        if kind == "poll" and not self._keep_polls:
            return
        line = {"kind": kind, "at": self._now(), **fields}
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if kind == "poll":
            self._write_poll(text)
        else:
            self._file.write(text)

    def _write_poll(self, text: bytes) -> None:
        self._poll_file.write(text)
        if self._poll_file.tell() > self._largest:
            self._poll_file.close()
            self.polls.replace(self.polls.with_name(f"{POLLS}.1"))
            self._poll_file = self.polls.open("ab", buffering=0)

    def close(self) -> None:
        """Close the files; further lines are an error."""
        self._file.close()
        self._poll_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
