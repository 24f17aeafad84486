"""Counts of what was refused, doubled, late and so on, by name."""

from gateway.storage.sqlite import Store


class Counters:
    """Counts that are written with the next transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[str, int] = {}

    def add(self, name: str, count: int = 1) -> None:
        if count:
            self._counts[name] = self._counts.get(name, 0) + count

    def save(self) -> None:
        """Write what was counted."""
        if self._counts:
            self._store.many("count", sorted(self._counts.items()))
            self._counts.clear()
