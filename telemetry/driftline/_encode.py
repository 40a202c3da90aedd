"""Who speaks, and spans → OTLP. Events and profiles have modules of their own, `_encode_logs.py` and
`_encode_metrics.py`; `driftline_schemas.attributes` has every name."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driftline_schemas import attributes as a
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from driftline._settings import Settings

#: Flags of a span: W3C's "sampled"; whether we know where the parent is; whether it is remote.
_SAMPLED, _KNOWN, _REMOTE = 0x1, 0x100, 0x200

#: About so many bytes of a window tell who speaks, and what is counted first.
HEAD = 480


@dataclass(frozen=True, slots=True)
class Escalation:
    """What the next tier answered, and why it was asked."""

    reason: str
    label: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """The span of one inference. Times in ns; `error` where the caller's code raised."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    remote: bool
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    error: str | None = None
    tracestate: str = ""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A `driftline.stream` event: phase and attributes."""

    time_ns: int
    attributes: Mapping[str, Any]


def attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes in the order of their keys, without those that are `None`."""
    return [KeyValue(key=key, value=_any(values[key])) for key in sorted(values) if values[key] is not None]


def _any(value: Any) -> AnyValue:
    if isinstance(value, str):
        # Half a surrogate pair is no text to protobuf.
        return AnyValue(string_value=value.encode("utf-8", "replace").decode())
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[_any(item) for item in value]))


def resource(settings: Settings, stream: str) -> Resource:
    """Who speaks."""
    device = settings.device
    names: dict[str, Any] = {
        **settings.resource,
        a.DEVICE_ID: device.id,
        a.DEVICE_TYPE: device.type,
        a.DEVICE_REGION: device.region,
        a.FIRMWARE_VERSION: device.firmware or None,
        a.TIER: settings.tier,
        a.MODEL_NAME: settings.model,
        a.MODEL_VERSION: settings.version,
        a.STREAM_ID: stream,
    }
    names |= {a.SEGMENT_PREFIX + name: value for name, value in settings.segment.items()}
    return Resource(attributes=attributes(names))


SCOPE = InstrumentationScope(name=a.SCOPE_NAME)


def traces(who: Resource, paths: Sequence[Path], first: int) -> bytes:
    """A traces request of these spans, numbered from `first`."""
    spans = [
        Span(
            trace_id=path.trace_id,
            span_id=path.span_id,
            parent_span_id=path.parent_span_id,
            trace_state=path.tracestate,
            flags=_SAMPLED | _KNOWN | (_REMOTE if path.remote else 0),
            name=a.SPAN_INFERENCE,
            kind=Span.SPAN_KIND_SERVER if path.remote else Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=path.start_ns,
            end_time_unix_nano=path.end_ns,
            attributes=attributes({**path.attributes, a.SEQUENCE: first + i}),
            status=Status(code=Status.STATUS_CODE_ERROR, message=path.error) if path.error else None,
        )
        for i, path in enumerate(paths)
    ]
    scope = ScopeSpans(scope=SCOPE, spans=spans, schema_url=a.SCHEMA_URL)
    body = ResourceSpans(resource=who, scope_spans=[scope], schema_url=a.SCHEMA_URL)
    return ExportTraceServiceRequest(resource_spans=[body]).SerializeToString()


def gzip(body: bytes, level: int = 6) -> bytes:
    """RFC 1952, without a time: the same records give the same bytes."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def gzip_counts(body: bytes) -> bytes:
    """The same for a window. It begins with who speaks, and goes on with counts: each has codes of its own.
    Counts are small numbers in no order, in which a short repetition is dearer than the numbers."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31, strategy=zlib.Z_FILTERED)
    head = packer.compress(body[:HEAD]) + packer.flush(zlib.Z_BLOCK)
    return head + packer.compress(body[HEAD:]) + packer.flush()
