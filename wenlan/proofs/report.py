"""Says what became of everything: measured, stored, waiting, lost, doubled, altered.

Two independent books are compared with the store. The edges' journals know which sequence numbers
they ever gave out. The simulators' ledger, written outside the system under test, knows every
answer a device gave, every person who passed, every loan and every delivery.
"""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from config.site import Site
from runtime.database import connect, one
from wenlan.proofs.reconciliation import Comparison, compare
from wenlan.proofs.sequence_audit import Accounts, account

SHOWN = 10
"""Findings of one kind that a report spells out."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened, in figures, and everything that is wrong, in words."""

    accounts: Accounts
    comparison: Comparison
    alarms: int
    findings: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled or altered."""
        return not self.findings

    def text(self) -> str:
        """Write the report for people."""
        books, other = self.accounts, self.comparison
        lines = [
            f"records     given out {books.given_out}, stored {books.stored},"
            f" lost {len(books.lost)}, doubled {len(books.doubled)},"
            f" altered {len(other.altered)}",
            f"of these    {books.readings} readings, {books.events} events;"
            f" {books.declared} numbers given up and declared",
            f"duplicates  {books.duplicates} refused by the gateway",
            f"answers     {other.answers} values given by devices; {other.unheard} came while the"
            f" device was counted as gone, {other.unjournalled} within a kill",
            f"alarms      {self.alarms}",
            f"visits      {other.visits} counted; {other.passed} people went in,"
            f" {other.unread} of them before the counters were first read",
            f"loans       {other.loans} closed, {other.lent} by the library system,"
            f" {other.staff} for staff",
            f"deliveries  {other.deliveries} done, {other.dropped} by the robot",
        ]
        lines += [f"WRONG       {finding}" for finding in self.findings[:SHOWN]]
        if len(self.findings) > SHOWN:
            lines.append(f"WRONG       … and {len(self.findings) - SHOWN} more")
        lines.append("Nothing lost, nothing doubled." if self.clean else "NOT CLEAN: see above.")
        return "\n".join(lines)


def examine(site: Site, data: Path) -> Report:
    """Compare journals, ledger and store under `data`. The processes must be at rest."""
    with closing(connect(data / "store.sqlite3", read_only=True)) as store:
        accounts = account(store, data)
        comparison = compare(store, site, data)
        alarms = int(one(store, "SELECT count(*) FROM alarm")[0])
    findings = [
        *(f"lost: {one}" for one in accounts.lost),
        *(f"doubled: {one}" for one in accounts.doubled),
        *(f"altered: {one}" for one in comparison.altered),
        *comparison.disagreements,
    ]
    return Report(accounts, comparison, alarms, findings)
