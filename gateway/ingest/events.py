"""Events as rows, and what each kind of them changes."""

from contracts.codec import encode
from contracts.instants import Instant
from contracts.records import (
    CommandOutcome,
    DeliveryChanged,
    DeviceChanged,
    EdgeStarted,
    Event,
    InputRefused,
    JournalThinned,
    LoanChanged,
    RobotChanged,
)
from gateway.circulation.loans import project_loan
from gateway.commands.outcomes import project_outcome
from gateway.deliveries.deliveries import project_delivery, project_robot
from gateway.devices.registry import Registry
from gateway.ingest.sequence_ledger import Stream
from gateway.storage.sqlite import Store


class EventLog:
    """Writes events down."""

    def __init__(self, registry: Registry, store: Store) -> None:
        self._registry = registry
        self._store = store

    def add(self, stream: Stream, seq: int, event: Event, received: Instant) -> None:
        """Keep an event, and let it take effect."""
        kind = type(event).__struct_config__.tag
        subject = self._apply(stream, event)
        self._store.run(
            "add_event", stream.id, seq, event.at, received, kind, subject, encode(event)
        )

    def _apply(self, stream: Stream, event: Event) -> str:
        """Carry out what an event means; give what it is about."""
        match event:
            case DeviceChanged(device=subject):
                self._device(event)
            case LoanChanged(loan=subject):
                project_loan(self._store, event)
            case DeliveryChanged(delivery=subject, robot=robot):
                project_delivery(self._store, event)
                self._registry.mark_heard(robot)
            case RobotChanged(robot=subject):
                project_robot(self._store, event)
                self._registry.mark_heard(subject)
            case CommandOutcome(command=subject):
                project_outcome(self._store, event)
            case JournalThinned():
                subject = stream.name
                stream.thin(event)
            case EdgeStarted(edge=subject):
                pass
            case InputRefused(source=subject):
                self._store.run("count", "refused-input", event.count)
        return subject

    def _device(self, event: DeviceChanged) -> None:
        known = self._registry.devices.get(event.device)
        if known is None or event.at < known.changed:
            return
        known.available, known.changed, known.cause = event.available, event.at, event.cause
        self._registry.save(event.device)
