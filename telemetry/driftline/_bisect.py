"""Several batches as one request; and halves of a refused one, until the record is found that the collector
will not take."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from driftline_schemas import attributes as a
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from driftline._spool_schema import Batch
from driftline._turns import give_way

_REQUESTS: dict[str, Any] = {
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "traces": ExportTraceServiceRequest,
}
_CONTAINERS = {
    "logs": ("resource_logs", "scope_logs", "log_records"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
    "traces": ("resource_spans", "scope_spans", "spans"),
}

#: What stands around a record (resource, scope, for a point its metric), and the record.
Leaf = tuple[tuple[Any, ...], Any]


def halves(batch: Batch) -> list[Batch]:
    """The batch as two, in the order of its records; empty where it has but one, or cannot be read."""
    try:
        request = _REQUESTS[batch.signal].FromString(gzip.decompress(batch.body))
    except (DecodeError, OSError, EOFError, zlib.error):
        return []
    leaves = list(_leaves(request, batch.signal))
    if len(leaves) < 2:
        return []
    middle = len(leaves) // 2
    return [_part(batch, leaves[:middle], 0), _part(batch, leaves[middle:], middle)]


def joined(signal: str, bodies: Sequence[bytes]) -> bytes:
    """Requests of one stream as one, in which who speaks stands once. Raises DecodeError."""
    resources, scopes, records = _CONTAINERS[signal]
    first, *others = map(_REQUESTS[signal].FromString, bodies)
    into = getattr(getattr(getattr(first, resources)[0], scopes)[0], records)
    for request in others:
        for resource in getattr(request, resources):
            for scope in getattr(resource, scopes):
                into.extend(getattr(scope, records))
        give_way()
    whole: bytes = first.SerializeToString()
    return whole


def _leaves(request: Any, signal: str) -> Iterator[Leaf]:
    resources, scopes, records = _CONTAINERS[signal]
    for resource in getattr(request, resources):
        for scope in getattr(resource, scopes):
            for record in getattr(scope, records):
                if signal != "metrics" or (kind := record.WhichOneof("data")) is None:
                    yield (resource, scope), record
                else:
                    for point in getattr(record, kind).data_points:
                        yield (resource, scope, record), point


def _part(batch: Batch, leaves: Sequence[Leaf], offset: int) -> Batch:
    body = gzip.compress(_request(batch.signal, leaves).SerializeToString(), 6, mtime=0)
    if batch.signal == "metrics":
        return replace(batch, records=_predictions(leaves), body=body)
    numbers = (batch.first + offset, batch.first + offset + len(leaves) - 1) if batch.first else (0, 0)
    return replace(batch, records=len(leaves), first=numbers[0], last=numbers[1], body=body)


def _predictions(leaves: Sequence[Leaf]) -> int:
    """How many predictions stand behind these points, as the spool counts them."""
    return sum(
        point.as_int
        for around, point in leaves
        if len(around) == 3 and around[2].name == a.PROFILE_PREDICTIONS
    )


def _request(signal: str, leaves: Sequence[Leaf]) -> Any:
    """A request of these records, each within what stood around it."""
    request = _REQUESTS[signal]()
    resources, scopes, records = _CONTAINERS[signal]
    open_: list[Any] = [None, None, None]
    made: list[Any] = [None, None, None]
    for around, leaf in leaves:
        resource, scope = around[:2]
        if open_[0] is not resource:
            made[0] = getattr(request, resources).add()
            made[0].resource.CopyFrom(resource.resource)
            made[0].schema_url = resource.schema_url
            open_ = [resource, None, None]
        if open_[1] is not scope:
            made[1] = getattr(made[0], scopes).add()
            made[1].scope.CopyFrom(scope.scope)
            made[1].schema_url = scope.schema_url
            open_[1:] = [scope, None]
        if len(around) == 2:
            getattr(made[1], records).add().CopyFrom(leaf)
            continue
        metric = around[2]
        kind = metric.WhichOneof("data")
        if open_[2] is not metric:
            made[2] = getattr(made[1], records).add()
            made[2].CopyFrom(metric)
            del getattr(made[2], kind).data_points[:]
            open_[2] = metric
        getattr(made[2], kind).data_points.add().CopyFrom(leaf)
    return request
