"""What a gateway makes of batches, told as plainly as can be: sets of numbers, nothing clever.

Written from the rules, not from the gateway: a number belongs to the life that owns it, a record
is taken once under whatever number, and what is refused is refused from a number on.
"""

from dataclasses import dataclass, field

from contracts.codec import acks, batches, encode
from contracts.messages import MOST_RANGES, Ack, Batch
from contracts.ranges import Ranges


@dataclass
class Ledger:
    """Everything that ever came."""

    lives: dict[str, dict[int, str]] = field(default_factory=dict)
    """Of each stream, by their first number."""
    held: dict[str, set[int]] = field(default_factory=dict)
    stored: list[bytes] = field(default_factory=list)
    oldest: dict[str, int] = field(default_factory=dict)
    largest_ack: int = 0
    old: bool = False
    """It is of 0.1: it knows numbers and nothing else."""

    def receive(self, payload: bytes) -> bytes:
        """Take a batch; give the ack."""
        batch = batches.decode(payload)
        if self.old:
            return self._receive_old(batch)
        refused = self._enter(batch)
        held = self.held.setdefault(batch.stream, set())
        before: dict[int, list[tuple[str, int]]] = {}
        for place, origin, number in batch.was:
            stream, life = batch.origins[origin]
            if self._owner(stream, number) == life:
                before.setdefault(place, []).append((stream, number))
            self.oldest.setdefault(stream, 0)
        for place, raw in enumerate(batch.records):
            number = batch.first + place
            if self._owner(batch.stream, number) != batch.life:
                refused = min(refused or number, number)
                continue
            names = [(batch.stream, number), *before.get(place, [])]
            if not any(one in self.held.get(stream, ()) for stream, one in names):
                self.stored.append(bytes(raw))
            for stream, one in names:
                self.held.setdefault(stream, set()).add(one)
        self.oldest[batch.stream] = max(self.oldest.get(batch.stream, 0), batch.oldest)
        owned = {one for one in held if self._owner(batch.stream, one) == batch.life}
        named = nearest(Ranges((one, one) for one in owned), batch.first)
        ack = Ack(batch.stream, named, batch.life, batch.session, batch.k, refused, batch.sent)
        return self._sent(ack)

    def _receive_old(self, batch: Batch) -> bytes:
        held = self.held.setdefault(batch.stream, set())
        for place, raw in enumerate(batch.records):
            if batch.first + place not in held:
                self.stored.append(bytes(raw))
                held.add(batch.first + place)
        named = tuple((one.first, one.last) for one in Ranges((one, one) for one in held))
        return self._sent(Ack(batch.stream, named))

    def _sent(self, ack: Ack) -> bytes:
        payload = encode(ack)
        acks.decode(payload)
        self.largest_ack = max(self.largest_ack, len(payload))
        return payload

    def _enter(self, batch: Batch) -> int:
        """Enter a life that was not met yet; say from which number on it is refused, or 0."""
        lives = self.lives.setdefault(batch.stream, {})
        if lives.get(batch.since) == batch.life:
            return 0
        following = min((one for one in lives if one > batch.since), default=None)
        held = self.held.get(batch.stream, set())
        taken = any(one >= batch.since and (following is None or one < following) for one in held)
        if batch.since in lives or batch.life in lives.values() or taken:
            return batch.first
        lives[batch.since] = batch.life
        return 0

    def _owner(self, stream: str, number: int) -> str | None:
        lives = self.lives.get(stream, {})
        since = max((one for one in lives if one <= number), default=None)
        return None if since is None else lives[since]


def nearest(held: Ranges, arrived: int) -> tuple[tuple[int, int], ...]:
    """Give at most 65 ranges: the first, and those nearest to what arrived."""
    ranges = [(one.first, one.last) for one in held]
    first, rest = ranges[:1], ranges[1:]
    rest.sort(key=lambda one: min(abs(one[0] - arrived), abs(one[1] - arrived)))
    return tuple(sorted(first + rest[: MOST_RANGES - 1]))
