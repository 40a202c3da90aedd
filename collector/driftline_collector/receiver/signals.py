"""OTLP's three signals: their messages, and how records nest in them."""

from dataclasses import dataclass

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One OTLP signal. `path` is the three fields that lead from a request down to its records."""

    name: str
    request: type[Message]
    response: type[Message]
    path: tuple[str, str, str]
    rejected: str
    records: str


TRACES = Signal(
    name="traces",
    request=ExportTraceServiceRequest,
    response=ExportTraceServiceResponse,
    path=("resource_spans", "scope_spans", "spans"),
    rejected="rejected_spans",
    records="spans",
)
METRICS = Signal(
    name="metrics",
    request=ExportMetricsServiceRequest,
    response=ExportMetricsServiceResponse,
    path=("resource_metrics", "scope_metrics", "metrics"),
    rejected="rejected_data_points",
    records="data points",
)
LOGS = Signal(
    name="logs",
    request=ExportLogsServiceRequest,
    response=ExportLogsServiceResponse,
    path=("resource_logs", "scope_logs", "log_records"),
    rejected="rejected_log_records",
    records="log records",
)
SIGNALS = (TRACES, METRICS, LOGS)
