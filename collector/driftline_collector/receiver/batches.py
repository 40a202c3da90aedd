"""Requests of any signal → rows. Independent of how they came: HTTP, gRPC and JSON all end here."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftline_collector.receiver import logs, metrics, spans
from driftline_collector.receiver.alike import Alike
from driftline_collector.receiver.decoded import Decoded
from driftline_collector.receiver.profiles import Edges
from driftline_collector.receiver.ptars_adapter import UndecodableError, check
from driftline_collector.receiver.signals import LOGS, METRICS, Signal


@dataclass(frozen=True, slots=True)
class Read:
    """Some of the bodies given, by their places: their rows, or what is wrong with one of them."""

    bodies: Sequence[int]
    decoded: Decoded | UndecodableError


class Reading:
    """Reads bodies of any kind by the quickest way that is right for them. For one thread."""

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._alike = Alike()

    def read(self, signal: Signal, bodies: Sequence[bytes], received_ns: int) -> list[Read]:
        """What each of these bodies holds; each is in one of the answers."""
        found: list[Read] = []
        alike: Sequence[int] = ()
        if signal is LOGS:
            alike, decoded = self._alike.decode(bodies, received_ns)
            found += [Read(alike, decoded)] if decoded else []
        valid: list[int] = []
        for at in sorted(set(range(len(bodies))) - set(alike)):
            try:
                check(signal, bodies[at])
            except UndecodableError as fault:
                found.append(Read([at], fault))
            else:
                valid.append(at)
        if valid:
            others = [bodies[at] for at in valid]
            found.append(Read(valid, batch_of(signal, others, received_ns, self._edges)))
        return found


def batch_of(signal: Signal, bodies: Sequence[bytes], received_ns: int, edges: Edges) -> Decoded:
    """The rows of bodies that have passed `check`, and what of each request is refused."""
    if signal is LOGS:
        return logs.batch_of(bodies, received_ns)
    if signal is METRICS:
        return metrics.batch_of(bodies, edges)
    return spans.batch_of(bodies, received_ns)
