"""The sequence ledger as rows: read once at the start, then only what changed is written."""

from collections import defaultdict

from contracts.instants import Instant
from gateway.ingest.holes import Hole
from gateway.ingest.number_ranges import NumberRanges
from gateway.ingest.sequence_ledger import SequenceLedger
from gateway.ingest.stream import Life, Rows, State, Stream
from gateway.storage.ports import Statements


def load(store: Statements) -> SequenceLedger:
    """Read the ledger of a store."""
    lives: dict[int, list[Life]] = defaultdict(list)
    held: dict[int, list[tuple[int, int]]] = defaultdict(list)
    holes: dict[int, list[Hole]] = defaultdict(list)
    formerly: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for stream, *life in store.rows("lives"):
        lives[stream].append(Life(*life))
    for stream, first, last in store.rows("committed_ranges"):
        held[stream].append((first, last))
    for stream, *hole in store.rows("gaps"):
        holes[stream].append(Hole(*hole))
    for stream, name, first, last in store.rows("formerly"):
        formerly[stream].append((name, first, last))
    streams = [
        Stream(
            one,
            name,
            edge,
            State(settled_to, newest, session, bool(ended), unnamed),
            Rows(lives[one], held[one], holes[one], formerly[one]),
        )
        for one, name, edge, settled_to, newest, session, ended, unnamed in store.rows("streams")
    ]

    def born(name: str, edge: str, now: Instant) -> int:
        row = store.one("new_stream", name, edge, now)
        assert row is not None
        return int(row[0])

    return SequenceLedger(streams, born)


def save(store: Statements, ledger: SequenceLedger) -> int:
    """Write what changed; give how many numbers came that were missed."""
    filled = 0
    for stream in ledger.touched.values():
        _save_held(store, stream)
        _save_holes(store, stream)
        store.many("new_life", [(stream.id, *life) for life in stream.new_lives])
        stream.new_lives.clear()
        for life, numbers in stream.formerly.items():
            _save_formerly(store, stream.id, life, numbers)
        store.many("add_elsewhere", [(stream.id, number) for number in stream.elsewhere])
        stream.elsewhere.clear()
        if stream.state != stream.stored:
            store.run("keep_stream", *stream.state, stream.id)
            stream.stored = stream.state
        filled += stream.filled
        stream.filled = 0
    ledger.touched.clear()
    return filled


def _save_held(store: Statements, stream: Stream) -> None:
    changed = [(first, stream.held.last_of(first)) for first in sorted(stream.held.changed)]
    gone = [(stream.id, first) for first, last in changed if last is None]
    store.many("uncommit_range", gone)
    store.many("commit_range", [(stream.id, *one) for one in changed if one[1] is not None])
    stream.held.changed.clear()


def _save_holes(store: Statements, stream: Stream) -> None:
    changed = [(first, stream.hole(first)) for first in sorted(stream.holes_changed)]
    store.many("close_gap", [(stream.id, first) for first, hole in changed if hole is None])
    store.many("open_gap", [(stream.id, *hole) for _, hole in changed if hole is not None])
    stream.holes_changed.clear()


def _save_formerly(store: Statements, stream: int, life: str, numbers: NumberRanges) -> None:
    for first in sorted(numbers.changed):
        last = numbers.last_of(first)
        if last is None:
            store.run("drop_formerly", stream, life, first)
        else:
            store.run("keep_formerly", stream, life, first, last)
    numbers.changed.clear()
