"""What a clause of the specification is here, and the list of all that the suite knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.conformance.probe import Probe

SPECIFICATION = "https://opentelemetry.io/docs/specs/otlp/"
DATA_MODEL = "https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/"
SPECIFICATION_VERSION = "1.11.0"

Level = Literal["MUST", "SHOULD", "MAY"]
LEVELS: tuple[Level, ...] = ("MUST", "SHOULD", "MAY")
Transport = Literal["http/protobuf", "http/json", "grpc"]
SignalName = Literal["traces", "metrics", "logs"]
Check = Callable[["Probe"], str]

PROTOBUF: tuple[Transport, ...] = ("http/protobuf",)
JSON: tuple[Transport, ...] = ("http/json",)
HTTP: tuple[Transport, ...] = ("http/protobuf", "http/json")
GRPC: tuple[Transport, ...] = ("grpc",)
TRANSPORTS: tuple[Transport, ...] = ("http/protobuf", "http/json", "grpc")

ALL_SIGNALS: tuple[SignalName, ...] = ("traces", "metrics", "logs")
ONE_SIGNAL: tuple[SignalName, ...] = ("traces",)  # for what belongs to the connection, whatever it carries

# Anchor in the published specification → its heading, in the order of the document.
SECTIONS = {
    "protocol-details": "Protocol Details",
    "otlpgrpc-request": "OTLP/gRPC Request",
    "otlpgrpc-concurrent-requests": "OTLP/gRPC Concurrent Requests",
    "otlpgrpc-response": "OTLP/gRPC Response",
    "full-success": "OTLP/gRPC Response: Full Success",
    "partial-success": "OTLP/gRPC Response: Partial Success",
    "failures": "OTLP/gRPC Response: Failures",
    "otlpgrpc-throttling": "OTLP/gRPC Throttling",
    "otlpgrpc-service-and-protobuf-definitions": "OTLP/gRPC Service and Protobuf Definitions",
    "otlpgrpc-default-port": "OTLP/gRPC Default Port",
    "otlphttp": "OTLP/HTTP",
    "binary-protobuf-encoding": "OTLP/HTTP: Binary Protobuf Encoding",
    "json-protobuf-encoding": "OTLP/HTTP: JSON Protobuf Encoding",
    "otlphttp-request": "OTLP/HTTP Request",
    "otlphttp-response": "OTLP/HTTP Response",
    "full-success-1": "OTLP/HTTP Response: Full Success",
    "partial-success-1": "OTLP/HTTP Response: Partial Success",
    "failures-1": "OTLP/HTTP Response: Failures",
    "bad-data": "OTLP/HTTP Response: Bad Data",
    "otlphttp-throttling": "OTLP/HTTP Throttling",
    "all-other-responses": "OTLP/HTTP Response: All Other Responses",
    "otlphttp-connection": "OTLP/HTTP Connection",
    "otlphttp-concurrent-requests": "OTLP/HTTP Concurrent Requests",
    "otlphttp-default-port": "OTLP/HTTP Default Port",
    "empty-telemetry-envelopes": "Empty Telemetry Envelopes",
    "duplicate-data": "Duplicate Data",
    "future-versions-and-interoperability": "Future Versions and Interoperability",
    "common.proto": "Data model: common.proto",
    "trace.proto": "Data model: trace.proto",
    "metrics.proto": "Data model: metrics.proto",
    "logs.proto": "Data model: logs.proto",
}


class Failed(Exception):  # noqa: N818  an outcome, as a test runner has it
    """The server did not do what the clause asks for; the text says what was seen."""


class Skipped(Exception):  # noqa: N818
    """The clause could not be put to the test; the text says why."""


class CannotRunError(Exception):
    """The suite cannot do what it was asked to; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One demand of the specification with the check that puts it to a server.

    `asks_if_served` marks the checks that run even where their transport or signal is not served,
    because they are the ones that say so.
    """

    anchor: str
    level: Level
    quote: str
    check: Check
    on: tuple[Transport, ...]
    signals: tuple[SignalName, ...]
    asks_if_served: bool

    @property
    def section(self) -> str:
        return SECTIONS[self.anchor]

    @property
    def title(self) -> str:
        return self.check.__name__.replace("_", " ")

    @property
    def url(self) -> str:
        if self.anchor.endswith(".proto"):
            return f"{DATA_MODEL}{self.anchor.removesuffix('.proto')}/v1/{self.anchor}"
        return f"{SPECIFICATION}#{self.anchor}"


_CLAUSES: list[Clause] = []


def clause(
    anchor: str,
    *,
    level: Level,
    quote: str,
    on: tuple[Transport, ...],
    signals: tuple[SignalName, ...] = ALL_SIGNALS,
    asks_if_served: bool = False,
) -> Callable[[Check], Check]:
    """Register a check for the clause under `anchor` of the specification.

    The check returns what was seen when the clause holds, raises Failed with what was seen when it does not,
    and Skipped with the reason where it cannot tell. One check may answer for several clauses (gRPC and HTTP
    say many things twice): decorate it once for each.
    """
    if anchor not in SECTIONS:
        raise ValueError(f"no section {anchor!r} in SECTIONS; use an anchor of {SPECIFICATION}")

    def register(check: Check) -> Check:
        _CLAUSES.append(
            Clause(
                anchor=anchor,
                level=level,
                quote=quote,
                check=check,
                on=on,
                signals=signals,
                asks_if_served=asks_if_served,
            )
        )
        return check

    return register


def clauses() -> Iterable[Clause]:
    """All registered clauses in the order of the specification's sections, within each the MUSTs first."""
    import tests.conformance.clauses  # noqa: F401  importing registers; here because the checks import us

    order = {anchor: position for position, anchor in enumerate(SECTIONS)}
    return sorted(_CLAUSES, key=lambda each: (order[each.anchor], LEVELS.index(each.level)))
