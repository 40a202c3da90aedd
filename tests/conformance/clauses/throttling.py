"""Backpressure: what a server says when it has too much to do.

A burst of requests is tried; a server that takes it all shows nothing. To see these clauses, let a second one
run that is easily overloaded (with a queue of one, say): `--overloaded` and `--overloaded-grpc` name it.
"""

import dataclasses
import email.utils
from collections.abc import Sequence

from google.rpc.error_details_pb2 import RetryInfo

from tests.conformance.answers import Answer, HttpAnswer
from tests.conformance.probe import Probe
from tests.conformance.registry import GRPC, HTTP, Failed, Skipped, clause

_UNAVAILABLE = "the server SHOULD return an error with code Unavailable"


@clause(
    "otlpgrpc-throttling",
    level="SHOULD",
    quote="If the server is unable to keep up with the pace of data it receives from the client then it "
    "SHOULD signal that fact to the client.",
    on=GRPC,
)
@clause("otlpgrpc-throttling", level="SHOULD", quote=_UNAVAILABLE, on=GRPC)
@clause(
    "failures",
    level="SHOULD",
    quote="The server SHOULD indicate retryable errors using code Unavailable",
    on=GRPC,
)
@clause(
    "otlphttp-throttling",
    level="SHOULD",
    quote="If the server receives more requests than the client is allowed or the server is overloaded, the "
    "server SHOULD respond with `HTTP 429 Too Many Requests` or `HTTP 503 Service Unavailable`",
    on=HTTP,
)
def says_that_it_has_too_much_to_do(probe: Probe) -> str:
    """Whatever is refused in a burst of good requests is refused for load, and may come again."""
    refused = _refused(probe)
    for answer in refused:
        if not answer.refused_for_load:
            raise Failed(str(answer))
    return f"{len(refused)} refused: {refused[0]}"


@clause(
    "otlpgrpc-throttling",
    level="MAY",
    quote="MAY supply additional details via status using RetryInfo",
    on=GRPC,
)
@clause("failures", level="MAY", quote="MAY supply additional details via status using RetryInfo", on=GRPC)
@clause(
    "otlpgrpc-throttling",
    level="SHOULD",
    quote="The server SHOULD choose a `retry_delay` value that is big enough to give the server time to "
    "recover yet is not too big to cause the client to drop data while being throttled.",
    on=GRPC,
)
def says_by_retry_info_when_to_come_again(probe: Probe) -> str:
    """Exporters give up after 10 s by default: a longer delay makes them drop the data."""
    answer = _refused(probe)[0]
    info = answer.detail(RetryInfo)
    if not isinstance(info, RetryInfo):
        raise Skipped(f"not used: {answer}")
    seconds = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
    if not 0 < seconds <= 10:
        raise Failed(f"retry_delay of {seconds:g} s: {answer}")
    return f"retry_delay of {seconds:g} s"


@clause(
    "otlphttp-throttling",
    level="MAY",
    quote='MAY include "Retry-After" header to indicate how long the client ought to wait before retrying.',
    on=HTTP,
)
def says_by_retry_after_when_to_come_again(probe: Probe) -> str:
    """ "The value can be either an HTTP-date or a number of seconds"."""
    answer = _refused(probe)[0]
    value = answer.headers["retry-after"] if isinstance(answer, HttpAnswer) else None
    if value is None:
        raise Skipped(f"not used: {answer}")
    if not value.strip().isdecimal():
        try:
            email.utils.parsedate_to_datetime(value)
        except ValueError as error:
            raise Failed(f"Retry-After: {value!r} is neither seconds nor a date") from error
    return f"Retry-After: {value}"


@clause(
    "failures-1",
    level="MUST",
    quote="The response body for all `HTTP 4xx` and `HTTP 5xx` responses MUST be a Protobuf-encoded Status "
    "message that describes the problem.",
    on=HTTP,
)
def describes_overload_by_a_status_message(probe: Probe) -> str:
    answer = _refused(probe)[0]
    if isinstance(answer, HttpAnswer) and answer.media_type != probe.media_type:
        raise Failed(f"not in the request's encoding: {answer}")
    return answer.status().message or "a Status without a message"


def _refused(probe: Probe) -> Sequence[Answer]:
    """Answers to good requests that were not taken. Raises Skipped where all were taken."""
    over = probe.target.overloaded_grpc if probe.transport == "grpc" else probe.target.overloaded
    if over is not None:
        probe.target = dataclasses.replace(probe.target, http=over, grpc=over)
    answers = probe.export_at_once(probe.ordinary(), probe.target.burst)
    refused = [answer for answer in answers if not answer.accepted]
    if not refused:
        raise Skipped(
            f"a burst of {len(answers)} requests was taken; let it be larger (--burst), "
            "or name a server that is easily overloaded (--overloaded, --overloaded-grpc)"
        )
    return refused
