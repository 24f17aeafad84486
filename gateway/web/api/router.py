"""REST: what happens in the building, and what one may do about it."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from contracts.instants import HOUR, moment
from contracts.messages import Presence
from gateway.alarms import readers as alarm_readers
from gateway.circulation import readers as loan_readers
from gateway.commands import readers as command_readers
from gateway.commands.requests import Order
from gateway.deliveries import readers as delivery_readers
from gateway.devices import readers as device_readers
from gateway.devices.snapshot import Freshness
from gateway.ingest import readers as ingest_readers
from gateway.web.api import site as models
from gateway.web.api import views
from gateway.web.api.building import window
from gateway.web.cache import Board
from gateway.web.problems import documented, unknown

State = Literal[
    "open", "all", "unacknowledged", "acknowledged", "returned-unacknowledged", "normal"
]
BODY = (400, 408, 413, 422)
"""What may be wrong with a body: not JSON, too slow, too long, not what is expected."""
Limit = Annotated[int, Query(ge=1, le=1000)]


def routes(board: Board) -> APIRouter:
    """Make the routes."""
    api = APIRouter()
    _alarm_routes(api, board)
    _ledger_routes(api, board)
    _command_routes(api, board)
    _house_routes(api, board)
    return api


async def find_alarm(board: Board, identity: int) -> alarm_readers.Alarm:
    """Find an alarm; raise Problem."""
    row = None
    if 0 <= identity < 2**62:
        row = await board.parts.archive.ask(alarm_readers.alarm, identity)
    if row is None:
        raise unknown("alarm", identity, "/api/v1/alarms?state=all")
    return row


def _alarm_routes(api: APIRouter, board: Board) -> None:
    parts = board.parts

    @api.get("/alarms", tags=["alarms"], responses=documented(422))
    async def alarms(
        state: State = "open",
        kind: str = "",
        space: str = "",
        priority: str = "",
        limit: Limit = 200,
        before: Annotated[int, Query(ge=0, lt=2**62)] = 2**62 - 1,
    ) -> list[models.AlarmBody]:
        """Give alarms with what happened to them: by default all that are not normal."""
        wanted = alarm_readers.Wanted(state, kind, space, priority, limit, before)
        return [views.alarm(row) for row in await parts.archive.ask(alarm_readers.alarms, wanted)]

    @api.get("/alarms/{alarm}", tags=["alarms"], responses=documented(404))
    async def alarm(alarm: int) -> models.AlarmBody:
        """Give one alarm."""
        return views.alarm(await find_alarm(board, alarm))

    @api.post("/alarms/{alarm}/acknowledge", tags=["alarms"], responses=documented(*BODY, 404, 409))
    async def acknowledge(alarm: int, body: models.Acknowledgement) -> models.AlarmBody:
        """Say that somebody knows of an alarm."""
        await find_alarm(board, alarm)
        await parts.desk.acknowledge(alarm, body.who, body.comment)
        return views.alarm(await find_alarm(board, alarm))

    @api.post("/alarms/{alarm}/comment", tags=["alarms"], responses=documented(*BODY, 404))
    async def comment(alarm: int, body: models.Remark) -> models.AlarmBody:
        """Write something next to an alarm."""
        await find_alarm(board, alarm)
        await parts.desk.comment(alarm, body.who, body.comment)
        return views.alarm(await find_alarm(board, alarm))


def _ledger_routes(api: APIRouter, board: Board) -> None:
    parts = board.parts

    @api.get("/loans", tags=["kiosks"], responses=documented(422))
    async def loans(
        since: datetime | None = None, until: datetime | None = None, limit: Limit = 500
    ) -> list[models.LoanBody]:
        """Give loans and returns that changed in a window: by default the last day."""
        begin, end = window(since, until, parts.now() + 1, 24 * HOUR)
        rows = await parts.archive.ask(loan_readers.loans, begin, end, limit)
        return [views.loan(row) for row in rows]

    @api.get("/deliveries", tags=["robots"], responses=documented(422))
    async def deliveries(limit: Limit = 50) -> list[models.DeliveryBody]:
        """Give deliveries with their steps: those under way first, then the newest."""
        rows = await parts.archive.ask(delivery_readers.deliveries, limit)
        return [views.delivery(row) for row in rows]

    @api.get("/robots", tags=["robots"])
    async def robots() -> list[models.RobotBody]:
        """Give every robot as it is now."""
        return await robots_now(board)


async def robots_now(board: Board) -> list[models.RobotBody]:
    """Describe every robot of the site as it is now."""
    parts = board.parts
    told = {row.robot: row for row in await parts.archive.ask(delivery_readers.robots)}
    online = parts.live.picture.edges
    return [
        views.robot(device, told.get(device.id), parts.now(), online=online.get(edge.id, False))
        for edge, device in parts.site.devices()
        if device in views.robots_of(parts.site)
    ]


def _command_routes(api: APIRouter, board: Board) -> None:
    parts = board.parts

    @api.post(
        "/commands",
        status_code=202,
        tags=["commands"],
        responses=documented(*BODY, 404, 409, 503),
    )
    async def ask(body: models.CommandRequest) -> models.CommandTaken:
        """Keep and send a command. What became of it is asked for by its id."""
        order = Order(body.device, body.action, body.point, body.value, body.lease, body.arguments)
        return models.CommandTaken(id=await parts.desk.command(order, body.who))

    @api.get("/commands", tags=["commands"], responses=documented(422))
    async def commands(device: str = "", limit: Limit = 50) -> list[models.CommandBody]:
        """Give the newest commands."""
        rows = await parts.archive.ask(command_readers.commands, device, "", limit)
        return [views.command(row) for row in rows]

    @api.get("/commands/{command}", tags=["commands"], responses=documented(404))
    async def command(command: str) -> models.CommandBody:
        """Give one command and what became of it."""
        rows = await parts.archive.ask(command_readers.commands, "", command, 1) if command else []
        if not rows:
            raise unknown("command", command, "/api/v1/commands")
        return views.command(rows[0])


async def edges_now(board: Board) -> list[models.EdgeBody]:
    """Describe every edge as it is now."""
    archive, picture = board.parts.archive, board.parts.live.picture
    rows = {row.id: row for row in await archive.ask(device_readers.edges)}
    for one in board.parts.site.edges:
        unheard = Presence(one.id, online=False)
        rows.setdefault(
            one.id, device_readers.Edge(one.id, online=False, changed=0, presence=unheard)
        )
    journals = await archive.ask(ingest_readers.journals)
    return [
        views.edge(row, journals, online=picture.edges.get(row.id, False))
        for _, row in sorted(rows.items())
    ]


async def health_now(board: Board) -> models.HealthBody:
    """Count what the gateway has and what it refused."""
    parts = board.parts
    totals = await parts.archive.ask(ingest_readers.totals)
    tallies = await parts.archive.ask(ingest_readers.tallies)
    picture = parts.live.picture
    live = sum(one.freshness is Freshness.LIVE for one in picture.points.values())
    return models.HealthBody(
        status="ok",
        now=moment(parts.now()),
        records=totals.records,
        events=totals.events,
        unreadable=totals.unreadable,
        duplicates=tallies.get("duplicate", 0),
        open_gaps=totals.open_gaps,
        open_alarms=picture.open_alarms,
        points=len(picture.points),
        live_points=live,
        edges_online=sum(picture.edges.values()),
        tallies=tallies,
        problems=dict(sorted(board.counts.by_code.items())),
    )


def _house_routes(api: APIRouter, board: Board) -> None:
    parts = board.parts

    @api.get("/devices", tags=["house"])
    async def devices() -> list[models.DeviceBody]:
        """Give every device as its card describes it."""
        picture = parts.live.picture
        return [views.device(row, picture) for row in (await board.roster()).devices.values()]

    @api.get("/edges", tags=["house"])
    async def edges() -> list[models.EdgeBody]:
        """Give every edge and its journals."""
        return await edges_now(board)

    @api.get("/gaps", tags=["house"], responses=documented(422))
    async def gaps(limit: Limit = 500) -> list[models.GapBody]:
        """Give the records that are not in the store, and why."""
        return [views.gap(row) for row in await parts.archive.ask(ingest_readers.gaps, limit)]

    @api.get("/health", tags=["house"], responses=documented(503))
    async def health() -> models.HealthBody:
        """Count what the gateway has and what it refused; 503 when its store cannot be read."""
        return await health_now(board)
