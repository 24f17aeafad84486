"""Codes as people say them. Every text here is a key of the catalogues."""

from collections.abc import Callable, Mapping
from typing import Any

from contracts.instants import Instant
from gateway.alarms.readers import Alarm
from gateway.climate.conditions import Condition

Say = Callable[[str], str]


def _(text: str) -> str:
    """Mark a text for the catalogues; it is said later, in the reader's language."""
    return text


CONDITIONS: dict[str, str] = {
    Condition.IN: _("In range"),
    Condition.NEAR: _("Near limit"),
    Condition.PARTIAL: _("Partly unknown"),
    Condition.OUT: _("Out of range"),
    Condition.UNKNOWN: _("UNKNOWN"),
    Condition.UNJUDGED: _("No limit set"),
    Condition.EMPTY: _("No probe"),
}
ICONS: dict[str, str] = {
    Condition.IN: "✔",
    Condition.NEAR: "▲",
    Condition.PARTIAL: "◐",
    Condition.OUT: "✖",
    Condition.UNKNOWN: "?",
    Condition.UNJUDGED: "○",
    Condition.EMPTY: "—",
}
QUANTITIES = {
    "air_temperature": _("Temperature"),
    "relative_humidity": _("Humidity"),
    "co2": _("CO₂"),
    "crossings": _("Crossings"),
    "sample": _("Sample"),
    "share": _("Share"),
    "status": _("Status"),
}
SPACES = {
    "vault": _("Rare-book vault"),
    "store": _("Store"),
    "reading": _("Reading room"),
    "lobby": _("Lobby"),
    "plant": _("Plant room"),
}
QUALITIES = {
    "good": _("good"),
    "implausible": _("implausible"),
    "unavailable": _("not measured"),
}
PRIORITIES = {"high": _("High"), "medium": _("Medium"), "low": _("Low")}
ALARM_STATES = {
    "unacknowledged": _("Active, not acknowledged"),
    "acknowledged": _("Active, acknowledged"),
    "returned-unacknowledged": _("Over, not acknowledged"),
    "normal": _("Closed"),
}
ALARM_ICONS = {
    "unacknowledged": "✖",
    "acknowledged": "◉",
    "returned-unacknowledged": "↩",
    "normal": "✔",
}
ALARM_KINDS = {
    "limit": _("Limit"),
    "silence": _("Silent device"),
    "edge-silence": _("Silent edge"),
    "retrospective": _("Found afterwards"),
    "journal-fill": _("Journal filling"),
    "journal": _("Journal not safe"),
    "command": _("Command nobody sent"),
    "clock": _("Wrong clock"),
    "store": _("Database"),
}
ALARM_ACTIONS = {
    "raise": _("raised"),
    "clear": _("condition gone"),
    "acknowledge": _("acknowledged"),
    "comment": _("commented"),
}
GUIDANCE = {
    "silence": _(
        "Look whether the device has power and its cable is in place; then its bus and its edge."
        " Until it answers, nobody knows how it is there: go and measure by hand."
    ),
    "edge-silence": _(
        "Look whether the edge's computer runs and its network is connected. It keeps measuring"
        " and will deliver later what it has journalled."
    ),
    "retrospective": _(
        "This happened while nobody was told. Read the curve of that time, check what the climate"
        " did to the collection, and note what was found."
    ),
    "journal-fill": _(
        "The edge keeps what it cannot deliver. Restore its connection before the journal is full."
    ),
    "journal": _(
        "What the edge reads now is in its memory only, and lost when it is switched off. Make room"
        " on its disk, or replace the disk; leave the edge running until then."
    ),
    "command": _(
        "An edge carried out a command that this gateway does not know: another gateway is"
        " connected, an old copy of the store was put back, or somebody forged it. Find out who."
    ),
    "store": _(
        "Meanwhile nothing was acknowledged, and edges kept everything. Look for a full or failing"
        " disk of the gateway."
    ),
    "clock": _("Set the edge's clock right: what it measures carries times from the future."),
    "limit": _("Check air conditioning, doors and the probe itself."),
}
COMMANDS = {
    "sent": _("On its way"),
    "done": _("Done"),
    "refused": _("Refused"),
    "failed": _("Failed"),
    "reverted": _("Lease over: safe value restored"),
    "unknown": _("No answer: outcome unknown"),
}
LOAN_ACTIONS = {"checkout": _("Loan"), "checkin": _("Return")}
LOAN_STEPS = {
    "intent": _("Begun"),
    "granted": _("Granted, tag not yet written"),
    "closed": _("Done"),
    "refused": _("Refused"),
    "staff": _("For staff"),
}
DELIVERY_STEPS = {
    "asked": _("Asked for"),
    "sent": _("Sent to the robot"),
    "accepted": _("Accepted by the robot"),
    "loaded": _("Loaded"),
    "delivered": _("Delivered"),
    "failed": _("Failed"),
    "cancelled": _("Cancelled"),
}
CONNECTIONS = {
    "ONLINE": _("Online"),
    "OFFLINE": _("Offline"),
    "CONNECTIONBROKEN": _("Connection broken"),
    "UNKNOWN": _("UNKNOWN"),
}
MODES = {
    "AUTOMATIC": _("Automatic"),
    "SEMIAUTOMATIC": _("Semi-automatic"),
    "MANUAL": _("Manual"),
    "SERVICE": _("Service"),
    "TEACHIN": _("Teach-in"),
}
FLAGS = {
    "outage": _("Counted across an outage"),
    "reset": _("Counter was reset: unknown"),
    "implausible": _("Implausible count: unknown"),
    "rollover": _("Counter rolled over during an outage"),
}
POINTS = {
    "temperature": _("Temperature"),
    "humidity": _("Humidity"),
    "return_temperature": _("Return air"),
    "return_humidity": _("Return humidity"),
    "supply_temperature": _("Supply air"),
    "temperature_setpoint": _("Temperature setpoint"),
    "humidity_setpoint": _("Humidity setpoint"),
    "on": _("Unit"),
    "cooling": _("Cooling"),
    "cooling_stage_1": _("Cooling, stage 1"),
    "cooling_stage_2": _("Cooling, stage 2"),
    "heating_stage_2": _("Heating, stage 2"),
    "heating": _("Heating"),
    "humidifying": _("Humidifying"),
    "dehumidifying": _("Dehumidifying"),
    "fan": _("Fan"),
    "alarm": _("Alarm of the unit"),
    "alarm_bits": _("Alarm bits of the unit"),
    "healthy": _("Healthy"),
    "dew_point": _("Dew point"),
}
SWITCHES = {
    **dict.fromkeys(
        (
            "on",
            "fan",
            "cooling_stage_1",
            "cooling_stage_2",
            "heating",
            "heating_stage_2",
            "humidifying",
            "dehumidifying",
        ),
        (_("off"), _("on")),
    ),
    "alarm": (_("no"), _("yes")),
    "healthy": (_("no"), _("yes")),
}
"""Points of 0 and 1, and what these are called."""
TALLIES = {
    "duplicate": _("Came again, not stored twice"),
    "late": _("Came late"),
    "ahead": _("Carried a time from the future"),
    "implausible": _("Implausible values"),
    "unreadable": _("Unreadable records"),
    "gap-filled": _("Records that filled a gap"),
    "refused-input": _("Inputs refused by edges"),
    "refused-journal": _("Batches refused"),
    "refused-card": _("Cards refused"),
    "refused-state": _("Presences refused"),
    "command-unknown": _("Commands whose outcome nobody knows"),
    "foreign": _("Records of devices that belong to another edge"),
    "foreign-stream": _("Batches of journals that belong to another edge"),
    "refused-life": _("Batches with numbers that belong to another run of the edge"),
    "layout-awaited": _("Samples that await their device's card"),
    "unknown-kind": _("Records of a kind that only a later version knows"),
}
CAUSES = {
    "": _("awaited"),
    "thinned": _("given up: the journal was full"),
    "given-up": _("given up by the edge"),
    "closed": _("lost with a journal that the edge had to leave"),
    "settled": _("no longer in the edge's journal"),
    "presumed": _("probably lost: the edge names this journal no more"),
    "open-end": _("nobody knows how many followed"),
    "old-copy": _("an old copy of the store was put back"),
}
JOURNALS = {"ok": _("sound"), "full": _("disk full"), "failing": _("disk failing")}
PROBLEMS = {
    "unknown-alarm": _("There is no such alarm."),
    "not-acknowledgeable": _("There is nothing to acknowledge: somebody was faster."),
    "comment-missing": _("Write a comment first."),
    "who-missing": _("Give your name, so that others know who acted."),
    "unknown-device": _("There is no such device."),
    "unknown-point": _("There is no such point."),
    "unknown-action": _("The device does not offer that."),
    "value-missing": _("Give a number."),
    "out-of-limits": _("The device does not take that value: it is outside its limits."),
    "lease-missing": _("Say for how long the value shall hold."),
    "edge-unheard": _("The edge of this device was not heard yet. Try again in a moment."),
    "store-unavailable": _("The gateway cannot use its store now. Try again in a few seconds."),
    "no-such-page": _("There is no such page."),
    "unknown-space": _("There is no such space."),
    "unknown-gate": _("There is no such gate."),
    "foreign-origin": _(
        "The request came from a page of another site. Use the gateway's own page."
    ),
    "busy": _("Too many requests at once. Try again in a few seconds."),
    "deadline": _("The answer took too long. Ask for less at a time, or try again later."),
    "too-large": _("That is too long."),
    "bad-window": _("The window ends before it begins, or is too long."),
    "fault": _("The gateway has a fault. It is written in its log."),
}
SCRIPT = {
    "lost": _("Connection lost. Values on this page are no longer current."),
    "ago_s": _("{n} s ago"),
    "ago_min": _("{n} min ago"),
    "ago_h": _("{n} h ago"),
    "ago_d": _("{n} d ago"),
    "never": _("never heard"),
    "last": _("last {value}"),
    "unknown": _("UNKNOWN"),
    "time": _("Time"),
    "readings": _("single readings"),
    "mean_of": _("mean, smallest and greatest of {n}"),
    "no_values": _("No values in this window"),
    "failed": _("The values cannot be read now."),
    "second": _("{n} s"),
    "minute": _("{n} min"),
    "hour": _("{n} h"),
}
"""What scripts say; they get it as JSON in the page."""


def said(table: Mapping[str, str], code: str, say: Say) -> str:
    """Say a code; one that nobody knows is shown as it is."""
    return say(table[code]) if code in table else code


def sentence(row: Alarm, name: str, say: Say, when: Callable[[Instant], str]) -> str:
    """Say what an alarm is about; `name` is what its source is called."""
    given: dict[str, Any] = {
        "name": name,
        "value": _number(row.params.get("value")),
        "limit": _number(row.params.get("limit")),
        "quantity": said(QUANTITIES, str(row.params.get("quantity", "")), say),
        "since": when(row.raised),
        "until": when(row.cleared) if row.cleared else "",
        "count": len(row.params.get("devices", ())),
        "fill": f"{100 * float(row.params.get('fill', 0)):.0f}",
        "reason": row.params.get("reason", ""),
        "action": row.params.get("action", ""),
    }
    texts = {
        ("limit", "above"): say(_("{name}: {quantity} {value} is above the limit of {limit}")),
        ("limit", "below"): say(_("{name}: {quantity} {value} is below the limit of {limit}")),
        ("retrospective", "above"): say(
            _("{name}: {quantity} was above the limit of {limit}, up to {value}")
        ),
        ("retrospective", "below"): say(
            _("{name}: {quantity} was below the limit of {limit}, down to {value}")
        ),
        ("silence", "silent"): say(_("{name} gives no values")),
        ("edge-silence", "silent"): say(_("Edge {name} is silent, and {count} devices with it")),
        ("journal-fill", "filling"): say(_("The journal of edge {name} is {fill} % full")),
        ("journal", "full"): say(_("Edge {name}: the journal cannot be written, its disk is full")),
        ("journal", "failing"): say(_("Edge {name}: the journal cannot be written. {reason}")),
        ("command", "unasked"): say(_("{name}: {action} was carried out, and nobody asked for it")),
        ("store", "old-copy"): say(
            _("The gateway's store is an old copy: what came later is lost")
        ),
        ("store", "unwritable"): say(_("The gateway could not write its store")),
        ("clock", "ahead"): say(_("The clock of edge {name} runs ahead")),
    }
    text = texts.get((row.kind, row.code))
    return text.format_map(given) if text else f"{name}: {row.kind} {row.code}"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "—"
