"""Forms: acknowledge, comment, write a setpoint, send a robot. They work without scripts.

What is accepted answers 303 to the page; what is refused shows the page again and says why.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.commands.requests import Order, RequestError
from gateway.web.console import alarms, climate, deliveries, preferences
from gateway.web.console.page import Frame
from gateway.web.problems import DESK_STATUS, Problem

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 20


class Form(NamedTuple):
    """What somebody filled in."""

    fields: dict[str, str]

    def text(self, name: str, longest: int = 200) -> str:
        """Give a field's text; empty when it is not there."""
        return self.fields.get(name, "").strip()[:longest]

    def number(self, name: str) -> float | None:
        """Give a field's number; None when it is none."""
        try:
            value = float(self.text(name).replace(",", "."))
        except ValueError:
            return None
        return value if abs(value) < 1e15 else None

    def who(self) -> str:
        """Give the name to act under; raise RequestError."""
        name = self.text("who", preferences.LONGEST_NAME)
        if not name:
            raise RequestError("who-missing", "no name is given")
        return name


async def read(request: Request) -> Form:
    """Read a form; raise Problem when it is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != FORM:
        raise Problem(415, "no-form", "the body is no form", "send it from the gateway's page")
    try:
        fields = parse_qs(
            (await request.body()).decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:  # also bytes that are no UTF-8
        raise Problem(
            400, "bad-form", "the form cannot be read", "send it from the gateway's page"
        ) from error
    return Form({name: values[-1] for name, values in fields.items()})


def accepted(form: Form, path: str) -> Response:
    """Send the browser back to the page, and remember the name."""
    response = RedirectResponse(path, 303)
    name = form.text("who", preferences.LONGEST_NAME)
    if name:
        preferences.keep(response, "who", name)
    return response


Attempt = Callable[[], Awaitable[object]]


def add(router: APIRouter, frame: Frame) -> None:
    _add_alarms(router, frame)
    _add_devices(router, frame)
    _add_robots(router, frame)


def _add_alarms(router: APIRouter, frame: Frame) -> None:
    requests = frame.cache.parts.requests

    async def act(request: Request, alarm: int, acknowledge: bool) -> Response:  # noqa: FBT001
        form = await read(request)
        try:
            who, comment = form.who(), form.text("comment", 2000)
            if acknowledge:
                await requests.acknowledge(alarm, who, comment)
            else:
                await requests.comment(alarm, who, comment)
        except RequestError as error:
            context = await alarms.alarms_context(frame.cache, request)
            context |= {"problem": error.code, "problem_of": alarm}
            return frame.page(request, "alarms", DESK_STATUS.get(error.code, 422), **context)
        query = urlencode(dict(request.query_params))
        return accepted(form, f"/alarms?{query}" if query else "/alarms")

    @router.post("/alarms/{alarm}/acknowledge")
    async def acknowledge(request: Request, alarm: int) -> Response:
        return await act(request, alarm, True)  # noqa: FBT003

    @router.post("/alarms/{alarm}/comment")
    async def comment(request: Request, alarm: int) -> Response:
        return await act(request, alarm, False)  # noqa: FBT003


def _add_devices(router: APIRouter, frame: Frame) -> None:
    @router.post("/spaces/{space}/devices/{device}")
    async def write(request: Request, space: str, device: str) -> Response:
        one = climate.find(frame.cache, space)
        form = await read(request)
        minutes = form.number("minutes") or 0.0
        order = Order(device, "write", form.text("point"), form.number("value"), minutes * 60)
        try:
            await frame.cache.parts.requests.command(order, form.who())
        except RequestError as error:
            context = await climate.space_context(frame.cache, one, request)
            context |= {"problem": error.code}
            return frame.page(request, "space", DESK_STATUS.get(error.code, 422), **context)
        return accepted(form, f"/spaces/{space}#{device}")


def _add_robots(router: APIRouter, frame: Frame) -> None:
    @router.post("/robots/{robot}")
    async def order(request: Request, robot: str) -> Response:
        form = await read(request)
        names = ("item", "origin", "destination", "delivery")
        given = {name: form.text(name) for name in names if form.text(name)}
        try:
            wanted = Order(robot, form.text("action"), arguments=given)
            await frame.cache.parts.requests.command(wanted, form.who())
        except RequestError as error:
            context = await deliveries.robots_context(frame.cache)
            context |= {"problem": error.code}
            return frame.page(request, "robots", DESK_STATUS.get(error.code, 422), **context)
        return accepted(form, "/robots")
