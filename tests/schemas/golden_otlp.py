"""Records as OTLP requests, built field by field: the oracle for encoders, and no encoder of the product."""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.schemas.golden_records import (
    BINNING,
    BINNING_ID,
    COUNTS,
    EVENTS,
    IDLE,
    NOON,
    PREDICTION_ID,
    RESOURCE,
    SPAN_ID,
    TRACE_ID,
    WINDOW,
)

SCHEMA_URL = "https://driftline.dev/schemas/0.1.0"
SCOPE = InstrumentationScope(name="driftline")
#: Counts without what is missing. Durations are on the edges that they have where a binning has none.
BINS = {
    "ink": COUNTS["ink"][:-1],
    "__score__": COUNTS["__score__"][:-1],
    "__duration__": [2 if i == 24 else 10 if i == 30 else 0 for i in range(66)],
}
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
REQUESTS: dict[str, type["Request"]] = {
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "traces": ExportTraceServiceRequest,
}
Request = ExportLogsServiceRequest | ExportMetricsServiceRequest | ExportTraceServiceRequest


def value(content: Any) -> AnyValue:
    if isinstance(content, bool):
        return AnyValue(bool_value=content)
    if isinstance(content, int):
        return AnyValue(int_value=content)
    if isinstance(content, float):
        return AnyValue(double_value=content)
    if isinstance(content, list):
        return AnyValue(array_value=ArrayValue(values=[value(item) for item in content]))
    return AnyValue(string_value=content)


def pairs(content: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes in the order of their keys."""
    return [KeyValue(key=key, value=value(content[key])) for key in sorted(content)]


def event(name: str, time_ns: int, attributes: Mapping[str, Any], traced: bool) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add(resource=Resource(attributes=pairs(RESOURCE)), schema_url=SCHEMA_URL)
    scope = resource.scope_logs.add(scope=SCOPE, schema_url=SCHEMA_URL)
    scope.log_records.add(
        time_unix_nano=time_ns,
        observed_time_unix_nano=time_ns,
        event_name=name,
        attributes=pairs(attributes),
        trace_id=bytes.fromhex(TRACE_ID) if traced else b"",
        span_id=bytes.fromhex(SPAN_ID) if traced else b"",
    )
    return request


def span() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add(
        resource=Resource(attributes=pairs(RESOURCE)), schema_url=SCHEMA_URL
    )
    scope = resource.scope_spans.add(scope=SCOPE, schema_url=SCHEMA_URL)
    scope.spans.add(
        trace_id=bytes.fromhex(TRACE_ID),
        span_id=bytes.fromhex(SPAN_ID),
        flags=0x101,  # sampled; whether the parent is remote is known, and it is not
        name="driftline.inference",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=NOON + 1_495_800_000,
        end_time_unix_nano=NOON + 1_500_000_000,
        attributes=pairs(
            {
                "driftline.model.name": "digits",
                "driftline.model.version": "2.1.0",
                "driftline.prediction.id": PREDICTION_ID,
                "driftline.prediction.label": "7",
                "driftline.prediction.score": 0.53,
                "driftline.sequence": 1,
                "driftline.tier": "device_edge",
            }
        ),
    )
    return request


def profile(*numeric: Metric) -> ExportMetricsServiceRequest:
    on = {"driftline.binning.id": BINNING_ID}
    ink, paper = {"driftline.feature.name": "ink"}, {"driftline.feature.name": "paper"}
    return window(
        WINDOW,
        *numeric,
        counter(
            "driftline.profile.category",
            "{value}",
            [
                ({**on, **paper, "driftline.feature.category": "new"}, 11),
                ({**on, **paper, "driftline.feature.category": "__other__"}, 1),
            ],
        ),
        counter("driftline.profile.missing", "{value}", [({**on, **ink}, 2)]),
        counter(
            "driftline.profile.predictions",
            "{prediction}",
            [({**on, "driftline.label": label}, n) for label, n in (("1", 4), ("7", 7), ("4", 1))],
        ),
        counter(
            "driftline.profile.escalations",
            "{prediction}",
            [({**on, "driftline.escalation.reason": "score"}, 1)],
        ),
        counter(
            "driftline.sdk.dropped",
            "{record}",
            [({"driftline.drop.reason": "spool_full", "driftline.drop.signal": "logs"}, 3)],
        ),
        gauge("driftline.sdk.spool.bytes", "By", 4096),
        gauge("driftline.sdk.spool.age", "s", 1.5),
    )


def by_number() -> Metric:
    metric = Metric(name="driftline.profile.bins", unit="1")
    metric.exponential_histogram.aggregation_temporality = DELTA
    for name, counts in BINS.items():
        metric.exponential_histogram.data_points.add(
            attributes=pairs({"driftline.binning.id": BINNING_ID, "driftline.feature.name": name}),
            count=sum(counts),
            positive={"bucket_counts": counts},
        )
    return metric


def with_edges() -> list[Metric]:
    on = {"driftline.binning.id": BINNING_ID}
    ink = {"driftline.feature.name": "ink"}
    return [
        histogram("driftline.profile.feature", "1", {**on, **ink}, [0.0, 0.25, 0.5], BINS["ink"]),
        histogram("driftline.profile.score", "1", on, [0.5, 0.9], BINS["__score__"]),
        histogram("driftline.profile.duration", "s", on, [0.001, 0.01], [2, 10, 0]),
    ]


def idle() -> ExportMetricsServiceRequest:
    on = {"driftline.binning.id": BINNING_ID}
    return window(IDLE, counter("driftline.profile.predictions", "{prediction}", [(on, 0)]))


def histogram(name: str, unit: str, on: Mapping[str, Any], bounds: list[float], counts: list[int]) -> Metric:
    metric = Metric(name=name, unit=unit)
    metric.histogram.aggregation_temporality = DELTA
    metric.histogram.data_points.add(
        attributes=pairs(on), count=sum(counts), bucket_counts=counts, explicit_bounds=bounds
    )
    return metric


def counter(name: str, unit: str, points: Iterable[tuple[Mapping[str, Any], int]]) -> Metric:
    metric = Metric(name=name, unit=unit)
    metric.sum.aggregation_temporality = DELTA
    metric.sum.is_monotonic = True
    for attributes, count in points:
        metric.sum.data_points.add(attributes=pairs(attributes), as_int=count)
    return metric


def gauge(name: str, unit: str, content: float) -> Metric:
    metric = Metric(name=name, unit=unit)
    point = metric.gauge.data_points.add()
    if isinstance(content, int):
        point.as_int = content
    else:
        point.as_double = content
    return metric


def window(times: tuple[int, int], *metrics: Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add(
        resource=Resource(attributes=pairs(RESOURCE)), schema_url=SCHEMA_URL
    )
    scope = resource.scope_metrics.add(scope=SCOPE, schema_url=SCHEMA_URL)
    for metric in metrics:
        data = getattr(metric, metric.WhichOneof("data") or "")
        for point in data.data_points:
            point.start_time_unix_nano, point.time_unix_nano = times
        scope.metrics.append(metric)
    return request


def requests() -> dict[str, Request]:
    """Each case's request, by name."""
    events: dict[str, Request] = {name: event(*content) for name, content in EVENTS.items()}
    return events | {
        "span of an inference": span(),
        "profiles of one window": profile(by_number()),
        "profiles of one window, with their edges": profile(*with_edges()),
        "profiles of a window without traffic": idle(),
    }


def as_json(message: Request) -> Any:
    """OTLP's JSON: as protobuf's, but ids in hex and enumerations as integers."""
    return _with_ids(
        MessageToDict(message, use_integers_for_enums=True), lambda text: base64.b64decode(text).hex()
    )


def base64_ids(content: Any) -> Any:
    """OTLP's JSON as protobuf's own, for its parser."""
    return _with_ids(content, lambda text: base64.b64encode(bytes.fromhex(text)).decode())


def _with_ids(content: Any, change: Callable[[str], str]) -> Any:
    if isinstance(content, list):
        return [_with_ids(item, change) for item in content]
    if not isinstance(content, dict):
        return content
    ids = {"traceId", "spanId", "parentSpanId"}
    return {key: change(item) if key in ids else _with_ids(item, change) for key, item in content.items()}


def otlp() -> dict[str, Any]:
    """Records → OTLP bytes."""
    signals = {request: name for name, request in REQUESTS.items()}
    return {
        "about": "Request bodies as OTLP/JSON and as protobuf, with attributes in the order of their keys.",
        "binning": {"id": BINNING_ID, **BINNING},
        "counts": COUNTS,
        "cases": [
            {
                "name": name,
                "signal": signals[type(request)],
                "json": as_json(request),
                "protobuf": request.SerializeToString(deterministic=True).hex(),
            }
            for name, request in requests().items()
        ],
    }
