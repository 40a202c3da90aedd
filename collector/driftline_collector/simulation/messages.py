"""The requests of a simulated device, as driftline's own SDK sends them: windows of counts, and samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from driftline_schemas import attributes as names
from driftline_schemas.binning import SCORE, Binning, FeatureBinning
from driftline_schemas.reference import Reference
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from driftline_collector.simulation.plan import MODEL

Value = str | float | int
FEATURES = 10
LABELS = 10
EDGES = tuple(round(float(edge), 6) for edge in np.linspace(0.0, 1.0, 21))
#: Shares of the bins, those out of range first and last: whoever is asked about drift finds none.
SHARES = np.concatenate(([0.0], np.full(len(EDGES) - 1, 1 / (len(EDGES) - 1)), [0.0]))
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_REFERENCE_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Request:
    """A body for `path`; how many records or points the collector tells apart in it, and predictions."""

    path: str
    body: bytes
    numbered: int
    predictions: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """Who speaks."""

    device: str
    device_type: str
    region: str
    version: str
    stream: str
    segment: tuple[tuple[str, str], ...] = ()


def reference(version: str) -> Reference:
    """What the simulated model saw when all was well, so that its windows are judged."""
    row = np.append((SHARES * _REFERENCE_ROWS).round().astype(int), 0).tolist()
    features = tuple(FeatureBinning(name, "numeric", edges=EDGES) for name in (*_feature_names(), SCORE))
    binning = Binning(model=MODEL, features=features)
    counts = {feature.name: tuple(row) for feature in features}
    return Reference(binning=binning, counts=counts, rows=_REFERENCE_ROWS, version=version)


def window(source: Source, start_ns: int, end_ns: int, made: int, random: np.random.Generator) -> Request:
    """The counts of all predictions in [start, end)."""
    request = ExportMetricsServiceRequest()
    request.CopyFrom(_window())
    group = request.resource_metrics[0]
    _speak(group.resource, source)
    histograms, scores, sums = group.scope_metrics[0].metrics
    points = [*histograms.histogram.data_points, *scores.histogram.data_points]
    for point, counts in zip(points, random.multinomial(made, SHARES, len(points)).tolist(), strict=True):
        point.start_time_unix_nano, point.time_unix_nano = start_ns, end_ns
        point.count = made
        point.bucket_counts[:] = counts
    labels = random.multinomial(made, np.full(LABELS, 1 / LABELS)).tolist()
    for total, count in zip(sums.sum.data_points, labels, strict=True):
        total.start_time_unix_nano, total.time_unix_nano = start_ns, end_ns
        total.as_int = count
    return Request("/v1/metrics", request.SerializeToString(), len(points) + LABELS, made)


def logs(source: Source) -> ExportLogsServiceRequest:
    """A request for logs, without any."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(_resource())
    _speak(group.resource, source)
    scope = group.scope_logs.add(schema_url=names.SCHEMA_URL)
    scope.scope.name = names.SCOPE_NAME
    return request


def add_samples(
    request: ExportLogsServiceRequest,
    times: Sequence[int],
    ids: Sequence[str],
    first: int,
    *,
    probability: float,
    random: np.random.Generator,
) -> None:
    """Append predictions made at these times, numbered from `first`."""
    records = request.resource_logs[0].scope_logs[0].log_records
    values = random.random((len(times), FEATURES + 1)).tolist()
    for sequence, time_ns, name, own in zip(range(first, first + len(ids)), times, ids, values, strict=True):
        record = records.add()
        record.CopyFrom(_sample(probability))
        record.time_unix_nano = record.observed_time_unix_nano = time_ns
        identity, label, score, number, *features = (pair.value for pair in record.attributes)
        identity.string_value = name
        label.string_value = str(int(own[0] * LABELS))
        score.double_value = own[0]
        number.int_value = sequence
        for feature, value in zip(features, own[1:], strict=False):
            feature.double_value = value


def announce(
    request: ExportLogsServiceRequest, time_ns: int, sequence: int, values: Mapping[str, Value]
) -> None:
    """Append an event about a stream."""
    record = (
        request.resource_logs[0]
        .scope_logs[0]
        .log_records.add(
            time_unix_nano=time_ns, observed_time_unix_nano=time_ns, event_name=names.EVENT_STREAM
        )
    )
    record.attributes.extend(pair(key, value) for key, value in values.items())
    record.attributes.append(pair(names.SEQUENCE, sequence))


def _speak(resource: Resource, source: Source) -> None:
    """Fill in a resource that was made by `_resource`, in its order."""
    told = (source.device, source.device_type, source.region, source.version, source.stream)
    for open_, text in zip(resource.attributes, told, strict=False):
        open_.value.string_value = text
    resource.attributes.extend(pair(f"{names.SEGMENT_PREFIX}{name}", value) for name, value in source.segment)


def _resource() -> list[KeyValue]:
    open_ = (names.DEVICE_ID, names.DEVICE_TYPE, names.DEVICE_REGION, names.MODEL_VERSION, names.STREAM_ID)
    fixed = {names.SERVICE_NAME: "driftline simulate", names.TIER: "device_edge", names.MODEL_NAME: MODEL}
    return [*(pair(key, "") for key in open_), *(pair(key, value) for key, value in fixed.items())]


@cache
def _window() -> ExportMetricsServiceRequest:
    """A window's request, without whose and when it is and how much was counted."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(_resource())
    scope = group.scope_metrics.add(schema_url=names.SCHEMA_URL)
    scope.scope.name = names.SCOPE_NAME
    binning = pair(names.BINNING_ID, reference("").binning.id)
    for metric, of in ((names.PROFILE_FEATURE, _feature_names()), (names.PROFILE_SCORE, ("",))):
        made = scope.metrics.add(name=metric, unit=names.UNITS[metric])
        made.histogram.aggregation_temporality = _DELTA
        for name in of:
            point = made.histogram.data_points.add(explicit_bounds=EDGES)
            point.attributes.append(binning)
            if name:
                point.attributes.append(pair(names.FEATURE_NAME, name))
    predictions = scope.metrics.add(name=names.PROFILE_PREDICTIONS, unit="{prediction}")
    predictions.sum.aggregation_temporality = _DELTA
    predictions.sum.is_monotonic = True
    for label in range(LABELS):
        predictions.sum.data_points.add(attributes=[pair(names.LABEL, str(label)), binning])
    return request


@cache
def _sample(probability: float) -> LogRecord:
    """A prediction's record; what differs comes first among its attributes."""
    record = LogRecord(event_name=names.EVENT_PREDICTION)
    own = (names.PREDICTION_ID, names.PREDICTION_LABEL, names.PREDICTION_SCORE, names.SEQUENCE)
    record.attributes.extend(KeyValue(key=key, value=AnyValue()) for key in own)
    record.attributes.extend(pair(f"{names.FEATURE_PREFIX}{name}", 0.0) for name in _feature_names())
    record.attributes.append(pair(names.SAMPLE_PROBABILITY, probability))
    return record


def _feature_names() -> tuple[str, ...]:
    return tuple(f"feature_{number}" for number in range(FEATURES))


def pair(key: str, value: Value) -> KeyValue:
    """An attribute."""
    made = KeyValue(key=key)
    if isinstance(value, str):
        made.value.string_value = value
    elif isinstance(value, int):
        made.value.int_value = value
    else:
        made.value.double_value = value
    return made
