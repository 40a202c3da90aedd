"""The hours of the week at which rows came to be, as clocks on the wall of a time zone showed them."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from driftline_schemas.errors import SchemaError

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: What has neither hour nor day.
UNKNOWN = -1
#: Numbers below are seconds since 1970, up to the year 5138, or milli- or microseconds; beyond, nanoseconds.
_UNITS = ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (math.inf, 10**9))
#: A number of seconds before 1973 is none, but an hour, a row's number or another count.
_LEAST_SECONDS = 1e8
#: What calendars here can tell, on both sides of 1970.
_MOST_SECONDS = 6e10
#: All time zones are a number of quarters of an hour from UTC, and change at the begin of one.
_QUARTER = 900


def hours_of(times: Sequence[Any] | npt.NDArray[Any], zone: str = "UTC") -> tuple[Whole, Whole]:
    """The hour of the week, 0 to 167, and the day since 1970 of each time, both (n,); -1 where it is missing.

    Times are datetimes, texts of ISO 8601, `datetime64`, or numbers since 1970, in seconds or down to
    nanoseconds. Those that tell no distance to UTC are of the time zone; all others are told in it. None, NaN
    and empty texts are missing. Raises SchemaError for what is no time.
    """
    place = _zone(zone)
    kind = times.dtype.kind if isinstance(times, np.ndarray) else ""
    if kind == "M":
        known = ~np.isnat(times)
        local = np.where(known, times, np.datetime64(0, "s")).astype("datetime64[s]").astype(np.int64)
    elif kind and kind in "fiu":
        known = np.isfinite(times)
        local = _told_in(place, _seconds(np.where(known, times, np.nan).astype(np.float64)))
    else:
        known, local = _of_objects(times, place)
    hours = local // 3600
    days = hours // 24
    of_week = (days + 3) % 7 * 24 + hours % 24  # 1970 began on a Thursday
    return np.where(known, of_week, UNKNOWN), np.where(known, days, UNKNOWN)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SchemaError(
            f"{name!r} is no time zone of the IANA database; expected one like Europe/Berlin or UTC"
        ) from error


def _of_objects(
    times: Sequence[Any] | npt.NDArray[Any], zone: ZoneInfo
) -> tuple[npt.NDArray[np.bool_], Whole]:
    """Which there are, and seconds since 1970 as local clocks show them, both (n,)."""
    local, instants = np.zeros(len(times)), np.full(len(times), np.nan)
    known = np.zeros(len(times), dtype=np.bool_)
    for i, value in enumerate(times):
        if value is None or value == "" or value != value:  # noqa: PLR0124  # NaN, NaT
            continue
        known[i] = True
        time = _datetime(value, i)
        if isinstance(time, float):
            instants[i] = time
        elif time.tzinfo is None:
            local[i] = time.replace(tzinfo=dt.UTC).timestamp()
        else:
            instants[i] = time.timestamp()
    numbers = [i for i, value in enumerate(times) if isinstance(value, (int, float, np.number))]
    instants[numbers] = _seconds(instants[numbers])
    at = np.isfinite(instants)
    whole = np.floor(local).astype(np.int64)
    whole[at] = _told_in(zone, instants[at])
    return known, whole


def _datetime(value: Any, row: int) -> dt.datetime | float:
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, np.datetime64):
        return dt.datetime.fromisoformat(str(value.astype("datetime64[us]")))
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return dt.datetime.fromisoformat(value.strip())
        except ValueError:
            pass
    raise SchemaError(
        f"row {row + 1}: {value!r} is no time; expected ISO 8601 as 2026-10-01T08:00:00Z, a datetime,"
        " or seconds since 1970"
    )


def _seconds(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Numbers of any of the usual units in seconds; they are of one unit."""
    finite = np.abs(numbers[np.isfinite(numbers)])
    if not len(finite):
        return numbers
    most = float(finite.max())
    if most < _LEAST_SECONDS:
        raise SchemaError(f"the largest is {most:g}; expected seconds or milliseconds since 1970")
    return numbers / next(unit for limit, unit in _UNITS if most < limit)


def _told_in(zone: ZoneInfo, instants: npt.NDArray[np.float64]) -> Whole:
    """Seconds since 1970 as clocks of a time zone show them, (n,)."""
    told = np.nan_to_num(instants)
    if len(told) and float(np.abs(told).max()) > _MOST_SECONDS:
        raise SchemaError(f"{np.abs(told).max():g} seconds since 1970 are no time of these centuries")
    seconds = np.floor(told).astype(np.int64)
    quarters, which = np.unique(seconds // _QUARTER, return_inverse=True)
    offsets = [_offset(zone, quarter * _QUARTER) for quarter in quarters.tolist()]
    return np.asarray(seconds + np.array(offsets, dtype=np.int64)[which], dtype=np.int64)


def _offset(zone: ZoneInfo, seconds: int) -> int:
    found = dt.datetime.fromtimestamp(seconds, zone).utcoffset()
    return 0 if found is None else round(found.total_seconds())
