"""One measure of one segment over time."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from driftline_schemas.segments import Segment
from fastapi import APIRouter, Query, Response

from driftline_collector.alerts import rules
from driftline_collector.answers.pictures import Series, SeriesPoint
from driftline_collector.api import arrow
from driftline_collector.api.arrow import AsArrow
from driftline_collector.api.buckets import Points, bucket_ns
from driftline_collector.api.devices import change
from driftline_collector.api.filters import AnyFeature, Filters, From, SegmentKey, Until, where_of
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import moment
from driftline_collector.api.verdicts import worst
from driftline_collector.store.shown import Where

PREDICTIONS = "predictions"
Measure = Annotated[
    Literal[rules.Measure, "predictions"],
    Query(description="What is shown; `drift` is that of the strongest feature, unless `feature` names one"),
]
_HOUR_NS = 3600 * 10**9


def routes(parts: Parts) -> APIRouter:
    """`/series`."""
    router = APIRouter(tags=["pictures"])

    @router.get("/series", response_model=Series, responses=arrow.RESPONSES)
    def series(
        *,
        segment: SegmentKey,
        measure: Measure,
        feature: AnyFeature = None,
        start: From = None,
        end: Until = None,
        points: Points = 500,
        as_arrow: AsArrow,
    ) -> Series | Response:
        """A measure of a segment in buckets of closed windows, with what changed on its devices meanwhile.

        A bucket has the least, the mean and the greatest value of its windows, the widest interval and the
        worst verdict. What was never evaluated is left out: a gap, not a zero.
        """
        now = parts.now()
        parsed = Segment.parse(segment)
        if feature is not None and measure != "drift":
            raise ProblemError(422, f"feature: {measure} is not by feature; leave it out, or ask for drift")
        interval = Filters(None, start, end).where(now)
        where = replace(where_of(parsed), start_ns=interval.start_ns, end_ns=interval.end_ns)
        limit = parts.limit(measure, parsed)
        width = bucket_ns(where, _window_ns(parts, where, measure), points)
        if measure == PREDICTIONS:
            rows = [_counted(row, width) for row in parts.store.volume(where, width).to_pylist()]
        else:
            found = parts.store.course(where, str(parsed), measure, feature, width)
            rows = [_point(row, limit) for row in found.to_pylist()]
        if as_arrow:
            return arrow.stream(SeriesPoint, rows)
        return Series(
            segment=str(parsed),
            measure=measure,
            feature=feature,
            points=tuple(rows),
            changes=tuple(change(row) for row in parts.store.changes(where).to_pylist()),
            limit=limit,
            as_of=moment(now),
        )

    return router


def _window_ns(parts: Parts, where: Where, measure: str) -> int:
    if measure == PREDICTIONS:
        volume = parts.store.volume(where, where.end_ns - where.start_ns)["window_ns"].to_pylist()
        return max(volume, default=60 * 10**9)
    latest = parts.store.latest_window(where.model or "", measure).to_pylist()
    return latest[0]["window_end_ns"] - latest[0]["window_start_ns"] if latest else _HOUR_NS


def _point(row: dict[str, Any], limit: float | None) -> SeriesPoint:
    return SeriesPoint(
        time=moment(row["time_ns"]),
        end=moment(row["end_ns"]),
        min=row["min"],
        mean=row["mean"],
        max=row["max"],
        lower=row["lower"],
        upper=row["upper"],
        n=row["n"],
        verdict=worst(row["verdicts"] or ()),
        limit=limit,
    )


def _counted(row: dict[str, Any], width_ns: int) -> SeriesPoint:
    made = float(row["predictions"])
    return SeriesPoint(
        time=moment(row["time_ns"]),
        end=moment(row["time_ns"] + width_ns),
        min=made,
        mean=made,
        max=made,
        lower=None,
        upper=None,
        n=made,
        verdict=None,
        limit=None,
    )
