"""What can go wrong with a broker."""


class BrokerError(Exception):
    """A broker cannot be used now; try again."""


class LinkLostError(BrokerError):
    """An open connection is no more. `closed`: it was the broker that ended it."""

    def __init__(self, message: str, *, closed: bool = False) -> None:
        super().__init__(message)
        self.closed = closed


class RefusedError(BrokerError):
    """The broker answers, and says no; the message says to what."""
