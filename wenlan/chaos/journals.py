"""Spoils the journals of edges: a bit is flipped, one vanishes, an old copy is put back."""

from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from runtime.database import DatabaseError, connect
from wenlan.chaos.blows import Blow, Kind
from wenlan.proofs.notes import JournalSpoilt, Notebook
from wenlan.proofs.numbers import ends_of

COPIES = 3
"""Copies of each journal that are kept, one a blow."""
BESIDE = ("", "-wal", "-shm")


class Journals:
    """The journals in a building's folder, and some older copies of each."""

    def __init__(self, data: Path, notes: Notebook, say: Callable[[str], None]) -> None:
        self._data = data
        self._notes = notes
        self._say = say
        self._copies: dict[str, deque[Path]] = defaultdict(lambda: deque(maxlen=COPIES))
        (data / "copies").mkdir(exist_ok=True)

    def copy(self, edges: list[str], count: int) -> None:
        """Keep a copy of each journal as it is now; of one that cannot be read, none."""
        for edge in edges:
            path = self._path(edge)
            copy = self._data / "copies" / f"{path.stem}-{count}.sqlite3"
            if not path.exists():
                continue
            try:
                with closing(connect(path, read_only=True)) as journal:
                    journal.pragma("query_only", 0)
                    journal.execute("VACUUM INTO ?", (str(copy),))
            except DatabaseError:
                copy.unlink(missing_ok=True)
            else:
                self._copies[edge].append(copy)

    def spoil(self, edge: str, blow: Blow) -> None:
        """Do what a blow does to a journal; what it had given out is noted before."""
        self._note_given(edge)
        match blow.kind:
            case Kind.FLIP:
                flip(self._path(edge), blow)
            case Kind.VANISH:
                self._remove(edge)
            case Kind.OLD_COPY:
                self._put_back(edge, blow.age)

    def _note_given(self, edge: str) -> None:
        given: dict[str, int] = {}
        try:
            given.update((end.stream, end.last) for end in ends_of(self._path(edge)))
        except DatabaseError as error:
            self._say(f"      its journal cannot be read now ({error})")
        self._notes.write(JournalSpoilt(self._notes.now(), edge, given))

    def _put_back(self, edge: str, age: int) -> None:
        copies = self._copies[edge]
        self._remove(edge)
        if copies:
            copy = copies[-min(age, len(copies))]
            self._path(edge).write_bytes(copy.read_bytes())
        else:
            self._say("      there is no copy of it yet: it vanishes")

    def _remove(self, edge: str) -> None:
        path = self._path(edge)
        for suffix in BESIDE:
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def _path(self, edge: str) -> Path:
        return self._data / f"journal-{edge}.sqlite3"


def flip(path: Path, blow: Blow) -> None:
    """Flip one bit of a database or of its write-ahead log, if that is not empty."""
    log = path.with_name(f"{path.name}-wal")
    target = log if blow.log and log.exists() and log.stat().st_size else path
    if not target.exists() or not target.stat().st_size:
        return
    size = target.stat().st_size
    place = min(int(blow.share * size), size - 1)
    with target.open("r+b", buffering=0) as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes((byte ^ (1 << blow.bit),)))
