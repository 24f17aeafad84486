"""Carries out what a commit entitles to: acks, commands, a new picture, a word in the log."""

import logging

from contracts.topics import of_edge
from gateway.devices.snapshot import Live
from gateway.engine.outbox import Outbox
from gateway.ingest.pipeline import Outcome

log = logging.getLogger(__name__)


class AfterCommit:
    """Does nothing that can fail or wait."""

    def __init__(self, site: str, outbox: Outbox, live: Live) -> None:
        self._site = site
        self._outbox = outbox
        self._live = live

    async def __call__(self, outcome: Outcome) -> None:
        """Carry out one outcome; its transaction is on disk."""
        for key, edge, payload in outcome.acks:
            self._outbox.put(f"ack {edge} {key}", of_edge(self._site, edge).ack, payload)
        for command in outcome.withdrawn:
            self._outbox.withdraw(f"command {command}")
        for edge, command, payload in outcome.commands:
            self._outbox.put(f"command {command}", of_edge(self._site, edge).command, payload)
        if outcome.picture is not None:
            self._live.show(outcome.picture)
        for alarm in outcome.raised:
            kind, source, code = alarm.key
            log.warning("alarm: %s %s at %s (%s)", kind, code, source, alarm.priority)
