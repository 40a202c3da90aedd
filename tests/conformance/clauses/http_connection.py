"""Connections: their ports, kept alive, many at once, shared with gRPC, and opened by web pages."""

from urllib.parse import urlsplit

from tests.conformance.answers import HttpAnswer, NoAnswer
from tests.conformance.client_grpc import GrpcClient
from tests.conformance.probe import Probe
from tests.conformance.registry import GRPC, HTTP, ONE_SIGNAL, PROTOBUF, Failed, Skipped, clause

_PARALLEL = "the client MAY send requests using several parallel HTTP connections"
_KEEP = "The client SHOULD keep the connection alive between requests."
_OTHERS = (
    "All other HTTP responses that are not explicitly listed in this document should be treated according to "
    "HTTP specifications."
)


@clause(
    "otlpgrpc-default-port",
    level="MUST",
    quote="The default network port for OTLP/gRPC is 4317.",
    on=GRPC,
    signals=ONE_SIGNAL,
)
@clause(
    "otlphttp-default-port",
    level="MUST",
    quote="The default network port for OTLP/HTTP is 4318.",
    on=HTTP,
    signals=ONE_SIGNAL,
)
def listens_on_the_default_port(probe: Probe) -> str:
    endpoint = probe.target.endpoint(probe.transport) or ""
    port = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").port
    if port != (4317 if probe.transport == "grpc" else 4318):
        raise Skipped(f"the server was started on port {port}: start it with its defaults")
    answer = probe.export(probe.ordinary())
    if not answer.accepted:
        raise Failed(str(answer))
    return f"port {port}: {answer}"


@clause("otlphttp-connection", level="SHOULD", quote=_KEEP, on=HTTP)
def takes_many_requests_on_one_connection(probe: Probe) -> str:
    with probe.connect() as connection:
        for number in range(5):
            answer = probe.post(probe.ordinary(), connection=connection)
            if not answer.accepted:
                raise Failed(f"request {number + 1}: {answer}")
    return "5 requests on one connection"


@clause("otlphttp-connection", level="SHOULD", quote=_KEEP, on=HTTP)
def keeps_the_connection_in_step_after_an_error(probe: Probe) -> str:
    """Either the next request on the connection is understood, or the server announced that it closes."""
    with probe.connect() as connection:
        refused = probe.post(b"\xff" * 40, connection=connection)
        if (refused.headers["connection"] or "").lower() == "close":
            return f"closed, as announced: {refused}"
        answer = probe.post(probe.ordinary(), connection=connection)
        if not answer.accepted:
            raise Failed(f"after {refused}: {answer}")
    return str(answer)


@clause("otlphttp-concurrent-requests", level="SHOULD", quote=_PARALLEL, on=HTTP)
def answers_parallel_connections(probe: Probe) -> str:
    answers = probe.export_at_once(probe.ordinary(), 16)
    failed = [answer for answer in answers if not answer.accepted and not answer.refused_for_load]
    if failed:
        raise Failed(f"{len(failed)} of 16 failed: {failed[0]}")
    return f"{sum(answer.accepted for answer in answers)} of 16 taken, the rest refused for load"


@clause("otlphttp-concurrent-requests", level="SHOULD", quote=_PARALLEL, on=HTTP)
def is_not_held_up_by_a_slow_connection(probe: Probe) -> str:
    body = probe.ordinary()
    with probe.connect() as slow:
        slow.start("POST", probe.path, probe.headers({"Content-Length": str(len(body))}))
        slow.write(body[:10])
        other = probe.post(body)
        if not other.accepted:
            raise Failed(f"while another connection was half-way through its request: {other}")
        slow.write(body[10:])
        answer = slow.receive()
    if not answer.accepted:
        raise Failed(f"the slow one: {answer}")
    return f"both taken: {answer}"


@clause("all-other-responses", level="SHOULD", quote=_OTHERS, on=HTTP, signals=ONE_SIGNAL)
def lives_on_when_clients_hang_up_half_way(probe: Probe) -> str:
    body = probe.ordinary()
    for _ in range(5):
        with probe.connect() as connection:
            connection.start("POST", probe.path, probe.headers({"Content-Length": str(len(body))}))
            connection.write(body[:10])
    answer = probe.post(body)
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


@clause(
    "otlphttp",
    level="SHOULD",
    quote="Implementations that use HTTP/2 transport SHOULD fallback to HTTP/1.1 transport if HTTP/2 "
    "connection cannot be established.",
    on=HTTP,
    signals=ONE_SIGNAL,
)
def speaks_http_1_1(probe: Probe) -> str:
    answer = probe.post(probe.ordinary())
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


@clause(
    "otlphttp",
    level="MAY",
    quote="Implementations MAY use HTTP/1.1 or HTTP/2 transports.",
    on=PROTOBUF,
    signals=ONE_SIGNAL,
)
def speaks_http_2_without_negotiation(probe: Probe) -> str:
    """The preface with empty SETTINGS is answered by a SETTINGS frame (RFC 9113, 3.4)."""
    with probe.connect() as connection:
        connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        head = connection.read_some(9)
    if len(head) < 9 or head[3] != 4:
        raise Skipped(f"not offered: {head!r}")
    return "SETTINGS in answer to the preface"


@clause(
    "otlphttp-connection",
    level="MAY",
    quote="Server implementations MAY accept OTLP/gRPC and OTLP/HTTP requests on the same port",
    on=PROTOBUF,
)
def takes_grpc_on_the_port_of_http(probe: Probe) -> str:
    endpoint = probe.target.http or ""
    try:
        with GrpcClient(endpoint.rstrip("/"), probe.target.timeout, probe.target.headers) as client:
            answer = client.export(probe.signal, probe.ordinary())
    except NoAnswer as error:
        raise Skipped(f"not offered: {error}") from error
    if answer.code in ("UNAVAILABLE", "UNIMPLEMENTED", "UNKNOWN", "INTERNAL"):
        raise Skipped(f"not offered: {answer}")
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


@clause("all-other-responses", level="MAY", quote=_OTHERS, on=HTTP)
def lets_web_pages_in_by_cors(probe: Probe) -> str:
    """Fetch's CORS protocol: the preflight, then the header on answers too, successes and failures."""
    origin = probe.target.origin
    if origin is None:
        raise Skipped("name an origin that the server was told to let in (--origin)")
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,content-encoding",
    }
    preflight = probe.post(b"", asked, method="OPTIONS")
    if not 200 <= preflight.code <= 299:
        raise Failed(f"preflight: {preflight}")
    _lets_in(preflight, origin, "preflight")
    methods = _listed(preflight, "access-control-allow-methods")
    headers = _listed(preflight, "access-control-allow-headers")
    if not methods & {"post", "*"}:
        raise Failed(f"preflight does not allow POST: {sorted(methods)}")
    if "*" not in headers and not {"content-type", "content-encoding"} <= headers:
        raise Failed(f"preflight does not allow Content-Type and Content-Encoding: {sorted(headers)}")
    for name, body in (("success", probe.ordinary()), ("failure", b"\xff" * 40)):
        _lets_in(probe.post(body, {"Origin": origin}), origin, name)
    stranger = probe.post(probe.ordinary(), {"Origin": "https://stranger.invalid"})
    if stranger.headers["access-control-allow-origin"] == "https://stranger.invalid":
        raise Failed("lets any origin in by repeating it")
    return f"let {origin} in"


def _lets_in(answer: HttpAnswer, origin: str, what: str) -> None:
    allowed = answer.headers["access-control-allow-origin"]
    if allowed not in (origin, "*"):
        raise Failed(f"{what}: Access-Control-Allow-Origin: {allowed}")
    if allowed != "*" and "origin" not in _listed(answer, "vary"):
        raise Failed(f"{what}: Access-Control-Allow-Origin depends on Origin, but Vary does not say so")


def _listed(answer: HttpAnswer, header: str) -> set[str]:
    return {item.strip().lower() for item in (answer.headers[header] or "").split(",")}
