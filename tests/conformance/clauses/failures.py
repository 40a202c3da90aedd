"""Failures: requests that cannot be decoded, and how a server has to say so."""

import gzip
import json

from google.rpc.error_details_pb2 import BadRequest

from tests.conformance import payloads
from tests.conformance.answers import STATUS_DETAILS, Answer, HttpAnswer
from tests.conformance.clauses.sizes import oversized
from tests.conformance.probe import Probe
from tests.conformance.registry import GRPC, HTTP, JSON, PROTOBUF, Failed, Skipped, Transport, clause

_BAD = (
    "If the processing of the request fails because the request contains data that cannot be decoded or "
    "is otherwise invalid and such failure is permanent, then the server MUST respond with "
    "`HTTP 400 Bad Request`."
)
_INVALID_ARGUMENT = "To indicate non-retryable errors, the server is recommended to use code InvalidArgument"
_STATUS = (
    "The response body for all `HTTP 4xx` and `HTTP 5xx` responses MUST be a Protobuf-encoded Status message "
    "that describes the problem."
)
_NOISE = b"\xff" * 40


@clause("failures", level="SHOULD", quote=_INVALID_ARGUMENT, on=GRPC)
@clause("bad-data", level="MUST", quote=_BAD, on=HTTP)
def refuses_a_truncated_request(probe: Probe) -> str:
    body = probe.ordinary()
    for length in (len(body) // 2, len(body) - 1):
        seen = _refused_as_bad(probe.export(body[:length]), f"{length} of {len(body)} bytes")
    return seen


@clause("failures", level="SHOULD", quote=_INVALID_ARGUMENT, on=GRPC)
@clause("bad-data", level="MUST", quote=_BAD, on=HTTP)
def refuses_noise(probe: Probe) -> str:
    return _refused_as_bad(probe.export(_NOISE), "bytes of 0xff")


@clause("failures", level="SHOULD", quote=_INVALID_ARGUMENT, on=GRPC)
@clause("bad-data", level="MUST", quote=_BAD, on=HTTP)
def refuses_the_other_encoding(probe: Probe) -> str:
    """JSON where protobuf is announced, and protobuf where JSON is."""
    other: Transport = "http/protobuf" if probe.transport == "http/json" else "http/json"
    body = payloads.encode(other, payloads.ordinary(probe.signal))
    return _refused_as_bad(probe.export(body), other.removeprefix("http/"))


@clause("failures", level="SHOULD", quote=_INVALID_ARGUMENT, on=GRPC)
@clause(
    "binary-protobuf-encoding",
    level="SHOULD",
    quote="Binary Protobuf encoded payloads use proto3 encoding standard.",
    on=PROTOBUF,
)
@clause("bad-data", level="MUST", quote=_BAD, on=JSON)
def refuses_text_that_is_not_utf_8(probe: Probe) -> str:
    """proto3 strings and JSON texts are UTF-8 by definition."""
    if probe.transport == "http/json":
        body = probe.ordinary().replace(b"otlp-conformance", b"\xff\xfe\xc3")
    else:
        body = probe.ordinary().replace(b"otlp-conformance", b"\xff\xfe\xc3" + b"x" * 13)
    return _refused_as_bad(probe.export(body), "a string with the bytes ff fe c3")


@clause("bad-data", level="MUST", quote=_BAD, on=JSON)
def refuses_json_of_another_shape(probe: Probe) -> str:
    resources = payloads.json_name(payloads.NESTING[probe.signal][0])
    shapes: tuple[object, ...] = (5, [7], {})
    wrong = [json.dumps({resources: shape}) for shape in shapes]
    for text in ("[]", '"text"', "1", *wrong):
        seen = _refused_as_bad(probe.post(text.encode()), text)
    return seen


@clause("bad-data", level="MUST", quote=_BAD, on=JSON)
def refuses_what_follows_the_json(probe: Probe) -> str:
    return _refused_as_bad(probe.post(b"{} {}"), "{} {}")


@clause("bad-data", level="MUST", quote=_BAD, on=HTTP)
def refuses_gzip_that_does_not_decompress(probe: Probe) -> str:
    whole = gzip.compress(probe.ordinary())
    damaged = whole[:-8] + bytes(8)  # the checksum and the length, at the end
    for name, body in (("not gzip", b"plain text"), ("cut short", whole[:-20]), ("wrong checksum", damaged)):
        seen = _refused_as_bad(probe.post(body, {"Content-Encoding": "gzip"}), name)
    return seen


@clause("failures", level="SHOULD", quote=_INVALID_ARGUMENT, on=GRPC)
@clause(
    "failures-1",
    level="SHOULD",
    quote="The server SHOULD use HTTP response status codes to indicate retryable and non-retryable errors "
    "for a particular erroneous situation.",
    on=HTTP,
)
def survives_deep_nesting(probe: Probe) -> str:
    """Valid by the grammar, 10,000 levels deep: to be taken or refused for good, not to fall over."""
    if probe.transport == "http/json":
        body = b'{"unknown": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    else:
        value = payloads.nested(*[5, 1] * 5_000, content=b"")  # AnyValue.array_value.values, and so on
        body = payloads.nested(1, 1, 1, 2, content=value)  # resource.attributes.value
    answer = probe.export(body)
    if isinstance(answer, HttpAnswer) and answer.code >= 500:
        raise Failed(str(answer))
    if not answer.accepted:
        _refused_as_bad(answer, "deep nesting")
    return str(answer)


@clause(
    "failures-1",
    level="MUST",
    quote="If the processing of the request fails, the server MUST respond with appropriate "
    "`HTTP 4xx` or `HTTP 5xx` status code.",
    on=HTTP,
)
def answers_failure_with_an_error_status(probe: Probe) -> str:
    answer = probe.post(_NOISE)
    if not 400 <= answer.code <= 599:
        raise Failed(str(answer))
    return str(answer)


@clause("failures-1", level="MUST", quote=_STATUS, on=HTTP)
def describes_bad_data_by_a_status_message(probe: Probe) -> str:
    return _described(probe, probe.post(_NOISE))


@clause("failures-1", level="MUST", quote=_STATUS, on=HTTP)
def describes_an_oversized_request_by_a_status_message(probe: Probe) -> str:
    return _described(probe, oversized(probe, gzip=True))


@clause("failures-1", level="MUST", quote=_STATUS, on=HTTP)
def describes_broken_gzip_by_a_status_message(probe: Probe) -> str:
    return _described(probe, probe.post(b"plain text", {"Content-Encoding": "gzip"}))


@clause(
    "failures-1",
    level="SHOULD",
    quote="The `Status.message` field SHOULD contain a developer-facing error message",
    on=HTTP,
)
def says_in_the_status_what_is_wrong(probe: Probe) -> str:
    answer = probe.post(_NOISE)
    if not answer.status().message:
        raise Failed(f"no message: {answer}")
    return str(answer.status().message)[:120]


@clause(
    "bad-data",
    level="SHOULD",
    quote="The `Status.details` field in the response SHOULD contain a BadRequest "
    "that describes the bad data.",
    on=HTTP,
)
@clause("failures", level="MAY", quote="MAY supply additional details via status using BadRequest", on=GRPC)
def describes_bad_data_by_a_bad_request(probe: Probe) -> str:
    answer = probe.export(_NOISE)
    if answer.accepted:
        raise Failed(str(answer))
    detail = answer.detail(BadRequest)
    if not isinstance(detail, BadRequest):
        if probe.transport == "grpc":
            raise Skipped(f"not used: {answer}")
        raise Failed(f"no BadRequest among the details: {answer}")
    if not any(violation.description for violation in detail.field_violations):
        raise Failed(f"a BadRequest that describes nothing: {answer}")
    return str(detail.field_violations[0].description)[:120]


@clause("failures", level="MAY", quote="MAY supply additional details via status", on=GRPC)
def sends_status_details_that_agree_with_the_status(probe: Probe) -> str:
    """`grpc-status-details-bin` is a google.rpc.Status with the same code and message as the call's own."""
    answer = probe.call(_NOISE)
    if STATUS_DETAILS not in answer.trailers:
        raise Skipped(f"not used: {answer}")
    status = answer.status()
    if status.message != answer.text or _CODES.get(status.code) != answer.code:
        raise Failed(f"details say {status.code} {status.message!r}, the call says {answer}")
    return str(answer)


@clause("failures-1", level="MAY", quote="the server MAY omit `Status.code` field", on=HTTP)
@clause("failures-1", level="MAY", quote="The server MAY include `Status.details` field", on=HTTP)
def sends_a_status_that_decodes_with_or_without_code_and_details(probe: Probe) -> str:
    answer = probe.post(_NOISE)
    try:
        status = answer.status()
    except Failed as failure:
        raise Skipped(f"no Status to look at: {failure}") from failure
    details = [packed.TypeName() for packed in status.details]
    return f"code {status.code or 'omitted'}, details {', '.join(details) or 'omitted'}"


@clause(
    "otlphttp-response",
    level="MUST",
    quote='The server MUST use the same "Content-Type" in the response as it received in the request.',
    on=HTTP,
)
@clause(
    "otlphttp-response",
    level="MUST",
    quote='The server MUST set "Content-Type: application/x-protobuf" header if the response body is '
    "binary-encoded Protobuf payload.",
    on=PROTOBUF,
)
@clause(
    "otlphttp-response",
    level="MUST",
    quote='The server MUST set "Content-Type: application/json" if the response is JSON-encoded '
    "Protobuf payload.",
    on=JSON,
)
@clause(
    "binary-protobuf-encoding",
    level="MUST",
    quote='The client and the server MUST set "Content-Type: application/x-protobuf" request and response '
    "headers when sending binary Protobuf encoded payload.",
    on=PROTOBUF,
)
@clause(
    "json-protobuf-encoding",
    level="MUST",
    quote='The client and the server MUST set "Content-Type: application/json" request and response '
    "headers when sending JSON Protobuf encoded payload.",
    on=JSON,
)
def answers_in_the_content_type_of_the_request(probe: Probe) -> str:
    """Success and failure both: a client reads them with one decoder."""
    for body in (probe.ordinary(), _NOISE):
        answer = probe.post(body)
        if answer.media_type != probe.media_type:
            raise Failed(str(answer))
    return f"{probe.media_type} for a success and for a failure"


_CODES = {3: "INVALID_ARGUMENT", 8: "RESOURCE_EXHAUSTED", 13: "INTERNAL", 14: "UNAVAILABLE", 2: "UNKNOWN"}


def _refused_as_bad(answer: Answer, what: str) -> str:
    code = 400 if isinstance(answer, HttpAnswer) else "INVALID_ARGUMENT"
    if getattr(answer, "code") != code:  # noqa: B009
        raise Failed(f"{what}: {answer}")
    return str(answer)


def _described(probe: Probe, answer: Answer) -> str:
    if answer.accepted:
        raise Failed(f"not refused: {answer}")
    if isinstance(answer, HttpAnswer) and answer.media_type != probe.media_type:
        raise Failed(f"not in the request's encoding: {answer}")
    return f"{answer}: {json.dumps(answer.status().message)}"
