"""gRPC: the three services, calls in parallel, metadata."""

from tests.conformance.client_grpc import METHODS
from tests.conformance.probe import Probe
from tests.conformance.registry import GRPC, Failed, clause


@clause(
    "otlpgrpc-service-and-protobuf-definitions",
    level="MUST",
    quote="gRPC service definitions are here.",
    on=GRPC,
    asks_if_served=True,
)
def serves_export_by_its_full_name(probe: Probe) -> str:
    answer = probe.call(probe.ordinary())
    if not answer.accepted:
        raise Failed(f"{METHODS[probe.signal]}: {answer}")
    return str(answer)


@clause(
    "otlpgrpc-concurrent-requests",
    level="SHOULD",
    quote="The implementations that need to achieve high throughput SHOULD support concurrent Unary calls "
    "to achieve higher throughput.",
    on=GRPC,
)
def answers_concurrent_calls_on_one_connection(probe: Probe) -> str:
    answers = probe.export_at_once(probe.ordinary(), 16)
    failed = [answer for answer in answers if not answer.accepted and not answer.refused_for_load]
    if failed:
        raise Failed(f"{len(failed)} of 16 failed: {failed[0]}")
    return f"{sum(answer.accepted for answer in answers)} of 16 taken, the rest refused for load"


@clause(
    "failures",
    level="SHOULD",
    quote="Non-retryable errors indicate that telemetry data processing failed",
    on=GRPC,
)
@clause(
    "failures",
    level="MAY",
    quote="The server MAY use other gRPC codes to indicate retryable and non-retryable errors "
    "if those other gRPC codes are more appropriate for a particular erroneous situation.",
    on=GRPC,
)
def answers_bad_data_with_a_code_that_is_not_retried(probe: Probe) -> str:
    """By the table of codes; RESOURCE_EXHAUSTED is not retried unless RetryInfo comes along."""
    answer = probe.call(b"\xff" * 40)
    if answer.code in ("OK", *_RETRIED) or answer.refused_for_load:
        raise Failed(str(answer))
    return str(answer)


@clause(
    "otlpgrpc-service-and-protobuf-definitions",
    level="SHOULD",
    quote="gRPC service definitions are here.",
    on=GRPC,
)
def ignores_metadata_that_it_does_not_know(probe: Probe) -> str:
    metadata: list[tuple[str, str | bytes]] = [
        ("x-later", "v"),
        ("x-later", "again"),
        ("x-later-bin", b"\x00\xff"),
    ]
    answer = probe.call(probe.ordinary(), metadata=metadata)
    if not answer.accepted:
        raise Failed(str(answer))
    return str(answer)


_RETRIED = ("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS")
