"""REST: alarms, and what one may say to them."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from contracts.instants import moment
from gateway.alarms import readers as alarm_readers
from gateway.web.api.window import BODY, Comment, Limit, Who, when
from gateway.web.cache import Cache
from gateway.web.problems import documented, unknown

State = Literal[
    "open", "all", "unacknowledged", "acknowledged", "returned-unacknowledged", "normal"
]


class ActionBody(BaseModel):
    """Something that happened to an alarm."""

    at: datetime
    action: str
    who: str
    comment: str


class AlarmBody(BaseModel):
    """One alarm. `kind` retrospective: found in late facts, over before anybody knew."""

    id: int
    kind: str
    source: str
    space: str
    priority: str
    state: Literal["unacknowledged", "acknowledged", "returned-unacknowledged", "normal"]
    raised: datetime
    noticed: datetime
    cleared: datetime | None
    code: str
    params: dict[str, object]
    actions: list[ActionBody]


class Acknowledgement(BaseModel):
    """Who knows of an alarm."""

    who: Who
    comment: Comment = ""


class Remark(BaseModel):
    """Something to write next to an alarm."""

    who: Who
    comment: Comment = Field(min_length=1)


def alarm_body(row: alarm_readers.Alarm) -> AlarmBody:
    given = row._asdict() | {
        "raised": moment(row.raised),
        "noticed": moment(row.noticed),
        "cleared": when(row.cleared),
        "actions": [one._asdict() | {"at": moment(one.at)} for one in row.actions],
    }
    return AlarmBody.model_validate(given)


async def find_alarm(cache: Cache, identity: int) -> alarm_readers.Alarm:
    """Find an alarm; raise Problem."""
    row = None
    if 0 <= identity < 2**62:
        row = await cache.parts.archive.ask(alarm_readers.alarm, identity)
    if row is None:
        raise unknown("alarm", identity, "/api/v1/alarms?state=all")
    return row


def add(api: APIRouter, cache: Cache) -> None:
    parts = cache.parts

    @api.get("/alarms", tags=["alarms"], responses=documented(422))
    async def alarms(
        state: State = "open",
        kind: str = "",
        space: str = "",
        priority: str = "",
        limit: Limit = 200,
        before: Annotated[int, Query(ge=0, lt=2**62)] = 2**62 - 1,
    ) -> list[AlarmBody]:
        """Give alarms with what happened to them: by default all that are not normal."""
        wanted = alarm_readers.Wanted(state, kind, space, priority, limit, before)
        return [alarm_body(row) for row in await parts.archive.ask(alarm_readers.alarms, wanted)]

    @api.get("/alarms/{alarm}", tags=["alarms"], responses=documented(404))
    async def alarm(alarm: int) -> AlarmBody:
        """Give one alarm."""
        return alarm_body(await find_alarm(cache, alarm))

    @api.post("/alarms/{alarm}/acknowledge", tags=["alarms"], responses=documented(*BODY, 404, 409))
    async def acknowledge(alarm: int, body: Acknowledgement) -> AlarmBody:
        """Say that somebody knows of an alarm."""
        await find_alarm(cache, alarm)
        await parts.requests.acknowledge(alarm, body.who, body.comment)
        return alarm_body(await find_alarm(cache, alarm))

    @api.post("/alarms/{alarm}/comment", tags=["alarms"], responses=documented(*BODY, 404))
    async def comment(alarm: int, body: Remark) -> AlarmBody:
        """Write something next to an alarm."""
        await find_alarm(cache, alarm)
        await parts.requests.comment(alarm, body.who, body.comment)
        return alarm_body(await find_alarm(cache, alarm))
