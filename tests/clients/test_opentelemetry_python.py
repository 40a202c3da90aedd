"""OpenTelemetry's own Python SDK, over HTTP and gRPC: what it sends is read back equal."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags

from tests.clients import stored
from tests.receiver.serving import Serving, serving

TEXT = "Zürich 東京 🚗\0 end"
FLAT: dict[str, Any] = {
    "text": TEXT,
    "empty": "",
    "truth": False,
    "whole": -(2**63),
    "double": 0.1,
    "round": 2.0,
    "nan": math.nan,
    "texts": ["a", ""],
    "doubles": [0.5, -1e300],
    "none": [],
}
FLAT_STORED = FLAT | {"nan": stored.NAN}
NESTED: dict[str, Any] = FLAT | {
    "mixed": [1, "a", 2.5, True, None, [], {}],
    "deep": {"er": {"est": [{"a": math.inf}]}},
    "bytes": b"\x00\xff",
    "nothing": None,
}
NESTED_STORED = NESTED | {
    "nan": stored.NAN,
    "deep": {"er": {"est": [{"a": {"doubleValue": "Infinity"}}]}},
    "bytes": {"bytesValue": "AP8="},
}
RESOURCE = Resource({"service.name": "sensor", "device.id": "camera-7", "flat": TEXT, "list": ["a", "b"]})
START = 1_763_000_000_123_456_789


@pytest.fixture(params=["http", "http gzip", "grpc"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("python")) as running:
        yield running


def exporter(served: Serving, transport: str, http: Any, grpc: Any, path: str) -> Any:
    if transport == "grpc":
        return grpc(endpoint=f"http://{served.grpc}", insecure=True)
    packing = Compression.Gzip if transport.endswith("gzip") else Compression.NoCompression
    return http(endpoint=f"{served.url}/v1/{path}", compression=packing)


def test_spans(served: Serving, transport: str) -> None:
    provider = TracerProvider(resource=RESOURCE)
    processor = BatchSpanProcessor(exporter(served, transport, HttpSpans, GrpcSpans, "traces"))
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("scope", "1.2", "https://schema.example/1", {"of": "scope"})
    linked = SpanContext(2**127 + 1, 2**63 + 1, True, TraceFlags(1))
    with tracer.start_as_current_span("parent", kind=SpanKind.SERVER) as parent:
        child = tracer.start_span(
            "Kind 東京", attributes=FLAT, links=[Link(linked, {"why": "because"})], start_time=START
        )
        child.add_event("began", {"n": 1}, timestamp=START + 1)
        child.set_status(StatusCode.ERROR, "falsch ☠")
        child.end(START + 7)
    provider.shutdown()
    found = stored.spans(served)
    assert found.keys() == {"parent", "Kind 東京"}
    context, row = child.get_span_context(), found["Kind 東京"]
    assert row["trace_id"] == f"{context.trace_id:032x}"
    assert row["span_id"] == f"{context.span_id:016x}"
    assert row["parent_span_id"] == f"{parent.get_span_context().span_id:016x}"
    assert found["parent"]["parent_span_id"] is None
    assert found["parent"]["kind"] == 2
    assert (row["start_ns"], row["end_ns"]) == (START, START + 7)
    assert row["attributes"] == FLAT_STORED
    assert row["events"] == [{"time_ns": START + 1, "name": "began", "attributes": {"n": 1}}]
    (link,) = row["links"]
    assert link["trace_id"] == f"{linked.trace_id:032x}"
    assert link["span_id"] == f"{linked.span_id:016x}"
    assert link["attributes"] == {"why": "because"}
    assert (row["status_code"], row["status_message"]) == (2, "falsch ☠")
    assert row["resource"] == dict(RESOURCE.attributes) | {"list": ["a", "b"]}
    assert row["scope"] == {
        "name": "scope",
        "version": "1.2",
        "attributes": {"of": "scope"},
        "schema_url": "https://schema.example/1",
    }
    assert (row["service"], row["device"]) == ("sensor", "camera-7")


def test_logs(served: Serving, transport: str) -> None:
    provider = LoggerProvider(resource=RESOURCE)
    processor = SimpleLogRecordProcessor(exporter(served, transport, HttpLogs, GrpcLogs, "logs"))
    provider.add_log_record_processor(processor)
    logger = provider.get_logger("scope")
    bodies: list[tuple[Any, Any]] = [
        (TEXT, TEXT),
        ("", ""),
        (None, None),
        (0, 0),
        ([1, {"a": None}], [1, {"a": None}]),
        ({"k": [math.nan]}, {"k": [stored.NAN]}),
        (b"\xff", {"bytesValue": "/w=="}),
    ]
    for place, (body, _) in enumerate(bodies):
        logger.emit(
            LogRecord(
                timestamp=START + place,
                observed_timestamp=START + 100,
                severity_number=SeverityNumber.WARN2,
                severity_text="Wärn",
                body=body,
                attributes=NESTED,
                event_name=f"event.{place}",
            )
        )
    provider.shutdown()
    found = stored.logs(served)
    assert [row["body"] for row in found] == [expected for _, expected in bodies]
    assert [row["event_name"] for row in found] == [f"event.{place}" for place in range(len(bodies))]
    for row in found:
        assert row["attributes"] == NESTED_STORED
        assert (row["severity_number"], row["severity_text"]) == (14, "Wärn")
        assert (row["observed_ns"], row["trace_id"], row["span_id"]) == (START + 100, None, None)


def test_metrics(served: Serving, transport: str) -> None:
    reader = PeriodicExportingMetricReader(
        exporter(served, transport, HttpMetrics, GrpcMetrics, "metrics"), export_interval_millis=math.inf
    )
    views = [View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())]
    provider = MeterProvider([reader], resource=RESOURCE, views=views)
    tracer = TracerProvider().get_tracer("t")
    meter = provider.get_meter("scope")
    with tracer.start_as_current_span("measured") as span:
        meter.create_counter("counted", "1").add(2**53 + 1, {"where": TEXT, "list": ["a"]})
        explicit = meter.create_histogram("explicit", "s", explicit_bucket_boundaries_advisory=[0.1, 1.0])
        exponential = meter.create_histogram("exponential", "s")
        for value in (0.05, 0.5, 50.0):
            explicit.record(value)
            exponential.record(value)
        exponential.record(0.0)
    meter.create_gauge("gauge", "Cel").set(-0.5)
    meter.create_up_down_counter("level").add(-3)
    provider.force_flush()
    provider.shutdown()
    found = stored.metrics(served)
    assert found.keys() == {"counted", "explicit", "exponential", "gauge", "level"}
    counted, context = found["counted"], span.get_span_context()
    assert (counted["kind"], counted["monotonic"], counted["temporality"], counted["unit"]) == (
        "sum",
        True,
        2,
        "1",
    )
    assert counted["attributes"] == {"where": TEXT, "list": ["a"]}
    assert counted["point"]["as_int"] == 2**53 + 1
    (exemplar,) = counted["point"]["exemplars"]
    assert exemplar["trace_id"] == f"{context.trace_id:032x}"
    assert exemplar["span_id"] == f"{context.span_id:016x}"
    assert exemplar["as_int"] == 2**53 + 1
    point = found["explicit"]["point"]
    assert (point["count"], point["sum"], point["min"], point["max"]) == (3, 50.55, 0.05, 50.0)
    assert (point["bucket_counts"], point["explicit_bounds"]) == ([1, 1, 1], [0.1, 1.0])
    point = found["exponential"]["point"]
    assert (point["count"], point["sum"], point["zero_count"]) == (4, 50.55, 1)
    assert sum(point["positive"]["bucket_counts"]) == 3
    assert (found["gauge"]["value"], found["level"]["value"]) == (-0.5, -3.0)
    assert found["level"]["monotonic"] is False
    assert all(row["time_ns"] >= row["start_ns"] > 0 for row in found.values() if row["kind"] != "gauge")
