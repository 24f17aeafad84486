"""From rows and the live picture to what the REST interface answers."""

from collections.abc import Sequence
from datetime import datetime

from config.library_days import Calendar
from config.links import Robot
from config.site import Gate, Site, Space
from contracts.instants import SECOND, Instant, moment, span
from contracts.quantities import NATURES
from contracts.records import RobotChanged
from gateway.alarms import readers as alarm_readers
from gateway.circulation import readers as loan_readers
from gateway.climate.conditions import Tile, unheard
from gateway.commands import readers as command_readers
from gateway.deliveries import readers as delivery_readers
from gateway.devices import readers as device_readers
from gateway.devices.snapshot import Freshness, Picture
from gateway.footfall.visit_days import Direction, GateDay
from gateway.ingest import readers as ingest_readers
from gateway.web.api import site as models

UNHEARD = "unheard"
"""Why a device that never said anything is not available."""
UNKNOWN = "UNKNOWN"


def when(at: Instant | None) -> datetime | None:
    """Turn an instant into a time for people; 0 and None are no time."""
    return moment(at) if at else None


def calendar_of(site: Site) -> Calendar:
    """Give the site's library-days."""
    return Calendar(site.zone, site.day_begins)


def site(one: Site, now: Instant) -> models.SiteBody:
    """Describe the building."""
    return models.SiteBody(
        id=one.site,
        name=models.NameBody(en=one.name.en, zh=one.name.zh),
        timezone=one.timezone,
        day_begins=one.day_begins.strftime("%H:%M"),
        now=moment(now),
        today=calendar_of(one).day_of(now),
    )


def space(one: Space, tile: Tile) -> models.SpaceBody:
    """Describe a room as it is now."""
    gauges = [
        models.GaugeBody(
            quantity=gauge.quantity,
            unit=gauge.unit,
            condition=gauge.condition,
            point=gauge.path,
            value=gauge.value,
            at=when(gauge.at),
            quality=gauge.quality,
            last_value=gauge.last_value,
            live=gauge.live,
            probes=gauge.probes,
            least=gauge.least,
            greatest=gauge.greatest,
        )
        for gauge in tile.gauges
    ]
    limits = [
        models.LimitBody(
            quantity=limit.quantity.value,
            unit=NATURES[limit.quantity].unit,
            low=limit.low,
            high=limit.high,
            deadband=limit.deadband,
            delay=limit.delay.total_seconds(),
            priority=limit.priority.value,
            standard=limit.standard,
        )
        for limit in one.limits
    ]
    return models.SpaceBody(
        id=one.id,
        kind=one.kind.value,
        name=models.NameBody(en=one.name.en, zh=one.name.zh),
        condition=tile.condition,
        gauges=gauges,
        limits=limits,
    )


def point(row: device_readers.Point, picture: Picture) -> models.PointBody:
    """Describe a point as it is now; its last value is no value while it is UNKNOWN."""
    now = picture.points.get(row.path) or unheard(row.path)
    live = now.freshness is Freshness.LIVE
    return models.PointBody(
        path=row.path,
        device=row.device,
        quantity=row.quantity,
        unit=row.unit,
        space=row.space,
        period=row.period / SECOND,
        freshness=now.freshness,
        quality=now.quality,
        value=now.value if live else None,
        at=when(now.at) if live else None,
        last_value=now.value,
        last_at=when(now.at),
        received=when(now.received),
    )


def alarm(row: alarm_readers.Alarm) -> models.AlarmBody:
    """Describe an alarm."""
    given = row._asdict() | {
        "raised": moment(row.raised),
        "noticed": moment(row.noticed),
        "cleared": when(row.cleared),
        "actions": [one._asdict() | {"at": moment(one.at)} for one in row.actions],
    }
    return models.AlarmBody.model_validate(given)


def gate_day(gate: Gate, row: GateDay, calendar: Calendar) -> models.GateDayBody:
    """Describe a gate's library-day."""
    exits = row.exits
    hours = [
        models.HourBody(
            begin=moment(hour.begin),
            end=moment(hour.end),
            entries=hour.passed,
            exits=exits.hours[i].passed if exits else None,
            coverage=hour.coverage,
        )
        for i, hour in enumerate(row.entries.hours)
    ]
    return models.GateDayBody(
        gate=gate.id,
        name=models.NameBody(en=gate.name.en, zh=gate.name.zh),
        day=row.day,
        begin=moment(calendar.begin(row.day)),
        end=moment(calendar.end(row.day)),
        entries=row.entries.total,
        exits=exits.total if exits else None,
        coverage=row.entries.coverage,
        unplaced=row.entries.unplaced,
        hours=hours,
        spans=[*_spans("entry", row.entries), *_spans("exit", exits)],
    )


def _spans(direction: str, counted: Direction | None) -> list[models.SpanBody]:
    return [
        models.SpanBody.model_validate(
            {
                "direction": direction,
                "since": moment(one.since),
                "until": moment(one.until),
                "count": one.passed,
                "flag": one.flag,
            }
        )
        for one in (counted.spans if counted else ())
    ]


def loan(row: loan_readers.Loan) -> models.LoanBody:
    """Describe a loan or return."""
    times = {"begun": moment(row.begun), "changed": moment(row.changed)}
    return models.LoanBody.model_validate(row._asdict() | times)


def delivery(row: delivery_readers.Delivery) -> models.DeliveryBody:
    """Describe a delivery."""
    given = row._asdict() | {
        "begun": moment(row.begun),
        "changed": moment(row.changed),
        "steps": [one._asdict() | {"at": moment(one.at)} for one in row.steps],
    }
    return models.DeliveryBody.model_validate(given)


def robots_of(one: Site) -> list[Robot]:
    """Give the robots of a site."""
    return [device for _, device in one.devices() if isinstance(device, Robot)]


def robot(
    device: Robot, told: RobotChanged | None, now: Instant, *, online: bool
) -> models.RobotBody:
    """Describe a robot; one that has been silent for too long, or whose edge is, is UNKNOWN."""
    if told is None:
        return models.RobotBody(
            id=device.id, known=False, connection=UNKNOWN, at=None, mode="", driving=False,
            battery=None, node="", x=None, y=None, order="", errors=[],
        )  # fmt: skip
    known = online and now - told.at <= span(device.silent_after) and told.connection != UNKNOWN
    return models.RobotBody(
        id=told.robot,
        known=known,
        connection=told.connection if known else UNKNOWN,
        at=when(told.at),
        mode=told.mode,
        driving=told.driving and known,
        battery=told.battery,
        node=told.node,
        x=told.x,
        y=told.y,
        order=told.order,
        errors=list(told.errors),
    )


def command(row: command_readers.Order) -> models.CommandBody:
    """Describe a command and what became of it."""
    asked = row.command
    return models.CommandBody(
        id=row.id,
        device=row.device,
        action=row.action,
        point=asked.point,
        wanted=asked.value,
        lease=asked.lease,
        arguments=asked.arguments,
        who=row.who,
        issued=moment(row.issued),
        expires=moment(asked.expires),
        status=row.status,
        reason=row.reason,
        value=row.value,
        ended=when(row.ended),
    )


def device(row: device_readers.Device, picture: Picture) -> models.DeviceBody:
    """Describe a device; while its edge is away nobody knows whether it is there."""
    known = picture.edges.get(row.edge, False) and row.cause != UNHEARD
    points = [
        models.CardPointBody(
            name=one.name,
            quantity=one.quantity.value,
            unit=one.unit,
            period=one.period,
            writable=one.writable,
            low=one.low,
            high=one.high,
        )
        for one in row.card.points
    ]
    return models.DeviceBody(
        id=row.id,
        edge=row.edge,
        model=row.card.model,
        family=row.card.family,
        space=row.card.space,
        name=row.card.name,
        available=row.available if known else None,
        changed=when(row.changed),
        cause=row.cause,
        points=points,
        actions=list(row.card.actions),
    )


def edge(
    row: device_readers.Edge, journals: Sequence[ingest_readers.Journal], *, online: bool
) -> models.EdgeBody:
    """Describe an edge and its journals."""
    told = row.presence
    return models.EdgeBody(
        id=row.id,
        online=online,
        changed=when(row.changed),
        version=told.version,
        fill=min(1.0, max(0.0, told.fill)),
        waiting=max(0, told.next - told.oldest) if told.next else None,
        journals=[
            models.JournalBody(
                stream=one.stream,
                begun=moment(one.begun),
                committed=one.committed,
                last=one.last,
                missing=one.missing,
            )
            for one in journals
            if one.edge == row.id
        ],
    )


def gap(row: ingest_readers.Gap) -> models.GapBody:
    """Describe a hole in what was received."""
    times = {"noticed": moment(row.noticed), "since": when(row.since), "until": when(row.until)}
    return models.GapBody.model_validate(row._asdict() | times)
