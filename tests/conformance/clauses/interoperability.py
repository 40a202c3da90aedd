"""Clients of other versions."""

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


def _taken(answer: Answer, what: str) -> None:
    if not answer.accepted:
        raise Failed(f"{what}: {answer}")
