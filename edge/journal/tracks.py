"""What a journal still holds, as the uplink sees it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from contracts.ranges import Ranges
from edge.journal.schema import Stream
from edge.journal.volatile import Volatile


class Track(NamedTuple):
    """The rows of one life in one stream."""

    stream: str
    life: str
    since: int
    use: str
    """`own`, `volatile` or `draining`."""
    current: bool
    """Whether new records go to it."""
    held: Ranges
    readable: bool
    """False while the disk is sick."""
    oldest: int
    """The lowest number that is held of the stream; the next one when none is."""
    next: int
    """The number that the stream's next record will get."""


def of_file(
    streams: Iterable[Stream],
    refused: Mapping[tuple[str, str], int],
    *,
    readable: bool,
    current: bool,
) -> list[Track]:
    """Give the tracks of a file. What is refused is about to be moved, and is not sent."""
    tracks: list[Track] = []
    for stream in streams:
        if stream.use == "left":
            continue
        own = stream.use == "own"
        for life, last in stream.spans:
            refused_from = refused.get((stream.name, life.life), last + 1)
            held = stream.held.within(life.since, min(last, refused_from - 1))
            newest = own and life is stream.lives[-1]
            if len(held) or newest:
                tracks.append(
                    Track(
                        stream.name,
                        life.life,
                        life.since,
                        stream.use,
                        newest and current,
                        held,
                        readable,
                        stream.oldest,
                        stream.last + 1,
                    )
                )
    return tracks


def of_memory(volatile: Volatile) -> Track:
    """Give the track of the stream in memory."""
    first = next(iter(volatile.held), None)
    following = volatile.last + 1
    return Track(
        volatile.stream,
        volatile.life,
        1,
        "volatile",
        not volatile.ended,
        volatile.held,
        readable=True,
        oldest=first.first if first else following,
        next=following,
    )
