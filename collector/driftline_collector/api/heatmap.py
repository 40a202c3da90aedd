"""Features × segments in one closed window."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from driftline_schemas.segments import Segment
from fastapi import APIRouter, Query, Response

from driftline_collector.answers.pictures import HeatCell, Heatmap
from driftline_collector.api import arrow
from driftline_collector.api.arrow import AsArrow
from driftline_collector.api.filters import AnyFeature, At, Common
from driftline_collector.api.overview import busiest
from driftline_collector.api.parts import Parts
from driftline_collector.api.values import moment, read_time
from driftline_collector.api.verdicts import window
from driftline_collector.store.shown import Where

Segments = Annotated[int, Query(ge=1, le=1000, description="At most so many segments, the worst")]
Features = Annotated[int, Query(ge=1, le=1000, description="At most so many features, the worst")]


def routes(parts: Parts) -> APIRouter:
    """`/evaluations/heatmap`."""
    router = APIRouter(tags=["pictures"])

    @router.get("/evaluations/heatmap", response_model=Heatmap, responses=arrow.RESPONSES)
    def heatmap(
        *,
        filters: Common,
        feature: AnyFeature = None,
        at: At = None,
        limit: Segments = 100,
        features: Features = 1000,
        as_arrow: AsArrow,
    ) -> Heatmap | Response:
        """Each feature of each device type in each region, and of the findings, in a closed window.

        Worst first, by the lower bound of the effect. A segment that could not be judged has its verdict and
        the reason in all its cells. With `from` and `to` the window is the last one that had closed by `to`.
        """
        now = parts.now()
        where = filters.where(now)
        model = where.model or busiest(parts, where) or ""
        at_ns = read_time(at, "at", now)
        latest = parts.store.latest_window(model, "drift", where.end_ns - 1 if at_ns is None else at_ns)
        found: list[dict[str, Any]] = latest.to_pylist()
        rows: list[dict[str, Any]] = []
        if found:
            start = found[0]["window_start_ns"]
            rows = parts.store.judged(model, start, ["drift"], features=True).to_pylist()
        table = {(row["segment"], row["feature"]): row for row in rows}
        keys = _segments(table, filters.segment, where)[:limit]
        names = [feature] if feature is not None and keys else _features(table, keys)[:features]
        cells = _cells(keys, names, table, parts.minimum_effect)
        if as_arrow:
            return arrow.stream(HeatCell, cells)
        return Heatmap(
            window=window(found[0]) if found else None,
            features=tuple(names),
            segments=tuple(keys),
            cells=tuple(cells),
            limit=parts.minimum_effect,
            as_of=moment(now),
        )

    return router


Rows = Mapping[tuple[str, str | None], Mapping[str, Any]]


def _segments(table: Rows, within: Segment | None, where: Where) -> list[str]:
    """The segments that are shown, worst first."""
    wholes = {key: row for (key, feature), row in table.items() if feature is None}
    shown = [key for key, row in wholes.items() if _shown(key, row, within, where)]
    return sorted(shown, key=lambda key: (-_lower(wholes[key]), key))


def _features(table: Rows, segments: Sequence[str]) -> list[str]:
    """The features, those first that moved most in any of these segments."""
    shown, worst = set(segments), dict[str, float]()
    for (key, feature), row in table.items():
        if feature is not None and key in shown:
            worst[feature] = max(worst.get(feature, -1.0), _lower(row))
    return sorted(worst, key=lambda name: (-worst[name], name))


def _shown(key: str, row: Mapping[str, Any], within: Segment | None, where: Where) -> bool:
    segment = Segment.parse(key)
    if within is not None and not within.contains(segment):
        return False
    place = segment["device_type"] is not None and segment["region"] is not None
    whole = within is not None and segment == within
    others = segment["version"], segment.own
    return row["finding"] or whole or (place and others == (where.version, where.own))


def _lower(row: Mapping[str, Any]) -> float:
    return row["lower"] if row["lower"] is not None else -0.5


def _cells(segments: list[str], features: list[str], table: Rows, limit: float) -> list[HeatCell]:
    found = []
    for name in features:
        for key in segments:
            row = table.get((key, name)) or table[key, None]
            own = row["feature"] is not None
            found.append(
                HeatCell(
                    feature=name,
                    segment=key,
                    verdict=row["verdict"],
                    effect=row["value"] if own else None,
                    lower=row["lower"] if own else None,
                    upper=row["upper"] if own else None,
                    p=row["p"] if own else None,
                    q=row["q"] if own else None,
                    n=row["n"],
                    n_eff=row["n_eff"],
                    limit=limit,
                    reason=row["reason"],
                )
            )
    return found
