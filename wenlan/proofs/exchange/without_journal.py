"""What is left of the edge's journal without one of its rules."""

from typing import Any

from contracts.messages import MOST_WAS
from contracts.ranges import Ranges
from edge.journal import file as journal_file
from edge.journal import journal, opening, packing, tracks, volatile
from edge.journal.file import JournalFile, delete_rows
from edge.journal.intake import Intake
from edge.journal.packing import Stored
from edge.journal.rows import Row, Was, row_of
from edge.journal.schema import Stream, number_of, read_was, save_stream
from runtime.database import transaction

Patch = tuple[Any, str, Any]
"""An owner, the name of what it has, and what it has instead."""


def nothing(*_: Any, **__: Any) -> None:
    return None


def doubt_is_gone() -> list[Patch]:
    return [(Intake, "judge", nothing)]


def doubt_is_done() -> list[Patch]:
    judge = Intake.judge
    return [(Intake, "judge", lambda self, _: judge(self, lambda __: True))]


def durable_in_memory() -> list[Patch]:
    take = volatile.Volatile.take

    def believing(self: Any, entry: Any, stamp: Any) -> None:
        take(self, entry, stamp)
        entry.promise.settle(kept=True)

    return [(volatile.Volatile, "take", believing)]


def second_volatile() -> list[Patch]:
    def open_stream(self: Any) -> Any:
        if not self.sick:
            return None
        if self.volatile is None or self.volatile.ended:
            self.volatile = volatile.Volatile(self.ids(), self._life)
        return self.volatile

    return [(Intake, "_open_stream", property(open_stream))]


def volatile_named_once() -> list[Patch]:
    named = volatile.Volatile.named

    def letting_go(self: Any, numbers: Ranges) -> None:
        named(self, numbers)
        gone = Ranges((low, high) for one in numbers for low, high in self.held.within(*one))
        self._remove(gone)

    def forget(self: Any, _: Ranges) -> None:
        self._thin_so = 0

    return [(volatile.Volatile, "named", letting_go), (volatile.Volatile, "forget", forget)]


def was(row: Row, *_: Any) -> Row | None:
    return row


def last_was(row: Row, stream: str, life: str, number: int) -> Row | None:
    return row._replace(was=(Was(stream, life, number),))


def later_was(row: Row, stream: str, life: str, number: int) -> Row | None:
    return row._replace(was=(*row.was, Was(stream, life, number))[-MOST_WAS:])


def lives_as_one() -> list[Patch]:
    read = JournalFile.read

    def whole(stream: Stream) -> Stream:
        newest = stream.lives[-1:]
        return stream._replace(lives=tuple(one._replace(since=1) for one in newest))

    def reading(self: Any, name: str, first: int, last: int, limits: Any) -> Any:
        stream = self.stream(name)
        if stream is None:
            return None, 0
        self.streams[stream.slot] = whole(stream)
        try:
            piece, rotten = read(self, name, first, last, limits)
        finally:
            self.streams[stream.slot] = stream
        return piece and piece._replace(since=stream.lives[-1].since), rotten

    def of_file(streams: Any, refused: Any, *, readable: bool, current: bool) -> list[Any]:
        since = {one.name: one.lives[-1].since for one in streams if one.lives}
        found = tracks.of_file(
            [whole(one) for one in streams], refused, readable=readable, current=current
        )
        return [one._replace(since=since[one.stream]) for one in found]

    return [(JournalFile, "read", reading), (journal, "of_file", of_file)]


def judged_late() -> list[Patch]:
    judge, following = Intake.judge, Intake.next_group
    asked: dict[Any, Any] = {}

    def later(self: Any, there: Any) -> None:
        asked[self] = there

    def next_group(self: Any, stamp: Any, reason: str) -> Any:
        if (there := asked.pop(self, None)) is not None:
            judge(self, there)
        return following(self, stamp, reason)

    return [(Intake, "judge", later), (Intake, "next_group", next_group)]


def no_end() -> list[Patch]:
    following = Intake.next_group

    def next_group(self: Any, stamp: Any, reason: str) -> Any:
        group = following(self, stamp, reason)
        group.extra = [row for row in group.extra if b'"volatile-ended"' not in row.body]
        return group

    return [(Intake, "next_group", next_group)]


def split_replace() -> list[Patch]:
    replace = JournalFile.replace

    def in_two(self: Any, name: str, gone: Ranges, kept: Any, notices: Any, stamp: Any) -> None:
        stream = self.stream(name)
        if stream is None:
            return
        with transaction(self.db):
            less = delete_rows(self.db, stream, gone)
            save_stream(self.db, less)
        self.streams[less.slot] = less
        if less.use == "left":
            self.write([row_of(one, stamp.segment, urgent=True) for one in notices], {}, stamp)
            self.write([*kept], {}, stamp)
        else:
            replace(self, name, Ranges(), kept, notices, stamp)

    return [(JournalFile, "replace", in_two)]


def unchecked() -> list[Patch]:
    def stored(words: Any, columns: Any) -> Stored:
        key, segment, block, at, _, was, body = columns
        before = read_was(words, was)
        like = words.block(abs(block)) if block else None
        row = Row(at, words.segment(segment) or "", like, block <= 0, body, before or ())
        return Stored(number_of(key), row, block)

    return [
        (packing, "stored", stored),
        (journal_file, "stored", stored),
        (journal_file, "sound", lambda _: True),
    ]


def no_closing() -> list[Patch]:
    return [(journal_file, "closing_rows", lambda *_: [])]


def one_life() -> list[Patch]:
    return [(opening, "_begin_life", nothing)]


def drop_silently(file: Any, name: str, number: int, stamp: Any) -> None:
    stream = file.stream(name)
    if stream is not None and number in stream.held:
        file.replace(name, Ranges([(number, number)]), [], [], stamp)


def refuse_at_once(self: Any, stream: str, life: str, first: int) -> None:
    before = self._writer.refused.get((stream, life), first)
    self._writer.refused[stream, life] = min(before, first)
    self._wake.set()
    self._announce()
