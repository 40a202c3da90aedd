"""What the API speaks for, handed to it by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from driftline_schemas.segments import Segment

from driftline_collector.store.base import Store

#: Accuracy, agreement and the like of a segment in [start, end) ns, one mapping for each version and measure.
Performance = Callable[[Segment, int, int], Sequence[Mapping[str, Any]]]


def _nothing() -> None:
    """Nobody listens."""


def _no_counts() -> Mapping[str, int]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`now` gives ns since the epoch; `counts` is what the receiver and the scheduler have counted so far."""

    store: Store
    now: Callable[[], int]
    notifiers: Sequence[str] = ()
    link_base: str = ""
    counts: Callable[[], Mapping[str, int]] = _no_counts
    performance: Performance | None = None
    reference_registered: Callable[[], None] = _nothing
    notification_queued: Callable[[], None] = _nothing
    ready: Callable[[], bool] = field(default=lambda: True)
