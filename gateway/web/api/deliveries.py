"""REST: deliveries and robots."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from config.links import Robot
from config.site import Site
from contracts.instants import Instant, moment, span
from contracts.records import RobotChanged
from gateway.deliveries import readers as delivery_readers
from gateway.web.api.window import Limit, when
from gateway.web.cache import Cache
from gateway.web.problems import documented

UNKNOWN = "UNKNOWN"


class StepBody(BaseModel):
    """A step of a delivery."""

    at: datetime
    step: str
    node: str
    reason: str


class DeliveryBody(BaseModel):
    """One item on its way."""

    id: str
    robot: str
    step: str
    item: str
    origin: str
    destination: str
    node: str
    reason: str
    begun: datetime
    changed: datetime
    steps: list[StepBody]


class RobotBody(BaseModel):
    """A robot. While `known` is false its place and battery are what it said last."""

    id: str
    known: bool
    connection: str = Field(description="ONLINE, OFFLINE, CONNECTIONBROKEN or UNKNOWN")
    at: datetime | None
    mode: str
    driving: bool
    battery: float | None = Field(description="%")
    node: str
    x: float | None = Field(description="m")
    y: float | None = Field(description="m")
    order: str
    errors: list[str]


def delivery_body(row: delivery_readers.Delivery) -> DeliveryBody:
    given = row._asdict() | {
        "begun": moment(row.begun),
        "changed": moment(row.changed),
        "steps": [one._asdict() | {"at": moment(one.at)} for one in row.steps],
    }
    return DeliveryBody.model_validate(given)


def robots_of(one: Site) -> list[Robot]:
    return [device for _, device in one.devices() if isinstance(device, Robot)]


def robot_body(
    device: Robot, told: RobotChanged | None, now: Instant, *, online: bool
) -> RobotBody:
    """Describe a robot; one that has been silent for too long, or whose edge is, is UNKNOWN."""
    if told is None:
        return RobotBody(
            id=device.id, known=False, connection=UNKNOWN, at=None, mode="", driving=False,
            battery=None, node="", x=None, y=None, order="", errors=[],
        )  # fmt: skip
    known = online and now - told.at <= span(device.silent_after) and told.connection != UNKNOWN
    return RobotBody(
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


async def robots_now(cache: Cache) -> list[RobotBody]:
    parts = cache.parts
    told = {row.robot: row for row in await parts.archive.ask(delivery_readers.robots)}
    online = parts.live.picture.edges
    return [
        robot_body(device, told.get(device.id), parts.now(), online=online.get(edge.id, False))
        for edge, device in parts.site.devices()
        if device in robots_of(parts.site)
    ]


def add(api: APIRouter, cache: Cache) -> None:
    parts = cache.parts

    @api.get("/deliveries", tags=["robots"], responses=documented(422))
    async def deliveries(limit: Limit = 50) -> list[DeliveryBody]:
        """Give deliveries with their steps: those under way first, then the newest."""
        rows = await parts.archive.ask(delivery_readers.deliveries, limit)
        return [delivery_body(row) for row in rows]

    @api.get("/robots", tags=["robots"])
    async def robots() -> list[RobotBody]:
        """Give every robot as it is now."""
        return await robots_now(cache)
