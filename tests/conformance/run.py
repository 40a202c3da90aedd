"""Puts every clause to a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from tests.conformance.answers import Answer, GrpcAnswer, HttpAnswer
from tests.conformance.payloads import REQUESTS
from tests.conformance.probe import Probe, Target
from tests.conformance.registry import (
    ALL_SIGNALS,
    TRANSPORTS,
    CannotRunError,
    Clause,
    Failed,
    SignalName,
    Skipped,
    Transport,
    clauses,
)

Outcome = Literal["pass", "fail", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one clause over one transport with one signal. `sent` is the last request of a failure."""

    clause: Clause
    transport: Transport
    signal: SignalName
    outcome: Outcome
    seen: str
    sent: str = ""

    @property
    def breaks_conformance(self) -> bool:
        return self.outcome == "fail" and self.clause.level == "MUST"


def run(
    target: Target,
    *,
    transports: tuple[Transport, ...] = TRANSPORTS,
    signals: tuple[SignalName, ...] = ALL_SIGNALS,
    wanted: Callable[[Clause], bool] = lambda clause: True,
) -> Iterator[Result]:
    """Check all wanted clauses in the order of the specification. Raises CannotRunError at first."""
    absent = {
        (transport, signal): _why_not_served(target, transport, signal)
        for transport in transports
        for signal in signals
    }
    for clause in clauses():
        if not wanted(clause):
            continue
        for transport in (t for t in clause.on if t in transports):
            for signal in (s for s in clause.signals if s in signals):
                why = absent[transport, signal]
                if why and (target.endpoint(transport) is None or not clause.asks_if_served):
                    yield Result(clause=clause, transport=transport, signal=signal, outcome="skip", seen=why)
                else:
                    yield _check(clause, Probe(target, transport, signal))


def _check(clause: Clause, probe: Probe) -> Result:
    outcome: Outcome
    sent = ""
    try:
        outcome, seen = "pass", clause.check(probe)
    except Failed as failure:
        outcome, seen, sent = "fail", str(failure), probe.sent
    except Skipped as skipped:
        outcome, seen = "skip", str(skipped)
    return Result(
        clause=clause, transport=probe.transport, signal=probe.signal, outcome=outcome, seen=seen, sent=sent
    )


def _why_not_served(target: Target, transport: Transport, signal: SignalName) -> str | None:
    """Why a transport or a signal is not to be tested; None where it is."""
    if target.endpoint(transport) is None:
        return "no endpoint was given for it"
    probe = Probe(target, transport, signal)
    try:
        answer = probe.export(probe.encode(REQUESTS[signal]()))
    except Failed as failure:
        raise CannotRunError(
            f"{target.endpoint(transport)} gives no answer to an empty {transport} request: {failure}. "
            "Start the server, or give the address at which it listens."
        ) from failure
    return f"not served: {answer}" if _says_not_here(answer) else None


def _says_not_here(answer: Answer) -> bool:
    if isinstance(answer, HttpAnswer):
        return answer.code in (404, 415)
    return isinstance(answer, GrpcAnswer) and answer.code == "UNIMPLEMENTED"
