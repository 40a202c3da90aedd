"""OTLP's JSON: protobuf's mapping with hex ids, integer enums, and nothing but lowerCamelCase.

Of what the mapping defines, a part in which protobuf's own libraries differ counts as a SHOULD here.
"""

import json
from typing import Any

from tests.conformance import payloads
from tests.conformance.answers import HttpAnswer
from tests.conformance.probe import Probe
from tests.conformance.registry import JSON, Failed, Skipped, clause

_HEX = "The `traceId` and `spanId` byte arrays are represented as case-insensitive hex-encoded strings"
_UNKNOWN = (
    "OTLP/JSON receivers MUST ignore message fields with unknown names and MUST unmarshal the message as if "
    "the unknown field was not present in the payload."
)
_MAPPING = "JSON Protobuf encoded payloads use proto3 standard defined JSON Mapping"
_ENUMS = "Values of enum fields MUST be encoded as integer values."


@clause("json-protobuf-encoding", level="MUST", quote=_HEX, on=JSON)
def takes_hex_ids_in_lower_and_upper_case(probe: Probe) -> str:
    for spelled in (payloads.TRACE_ID.hex(), payloads.TRACE_ID.hex().upper()):
        request = payloads.ordinary_json(probe.signal)
        payloads.with_ids(probe.signal, request)["traceId"] = spelled
        seen = _taken(probe, request, spelled)
    return seen


@clause(
    "json-protobuf-encoding",
    level="MUST",
    quote="they are not base64-encoded as is defined in the standard Protobuf JSON Mapping.",
    on=JSON,
)
def does_not_take_base64_ids(probe: Probe) -> str:
    """A server that takes them reads hex ids as base64 too, and so stores other ids than were sent."""
    request = payloads.ordinary_json(probe.signal)
    payloads.with_ids(probe.signal, request)["traceId"] = "W47/95gDgQPSabYzgT/GDA=="
    answer = _send(probe, request)
    if answer.accepted and not _rejected(probe, answer):
        raise Failed(f"took a traceId in base64: {answer}")
    return str(answer)


@clause("json-protobuf-encoding", level="MUST", quote=_ENUMS, on=JSON)
def takes_integer_enums(probe: Probe) -> str:
    request = payloads.ordinary_json(probe.signal)
    name, place, number, _ = _an_enum(probe, request)
    place[name] = number
    return _taken(probe, request, f"{name}: {number}")


@clause("json-protobuf-encoding", level="MAY", quote="the enum name strings MUST NOT be used", on=JSON)
def refuses_enum_names(probe: Probe) -> str:
    """What a client must not send, a server may refuse."""
    request = payloads.ordinary_json(probe.signal)
    name, place, _, text = _an_enum(probe, request)
    place[name] = text
    answer = _send(probe, request)
    if answer.accepted:
        raise Skipped(f"lenient: took {name}: {text}")
    return str(answer)


@clause("json-protobuf-encoding", level="MUST", quote=_UNKNOWN, on=JSON)
def ignores_unknown_fields(probe: Probe) -> str:
    """At every level, with a value of every JSON type."""
    later: dict[str, Any] = {
        "laterText": "x",
        "laterNumber": -1.5e3,
        "laterFlag": True,
        "laterNothing": None,
        "laterList": [1, "a", {"b": []}],
        "laterObject": {"traceId": "not hex", "deep": {"deeper": [None]}},
    }
    request = payloads.ordinary_json(probe.signal)
    resources, scopes, _ = (payloads.json_name(name) for name in payloads.NESTING[probe.signal])
    resource = request[resources][0]
    point = payloads.the_point(probe.signal, request)
    levels = {
        "request": request,
        "resource envelope": resource,
        "resource": resource["resource"],
        "scope envelope": resource[scopes][0],
        "scope": resource[scopes][0]["scope"],
        "record": payloads.the_record(probe.signal, request),
        "record or data point": point,
        "attribute": point["attributes"][0],
        "value": point["attributes"][0]["value"],
    }
    for name, level in levels.items():
        level.update(later)
        seen = _taken(probe, request, f"unknown fields down to the {name}")
    return seen


@clause("json-protobuf-encoding", level="MUST", quote=_UNKNOWN, on=JSON)
@clause(
    "json-protobuf-encoding",
    level="MUST",
    quote="Original field names are not valid to use as keys for JSON objects.",
    on=JSON,
)
def takes_original_field_names_for_unknown_fields(probe: Probe) -> str:
    """Of another type than the field has, so that reading them as the field cannot succeed."""
    original = payloads.NESTING[probe.signal][0]
    request: dict[str, Any] = {**payloads.ordinary_json(probe.signal), original: "no list"}
    request[payloads.json_name(original)][0]["resource"]["dropped_attributes_count"] = "no number"
    return _taken(probe, request, f"{original} and dropped_attributes_count")


@clause(
    "json-protobuf-encoding",
    level="MUST",
    quote="The keys of JSON objects are field names converted to lowerCamelCase.",
    on=JSON,
)
def knows_fields_by_their_lower_camel_case_names(probe: Probe) -> str:
    resources = payloads.json_name(payloads.NESTING[probe.signal][0])
    good, bad = payloads.ordinary_json(probe.signal), payloads.ordinary_json(probe.signal)
    good[resources][0]["resource"]["droppedAttributesCount"] = 123
    bad[resources][0]["resource"]["droppedAttributesCount"] = "no number"
    seen = _taken(probe, good, "droppedAttributesCount: 123")
    if _send(probe, bad).accepted:
        raise Failed('ignored droppedAttributesCount: took "no number" for it')
    return seen


@clause(
    "json-protobuf-encoding",
    level="MUST",
    quote="64-bit integer numbers in JSON-encoded payloads are encoded as decimal strings, and either "
    "numbers or strings are accepted when decoding.",
    on=JSON,
)
def takes_64_bit_integers_as_strings_and_as_numbers(probe: Probe) -> str:
    for value in (str(2**63 - 1), 2**63 - 1, str(-(2**63)), -(2**63)):
        _taken(probe, _with_value(probe, {"intValue": value}), f"intValue: {value!r}")
    for time in (str(payloads.NOW), payloads.NOW):
        request = payloads.ordinary_json(probe.signal)
        point = payloads.the_point(probe.signal, request)
        point["startTimeUnixNano" if probe.signal == "traces" else "timeUnixNano"] = time
        seen = _taken(probe, request, f"time: {time!r}")
    return seen


@clause("json-protobuf-encoding", level="SHOULD", quote=_MAPPING, on=JSON)
def takes_integers_in_exponent_notation(probe: Probe) -> str:
    """ProtoJSON: "Exponent notation (such as 1e2) is accepted in both quoted and unquoted forms."."""
    quoted = json.dumps(_with_value(probe, {"intValue": "1e2"})).encode()
    for body in (quoted, quoted.replace(b'"1e2"', b"1e2")):
        answer = probe.post(body)
        if not answer.accepted:
            raise Failed(f"{'quoted' if body is quoted else 'unquoted'} 1e2: {answer}")
    return str(answer)


@clause("json-protobuf-encoding", level="MUST", quote=_MAPPING, on=JSON)
def takes_doubles_that_are_no_numbers(probe: Probe) -> str:
    for value in ("NaN", "Infinity", "-Infinity"):
        seen = _taken(probe, _with_value(probe, {"doubleValue": value}), f"doubleValue: {value!r}")
    return seen


@clause("json-protobuf-encoding", level="MUST", quote=_MAPPING, on=JSON)
def takes_doubles_as_numbers_and_as_strings(probe: Probe) -> str:
    for value in (1, 0.5, -1e300, "1.5", "2e-3"):
        seen = _taken(probe, _with_value(probe, {"doubleValue": value}), f"doubleValue: {value!r}")
    return seen


@clause("json-protobuf-encoding", level="MUST", quote=_MAPPING, on=JSON)
def takes_null_for_an_absent_field(probe: Probe) -> str:
    resources, scopes, records = (payloads.json_name(name) for name in payloads.NESTING[probe.signal])
    request = payloads.ordinary_json(probe.signal)
    request[resources][0]["schemaUrl"] = None
    request[resources][0]["resource"]["droppedAttributesCount"] = None
    payloads.the_point(probe.signal, request)["attributes"] = None
    _taken(probe, request, "null for a string, a number and a list")
    return _taken(
        probe, {resources: [{"resource": None, scopes: [{"scope": None, records: None}]}]}, "null messages"
    )


@clause("json-protobuf-encoding", level="SHOULD", quote=_MAPPING, on=JSON)
def takes_bytes_in_either_alphabet_of_base64(probe: Probe) -> str:
    """ProtoJSON: "Either standard or URL-safe base64 encoding with/without paddings are accepted."."""
    for value in ("+/8=", "-_8=", "+/8", "-_8", ""):
        seen = _taken(probe, _with_value(probe, {"bytesValue": value}), f"bytesValue: {value!r}")
    return seen


@clause("json-protobuf-encoding", level="MUST", quote=_MAPPING, on=JSON)
def takes_any_spelling_of_the_same_json(probe: Probe) -> str:
    request = _with_value(probe, {"stringValue": 'Zürich 🚗 / \\ " \n'})
    for name, text in (
        ("escaped", json.dumps(request, ensure_ascii=True).replace("/", "\\/")),
        ("not escaped", json.dumps(request, ensure_ascii=False)),
        ("spread over lines", json.dumps(request, indent=2)),
        ("sorted keys", json.dumps(request, sort_keys=True)),
    ):
        answer = probe.post(text.encode())
        if not answer.accepted:
            raise Failed(f"{name}: {answer}")
    return str(answer)


def _an_enum(probe: Probe, request: dict[str, Any]) -> tuple[str, dict[str, Any], int, str]:
    """The name of an enum field of the signal, the object that it stands in, a number and a name for it."""
    record = payloads.the_record(probe.signal, request)
    if probe.signal == "traces":
        return "kind", record, 2, "SPAN_KIND_SERVER"
    if probe.signal == "metrics":
        return "aggregationTemporality", record["sum"], 1, "AGGREGATION_TEMPORALITY_DELTA"
    return "severityNumber", record, 9, "SEVERITY_NUMBER_INFO"


def _with_value(probe: Probe, value: dict[str, Any]) -> dict[str, Any]:
    """The ordinary request with one attribute of that value."""
    request = payloads.ordinary_json(probe.signal)
    payloads.the_point(probe.signal, request)["attributes"] = [{"key": "value", "value": value}]
    return request


def _send(probe: Probe, request: dict[str, Any]) -> HttpAnswer:
    return probe.post(json.dumps(request).encode())


def _taken(probe: Probe, request: dict[str, Any], what: str) -> str:
    answer = _send(probe, request)
    if not answer.accepted:
        raise Failed(f"{what}: {answer}")
    if rejected := _rejected(probe, answer):
        raise Failed(f"{what}: {rejected} rejected: {answer}")
    return str(answer)


def _rejected(probe: Probe, answer: HttpAnswer) -> int:
    message: Any = answer.message(payloads.RESPONSES[probe.signal])
    return int(getattr(message.partial_success, payloads.REJECTED[probe.signal]))
