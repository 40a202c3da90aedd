"""Transport compression of requests and responses."""

from tests.conformance import payloads
from tests.conformance.probe import Probe
from tests.conformance.registry import HTTP, TRANSPORTS, Failed, Skipped, clause

_OPTIONS = "All server components MUST support the following transport compression options"


@clause(
    "protocol-details",
    level="MUST",
    quote=f"{_OPTIONS} [...] No compression, denoted by `none`.",
    on=TRANSPORTS,
)
def takes_requests_without_compression(probe: Probe) -> str:
    answer = probe.export(probe.ordinary())
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


@clause(
    "protocol-details",
    level="MUST",
    quote=f"{_OPTIONS} [...] Gzip compression, denoted by `gzip`.",
    on=TRANSPORTS,
)
def takes_requests_in_gzip(probe: Probe) -> str:
    answer = probe.export(probe.ordinary(), gzip=True)
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


@clause(
    "protocol-details",
    level="SHOULD",
    quote=f"{_OPTIONS} [...] Gzip compression, denoted by `gzip`.",
    on=HTTP,
)
def takes_gzip_of_several_members(probe: Probe) -> str:
    """RFC 1952 lets a gzip stream be several members; a SHOULD here, as OTLP does not go into it."""
    body = probe.ordinary()
    packed = payloads.gzipped(body[:50]) + payloads.gzipped(body[50:])
    answer = probe.post(packed, {"Content-Encoding": "gzip"})
    if not answer.accepted:
        raise Failed(f"two members: {answer}")
    return str(answer)


@clause(
    "otlphttp-request",
    level="MAY",
    quote="The client MAY gzip the content and in that case MUST include "
    '"Content-Encoding: gzip" request header.',
    on=HTTP,
)
def a_content_encoding_is_read_without_regard_to_case(probe: Probe) -> str:
    """RFC 9110: content codings are case-insensitive, and `identity` means none."""
    for name, body in (("GZIP", payloads.gzipped(probe.ordinary())), ("identity", probe.ordinary())):
        answer = probe.post(body, {"Content-Encoding": name})
        if not answer.accepted:
            raise Failed(f"Content-Encoding: {name}: {answer}")
    return "GZIP and identity were taken"


@clause(
    "otlphttp-response",
    level="MAY",
    quote='If the request header "Accept-Encoding: gzip" is present in the request the server MAY '
    'gzip-encode the response and set "Content-Encoding: gzip" response header.',
    on=HTTP,
)
def gzips_responses_only_on_request(probe: Probe) -> str:
    for body in (probe.ordinary(), b"\xff" * 2000):
        unasked = probe.post(body, {"Accept-Encoding": "identity"})
        if unasked.headers["content-encoding"] not in (None, "identity"):
            raise Failed(f"Content-Encoding: {unasked.headers['content-encoding']} without being asked")
    asked = [probe.post(body, {"Accept-Encoding": "gzip"}) for body in (probe.ordinary(), b"\xff" * 2000)]
    for answer in asked:
        answer.plain_body()
    if not any(answer.headers["content-encoding"] == "gzip" for answer in asked):
        raise Skipped("the server sends short responses without compression")
    return "gzip where asked for, and only there"
