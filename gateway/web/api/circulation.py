"""REST: loans and returns."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.instants import HOUR, moment
from gateway.circulation import readers as loan_readers
from gateway.web.api.window import Limit, window
from gateway.web.cache import Cache
from gateway.web.problems import documented


class LoanBody(BaseModel):
    """One item's dealing at a kiosk. No reader's name or number is kept."""

    id: str
    kiosk: str
    action: str
    step: str
    item: str
    title: str
    due: str = Field(description="the library system's own words")
    reason: str
    begun: datetime
    changed: datetime


def loan_body(row: loan_readers.Loan) -> LoanBody:
    """Describe a loan or return."""
    times = {"begun": moment(row.begun), "changed": moment(row.changed)}
    return LoanBody.model_validate(row._asdict() | times)


def add(api: APIRouter, cache: Cache) -> None:
    parts = cache.parts

    @api.get("/loans", tags=["kiosks"], responses=documented(422))
    async def loans(
        since: datetime | None = None, until: datetime | None = None, limit: Limit = 500
    ) -> list[LoanBody]:
        """Give loans and returns that changed in a window: by default the last day."""
        begin, end = window(since, until, parts.now() + 1, 24 * HOUR)
        rows = await parts.archive.ask(loan_readers.loans, begin, end, limit)
        return [loan_body(row) for row in rows]
