"""What a fault means, in plain words: what happens, until when, and what one sees where."""

from collections.abc import Iterator
from typing import NamedTuple

from config.links import (
    Device,
    LibrarySystem,
    Link,
    ModbusDevice,
    ModbusTcp,
    Robot,
    TagReaderDevice,
)
from config.site import Kiosk, Site
from contracts.instants import Instant, moment
from simulators.faults import MOMENTARY, What

POLLS = 3
"""After so many polls without an answer a value is UNKNOWN."""

HAPPENS = {
    What.UNPLUG: "{it} is unplugged: the gateway in front of it answers that it hears nothing",
    What.SILENT: "{it} says nothing",
    What.LATE: "{it} answers {value:g} s late",
    What.GARBAGE: "{it} answers with random bytes",
    What.HALF_OPEN: "Connections to {it} stay open, and nobody answers on them any more",
    What.EXCEPTION: "{it} answers every request with Modbus exception {value:.0f}",
    What.FROZEN: "{it} repeats the values that it has now",
    What.FOREIGN_TRANSACTION: "The answers of {it} carry a transaction id that nobody asked with",
    What.WRONG_UNIT: "The answers of {it} come as if from another unit",
    What.TRICKLE: "{it} answers one byte every {value:g} s",
    What.CUT: "{it} ends the connection in the middle of every answer",
    What.POWER_ON: "{it} says 85 °C, as many probes do before their first measurement",
    What.WARM: "The air at {it} is {value:g} °C warmer than in its room: a lamp was left on",
    What.TRIP: "{it} stands still, and says so",
    What.RESET: "The counters of {it} went to 0",
    What.JUMP: "The counters of {it} went up by {value:.0f} at once",
    What.WRONG_CHECKSUM: "The checksums of {it} are wrong",
    What.OFFLINE: "{it} says that it is closed for maintenance",
    What.REMOVED: "At {it} a book is taken away at the moment at which its tag is written",
    What.LOCKED: "At {it} tags refuse to be written",
    What.BLOCKED_CARD: "Whoever comes to {it} has a card that is blocked",
    What.EMERGENCY_STOP: "Somebody pressed the red button of {it}: it stands",
    What.FAIL_ACTION: "The next pick or drop of {it} fails",
    What.REBOOT: "{it} lost power for a moment and has forgotten its order",
}
USUAL = {What.LATE: 3.0, What.EXCEPTION: 4.0, What.TRICKLE: 0.3, What.WARM: 6.0, What.JUMP: 1000.0}
"""The number of those that take one, when none is given."""


class Told(NamedTuple):
    """A fault in words; each a sentence."""

    happens: str
    seen: str


def explain(site: Site, console: str, target: str, what: What, value: float | None) -> Told:
    """Say what a fault of a device, a link or a kiosk does, and where it shows in the console.

    `console` is the address of the gateway, or empty. Raises KeyError for an unknown target.
    """
    thing = _find(site, target)
    number = USUAL.get(what, 0.0) if value is None else value
    if value is None and what is What.TRICKLE and isinstance(thing, LibrarySystem):
        number = 0.01
    happens = HAPPENS[what].format(it=_called(thing), value=number)
    return Told(f"{happens}.", _seen(thing, what, console))


def ending(site: Site, what: What, until: Instant | None, clear: str) -> str:
    """Say until when it lasts; `clear` is the command that ends it before."""
    if what in MOMENTARY:
        return "That happened once and is over."
    if until is None:
        return f"It lasts until it is mended:  {clear}"
    at = moment(until).astimezone(site.zone).strftime("%H:%M:%S")
    return f"It lasts until {at} (time of {site.timezone}), or until:  {clear}"


def _things(site: Site) -> Iterator[Link | Device | Kiosk]:
    for edge in site.edges:
        yield from edge.links
        yield from edge.devices()
        yield from edge.kiosks


def _find(site: Site, target: str) -> Link | Device | Kiosk:
    for thing in _things(site):
        if thing.id == target:
            return thing
    raise KeyError(f"no device, link or kiosk {target!r} in the site file")


def _called(thing: Link | Device | Kiosk) -> str:
    name = getattr(thing, "name", None)
    return f"{name.en} ({thing.id})" if name is not None else thing.id


UNDONE = "a loan is taken back or handed to staff, with the reason."
FLAT = "a curve that goes flat; the values still count as good."
SEEN: dict[type, dict[What, str]] = {
    Kiosk: {What.BLOCKED_CARD: "loans that are refused, with the library system's reason."},
    Robot: {
        What.SILENT: "UNKNOWN after {patience:g} s; its deliveries wait.",
        What.EMERGENCY_STOP: "the stop among its errors; its deliveries wait, then go on.",
    },
    LibrarySystem: {
        What.LATE: "loans and returns take longer, or wait.",
        What.TRICKLE: "loans and returns take longer, or wait.",
    },
    TagReaderDevice: {What.REMOVED: UNDONE, What.LOCKED: UNDONE},
    ModbusDevice: {
        What.FROZEN: FLAT,
        What.POWER_ON: "implausible, then UNKNOWN after {wait:g} s: 85 °C is no air of a building.",
        What.WARM: "a curve that climbs; an alarm when it is outside its limits for their delay.",
        What.TRIP: "the unit's own alarm; the room drifts off slowly.",
        What.RESET: "a flagged count of unknown size, and no false visitors.",
        What.JUMP: "a flagged count of unknown size, and no false visitors.",
    },
    ModbusTcp: {What.FROZEN: FLAT},
}
"""What one sees of a kind of thing that fails in a certain way."""
OTHERWISE = {
    Robot: "the delivery under way fails, with the reason (if there is none, the next).",
    LibrarySystem: "nothing is lent or taken back until it answers soundly.",
    TagReaderDevice: "the reader does not answer; nobody can borrow or return.",
    ModbusDevice: "UNKNOWN within {wait:g} s; when it lasts, the silence is an alarm.",
    ModbusTcp: "{devices}: UNKNOWN within three polls; when it lasts, silence is an alarm.",
}


def _seen(thing: Link | Device | Kiosk, what: What, console: str) -> str:
    """Name the page and what it shows."""
    kind = type(thing)
    if what in SEEN.get(kind, {}):
        text = SEEN[kind][what]
    elif isinstance(thing, ModbusDevice) and thing.model == "adam-6051":
        text = "hours that were not wholly counted; who passes meanwhile is counted afterwards."
    else:
        text = OTHERWISE.get(kind, "it does not answer.")
    return f"{console}{_page(thing)}: " + text.format(
        patience=thing.silent_after.total_seconds() if isinstance(thing, Robot) else 0,
        wait=POLLS * thing.period.total_seconds() if isinstance(thing, ModbusDevice) else 0,
        devices=", ".join(one.id for one in thing.devices) if isinstance(thing, ModbusTcp) else "",
    )


def _page(thing: Link | Device | Kiosk) -> str:
    if isinstance(thing, Robot):
        return "/robots"
    if isinstance(thing, Kiosk | LibrarySystem | TagReaderDevice):
        return "/kiosks"
    if not isinstance(thing, ModbusDevice):
        return "/"
    if thing.model == "adam-6051":
        return "/gates"
    return f"/spaces/{thing.space}" if thing.space else "/system"
