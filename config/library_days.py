"""Library-days: local calendar days that begin at the site's own hour, 23 to 25 hours long."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contracts.instants import HOUR, Instant, instant, moment


class Calendar(NamedTuple):
    """Where and when a library's day begins."""

    zone: ZoneInfo
    begins: time

    def begin(self, day: date) -> Instant:
        """Say when a library-day begins; inside a DST gap, when the gap ends."""
        return instant(datetime.combine(day, self.begins, self.zone))

    def end(self, day: date) -> Instant:
        """Say when a library-day ends: the first instant of the next."""
        return self.begin(day + timedelta(days=1))

    def day_of(self, at: Instant) -> date:
        """Say which library-day an instant belongs to."""
        day = moment(at).astimezone(self.zone).date()
        return day if at >= self.begin(day) else day - timedelta(days=1)

    def hours(self, day: date) -> list[tuple[Instant, Instant]]:
        """Cut a library-day into its hours; the last may be shorter."""
        begin, end = self.begin(day), self.end(day)
        return [(at, min(at + HOUR, end)) for at in range(begin, end, HOUR)]
