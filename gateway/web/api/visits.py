"""REST: visits by gate, library-day and hour."""

import hashlib
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, Field

from config.library_days import Calendar
from config.site import Gate
from contracts.instants import moment
from gateway.footfall import visit_days
from gateway.footfall.visit_days import Direction, GateDay
from gateway.web.api.site import NameBody
from gateway.web.api.window import Share, calendar_of
from gateway.web.cache import Cache
from gateway.web.problems import Problem, documented, unknown

DAY = timedelta(days=1)
MOST_DAYS = 31


class HourBody(BaseModel):
    """One hour of a gate. A null count is unknown, not zero."""

    begin: datetime
    end: datetime
    entries: int | None
    exits: int | None
    coverage: Share | None = Field(description="share of the hour so far that was counted")


class SpanBody(BaseModel):
    """Crossings that cannot be told by the hour."""

    direction: Literal["entry", "exit"]
    since: datetime
    until: datetime
    count: int | None
    flag: str = Field(description="outage, reset, implausible, rollover")


class GateDayBody(BaseModel):
    """One gate on one library-day. ISO 2789: visits are entries."""

    gate: str
    name: NameBody
    day: date
    begin: datetime
    end: datetime
    entries: int | None = Field(description="null: nothing was counted")
    exits: int | None
    coverage: Share | None
    unplaced: int = Field(description="entries counted across outages: in the day, in no hour")
    hours: list[HourBody]
    spans: list[SpanBody]


def gate_day_body(gate: Gate, row: GateDay, calendar: Calendar) -> GateDayBody:
    """Describe a gate's library-day."""
    exits = row.exits
    hours = [
        HourBody(
            begin=moment(hour.begin),
            end=moment(hour.end),
            entries=hour.passed,
            exits=exits.hours[i].passed if exits else None,
            coverage=hour.coverage,
        )
        for i, hour in enumerate(row.entries.hours)
    ]
    return GateDayBody(
        gate=gate.id,
        name=NameBody(en=gate.name.en, zh=gate.name.zh),
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


def _spans(direction: str, counted: Direction | None) -> list[SpanBody]:
    return [
        SpanBody.model_validate(
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


def find_gate(cache: Cache, name: str) -> Gate:
    """Find a gate; raise Problem."""
    for gate in cache.parts.site.gates:
        if gate.id == name:
            return gate
    raise unknown("gate", name, "/api/v1/visits")


async def gate_days(
    cache: Cache, gates: tuple[Gate, ...], days: list[date], kept: int = 0
) -> list[visit_days.GateDay]:
    """Give the library-days of gates, each at most `kept` microseconds old."""
    return [await cache.gate_day(gate, day, kept) for gate in gates for day in days]


def add(api: APIRouter, cache: Cache) -> None:
    @api.get(
        "/visits",
        tags=["building"],
        responses={
            304: {"description": "Nothing has changed since that ETag"},
            **documented(404, 422),
        },
        response_model=list[GateDayBody],
    )
    async def visits(
        response: Response,
        gate: str = "",
        day: date | None = None,
        days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 1,
        if_none_match: Annotated[str, Header()] = "",
    ) -> object:
        """Give visits by gate, library-day and hour: `days` days that end with `day` (today)."""
        calendar = calendar_of(cache.parts.site)
        last = day or calendar.day_of(cache.parts.now())
        if not date(1980, 1, 1) <= last <= date(9990, 1, 1):
            raise Problem(422, "bad-day", f"{last} is no day of this library", "give another day")
        gates = (find_gate(cache, gate),) if gate else cache.parts.site.gates
        wanted = [last - n * DAY for n in reversed(range(days))]
        rows = await gate_days(cache, gates, wanted)
        bodies = [gate_day_body(find_gate(cache, row.gate), row, calendar) for row in rows]
        text = "".join(body.model_dump_json() for body in bodies)
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if tag in if_none_match:
            return Response(status_code=304, headers=headers)
        response.headers.update(headers)
        return bodies
