"""Whether the answers are right, and how long they take."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
        own = [name for name, _ in where.own]
        labelled = parts.store.labelled(where.model or "", where.start_ns, where.end_ns, own)
        rows = parts.performance(parsed, where.start_ns, where.end_ns, labelled)
        return _performance(parts, parsed, where, rows, _within(labelled, where))

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
    parts: Parts, segment: Segment, where: Where, rows: Sequence[Mapping[str, Any]], labelled: pa.Table
) -> Performance:
    pairs = _pairs(labelled)
    calibration = _calibration(parts, pairs)
    overall = [row for row in rows if row["measure"] == "escalation_rate" and row["segment"] == str(segment)]
    return Performance(
        segment=str(segment),
        range=Range(start=moment(where.start_ns), end=moment(where.end_ns)),
        accuracy=_by_version(rows, "accuracy"),
        agreement=_by_version(rows, "agreement"),
        escalation_rate=estimate(overall[0]) if overall else None,
        confusion=_confusion(pairs),
        calibration=tuple(_bin(row) for row in calibration.get("bins", ())),
        ece=Estimate(**calibration["ece"]) if calibration.get("ece") else None,
        label_lag=_lag(labelled),
        labels_per_day=_per_day(labelled, where),
        budget=_budget(labelled, segment),
        as_of=moment(parts.now()),
    )


def _within(labelled: pa.Table, where: Where) -> pa.Table:
    """The rows of a segment, of those of its model."""
    for name, value in {**where.dimensions(), **dict(where.own)}.items():
        if name != "model" and value is not None:
            labelled = labelled.filter(pc.equal(labelled[name], value))
    return labelled


def _by_version(rows: Sequence[Mapping[str, Any]], measure: str) -> tuple[VersionEstimate, ...]:
    return tuple(
        VersionEstimate(version=row["version"], estimate=estimate(row), reason=row.get("reason"))
        for row in sorted(rows, key=lambda row: row["version"] or "")
        if row["measure"] == measure and row["version"] is not None
    )


def _pairs(labelled: pa.Table) -> pa.Table:
    """Rows with a label and a true one: label, true_label, score, and weight: 1/π, 1 where none is told."""
    known = labelled.filter(pc.and_(pc.is_valid(labelled["label"]), pc.is_valid(labelled["true_label"])))
    sent = pc.coalesce(*(_told(known[name]) for name in ("label_sample_probability", "probability")), 1.0)
    weight = pc.divide(1.0, pc.multiply(sent, pc.coalesce(_told(known["label_probability"]), 1.0)))
    return known.select(["label", "true_label", "score"]).append_column("weight", weight)


def _told(probability: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without zeros, which are none."""
    return pc.if_else(pc.not_equal(probability, 0.0), probability, None)


def _confusion(pairs: pa.Table) -> tuple[ConfusionCell, ...]:
    cells = pairs.group_by(["true_label", "label"], use_threads=False).aggregate(
        [("weight", "count"), ("weight", "sum")]
    )
    return tuple(
        ConfusionCell(
            true_label=row["true_label"], label=row["label"], n=row["weight_count"], weight=row["weight_sum"]
        )
        for row in cells.sort_by([("true_label", "ascending"), ("label", "ascending")]).to_pylist()
    )


def _calibration(parts: Parts, pairs: pa.Table) -> Mapping[str, Any]:
    score = pairs["score"]
    scored = pairs.filter(pc.and_(pc.greater_equal(score, 0.0), pc.less_equal(score, 1.0)))
    if parts.calibrate is None or not scored.num_rows:
        return {}
    hits = np.asarray(pc.equal(scored["label"], scored["true_label"]))
    return parts.calibrate(scored["score"].to_numpy(), hits, scored["weight"].to_numpy())


def _bin(row: Mapping[str, Any]) -> CalibrationBin:
    return CalibrationBin(
        bin_low=row["low"],
        bin_high=row["high"],
        mean_score=row["mean_score"],
        accuracy=Estimate(value=row["value"], lower=row["lower"], upper=row["upper"], n=row["n"]),
    )


def _lag(labelled: pa.Table) -> LabelLag | None:
    count = labelled.num_rows
    if not count:
        return None
    lags = np.sort(labelled["label_time_ns"].to_numpy() - labelled["time_ns"].to_numpy()) / 1e9
    p95 = lags[min(count - 1, int(0.95 * count))]
    return LabelLag(median_s=float(np.median(lags)), p95_s=float(p95), n=count)


def _per_day(labelled: pa.Table, where: Where) -> float | None:
    if not labelled.num_rows:
        return None
    first = labelled["time_ns"].to_numpy().min()
    return float(labelled.num_rows / max((where.end_ns - first) / _DAY_NS, 1 / 24))


def _budget(labelled: pa.Table, segment: Segment) -> tuple[LabelBudget, ...]:
    """Labels by device type and region within the segment: where they are scarcest first."""
    named = {"model": segment["model"], "version": segment["version"], **dict(segment.own)}
    places = (
        labelled.group_by(["device_type", "region"], use_threads=False)
        .aggregate([("id", "count")])
        .to_pylist()
    )
    have = {
        str(Segment.of(named | {"device_type": row["device_type"], "region": row["region"]})): row["id_count"]
        for row in places
    }
    return tuple(
        LabelBudget(segment=key, have=count, need=_NEEDED)
        for key, count in sorted(have.items(), key=lambda item: (item[1], item[0]))
    )
