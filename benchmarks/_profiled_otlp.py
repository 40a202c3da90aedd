"""The minutes of a `ProfiledFleet` as OTLP: each device's points in a request of its own.

A request is encoded once; for each minute the times in it are written over.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from driftline_schemas import attributes as names
from driftline_schemas.binning import DURATION, DURATION_EDGES, SCORE
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from benchmarks._profiled_fleet import MINUTE, ProfiledFleet

# Stand for the times until they are written over: 8 bytes that nothing else in a request is.
_START, _END = 0x5A17_C0DE_0BAD_F00D, 0x5A17_C0DE_0BAD_BEEF
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_RESOURCE = {
    names.STREAM_ID: "stream",
    names.MODEL_NAME: "model",
    names.MODEL_VERSION: "version",
    names.DEVICE_ID: "device",
    names.DEVICE_TYPE: "device_type",
    names.DEVICE_REGION: "region",
    names.TIER: "tier",
    names.FIRMWARE_VERSION: "firmware",
}


class Requests:
    """One encoded request for each device; `minute` gives them for any minute."""

    def __init__(self, fleet: ProfiledFleet) -> None:
        edges = {f.name: f.edges for f in fleet.reference.binning.features} | {DURATION: DURATION_EDGES}
        self._bodies: list[npt.NDArray[np.uint8]] = []
        for table in fleet.drawn_minute():
            rows = table.to_pylist()
            for device in sorted({row["device"] for row in rows}):
                own = [row for row in rows if row["device"] == device]
                raw = _request(own, edges).SerializeToString()
                self._bodies.append(np.frombuffer(raw, np.uint8).copy())
        raw_bodies = [body.tobytes() for body in self._bodies]
        self._starts = [_places(raw, _START) for raw in raw_bodies]
        self._ends = [_places(raw, _END) for raw in raw_bodies]

    def minute(self, start_ns: int) -> Iterator[bytes]:
        """The requests of the minute from `start_ns`."""
        begin, end = (np.array([t], "<u8").view(np.uint8) for t in (start_ns, start_ns + MINUTE))
        for body, starts, ends in zip(self._bodies, self._starts, self._ends, strict=True):
            body[starts[:, None] + np.arange(8)] = begin
            body[ends[:, None] + np.arange(8)] = end
            yield body.tobytes()


def _places(raw: bytes, mark: int) -> npt.NDArray[np.int64]:
    wanted = mark.to_bytes(8, "little")
    found = []
    at = raw.find(wanted)
    while at >= 0:
        found.append(at)
        at = raw.find(wanted, at + 8)
    return np.array(found, np.int64)


def _request(rows: list[dict[str, Any]], edges: dict[str, tuple[float, ...]]) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    of_resource = request.resource_metrics.add()
    of_resource.resource.attributes.extend(_attribute(key, rows[0][name]) for key, name in _RESOURCE.items())
    metrics: dict[str, Metric] = {}
    scope = of_resource.scope_metrics.add()
    for row in rows:
        name, told = _named(row)
        if name not in metrics:
            metrics[name] = scope.metrics.add(name=name)
        metric = metrics[name]
        if row["kind"] == "numeric":
            metric.histogram.aggregation_temporality = _DELTA
            own = edges[row["feature"]]
            bins = metric.histogram.data_points.add(
                bucket_counts=row["counts"], explicit_bounds=own, count=sum(row["counts"])
            )
            _tell(bins, told | {names.BINNING_ID: row["binning"]})
        else:
            metric.sum.aggregation_temporality, metric.sum.is_monotonic = _DELTA, True
            amount = metric.sum.data_points.add(as_int=row["counts"][0])
            _tell(amount, told | {names.BINNING_ID: row["binning"]})
    return request


def _tell(point: HistogramDataPoint | NumberDataPoint, attributes: dict[str, str]) -> None:
    point.start_time_unix_nano, point.time_unix_nano = _START, _END
    point.attributes.extend(_attribute(key, value) for key, value in attributes.items())


def _named(row: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The metric of a point, and its attributes."""
    if row["kind"] == "predictions":
        return names.PROFILE_PREDICTIONS, {names.LABEL: row["category"]}
    if row["kind"] == "escalations":
        return names.PROFILE_ESCALATIONS, {names.ESCALATION_REASON: row["category"]}
    if row["feature"] == SCORE:
        return names.PROFILE_SCORE, {}
    if row["feature"] == DURATION:
        return names.PROFILE_DURATION, {}
    return names.PROFILE_FEATURE, {names.FEATURE_NAME: row["feature"]}


def _attribute(key: str, value: str) -> KeyValue:
    attribute = KeyValue(key=key)
    attribute.value.string_value = value
    return attribute
