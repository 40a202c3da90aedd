"""The data model: what comments of the .proto files ask of receivers, and what senders may leave out."""

import json
from typing import Any

from tests.conformance import payloads
from tests.conformance.answers import Answer, GrpcAnswer, HttpAnswer
from tests.conformance.probe import Probe
from tests.conformance.registry import TRANSPORTS, Failed, clause

_NO_SCOPE = (
    "Semantically when InstrumentationScope isn't set, it is equivalent with an empty instrumentation scope "
    "name (unknown)."
)
_NO_TIME = "Value of 0 indicates unknown or missing timestamp."
_NO_START = (
    "StartTimeUnixNano is optional, but strongly encouraged for DataPoints having an AggregationTemporality "
    "field"
)
_NO_STATUS = (
    "Semantically when Status isn't set, it means span's status code is unset, i.e. assume STATUS_CODE_UNSET "
    "(code = 0)."
)
_PROFILES = (
    "Implementers of OTLP receivers for signals other than Profiling should treat the presence of this "
)


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
        _taken(probe, answer, f"traceId {trace_id!r}")
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
    _taken(probe, answer, "flags 0xffffffff")
    return str(answer)


@clause(
    "common.proto",
    level="SHOULD",
    quote=f"{_PROFILES}value as a non-fatal issue.",
    on=TRANSPORTS,
)
@clause("common.proto", level="SHOULD", quote=f"{_PROFILES}key as a non-fatal issue.", on=TRANSPORTS)
def takes_references_into_the_table_of_profiles(probe: Probe) -> str:
    """KeyValue.key_strindex and AnyValue.string_value_strindex, which mean something in profiles only."""
    spelled = (
        ({"key": "a", "value": {"stringValueStrindex": 1}}, payloads.nested(2, content=b"\x40\x01")),
        ({"keyStrindex": 1, "value": {"stringValue": "x"}}, b"\x18\x01"),
    )
    for as_json, as_bytes in spelled:
        if probe.transport == "http/json":
            request = payloads.ordinary_json(probe.signal)
            payloads.the_point(probe.signal, request)["attributes"].append(as_json)
            body = json.dumps(request).encode()
        else:
            key = payloads.nested(1, content=b"a") if "key" in as_json else b""
            body = probe.ordinary() + payloads.nested(1, 1, 1, content=key + as_bytes)
        answer = probe.export(body)
        _taken(probe, answer, " and ".join(as_json))
    return str(answer)


@clause(
    "trace.proto",
    level="MUST",
    quote="If this field is not set then no resource info is known.",
    on=TRANSPORTS,
    signals=("traces",),
)
@clause("trace.proto", level="MUST", quote=_NO_SCOPE, on=TRANSPORTS, signals=("traces",))
@clause(
    "metrics.proto",
    level="MUST",
    quote="If this field is not set then no resource info is known.",
    on=TRANSPORTS,
    signals=("metrics",),
)
@clause("metrics.proto", level="MUST", quote=_NO_SCOPE, on=TRANSPORTS, signals=("metrics",))
@clause(
    "logs.proto",
    level="MUST",
    quote="If this field is not set then resource info is unknown.",
    on=TRANSPORTS,
    signals=("logs",),
)
@clause("logs.proto", level="MUST", quote=_NO_SCOPE, on=TRANSPORTS, signals=("logs",))
def takes_records_of_unknown_origin(probe: Probe) -> str:
    """Without a resource and without a scope, then with ones that say nothing."""
    resources, scopes, _ = (payloads.json_name(name) for name in payloads.NESTING[probe.signal])
    request = payloads.ordinary_json(probe.signal)
    (outer,) = request[resources]
    del outer["resource"], outer[scopes][0]["scope"]
    _sent(probe, request, "neither resource nor scope")
    outer["resource"], outer[scopes][0]["scope"] = {}, {}
    return _sent(probe, request, "an empty resource and an empty scope")


@clause(
    "common.proto",
    level="MUST",
    quote="It is valid for all values to be unspecified in which case this AnyValue is considered to be "
    '"empty".',
    on=TRANSPORTS,
)
@clause("common.proto", level="MAY", quote="The array may be empty (contain 0 elements).", on=TRANSPORTS)
@clause("common.proto", level="MAY", quote="The list may be empty (may contain 0 elements).", on=TRANSPORTS)
def takes_empty_values(probe: Probe) -> str:
    values: list[dict[str, Any]] = [{}, {"arrayValue": {}}, {"kvlistValue": {}}, {"stringValue": ""}]
    for attribute in [{"key": "empty"}, *({"key": "empty", "value": value} for value in values)]:
        request = payloads.ordinary_json(probe.signal)
        payloads.the_point(probe.signal, request)["attributes"].append(attribute)
        seen = _sent(probe, request, json.dumps(attribute))
    return seen


@clause(
    "common.proto",
    level="MAY",
    quote="The behavior of software that receives duplicated keys can be unpredictable.",
    on=TRANSPORTS,
)
def survives_attributes_of_the_same_key(probe: Probe) -> str:
    """No sender may, and some do: a server may take them or not, but a fault of its own would be repeated."""
    request = payloads.ordinary_json(probe.signal)
    attributes = payloads.the_point(probe.signal, request)["attributes"]
    attributes += [attributes[0], {"key": attributes[0]["key"], "value": {"intValue": "1"}}]
    answer = probe.export(probe.encode(payloads.from_json(probe.signal, request)))
    code = answer.code if isinstance(answer, HttpAnswer | GrpcAnswer) else None
    if not answer.accepted and code not in (400, "INVALID_ARGUMENT"):
        raise Failed(str(answer))
    return str(answer)


@clause("logs.proto", level="MUST", quote=_NO_TIME, on=TRANSPORTS, signals=("logs",))
def takes_log_records_without_a_time(probe: Probe) -> str:
    request = payloads.ordinary_json(probe.signal)
    record = payloads.the_record(probe.signal, request)
    del record["timeUnixNano"]
    _sent(probe, request, "only a time at which it was observed")
    del record["observedTimeUnixNano"]
    return _sent(probe, request, "no time at all")


@clause("metrics.proto", level="MUST", quote=_NO_START, on=TRANSPORTS, signals=("metrics",))
def takes_data_points_without_a_start(probe: Probe) -> str:
    request = payloads.ordinary_json(probe.signal)
    del payloads.the_point(probe.signal, request)["startTimeUnixNano"]
    return _sent(probe, request, "no startTimeUnixNano")


@clause(
    "metrics.proto",
    level="SHOULD",
    quote="Consumers SHOULD NOT need to be aware of these attributes.",
    on=TRANSPORTS,
    signals=("metrics",),
)
def takes_metadata_of_metrics(probe: Probe) -> str:
    request = payloads.ordinary_json(probe.signal)
    metadata = [{"key": "prometheus.type", "value": {"stringValue": "unknown"}}]
    payloads.the_record(probe.signal, request)["metadata"] = metadata
    return _sent(probe, request, "metadata")


@clause(
    "trace.proto",
    level="MAY",
    quote="Implementations MAY assume SpanKind to be INTERNAL when receiving UNSPECIFIED.",
    on=TRANSPORTS,
    signals=("traces",),
)
@clause("trace.proto", level="MUST", quote=_NO_STATUS, on=TRANSPORTS, signals=("traces",))
def takes_spans_without_kind_and_status(probe: Probe) -> str:
    request = payloads.ordinary_json(probe.signal)
    span = payloads.the_record(probe.signal, request)
    del span["kind"], span["status"]
    return _sent(probe, request, "neither kind nor status")


def _sent(probe: Probe, request: dict[str, Any], what: str) -> str:
    """Send a request given as JSON in the transport's own encoding; it must be taken whole."""
    if probe.transport == "http/json":
        answer = probe.export(json.dumps(request).encode())
    else:
        answer = probe.export(probe.encode(payloads.from_json(probe.signal, request)))
    _taken(probe, answer, what)
    return str(answer)


def _taken(probe: Probe, answer: Answer, what: str) -> None:
    if not answer.accepted:
        raise Failed(f"{what}: {answer}")
    message: Any = answer.message(payloads.RESPONSES[probe.signal])
    if getattr(message.partial_success, payloads.REJECTED[probe.signal]):
        raise Failed(f"{what}: rejected: {answer}")
