"""Requests of any signal → rows. Independent of how they came: HTTP, gRPC and JSON all end here."""

from collections.abc import Sequence

from driftline_collector.receiver import logs, metrics, spans
from driftline_collector.receiver.decoded import Decoded
from driftline_collector.receiver.profiles import Edges
from driftline_collector.receiver.signals import LOGS, METRICS, Signal


def batch_of(signal: Signal, bodies: Sequence[bytes], received_ns: int, edges: Edges) -> Decoded:
    """The rows of bodies that have passed `check`, and what of each request is refused."""
    if signal is LOGS:
        return logs.batch_of(bodies, received_ns)
    if signal is METRICS:
        return metrics.batch_of(bodies, edges)
    return spans.batch_of(bodies, received_ns)
