"""OTLP requests for the tests of decoding: short to write, exact in what they say."""

from collections.abc import Mapping, Sequence
from typing import Any

from driftline_schemas import attributes as names
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ResourceMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

DEVICE: dict[str, Any] = {
    names.SERVICE_NAME: "inference",
    names.MODEL_NAME: "digits",
    names.MODEL_VERSION: "2.1.0",
    names.DEVICE_ID: "cam-017",
    names.DEVICE_TYPE: "camera-a",
    names.DEVICE_REGION: "eu-west",
    names.TIER: "device_edge",
    names.STREAM_ID: "a" * 32,
}
EMPTY = AnyValue()
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


def any_value(value: Any) -> AnyValue:
    """A Python value as AnyValue; lists and mappings nest."""
    made = AnyValue()
    if isinstance(value, AnyValue):
        made.CopyFrom(value)
    elif isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, int):
        made.int_value = value
    elif isinstance(value, float):
        made.double_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, bytes):
        made.bytes_value = value
    elif isinstance(value, Mapping):
        made.kvlist_value.values.extend(pairs(value))
        made.kvlist_value.SetInParent()
    else:
        made.array_value.values.extend(any_value(item) for item in value)
        made.array_value.SetInParent()
    return made


def pairs(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def resource(attributes: Mapping[str, Any]) -> Resource:
    return Resource(attributes=pairs(attributes))


def events(
    *records: tuple[str, Mapping[str, Any]], device: Mapping[str, Any] = DEVICE, **fields: Any
) -> ExportLogsServiceRequest:
    """Log records, each an event name and attributes; `fields` are set on all of them."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add(resource=resource(device)).scope_logs.add()
    for name, attributes in records:
        group.log_records.add(event_name=name, attributes=pairs(attributes), **fields)
    return request


def prediction(number: int = 1, **attributes: Any) -> tuple[str, dict[str, Any]]:
    """A `driftline.prediction`; in keywords a double underscore stands for a point."""
    own = {names.PREDICTION_ID: f"p{number}", names.SEQUENCE: number, names.SAMPLE_PROBABILITY: 0.5}
    own |= {f"driftline.{key.replace('__', '.')}": value for key, value in attributes.items()}
    return names.EVENT_PREDICTION, {key: value for key, value in own.items() if value is not None}


def metrics(*made: Metric, device: Mapping[str, Any] = DEVICE) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    group: ResourceMetrics = request.resource_metrics.add(resource=resource(device))
    group.scope_metrics.add().metrics.extend(made)
    return request


def counter(
    name: str, values: Sequence[tuple[int | float, Mapping[str, Any]]], start: int = 1, end: int = 60
) -> Metric:
    """A delta sum with a point for each value and its attributes."""
    metric = Metric(name=name)
    metric.sum.aggregation_temporality = DELTA
    metric.sum.is_monotonic = True
    for value, attributes in values:
        point = metric.sum.data_points.add(
            start_time_unix_nano=start, time_unix_nano=end, attributes=pairs(attributes)
        )
        if isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value
    return metric


def histogram(
    name: str, counts: Sequence[int], bounds: Sequence[float], attributes: Mapping[str, Any], **fields: Any
) -> Metric:
    """A delta histogram with one point."""
    metric = Metric(name=name)
    metric.histogram.aggregation_temporality = fields.pop("temporality", DELTA)
    metric.histogram.data_points.add(
        start_time_unix_nano=fields.pop("start", 1),
        time_unix_nano=fields.pop("end", 60),
        bucket_counts=counts,
        explicit_bounds=bounds,
        count=min(sum(counts), 2**64 - 1),
        attributes=pairs(attributes),
    )
    return metric


def spans(device: Mapping[str, Any] = DEVICE, **fields: Any) -> ExportTraceServiceRequest:
    """One span."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add(resource=resource(device)).scope_spans.add()
    group.spans.add(**({"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "work"} | fields))
    return request
