"""Clients of other versions, and what the comments of the .proto files ask of receivers."""

import json

from tests.conformance import payloads
from tests.conformance.answers import Answer
from tests.conformance.probe import Probe
from tests.conformance.registry import TRANSPORTS, Failed, Skipped, Transport, clause

_BINARY: tuple[Transport, ...] = ("http/protobuf", "grpc")
_MUST_WORK = (
    "When possible, the interoperability MUST be ensured between all versions of OTLP that are not declared "
    "obsolete."
)


@clause("future-versions-and-interoperability", level="MUST", quote=_MUST_WORK, on=_BINARY)
def ignores_fields_of_later_versions(probe: Probe) -> str:
    """Unknown fields of every wire type in the request, the resource, the scope and the record."""
    body = probe.ordinary()
    for path in ((), (1,), (1, 1), (1, 2), (1, 2, 1), (1, 2, 2)):
        answer = probe.export(body + payloads.nested(*path, content=payloads.unknown_fields()))
        _taken(answer, f"unknown fields at {'.'.join(map(str, path)) or 'the top'}")
    return str(answer)


@clause(
    "future-versions-and-interoperability",
    level="MUST",
    quote="The implementation which supports a new, optional capability MUST adjust its behavior to match "
    "the expectation of a peer that does not support a particular capability.",
    on=TRANSPORTS,
)
@clause(
    "future-versions-and-interoperability",
    level="SHOULD",
    quote="Such capabilities SHOULD be discovered by client and server implementations after establishing "
    "the underlying transport.",
    on=TRANSPORTS,
)
def gets_on_without_optional_capabilities(probe: Probe) -> str:
    raise Skipped("OTLP has no optional capabilities yet")


@clause(
    "logs.proto",
    level="SHOULD",
    quote="The receivers SHOULD assume that the log record is not associated with a span if any of the "
    "following is true: the field is not present, the field contains an invalid value.",
    on=TRANSPORTS,
    signals=("logs",),
)
@clause(
    "logs.proto",
    level="SHOULD",
    quote="The receivers SHOULD assume that the log record is not associated with a trace if any of the "
    "following is true: the field is not present, the field contains an invalid value.",
    on=TRANSPORTS,
    signals=("logs",),
)
def takes_log_records_with_invalid_trace_ids(probe: Probe) -> str:
    """None, all zero, too short: no error, and nothing to reject."""
    for trace_id, span_id in (("", ""), ("00" * 16, "00" * 8), ("0102", "01")):
        request = payloads.ordinary_json(probe.signal)
        payloads.the_record(probe.signal, request).update({"traceId": trace_id, "spanId": span_id})
        answer = probe.export(probe.encode(payloads.from_json(probe.signal, request)))
        _taken(answer, f"traceId {trace_id!r}")
        message = answer.message(payloads.RESPONSES[probe.signal])
        if getattr(message, "partial_success").rejected_log_records:  # noqa: B009
            raise Failed(f"traceId {trace_id!r}: rejected: {answer}")
    return str(answer)


@clause(
    "metrics.proto",
    level="SHOULD",
    quote="Data points with the 0 value for TimeUnixNano SHOULD be rejected by consumers.",
    on=TRANSPORTS,
    signals=("metrics",),
)
def rejects_data_points_without_a_time(probe: Probe) -> str:
    request = payloads.ordinary_json(probe.signal)
    payloads.the_point(probe.signal, request)["timeUnixNano"] = "0"
    answer = probe.export(probe.encode(payloads.from_json(probe.signal, request)))
    if answer.accepted:
        message = answer.message(payloads.RESPONSES[probe.signal])
        if not getattr(message, "partial_success").rejected_data_points:  # noqa: B009
            raise Failed(f"timeUnixNano 0: {answer}")
    return str(answer)


@clause(
    "trace.proto",
    level="MUST",
    quote="Readers MUST NOT assume that bits 10-31 (22 most significant bits) will be zero.",
    on=TRANSPORTS,
    signals=("traces",),
)
@clause(
    "logs.proto",
    level="MUST",
    quote="Readers must not assume that 24 most significant bits will be zero",
    on=TRANSPORTS,
    signals=("logs",),
)
def takes_flags_with_all_bits_set(probe: Probe) -> str:
    request = payloads.ordinary_json(probe.signal)
    payloads.the_record(probe.signal, request)["flags"] = 2**32 - 1
    answer = probe.export(probe.encode(payloads.from_json(probe.signal, request)))
    _taken(answer, "flags 0xffffffff")
    return str(answer)


@clause(
    "common.proto",
    level="SHOULD",
    quote="Implementers of OTLP receivers for signals other than Profiling should treat the presence of this "
    "value as a non-fatal issue.",
    on=TRANSPORTS,
)
def takes_references_into_the_table_of_profiles(probe: Probe) -> str:
    """AnyValue.string_value_strindex, which means something in profiles only."""
    if probe.transport == "http/json":
        request = payloads.ordinary_json(probe.signal)
        point = payloads.the_point(probe.signal, request)
        point["attributes"].append({"key": "a", "value": {"stringValueStrindex": 1}})
        body = json.dumps(request).encode()
    else:
        attribute = payloads.nested(1, content=b"a") + payloads.nested(2, content=b"\x40\x01")
        body = probe.ordinary() + payloads.nested(1, 1, 1, content=attribute)
    answer = probe.export(body)
    _taken(answer, "stringValueStrindex")
    return str(answer)


def _taken(answer: Answer, what: str) -> None:
    if not answer.accepted:
        raise Failed(f"{what}: {answer}")
