"""For your own tests: a monitor that sends into memory, and says what it would have sent.

from driftline.testing import MemoryMonitor

def test_the_loop_records_what_the_model_said():
    with MemoryMonitor() as monitor:
        run_my_loop(monitor)
        assert monitor.labels == {"7": 1}
        assert monitor.predictions[0].features["ink"] == 0.25
"""

import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from driftline_schemas import attributes as a
from driftline_schemas.records import GroundTruth, Prediction
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from driftline._clock import Clock
from driftline._export import Outcome, Sent
from driftline._monitor import Monitor
from driftline._settings import Device
from driftline._spool_schema import Batch

__all__ = ["Clock", "MemoryMonitor"]


class MemoryMonitor(Monitor):
    """A Monitor without a network and without a disk, which samples everything and raises mistakes.

    Takes the arguments of `Monitor`; none is required. Asking it waits for the worker: what it tells is all.
    """

    def __init__(self, **arguments: Any) -> None:
        self._bodies: list[Batch] = []
        defaults: dict[str, Any] = {"model": "test", "version": "0", "device": Device(id="test")}
        # A day's window: no test should see its counts in two because a minute was over.
        defaults |= {"window": 86_400.0, "sample_rate": 1.0, "strict": True}
        super().__init__(**{**defaults, **arguments})

    def _transport(self) -> Any:
        def take(batch: Batch) -> Outcome:
            self._bodies.append(batch)
            return Sent()

        return take

    @property
    def predictions(self) -> list[Prediction]:
        """The predictions that were sent whole, in the order in which they were made."""
        found = [_prediction(record) for record in self._logs(a.EVENT_PREDICTION)]
        return sorted(found, key=lambda prediction: prediction.time_ns)

    @property
    def ground_truths(self) -> list[GroundTruth]:
        """What was told by `ground_truth`."""
        return [_ground_truth(record) for record in self._logs(a.EVENT_GROUND_TRUTH)]

    @property
    def labels(self) -> Counter[str]:
        """All predictions by label, sampled or not; those without a label are not in it."""
        return self._sums(a.PROFILE_PREDICTIONS, a.LABEL)

    @property
    def missing(self) -> Counter[str]:
        """Missing values by feature."""
        return self._sums(a.PROFILE_MISSING, a.FEATURE_NAME)

    @property
    def escalations(self) -> Counter[str]:
        """Escalated predictions by reason."""
        return self._sums(a.PROFILE_ESCALATIONS, a.ESCALATION_REASON)

    @property
    def spans(self) -> list[Span]:
        """The spans that were sent."""
        return [
            span
            for body in self._sent("traces", ExportTraceServiceRequest)
            for resource in body.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics(self) -> list[Metric]:
        """The profiles as they were sent, a list of metrics for each window."""
        return [
            metric
            for body in self._sent("metrics", ExportMetricsServiceRequest)
            for resource in body.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]

    def _sent(self, signal: str, message: Any) -> Iterator[Any]:
        self.flush()
        for batch in self._bodies:
            if batch.signal == signal:
                yield message.FromString(gzip.decompress(batch.body))

    def _logs(self, name: str) -> list[LogRecord]:
        return [
            record
            for body in self._sent("logs", ExportLogsServiceRequest)
            for resource in body.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
            if record.event_name == name
        ]

    def _sums(self, metric: str, by: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for each in self.metrics:
            for point in each.sum.data_points if each.name == metric else ():
                if (key := attributes_of(point).get(by)) is not None:
                    found[key] += point.as_int
        return found


def attributes_of(record: Any) -> dict[str, Any]:
    """The attributes of a log record, span or point."""
    pairs: list[KeyValue] = list(record.attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


def _prediction(record: LogRecord) -> Prediction:
    found = attributes_of(record)
    return Prediction(
        id=found[a.PREDICTION_ID],
        time_ns=record.time_unix_nano,
        features=_features(found),
        label=found.get(a.PREDICTION_LABEL),
        value=found.get(a.PREDICTION_VALUE),
        score=found.get(a.PREDICTION_SCORE),
        duration=found.get(a.PREDICTION_DURATION),
        parent_id=found.get(a.PREDICTION_PARENT_ID),
        probability=found.get(a.SAMPLE_PROBABILITY),
        reasons=tuple(found.get(a.SAMPLE_REASONS, ())),
        sequence=found[a.SEQUENCE],
        trace_id=record.trace_id,
        span_id=record.span_id,
    )


def _features(found: Mapping[str, Any]) -> dict[str, Any]:
    prefix = a.FEATURE_PREFIX
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def _ground_truth(record: LogRecord) -> GroundTruth:
    found = attributes_of(record)
    return GroundTruth(
        prediction_id=found[a.PREDICTION_ID],
        time_ns=record.time_unix_nano,
        label=found.get(a.GROUND_TRUTH_LABEL),
        value=found.get(a.GROUND_TRUTH_VALUE),
        source=found.get(a.GROUND_TRUTH_SOURCE),
        probability=found.get(a.GROUND_TRUTH_PROBABILITY),
        sample_probability=found.get(a.SAMPLE_PROBABILITY),
        sequence=found[a.SEQUENCE],
    )
