"""Whether the answers are right, and how long they take."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from driftline_schemas.segments import Segment
from fastapi import APIRouter, Response

from driftline_collector.answers.pictures import (
    CalibrationBin,
    ConfusionCell,
    LabelBudget,
    LabelLag,
    Performance,
    TierLatency,
    VersionEstimate,
)
from driftline_collector.answers.records import Estimate, Page, Range
from driftline_collector.api import arrow
from driftline_collector.api.arrow import AsArrow
from driftline_collector.api.filters import Common, Filters, From, SegmentKey, Until
from driftline_collector.api.latency import latencies
from driftline_collector.api.pages import page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import moment
from driftline_collector.api.verdicts import estimate
from driftline_collector.store.shown import Where

_DAY_NS = 86_400 * 10**9
#: Labels for an accuracy to within 5 points, at worst: 1.96² · ¼ / 0.05².
_NEEDED = 385


def routes(parts: Parts) -> APIRouter:
    """`/performance` and `/latency`."""
    router = APIRouter(tags=["performance"])

    @router.get("/performance", responses={503: {"description": "This collector runs without analysis"}})
    def performance(*, segment: SegmentKey, start: From = None, end: Until = None) -> Performance:
        """Accuracy and agreement by version, confusion, calibration, and how labels come, over any time.

        Of predictions made in the interval, by default the last 7 days: labels come late.
        """
        now = parts.now()
        parsed = Segment.parse(segment)
        where = Filters(parsed, start, end).where(now, default_ns=7 * _DAY_NS)
        if parts.performance is None:
            raise ProblemError(503, "this collector runs without analysis; there are no figures to give")
        rows = parts.performance(parsed, where.start_ns, where.end_ns)
        return _performance(parts, parsed, where, rows)

    @router.get("/latency", response_model=Page[TierLatency], responses=arrow.RESPONSES)
    def latency(*, filters: Common, as_arrow: AsArrow) -> Page[TierLatency] | Response:
        """Quantiles of latency by tier: of all traffic where it was profiled, and of traces.

        By default of the last 3 hours. Traces are sampled: escalated predictions are always among them.
        """
        now = parts.now()
        found = latencies(parts, filters.where(now, default_ns=3 * 3600 * 10**9))
        answer = page(lambda count: found[:count], 1000, None, now)
        return arrow.page(TierLatency, answer) if as_arrow else answer

    return router


def _performance(
    parts: Parts, segment: Segment, where: Where, rows: Sequence[Mapping[str, Any]]
) -> Performance:
    labelled = [
        row
        for row in parts.store.labelled(where.model or "", where.start_ns, where.end_ns).to_pylist()
        if _within(row, where)
    ]
    scored = _scored(labelled)
    calibration = parts.calibrate(*scored) if parts.calibrate and scored[0] else {}
    overall = [row for row in rows if row["measure"] == "escalation_rate" and row["segment"] == str(segment)]
    return Performance(
        segment=str(segment),
        range=Range(start=moment(where.start_ns), end=moment(where.end_ns)),
        accuracy=_by_version(rows, "accuracy"),
        agreement=_by_version(rows, "agreement"),
        escalation_rate=estimate(overall[0]) if overall else None,
        confusion=_confusion(labelled),
        calibration=tuple(_bin(row) for row in calibration.get("bins", ())),
        ece=Estimate(**calibration["ece"]) if calibration.get("ece") else None,
        label_lag=_lag(labelled),
        labels_per_day=_per_day(labelled, where),
        budget=_budget(labelled, segment),
        as_of=moment(parts.now()),
    )


def _within(row: Mapping[str, Any], where: Where) -> bool:
    return all(
        value is None or row[name] == value for name, value in where.dimensions().items() if name != "model"
    )


def _by_version(rows: Sequence[Mapping[str, Any]], measure: str) -> tuple[VersionEstimate, ...]:
    return tuple(
        VersionEstimate(version=row["version"], estimate=estimate(row), reason=row.get("reason"))
        for row in sorted(rows, key=lambda row: row["version"] or "")
        if row["measure"] == measure and row["version"] is not None
    )


def _weight(row: Mapping[str, Any]) -> float:
    """1/π of a labelled pair; 1 where it does not tell."""
    sent = row["label_sample_probability"] or row["probability"] or 1.0
    return float(1 / (sent * (row["label_probability"] or 1.0)))


def _confusion(labelled: Sequence[Mapping[str, Any]]) -> tuple[ConfusionCell, ...]:
    cells: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row in labelled:
        if row["label"] is not None and row["true_label"] is not None:
            cells[row["true_label"], row["label"]].append(_weight(row))
    return tuple(
        ConfusionCell(true_label=true, label=label, n=len(weights), weight=sum(weights))
        for (true, label), weights in sorted(cells.items())
    )


def _scored(labelled: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[bool], list[float]]:
    known = [
        row
        for row in labelled
        if row["score"] is not None
        and 0 <= row["score"] <= 1
        and row["label"] is not None
        and row["true_label"] is not None
    ]
    return (
        [row["score"] for row in known],
        [row["label"] == row["true_label"] for row in known],
        [_weight(row) for row in known],
    )


def _bin(row: Mapping[str, Any]) -> CalibrationBin:
    return CalibrationBin(
        bin_low=row["low"],
        bin_high=row["high"],
        mean_score=row["mean_score"],
        accuracy=Estimate(value=row["value"], lower=row["lower"], upper=row["upper"], n=row["n"]),
    )


def _lag(labelled: Sequence[Mapping[str, Any]]) -> LabelLag | None:
    lags = sorted((row["label_time_ns"] - row["time_ns"]) / 1e9 for row in labelled)
    if not lags:
        return None
    return LabelLag(
        median_s=statistics.median(lags), p95_s=lags[min(len(lags) - 1, int(0.95 * len(lags)))], n=len(lags)
    )


def _per_day(labelled: Sequence[Mapping[str, Any]], where: Where) -> float | None:
    if not labelled:
        return None
    first = min(row["time_ns"] for row in labelled)
    days = float((where.end_ns - first) / _DAY_NS)
    return len(labelled) / max(days, 1 / 24)


def _budget(labelled: Sequence[Mapping[str, Any]], segment: Segment) -> tuple[LabelBudget, ...]:
    """Labels by device type and region within the segment: where they are scarcest first."""
    have: defaultdict[str, int] = defaultdict(int)
    for row in labelled:
        named = {"model": segment["model"], "version": segment["version"]}
        have[str(Segment.of(named | {"device_type": row["device_type"], "region": row["region"]}))] += 1
    return tuple(
        LabelBudget(segment=key, have=count, need=_NEEDED)
        for key, count in sorted(have.items(), key=lambda item: (item[1], item[0]))
    )
