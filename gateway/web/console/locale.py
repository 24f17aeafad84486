"""One language's way to say values, times and names; what every template can call."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from config.base import Name
from config.site import Site
from contracts.instants import SECOND, Instant, moment
from gateway.web.console.translations import Catalogue

DECIMALS = {"air_temperature": 1, "relative_humidity": 1, "share": 0, "co2": 0}
LARGEST_WRITTEN_OUT = 1e12
"""Larger numbers are told by their order only; nothing in a library is as large."""
WEEKDAYS = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)


class Locale(NamedTuple):
    """A language at a site."""

    catalogue: Catalogue
    site: Site

    @property
    def language(self) -> str:
        """The code for `<html lang>`."""
        return "zh-CN" if self.catalogue.language == "zh" else self.catalogue.language

    def name(self, one: Name | None, otherwise: str) -> str:
        """Say what a thing of the site file is called."""
        if one is None:
            return otherwise
        return one.zh if self.catalogue.language == "zh" else one.en

    def title(self, names: Mapping[str, str], otherwise: str) -> str:
        """Say what a device's card calls it."""
        own = names.get(self.catalogue.language) or names.get("en")
        return own or next(filter(None, names.values()), otherwise)

    def time(self, at: Instant | None) -> str:
        """Say the time of day, 24 h, in the site's zone."""
        return moment(at).astimezone(self.site.zone).strftime("%H:%M:%S") if at else "—"

    def clock(self, at: Instant | None) -> str:
        """Say date and time in the site's zone."""
        return moment(at).astimezone(self.site.zone).strftime("%Y-%m-%d %H:%M:%S") if at else "—"

    def hour(self, at: Instant) -> str:
        """Say the hour and minute in the site's zone."""
        return moment(at).astimezone(self.site.zone).strftime("%H:%M")

    def day(self, one: date) -> str:
        """Say a day."""
        if self.catalogue.language == "zh":
            return f"{one.year}年{one.month}月{one.day}日 星期{'一二三四五六日'[one.weekday()]}"
        return f"{WEEKDAYS[one.weekday()]}, {one.isoformat()}"

    def number(self, value: float | None, quantity: str = "") -> str:
        """Say a number; no value is a dash, never a nought."""
        if value is None:
            return "—"
        if abs(value) >= LARGEST_WRITTEN_OUT:
            return f"{value:.3g}"
        if quantity in DECIMALS:
            return f"{value:.{DECIMALS[quantity]}f}"
        return f"{value:,.0f}" if value == int(value) else f"{value:.2f}"

    def percent(self, share: float | None) -> str:
        """Say a share; what is nearly but not wholly all or nothing is not rounded to it."""
        if share is None:
            return "—"
        if 0 < share < 0.001:
            return "< 0.1 %"
        return f"{int(share * 1000) / 10:g} %"

    def span(self, length: int) -> str:
        """Say a length of time in microseconds, in its natural unit."""
        seconds = length / SECOND
        say = self.catalogue.gettext
        if seconds < 120:
            return say("{n} s").format(n=f"{seconds:.0f}")
        if seconds < 2 * 3600:
            return say("{n} min").format(n=f"{seconds / 60:.0f}")
        if seconds < 48 * 3600:
            return say("{n} h").format(n=f"{seconds / 3600:.0f}")
        return say("{n} d").format(n=f"{seconds / 86400:.0f}")
