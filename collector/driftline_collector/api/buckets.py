"""Time in at most 1,000 buckets, which are as wide as whole windows."""

import math
from typing import Annotated

from fastapi import Query

from driftline_collector.store.shown import Where

Points = Annotated[int, Query(ge=1, le=1000, description="At most so many buckets", examples=[500])]
_SECOND = 10**9


def bucket_ns(where: Where, window_ns: int, points: int) -> int:
    """The width of buckets: so many windows that at most `points` cover the interval, one of them cut."""
    window = max(window_ns, _SECOND)
    length = where.end_ns - where.start_ns
    return window * max(1, math.ceil(length / (window * max(1, points - 1))))


def starts(where: Where, width_ns: int, *, until_ns: int) -> range:
    """Where buckets begin that overlap the interval; none for what is still to come."""
    return range(where.start_ns - where.start_ns % width_ns, until_ns, width_ns)
