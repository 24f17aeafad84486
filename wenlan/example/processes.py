"""Starts processes, starts them again when they end, and writes down when that was."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.instants import Instant
from wenlan.example.leftovers import FOLDER_VARIABLE
from wenlan.proofs.notes import DIARY

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 5.0
STEADY = 30.0
"""Seconds after which a process counts as having started well."""
GRACE = 15.0
"""Seconds a process has to end after SIGTERM."""
LAST_WORDS = 1000
"""Bytes at the end of a log in which its last line is looked for."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process: what to run and with which environment."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """Keeps parts running. Their output goes to `logs/NAME.log`, their ids to `pids/NAME`."""

    def __init__(
        self, folder: Path, now: Callable[[], Instant], say: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._now = now
        self.say = say
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[str] = set()
        self._unwritten: list[str] = []
        """Lines of the diary that the disk has not taken yet."""
        self._disk_refuses = False
        for name in ("logs", "pids"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def keep(self, group: asyncio.TaskGroup, part: Part) -> None:
        """Start a part and keep it running until `end` is called for it."""
        self._ending.discard(part.name)
        self._tasks[part.name] = group.create_task(self._keep(part), name=f"keep {part.name}")

    def pid(self, name: str) -> int | None:
        """Give the process id of a part that is running now."""
        process = self._running.get(name)
        return process.pid if process and process.returncode is None else None

    async def end(self, name: str) -> None:
        """Ask a part to end, wait, and kill it when it does not."""
        process = self._running.get(name)
        if self.pid(name) is not None and process is not None:
            self._note(name, "ending", process.pid)
            process.send_signal(signal.SIGTERM)
        await self._wait_for(name)

    async def kill(self, name: str) -> None:
        """End a part in the middle of whatever it does, and do not start it again."""
        process = self._running.get(name)
        if self.pid(name) is not None and process is not None:
            process.kill()
        await self._wait_for(name)

    async def end_all(self) -> None:
        """End every part that still runs, the last started first."""
        for name in reversed(list(self._tasks)):
            await self.end(name)

    async def _wait_for(self, name: str) -> None:
        """Wait for a part that was told to end; it is not started again."""
        self._ending.add(name)
        task = self._tasks.pop(name, None)
        process = self._running.get(name)
        if process is not None and process.returncode is None:
            try:
                async with asyncio.timeout(GRACE):
                    await process.wait()
            except TimeoutError:
                self.say(f"{name} did not end within {GRACE:.0f} s and was killed")
                process.kill()
                await process.wait()
        if task is not None:
            # It writes down that the process ended, unless it was only waiting to start another.
            await asyncio.wait((task,), timeout=SHORTEST_PAUSE)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep(self, part: Part) -> None:
        pause = SHORTEST_PAUSE
        loop = asyncio.get_running_loop()
        while part.name not in self._ending:
            begun = loop.time()
            code = await self._once(part)
            if part.name in self._ending:
                return
            pause = SHORTEST_PAUSE if loop.time() - begun > STEADY else pause
            why = self._why(part, code)
            self.say(f"{part.name} ended ({_reason(code)}); starting it again{why}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _once(self, part: Part) -> int:
        with self._log(part).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *part.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **part.environment, FOLDER_VARIABLE: str(self._folder)},
                start_new_session=True,
            )
        self._running[part.name] = process
        self._note(part.name, "started", process.pid)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            # The supervisor itself is leaving: take the part along.
            if process.returncode is None:
                process.kill()
            raise
        self._note(part.name, "ended", process.pid, code)
        return code

    def _log(self, part: Part) -> Path:
        return self._folder / "logs" / f"{part.name}.log"

    def _why(self, part: Part, code: int) -> str:
        """Give the last words of a part that ended by itself with a failure."""
        if code <= 0:
            return ""
        lines = self._log(part).read_bytes()[-LAST_WORDS:].decode(errors="replace").splitlines()
        return f"\n    {lines[-1].strip()}" if lines else ""

    def _note(self, name: str, what: str, pid: int, code: int | None = None) -> None:
        line = {"at": self._now(), "part": name, "what": what, "pid": pid, "code": code}
        self._unwritten.append(json.dumps(line) + "\n")
        identity = self._folder / "pids" / name
        try:
            _append(self._folder / DIARY, "".join(self._unwritten))
            self._unwritten.clear()
            if what == "started":
                identity.write_text(f"{pid}\n", encoding="utf-8")
            else:
                identity.unlink(missing_ok=True)
        except OSError as error:
            # A full disk is each process's own affair: they are kept running all the same.
            if not self._disk_refuses:
                self.say(f"{self._folder} cannot be written to: {error.strerror}")
            self._disk_refuses = True
        else:
            self._disk_refuses = False


def _append(path: Path, text: str) -> None:
    """Append all of a text or nothing."""
    with path.open("ab") as file:
        before = file.tell()
        try:
            file.write(text.encode())
            file.flush()
        except OSError:
            os.truncate(path, before)
            raise


def _reason(code: int) -> str:
    return f"status {code}" if code >= 0 else signal.Signals(-code).name


async def until(
    ready: Callable[[], Awaitable[bool]], seconds: float, what: str, step: float = 0.1
) -> None:
    """Wait until `ready` says so; raise TimeoutError that names `what` after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not await ready():  # noqa: ASYNC110 - another process has no event of ours
                await asyncio.sleep(step)
    except TimeoutError as error:
        raise TimeoutError(f"{what}: not after {seconds:.0f} s") from error
