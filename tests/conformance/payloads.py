"""The requests that the suite sends: as messages, as protobuf bytes and as OTLP's own JSON."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Sequence
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

from tests.conformance.registry import SignalName, Transport

REQUESTS: dict[SignalName, type[Message]] = {
    "traces": traces.ExportTraceServiceRequest,
    "metrics": metrics.ExportMetricsServiceRequest,
    "logs": logs.ExportLogsServiceRequest,
}
RESPONSES: dict[SignalName, type[Message]] = {
    "traces": traces.ExportTraceServiceResponse,
    "metrics": metrics.ExportMetricsServiceResponse,
    "logs": logs.ExportLogsServiceResponse,
}
REJECTED: dict[SignalName, str] = {
    "traces": "rejected_spans",
    "metrics": "rejected_data_points",
    "logs": "rejected_log_records",
}
TRACE_ID = bytes.fromhex("5b8efff798038103d269b633813fc60c")
SPAN_ID = bytes.fromhex("eee19b7ec3c1b174")
NOW = time.time_ns()  # some servers refuse what is old

# From the request down to the records, in protobuf's names: the field of the resources, scopes and records.
NESTING: dict[SignalName, tuple[str, str, str]] = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
}
_ATTRIBUTE: dict[str, Any] = {"key": "peer", "value": {"stringValue": "x"}}
_RECORDS: dict[SignalName, dict[str, Any]] = {
    "traces": {
        "traceId": TRACE_ID.hex(),
        "spanId": SPAN_ID.hex(),
        "name": "conformance",
        "kind": 2,
        "startTimeUnixNano": str(NOW),
        "endTimeUnixNano": str(NOW + 1_000_000),
        "attributes": [_ATTRIBUTE],
        "status": {"code": 1},
    },
    "metrics": {
        "name": "conformance",
        "unit": "1",
        "sum": {
            "aggregationTemporality": 1,
            "isMonotonic": True,
            "dataPoints": [
                {
                    "startTimeUnixNano": str(NOW - 1_000_000),
                    "timeUnixNano": str(NOW),
                    "asInt": "3",
                    "attributes": [_ATTRIBUTE],
                    "exemplars": [
                        {
                            "timeUnixNano": str(NOW),
                            "asInt": "1",
                            "traceId": TRACE_ID.hex(),
                            "spanId": SPAN_ID.hex(),
                        }
                    ],
                }
            ],
        },
    },
    "logs": {
        "timeUnixNano": str(NOW),
        "observedTimeUnixNano": str(NOW),
        "severityNumber": 9,
        "severityText": "INFO",
        "body": {"stringValue": "conformance"},
        "attributes": [_ATTRIBUTE],
        "traceId": TRACE_ID.hex(),
        "spanId": SPAN_ID.hex(),
    },
}


def ordinary_json(signal: SignalName) -> dict[str, Any]:
    """A request with one plain record, as OTLP's JSON; a fresh one at each call, to be changed at will."""
    resources, scopes, records = (json_name(name) for name in NESTING[signal])
    record = json.loads(json.dumps(_RECORDS[signal]))
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "otlp-conformance"}}]}
    scope = {"name": "conformance", "version": "1"}
    return {resources: [{"resource": resource, scopes: [{"scope": scope, records: [record]}]}]}


def the_record(signal: SignalName, request: dict[str, Any]) -> dict[str, Any]:
    """The one record of `ordinary_json`."""
    resources, scopes, records = (json_name(name) for name in NESTING[signal])
    record: dict[str, Any] = request[resources][0][scopes][0][records][0]
    return record


def the_point(signal: SignalName, request: dict[str, Any]) -> dict[str, Any]:
    """What carries times and attributes in `ordinary_json`: a data point of the metric, else the record."""
    record = the_record(signal, request)
    if signal != "metrics":
        return record
    point: dict[str, Any] = record["sum"]["dataPoints"][0]
    return point


def with_ids(signal: SignalName, request: dict[str, Any]) -> dict[str, Any]:
    """What carries trace and span ids in `ordinary_json`: an exemplar of the metric, else the record."""
    point = the_point(signal, request)
    if signal != "metrics":
        return point
    exemplar: dict[str, Any] = point["exemplars"][0]
    return exemplar


def ordinary(signal: SignalName) -> Message:
    """A request with one plain record."""
    return from_json(signal, ordinary_json(signal))


def from_json(signal: SignalName, request: dict[str, Any]) -> Message:
    """OTLP's JSON → the message, for JSON made here."""
    return json_format.ParseDict(_recoded_ids(request, _hex_to_base64), REQUESTS[signal]())


def to_json(request: Message) -> dict[str, Any]:
    """A message → OTLP's JSON: as protobuf's mapping, with hex ids and integer enums."""
    parsed = json_format.MessageToDict(request, use_integers_for_enums=True)
    recoded: dict[str, Any] = _recoded_ids(parsed, _base64_to_hex)
    return recoded


def encode(transport: Transport, request: Message) -> bytes:
    """A message in the encoding of a transport."""
    if transport == "http/json":
        return json.dumps(to_json(request)).encode()
    return request.SerializeToString()


def json_name(name: str) -> str:
    """lower_snake_case → lowerCamelCase."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def padded(transport: Transport, size: int) -> bytes:
    """A valid request without telemetry, exactly `size` bytes long: nothing that a server has to keep.

    In protobuf the padding is a field that no version of OTLP has, in JSON it is white space.
    """
    if transport == "http/json":
        return b"{" + b" " * (size - 2) + b"}"
    tag = _varint(1000 << 3 | 2)
    for digits in range(1, 10):
        length = size - len(tag) - digits
        if len(_varint(length)) == digits:
            return tag + _varint(length) + b"a" * length
    raise ValueError(f"no padded request has {size} bytes")


def gzipped(data: bytes) -> bytes:
    """`data` as one gzip member; fast rather than small."""
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(data) + packer.flush()


def unknown_fields(number: int = 999) -> bytes:
    """Protobuf fields of every wire type under numbers that OTLP does not use."""
    return b"".join(
        [
            _varint(number << 3 | 0) + _varint(12345),
            _varint((number + 1) << 3 | 1) + b"\x01" * 8,
            _varint((number + 2) << 3 | 2) + _varint(5) + b"later",
            _varint((number + 3) << 3 | 5) + b"\x02" * 4,
        ]
    )


def nested(*numbers: int, content: bytes) -> bytes:
    """`content` as the protobuf field with the last number, in one with the number before it, and so on."""
    for number in reversed(numbers):
        content = _varint(number << 3 | 2) + _varint(len(content)) + content
    return content


def _varint(value: int) -> bytes:
    septets: list[int] = []
    while value > 0x7F:
        septets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*septets, value])


def _recoded_ids(value: Any, recode: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: recode(child) if key in _IDS and isinstance(child, str) else _recoded_ids(child, recode)
            for key, child in value.items()
        }
    return [_recoded_ids(child, recode) for child in value] if isinstance(value, list) else value


_IDS: Sequence[str] = ("traceId", "spanId", "parentSpanId")


def _hex_to_base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def _base64_to_hex(text: str) -> str:
    return base64.b64decode(text).hex()
