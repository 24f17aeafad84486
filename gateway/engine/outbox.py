"""What is to be sent through the broker."""

import asyncio


class Outbox:
    """What is to be sent.

    A newer message with the same key takes the older one's place: a command that is sent again
    carries a newer stamp.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, bytes]] = {}
        self._filled = asyncio.Event()

    def put(self, key: str, topic: str, payload: bytes) -> None:
        """Take a message; never waits."""
        self._waiting[key] = topic, payload
        self._filled.set()

    async def next(self) -> tuple[str, str, bytes]:
        """Wait for the oldest message, and take it out."""
        while not self._waiting:
            await self._filled.wait()
        key = next(iter(self._waiting))
        topic, payload = self._waiting.pop(key)
        if not self._waiting:
            self._filled.clear()
        return key, topic, payload

    def withdraw(self, key: str) -> None:
        """Take a message out, if it still waits."""
        self._waiting.pop(key, None)
        if not self._waiting:
            self._filled.clear()

    def put_back(self, key: str, topic: str, payload: bytes) -> None:
        """Give back what could not be sent, unless something newer came."""
        if key not in self._waiting:
            self.put(key, topic, payload)
