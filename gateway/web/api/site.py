"""REST: the building."""

from datetime import date, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from config.site import Site
from contracts.instants import Instant, moment
from gateway.web.api.window import calendar_of
from gateway.web.cache import Cache


class NameBody(BaseModel):
    """What people call a thing."""

    en: str
    zh: str


class SiteBody(BaseModel):
    """The building."""

    id: str
    name: NameBody
    timezone: str
    day_begins: str = Field(description="local time, HH:MM, at which a library-day begins")
    now: datetime
    today: date = Field(description="the library-day that `now` belongs to")


def site_body(one: Site, now: Instant) -> SiteBody:
    return SiteBody(
        id=one.site,
        name=NameBody(en=one.name.en, zh=one.name.zh),
        timezone=one.timezone,
        day_begins=one.day_begins.strftime("%H:%M"),
        now=moment(now),
        today=calendar_of(one).day_of(now),
    )


def add(api: APIRouter, cache: Cache) -> None:
    parts = cache.parts

    @api.get("/site", tags=["building"])
    async def site() -> SiteBody:
        """Give the building, its zone and its clock."""
        return site_body(parts.site, parts.now())
