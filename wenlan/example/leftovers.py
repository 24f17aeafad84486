"""Processes that an example left running when it was killed itself."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from wenlan.proofs.notes import DIARY

FOLDER_VARIABLE = "WENLAN_EXAMPLE"
"""Tells each process of an example its folder; a pid alone may long be somebody else's."""
GRACE = 5.0
"""Seconds a left-over process has to end after SIGTERM."""
LOOK = 0.05


def left_over(folder: Path) -> dict[int, str]:
    """Give the processes of this folder that still run, by their ids."""
    running: dict[int, str] = {}
    diary = folder / DIARY
    lines = diary.read_text(encoding="utf-8").splitlines() if diary.exists() else []
    for line in lines:
        try:
            note = json.loads(line)
        except ValueError:
            continue  # cut off when its writer was killed
        if note["what"] == "started":
            running[note["pid"]] = note["part"]
        elif note["what"] == "ended":
            running.pop(note["pid"], None)
    return {pid: part for pid, part in running.items() if _belongs(pid, folder)}


def _belongs(pid: int, folder: Path) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False  # it has ended, or is somebody else's
    return f"{FOLDER_VARIABLE}={folder}".encode() in environment.split(b"\0")


def end_left_over(folder: Path, say: Callable[[str], None]) -> None:
    """End what an earlier example left running, and say so."""
    found = left_over(folder)
    if not found:
        return
    named = ", ".join(f"{part} ({pid})" for pid, part in found.items())
    say(f"The last run was killed and left processes behind; they are ended now: {named}.")
    for sign, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        for pid in left_over(folder):
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
        until = time.monotonic() + patience
        while left_over(folder) and time.monotonic() < until:
            time.sleep(LOOK)
