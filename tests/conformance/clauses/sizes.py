"""Limits on the size of requests and of responses."""

import json

from google.rpc.error_details_pb2 import RetryInfo

from tests.conformance import payloads
from tests.conformance.answers import Answer
from tests.conformance.probe import MARGIN, RECOMMENDED_LIMIT, Probe
from tests.conformance.registry import GRPC, HTTP, Failed, Skipped, clause

RESPONSE_LIMIT = 4 * 1024 * 1024

_GRPC_LIMIT = "The server MUST enforce a message size limit when receiving the request"
_HTTP_LIMIT = "The server MUST limit the size of the request body when parsing it"
_GRPC_CODE = (
    "If the limit is exceeded, the gRPC server implementations MUST report a `RESOURCE_EXHAUSTED` code "
    "as a non-retryable error."
)
_HTTP_CODE = "If the limit is exceeded, the server MUST respond with `HTTP 413 Content Too Large`."
_CONFIGURABLE = "Implementations SHOULD allow this limit to be configured."


def oversized(probe: Probe, *, gzip: bool = False, chunked: bool = False) -> Answer:
    """The answer to a request above the limit, or, where that was taken, to one of four times the limit."""
    for size in (probe.target.limit + MARGIN, 4 * probe.target.limit):
        body = payloads.padded(probe.transport, size)
        answer = probe.post(body, chunked=True) if chunked else probe.export(body, gzip=gzip)
        if not answer.accepted:
            return answer
    raise Failed(f"took {size:,} bytes{' in chunks' * chunked}{' out of gzip' * gzip}: {answer}")


@clause("otlpgrpc-request", level="MUST", quote=_GRPC_LIMIT, on=GRPC)
@clause("otlphttp-request", level="MUST", quote=_HTTP_LIMIT, on=HTTP)
def refuses_a_request_that_is_too_large(probe: Probe) -> str:
    return str(oversized(probe))


@clause("otlpgrpc-request", level="MUST", quote=f"{_GRPC_LIMIT}, including after decompression", on=GRPC)
@clause("otlphttp-request", level="MUST", quote=f"{_HTTP_LIMIT}, including after decompression", on=HTTP)
def refuses_a_request_that_is_too_large_after_decompression(probe: Probe) -> str:
    return str(oversized(probe, gzip=True))


@clause("otlphttp-request", level="MUST", quote=_HTTP_LIMIT, on=HTTP)
def refuses_a_request_without_a_length_that_is_too_large(probe: Probe) -> str:
    return str(oversized(probe, chunked=True))


@clause("otlpgrpc-request", level="MUST", quote=_GRPC_CODE, on=GRPC)
@clause("otlphttp-request", level="MUST", quote=_HTTP_CODE, on=HTTP)
def says_that_a_request_is_too_large_and_not_to_be_sent_again(probe: Probe) -> str:
    answers = {"plain": oversized(probe), "gzip": oversized(probe, gzip=True)}
    for coding, answer in answers.items():
        if not answer.refused_for_size:
            raise Failed(f"{coding}: {answer}")
        if probe.transport == "grpc" and answer.detail(RetryInfo) is not None:
            raise Failed(f"{coding}: RetryInfo, which says that it may be sent again: {answer}")
    return str(answers["gzip"])


@clause(
    "otlpgrpc-request", level="SHOULD", quote="it is RECOMMENDED to use 64 MiB as the default limit", on=GRPC
)
@clause(
    "otlphttp-request", level="SHOULD", quote="It is RECOMMENDED to use 64 MiB as the default limit.", on=HTTP
)
def takes_requests_of_up_to_64_MiB(probe: Probe) -> str:  # noqa: N802
    if probe.target.limit != RECOMMENDED_LIMIT:
        raise Skipped(f"the server was told to take {probe.target.limit:,} bytes (--limit)")
    answer = probe.export(payloads.padded(probe.transport, RECOMMENDED_LIMIT - MARGIN), gzip=True)
    if not answer.accepted:
        raise Failed(f"{RECOMMENDED_LIMIT - MARGIN:,} bytes: {answer}")
    over = probe.export(payloads.padded(probe.transport, RECOMMENDED_LIMIT + MARGIN), gzip=True)
    if over.accepted:
        raise Failed(f"{RECOMMENDED_LIMIT + MARGIN:,} bytes: {over}")
    return f"{RECOMMENDED_LIMIT - MARGIN:,} bytes were taken, {RECOMMENDED_LIMIT + MARGIN:,} were not"


@clause("otlpgrpc-request", level="SHOULD", quote=_CONFIGURABLE, on=GRPC)
@clause("otlphttp-request", level="SHOULD", quote=_CONFIGURABLE, on=HTTP)
def keeps_a_limit_that_the_operator_sets(probe: Probe) -> str:
    limit = probe.target.limit
    if limit == RECOMMENDED_LIMIT:
        raise Skipped("configure another limit than 64 MiB and say so by --limit")
    under = probe.export(payloads.padded(probe.transport, limit - MARGIN))
    over = probe.export(payloads.padded(probe.transport, limit + MARGIN))
    if not under.accepted or over.accepted:
        raise Failed(f"limit {limit:,}: {limit - MARGIN:,} bytes: {under}; {limit + MARGIN:,} bytes: {over}")
    return f"limit {limit:,}: {limit - MARGIN:,} bytes were taken, {limit + MARGIN:,} were not"


@clause(
    "otlpgrpc-response",
    level="MUST",
    quote="The server MUST limit the size of the response message, including before compression",
    on=GRPC,
)
@clause(
    "otlphttp-response",
    level="MUST",
    quote="The server MUST limit the size of the response body, including before compression",
    on=HTTP,
)
@clause(
    "otlpgrpc-response", level="SHOULD", quote="It is RECOMMENDED to use 4 MiB as the default limit.", on=GRPC
)
@clause(
    "otlphttp-response", level="SHOULD", quote="It is RECOMMENDED to use 4 MiB as the default limit.", on=HTTP
)
def does_not_repeat_a_large_bad_request_in_its_answer(probe: Probe) -> str:
    """What a server can be brought to say at length is what is wrong, so it gets 5 MiB of wrong text."""
    size = 5 * 1024 * 1024
    if probe.target.limit < size + MARGIN:
        raise Skipped("the limit for requests is too low to provoke a large response")
    if probe.transport == "http/json":
        name = payloads.json_name(payloads.NESTING[probe.signal][0])
        body = json.dumps({name: "x" * size}).encode()
    else:
        body = payloads.nested(1, 1, content=b"\xff" * size)
    answer = probe.export(body)
    if answer.size > RESPONSE_LIMIT:
        raise Failed(f"{answer.size:,} bytes in answer to {len(body):,}")
    return f"{answer.size:,} bytes in answer to {len(body):,}: {answer}"


_REDUCES = "the server SHOULD reduce the response size without changing response semantics"
_VERBOSITY = "the server MAY decrease the verbosity of optional diagnostic fields"
_FAILS = "If the response still cannot fit within the limit, the server MUST fail the request"


@clause("otlpgrpc-response", level="SHOULD", quote=_CONFIGURABLE, on=GRPC)
@clause("otlphttp-response", level="SHOULD", quote=_CONFIGURABLE, on=HTTP)
@clause("otlpgrpc-response", level="MUST", quote=f"{_FAILS} with the `RESOURCE_EXHAUSTED` code", on=GRPC)
@clause("otlphttp-response", level="MUST", quote=f"{_FAILS} with `HTTP 500 Internal Server Error`", on=HTTP)
@clause("otlpgrpc-response", level="SHOULD", quote=_REDUCES, on=GRPC)
@clause("otlphttp-response", level="SHOULD", quote=_REDUCES, on=HTTP)
@clause("otlpgrpc-response", level="MAY", quote=_VERBOSITY, on=GRPC)
@clause("otlphttp-response", level="MAY", quote=_VERBOSITY, on=HTTP)
def handles_a_response_that_would_be_too_large(probe: Probe) -> str:
    raise Skipped("no request is known that makes a server's own response exceed its limit")
