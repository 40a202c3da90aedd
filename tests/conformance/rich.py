"""Requests that use every part of the data model: each kind of value, of metric and of reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from tests.conformance.payloads import (
    NOW,
    SPAN_ID,
    TRACE_ID,
    from_json,
    ordinary_json,
    the_point,
    the_record,
)
from tests.conformance.registry import SignalName

# Nested, mixed, empty, extreme and non-ASCII: all valid by common.proto.
_VALUES: Sequence[dict[str, Any]] = (
    {"stringValue": ""},
    {"stringValue": "Zürich 東京 🚗 \u0000 end"},
    {"boolValue": False},
    {"intValue": str(2**63 - 1)},
    {"intValue": str(-(2**63))},
    {"doubleValue": 1.5e300},
    {"doubleValue": "NaN"},
    {"doubleValue": "-Infinity"},
    {"bytesValue": "AP/+"},
    {"arrayValue": {}},
    {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}, {"boolValue": True}, {}]}},
    {"kvlistValue": {}},
    {
        "kvlistValue": {
            "values": [
                {"key": "deep", "value": {"kvlistValue": {"values": [{"key": "er", "value": {}}]}}},
                {"key": "", "value": {"arrayValue": {"values": [{"arrayValue": {}}]}}},
            ]
        }
    },
    {},
)


def attributes() -> list[dict[str, Any]]:
    """One attribute of each kind."""
    return [{"key": f"kind.{position}", "value": value} for position, value in enumerate(_VALUES)]


def rich(signal: SignalName) -> Message:
    """A valid request that uses all of the signal's data model."""
    request = ordinary_json(signal)
    resource = next(iter(request.values()))[0]
    resource["resource"]["attributes"] += attributes()
    resource["resource"]["droppedAttributesCount"] = 1
    resource["schemaUrl"] = "https://opentelemetry.io/schemas/1.38.0"
    the_point(signal, request)["attributes"] = attributes()
    if signal == "traces":
        the_record(signal, request).update(
            {
                "traceState": "vendor=1",
                "parentSpanId": "0102030405060708",
                "flags": 257,
                "events": [{"timeUnixNano": str(NOW), "name": "event", "attributes": attributes()}],
                "links": [{"traceId": TRACE_ID.hex(), "spanId": SPAN_ID.hex(), "attributes": attributes()}],
                "droppedEventsCount": 4294967295,
                "status": {"code": 2, "message": "wrong"},
            }
        )
    elif signal == "logs":
        the_record(signal, request).update(
            {"eventName": "conformance.event", "flags": 1, "body": _VALUES[-2], "droppedAttributesCount": 3}
        )
    message = from_json(signal, request)
    if isinstance(message, ExportMetricsServiceRequest):
        _add_metrics(message)
    return message


def _add_metrics(request: ExportMetricsServiceRequest) -> None:
    """Every kind of metric beside the plain sum."""
    times = {"start_time_unix_nano": NOW - 1_000_000, "time_unix_nano": NOW}
    metrics = request.resource_metrics[0].scope_metrics[0].metrics

    gauge = metrics.add(name="gauge", description="°C", unit="Cel").gauge
    gauge.data_points.add(as_double=math.nan, **times)
    gauge.data_points.add(flags=1, **times)  # no recorded value

    histogram = metrics.add(name="histogram").histogram
    histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    histogram.data_points.add(
        count=3, sum=6.5, min=0.5, max=4, bucket_counts=[1, 2], explicit_bounds=[1], **times
    )
    histogram.data_points.add(count=2, **times)  # neither buckets nor sum

    exponential = metrics.add(name="exponential").exponential_histogram
    exponential.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    point = exponential.data_points.add(count=4, sum=3, scale=-2, zero_count=1, zero_threshold=1e-9, **times)
    point.positive.offset = -7
    point.positive.bucket_counts.extend([1, 0, 1])
    point.negative.bucket_counts.append(1)
    point.exemplars.add(as_double=2.5, time_unix_nano=NOW, trace_id=TRACE_ID, span_id=SPAN_ID)

    summary = metrics.add(name="summary").summary
    quantile = summary.data_points.add(count=2, sum=3, **times).quantile_values.add()
    quantile.quantile, quantile.value = 0.5, 1.5
