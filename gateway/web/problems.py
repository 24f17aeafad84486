"""What goes wrong with a request, said once: what, where and what to do; and counted."""

from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


class ProblemBody(BaseModel):
    """RFC 9457: an error as a program reads it."""

    type: str = Field(description="code of the problem, stable", examples=["unknown-alarm"])
    title: str = Field(description="the HTTP status in words")
    status: int
    detail: str = Field(description="what is wrong")
    instance: str = Field(description="where: the path that was asked for")
    action: str = Field(description="what to do")


class Problem(Exception):  # noqa: N818 - it is the field's own word (RFC 9457)
    """A request that cannot be carried out."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        action: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.action = action
        self.headers = dict(headers or {})

    def response(self, where: str) -> JSONResponse:
        body = ProblemBody(
            type=self.code,
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            instance=where,
            action=self.action,
        )
        return JSONResponse(body.model_dump(), self.status, self.headers, MEDIA_TYPE)


def unknown(what: str, name: object, seek: str) -> Problem:
    """Say that a thing is not there, and where those are listed that are."""
    return Problem(404, f"unknown-{what}", f"there is no {what} {name!s:.80}", f"see {seek}")


class Counts:
    """Problems since the process began, by code."""

    def __init__(self) -> None:
        self.by_code = Counter[str]()

    def note(self, problem: Problem) -> None:
        self.by_code[problem.code] += 1


DESK_STATUS = {
    "unknown-alarm": 404,
    "unknown-device": 404,
    "unknown-point": 404,
    "unknown-action": 422,
    "not-acknowledgeable": 409,
    "comment-missing": 422,
    "value-missing": 422,
    "out-of-limits": 422,
    "lease-missing": 422,
    "edge-unheard": 503,
    "store-unavailable": 503,
}
"""HTTP status by the code of a RequestError."""

DESK_ACTION = {
    404: "see the lists under /api/v1 for what there is",
    409: "read the thing again: it has changed since",
    422: "correct the request",
    503: "try again in a few seconds",
}


def from_request(code: str, message: str) -> Problem:
    """Turn a refused request into a problem."""
    status = DESK_STATUS.get(code, 422)
    headers = {"Retry-After": "2"} if status == 503 else {}
    return Problem(status, code, message, DESK_ACTION[status], headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route for OpenAPI."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
        for status in statuses
    }
