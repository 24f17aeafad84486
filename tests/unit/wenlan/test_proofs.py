import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from config.loader import load_site
from config.site import Site
from runtime.database import connect
from tests.unit.wenlan.agreeing_books import (
    DROP,
    LAST,
    LOAN,
    READINGS,
    SECOND,
    SITE,
    WRITE,
    agreeing,
    end_command,
    keep_command,
)
from wenlan.proofs.absences import Opening
from wenlan.proofs.loans import compare_loans
from wenlan.proofs.report import Report, examine


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    path = tmp_path / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    return load_site(path, {}).site


@pytest.fixture(name="books")
def _books(tmp_path: Path) -> Path:
    return agreeing(tmp_path)


def after(books: Path, change: str) -> Callable[[Site], Report]:
    with closing(connect(books / "store.sqlite3")) as store:
        store.execute(change)
        assert store.changes() == 1, "the mutation must change exactly one row"
    return lambda site: examine(site, books)


def test_books_that_agree_are_clean(site: Site, books: Path) -> None:
    report = examine(site, books)
    assert report.clean, report.text()
    assert (report.accounts.given_out, report.accounts.stored, report.accounts.readings) == (
        10, 10, 8,
    )  # fmt: skip
    assert (report.readings.answers, report.readings.rows) == (8, 8)
    assert (report.crossings.visits, report.loans.loans, report.deliveries.deliveries) == (3, 1, 1)
    assert (report.commands.by_status, report.commands.writes) == ({"done": 1, "failed": 1}, 1)


@pytest.mark.parametrize("seq", range(1, READINGS + 1))
def test_a_deleted_row_is_found(site: Site, books: Path, seq: int) -> None:
    report = after(books, f"DELETE FROM reading WHERE seq = {seq}")(site)
    assert [one for one in report.findings if one.startswith("lost")]


@pytest.mark.parametrize("seq", range(1, READINGS + 1))
def test_a_doubled_row_is_found(site: Site, books: Path, seq: int) -> None:
    double = (
        "INSERT INTO reading SELECT point, at + 1, stream, seq, value, quality, received"
        f" FROM reading WHERE seq = {seq}"
    )
    report = after(books, double)(site)
    assert [one for one in report.findings if one.startswith("doubled")]


@pytest.mark.parametrize("seq", range(1, READINGS + 1))
def test_a_doubled_row_under_a_new_number_is_found(site: Site, books: Path, seq: int) -> None:
    double = (
        "INSERT INTO reading SELECT point, at + 1, stream, seq + 100, value, quality, received"
        f" FROM reading WHERE seq = {seq}"
    )
    assert not after(books, double)(site).clean


@pytest.mark.parametrize("seq", range(1, READINGS + 1))
def test_an_altered_value_is_found(site: Site, books: Path, seq: int) -> None:
    report = after(books, f"UPDATE reading SET value = value + 5 WHERE seq = {seq}")(site)
    assert [one for one in report.findings if one.startswith("altered")]


@pytest.mark.parametrize("seq", range(1, READINGS + 1))
def test_a_moved_time_is_found(site: Site, books: Path, seq: int) -> None:
    report = after(books, f"UPDATE reading SET at = at + 3600000000 WHERE seq = {seq}")(site)
    assert [one for one in report.findings if one.startswith("altered")]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM loan",
        "UPDATE loan SET item = 'B9'",
        "INSERT INTO loan SELECT 'L2', kiosk, action, step, item, '', '', '', 0, 0 FROM loan",
        "DELETE FROM delivery",
        "UPDATE delivery SET id = 'D9'",
        "UPDATE crossing SET count = count + 1",
        "UPDATE crossing SET count = count - 1",
    ],
)
def test_loans_deliveries_and_crossings_must_agree(site: Site, books: Path, change: str) -> None:
    assert not after(books, change)(site).clean


def test_an_answer_that_was_never_stored_is_found_unless_the_edge_was_killed(
    site: Site, books: Path
) -> None:
    extra = {"kind": "poll", "at": 60 * SECOND, "device": "probe", "unit": 1, "function": 4,
             "start": 1, "words": [300, 500]}  # fmt: skip
    with (books / "ledger.jsonl").open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(extra) + "\n")
    assert not examine(site, books).clean
    for at, clean in ((60.1, True), (59.9, True), (61.0, False), (58.0, False)):
        end = {"at": round(at * SECOND), "part": "edge-only", "what": "ended", "pid": 1, "code": -9}
        (books / "supervisor.jsonl").write_text(json.dumps(end) + "\n", encoding="utf-8")
        report = examine(site, books)
        assert report.clean == clean, report.text()
    assert report.missing.lost


def test_an_answer_that_came_too_late_is_no_loss_when_the_edge_said_so(
    site: Site, books: Path
) -> None:
    late = {"kind": "poll", "at": 60 * SECOND, "device": "probe", "unit": 1, "function": 4,
            "start": 1, "words": [300, 500]}  # fmt: skip
    with (books / "ledger.jsonl").open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(late) + "\n")
    for seq, (at, available) in enumerate(((61, False), (63, True)), start=LAST + 1):
        body = json.dumps({"kind": "device", "device": "probe", "available": available})
        place = f"1, {seq}, {at * SECOND}, 0, 'device', 'probe'"
        event = f"INSERT INTO event VALUES ({place}, CAST('{body}' AS BLOB))"
        after(books, event)
        report = after(books, f"UPDATE committed SET last = {seq}")(site)
    assert report.clean, report.text()
    assert report.missing.unheard == 2


HOLE = "INSERT INTO gap (stream, first, last, noticed, cause) VALUES (1, 11, 14, 0, '{}')"
LONGER = "UPDATE stream SET last = 14"


def journal(books: Path, change: str, *values: int) -> None:
    with closing(connect(books / "journal-only.sqlite3")) as connection:
        connection.execute(change, values)


def test_what_the_journal_still_holds_is_not_lost(site: Site, books: Path) -> None:
    journal(books, LONGER)
    after(books, HOLE.format(""))
    assert not examine(site, books).clean
    for number in range(11, 15):
        journal(books, "INSERT INTO entry VALUES (?, 1, 0, 0, 0, NULL, x'')", number)
    assert examine(site, books).clean


@pytest.mark.parametrize("cause", ["thinned", "given-up", "closed"])
def test_what_an_edge_declared_is_not_lost(site: Site, books: Path, cause: str) -> None:
    journal(books, LONGER)
    report = after(books, HOLE.format(cause))(site)
    assert report.clean, report.text()
    assert (report.accounts.declared, report.accounts.given_out) == (4, 14)


def test_what_is_missing_below_the_oldest_is_lost_unless_the_store_is_an_old_copy(
    site: Site, books: Path
) -> None:
    journal(books, LONGER)
    after(books, HOLE.format(""))
    assert not after(books, "UPDATE stream SET settled_to = 15")(site).clean
    assert after(books, "INSERT INTO lost_time VALUES ('only', 0, 9, 9)")(site).clean


def test_a_number_without_a_row_needs_its_record_elsewhere(site: Site, books: Path) -> None:
    assert not after(books, "UPDATE committed SET last = 11")(site).clean
    assert after(books, "INSERT INTO elsewhere VALUES (1, 11)")(site).clean


def test_one_reading_under_two_numbers_is_found(site: Site, books: Path) -> None:
    after(books, "UPDATE committed SET last = 11")
    report = after(
        books,
        "INSERT INTO reading SELECT point, at, stream, 11, value, quality, received"
        " FROM reading WHERE seq = 1",
    )(site)
    assert [one for one in report.findings if one.startswith("doubled: probe/temperature")]


def test_rows_that_changed_their_numbers_are_found_unless_they_were_given_new_ones(
    site: Site, books: Path
) -> None:
    """The first reading of the temperature and its last one have each other's number."""
    for old, new in ((1, 100), (7, 1), (100, 7)):
        change = f"UPDATE reading SET seq = {new} WHERE seq = {old}"
        report = after(books, change)(site)
    assert [one for one in report.findings if "older than one before it" in one]
    with closing(connect(books / "store.sqlite3")) as store:
        for number in range(11, 16):
            store.execute(f"INSERT INTO elsewhere VALUES (1, {number})")
        store.execute("UPDATE committed SET last = 15")
    assert examine(site, books).clean


def test_two_answers_that_changed_places_are_found(site: Site, books: Path) -> None:
    """The humidity that was read first is stored last, with all its values in the store."""
    for old, new in ((2_001_000, 9), (4_001_000, 2_001_000), (9, 4_001_000)):
        change = f"UPDATE reading SET at = {new} WHERE at = {old} AND point = 2"
        report = after(books, change)(site)
    assert not report.clean


HOUR = 3600 * SECOND
STEPPED = {"type": "clock", "at": 0, "part": "edge-only", "ahead": HOUR}


def noted(books: Path, *notes: dict[str, object]) -> None:
    text = "".join(json.dumps(one) + "\n" for one in notes)
    (books / "blows.jsonl").write_text(text, encoding="utf-8")


@pytest.fixture(name="stepped")
def _stepped(site: Site, books: Path) -> Path:
    """The same books of an edge whose clock was an hour ahead."""
    noted(books, {**STEPPED, "at": -10 * SECOND})
    with closing(connect(books / "store.sqlite3")) as store:
        store.execute("UPDATE reading SET received = at")
        store.execute(f"UPDATE reading SET at = at + {HOUR}")
    report = examine(site, books)
    assert report.clean, report.text()
    assert (report.readings.rows, report.crossings.undated) == (8, ["gate entry"])
    return books


@pytest.mark.parametrize("seq", range(1, READINGS + 1))
@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM reading WHERE seq = {}",
        "UPDATE reading SET value = value + 5 WHERE seq = {}",
        f"UPDATE reading SET at = at + {HOUR} WHERE seq = {{}}",
        f"UPDATE reading SET at = at - {HOUR} WHERE seq = {{}}",
        "UPDATE reading SET at = at + 60000000 WHERE seq = {}",
        "INSERT INTO reading SELECT point, at + 1, stream, 100, value, quality, received"
        " FROM reading WHERE seq = {}",
    ],
)
def test_the_same_is_found_of_an_edge_whose_clock_stepped(
    site: Site, stepped: Path, change: str, seq: int
) -> None:
    assert not after(stepped, change.format(seq))(site).clean


def unanswered(books: Path, *seconds: float) -> None:
    lines = (
        {"kind": "poll", "at": round(at * SECOND), "device": "probe", "unit": 1, "function": 4,
         "start": 1, "words": [300, 500]}
        for at in seconds
    )  # fmt: skip
    with (books / "ledger.jsonl").open("a", encoding="utf-8") as ledger:
        ledger.writelines(json.dumps(line) + "\n" for line in lines)


def hole(books: Path, first: int, last: int, since: float, until: float, cause: str) -> None:
    journal(books, f"UPDATE stream SET last = {last}")
    after(
        books,
        "INSERT INTO gap (stream, first, last, noticed, since, until, cause) VALUES"
        f" (1, {first}, {last}, {round(until * SECOND)}, {round(since * SECOND)},"
        f" {round(until * SECOND)}, '{cause}')",
    )


def test_a_declared_hole_explains_as_many_records_as_it_has_numbers(
    site: Site, books: Path
) -> None:
    unanswered(books, 60, 62)
    assert not examine(site, books).clean
    hole(books, 11, 12, 59, 63, "given-up")
    report = examine(site, books)
    assert report.clean, report.text()
    assert report.missing.in_holes == 4
    unanswered(books, 61)
    assert len(examine(site, books).findings) == 1


@pytest.mark.parametrize(("since", "until"), [(50, 55), (70, 75)])
def test_a_hole_explains_nothing_of_another_time(
    site: Site, books: Path, since: float, until: float
) -> None:
    unanswered(books, 60)
    hole(books, 11, 12, since, until, "given-up")
    assert [one for one in examine(site, books).findings if one.startswith("lost: probe/")]


def test_a_hole_that_nobody_declared_explains_nothing(site: Site, books: Path) -> None:
    unanswered(books, 60)
    hole(books, 11, 12, 59, 63, "")
    lost = [one for one in examine(site, books).findings if one.startswith("lost")]
    assert len(lost) == 2, "the numbers, and the answer"


def test_what_a_stream_in_memory_took_along_is_told_by_its_open_end(
    site: Site, books: Path
) -> None:
    """Its edge was killed at second 65, and the presence of the next life names it no more."""
    unanswered(books, 60, 62, 64)
    noted(
        books,
        {"type": "disk", "at": 50 * SECOND, "part": "edge-only", "sick": True},
        {"type": "killed", "at": 65 * SECOND, "part": "edge-only"},
    )
    assert not examine(site, books).clean
    after(
        books,
        "INSERT INTO stream (id, name, edge, begun, newest, unnamed)"
        f" VALUES (2, 'v', 'only', 0, {59 * SECOND}, {80 * SECOND})",
    )
    report = examine(site, books)
    assert report.clean, report.text()
    unanswered(books, 68)
    assert not examine(site, books).clean, "after the kill nothing went to that stream"


def test_the_open_end_of_a_journal_goes_on_over_restarts_until_it_was_spoilt(
    site: Site, books: Path
) -> None:
    """It was lost at second 70, and then what declared that was lost too."""
    unanswered(books, 60, 66)
    noted(
        books,
        {"type": "killed", "at": 63 * SECOND, "part": "edge-only"},
        {"type": "killed", "at": 70 * SECOND, "part": "edge-only"},
        {"type": "journal", "at": 70 * SECOND, "edge": "only", "given": {"lost": 4}},
        {"type": "journal", "at": 90 * SECOND, "edge": "only", "given": {"lost": 1}},
    )
    after(
        books,
        "INSERT INTO stream (id, name, edge, begun, newest, unnamed)"
        f" VALUES (2, 'lost', 'only', 0, {58 * SECOND}, {95 * SECOND})",
    )
    report = examine(site, books)
    assert report.clean, report.text()
    unanswered(books, 80)
    assert not examine(site, books).clean, "after that it took nothing"


def test_an_open_end_explains_no_more_than_the_journal_had_given(site: Site, books: Path) -> None:
    unanswered(books, 60, 62, 64, 66)
    noted(books, {"type": "journal", "at": 70 * SECOND, "edge": "only", "given": {"lost": 3}})
    after(
        books,
        "INSERT INTO stream (id, name, edge, begun, newest, unnamed)"
        f" VALUES (2, 'lost', 'only', 0, {58 * SECOND}, {95 * SECOND})",
    )
    assert len(examine(site, books).findings) == 1


def test_what_a_spoilt_journal_had_given_is_not_forgotten(site: Site, books: Path) -> None:
    noted(books, {"type": "journal", "at": 0, "edge": "only", "given": {"s": 12, "gone": 3}})
    lost = [one for one in examine(site, books).findings if one.startswith("lost")]
    assert sorted(lost) == [
        "lost: gone: numbers 1 to 3 are in no book",
        "lost: s: numbers 11 to 12 are in no book",
    ]


def write(books: Path, at: float, tenths: int) -> None:
    line = {**WRITE, "at": round(at * SECOND), "words": [tenths]}
    with (books / "ledger.jsonl").open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(line) + "\n")


def test_a_command_done_twice_is_found(site: Site, books: Path) -> None:
    write(books, 8, 215)
    assert [one for one in examine(site, books).findings if "written 2 times" in one]


def test_a_command_that_failed_may_have_been_done_once(site: Site, books: Path) -> None:
    write(books, 8, 225)
    assert examine(site, books).clean
    write(books, 8.5, 225)
    assert not examine(site, books).clean


def test_a_value_that_nobody_asked_for_is_found(site: Site, books: Path) -> None:
    write(books, 8, 233)
    assert [one for one in examine(site, books).findings if "asked for 0 times" in one]


def test_a_command_that_was_said_to_be_done_and_was_not_is_found(site: Site, books: Path) -> None:
    with closing(connect(books / "store.sqlite3")) as store:
        keep_command(store, "C3", 23.5, "done")
        end_command(store, 11, "C3", "done")
        store.execute("UPDATE committed SET last = 11")
    assert [one for one in examine(site, books).findings if "said to be done 1 times" in one]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE command SET status = 'sent' WHERE id = 'C1'", "has no outcome"),
        ("UPDATE command SET status = 'unknown' WHERE id = 'C1'", "was said to be done"),
        ("UPDATE command SET status = 'refused' WHERE id = 'C1'", "was said to be done"),
        ("DELETE FROM command WHERE id = 'C2'", "of which there is no command"),
        ("DELETE FROM event WHERE seq = 10", "was said to be unknown"),
    ],
)
def test_every_command_has_the_outcome_that_its_edge_told(
    site: Site, books: Path, change: str, told: str
) -> None:
    assert [one for one in after(books, change)(site).findings if told in one]


def test_two_outcomes_of_one_command_are_found_and_one_told_twice_is_one(
    site: Site, books: Path
) -> None:
    with closing(connect(books / "store.sqlite3")) as store:
        end_command(store, 11, "C1", "done")
        end_command(store, 12, "C1", "reverted")
        store.execute("UPDATE committed SET last = 12")
        store.execute("UPDATE command SET status = 'reverted' WHERE id = 'C1'")
        assert examine(site, books).clean
        end_command(store, 13, "C1", "failed")
        store.execute("UPDATE committed SET last = 13")
    assert [one for one in examine(site, books).findings if "as done and as failed" in one]


def test_a_command_that_the_gateway_took_must_be_in_its_store(site: Site, books: Path) -> None:
    asked = [{"id": "C1"}, {"id": None}, {"id": "C9"}]
    text = "".join(json.dumps(one) + "\n" for one in asked)
    (books / "asked.jsonl").write_text(text, encoding="utf-8")
    assert examine(site, books).findings == ["command C9 was taken, and is in no book"]


def test_an_output_that_keeps_what_a_command_wrote_is_found(site: Site, books: Path) -> None:
    write(books, 20, 225)
    assert examine(site, books).clean, "its lease may not be over"
    with (books / "ledger.jsonl").open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps({**DROP, "at": 90 * SECOND, "step": "asked"}) + "\n")
    assert [one for one in examine(site, books).findings if "was left at 22.5" in one]
    write(books, 60, 190)
    assert examine(site, books).clean


LOST = {"type": "journal", "at": 8 * SECOND, "edge": "only", "given": {}}


@pytest.mark.parametrize(
    "change", ["UPDATE loan SET step = 'intent'", "UPDATE delivery SET step = 'loaded'"]
)
def test_what_was_under_way_when_a_journal_was_lost_is_shown_where_it_stood(
    site: Site, books: Path, change: str
) -> None:
    assert not after(books, change)(site).clean
    noted(books, LOST)
    report = examine(site, books)
    assert report.clean, report.text()
    assert "1 left open" in report.text()
    noted(books, {**LOST, "at": 60 * SECOND})
    assert not examine(site, books).clean, "it was over by then"


@pytest.mark.parametrize("table", ["loan", "delivery"])
def test_what_nobody_knows_of_is_lost_whatever_was_done(
    site: Site, books: Path, table: str
) -> None:
    noted(books, LOST)
    assert not after(books, f"DELETE FROM {table}")(site).clean


def began_anew(books: Path, at: float) -> None:
    after(
        books,
        f"INSERT INTO event VALUES (1, 11, {round(at * SECOND)}, 0, 'started', 'only', x'')",
    )
    after(books, "UPDATE committed SET last = 11")


def test_of_a_sick_disk_one_group_may_be_in_doubt_at_a_kill(site: Site, books: Path) -> None:
    unanswered(books, 60, 60.1)
    noted(
        books,
        {"type": "disk", "at": 59 * SECOND, "part": "edge-only", "sick": True},
        {"type": "killed", "at": 70 * SECOND, "part": "edge-only"},
    )
    assert not examine(site, books).clean, "nobody says that it began anew"
    began_anew(books, 72)
    report = examine(site, books)
    assert report.clean, report.text()
    assert report.missing.in_doubt == 4
    unanswered(books, 65)
    assert not examine(site, books).clean, "that was another group, and a gateway was there"


def test_what_died_in_memory_unheard_is_counted_apart(site: Site, books: Path) -> None:
    unanswered(books, 60, 65, 67)
    sick = {"type": "disk", "at": 59 * SECOND, "part": "edge-only", "sick": True}
    killed = {"type": "killed", "at": 70 * SECOND, "part": "edge-only"}
    noted(books, sick, killed, {"type": "killed", "at": 58 * SECOND, "part": "gateway"})
    began_anew(books, 72)
    report = examine(site, books)
    assert report.clean, report.text()
    assert (report.missing.in_doubt, report.missing.unheard_of) == (2, 4)
    noted(books, sick, killed, {"type": "killed", "at": 40 * SECOND, "part": "gateway"})
    assert not examine(site, books).clean, "the gateway was there again"
    noted(books, killed, {"type": "killed", "at": 58 * SECOND, "part": "gateway"})
    assert not examine(site, books).clean, "its disk was well"


@pytest.mark.parametrize(
    ("since", "until", "room", "explained"),
    [(0, 10, 1, True), (0, 4, 9, False), (6, 10, 9, False), (0, 10, 0, False)],
)
def test_a_loan_that_nobody_knows_of_is_explained_by_a_hole_of_its_time_alone(
    books: Path, since: int, until: int, room: int, explained: bool
) -> None:
    with closing(connect(books / "store.sqlite3")) as store:
        store.execute("DELETE FROM loan")
        hole = Opening(since * SECOND, until * SECOND, room)
        found = compare_loans(store, [LOAN], holes=[hole])
    assert (found.wrong == []) == explained
    assert found.hidden == int(explained)


@pytest.mark.parametrize(
    ("unnamed", "ended", "clean"), [(9, 0, True), (0, 0, False), (9, 1, False)]
)
def test_the_end_of_a_stream_is_open_only_when_its_edge_names_it_no_more(
    site: Site, books: Path, unnamed: int, ended: int, clean: bool
) -> None:
    noted(books, {"type": "journal", "at": 0, "edge": "only", "given": {"s": 12}})
    after(books, f"UPDATE stream SET unnamed = {unnamed}, ended = {ended} WHERE name = 's'")
    assert examine(site, books).clean == clean


@pytest.mark.parametrize(("spoilt", "clean"), [(5, True), (500, False)])
def test_an_edge_that_lost_its_journal_may_say_otherwise_how_a_command_ended(
    site: Site, books: Path, spoilt: int, clean: bool
) -> None:
    with closing(connect(books / "store.sqlite3")) as store:
        end_command(store, 11, "C1", "failed")
        store.execute("UPDATE committed SET last = 11")
    noted(books, {"type": "journal", "at": spoilt * SECOND, "edge": "only", "given": {"s": 11}})
    assert examine(site, books).clean == clean


@pytest.mark.parametrize(
    ("renewed", "spoilt", "clean"), [(9, 7, True), (9, 3, False), (9, 11, False), (None, 7, False)]
)
def test_a_loan_that_a_kiosk_forgot_may_be_renewed_by_a_second_one(
    site: Site, books: Path, renewed: int | None, spoilt: int, clean: bool
) -> None:
    with closing(connect(books / "store.sqlite3")) as store:
        store.execute(
            "INSERT INTO loan VALUES ('L2', 'k', 'checkout', 'closed', 'B1', '', '', '', 0, 0)"
        )
    if renewed is not None:
        again = {**LOAN, "at": renewed * SECOND, "action": "renew"}
        with (books / "ledger.jsonl").open("a", encoding="utf-8") as ledger:
            ledger.write(json.dumps(again) + "\n")
    noted(books, {"type": "journal", "at": spoilt * SECOND, "edge": "only", "given": {"s": LAST}})
    found = [one for one in examine(site, books).findings if "closed 2 times" in one]
    assert (not found) == clean
