"""What was done on purpose, as notes and diary tell it."""

import json
from pathlib import Path

from contracts.instants import SECOND
from wenlan.proofs.notes import (
    DIARY,
    NEVER,
    BrokerBack,
    ClockSet,
    DiskSet,
    JournalSpoilt,
    Killed,
    Notebook,
    Span,
    read_notes,
)


def diary(data: Path, *told: tuple[int, str, str, int | None]) -> None:
    lines = (
        json.dumps({"at": at, "part": part, "what": what, "pid": 1, "code": code}) + "\n"
        for at, part, what, code in told
    )
    (data / DIARY).write_text("".join(lines), encoding="utf-8")


def test_a_building_that_was_left_in_peace_has_none(tmp_path: Path) -> None:
    notes = read_notes(tmp_path)
    assert not notes.kills
    assert not notes.failed


def test_notes_are_sorted(tmp_path: Path) -> None:
    book = Notebook(tmp_path, lambda: 0)
    for note in (
        Killed(5, "edge-a"),
        DiskSet(7, "edge-a", sick=True),
        DiskSet(9, "edge-a", sick=False),
        DiskSet(20, "gateway", sick=True),
        ClockSet(8, "edge-a", -3600),
        JournalSpoilt(9, "a", {"s": 4, "t": 2}),
        JournalSpoilt(10, "a", {"s": 3}),
        BrokerBack(11),
    ):
        book.write(note)
    notes = read_notes(tmp_path)
    assert notes.kills == {"edge-a": [5]}
    assert notes.sick == {"edge-a": [Span(7, 9)], "gateway": [Span(20, NEVER)]}
    assert notes.clocks == {"edge-a": [(8, -3600)]}
    assert (notes.given, notes.spoilt) == ({"s": 4, "t": 2}, {"a": [9, 10]})
    assert notes.broker_back == [11]
    assert notes.was_sick("edge-a", 8)
    assert not notes.was_sick("edge-a", 10)
    assert notes.was_sick("edge-a", 10, within=1)


def test_the_diary_tells_how_processes_ended(tmp_path: Path) -> None:
    Notebook(tmp_path, lambda: 0).write(Killed(5, "edge-a"))
    diary(
        tmp_path,
        (6, "edge-a", "ended", -9),
        (30 * SECOND, "edge-b", "ended", -9),
        (7, "gateway", "ending", None),
        (9, "gateway", "ended", 0),
    )
    notes = read_notes(tmp_path)
    assert notes.kills == {"edge-a": [5], "edge-b": [30 * SECOND]}, "a kill is counted once"
    assert notes.ends == {"gateway": [Span(7, 9)]}
    assert not notes.failed


def test_a_process_that_ends_by_itself_is_told_of_unless_a_gateway_found_its_disk_sick(
    tmp_path: Path,
) -> None:
    book = Notebook(tmp_path, lambda: 0)
    book.write(DiskSet(5, "gateway", sick=True))
    book.write(DiskSet(SECOND, "gateway", sick=False))
    diary(tmp_path, (2 * SECOND, "gateway", "ended", 2), (8, "edge-a", "ended", 1))
    assert read_notes(tmp_path).failed == ["edge-a ended by itself, with status 1"]
