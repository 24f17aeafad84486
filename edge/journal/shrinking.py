"""Makes room in a journal, and gives rows new numbers, in steps of one short commit each."""

from contracts.messages import MOST_WAS
from contracts.ranges import Ranges
from contracts.records import Record, RecordsGivenUp
from edge.journal.file import JournalFile
from edge.journal.packing import Stored
from edge.journal.rows import Row, Stamp, moved
from edge.journal.schema import Life, Stream
from edge.journal.thinning import SLICE, Candidate, every_second

MOVED_TOO_OFTEN = "it had too many numbers before"


class Thinner:
    """Walks over a journal, oldest rows first: gently, and when that gives nothing, over again."""

    def __init__(self) -> None:
        self.hopeless = False
        """There is nothing left that may go."""
        self._gently = True
        self._looked_to: dict[tuple[str, int], int] = {}

    def begin_again(self) -> None:
        """Look at everything anew."""
        self.hopeless, self._gently = False, True
        self._looked_to.clear()

    def step(self, file: JournalFile, stamp: Stamp, reason: str) -> int:
        """Look at one slice, and give up what may go; say how many rows that was."""
        for stream, life, last in _lives(file):
            begin = self._looked_to.get((stream.name, life.since), life.since - 1) + 1
            rows = file.rows(stream, begin, last, SLICE)
            if not rows:
                continue
            gone = self._to_go(rows)
            if not gone:
                self._looked_to[stream.name, life.since] = rows[-1].number
                return 0
            renumber(file, (stream, life), rows, gone, stamp, reason)
            return len(gone)
        self._looked_to.clear()
        self.hopeless = not self._gently
        self._gently = False
        return 0

    def _to_go(self, rows: list[Stored]) -> frozenset[int]:
        return every_second(
            (
                Candidate(one.number, one.row.at, one.block)
                for one in rows
                if one.row is not None and one.row.thinnable
            ),
            gently=self._gently,
        )


def _lives(file: JournalFile) -> list[tuple[Stream, Life, int]]:
    """Give what is held, oldest first: streams that drain, then the own one, life by life."""
    streams = sorted(file.streams.values(), key=lambda one: (one.use == "own", one.slot))
    return [
        (stream, life, last)
        for stream in streams
        if stream.use != "left"
        for life, last in stream.spans
    ]


def renumber(
    file: JournalFile,
    owner: tuple[Stream, Life],
    rows: list[Stored],
    gone: frozenset[int],
    stamp: Stamp,
    reason: str,
) -> None:
    """Delete consecutive rows of a life and write all but `gone` again, in one commit.

    An event that had too many numbers stays where it is; what is lost is declared.
    """
    stream, life = owner
    kept: list[Row] = []
    deleted: list[int] = []
    lost: list[Stored] = []
    for one in rows:
        again = moved(one.row, stream.name, life.life, one.number) if one.row else None
        if one.row and again is None and not one.row.thinnable:
            continue
        deleted.append(one.number)
        if again is not None and one.number not in gone:
            kept.append(again)
        else:
            lost.append(one)
    notices: list[Record] = []
    if lost:
        moments = [one.row.at for one in lost if one.row] or [0]
        notices.append(
            RecordsGivenUp(
                stamp.at,
                stream.name,
                life.life,
                rows[0].number,
                rows[-1].number,
                min(moments),
                max(moments),
                reason,
            )
        )
    numbers = Ranges((number, number) for number in deleted)
    file.replace(stream.name, numbers, kept, notices, stamp)


def move_refused(file: JournalFile, name: str, life: str, first: int, stamp: Stamp) -> bool:
    """Give some rows of a life, from `first` on, new numbers in the own stream; say if any were.

    The gateway says that another life owns these numbers.
    """
    stream = file.stream(name)
    span = stream.span_of(life) if stream is not None else None
    if stream is None or span is None:
        return False
    rows = file.rows(stream, max(first, span.first), span.last, SLICE)
    rows = [one for one in rows if one.row is None or len(one.row.was) < MOST_WAS]
    if not rows:
        return False
    owner = (stream, stream.life_of(span.first))
    renumber(file, owner, rows, frozenset(), stamp, MOVED_TOO_OFTEN)
    return True


def drop_rotten(file: JournalFile, name: str, number: int, stamp: Stamp) -> None:
    """Delete a row that is not what was written, and declare its hole, in one commit."""
    stream = file.stream(name)
    if stream is None or number not in stream.held:
        return
    life = stream.life_of(number).life
    notice = RecordsGivenUp(
        stamp.at, name, life, number, number, 0, 0, "its bytes are not what was written"
    )
    file.replace(name, Ranges([(number, number)]), [], [notice], stamp)
