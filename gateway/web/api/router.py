"""REST: one router, to which every subject adds its routes.

Times are RFC 3339 in UTC; units stand beside values. A value that is UNKNOWN is null; what it was
last, and when, stands in `last_value` and `last_at`.
"""

from fastapi import APIRouter

from gateway.web.api import (
    alarms,
    circulation,
    climate,
    commands,
    deliveries,
    site,
    system,
    visits,
)
from gateway.web.cache import Cache

SUBJECTS = (site, climate, visits, alarms, circulation, deliveries, commands, system)


def routes(cache: Cache) -> APIRouter:
    api = APIRouter()
    for subject in SUBJECTS:
        subject.add(api, cache)
    return api
