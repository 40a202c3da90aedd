"""Which windows of the past a window is compared with: of the same hour of the week, or all of some weeks.

The hour is that of the region's time zone: with a fixed distance to UTC the same hour of the week is the same
in UTC as well, so that a zone matters where its clocks change, and for what is a weekend.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from zoneinfo import ZoneInfo

from driftline_collector.analysis.windows import Window

Against = Literal["registered", "hour_of_week", "rolling"]

HOUR_NS: Final = 3600 * 10**9
DAY_NS: Final = 24 * HOUR_NS
#: How far back is looked, and for how long counts of windows are kept for that.
WEEKS = 13
#: So many past weeks tell what an hour of the week looks like, and how much weeks differ.
_LEAST_WEEKS = 8
#: Until then so many past days of the same kind, weekday or weekend.
_LEAST_DAYS, _MOST_DAYS = 20, 30
_ROLLING_DAYS, _LEAST_ROLLING_DAYS = 28, 7
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Match:
    """Windows of the past that are alike: days ago → start in ns; `least` of them must be there."""

    name: str
    least: int
    starts: Mapping[int, int]


def unit_of(against: Against, window: Window) -> Window:
    """What past windows are as long as: the window itself in whole hours, or the day in which it began."""
    least = DAY_NS if against == "rolling" else HOUR_NS
    start = window.start_ns - window.start_ns % least
    long = 1 if against == "rolling" else -(-window.width_ns // least)
    return Window(start, start + long * least)


def matches(against: Against, window: Window, zone: str = "UTC") -> tuple[Match, ...]:
    """The past windows, as long as `unit_of`, that `window` may be compared with, the better ones first."""
    if against == "registered":
        return ()
    unit = unit_of(against, window)
    start, width_ns = unit.start_ns, unit.width_ns
    if against == "rolling":
        return (
            Match(
                f"the last {_ROLLING_DAYS} days",
                _LEAST_ROLLING_DAYS,
                {days: start - days * DAY_NS for days in range(1, _ROLLING_DAYS + 1)},
            ),
        )
    # An hour more or less is nothing to a whole day.
    local = _Clock("UTC" if width_ns >= DAY_NS else zone)
    weeks = {days: local.before(start, days) for days in range(7, 7 * WEEKS + 1, 7)}
    of_week = Match("the same hour of the week", _LEAST_WEEKS, weeks)
    if width_ns > DAY_NS:
        return (of_week,)
    weekend = local.is_weekend(start)
    alike = [
        days
        for days in range(1, 7 * WEEKS + 1)
        if local.is_weekend(before := local.before(start, days)) == weekend and before + width_ns <= start
    ]
    of_day = {days: local.before(start, days) for days in alike[:_MOST_DAYS]}
    kind = "weekends" if weekend else "weekdays"
    return of_week, Match(f"the same hour of {kind}", _LEAST_DAYS, of_day)


def hours_of_week(window: Window, zone: str = "UTC") -> tuple[int, ...]:
    """The hours of the week, 0 to 167 from Monday on, in which a window lies; none of more than a day."""
    if window.width_ns > DAY_NS:
        return ()
    local = _Clock(zone)
    times = [*range(window.start_ns, window.end_ns, HOUR_NS), window.end_ns - 1]
    return tuple(sorted({local.hour_of_week(time) for time in times}))


@dataclass(frozen=True, slots=True)
class _Clock:
    """What clocks on the wall of a time zone show; it knows when they change."""

    zone: str

    def _read(self, time_ns: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(time_ns // 10**9, ZoneInfo(self.zone))

    def before(self, time_ns: int, days: int) -> int:
        """When they showed the same so many days ago."""
        then = self._read(time_ns).replace(tzinfo=None, fold=0) - dt.timedelta(days=days)
        return round(then.replace(tzinfo=ZoneInfo(self.zone)).timestamp()) * 10**9 + time_ns % 10**9

    def hour_of_week(self, time_ns: int) -> int:
        """Which they showed then, 0 the first one of Monday."""
        read = self._read(time_ns)
        return read.weekday() * 24 + read.hour

    def is_weekend(self, time_ns: int) -> bool:
        return self._read(time_ns).weekday() >= _SATURDAY
