"""Runs an ordinary subcommand on a host with faults, which a file switches from outside.

    python -m wenlan.proofs.faulty_host CONTROL-FILE edge stacks --site SITE --data FOLDER

The product has no switch for faults: this entry hands it another disk and another clock.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import msgspec

from contracts.instants import SECOND
from runtime.database import connect
from runtime.host import Host, system_host
from wenlan import cli
from wenlan.proofs.disk_faults import Disk, Faults
from wenlan.proofs.faulty_files import FaultyFolder, FileLayer

FILE_LAYER = "faulty"


class Troubles(msgspec.Struct, forbid_unknown_fields=True):
    """What is wrong with a host now."""

    disk: Faults = msgspec.field(default_factory=Faults)
    clock_ahead: float = 0.0
    """Seconds by which its wall clock is ahead of this machine's; below 0, behind."""


class Control:
    """Looks at a control file before each turn of disk or clock; without one all is well."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._troubles = Troubles()

    def __call__(self) -> Troubles:
        """Give the troubles of now."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._troubles = None, Troubles()
            return self._troubles
        if self._seen != (seen := (found.st_mtime_ns, found.st_ino)):
            self._troubles = msgspec.json.decode(self._path.read_bytes(), type=Troubles)
            self._seen = seen
        return self._troubles


def switch(control: Path, troubles: Troubles) -> None:
    """Set the troubles of a running process; the file is replaced as a whole."""
    beside = control.with_name(f"{control.name}.new")
    beside.write_bytes(msgspec.json.encode(troubles))
    beside.replace(control)


def faulty_host(control: Callable[[], Troubles]) -> tuple[Host, FileLayer]:
    """Give this machine with faults; its file layer is there as long as somebody holds it."""
    host = system_host()
    disk = Disk(lambda: control().disk, Random())  # noqa: S311 - chance, not secrets
    layer = FileLayer(FILE_LAYER, disk)
    wall = host.clock.wall
    clock = replace(host.clock, wall=lambda: wall() + round(control().clock_ahead * SECOND))
    faulty = replace(
        host,
        clock=clock,
        connect=partial(connect, vfs=FILE_LAYER),
        folder=lambda path: FaultyFolder(path, disk),
    )
    return faulty, layer


def main() -> int:
    """Run the subcommand that stands behind the control file's name."""
    host, layer = faulty_host(Control(Path(sys.argv[1])))
    try:
        return cli.main(sys.argv[2:], host)
    finally:
        del layer  # held until here


if __name__ == "__main__":
    sys.exit(main())
