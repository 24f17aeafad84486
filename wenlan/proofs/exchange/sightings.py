"""Sees which rows an edge writes, and under which numbers, without asking the edge."""

from contextlib import suppress
from pathlib import Path

from runtime.database import Connection, DatabaseError
from wenlan.proofs.exchange.account import Account, rows_in, rows_of


class Sightings:
    """Those of one machine."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._keys = set[int]()
        """Of rows that were written and not yet looked at."""
        self._db: Connection | None = None

    def begin(self) -> None:
        """Begin with what the next process writes."""
        self._keys.clear()

    def watch(self, db: Connection) -> None:
        """Hear of each row that is written through a connection."""
        self._db = db
        db.set_update_hook(self._written)

    def look(self) -> None:
        """Take note of the numbers that rows got; a disk that refuses is asked again."""
        db = self._db
        if not self._keys or db is None:
            return
        with suppress(DatabaseError):
            if not db.in_transaction:
                low, high = min(self._keys), max(self._keys)
                self._account.on_disk(rows_of(db, "WHERE key BETWEEN ? AND ?", (low, high)))
                self._keys.clear()

    def look_behind(self, journal: Path) -> None:
        """Take note of what a dead process had written last."""
        if self._keys:
            self._account.on_disk(rows_in(journal))

    def _written(self, _: int, __: str, table: str, key: int) -> None:
        if table == "entry":
            self._keys.add(key)
