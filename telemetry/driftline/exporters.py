"""A disk buffer behind a plain OpenTelemetry SDK: exporters that lose nothing while the collector is away.

from driftline.exporters import SpooledSpanExporter

exporter = SpooledSpanExporter(endpoint="http://collector:4318", spool_dir="/var/lib/app/spool")
provider.add_span_processor(BatchSpanProcessor(exporter))

`export` returns when the request is on the disk. A thread sends it by OTLP/HTTP and deletes it when an answer
came that decodes as OTLP's; after an outage, a kill or a restart it goes on where it was.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.metrics.view import Aggregation
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from driftline._drain import Drain
from driftline._lifecycle import EXIT_TIMEOUT
from driftline._settings import destination
from driftline._spool_schema import Signal
from driftline._spooled import Spooled

__all__ = ["SpooledLogExporter", "SpooledMetricExporter", "SpooledSpanExporter"]

MAX_SPOOL_BYTES = 64 * 1024 * 1024


class _Exporter:
    """What the three have in common.

    endpoint: the collector's base address; else OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318.
    headers: sent with each request, over OTEL_EXPORTER_OTLP_HEADERS.
    timeout: seconds that one request may take.
    spool_dir: may be shared by exporters and processes; else DRIFTLINE_SPOOL_DIR, else
        ~/.local/state/driftline, in it `.opentelemetry`.
    max_spool_bytes: what may wait on the disk; beyond it the oldest goes, and is counted in `dropped`.
    drain: how what gathered in an outage goes up: a `driftline.Drain`.
    sync: whether `export` waits for the medium. Without, a kill takes nothing all the same; a power cut may.

    Raises driftline.ConfigurationError for a wrong argument.
    """

    _signal: Signal

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        spool_dir: str | Path | None = None,
        max_spool_bytes: int = MAX_SPOOL_BYTES,
        drain: Drain | None = None,
        sync: bool = True,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        where = destination(
            endpoint=endpoint,
            headers=headers,
            timeout=timeout,
            spool_dir=spool_dir,
            max_spool_bytes=max_spool_bytes,
            drain=drain,
        )
        self._spooled = Spooled(self._signal, where, sync=sync)

    @property
    def dropped(self) -> int:
        """Records that could not be kept, or that the collector refused, since the start."""
        return self._spooled.drops.total

    def force_flush(self, timeout_millis: float = 30_000) -> bool:
        """Wait until the collector has all that was exported; whether it has."""
        return self._spooled.flush(timeout_millis / 1e3)


class SpooledSpanExporter(_Exporter, SpanExporter):
    """Spans. Put it behind a BatchSpanProcessor, or a SimpleSpanProcessor, which keeps none in memory."""

    _signal = "traces"

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        kept = self._spooled.put(encode_spans(spans).SerializeToString(), len(spans))
        return SpanExportResult.SUCCESS if kept else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._spooled.close()


class SpooledLogExporter(_Exporter, LogRecordExporter):
    """Log records. Put it behind a BatchLogRecordProcessor, or a SimpleLogRecordProcessor."""

    _signal = "logs"

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        kept = self._spooled.put(encode_logs(batch).SerializeToString(), len(batch))
        return LogRecordExportResult.SUCCESS if kept else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        self._spooled.close()


class SpooledMetricExporter(_Exporter, MetricExporter):
    """Metrics. Put it behind a PeriodicExportingMetricReader.

    preferred_temporality, preferred_aggregation: by kind of instrument, as OpenTelemetry has them.
    """

    _signal = "metrics"

    def __init__(
        self,
        *,
        preferred_temporality: dict[type, AggregationTemporality] | None = None,
        preferred_aggregation: dict[type, Aggregation] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(
            preferred_temporality=preferred_temporality, preferred_aggregation=preferred_aggregation, **others
        )

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002 - a disk has no timeout
        **_: Any,
    ) -> MetricExportResult:
        points = sum(
            len(metric.data.data_points)
            for resource in metrics_data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        )
        kept = self._spooled.put(encode_metrics(metrics_data).SerializeToString(), points)
        return MetricExportResult.SUCCESS if kept else MetricExportResult.FAILURE

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        self._spooled.close(min(EXIT_TIMEOUT, timeout_millis / 1e3))
