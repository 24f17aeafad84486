"""Notices that what is sent is never acknowledged, though the broker takes it. Pure: no clock."""

LONGEST_SILENCE = 30.0
"""Seconds after which it is worth a line in the log."""


class Hearing:
    """Follows one stream's acknowledgements; complains once, and takes it back once."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._complained = False

    def sent(self, now: float) -> None:
        """Take note that something went out that must be acknowledged."""
        if self._since is None:
            self._since = now

    def cut(self) -> None:
        """Take note that the broker is gone: nobody can be heard, and that is said elsewhere."""
        self._since = None

    def overdue(self, now: float) -> bool:
        """Say, once, that nothing was heard for too long."""
        if self._complained or self._since is None or now - self._since < LONGEST_SILENCE:
            return False
        self._complained = True
        return True

    def heard(self) -> bool:
        """Take note of an acknowledgement; say whether it ends a silence complained of."""
        again, self._complained, self._since = self._complained, False, None
        return again
