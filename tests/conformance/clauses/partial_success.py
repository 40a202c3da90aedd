"""Partial success: some records are taken, others are refused for good.

What a server refuses is its own affair. The suite tries records that are invalid by the data model, each with
a good one. For a server that takes them all, name a request that it takes in part: `--partly-rejected`.
"""

from collections.abc import Iterator
from typing import Any

from tests.conformance import payloads
from tests.conformance.answers import Answer
from tests.conformance.probe import Probe
from tests.conformance.registry import GRPC, HTTP, Failed, Skipped, clause

_SAME = "MUST be the same Export<signal>ServiceResponse message as in the Full Success case."
_INITIALIZE = "the server MUST initialize the `partial_success` field"
_COUNT = (
    "it MUST set the respective `rejected_spans`, `rejected_data_points`, `rejected_log_records` "
    "or `rejected_profiles` field"
)
_MESSAGE = (
    "The server SHOULD populate the `error_message` field with a human-readable error message in English."
)
_WARNING = "Servers MAY also use the `partial_success` field to convey warnings/suggestions to clients"
_WARNING_COUNT = "In such cases, the `rejected_<signal>` field MUST have a value of `0`"


@clause(
    "partial-success-1",
    level="MUST",
    quote="If the request is only partially accepted [...], the server MUST respond with `HTTP 200 OK`.",
    on=HTTP,
)
@clause("partial-success", level="MUST", quote=_INITIALIZE, on=GRPC)
@clause("partial-success-1", level="MUST", quote=_INITIALIZE, on=HTTP)
@clause("partial-success", level="MUST", quote=f"the server response {_SAME}", on=GRPC)
@clause("partial-success-1", level="MUST", quote=f"The response body {_SAME}", on=HTTP)
def answers_partial_success_with_the_response_message(probe: Probe) -> str:
    answer, partial = _rejected(probe)
    return f"{answer}; {_shown(partial)}"


@clause("partial-success", level="MUST", quote=_COUNT, on=GRPC)
@clause("partial-success-1", level="MUST", quote=_COUNT, on=HTTP)
def counts_what_it_rejected(probe: Probe) -> str:
    _, partial = _rejected(probe)
    rejected = getattr(partial, payloads.REJECTED[probe.signal])
    if probe.signal not in probe.target.partly_rejected and rejected != 1:
        raise Failed(f"one record was bad, {rejected} are said to be rejected: {_shown(partial)}")
    return _shown(partial)


@clause("partial-success", level="SHOULD", quote=_MESSAGE, on=GRPC)
@clause("partial-success-1", level="SHOULD", quote=_MESSAGE, on=HTTP)
def says_why_it_rejected(probe: Probe) -> str:
    answer, partial = _rejected(probe)
    if not partial.error_message:
        raise Failed(f"no error_message: {answer}")
    return _shown(partial)


@clause("partial-success", level="MUST", quote=_WARNING_COUNT, on=GRPC)
@clause("partial-success-1", level="MUST", quote=_WARNING_COUNT, on=HTTP)
@clause("partial-success", level="MUST", quote="the `error_message` field MUST be non-empty", on=GRPC)
@clause("partial-success-1", level="MUST", quote="the `error_message` field MUST be non-empty", on=HTTP)
@clause("partial-success", level="MAY", quote=_WARNING, on=GRPC)
@clause("partial-success-1", level="MAY", quote=_WARNING, on=HTTP)
def warns_with_a_message_and_no_count(probe: Probe) -> str:
    """Whatever sets `partial_success` without rejecting anything has to say why it does."""
    warnings = []
    for _, partial in _partials(probe):
        if getattr(partial, payloads.REJECTED[probe.signal]) == 0:
            warnings.append(_shown(partial))
            if not partial.error_message:
                raise Failed("partial_success is set and says nothing")
    if not warnings:
        raise Skipped("the server gave no warning")
    return warnings[0]


def _rejected(probe: Probe) -> tuple[Answer, Any]:
    """The first answer that says that something was rejected, with its `partial_success`."""
    for answer, partial in _partials(probe):
        if getattr(partial, payloads.REJECTED[probe.signal]):
            return answer, partial
    raise Skipped("the server took every record that was tried, or refused the whole request")


def _partials(probe: Probe) -> Iterator[tuple[Answer, Any]]:
    for body in _candidates(probe):
        answer = probe.export(body)
        if answer.accepted:
            message = answer.message(payloads.RESPONSES[probe.signal])
            if message.HasField("partial_success"):
                yield answer, getattr(message, "partial_success")  # noqa: B009


def _candidates(probe: Probe) -> Iterator[bytes]:
    """Requests of a good record and a bad one."""
    given = probe.target.partly_rejected.get(probe.signal)
    if given is not None:
        yield probe.encode(payloads.REQUESTS[probe.signal].FromString(given))
    for change in _BAD[probe.signal]:
        request = payloads.ordinary_json(probe.signal)
        bad = payloads.the_record(probe.signal, payloads.ordinary_json(probe.signal))
        _change(bad, change)
        resources, scopes, records = (payloads.json_name(name) for name in payloads.NESTING[probe.signal])
        request[resources][0][scopes][0][records].append(bad)
        yield probe.encode(payloads.from_json(probe.signal, request))


def _change(record: dict[str, Any], change: dict[str, Any]) -> None:
    """Set fields by path: {"sum.dataPoints.0.timeUnixNano": "0"}."""
    for path, value in change.items():
        *way, last = path.split(".")
        place: Any = record
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        place[last] = value


_BAD: dict[str, list[dict[str, Any]]] = {
    "traces": [
        # "An ID with all zeroes OR of length other than 16 bytes is considered invalid"
        {"traceId": "", "spanId": ""},
        {"traceId": "00" * 16},
        {"spanId": "0102"},
    ],
    "metrics": [
        {"sum.dataPoints.0.timeUnixNano": "0"},  # "SHOULD be rejected by consumers"
        {"sum.aggregationTemporality": 0},  # "UNSPECIFIED … MUST not be used"
    ],
    "logs": [
        {"timeUnixNano": str(2**63 - 1), "observedTimeUnixNano": str(2**63 - 1)},  # the year 2262
        {"timeUnixNano": str(2**64 - 1), "observedTimeUnixNano": str(2**64 - 1)},
    ],
}


def _shown(partial: Any) -> str:
    return " ".join(str(partial).split()) or "partial_success without content"
