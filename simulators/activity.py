"""Who is in the middle of something, so that a library can be brought to rest."""

from collections.abc import Iterator
from contextlib import contextmanager


class Activity:
    """Names of what is under way; empty when everything is at rest."""

    def __init__(self) -> None:
        self._under_way: list[str] = []

    @contextmanager
    def of(self, who: str) -> Iterator[None]:
        """Count somebody as busy for the length of a `with` block."""
        self._under_way.append(who)
        try:
            yield
        finally:
            self._under_way.remove(who)

    def names(self) -> list[str]:
        return list(self._under_way)
