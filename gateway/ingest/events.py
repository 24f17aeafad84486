"""Events as rows, and what each kind of them changes."""

from contracts.codec import Unknown, encode
from contracts.instants import Instant
from contracts.ranges import Ranges
from contracts.records import (
    Between,
    ClockStepped,
    CommandOutcome,
    DeliveryChanged,
    DeviceChanged,
    EdgeStarted,
    Event,
    InputRefused,
    JournalThinned,
    LoanChanged,
    PartFell,
    RecordsGivenUp,
    RobotChanged,
    StreamClosed,
    VolatileEnded,
)
from gateway.circulation.loans import project_loan
from gateway.commands.outcomes import project_outcome
from gateway.commands.pending import PendingCommands
from gateway.deliveries.deliveries import project_delivery, project_robot
from gateway.devices.registry import Registry
from gateway.engine.facts import AlarmKey, ClearAlarm, Effect, RaiseAlarm
from gateway.ingest.holes import CLOSED, GIVEN_UP, THINNED
from gateway.ingest.readings import LAST_INSTANT, Sender
from gateway.ingest.sequence_ledger import Identity, SequenceLedger
from gateway.ingest.stream import Ending, Life, Notice, Stream
from gateway.storage.ports import Statements

UNASKED = "unasked"


class EventLog:
    """Writes events down."""

    def __init__(
        self,
        registry: Registry,
        store: Statements,
        ledger: SequenceLedger,
        pending: PendingCommands,
    ) -> None:
        self._registry = registry
        self._store = store
        self._ledger = ledger
        self._pending = pending

    def objection(self, sender: Sender, event: Event) -> str:
        """Say why nobody believes it, or nothing: an edge speaks for itself and its devices."""
        edge = about = ""
        match event:
            case EdgeStarted(edge=edge) | ClockStepped(edge=edge) | PartFell(edge=edge):
                about = "the edge"
            case DeviceChanged(device=about) | LoanChanged(kiosk=about):
                edge = self._registry.owner(about)
            case DeliveryChanged(robot=about) | RobotChanged(robot=about):
                edge = self._registry.owner(about)
            case CommandOutcome(device=about):
                row = self._store.one("command", event.command)
                edge = row[1] if row is not None and row[1] else self._registry.owner(about)
            case RecordsGivenUp(stream=about) | StreamClosed(stream=about):
                edge = self._ledger.owner(about)
            case VolatileEnded(stream=about):
                edge = self._ledger.owner(about)
            case JournalThinned() | InputRefused():
                pass
        if edge in ("", sender.edge):
            return ""
        return f"{about or 'it'} belongs to edge {edge}, not to {sender.edge}"

    def add(self, sender: Sender, stream: Stream, seq: int, event: Event) -> list[Effect]:
        """Keep an event, and let it take effect; give the alarms that it raises."""
        kind = str(type(event).__struct_config__.tag)
        subject, effects = self._apply(sender, stream, event)
        self._store.run(
            "add_event", stream.id, seq, event.at, sender.received, kind, subject, encode(event)
        )
        return effects

    def add_unknown(self, sender: Sender, stream: Stream, seq: int, event: Unknown) -> None:
        """Keep an event of a later version as it came."""
        at = event.at if 0 < event.at < LAST_INSTANT else sender.received
        self._store.run("add_event", stream.id, seq, at, sender.received, event.kind, "", event.raw)

    def _apply(self, sender: Sender, stream: Stream, event: Event) -> tuple[str, list[Effect]]:
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
                return subject, self._outcome(sender, event)
            case EdgeStarted(edge=subject) | ClockStepped(edge=subject) | PartFell(edge=subject):
                pass
            case InputRefused(source=subject):
                self._store.run("count", "refused-input", event.count)
            case JournalThinned() | RecordsGivenUp() | StreamClosed() | VolatileEnded():
                subject = self._missing(sender, stream, event)
        return subject, []

    def _missing(
        self,
        sender: Sender,
        stream: Stream,
        event: JournalThinned | RecordsGivenUp | StreamClosed | VolatileEnded,
    ) -> str:
        """Tell the ledger what will not come; give the stream that this is about."""
        edge, now, reason = sender.edge, sender.received, event.reason
        match event:
            case JournalThinned():
                notice = Notice(THINNED, reason, _known(event.since), _known(event.until))
                for first, last in _sound(event.ranges):
                    what = Identity(stream.name, "", first)
                    self._ledger.given_up(edge, what, last, notice, now)
                return stream.name
            case RecordsGivenUp(stream=name, life=life, first=first, last=last):
                notice = Notice(GIVEN_UP, reason, _known(event.since), _known(event.until))
                self._ledger.given_up(edge, Identity(name, life, first), last, notice, now)
            case StreamClosed(stream=name, life=life, begun=begun):
                newest = Life(max(1, begun), life)
                ending = Ending(newest, Ranges(_sound(event.held)), event.last)
                self._ledger.closed(edge, name, ending, Notice(CLOSED, reason), now)
            case VolatileEnded(stream=name, last=last):
                self._ledger.volatile_ended(edge, name, last, now)
        return event.stream

    def _outcome(self, sender: Sender, event: CommandOutcome) -> list[Effect]:
        self._pending.ended(event.command)
        if project_outcome(self._store, event):
            return []
        key = AlarmKey("command", event.device or sender.edge, UNASKED)
        told = (
            ("command", event.command), ("action", event.action), ("status", event.status),
            ("edge", sender.edge),
        )  # fmt: skip
        at = sender.received
        return [RaiseAlarm(key, at, "medium", "", told), ClearAlarm(key, at)]

    def _device(self, event: DeviceChanged) -> None:
        known = self._registry.devices.get(event.device)
        if known is None or event.at < known.changed:
            return
        known.available, known.changed, known.cause = event.available, event.at, event.cause
        self._registry.save(event.device)


def _known(at: Instant) -> Instant | None:
    return at if 0 < at < LAST_INSTANT else None


def _sound(ranges: tuple[Between, ...]) -> list[Between]:
    return [(max(1, first), last) for first, last in ranges if max(1, first) <= last]
