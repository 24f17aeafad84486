"""Makes disks sick and clocks wrong, of processes that were started on a host with faults."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from contracts.instants import SECOND
from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.faulty_host import Troubles, switch
from wenlan.proofs.notes import ClockSet, DiskSet, Notebook

DAY = 86_400
WELL = Faults()


def controls(data: Path, parts: list[str]) -> dict[str, Path]:
    """Name the files that switch the faults of processes, and make their folder."""
    (data / "controls").mkdir(exist_ok=True)
    return {part: data / "controls" / part for part in parts}


class Hosts:
    """What is wrong with the host of each process now."""

    def __init__(self, files: Mapping[str, Path], notes: Notebook) -> None:
        self._files = files
        self._notes = notes
        self._troubles: dict[str, Troubles] = defaultdict(Troubles)
        self.in_1970 = -(notes.now() // SECOND // DAY - 1) * DAY
        """Seconds by which a clock is ahead that says 1970, the same in all of a run."""

    def set_disk(self, part: str, faults: Faults) -> None:
        """Make a disk sick, or well again."""
        self._notes.write(DiskSet(self._notes.now(), part, faults != WELL))
        self._switch(part, Troubles(faults, self._troubles[part].clock_ahead))

    def set_clock(self, part: str, ahead: int) -> None:
        """Set a clock so many seconds ahead."""
        self._notes.write(ClockSet(self._notes.now(), part, ahead * SECOND))
        self._switch(part, Troubles(self._troubles[part].disk, float(ahead)))

    def _switch(self, part: str, troubles: Troubles) -> None:
        self._troubles[part] = troubles
        switch(self._files[part], troubles)
