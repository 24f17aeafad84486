"""REST: commands, and what became of them."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.instants import moment
from gateway.commands import readers as command_readers
from gateway.commands.requests import Order
from gateway.web.api.window import BODY, Limit, Name, Who, when
from gateway.web.cache import Cache
from gateway.web.problems import documented, unknown


class CommandRequest(BaseModel):
    """What a device shall do: `write` a point, or an order such as `deliver`."""

    model_config = {"extra": "forbid"}

    device: Name = Field(min_length=1)
    action: Name = Field(min_length=1, examples=["write", "deliver", "cancel", "release"])
    point: Name = ""
    value: float | None = Field(default=None, allow_inf_nan=False)
    lease: float = Field(
        default=0.0, ge=0, le=7 * 86400, description="seconds after which the safe value comes back"
    )
    arguments: dict[Name, Name] = Field(default_factory=dict, max_length=16)
    who: Who = "api"


class CommandTaken(BaseModel):
    """A command is kept and on its way; ask for its outcome by its id."""

    id: str


class CommandBody(BaseModel):
    """A command and what became of it."""

    id: str
    device: str
    action: str
    point: str
    wanted: float | None
    lease: float = Field(description="seconds")
    arguments: dict[str, str]
    who: str
    issued: datetime
    expires: datetime
    status: str = Field(description="sent, done, refused, failed, reverted or unknown")
    reason: str
    value: float | None = Field(description="what was read back")
    ended: datetime | None


def command_body(row: command_readers.Order) -> CommandBody:
    """Describe a command and what became of it."""
    asked = row.command
    return CommandBody(
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


def add(api: APIRouter, cache: Cache) -> None:
    parts = cache.parts

    @api.post(
        "/commands",
        status_code=202,
        tags=["commands"],
        responses=documented(*BODY, 404, 409, 503),
    )
    async def ask(body: CommandRequest) -> CommandTaken:
        """Keep and send a command. What became of it is asked for by its id."""
        order = Order(body.device, body.action, body.point, body.value, body.lease, body.arguments)
        return CommandTaken(id=await parts.requests.command(order, body.who))

    @api.get("/commands", tags=["commands"], responses=documented(422))
    async def commands(device: str = "", limit: Limit = 50) -> list[CommandBody]:
        """Give the newest commands."""
        rows = await parts.archive.ask(command_readers.commands, device, "", limit)
        return [command_body(row) for row in rows]

    @api.get("/commands/{command}", tags=["commands"], responses=documented(404))
    async def command(command: str) -> CommandBody:
        """Give one command and what became of it."""
        rows = await parts.archive.ask(command_readers.commands, "", command, 1) if command else []
        if not rows:
            raise unknown("command", command, "/api/v1/commands")
        return command_body(rows[0])
