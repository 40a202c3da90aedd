"""HTTP requests: paths, methods, content types, and bodies as HTTP lets them come."""

from tests.conformance import payloads
from tests.conformance.probe import Probe
from tests.conformance.registry import (
    ALL_SIGNALS,
    HTTP,
    ONE_SIGNAL,
    PROTOBUF,
    Failed,
    Skipped,
    clause,
)

_OTHERS = (
    "All other HTTP responses that are not explicitly listed in this document should be treated according to "
    "HTTP specifications."
)
_POST = "OTLP/HTTP uses HTTP POST requests to send telemetry data from clients to servers."


@clause("otlphttp", level="MUST", quote=_POST, on=HTTP, asks_if_served=True)
@clause(
    "otlphttp-request",
    level="MUST",
    quote="The default URL path for requests that carry trace data is `/v1/traces`",
    on=HTTP,
    signals=("traces",),
    asks_if_served=True,
)
@clause(
    "otlphttp-request",
    level="MUST",
    quote="The default URL path for requests that carry metric data is `/v1/metrics`",
    on=HTTP,
    signals=("metrics",),
    asks_if_served=True,
)
@clause(
    "otlphttp-request",
    level="MUST",
    quote="The default URL path for requests that carry log data is `/v1/logs`",
    on=HTTP,
    signals=("logs",),
    asks_if_served=True,
)
def serves_the_default_path_by_post(probe: Probe) -> str:
    answer = probe.post(probe.ordinary())
    if answer.code in (404, 405):
        raise Failed(f"{probe.path}: {answer}")
    return str(answer)


@clause(
    "otlphttp-request",
    level="MAY",
    quote="The default URL path for requests that carry profiling data is `/v1development/profiles`",
    on=HTTP,
    signals=ONE_SIGNAL,
)
def serves_profiles(probe: Probe) -> str:
    """The signal is in development, so no server has to."""
    empty = b"{}" if probe.transport == "http/json" else b""
    answer = probe.post(empty, path="/v1development/profiles")
    if answer.code == 404:
        raise Skipped(f"not offered: {answer}")
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


@clause(
    "otlphttp-connection",
    level="SHOULD",
    quote="Server implementations SHOULD accept OTLP/HTTP with binary-encoded Protobuf payload and OTLP/HTTP "
    "with JSON-encoded Protobuf payload requests on the same port and multiplex the requests to the "
    'corresponding payload decoder based on the "Content-Type" request header.',
    on=HTTP,
    asks_if_served=True,
)
def takes_both_encodings_on_one_port(probe: Probe) -> str:
    answer = probe.post(probe.ordinary())
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


@clause("all-other-responses", level="SHOULD", quote=_OTHERS, on=HTTP)
def reads_the_content_type_as_http_does(probe: Probe) -> str:
    """RFC 9110: media types are case-insensitive and may have parameters."""
    for spelled in (f"{probe.media_type}; charset=utf-8", probe.media_type.upper()):
        answer = probe.post(probe.ordinary(), {"Content-Type": spelled})
        if not answer.accepted:
            raise Failed(f"{spelled}: {answer}")
    return str(answer)


@clause("all-other-responses", level="SHOULD", quote=_OTHERS, on=PROTOBUF)
def refuses_other_content_types_with_415(probe: Probe) -> str:
    for media_type in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
        answer = probe.post(probe.ordinary(), {"Content-Type": media_type})
        if answer.code != 415:
            raise Failed(f"{media_type}: {answer}")
    return str(answer)


@clause("all-other-responses", level="SHOULD", quote=_OTHERS, on=HTTP)
def refuses_other_content_codings_with_415(probe: Probe) -> str:
    """RFC 9110, 8.4: a server that does not know a content coding answers 415. Never is it to be guessed."""
    answer = probe.post(probe.ordinary(), {"Content-Encoding": "rot13"})
    if answer.code != 415:
        raise Failed(f"Content-Encoding: rot13: {answer}")
    return str(answer)


@clause("all-other-responses", level="SHOULD", quote=_OTHERS, on=PROTOBUF)
def refuses_other_methods_with_405(probe: Probe) -> str:
    """RFC 9110, 15.5.6: with an Allow header that names what is allowed."""
    for method in ("GET", "PUT", "DELETE"):
        answer = probe.post(b"", method=method)
        if answer.code != 405:
            raise Failed(f"{method}: {answer}")
        if "POST" not in (answer.headers["allow"] or ""):
            raise Failed(f"{method}: 405 without an Allow header that names POST")
    return f"{answer}, Allow: {answer.headers['allow']}"


@clause("all-other-responses", level="SHOULD", quote=_OTHERS, on=HTTP, signals=ONE_SIGNAL)
def answers_unknown_paths_with_404(probe: Probe) -> str:
    for path in ("/v1/nothing", "/v1/traces/more", "/"):
        answer = probe.post(probe.ordinary(), path=path)
        if answer.code not in (404, 405) or (answer.code == 405 and path != "/"):
            raise Failed(f"{path}: {answer}")
    return str(answer)


@clause("otlphttp", level="MUST", quote=_POST, on=HTTP)
def takes_a_body_in_chunks_without_a_length(probe: Probe) -> str:
    """RFC 9112, 7.1: "A recipient MUST be able to parse and decode the chunked transfer coding."."""
    plain = probe.post(probe.ordinary(), chunked=True)
    if not plain.accepted:
        raise Failed(str(plain))
    packed = probe.post(payloads.gzipped(probe.ordinary()), {"Content-Encoding": "gzip"}, chunked=True)
    if not packed.accepted:
        raise Failed(f"gzip: {packed}")
    return f"{plain}; the same in gzip"


@clause("otlphttp", level="MUST", quote=_POST, on=HTTP)
def reads_all_chunks_of_a_body(probe: Probe) -> str:
    """A server that took no chunk, or only the first, would take these noisy ones for an empty request."""
    body = probe.ordinary()
    answer = probe.post(
        body + b"\xff" * 20 if probe.transport == "http/protobuf" else body + b"}", chunked=True
    )
    if answer.code != 400:
        raise Failed(f"did not see the noise at the end: {answer}")
    return str(answer)


@clause("all-other-responses", level="SHOULD", quote=_OTHERS, on=HTTP, signals=ONE_SIGNAL)
def answers_a_request_without_length_and_chunks(probe: Probe) -> str:
    """RFC 9112, 6.3: its body is empty; a server may also ask for a length (411). It must not wait."""
    answer = probe.post(b"", with_length=False)
    if answer.code not in (200, 400, 411):
        raise Failed(str(answer))
    return str(answer)


@clause("all-other-responses", level="SHOULD", quote=_OTHERS, on=HTTP, signals=ALL_SIGNALS)
def answers_expect_100_continue(probe: Probe) -> str:
    """RFC 9110, 10.1.1: what curl sends with a large body. 100, or at once the final answer."""
    body = probe.ordinary()
    headers = probe.headers({"Expect": "100-continue", "Content-Length": str(len(body))})
    probe.sent = probe.describe("POST", probe.path, headers, b"")
    with probe.connect() as connection:
        connection.start("POST", probe.path, headers)
        interim = connection.read_some(len(b"HTTP/1.1 100"))
        if interim[-3:] != b"100":
            raise Failed(f"no 100 Continue within {probe.target.timeout:g} s: {interim!r}")
        while not interim.endswith(b"\r\n\r\n"):
            more = connection.read_some(1)
            if not more:
                raise Failed(f"an interim response that does not end: {interim!r}")
            interim += more
        connection.write(body)
        answer = connection.receive()
    if not answer.accepted:
        raise Failed(str(answer))
    return f"100, then {answer}"
