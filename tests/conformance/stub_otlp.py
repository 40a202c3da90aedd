"""A small OTLP server's mind, for the tests of the suite: right, or with a known fault.

It is written apart from the suite's own clients and payloads, so that a mistake there shows.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

REQUESTS: dict[str, type[Message]] = {
    "traces": traces.ExportTraceServiceRequest,
    "metrics": metrics.ExportMetricsServiceRequest,
    "logs": logs.ExportLogsServiceRequest,
}
RESPONSES: dict[str, type[Message]] = {
    "traces": traces.ExportTraceServiceResponse,
    "metrics": metrics.ExportMetricsServiceResponse,
    "logs": logs.ExportLogsServiceResponse,
}
_NESTING = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
}
INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE = 3, 8, 14
_INTEGERS = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64, FieldDescriptor.CPPTYPE_INT32)


class Fault(Enum):
    """What a server may do wrong."""

    ALWAYS_PARTIAL = auto()
    ANSWERS_PROTOBUF_ERRORS_IN_JSON = auto()
    BASE64_IDS = auto()
    BOMBS = auto()
    CLOSES_ON_BAD_DATA = auto()
    CLOSES_UNANNOUNCED = auto()
    DELAY_TOO_LONG = auto()
    DETAILS_DISAGREE = auto()
    ECHOES_BAD_DATA = auto()
    EMPTY_BODIES_OF_ERRORS = auto()
    FIRST_GZIP_MEMBER_ONLY = auto()
    HTML_ERRORS = auto()
    INTERNAL_ON_BAD_DATA = auto()
    INTERNAL_ON_OVERLOAD = auto()
    NEEDS_KIND = auto()
    NEEDS_ORIGIN = auto()
    NEEDS_STARTS = auto()
    NEEDS_TIMES = auto()
    NO_BAD_REQUEST = auto()
    NO_CHUNKS = auto()
    NO_CORS_ON_ERRORS = auto()
    NO_GZIP = auto()
    NO_JSON = auto()
    NO_LIMIT = auto()
    NO_LOGS = auto()
    NO_MESSAGE = auto()
    NULL_REFUSED = auto()
    NUMBERS_ONLY = auto()
    ONE_AT_A_TIME = auto()
    ORIGINAL_NAMES = auto()
    OVERSIZE_IS_BAD_DATA = auto()
    REFUSES_EMPTY = auto()
    REFUSES_METADATA = auto()
    REFUSES_RICH = auto()
    REFUSES_SHORT_IDS_OF_LOGS = auto()
    REJECTS_SILENTLY = auto()
    REJECTS_WITHOUT_COUNT = auto()
    RETRY_AFTER_NONSENSE = auto()
    RETRY_INFO_ON_OVERSIZE = auto()
    TAKES_NOISE = auto()
    TEXT_RESPONSES = auto()
    UNKNOWN_REFUSED = auto()


class BadDataError(Exception):
    """The request cannot be decoded."""


@dataclass(frozen=True, kw_only=True)
class Stub:
    """How the server behaves. `overloaded`: it refuses everything for load; `origin`: the web page let in."""

    limit: int
    faults: frozenset[Fault] = field(default_factory=frozenset)
    overloaded: bool = False
    origin: str = "https://page.example"

    def has(self, fault: Fault) -> bool:
        return fault in self.faults

    @property
    def signals(self) -> set[str]:
        return REQUESTS.keys() - ({"logs"} if self.has(Fault.NO_LOGS) else set())

    def answer(self, signal: str, body: bytes, *, is_json: bool) -> Message:
        """The response to a request. Raises BadDataError."""
        try:
            request = self._from_json(signal, body) if is_json else REQUESTS[signal].FromString(body)
        except (DecodeError, ValueError, json_format.ParseError, RecursionError) as error:
            if self.has(Fault.TAKES_NOISE):
                return RESPONSES[signal]()
            what = body.decode("latin-1") if self.has(Fault.ECHOES_BAD_DATA) else type(error).__name__
            raise BadDataError(f"cannot decode the request: {what}") from error
        self._check(signal, request)
        return self._response(signal, request)

    def _check(self, signal: str, request: Any) -> None:
        if self.has(Fault.REFUSES_EMPTY) and not request.ListFields():
            raise BadDataError("empty")
        if self.has(Fault.REFUSES_RICH) and "kind.0" in str(request):
            raise BadDataError("too rich")
        if self.has(Fault.REFUSES_SHORT_IDS_OF_LOGS) and signal == "logs":
            found = [r for a in request.resource_logs for b in a.scope_logs for r in b.log_records]
            if any(len(record.trace_id) not in (0, 16) for record in found):
                raise BadDataError("trace_id of another length than 16")
        outer, middle, inner = _NESTING[signal]
        for resource in getattr(request, outer):
            for scope in getattr(resource, middle):
                for record in getattr(scope, inner):
                    if record.ListFields():  # what says nothing at all is let through
                        self._check_record(signal, resource, scope, record)

    def _check_record(self, signal: str, resource: Any, scope: Any, record: Any) -> None:
        points = record.sum.data_points if signal == "metrics" else ()
        if self.has(Fault.NEEDS_ORIGIN) and not (resource.resource.attributes and scope.scope.name):
            raise BadDataError("of unknown origin")
        if self.has(Fault.NEEDS_KIND) and signal == "traces" and not record.kind:
            raise BadDataError("no kind")
        if self.has(Fault.NEEDS_TIMES) and signal == "logs" and not record.time_unix_nano:
            raise BadDataError("no time")
        if self.has(Fault.NEEDS_STARTS) and not all(point.start_time_unix_nano for point in points):
            raise BadDataError("no start")
        if self.has(Fault.REFUSES_METADATA) and signal == "metrics" and record.metadata:
            raise BadDataError("metadata")

    def _response(self, signal: str, request: Any) -> Message:
        response = RESPONSES[signal]()
        partial: Any = getattr(response, "partial_success")  # noqa: B009  a field of each, unknown to Message
        if self.has(Fault.ALWAYS_PARTIAL):
            partial.SetInParent()
        if signal == "metrics":
            points = [
                point
                for a in request.resource_metrics
                for b in a.scope_metrics
                for metric in b.metrics
                for point in metric.sum.data_points
            ]
            late = sum(point.time_unix_nano == 0 for point in points)
            if late:
                partial.rejected_data_points = late
                partial.error_message = "a data point has no time"
                if self.has(Fault.REJECTS_WITHOUT_COUNT):
                    partial.rejected_data_points = 7
                if self.has(Fault.REJECTS_SILENTLY):
                    partial.error_message = ""
        return response

    def status(self, code: int, message: str) -> Status:
        """The status of an error, with the details that belong to its code."""
        status = Status(code=code, message="" if self.has(Fault.NO_MESSAGE) else message)
        if code == INVALID_ARGUMENT and not self.has(Fault.NO_BAD_REQUEST):
            violation = BadRequest.FieldViolation(field="body", description=message)
            status.details.add().Pack(BadRequest(field_violations=[violation]))
        if code == UNAVAILABLE or (code == RESOURCE_EXHAUSTED and self.has(Fault.RETRY_INFO_ON_OVERSIZE)):
            seconds = 3600 if self.has(Fault.DELAY_TOO_LONG) else 1
            status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=seconds)))
        return status

    def unzip(self, body: bytes) -> bytes | None:
        """The content of a gzip body; None above the limit. Raises BadDataError."""
        content = b""
        try:
            while body:
                unpacker = zlib.decompressobj(wbits=31)
                content += unpacker.decompress(body, self.limit + 1 if not self._unlimited else 0)
                if len(content) > self.limit and not self._unlimited:
                    return None
                if not unpacker.eof:
                    raise BadDataError("gzip ends too early")
                body = b"" if self.has(Fault.FIRST_GZIP_MEMBER_ONLY) else unpacker.unused_data
        except zlib.error as error:
            raise BadDataError(f"not gzip: {error}") from error
        return content

    @property
    def _unlimited(self) -> bool:
        return self.has(Fault.NO_LIMIT) or self.has(Fault.BOMBS)

    def _from_json(self, signal: str, body: bytes) -> Message:
        kind = REQUESTS[signal]
        parsed = json.loads(body)
        if not isinstance(parsed, dict):
            raise BadDataError("no JSON object")
        if self.has(Fault.ORIGINAL_NAMES):  # also takes hex ids for base64, without complaint
            return json_format.ParseDict(parsed, kind(), ignore_unknown_fields=True)
        return json_format.ParseDict(self._mapped(kind.DESCRIPTOR, parsed), kind())

    def _mapped(self, kind: Any, value: Any) -> Any:
        """OTLP's JSON → protobuf's: ids from hex to base64, unknown fields dropped."""
        if not isinstance(value, dict):
            return value
        known = {each.json_name: each for each in kind.fields}
        if self.has(Fault.UNKNOWN_REFUSED) and not value.keys() <= known.keys():
            raise BadDataError("unknown fields")
        if self.has(Fault.NULL_REFUSED) and None in value.values():
            raise BadDataError("null")
        return {key: self._field(known[key], child) for key, child in value.items() if key in known}

    def _field(self, described: FieldDescriptor, value: Any) -> Any:
        if described.message_type is not None:
            if isinstance(value, list):
                return [self._mapped(described.message_type, item) for item in value]
            return self._mapped(described.message_type, value)
        if described.name.endswith(("trace_id", "span_id")) and not self.has(Fault.BASE64_IDS):
            return base64.b64encode(bytes.fromhex(value)).decode()
        if described.cpp_type in _INTEGERS and isinstance(value, str):
            if self.has(Fault.NUMBERS_ONLY):
                raise BadDataError("a string for a number")
            return int(float(value)) if "e" in value else value
        return value
