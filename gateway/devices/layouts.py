"""Layouts of samples, as devices' cards told them: which points a sample holds."""

import msgspec

from contracts.codec import encode
from contracts.layouts import Layout, by_digest
from contracts.messages import Card
from gateway.storage.ports import Statements

MOST_LAYOUTS = 64
"""Of one device. Its card has 16; what is still held names no other."""


class Layouts:
    """All layouts of one store."""

    def __init__(self, store: Statements) -> None:
        self._store = store
        self._of: dict[str, dict[str, Layout]] = {}
        for device, body in store.rows("layouts"):
            layout = msgspec.json.decode(body, type=Layout)
            self._of.setdefault(device, {})[layout.digest] = layout

    def get(self, device: str, digest: str) -> Layout | None:
        """Give a layout; None when it has not come."""
        known = self._of.get(device)
        return known.get(digest) if known else None

    def learn(self, card: Card) -> None:
        """Keep the layouts of a card."""
        known = self._of.setdefault(card.device, {})
        told = by_digest(card.layouts)
        for digest, layout in told.items():
            if digest not in known:
                known[digest] = layout
                self._store.run("new_layout", card.device, digest, encode(layout))
        spare = max(0, len(known) - MOST_LAYOUTS)
        for digest in [one for one in known if one not in told][:spare]:
            del known[digest]
            self._store.run("drop_layout", card.device, digest)
