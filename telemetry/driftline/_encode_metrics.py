"""A window's counts → one OTLP metrics request body."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from driftline_schemas import attributes as a
from driftline_schemas.binning import DURATION, SCORE, VALUE
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from driftline._columns import Bins, Exponential
from driftline._encode import SCOPE, attributes
from driftline._profile import Profile
from driftline._turns import give_way

_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_ANSWERS = {SCORE: a.PROFILE_SCORE, VALUE: a.PROFILE_VALUE, DURATION: a.PROFILE_DURATION}


def metrics(
    who: Resource,
    profile: Profile,
    start_ns: int,
    end_ns: int,
    *,
    dropped: Mapping[tuple[str, str], int],
    spool_bytes: int,
    spool_age: float,
) -> bytes:
    """The request of one closed window [start, end): counts, what was dropped by (reason, signal), and the
    spool's size and the age of its oldest batch in seconds."""
    body = _Body(start_ns, end_ns)
    binning = {a.BINNING_ID: profile.binning_id}

    def on_binning(name: str) -> dict[str, Any]:
        return binning if profile.binned(name) else {}

    for name, counts in profile.numeric.items():
        if isinstance(counts, Bins) and profile.by_number(name):
            body.bins(counts, {a.FEATURE_NAME: name, **binning})
        elif name in _ANSWERS:
            body.histogram(_ANSWERS[name], counts, on_binning(name))
        else:
            body.histogram(a.PROFILE_FEATURE, counts, {a.FEATURE_NAME: name, **on_binning(name)})
        give_way()
    for name, found in profile.categorical.items():
        for category, count in found.counts.items():
            where = {a.FEATURE_NAME: name, a.FEATURE_CATEGORY: category, **on_binning(name)}
            body.add(a.PROFILE_CATEGORY, count, where)
            give_way()
    for name, count in profile.missing().items():
        body.add(a.PROFILE_MISSING, count, {a.FEATURE_NAME: name, **on_binning(name)})
    for label, count in profile.labels.counts.items():
        body.add(a.PROFILE_PREDICTIONS, count, {a.LABEL: label, **binning})
    if profile.labels.missing or not profile.predictions:
        body.add(a.PROFILE_PREDICTIONS, profile.labels.missing, binning)
    for reason, count in profile.escalations.items():
        body.add(a.PROFILE_ESCALATIONS, count, {a.ESCALATION_REASON: reason, **binning})
    for (reason, signal), count in dropped.items():
        body.add(a.SDK_DROPPED, count, {a.DROP_REASON: reason, a.DROP_SIGNAL: signal})
    body.gauge(a.SDK_SPOOL_BYTES, spool_bytes)
    body.gauge(a.SDK_SPOOL_AGE, spool_age)
    return body.encode(who)


class _Body:
    """Points by metric. All points of a window have its start and end."""

    def __init__(self, start_ns: int, end_ns: int) -> None:
        self._start = start_ns
        self._end = end_ns
        self._sums: dict[str, list[NumberDataPoint]] = {}
        self._gauges: dict[str, NumberDataPoint] = {}
        self._explicit: dict[str, list[HistogramDataPoint]] = {}
        self._exponential: dict[str, list[ExponentialHistogramDataPoint]] = {}

    def add(self, metric: str, count: int, values: Mapping[str, Any]) -> None:
        point = NumberDataPoint(
            as_int=count,
            attributes=attributes(values),
            start_time_unix_nano=self._start,
            time_unix_nano=self._end,
        )
        self._sums.setdefault(metric, []).append(point)

    def gauge(self, metric: str, value: float) -> None:
        point = NumberDataPoint(start_time_unix_nano=self._start, time_unix_nano=self._end)
        if isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value
        self._gauges[metric] = point

    def bins(self, counts: Bins, values: Mapping[str, Any]) -> None:
        """One point, of buckets that are those of the binning; none where all values were missing. Edges are
        another 500 bytes for each feature and window, and the collector has them from the reference."""
        if total := int(counts.counts[:-1].sum()):
            point = ExponentialHistogramDataPoint(
                count=total,
                positive=_buckets((0, counts.counts[:-1])),
                attributes=attributes(values),
                start_time_unix_nano=self._start,
                time_unix_nano=self._end,
            )
            self._exponential.setdefault(a.PROFILE_BINS, []).append(point)

    def histogram(self, metric: str, counts: Bins | Exponential, values: Mapping[str, Any]) -> None:
        """One point; none where all values were missing. Sum, min and max stay unset: they are a person's
        own values where the rows are few."""
        if isinstance(counts, Bins):
            if total := int(counts.counts[:-1].sum()):
                explicit = HistogramDataPoint(
                    count=total,
                    bucket_counts=counts.counts[:-1].tolist(),
                    explicit_bounds=counts.edges.tolist(),
                    attributes=attributes(values),
                    start_time_unix_nano=self._start,
                    time_unix_nano=self._end,
                )
                self._explicit.setdefault(metric, []).append(explicit)
        elif total := counts.count:
            counts = counts.coarse()
            exponential = ExponentialHistogramDataPoint(
                count=total,
                scale=counts.scale,
                zero_count=counts.zero,
                positive=_buckets(counts.positive),
                negative=_buckets(counts.negative),
                attributes=attributes(values),
                start_time_unix_nano=self._start,
                time_unix_nano=self._end,
            )
            self._exponential.setdefault(metric, []).append(exponential)

    def encode(self, who: Resource) -> bytes:
        scope = ScopeMetrics(scope=SCOPE, metrics=self._metrics(), schema_url=a.SCHEMA_URL)
        body = ResourceMetrics(resource=who, scope_metrics=[scope], schema_url=a.SCHEMA_URL)
        return ExportMetricsServiceRequest(resource_metrics=[body]).SerializeToString()

    def _metrics(self) -> Iterable[Metric]:
        for name, unit in a.UNITS.items():
            if explicit := self._explicit.get(name):
                histogram = Histogram(data_points=explicit, aggregation_temporality=_DELTA)
                yield Metric(name=name, unit=unit, histogram=histogram)
            if points := self._exponential.get(name):
                exponential = ExponentialHistogram(data_points=points, aggregation_temporality=_DELTA)
                yield Metric(name=name, unit=unit, exponential_histogram=exponential)
            if sums := self._sums.get(name):
                total = Sum(data_points=sums, aggregation_temporality=_DELTA, is_monotonic=True)
                yield Metric(name=name, unit=unit, sum=total)
            if gauge := self._gauges.get(name):
                yield Metric(name=name, unit=unit, gauge=Gauge(data_points=[gauge]))


def _buckets(counts: tuple[int, npt.NDArray[np.int64]]) -> ExponentialHistogramDataPoint.Buckets:
    return ExponentialHistogramDataPoint.Buckets(offset=counts[0], bucket_counts=counts[1].tolist())
