"""Which of several brokers each speaker is on.

A speaker that moves leaves its retained messages behind, and its last will: the broker it left
publishes "cut off" when it is long somewhere else. What such a broker says of it is not news.
"""

from config.broker import BrokerAddress

MOST_SPEAKERS = 10_000


class Whereabouts:
    """Remembers for each speaker where it was last heard alive."""

    def __init__(self) -> None:
        self._heard: dict[str, BrokerAddress] = {}

    def heard(self, who: str, broker: BrokerAddress) -> None:
        """Take note of a sign of life: what only the speaker itself can have sent, just now."""
        self._heard.pop(who, None)
        self._heard[who] = broker
        if len(self._heard) > MOST_SPEAKERS:
            del self._heard[next(iter(self._heard))]

    def elsewhere(self, who: str, broker: BrokerAddress) -> bool:
        """Whether a speaker is known to be on another broker than this one."""
        return self._heard.get(who, broker) != broker
