"""Full success: what it looks like, and what has to be taken."""

from typing import Any

from tests.conformance import payloads
from tests.conformance.answers import HttpAnswer
from tests.conformance.probe import Probe
from tests.conformance.registry import GRPC, HTTP, TRANSPORTS, Failed, clause
from tests.conformance.rich import rich

_RESPONSE = "Export<signal>ServiceResponse message"
_EMPTY = (
    "If the server receives an empty request (a request that does not carry any telemetry data) "
    "the server SHOULD respond with success."
)
_UNSET = "The server MUST leave the `partial_success` field unset in case of a successful response."


@clause(
    "full-success-1", level="MUST", quote="On success, the server MUST respond with `HTTP 200 OK`.", on=HTTP
)
def answers_an_ordinary_request_with_200(probe: Probe) -> str:
    answer = probe.post(probe.ordinary())
    if answer.code != 200:
        raise Failed(str(answer))
    return str(answer)


@clause(
    "otlpgrpc-response",
    level="MUST",
    quote="The response MUST be the appropriate message",
    on=GRPC,
)
@clause(
    "full-success",
    level="MUST",
    quote=f"On success, the server response MUST be a {_RESPONSE}",
    on=GRPC,
)
@clause(
    "otlphttp-response",
    level="MUST",
    quote="The response body MUST be the appropriate serialized Protobuf message",
    on=HTTP,
)
@clause(
    "full-success-1",
    level="MUST",
    quote=f"The response body MUST be a Protobuf-encoded {_RESPONSE}",
    on=HTTP,
)
def answers_success_with_the_response_message(probe: Probe) -> str:
    answer = probe.export(probe.ordinary())
    if not answer.accepted:
        raise Failed(str(answer))
    if isinstance(answer, HttpAnswer) and answer.media_type != probe.media_type:
        raise Failed(f"not in the request's encoding: {answer}")
    message = answer.message(payloads.RESPONSES[probe.signal])
    return f"{message.DESCRIPTOR.name}: {answer}"


@clause("full-success", level="MUST", quote=_UNSET, on=GRPC)
@clause("full-success-1", level="MUST", quote=_UNSET, on=HTTP)
def leaves_partial_success_unset_on_full_success(probe: Probe) -> str:
    for name, body in (("empty", _empty(probe)), ("one record", probe.ordinary())):
        answer = probe.export(body)
        if not answer.accepted and name == "empty":
            continue  # another clause's matter, and no more than a SHOULD
        if not answer.accepted:
            raise Failed(f"{name}: {answer}")
        if answer.message(payloads.RESPONSES[probe.signal]).HasField("partial_success"):
            raise Failed(f"{name}: partial_success is set: {answer}")
    return str(answer)


@clause("full-success", level="SHOULD", quote=_EMPTY, on=GRPC)
@clause("full-success-1", level="SHOULD", quote=_EMPTY, on=HTTP)
def takes_an_empty_request(probe: Probe) -> str:
    answer = probe.export(_empty(probe))
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


@clause("empty-telemetry-envelopes", level="MAY", quote="receivers MAY ignore empty envelopes", on=TRANSPORTS)
@clause("full-success", level="SHOULD", quote=_EMPTY, on=GRPC)
@clause("full-success-1", level="SHOULD", quote=_EMPTY, on=HTTP)
def takes_envelopes_without_records(probe: Probe) -> str:
    resources, scopes, records = (payloads.json_name(name) for name in payloads.NESTING[probe.signal])
    without_scopes: dict[str, Any] = {resources: [{}, {"resource": {}}]}
    without_records: dict[str, Any] = {
        resources: [{"resource": {}, scopes: [{"scope": {"name": "x"}, records: []}]}]
    }
    for name, request in (("without scopes", without_scopes), ("without records", without_records)):
        answer = probe.export(probe.encode(payloads.from_json(probe.signal, request)))
        if not answer.accepted:
            raise Failed(f"{name}: {answer}")
    return str(answer)


@clause(
    "otlphttp-request",
    level="MUST",
    quote="The body of the POST request is a payload either in binary-encoded Protobuf format "
    "or in JSON-encoded Protobuf format.",
    on=HTTP,
)
@clause(
    "otlpgrpc-service-and-protobuf-definitions",
    level="MUST",
    quote="Protobuf definitions for requests and responses are here.",
    on=GRPC,
)
def takes_every_kind_of_value_that_the_protocol_has(probe: Probe) -> str:
    """All of the signal's fields; attributes nested, mixed, empty, extreme, non-ASCII; all metrics."""
    answer = probe.export(probe.encode(rich(probe.signal)))
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


@clause(
    "duplicate-data",
    level="MAY",
    quote="The client will typically choose to re-send such data to guarantee delivery, "
    "which may result in duplicate data on the server side.",
    on=TRANSPORTS,
)
def takes_the_same_request_twice(probe: Probe) -> str:
    body = probe.ordinary()
    answers = [probe.export(body), probe.export(body)]
    for answer in answers:
        if not answer.accepted:
            raise Failed(str(answer))
    return str(answers[-1])


def _empty(probe: Probe) -> bytes:
    return probe.encode(payloads.REQUESTS[probe.signal]())
