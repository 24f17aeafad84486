"""Says what became of everything: measured, stored, waiting, lost, doubled, altered.

Two independent books are compared with the store. The edges' journals know which sequence numbers
they ever gave out. The simulators' ledger, written outside the system under test, knows every
answer a device gave, every value one was told, every person who passed, every loan and every
delivery. What was done to the building on purpose is noted, and excuses what must come of it.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from config.site import Site
from contracts.instants import SECOND
from runtime.database import Connection, connect, one
from wenlan.proofs.absences import Explained, explain, holes_of
from wenlan.proofs.commands import Obeyed, compare_commands
from wenlan.proofs.crossings import Counted, compare_crossings
from wenlan.proofs.dating import Dating
from wenlan.proofs.ground_truth import by_kind, oldest_poll
from wenlan.proofs.loans import Delivered, Lent, compare_deliveries, compare_loans
from wenlan.proofs.notes import NEVER, Notes, read_notes
from wenlan.proofs.numbers import Accounts, account
from wenlan.proofs.readings import LONGEST_POLL, Compared, compare_readings
from wenlan.proofs.recovery import Return, returns, too_late

AHEAD = 5 * SECOND
"""No stamp, in this machine's time, is later than the last receipt by more."""
SHOWN = 10
"""Findings that a report spells out."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened, in figures, and everything that is wrong, in words."""

    accounts: Accounts
    readings: Compared
    missing: Explained
    crossings: Counted
    loans: Lent
    deliveries: Delivered
    commands: Obeyed
    returns: list[Return]
    alarms: int
    findings: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled or altered."""
        return not self.findings

    def text(self) -> str:
        """Write the report for people."""
        lines = [*self._figures()]
        lines += [f"WRONG       {finding}" for finding in self.findings[:SHOWN]]
        if len(self.findings) > SHOWN:
            lines.append(f"WRONG       … and {len(self.findings) - SHOWN} more")
        lines.append("Nothing lost, nothing doubled." if self.clean else "NOT CLEAN: see above.")
        return "\n".join(lines)

    def _figures(self) -> Iterator[str]:
        books, missing, commands = self.accounts, self.missing, self.commands
        yield (
            f"records     given out {books.given_out}, stored {books.stored},"
            f" lost {len(books.lost)}, doubled {len(books.doubled)},"
            f" altered {len(self.readings.altered)}"
        )
        yield (
            f"of these    {books.readings} readings, {books.events} events;"
            f" {books.declared} numbers given up and declared"
        )
        yield f"duplicates  {books.duplicates} refused by the gateway"
        yield (
            f"answers     {self.readings.answers} values given by devices, {self.readings.rows}"
            f" stored and compared, {self.readings.uncompared} of nobody knows what"
        )
        yield (
            f"not stored  {missing.unheard} came while the device was counted as gone,"
            f" {missing.in_holes} in declared holes, {missing.in_kills} within kills"
            f"{self._worst()}, {missing.at_ends} while their edge ended"
        )
        if missing.in_doubt or missing.unheard_of:
            yield (
                f"            with a sick disk and killed: {missing.in_doubt} in a group in doubt,"
                f" {missing.unheard_of} in memory with no gateway to hear of them"
            )
        yield f"alarms      {self.alarms}"
        if commands.commands:
            told = ", ".join(
                f"{count} {name}" for name, count in sorted(commands.by_status.items())
            )
            yield f"commands    {commands.commands}: {told}; {commands.writes} values written"
        yield (
            f"visits      {self.crossings.visits} counted; {self.crossings.passed} people went in,"
            f" {self.crossings.unread} of them before the counters were first read"
        )
        if self.crossings.undated:
            gates = ", ".join(self.crossings.undated)
            yield f"            not compared, because a clock was wrong: {gates}"
        yield (
            f"loans       {self.loans.loans} closed, {self.loans.lent} by the library system,"
            f" {self.loans.staff} for staff{_left_open(self.loans.open)}"
            f"{_hidden(self.loans.hidden)}"
        )
        yield (
            f"deliveries  {self.deliveries.deliveries} done, {self.deliveries.dropped} by the robot"
            f"{_left_open(self.deliveries.open)}"
        )

    def _worst(self) -> str:
        if not self.missing.worst_kill:
            return ""
        return (
            f" (at most {self.missing.worst_kill} values in one, read at most"
            f" {self.missing.oldest / SECOND:.2f} s before it)"
        )


def _hidden(count: int) -> str:
    return f", {count} in declared holes" if count else ""


def _left_open(count: int) -> str:
    return f", {count} left open when a journal was lost" if count else ""


def examine(site: Site, data: Path) -> Report:
    """Compare journals, ledger and store under `data`. The processes must be at rest."""
    notes = read_notes(data)
    with closing(connect(data / "store.sqlite3", read_only=True)) as store:
        return _examine(store, site, data, notes)


def _clocks(store: Connection, site: Site, notes: Notes) -> dict[str, Dating]:
    (received,) = one(store, "SELECT coalesce(max(received), 0) FROM reading")
    clocks: dict[str, Dating] = {}
    for edge in site.edges:
        steps = notes.clocks[f"edge-{edge.id}"]
        # A clock that was never touched is believed to the end.
        clocks[edge.id] = Dating(steps, received + AHEAD if steps else NEVER)
    return clocks


def _examine(store: Connection, site: Site, data: Path, notes: Notes) -> Report:
    clocks = _clocks(store, site, notes)
    ledger = by_kind(data)
    polls = ledger.pop("poll", [])
    oldest = oldest_poll(data, polls)
    proven = oldest + LONGEST_POLL if oldest else 0
    accounts = account(store, data, notes.given)
    readings = compare_readings(store, site, polls, clocks, proven)
    missing = explain(readings.missing, store, notes, clocks)
    crossings = compare_crossings(store, site, ledger["pulse"], clocks)
    forgot = sorted(at for edge in site.edges for at in notes.forgot(edge.id))
    holes = [
        hole
        for edge in site.edges
        if edge.kiosks
        for hole in holes_of(store, edge.id, notes, clocks[edge.id])
    ]
    loans = compare_loans(store, ledger["loan"], forgot, holes)
    deliveries = compare_deliveries(store, ledger["delivery"], forgot)
    commands = compare_commands(store, site, ledger, data, notes)
    back = returns(store, site, notes, clocks)
    findings = [
        *(f"lost: {one}" for one in (*accounts.lost, *missing.lost)),
        *(f"doubled: {one}" for one in accounts.doubled),
        *(f"altered: {one}" for one in readings.altered),
        *crossings.wrong,
        *loans.wrong,
        *deliveries.wrong,
        *commands.wrong,
        *notes.failed,
        *too_late(back),
    ]
    alarms = int(one(store, "SELECT count(*) FROM alarm")[0])
    return Report(
        *(accounts, readings, missing, crossings, loans, deliveries, commands),
        returns=back,
        alarms=alarms,
        findings=findings,
    )
